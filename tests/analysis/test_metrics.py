"""The split by person and the measures, against closed forms and scikit-image."""

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from helpers.analysis.metrics import (
    bootstrap_interval,
    bootstrap_ratio,
    compare,
    frechet_distance,
    isolated_bright_pixels,
    kernel_distance,
    mean_and_range,
    nearest_ratio,
    precision,
    psnr,
    psnr_where,
    recall,
    sharpness,
    split_by_person,
    squared_error,
    ssim,
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


def test_nobody_is_in_two_parts_and_the_seed_decides(attrs):
    people = attrs.index.get_level_values("person")
    parts = split_by_person(attrs)
    assert [len(set(people[rows])) for rows in parts] == [800, 100, 100]
    assert len({person for rows in parts for person in people[rows]}) == 1000
    assert sorted(np.concatenate(parts)) == list(range(len(attrs)))
    again, other = split_by_person(attrs, seed=42), split_by_person(attrs, seed=43)
    assert np.array_equal(again[2], parts[2]) and not np.array_equal(other[2], parts[2])


def test_errors_of_images_are_scikit_images_after_clipping(pair):
    recon, images = pair
    pairs = [(a.numpy(), b.clamp(0, 1).numpy()) for a, b in zip(images, recon, strict=True)]
    assert squared_error(recon, images) == pytest.approx([((a - b) ** 2).mean() for a, b in pairs])
    expected = [peak_signal_noise_ratio(*both, data_range=1) for both in pairs]
    assert psnr(recon, images) == pytest.approx(expected, rel=1e-5)
    expected = [structural_similarity(*both, channel_axis=0, data_range=1) for both in pairs]
    assert ssim(recon, images) == pytest.approx(expected, rel=1e-5)


def test_what_would_give_a_wrong_number_is_refused(pair):
    recon, images = pair
    as_bytes = (255 * images.clamp(0, 1)).byte()
    for wrong in (as_bytes, 255 * images, images[:3], images[:, :1], images * torch.nan):
        with pytest.raises((TypeError, ValueError), match="images"):
            squared_error(recon, wrong)
    for values, people in (([], None), ([1, np.nan], None), ([1, 2], ["a"]), ([1, 2], ["a", "a"])):
        with pytest.raises(ValueError, match="values.* must be"):
            bootstrap_interval(values, people)


def test_the_interval_has_the_width_of_the_normal_theory():
    values = np.random.default_rng(0).normal(3, 2, 2000)
    result = bootstrap_interval(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert result["value"] == pytest.approx(values.mean()) and result["n"] == 2000
    assert result["low"] == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert result["high"] == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_whole_people_are_drawn():
    """Ten equal photos of each person say no more than one: the width is that of 100 values."""
    one_each = np.random.default_rng(1).normal(0, 1, 100)
    ten_each, people = np.repeat(one_each, 10), np.repeat(np.arange(100), 10)
    alone, grouped, pretended = (
        r["high"] - r["low"]
        for r in (
            bootstrap_interval(one_each),
            bootstrap_interval(ten_each, people),
            bootstrap_interval(ten_each),
        )
    )
    assert grouped == pytest.approx(alone, rel=1e-6)
    assert pretended < 0.5 * grouped


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


def test_kernel_distance_grows_with_the_shift_and_has_a_deviation():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300, 4))
    near, far = kernel_distance(a, b), kernel_distance(a, b + 1)
    assert abs(near["value"]) < 3 * near["deviation"] < far["value"]
    assert far == kernel_distance(a, b + 1)


def test_a_distance_over_draws_has_its_spread():
    reference = np.random.default_rng(0).normal(size=(50, 3))
    found = mean_and_range(frechet_distance, [reference + t for t in (1, 2, 3)], reference)
    expected = {"value": 14, "low": 3, "high": 27, "n": 3}
    assert found == {name: pytest.approx(value) for name, value in expected.items()}


def test_the_error_of_a_part_is_that_of_the_part(pair):
    recon, images = pair
    mask = torch.zeros(6, 1, 16, 16, dtype=torch.bool)
    mask[:, :, 2:5, 3:9] = True
    of_part = squared_error(recon[:, :, 2:5, 3:9], images[:, :, 2:5, 3:9])
    assert psnr_where(recon, images, mask) == pytest.approx(-10 * np.log10(of_part), rel=1e-5)
    assert psnr_where(recon, images, mask[:1]) == pytest.approx(-10 * np.log10(of_part))
    everywhere = torch.ones_like(mask)
    assert psnr_where(recon, images, everywhere) == pytest.approx(psnr(recon, images))
    for wrong in (mask & False, mask.float(), mask[:3]):
        with pytest.raises(ValueError, match="mask must be a bool tensor"):
            psnr_where(recon, images, wrong)


