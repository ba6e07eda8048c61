"""The models and losses of autoencoders_conv.ipynb, on small slices."""

from functools import partial

import pytest
import torch
from notebooks.models import check_elbo, names_of, trained
from torch.distributions import Normal
from torch.nn import functional as F

from helpers.analysis.corruption import add_noise, occlude
from helpers.analysis.pca import PCALayer
from helpers.data.tensors import to_unit
from helpers.notebooks import definitions

LATENT_DIM, WIDTH, COMPONENTS = 12, 4, 16
SMALL = {"latent_dim": LATENT_DIM, "width": WIDTH}


@pytest.fixture(scope="module")
def notebook():
    return definitions("autoencoders_conv")


def started(notebook, pca, kind, beta=2.0, **arguments):
    """A small model of the notebook that starts at PCA where it has such a part."""
    torch.manual_seed(0)
    model = getattr(notebook, kind)(**arguments)
    if kind == "RefinedVAE":
        model.start_from_pca(pca, beta=beta)
    if kind == "RefinedAutoencoder":
        model.base.start_from_pca(pca)
    if kind == "Inpainter":
        model.pca.start_from_pca(pca)
    return model


@pytest.mark.parametrize("kind", ["ConvAutoencoder", "RefinedAutoencoder", "ConvVAE", "RefinedVAE"])
def test_a_conv_autoencoder_keeps_its_shapes_and_learns(notebook, pca, faces, kind):
    model = started(notebook, pca, kind, **SMALL).eval()
    variational = kind.endswith("VAE")
    x = to_unit(faces[:16])
    with torch.no_grad():
        code = model.encode(x)
        recon = model(x)[0] if variational else model(x)
        drawn = model.decode(torch.randn(3, LATENT_DIM))
    assert isinstance(code, Normal) == variational
    assert (code.mean if variational else code).shape == (16, LATENT_DIM)
    assert recon.shape == x.shape and drawn.shape == (3, 3, 64, 64)
    loss_fn = notebook.negative_elbo if variational else notebook.reconstruction_loss
    losses, reached = trained(loss_fn, model, x, lr=3e-4)
    assert losses[-1] < losses[0]
    assert reached == names_of(model)


@pytest.mark.parametrize("base_name", ["pca", "fc"])
def test_the_base_alone_is_drawn_before_training(notebook, pca, faces, base_name):
    big = PCALayer(notebook.FCAutoencoder(LATENT_DIM).components)
    big.mean.copy_(pca.mean)
    big.basis[:32], big.scale[:32] = pca.basis, pca.scale
    base = big if base_name == "fc" else pca
    model = started(notebook, base, "RefinedAutoencoder", base_name=base_name, **SMALL).eval()
    x = to_unit(faces[:5])
    with torch.no_grad():
        torch.testing.assert_close(model(x), pca.first(LATENT_DIM)(x).clamp(0, 1))


def test_the_conv_vae_starts_at_the_best_linear_posterior(notebook, pca, faces):
    """The closed form minimises the loss that the notebook derives, direction by direction."""
    beta, model = 2.0, started(notebook, pca, "RefinedVAE", **SMALL)
    s, variances = model.log_variance.exp().item(), model.base.scale.double() ** 2
    with torch.no_grad():
        q = model.eval().encode(to_unit(faces[:4]))
    codes = pca.first(LATENT_DIM).encode(to_unit(faces[:4]))
    torch.testing.assert_close(q.mean, model.kept * codes)

    def loss(r, v):
        return variances / (2 * s) * ((1 - r) ** 2 + v) + beta / 2 * (r**2 + v - v.log())

    mean, variance = model.kept.detach().double(), q.variance[0].double()
    for r, v in ((0.99, 1.0), (1.01, 1.0), (1.0, 0.97), (1.0, 1.03)):
        assert (loss(r * mean, v * variance) > loss(mean, variance) - 1e-6).all()


@pytest.mark.parametrize("beta", [0.0, 4.0])
@pytest.mark.parametrize("kind", ["ConvVAE", "RefinedVAE"])
def test_the_terms_of_the_conv_elbo(notebook, pca, faces, kind, beta):
    model = started(notebook, pca, kind, beta, **SMALL)
    check_elbo(notebook.negative_elbo, model, to_unit(faces[:6]), beta)


@pytest.mark.parametrize("channels", [3, 7])
@pytest.mark.parametrize("latent_dim", [0, LATENT_DIM])
def test_an_untrained_unet_changes_nothing(notebook, channels, latent_dim):
    model = notebook.UNet(WIDTH, latent_dim, channels).eval()
    x = torch.rand(3, channels, 64, 64)
    z = torch.randn(3, latent_dim) if latent_dim else None
    with torch.no_grad():
        torch.testing.assert_close(model(x, z), x[:, :3])


@pytest.mark.parametrize(
    "kind", ["SkipAutoencoder", "UNet", "MaskPredictor", "AttributeClassifier", "FaceEmbedding"]
)
def test_a_network_learns_its_training_faces(notebook, faces, kind):
    torch.manual_seed(0)
    x = to_unit(faces[:24])
    number = torch.arange(len(x))
    attributes = torch.stack([number % 2, number % 3 == 0], 1).float()
    model, loss_fn, *target = {
        "SkipAutoencoder": lambda n: (n.SkipAutoencoder(**SMALL), n.reconstruction_loss),
        "UNet": lambda n: (n.UNet(WIDTH), partial(n.denoising_loss, sigma=0.2)),
        "MaskPredictor": lambda n: (n.MaskPredictor(), partial(n.mask_loss, share=(0.2, 0.4))),
        "AttributeClassifier": lambda n: (
            n.AttributeClassifier(2, WIDTH, feature_dim=8),
            n.attribute_loss,
            attributes,
        ),
        "FaceEmbedding": lambda n: (n.FaceEmbedding(8, 16, WIDTH), n.identity_loss, number % 8),
    }[kind](notebook)
    losses, _ = trained(loss_fn, model, x, *target, lr=1e-2)
    first = min(losses[:3])
    assert min(losses[-3:]) < first - 0.05 * abs(first)


