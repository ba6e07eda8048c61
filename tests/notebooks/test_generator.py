"""The models and losses of face_generator.ipynb, on small slices."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from helpers.data.tensors import to_unit
from helpers.notebooks import definitions

LATENT_DIM, WIDTH = 12, 4


@pytest.fixture(scope="module")
def notebook():
    return definitions("face_generator")


@pytest.fixture(scope="module")
def correlated():
    rng = torch.Generator().manual_seed(1)
    return 1 + torch.randn(4000, 3, generator=rng) @ torch.randn(3, 3, generator=rng)


@pytest.fixture
def sharp(notebook, pca):
    torch.manual_seed(0)
    model = notebook.SharpAutoencoder(LATENT_DIM, WIDTH, "pca")
    model.autoencoder.base.start_from_pca(pca)
    torch.nn.init.normal_(model.autoencoder.refinement.output.weight, std=0.01)
    return model.eval()


@pytest.fixture
def generator(notebook, pca):
    torch.manual_seed(0)
    model = notebook.FaceGenerator(LATENT_DIM, 16, 1, WIDTH, "pca").eval()
    model.decoder.autoencoder.base.start_from_pca(pca)
    torch.nn.init.normal_(model.velocity.last.weight, std=0.1)
    return model


@torch.no_grad()
def test_the_untrained_velocity_carries_noise_to_the_gaussian_of_the_codes(notebook, correlated):
    velocity = notebook.Velocity(3, 0, 8, 1).start_at_gaussian(correlated)
    root = torch.linalg.cholesky(correlated.T.cov())
    z = torch.randn(4000, 3, generator=torch.Generator().manual_seed(2))
    z = (z - z.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(z.T.cov())).T
    for step in range(200):
        t = torch.full((len(z), 1), (step + 0.5) / 200)
        z = z + velocity(z, t, torch.zeros(len(z), 0)) / 200
    torch.testing.assert_close(z.mean(0), correlated.mean(0), atol=0.02, rtol=0)
    torch.testing.assert_close(z.T.cov(), root @ root.T, atol=0.02, rtol=0.02)


@torch.no_grad()
def test_the_flow_matching_loss_of_a_gaussian_is_the_known_one(notebook):
    """The mean over t of 1 / ((1 - t)^2 + t^2), what no velocity can know: pi / 2."""
    torch.manual_seed(3)
    velocity = notebook.Velocity(4, 1, 8, 1)
    codes, labels = torch.randn(40_000, 4), torch.ones(40_000, 1)
    loss = notebook.flow_matching_loss(velocity, codes, labels)["loss"].item()
    assert loss == pytest.approx(math.pi / 2, rel=0.02)


@torch.no_grad()
def test_an_untrained_sharp_decoder_draws_what_the_autoencoder_draws(sharp, faces):
    x = to_unit(faces[:4])
    torch.testing.assert_close(sharp(x), sharp.autoencoder(x))


@pytest.mark.parametrize("normalisation", ["spectral", "batch"])
def test_a_discriminator_scores_patches_of_26_pixels(notebook, normalisation):
    discriminator = notebook.PatchDiscriminator(normalisation, width=4).eval()
    x = torch.rand(2, 3, 64, 64, requires_grad=True)
    scores = discriminator(x)
    assert scores.shape == (2, 1, 16, 16)
    scores[0, 0, 8, 8].backward()
    assert not x.grad[1].any()  # each image is scored by itself
    seen = x.grad[0].abs().sum(0) > 0
    assert seen.any(0).sum() == 26 and seen.any(1).sum() == 26


def test_sharpening_changes_the_second_unet_alone(notebook, sharp, faces):
    before = copy.deepcopy(sharp.state_dict())
    settings = {"normalisation": "spectral", "samples": 4, "weight": 0.1, "lr": 1e-3, "ema": 0.5}
    history = notebook.sharpen(
        faces, torch.randn(20, LATENT_DIM), sharp, steps=3, seed=0, **settings
    )
    changed = {
        name for name, value in sharp.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed and all(name.startswith("sharpening.") for name in changed)
    assert "sharpening.output.weight" in changed
    assert not sharp.training and history["seconds"].is_monotonic_increasing


def test_sharpening_lowers_the_error_and_heeds_the_discriminator(notebook, sharp, faces):
    """Without a weight only the error counts; a large one makes it larger."""
    codes, x = torch.randn(20, LATENT_DIM), to_unit(faces[:32])
    settings = {"normalisation": "batch", "samples": 0, "lr": 2e-3, "ema": 0.0, "steps": 25}
    errors = {}
    for weight in (0.0, 0.3):
        model = copy.deepcopy(sharp)
        notebook.sharpen(faces[:32], codes, model, weight=weight, seed=0, **settings)
        with torch.no_grad():
            errors[weight] = F.mse_loss(model(x), x)
    with torch.no_grad():
        assert errors[0.0] < F.mse_loss(sharp(x), x) < errors[0.3]


@torch.no_grad()
def test_guidance_ignores_follows_or_exaggerates_the_label(generator):
    z = torch.randn(5, LATENT_DIM, generator=torch.Generator().manual_seed(0))
    free, asked = generator.flow(z), {"Smiling": True}
    torch.testing.assert_close(generator.flow(z, asked, strength=0.0), free)
    followed = generator.flow(z, asked, strength=1.0)
    assert (followed - free).norm() > 1e-3
    further = (generator.flow(z, asked, strength=3.0) - free).norm()
    assert further > 2 * (followed - free).norm()
    other = generator.flow(z, {"Smiling": False}, strength=1.0)
    assert F.cosine_similarity((followed - free).flatten(), (other - free).flatten(), 0) < 0
    with pytest.raises(ValueError):
        generator.flow(z, {"smile": True})


def test_samples_repeat_with_a_seed_and_take_the_type_of_the_weights(generator):
    first, again = (generator.sample(2, seed=3) for _ in range(2))
    assert first.shape == (2, 3, 64, 64) and torch.equal(first, again)
    assert not torch.equal(first, generator.sample(2, seed=3, label={"Male": True}))
    assert generator.double().sample(1, seed=3).dtype == torch.float64
