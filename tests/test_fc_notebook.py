"""The models of autoencoders_fc.ipynb, and the weights that are in the repository."""

import numpy as np
import pytest
import torch
from face_models import (
    check_elbo_terms,
    check_published_weights,
    check_shapes_and_range,
    check_starts_as_pca,
    check_training,
)
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from helpers.analysis.pca import fit_pca
from helpers.notebooks import definitions

LATENT_DIM, COMPONENTS = 10, 24


@pytest.fixture(scope="module")
def notebook():
    return definitions("autoencoders_fc")


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


def test_shapes_and_range(model, faces):
    check_shapes_and_range(model, faces)


def test_training_lowers_the_loss_and_reaches_every_parameter(notebook, model, faces):
    check_training(notebook, model, faces, lr=1e-4, steps=15)


def test_starts_as_pca(notebook, faces, pca):
    model = notebook.FCAutoencoder(LATENT_DIM, COMPONENTS, width=16)
    model.start_from_pca(pca)
    check_starts_as_pca(model, pca, faces)


def test_the_loss_of_coefficients_is_that_of_pixels(notebook, faces, pca):
    torch.manual_seed(0)
    model = notebook.FCAutoencoder(LATENT_DIM, COMPONENTS, width=16, dropout=0.0)
    model.start_from_pca(pca)
    for weight in (model.encoder[-1].weight, model.decoder[-1].weight):
        torch.nn.init.normal_(weight, std=0.1)  # zeros would let no gradient through
    x = faces.float() / 255
    found = []
    for loss_fn in (notebook.reconstruction_loss, notebook.coefficient_loss):
        loss = loss_fn(model.train(), x)["loss"]
        found.append((loss, *torch.autograd.grad(loss, list(model.parameters()))))
        found[-1] += (loss_fn(model.eval(), x)["loss"],)
    for of_pixels, of_coefficients in zip(*found, strict=True):
        torch.testing.assert_close(of_coefficients, of_pixels, rtol=1e-3, atol=1e-6)


def test_orthogonal_descent_steps_equally_far_in_all_directions(notebook):
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(4, 9))
    gradient = torch.randn(4, 9, generator=generator)
    optimizer = notebook.OrthogonalDescent([weight], lr=0.5)
    for _ in range(2):
        weight.grad = gradient.clone()
        optimizer.step()
    u, _, vh = torch.linalg.svd(gradient, full_matrices=False)
    torch.testing.assert_close(weight.detach(), -2 * 0.5 * u @ vh, atol=1e-4, rtol=0)


def test_a_linear_autoencoder_finds_the_subspace_of_pca(notebook):
    generator = np.random.default_rng(0)
    spread = np.array([3.0, 2.5, 2.0] + [0.3] * 9)
    data = generator.normal(size=(400, 12)) * spread + 0.5
    x = torch.from_numpy(data).float().view(400, 3, 2, 2)
    torch.manual_seed(0)
    model = notebook.LinearAutoencoder(3, size=2)
    optimizer = notebook.OrthogonalDescent(model.parameters(), lr=1e-2)
    for _ in range(300):
        optimizer.zero_grad()
        notebook.reconstruction_loss(model, x)["loss"].backward()
        optimizer.step()
    found = model.weight.detach().numpy().T
    assert np.degrees(subspace_angles(found, PCA(3).fit(data).components_.T)).max() < 5


def test_elbo_terms(notebook, faces, pca):
    model = notebook.FCVAE(LATENT_DIM, COMPONENTS, width=16)
    model.start_from_pca(pca, beta=2.0)
    check_elbo_terms(notebook, model, faces)


@pytest.mark.parametrize("name", ["fc_vanilla", "fc_vae"])
def test_published_weights(name):
    check_published_weights(name)
