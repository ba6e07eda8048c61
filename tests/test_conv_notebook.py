"""The models of autoencoders_conv.ipynb, and the weights that are in the repository."""

import pytest
import torch
from face_models import (
    check_elbo_terms,
    check_published_weights,
    check_shapes_and_range,
    check_starts_as_pca,
    check_training,
)
from torch.nn import functional as F

from helpers.analysis.metrics import psnr
from helpers.analysis.pca import fit_pca
from helpers.notebooks import definitions
from helpers.synthetic.faces import render_faces, sample_faces
from helpers.training.loop import to_tensor, to_unit

LATENT_DIM, COMPONENTS = 12, 16


@pytest.fixture(scope="module")
def notebook():
    return definitions("autoencoders_conv")


@pytest.fixture(scope="module")
def pca(faces):
    return fit_pca(faces, COMPONENTS)


@pytest.fixture(params=["autoencoder", "skips", "denoiser", "deoccluder", "vae"])
def model(request, notebook, pca):
    torch.manual_seed(0)
    if request.param in ("skips", "denoiser"):
        return (notebook.UNet if request.param == "skips" else notebook.Denoiser)(LATENT_DIM, 4)
    if request.param == "vae":
        return started_vae(notebook, pca)
    kind = {"autoencoder": notebook.ConvAutoencoder, "deoccluder": notebook.Deoccluder}
    model = kind[request.param](LATENT_DIM, 4, COMPONENTS)
    model.start_from_pca(pca)
    if request.param == "deoccluder":
        model.finder.requires_grad_(False)  # it is trained by itself, before
    return model


def started_vae(notebook, pca, beta=1.0):
    part = notebook.FCVAE(LATENT_DIM, COMPONENTS, dropout=0, **notebook.PART)
    part.start_from_pca(pca, beta)
    model = notebook.ConvVAE(LATENT_DIM, 4, COMPONENTS)
    model.load_state_dict(part.state_dict(), strict=False)
    return model


def test_shapes_and_range(model, faces):
    check_shapes_and_range(model, faces)


def test_training_lowers_the_loss_and_reaches_every_parameter(notebook, model, faces):
    check_training(notebook, model, faces, lr=3e-4, steps=12)


def test_starts_as_pca(notebook, pca, faces):
    model = notebook.ConvAutoencoder(LATENT_DIM, 4, COMPONENTS)
    model.start_from_pca(pca)
    check_starts_as_pca(model, pca, faces)


def test_a_vae_starts_as_its_fully_connected_part(notebook, pca, faces):
    x = to_unit(faces[:3])
    part = notebook.FCVAE(LATENT_DIM, COMPONENTS, dropout=0, **notebook.PART).eval()
    part.start_from_pca(pca, 2.0)
    expected, found = part.encode(x), started_vae(notebook, pca, 2.0).eval().encode(x)
    torch.testing.assert_close(found.mean, expected.mean)
    torch.testing.assert_close(found.variance, expected.variance)


def test_elbo_terms(notebook, pca, faces):
    check_elbo_terms(notebook, started_vae(notebook, pca), faces)


def test_what_pca_expects_is_the_mean_of_its_gaussian_given_the_seen_pixels(notebook, pca):
    model = notebook.Deoccluder(LATENT_DIM, 4, COMPONENTS)
    model.start_from_pca(pca)
    x = to_unit(to_tensor(render_faces(sample_faces(3, seed=5))))
    seen = torch.ones(3, 1, 64, 64, dtype=torch.bool)
    seen[1, :, 10:30, 20:40] = False
    found = model.expectation(x, seen)[1]

    def small(images):  # the means of 2x2 pixels
        return F.avg_pool2d(images.view(-1, 3, 64, 64), 2).flatten(1)

    kept = F.avg_pool2d(seen[1].float(), 2).expand(3, -1, -1).flatten() == 1
    directions = (model.basis * model.scale[:, None]).T
    b = small(directions.T).T[kept].double()
    joint = b @ b.T + model.NOISE * torch.eye(len(b))
    y = small(x[1].flatten() - model.mean)[0][kept].double()
    expected = model.mean + directions @ (b.T @ torch.linalg.solve(joint, y)).float()
    torch.testing.assert_close(found.flatten(), expected, atol=2e-3, rtol=0)


def test_the_finder_s_loss_falls_where_it_finds(notebook, faces):
    x = to_unit(faces)
    finder = notebook.Deoccluder(LATENT_DIM, 4, COMPONENTS).finder
    optimizer = torch.optim.Adam(finder.parameters(), 1e-2)
    torch.manual_seed(0)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = notebook.finder_loss(finder, x)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("kind", ["Judge", "Recogniser"])
def test_a_classifier_learns_its_training_faces(notebook, faces, kind):
    torch.manual_seed(0)
    x = to_unit(faces)
    if kind == "Judge":
        model, loss_fn = notebook.Judge(features=8, width=4), notebook.judge_loss
        target = (torch.arange(len(x)) % 2).float()
    else:
        model, loss_fn = notebook.Recogniser(8, 16, 4), notebook.recogniser_loss
        target = torch.arange(len(x)) % 8
        assert model.code(x).norm(dim=1).allclose(torch.ones(len(x)))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = loss_fn(model, x, target)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_minus_psnr(notebook):
    x = torch.rand(4, 3, 8, 8)
    recon = (x + 0.1 * torch.randn_like(x)).clamp(0, 1)
    expected = -torch.from_numpy(psnr(recon, x)).mean().float()
    torch.testing.assert_close(notebook.minus_psnr(recon, x), expected, atol=0.02, rtol=0)


def test_restorers_leave_a_photo_alone_before_they_are_trained(notebook, pca, faces):
    x = to_unit(faces[:4])
    denoiser = notebook.Denoiser(LATENT_DIM, 4).eval()
    deoccluder = notebook.Deoccluder(LATENT_DIM, 4, COMPONENTS).eval()
    deoccluder.start_from_pca(pca)
    torch.nn.init.constant_(deoccluder.finder[-1].bias, -100.0)  # nothing is covered
    with torch.no_grad():
        torch.testing.assert_close(denoiser(x), x)
        torch.testing.assert_close(deoccluder(x), x)


@pytest.mark.parametrize(
    "name", ["conv_vanilla", "conv_vanilla_32", "conv_denoising", "conv_occlusion", "conv_vae"]
)
def test_published_weights(name):
    check_published_weights(name)
