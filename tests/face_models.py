"""What holds for every autoencoder of faces, in whichever notebook it is defined."""

import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from helpers.analysis.corruption import add_noise
from helpers.notebooks import load_experiment
from helpers.training.loop import to_unit


def recon_of(output):
    return output[0] if isinstance(output, tuple) else output


def loss_of(notebook, model, x):
    """The loss of the notebook for this model; a VAE's forward returns a distribution as well."""
    if isinstance(model, getattr(notebook, "Denoiser", ())):  # a clean image teaches it nothing
        dirty = add_noise(x, 0.2, torch.Generator().manual_seed(0))
        return F.mse_loss(model(dirty), x)
    vae = hasattr(model, "log_variance")
    return (notebook.negative_elbo if vae else notebook.reconstruction_loss)(model, x)["loss"]


def check_shapes_and_range(model, faces):
    x = to_unit(faces[:5])
    model.eval()
    with torch.no_grad():
        recon = recon_of(model(x))
        code = model.encode(x)
        code = code.mean if isinstance(code, Normal) else code
        drawn = model.decode(3 * torch.randn(7, model.latent_dim))
    assert code.shape == (5, model.latent_dim)
    assert recon.shape == x.shape and drawn.shape == (7, 3, 64, 64)
    for images in (recon, drawn):
        assert images.min() >= 0 and images.max() <= 1


def check_training(notebook, model, faces, lr, steps):
    """A few steps lower the loss, and gradients reach every parameter."""
    x = to_unit(faces)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    losses, reached = [], set()
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(notebook, model, x)
        loss.backward()
        reached |= {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert reached == {name for name, p in model.named_parameters() if p.requires_grad}


def check_starts_as_pca(model, pca, faces):
    """An untrained model reconstructs as the first `latent_dim` components of `pca` do."""
    model.eval()
    x = to_unit(faces[:9])
    basis = pca.components_[: model.latent_dim]
    codes = (x.flatten(1).numpy() - pca.mean_) @ basis.T
    expected = torch.from_numpy(pca.mean_ + codes @ basis).float().clamp(0, 1)
    with torch.no_grad():
        torch.testing.assert_close(model(x).flatten(1), expected, atol=1e-4, rtol=0)


def check_elbo_terms(notebook, vae, faces):
    vae.eval()
    x = to_unit(faces[:6])
    torch.manual_seed(3)
    terms = notebook.negative_elbo(vae, x, beta=4.0)
    torch.manual_seed(3)
    recon, q = vae(x)
    kl = 0.5 * (q.mean**2 + q.variance - 1 - q.variance.log()).sum(1).mean()
    pixels = Normal(recon, (0.5 * vae.log_variance).exp())
    nll = -pixels.log_prob(x).flatten(1).sum(1).mean()
    torch.testing.assert_close(terms["kl"], kl)
    torch.testing.assert_close(terms["kl"], kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean())
    torch.testing.assert_close(terms["nll"], nll, rtol=1e-4, atol=0)
    torch.testing.assert_close(terms["loss"], (nll + 4 * kl) / x[0].numel())


def check_published_weights(name):
    model = load_experiment(name)
    assert not model.training
    with torch.no_grad():
        faces = model.decode(torch.randn(16, model.latent_dim))
        recon = recon_of(model(torch.rand(2, 3, 64, 64)))
    assert faces.shape == (16, 3, 64, 64) and recon.shape == (2, 3, 64, 64)
    assert faces.min() >= 0 and faces.max() <= 1
