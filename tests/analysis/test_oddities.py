import numpy as np
import pytest
import torch

from helpers.analysis.oddities import cut_up, pieces


def test_squares_change_their_places_and_nothing_else():
    images = torch.rand(3, 3, 64, 64)
    cut = cut_up(images)
    assert torch.equal(cut.flatten().sort().values, images.flatten().sort().values)
    assert not torch.equal(cut, images) and torch.equal(cut, cut_up(images))
    first = cut[:, :, :16, :16]
    found = [
        torch.equal(first, square) for rows in images.split(16, 2) for square in rows.split(16, 3)
    ]
    assert sum(found) == 1


@pytest.mark.parametrize("shape", [(128, 300, 3), (200, 128)])
def test_pieces_are_of_the_photo_in_colour(shape):
    photo = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = pieces(photo, 5)
    assert found.shape == (5, 3, 64, 64) and found.min() >= 0 and found.max() <= 1
    assert torch.equal(found, pieces(photo, 5))
    assert np.isin((255 * found).round().numpy(), photo).all()
    assert not torch.equal(found[0], found[1])
