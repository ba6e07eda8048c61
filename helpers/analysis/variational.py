"""What is reported of a VAE."""

import math

import numpy as np
from torch.distributions import Normal, kl_divergence

from helpers.analysis.latent import device_of, predict
from helpers.training.loop import evaluate


def vae_scores(model, loss_fn, train, test):
    """A VAE's reconstructions of test images, from the means of their codes, and its scores.

    `model` has `encode`, images -> a distribution of codes, and `decode`. `loss_fn(model, x)` gives
    the means over a batch of "loss", the -ELBO in nats a value, and its terms "nll" and "kl" in
    nats an image. `train` and `test` are uint8 images (N, C, H, W).

    Returns images like `test`, in [0, 1], and a dict of "neg_elbo" and "kl" (nats an image),
    "bits_per_dim" (of values in 256 steps), "active_units", the latent dimensions whose mean varies
    (Burda et al., 2016, arXiv 1509.00519), and "code_correlation", as `mean_correlation`.
    """
    images = predict(model.decode, predict(model.encode, test)).clamp_(0, 1)
    codes = predict(model.encode, train)
    terms = evaluate(model, (test,), loss_fn)
    return images, {
        "neg_elbo": terms["nll"] + terms["kl"],
        "kl": terms["kl"],
        "bits_per_dim": terms["loss"] / math.log(2) + 8,
        "active_units": int((codes.var(0) > 0.01).sum()),
        "code_correlation": mean_correlation(codes),
    }


def kl_per_dimension(model, *data):
    """KL(q(z | x) || N(0, 1)) of each latent dimension in nats, a mean over `data`: (latent_dim,).

    `data` are what `model.encode` takes: images, or images and labels. A dimension that says
    nothing about the image has 0.
    """

    def kl(*batch):
        q = model.encode(*(part.to(device_of(model)) for part in batch))
        return kl_divergence(q, Normal(0.0, 1.0))

    return predict(kl, *data).mean(0).numpy()


def mean_correlation(codes):
    """Mean absolute correlation of two dimensions of codes (N, latent_dim); 0.0 if fewer vary."""
    varying = codes[:, codes.std(0) > 0]
    if varying.shape[1] < 2:
        return 0.0
    return float(np.abs(np.corrcoef(varying.T))[~np.eye(varying.shape[1], dtype=bool)].mean())