def test_what_pca_expects_is_the_mean_of_its_gaussian_given_the_seen_pixels(notebook, pca, faces):
    model = started(notebook, pca, "Inpainter", width=WIDTH, components=COMPONENTS)
    x = to_unit(faces[:2])
    seen = torch.ones(2, 1, 64, 64, dtype=torch.bool)
    seen[1, :, 10:30, 20:40] = False
    found = model.posterior_mean(x, seen)[1]

    def small(images):  # the means of 2x2 pixels
        return F.avg_pool2d(images.view(-1, 3, 64, 64), 2).flatten(1)

    kept = small(seen[1].float().expand(3, -1, -1))[0] == 1
    directions = model.pca.basis * model.pca.scale[:, None]
    b = small(directions)[:, kept].T.double()
    joint = b @ b.T + model.noise * torch.eye(len(b))
    y = small(x[1].flatten() - model.pca.mean)[0][kept].double()
    z = (b.T @ torch.linalg.solve(joint, y)).float()
    torch.testing.assert_close(found.flatten(), model.pca.mean + z @ directions, atol=2e-3, rtol=0)


def test_an_inpainter_leaves_alone_what_is_seen(notebook, pca, faces):
    model = started(notebook, pca, "Inpainter", width=WIDTH, components=COMPONENTS).eval()
    torch.nn.init.normal_(model.refinement.output.weight)
    x = to_unit(faces[:4])
    covered, mask = occlude(x, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        repaired = model(covered, ~mask)
    kept = (~mask).expand_as(x)
    assert torch.equal(repaired[kept], x[kept]) and not torch.equal(repaired, covered)


def test_a_blind_inpainter_repairs_the_rectangle_that_its_mask_predictor_sees(notebook, pca, faces):
    inpainter = started(notebook, pca, "Inpainter", width=WIDTH, components=COMPONENTS)
    model = notebook.BlindInpainter(notebook.MaskPredictor(), inpainter).eval()
    logits = torch.full((2, 1, 64, 64), -1.0)
    logits[0, 0, 10:30, 20:40] = 1
    logits[0, 0, 25, 30] = -1  # a pixel that was overlooked
    logits[0, 0, 50, 60] = 1  # a pixel that was taken for covered
    model.mask_predictor.forward = lambda x: logits
    x = to_unit(faces[:2])
    found = model.mask(x)
    assert found[0, 0, 10:30, 20:40].all() and found[0].sum() == 400 and not found[1].any()
    with torch.no_grad():
        torch.testing.assert_close(model(x), model.inpainter(x, ~found))
    model.logit_bias = 2.0  # sooner than a pixel would be missed, all are repaired
    assert model.mask(x).all()


def test_the_denoiser_starts_at_the_posterior_mean_of_pcas_gaussian(notebook, pca, faces):
    """The closed form is Gaussian conditioning with the whole covariance matrix, on a patch."""
    model = notebook.Denoiser(WIDTH, COMPONENTS).eval()
    model.pca.start_from_pca(pca)
    model.rest.fill_(0.002)
    x = add_noise(to_unit(faces[:3]), 0.1, torch.Generator().manual_seed(0))
    sigma = torch.tensor([0.05, 0.1, 0.3])
    found = model.posterior_mean(x, sigma)
    directions, variances = model.pca.basis.double(), model.pca.scale.double() ** 2
    y = x.flatten(1).double() - model.pca.mean
    for image, s, mean in zip(y, sigma.double(), found.flatten(1).double(), strict=True):
        # (C + s^2 I)^-1 y by Woodbury's identity, for C = B diag(l - rest) B^T + rest I
        flat = 0.002 + s**2
        inner = torch.diag(1 / (variances - 0.002)) + directions @ directions.T / flat
        solved = (
            image / flat - directions.T @ torch.linalg.solve(inner, directions @ image) / flat**2
        )
        torch.testing.assert_close(mean, model.pca.mean + image - s**2 * solved, atol=1e-4, rtol=0)
    with torch.no_grad():
        start = model.posterior_mean(x, notebook.noise_level(x)).clamp(0, 1)
        torch.testing.assert_close(model(x), start)


@pytest.mark.parametrize("sigma", [0.05, 0.15])
def test_the_noise_level_is_found_in_a_smooth_picture(notebook, sigma):
    smooth = torch.linspace(0.3, 0.7, 64).expand(4, 3, 64, 64)
    noisy = add_noise(smooth, sigma, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        notebook.noise_level(noisy), torch.full((4,), sigma), rtol=0.05, atol=0
    )


def test_the_skips_reach_the_decoder_and_so_does_the_code(notebook, faces):
    torch.manual_seed(0)
    model = notebook.SkipAutoencoder(**SMALL)  # training, so that features are normalised
    with torch.no_grad():
        z, *skips = model.encode(to_unit(faces[:4]))
        whole = model.decode(z, *skips)
        assert [tuple(s.shape[1:]) for s in skips] == [(4, 32, 32), (8, 16, 16), (16, 8, 8)]
        assert not torch.allclose(whole, model.decode(z.flip(0), *skips))
        for i in range(3):
            changed = [torch.zeros_like(s) if i == j else s for j, s in enumerate(skips)]
            assert not torch.allclose(whole, model.decode(z, *changed))
