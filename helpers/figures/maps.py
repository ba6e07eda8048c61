"""Maps of two latent dimensions: what is decoded at each place, and where data lie."""

import matplotlib.pyplot as plt
import torch
from torch.distributions import Normal

from helpers.figures.plots import STYLE, show_image

# Tol's muted colours, which the colour-blind can distinguish, too
DIGIT_COLOURS = ("#332288", "#88ccee", "#44aa99", "#117733", "#999933",
                 "#ddaa33", "#cc6677", "#882255", "#aa4499", "#000000")  # fmt: skip
EDGE = 0.02  # of the prior lies beyond a map's edge, on each side
PANELS = (0, 1, 2, 7, 9)
TICKS = (-2, -1, 0, 1, 2)


def quantile_grid(side):
    """Codes (side * side, 2) at evenly spaced quantiles of N(0, I), row by row from the top."""
    points = Normal(0.0, 1.0).icdf(torch.linspace(EDGE, 1 - EDGE, side))
    return torch.cartesian_prod(points.flip(0), points).flip(1)


def tiled(images, side):
    """Images (side * side, C, H, W), row by row, as one image (C, side * H, side * W)."""
    rows = images.unflatten(0, (side, side))
    return rows.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)


def digit_scatter(ax, points, labels):
    """Draw points (N, 2) as the digits that they belong to, `labels` int (N,), in their colours."""
    for digit, colour in enumerate(DIGIT_COLOURS):
        ax.scatter(*points[labels == digit].T, s=20, marker=f"${digit}$", color=colour,
                   linewidths=0.2)  # fmt: skip


def digits_map(decoded, codes, labels, title):
    """What a decoder makes of each place of its prior, beside where digits are encoded.

    Both panels have the prior's quantiles as their axes, so that a place is the same place in both,
    and the prior fills each evenly. `decoded`, (side * side, 1, H, W) in [0, 1], is of
    `quantile_grid(side)`; `codes` are (N, 2), their digits `labels` int (N,). Returns the Figure.
    """
    normal = Normal(0.0, 1.0)
    side = round(len(decoded) ** 0.5)
    half = (1 - 2 * EDGE) / (side - 1) / 2  # of a digit's width
    low, high = EDGE - half, 1 - EDGE + half
    ticks = normal.cdf(torch.tensor(TICKS).float()).tolist()
    with plt.rc_context(STYLE):
        fig, (left, right) = plt.subplots(1, 2, figsize=(10, 5.8), layout="compressed",
                                          sharex=True, sharey=True)  # fmt: skip
        show_image(left, tiled(decoded, side), extent=(low, high, low, high))
        digit_scatter(right, normal.cdf(codes), labels)
        left.set(title="every place of the prior, decoded")
        right.set(title="where digits are encoded", xlim=(low, high), ylim=(low, high))
        for ax in (left, right):
            ax.set_axis_on()
            ax.grid(False)
            ax.set(aspect="equal", xlabel="first latent dimension", xticks=ticks, yticks=ticks,
                   xticklabels=TICKS, yticklabels=TICKS)  # fmt: skip
        left.set_ylabel("second latent dimension")
        fig.suptitle(title)
    return fig


def draws_and_codes(draws, codes, labels, title):
    """Codes of digits over draws of their prior, a panel for each of five digits; the Figure.

    `draws` and `codes` are (N, 2), `labels` int (N,) of both. All panels show the same square,
    which holds all but the farthest of both.
    """
    side = torch.cat([draws, codes]).abs().quantile(0.9998).clamp(min=4).item()
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(1, len(PANELS), figsize=(10, 2.7), sharey=True,
                                 layout="constrained")  # fmt: skip
        for ax, digit in zip(axes, PANELS, strict=True):
            ax.scatter(*draws[labels == digit].T, s=2, color="#bbbbbb")
            ax.scatter(*codes[labels == digit].T, s=2, color=DIGIT_COLOURS[digit])
            ax.set(title=f"{digit}", xlim=(-side, side), ylim=(-side, side), aspect="equal")
        fig.suptitle(f"{title}: draws of the prior (grey), codes of test digits (colour)")
    return fig
