"""What is measured of digits, on strokes whose answers are known."""

import pytest
import torch

from helpers.analysis.strokes import slant, style_direction


def leaning(columns_a_row):
    """A stroke that goes so many columns to the right for each row up: (1, 28, 28)."""
    x = torch.zeros(1, 28, 28)
    for row in range(4, 24):
        x[0, row, round(14 - columns_a_row * (row - 14))] = 1
    return x


@pytest.mark.parametrize("columns_a_row", [-0.5, 0.0, 0.5])
def test_slant(columns_a_row):
    found = slant(leaning(columns_a_row)[None])
    assert found.shape == (1,) and abs(found.item() - columns_a_row) < 0.05


def test_style_direction_is_within_the_classes():
    """The first number goes with what is measured, the second with the class, which has more."""
    torch.manual_seed(0)
    style, labels = torch.randn(400), torch.arange(400) % 2
    codes = torch.stack([style, 5.0 * labels], dim=1)
    step = style_direction(codes, style + 100 * labels, labels)
    assert step[0] > 1 and abs(step[1]) < 1
