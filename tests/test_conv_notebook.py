"""The models of autoencoders_conv.ipynb, and the weights that are in the repository."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from helpers.metrics import psnr
from helpers.notebooks import definitions, load_experiment
from helpers.pca import fit_pca
from helpers.synthetic import render_faces, sample_faces
from helpers.training import to_tensor, to_unit

LATENT_DIM = 12


@pytest.fixture(scope="module")
def notebook():
    return definitions("autoencoders_conv")


@pytest.fixture(scope="module")
def faces():
    return to_tensor(render_faces(sample_faces(64, seed=1)))


@pytest.fixture(scope="module")
def pca(faces):
    return fit_pca(faces, LATENT_DIM)


@pytest.fixture(params=["autoencoder", "skips", "vae"])
def model(request, notebook, pca):
    torch.manual_seed(0)
    if request.param == "skips":
        return notebook.ConvAutoencoder(LATENT_DIM, width=4, skips=True)
    kind = notebook.ConvVAE if request.param == "vae" else notebook.ConvAutoencoder
    model = kind(LATENT_DIM, width=4)
    model.start_from_pca(pca)
    return model


def recon_of(output):
    return output[0] if isinstance(output, tuple) else output


def loss_of(notebook, model, x):
    vae = isinstance(model, notebook.ConvVAE)
    return (notebook.negative_elbo if vae else notebook.reconstruction_loss)(model, x)["loss"]


def test_shapes_and_range(model, faces):
    x = to_unit(faces[:5])
    model.eval()
    with torch.no_grad():
        recon = recon_of(model(x))
        code = model.encode(x)
        code = code.mean if isinstance(code, Normal) else code
        drawn = model.decode(3 * torch.randn(7, model.latent_dim))
    assert code.shape == (5, LATENT_DIM) == (5, model.latent_dim)
    assert recon.shape == x.shape and drawn.shape == (7, 3, 64, 64)
    for images in (recon, drawn):
        assert images.min() >= 0 and images.max() <= 1


def test_training_lowers_the_loss_and_reaches_every_parameter(notebook, model, faces):
    x = to_unit(faces)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses, reached = [], set()
    model.train()
    for _ in range(12):
        optimizer.zero_grad()
        loss = loss_of(notebook, model, x)
        loss.backward()
        reached |= {n for n, p in model.named_parameters() if p.grad.abs().sum() > 0}
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert reached == {name for name, _ in model.named_parameters()}


def test_starts_as_pca(notebook, pca, faces):
    model = notebook.ConvAutoencoder(LATENT_DIM, width=4)
    model.start_from_pca(pca)
    model.eval()
    x = to_unit(faces[:9])
    expected = pca.inverse_transform(pca.transform(x.flatten(1).numpy()))
    with torch.no_grad():
        recon = model(x)
    torch.testing.assert_close(
        recon.flatten(1), torch.from_numpy(expected).float().clamp(0, 1), atol=1e-4, rtol=0
    )


def test_vae_starts_as_probabilistic_pca(notebook, pca, faces):
    model = notebook.ConvVAE(LATENT_DIM, width=4)
    model.start_from_pca(pca, beta=2.0)
    variance = model.encode(to_unit(faces[:3])).variance[0]
    expected = 2.0 * pca.noise_variance_ / pca.explained_variance_
    torch.testing.assert_close(variance, torch.tensor(expected).float().clamp(max=1), rtol=1e-3,
                               atol=0)  # fmt: skip


def test_elbo_terms(notebook, pca, faces):
    model = notebook.ConvVAE(LATENT_DIM, width=4)
    model.start_from_pca(pca)
    model.eval()
    x = to_unit(faces[:6])
    torch.manual_seed(3)
    terms = notebook.negative_elbo(model, x, beta=4.0)
    torch.manual_seed(3)
    recon, q = model(x)
    kl = 0.5 * (q.mean**2 + q.variance - 1 - q.variance.log()).sum(1).mean()
    pixels = Normal(recon, (0.5 * model.log_variance).exp())
    nll = -pixels.log_prob(x).flatten(1).sum(1).mean()
    torch.testing.assert_close(terms["kl"], kl)
    torch.testing.assert_close(terms["kl"], kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean())
    torch.testing.assert_close(terms["nll"], nll)
    torch.testing.assert_close(terms["loss"], (nll + 4 * kl) / (3 * 64 * 64))


def test_skips_bypass_the_code():
    model = load_experiment("conv_denoising")
    x = to_unit(to_tensor(render_faces(sample_faces(8, seed=2))))
    with torch.no_grad():
        z, features = model.encode_with_features(x)
        right, swapped = model.decode(z, features), model.decode(z.roll(1, 0), features)
    assert psnr(right, x).min() > 28
    assert np.abs(psnr(swapped, x) - psnr(right, x)).max() < 3


@pytest.mark.parametrize("name", ["conv_vanilla", "conv_denoising", "conv_occlusion", "conv_vae"])
def test_published_weights(name):
    model = load_experiment(name)
    assert not model.training
    with torch.no_grad():
        faces = model.decode(torch.randn(16, model.latent_dim))
        restored = recon_of(model(torch.rand(2, 3, 64, 64)))
    assert faces.shape == (16, 3, 64, 64) and restored.shape == (2, 3, 64, 64)
    assert faces.min() >= 0 and faces.max() <= 1
