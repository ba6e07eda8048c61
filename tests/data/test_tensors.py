"""Images become tensors of bytes, floats when a batch needs them, and are changed at random."""

import numpy as np
import pytest
import torch

from helpers.data.augment import jitter
from helpers.data.labels import as_labels
from helpers.data.tensors import as_floats, random_flip, to_tensor, to_unit


def test_images_become_a_tensor_and_back(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 4, 3), dtype=np.uint8)
    tensor = to_tensor(images)
    assert tensor.dtype == torch.uint8 and tensor.shape == (5, 3, 6, 4)
    assert np.array_equal(tensor.permute(0, 2, 3, 1).numpy(), images)
    assert to_tensor(images[..., 0]).shape == (5, 1, 6, 4)
    unit = to_unit(tensor)
    assert unit.dtype == torch.float32 and torch.equal((unit * 255).round().byte(), tensor)
    assert torch.equal(as_floats(tensor), unit) and as_floats(unit) is unit
    np.save(tmp_path / "photos.npy", images)  # a memory map that may only be read
    assert torch.equal(to_tensor(np.load(tmp_path / "photos.npy", mmap_mode="r")), tensor)


@pytest.mark.parametrize("images", [np.zeros((2, 8, 8, 3)), np.zeros((8, 8), np.uint8)])
def test_other_arrays_are_no_images(images):
    with pytest.raises(ValueError, match="images must be uint8 of shape"):
        to_tensor(images)


def test_half_of_the_images_are_mirrored_whole():
    torch.manual_seed(0)
    images = torch.rand(400, 3, 4, 5)
    flipped = random_flip(images)
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert (mirrored ^ kept).all() and 0.4 < mirrored.float().mean() < 0.6


def test_jitter_keeps_the_picture_and_moves_it():
    torch.manual_seed(0)
    x = torch.zeros(64, 1, 28, 28)
    x[:, :, 6:22, 11:17] = 1
    moved = jitter(x)
    assert moved.shape == x.shape and moved.min() >= 0 and moved.max() <= 1 + 1e-6
    assert 0.01 < (moved - x).abs().mean() < 0.15
    torch.testing.assert_close(jitter(x, 0, 0, 0), x, atol=1e-4, rtol=0)


def test_labels_are_a_number_a_list_or_a_tensor_from_0_to_9():
    for labels in ([3, 9], torch.tensor([3, 9], dtype=torch.uint8), np.array([3, 9])):
        assert torch.equal(as_labels(labels, 2), torch.tensor([3, 9]))
        assert torch.equal(as_labels(labels), torch.tensor([3, 9]))
    assert torch.equal(as_labels(7), torch.tensor([7]))
    assert torch.equal(as_labels(7, 3), torch.tensor([7, 7, 7]))
    for labels, message in (
        (torch.tensor([4]), "labels must be 2 integers, one for each row, got a int64 tensor"),
        ([1.0, 2.0], r"one for each row, got \[1.0, 2.0\]"),
        ([[1, 2]], "labels must be 2 integers"),
        ([0, 12], "labels must be from 0 to 9, got 0 to 12"),
        (-1, "labels must be from 0 to 9, got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            as_labels(labels, 2)
