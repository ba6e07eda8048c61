"""The models of autoencoders_conv.ipynb, and the weights that are in the repository."""

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


def test_shapes_and_range(model, faces):
    check_shapes_and_range(model, faces)


def test_training_lowers_the_loss_and_reaches_every_parameter(notebook, model, faces):
    check_training(notebook, model, faces, lr=3e-3, steps=12)


def test_starts_as_pca(notebook, pca, faces):
    model = notebook.ConvAutoencoder(LATENT_DIM, width=4)
    model.start_from_pca(pca)
    check_starts_as_pca(model, pca, faces)


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
    check_elbo_terms(notebook, model, faces)


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
    check_published_weights(name)
