import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

from helpers.analysis.variational import kl_per_dimension, mean_correlation, vae_scores

RANDOM = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (40, 1, 2, 2), generator=RANDOM, dtype=torch.uint8)


class Two(nn.Module):
    """Its code has two pixels, of which the second counts as a constant."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.0, 0.0]))

    def encode(self, x):
        return Normal(x.flatten(1)[:, :2] * self.scale + 1e-3 * x.flatten(1)[:, 2:], 1.0)

    def decode(self, z):
        return 3 * z[:, :1, None, None].expand(-1, 1, 2, 2)


def loss(model, x):
    return {"loss": x.mean(), "nll": 2 * x.mean(), "kl": 3 * x.mean()}


def test_a_vae_is_scored_on_the_test_images_and_its_units_on_the_training_images():
    images, found = vae_scores(Two(), loss, IMAGES, IMAGES[:8])
    unit = IMAGES[:8] / 255
    assert images.shape == (8, 1, 2, 2) and images.max() == 1  # clipped
    assert torch.allclose(images[:, 0, 0, 0], (3 * unit[:, 0, 0, 0]).clamp(max=1), atol=0.01)
    assert found["kl"] == pytest.approx(3 * unit.mean().item())
    assert found["neg_elbo"] == pytest.approx(5 * unit.mean().item())
    assert found["bits_per_dim"] == pytest.approx(unit.mean().item() / np.log(2) + 8)
    assert found["active_units"] == 1


def test_the_divergence_of_each_dimension_is_that_of_the_formula():
    means = Two().encode(IMAGES / 255).mean.detach()
    expected = (means**2 / 2).mean(0).numpy()
    assert kl_per_dimension(Two(), IMAGES) == pytest.approx(expected, abs=1e-6)


def test_correlation_is_between_different_dimensions():
    one = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    assert mean_correlation(torch.cat([one, -one], dim=1)) == pytest.approx(1)
    assert mean_correlation(one) == 0
    assert mean_correlation(torch.cat([one, torch.zeros(500, 2)], dim=1)) == 0
    apart = torch.randn(5000, 4, generator=torch.Generator().manual_seed(1))
    assert mean_correlation(apart) < 0.05
