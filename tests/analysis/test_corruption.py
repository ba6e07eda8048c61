"""Noise and covering rectangles do what they say, and nothing else."""

import pytest
import torch

from helpers.analysis.corruption import add_noise, occlude


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def grey():
    return torch.full((200, 3, 64, 64), 0.5)


@pytest.fixture(scope="module")
def coloured():
    """No pixel has the grey of the rectangle."""
    return 0.6 + 0.4 * torch.rand(500, 3, 64, 64, generator=generator(1))


def test_noise_has_its_standard_deviation_one_for_all_or_one_an_image(grey):
    noise = add_noise(grey, 0.1, generator()) - grey
    assert noise.std().item() == pytest.approx(0.1, rel=0.01)
    assert noise.mean().item() == pytest.approx(0, abs=1e-3)
    strengths = (add_noise(grey, (0.02, 0.1), generator()) - grey).flatten(1).std(1)
    assert strengths.min() >= 0.02 * 0.97 and strengths.max() <= 0.1 * 1.03
    assert strengths.std().item() == pytest.approx(0.08 / 12**0.5, rel=0.15)  # as uniform ones
    noisy = add_noise(grey, 0.5, generator())
    assert noisy.min() == 0 and noisy.max() == 1 and torch.equal(add_noise(grey, 0.0), grey)


def test_only_the_rectangle_changes_to_grey_or_to_noise(coloured):
    occluded, mask = occlude(coloured, generator=generator())
    inside = mask.expand_as(coloured)
    assert mask.dtype == torch.bool and mask.shape == (500, 1, 64, 64)
    assert torch.equal(occluded[~inside], coloured[~inside])
    assert (occluded[inside] != coloured[inside]).all()
    grey = ((occluded == 0.5) | ~mask).flatten(1).all(1)
    assert 0.4 < grey.float().mean() < 0.6
    noise = occluded[~grey][inside[~grey]]
    assert noise.mean().item() == pytest.approx(0.5, abs=0.01)
    assert noise.std().item() == pytest.approx(12**-0.5, abs=0.01)


def test_the_mask_is_one_rectangle_of_20_to_40_percent_of_each_side(coloured):
    mask = occlude(coloured, generator=generator())[1][:, 0]
    rows, columns = mask.any(2), mask.any(1)
    assert torch.equal(mask, rows[:, :, None] & columns[:, None, :])
    for side in (rows, columns):
        assert (side.int().diff(dim=1) == 1).sum(1).max() <= 1  # one run
        lengths = side.sum(1)
        assert lengths.min() >= round(0.2 * 64) and lengths.max() <= round(0.4 * 64)
        assert lengths.float().mean().item() == pytest.approx(0.3 * 64, abs=0.8)
        assert side[:, 0].any() and side[:, -1].any()  # it reaches both edges


def test_a_generator_makes_it_repeatable(coloured):
    first, again, other = (occlude(coloured, generator=generator(seed))[0] for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_images_of_bytes_are_refused():
    for function in (add_noise, occlude):
        with pytest.raises(TypeError, match="images must be a float tensor"):
            function(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), (0.1, 0.2))
