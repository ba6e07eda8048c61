"""Maps of a latent space of two numbers."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.distributions import Normal

from helpers.figures.maps import PANELS, digits_map, draws_and_codes, quantile_grid, tiled


def test_a_map_is_tiled_row_by_row_and_its_panels_have_the_same_axes():
    images = torch.rand(6 * 6, 1, 4, 5)
    assert torch.equal(tiled(images, 6)[:, 4:8, 10:15], images[6 + 2])
    codes, labels = torch.randn(50, 2), torch.arange(50) % 10
    fig = digits_map(torch.rand(25, 1, 8, 8), codes, labels, "title")
    left, right = fig.axes
    assert left.get_xlim() == right.get_xlim() and left.get_ylim() == right.get_ylim()
    points = np.concatenate([dots.get_offsets() for dots in right.collections])
    assert len(points) == 50 and points.min() > 0 and points.max() < 1
    of_threes = right.collections[3].get_offsets()
    assert np.allclose(of_threes, Normal(0.0, 1.0).cdf(codes[labels == 3]), atol=1e-6)
    x, y = quantile_grid(3).view(3, 3, 2).unbind(2)  # as the left panel's tiles lie
    assert (x.diff(dim=1) > 0).all() and (y.diff(dim=0) < 0).all()
    assert (x.diff(dim=0) == 0).all() and (y.diff(dim=1) == 0).all()
    plt.close(fig)


def test_each_panel_has_the_draws_and_the_codes_of_its_digit_and_all_have_the_same_axes():
    labels = torch.arange(100) % 10
    draws, codes = torch.randn(100, 2), 10 + torch.rand(100, 2)
    fig = draws_and_codes(draws, codes, labels, "title")
    assert len(fig.axes) == len(PANELS)
    for ax, digit in zip(fig.axes, PANELS, strict=True):
        of_prior, of_digits = (dots.get_offsets() for dots in ax.collections)
        assert np.allclose(of_prior, draws[labels == digit])
        assert np.allclose(of_digits, codes[labels == digit])
        assert ax.get_xlim() == ax.get_ylim() and 10 < ax.get_xlim()[1] < 12
    plt.close(fig)
