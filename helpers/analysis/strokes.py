"""What can be measured of a handwritten digit, and the direction of a code that it belongs to."""

import torch

from helpers.analysis.latent import attribute_vector


def slant(x):
    """How far digits (B, 1, H, W) lean to the right: columns for each row up, (B,).

    From the moments of their ink, of which each must have some.
    """
    ink = x.squeeze(1) / x.sum((1, 2, 3)).view(-1, 1, 1)
    up = -torch.arange(x.shape[2], dtype=x.dtype)[:, None]
    across = torch.arange(x.shape[3], dtype=x.dtype)
    up = up - (ink * up).sum((1, 2), keepdim=True)
    across = across - (ink * across).sum((1, 2), keepdim=True)
    return (ink * up * across).sum((1, 2)) / (ink * up**2).sum((1, 2))


def style_direction(codes, values, labels):
    """The step from the quarter of the digits with the least of something to that with the most.

    Each digit counts relative to its class, so that the step is style and no other class: from
    codes (N, latent_dim), what is measured of each digit, such as its slant, values (N,), and its
    class, labels int (N,), a step (latent_dim,).
    """
    rest = values.clone()
    for label in labels.unique():
        rest[labels == label] -= values[labels == label].mean()
    high, low = rest > rest.quantile(0.75), rest < rest.quantile(0.25)
    return attribute_vector(codes, high.numpy(), low.numpy())
