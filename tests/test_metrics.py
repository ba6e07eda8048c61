"""The split by person and the measures, against closed forms and scikit-image."""

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from helpers.analysis.metrics import (
    frechet_distance,
    kernel_distance,
    psnr,
    reconstruction_scores,
    split_by_person,
    squared_error,
    ssim,
    with_interval,
)


@pytest.fixture(scope="module")
def attrs():
    """1,000 people with one to five photos each."""
    photos = [(f"Person {i}", k + 1) for i in range(1000) for k in range(1 + i % 5)]
    index = pd.MultiIndex.from_tuples(photos, names=["person", "imagenum"])
    return pd.DataFrame({"Smiling": 0.0}, index=index)


@pytest.fixture(scope="module")
def pair():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 3, 16, 16, generator=generator)
    recon = images + 0.1 * torch.randn(images.shape, generator=generator)
    return recon, images


def test_nobody_is_in_two_parts(attrs):
    people = attrs.index.get_level_values("person")
    parts = [set(people[rows]) for rows in split_by_person(attrs)]
    assert [len(part) for part in parts] == [800, 100, 100]
    assert len(set.union(*parts)) == 1000


def test_every_photo_is_in_one_part_in_order(attrs):
    parts = split_by_person(attrs)
    assert sorted(np.concatenate(parts)) == list(range(len(attrs)))
    assert all((np.diff(rows) > 0).all() for rows in parts)


def test_the_split_depends_on_the_seed_alone(attrs):
    first, again, other = (split_by_person(attrs, seed) for seed in (42, 42, 43))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[2], other[2])


def test_a_split_of_two_people_is_refused(attrs):
    with pytest.raises(ValueError, match="at least 3 people, got 2"):
        split_by_person(attrs.iloc[:3])


def test_squared_error_clips_the_reconstruction():
    images = torch.full((2, 1, 4, 4), 0.5)
    recon = torch.stack([torch.full((1, 4, 4), 0.7), torch.full((1, 4, 4), 9.0)])
    assert squared_error(recon, images) == pytest.approx([0.04, 0.25])


def test_psnr_is_scikit_images(pair):
    recon, images = pair
    expected = [
        peak_signal_noise_ratio(a.numpy(), b.clamp(0, 1).numpy(), data_range=1)
        for a, b in zip(images, recon, strict=True)
    ]
    assert psnr(recon, images) == pytest.approx(expected, rel=1e-5)


def test_ssim_is_scikit_images(pair):
    recon, images = pair
    expected = structural_similarity(
        images[0].permute(1, 2, 0).numpy(),
        recon[0].clamp(0, 1).permute(1, 2, 0).numpy(),
        channel_axis=2,
        data_range=1,
    )
    assert ssim(recon, images)[0] == pytest.approx(expected, rel=1e-5)
    assert ssim(images, images) == pytest.approx(1)


@pytest.mark.parametrize("count", [0, 5])
def test_images_that_do_not_fit_are_refused(pair, count):
    recon, images = pair
    with pytest.raises(ValueError, match="one shape|at least one value"):
        squared_error(recon[:count], images[:0] if count == 0 else images)


def test_the_interval_has_the_width_of_the_normal_theory():
    values = np.random.default_rng(0).normal(3, 2, 2000)
    result = with_interval(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert result["value"] == pytest.approx(values.mean())
    assert result["n"] == 2000
    assert result["low"] == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert result["high"] == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_whole_people_are_drawn():
    """Ten equal photos of each person say no more than one: the width is that of 100 values."""
    one_each = np.random.default_rng(1).normal(0, 1, 100)
    ten_each, people = np.repeat(one_each, 10), np.repeat(np.arange(100), 10)
    alone, grouped, pretended = (
        r["high"] - r["low"]
        for r in (with_interval(one_each), with_interval(ten_each, people), with_interval(ten_each))
    )
    assert grouped == pytest.approx(alone, rel=1e-6)
    assert pretended < 0.5 * grouped


def test_the_interval_covers_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(2)
    people = np.repeat(np.arange(40), 3)
    covered = 0
    for _ in range(200):
        values = np.repeat(rng.normal(0, 1, 40), 3) + rng.normal(0, 0.3, 120)
        result = with_interval(values, people)
        covered += result["low"] <= 0 <= result["high"]
    assert 178 <= covered <= 199


def test_the_scores_of_a_reconstruction(pair):
    recon, images = pair
    scores = reconstruction_scores(recon, images, people=list("aabbcc"))
    assert list(scores) == ["test_mse", "test_psnr", "test_ssim"]
    assert scores["test_mse"]["value"] == pytest.approx(squared_error(recon, images).mean())
    assert all(s["low"] <= s["value"] <= s["high"] and s["n"] == 6 for s in scores.values())


def test_the_frechet_distance_is_that_of_two_gaussians():
    """Turned together, axis-aligned Gaussians keep their distance, which has a closed form."""
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    draws = rng.normal(size=(500, 4))
    draws -= draws.mean(0)
    draws = draws @ np.linalg.inv(np.linalg.cholesky(np.cov(draws.T))).T  # exactly white
    shift, scale_a, scale_b = [3, 0, -1, 2], np.array([1, 2, 3, 4]), np.array([1, 1, 5, 2])
    distance = frechet_distance(draws * scale_a @ turn, (draws[::-1] * scale_b + shift) @ turn)
    assert distance == pytest.approx(14 + ((scale_a - scale_b) ** 2).sum())
    assert frechet_distance(draws, draws) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("shape", [(5, 4), (5,), (1, 3), (5, 3, 1)])
def test_features_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="arrays .N, D. of one width"):
        frechet_distance(np.zeros((5, 3)), np.zeros(shape))


def test_kernel_distance_grows_with_the_shift():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300, 4))
    near, far = kernel_distance(a, b), kernel_distance(a, b + 1)
    assert abs(near) < 0.1 < far
    assert far == kernel_distance(a, b + 1)


def test_kernel_distance_of_an_exact_pair_of_sets():
    a, b = np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]])
    k = lambda x, y: (x * y + 1.0) ** 3  # noqa: E731
    expected = k(0, 2) + k(1, 3) - (k(0, 1) + k(0, 3) + k(2, 1) + k(2, 3)) / 2
    assert kernel_distance(a, b) == pytest.approx(expected)
