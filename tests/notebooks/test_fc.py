"""The models and losses that autoencoders_fc.ipynb defines."""

import pytest
import torch
from notebooks.models import check_elbo, names_of, trained
from torch.distributions import Normal

from helpers.data.tensors import to_unit
from helpers.notebooks import definitions

LATENT_DIM, COMPONENTS = 6, 16


@pytest.fixture(scope="module")
def notebook():
    return definitions("autoencoders_fc")


def built(notebook, pca, kind, beta=2.0):
    torch.manual_seed(0)
    sizes = {
        "Autoencoder": {"width": 16},
        "LinearAutoencoder": {},
        "FCAutoencoder": {"components": COMPONENTS, "width": 16, "dropout": 0.0},
        "VAE": {"width": 16},
        "FCVAE": {"components": COMPONENTS, "width": 16},
    }
    model = getattr(notebook, kind)(LATENT_DIM, **sizes[kind])
    if kind == "FCAutoencoder":
        model.start_from_pca(pca)
    if kind == "FCVAE":
        model.start_from_pca(pca, variance=0.02, beta=beta)
    return model


@pytest.mark.parametrize(
    "kind", ["Autoencoder", "LinearAutoencoder", "FCAutoencoder", "VAE", "FCVAE"]
)
def test_a_fully_connected_model_keeps_its_shapes_and_learns(notebook, pca, faces, kind):
    model, x = built(notebook, pca, kind), to_unit(faces)
    code, recon = model.encode(x), model(x)
    if kind.endswith("VAE"):
        assert isinstance(code, Normal)
        code, recon = code.mean, recon[0]
    assert code.shape == (64, LATENT_DIM)
    assert recon.shape == x.shape == model.decode(code).shape
    for parameter in model.parameters():  # gradients pass through no layer that is zero
        if parameter.ndim == 2 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    loss_fn = notebook.negative_elbo if kind.endswith("VAE") else notebook.reconstruction_loss
    losses, reached = trained(loss_fn, model, x, lr=3e-4)
    assert losses[-1] < losses[0]
    assert reached == names_of(model)


@pytest.mark.parametrize("activation", ["GELU", "ReLU"])
@pytest.mark.parametrize("kind", ["Autoencoder", "VAE"])
def test_an_untrained_plain_model_decodes_grey_and_has_its_activation(notebook, kind, activation):
    model = getattr(notebook, kind)(LATENT_DIM, width=16, activation=activation)
    z = torch.randn(4, LATENT_DIM)
    assert torch.equal(model.decode(z), torch.full((4, 3, 64, 64), 0.5))
    hidden = model.decoder[:2](z)
    assert (hidden.min() < 0) == (activation == "GELU")  # only a ReLU is never negative


@pytest.mark.parametrize("kind", ["FCAutoencoder", "FCVAE"])
def test_untrained_deep_models_are_pca(notebook, faces, pca, kind):
    model = built(notebook, pca, kind).eval()
    x = to_unit(faces[:9])
    with torch.no_grad():
        code = model.encode(x)
        recon = model.decode(code.mean if kind == "FCVAE" else code)
        wanted = pca.first(LATENT_DIM)(x)
    torch.testing.assert_close(recon, wanted, atol=1e-4, rtol=0)


def test_gradients_pass_through_what_is_drawn_beyond_black_and_white(notebook, pca):
    model = built(notebook, pca, "FCAutoencoder")
    z = torch.full((2, LATENT_DIM), 50.0, requires_grad=True)
    recon = model.train().decode(z)
    assert recon.min() < 0 and recon.max() > 1
    recon.sum().backward()
    assert z.grad.abs().min() > 0


@pytest.mark.parametrize("beta", [0.0, 4.0])
@pytest.mark.parametrize("kind", ["VAE", "FCVAE"])
def test_the_terms_of_the_fc_elbo(notebook, pca, faces, kind, beta):
    model = built(notebook, pca, kind, beta)
    check_elbo(notebook.negative_elbo, model, to_unit(faces[:6]), beta)


def test_the_fc_vae_starts_with_the_best_posterior_variance(notebook, faces, pca):
    """No other scale of the posterior's variance has a lower loss: beta s / (lambda + beta s)."""
    model = built(notebook, pca, "FCVAE", beta=300.0)
    x, losses = to_unit(faces), []
    with torch.no_grad():
        for shift in (-0.7, 0.0, 0.7):
            bias = model.spread[-1].bias
            bias += shift
            torch.manual_seed(0)
            draws = [notebook.negative_elbo(model, x, beta=300.0)["loss"] for _ in range(8)]
            losses.append(torch.stack(draws).mean().item())
            bias -= shift
    assert losses[1] < min(losses[0], losses[2])
