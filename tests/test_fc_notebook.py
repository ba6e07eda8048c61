"""The models of autoencoders_fc.ipynb, and the weights that are in the repository."""

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch.distributions import Normal, kl_divergence

from helpers.notebooks import definitions, load_experiment
from helpers.pca import fit_pca
from helpers.synthetic import render_faces, sample_faces
from helpers.training import to_tensor, to_unit

LATENT_DIM, COMPONENTS = 10, 24


@pytest.fixture(scope="module")
def notebook():
    return definitions("autoencoders_fc")


@pytest.fixture(scope="module")
def faces():
    return to_tensor(render_faces(sample_faces(64, seed=1)))


@pytest.fixture(scope="module")
def pca(faces):
    return fit_pca(faces, COMPONENTS)


@pytest.fixture(params=["linear", "autoencoder", "vae"])
def model(request, notebook, pca):
    torch.manual_seed(0)
    if request.param == "linear":
        return notebook.LinearAutoencoder(LATENT_DIM)
    kind = notebook.FCVAE if request.param == "vae" else notebook.FCAutoencoder
    model = kind(LATENT_DIM, COMPONENTS, width=32)
    model.start_from_pca(pca)
    return model


def recon_of(output):
    return output[0] if isinstance(output, tuple) else output


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
    loss_of = (
        notebook.negative_elbo
        if isinstance(model, notebook.FCVAE)
        else notebook.reconstruction_loss
    )
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    losses, reached = [], set()
    model.train()
    for _ in range(15):
        optimizer.zero_grad()
        loss = loss_of(model, x)["loss"]
        loss.backward()
        reached |= {n for n, p in model.named_parameters() if p.grad.abs().sum() > 0}
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert reached == {name for name, _ in model.named_parameters()}


def test_starts_as_pca(notebook, faces, pca):
    model = notebook.FCAutoencoder(LATENT_DIM, COMPONENTS, width=16)
    model.start_from_pca(pca)
    model.eval()
    x = to_unit(faces[:9])
    basis = pca.components_[:LATENT_DIM]
    codes = (x.flatten(1).numpy() - pca.mean_) @ basis.T
    expected = torch.from_numpy(pca.mean_ + codes @ basis).float().clamp(0, 1)
    with torch.no_grad():
        torch.testing.assert_close(model(x).flatten(1), expected, atol=1e-4, rtol=0)


def test_a_linear_autoencoder_finds_the_subspace_of_pca(notebook):
    generator = np.random.default_rng(0)
    spread = np.array([3.0, 2.5, 2.0] + [0.3] * 9)
    data = generator.normal(size=(400, 12)) * spread + 0.5
    x = torch.from_numpy(data).float().view(400, 3, 2, 2)
    torch.manual_seed(0)
    model = notebook.LinearAutoencoder(3, size=2)
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    for _ in range(600):
        optimizer.zero_grad()
        notebook.reconstruction_loss(model, x)["loss"].backward()
        optimizer.step()
    found = model.decoder.weight.detach().numpy()
    assert np.degrees(subspace_angles(found, PCA(3).fit(data).components_.T)).max() < 5


def test_elbo_terms(notebook, faces, pca):
    model = notebook.FCVAE(LATENT_DIM, COMPONENTS, width=16)
    model.start_from_pca(pca, beta=2.0)
    model.eval()
    x = to_unit(faces[:6])
    torch.manual_seed(3)
    terms = notebook.negative_elbo(model, x, beta=4.0)
    torch.manual_seed(3)
    recon, q = model(x)
    kl = 0.5 * (q.mean**2 + q.variance - 1 - q.variance.log()).sum(1).mean()
    error = (x - recon).square().flatten(1).sum(1).mean()
    pixels = x[0].numel()
    constant = pixels * (model.log_variance + np.log(2 * np.pi))
    nll = 0.5 * (error / model.log_variance.exp() + constant)
    torch.testing.assert_close(terms["kl"], kl)
    torch.testing.assert_close(terms["kl"], kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean())
    torch.testing.assert_close(terms["nll"], nll, rtol=1e-4, atol=0)
    torch.testing.assert_close(terms["loss"], (nll + 4 * kl) / pixels)


@pytest.mark.parametrize("name", ["fc_vanilla", "fc_vae"])
def test_published_weights(name):
    model = load_experiment(name)
    assert not model.training
    with torch.no_grad():
        faces = model.decode(torch.randn(16, model.latent_dim))
    assert faces.shape == (16, 3, 64, 64)
    assert faces.min() >= 0 and faces.max() <= 1