def test_sharpness_is_the_differences_of_neighbours():
    steps = torch.tensor([0.0, 0.5, 0.5, 1.0]).expand(2, 3, 4, 4)
    assert sharpness(steps) == sharpness(steps.mT) == pytest.approx(1 / 3)


def test_copies_are_nearer_than_held_out_codes():
    codes = torch.randn(600, 5, generator=torch.Generator().manual_seed(0))
    new, held_out, train = codes[:100], codes[100:200], codes[200:]
    assert nearest_ratio(new, held_out, train) == pytest.approx(1, abs=0.2)
    assert nearest_ratio(train[:50], held_out, train) == pytest.approx(0, abs=1e-3)


def test_models_are_compared_with_the_baseline_on_the_same_images(pair):
    recon, images = pair
    people, models = list("aabbcc"), {"PCA": recon, "our UNet": lambda x: (recon + 2 * x) / 3}
    scores = compare(models, images, people, baseline="PCA")
    assert torch.equal(scores.images["PCA"], recon.clamp(0, 1))
    ours, pca = (squared_error(scores.images[name], images) for name in ("our UNet", "PCA"))
    assert np.array_equal(scores.errors["our UNet"], ours)
    found = scores.metrics("our UNet")
    assert found["test_ssim"] == bootstrap_interval(ssim(scores.images["our UNet"], images), people)
    assert found["mse_minus_pca"] == bootstrap_interval(ours - pca, people)
    assert found["mse_of_pca"] == pytest.approx(ours.mean() / pca.mean())
    assert list(scores.metrics("PCA")) == ["test_mse", "test_psnr", "test_ssim"]
    assert all(s["low"] <= s["value"] <= s["high"] for s in scores.metrics("PCA").values())
    table = scores.table()
    assert list(table.index) == list(models) and table["test MSE"]["PCA"] == round(pca.mean(), 5)
    assert table["minus PCA's"].tolist() == ["", f"{(ours - pca).mean():.5f}"]
    assert table["share of PCA's"]["our UNet"] == f"{found['mse_of_pca']:.3f}"
    low, high = (f"{found['mse_minus_pca'][end]:.5f}" for end in ("low", "high"))
    assert table["95% interval"]["our UNet"] == f"{low} to {high}"
    assert "95% interval" not in compare(models, images).table()
    as_bytes = (255 * images).round().byte()
    assert compare(models, as_bytes).errors["PCA"] == pytest.approx(pca, rel=0.1)


def test_the_interval_of_a_ratio_knows_of_the_uncertainty_below_the_line():
    rng = np.random.default_rng(0)
    people = np.arange(900) // 3
    below = np.repeat(rng.normal(2, 1, 300), 3)  # alike within a person
    found = bootstrap_ratio(0.5 * below, below, people)  # the ratio is the same for everybody
    assert (found["low"], found["value"], found["high"], found["n"]) == (0.5, 0.5, 0.5, 900)
    found = bootstrap_ratio(np.ones(900), below, people)
    half = 1.96 * below.std() / np.sqrt(300) / 2**2  # by the delta method, at means 1 and 2
    assert found["value"] == pytest.approx(1 / below.mean())
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.15)


def test_precision_is_lost_by_foreign_samples_and_recall_by_missing_ones():
    rng = np.random.default_rng(0)
    real, again = rng.normal(size=(2, 400, 3))
    real[:200] += 20  # two clusters
    again[:200] += 20
    assert precision(again, real) > 0.8 and recall(again, real) > 0.8
    one_mode = again[200:]
    assert precision(one_mode, real) > 0.8 and 0.4 < recall(one_mode, real) < 0.51
    half_foreign = np.concatenate([again[:200], rng.normal(size=(200, 3)) - 50])
    assert 0.4 < precision(half_foreign, real) < 0.51
    # On a line: radii 1 (of the nearest); 3 is the edge of the ball around 2, 3.1 is outside
    line, asked = np.array([[0.0], [1.0], [2.0]]), np.array([[3.0], [3.1], [-0.5], [-1.2]])
    assert precision(asked, line, k=1) == 0.5 == recall(line, asked, k=1)


def test_a_speck_is_brighter_than_all_its_neighbours():
    images = torch.full((3, 3, 8, 8), 0.3)
    images[1, :, 2, 2] = images[1, :, 0, 7] = 0.45  # one of them in a corner
    images[1, :, 5, 5] = 0.35  # not by the threshold
    images[2, :, 4, :] = 0.9  # a line: each pixel has neighbours as bright
    assert isolated_bright_pixels(images).tolist() == [0, 2, 0]
    assert isolated_bright_pixels(images, threshold=0.2).tolist() == [0, 0, 0]
