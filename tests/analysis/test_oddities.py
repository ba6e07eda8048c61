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
    row, column = np.indices(shape[:2])
    photo = row if len(shape) == 2 else np.stack([row, column // 2, 0 * row], axis=2)
    photo = photo.astype(np.uint8)
    found = pieces(photo, 5)
    assert found.shape == (5, 3, 64, 64) and found.min() >= 0 and found.max() <= 1
    assert torch.equal(found, pieces(photo, 5))
    values = (255 * found).round()  # of every second pixel
    assert (values[:, 0].diff(dim=1) == 2).all()
    assert len(shape) == 2 or ((values[:, 1].diff(dim=2) == 1).all() and not values[:, 2].any())
    assert not torch.equal(found[0], found[1])
