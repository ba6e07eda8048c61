"""Working with codes, on codes whose answers are known; and PCA, the yardstick."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

import get_dataset
from helpers.analysis.latent import (
    apply_in_batches,
    attribute_vector,
    attribute_vector_within,
    interpolate,
    nearest,
)
from helpers.analysis.pca import fit_pca, load_or_fit_pca
from helpers.training.loop import to_unit


class Pixels(nn.Module):
    """Its code is the image."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))

    def encode(self, x):
        return x.flatten(1) * self.factor

    def forward(self, x):
        return Normal(self.encode(x), 1.0)


@pytest.fixture
def codes():
    return torch.randn(50, 8, generator=torch.Generator().manual_seed(0))


def test_batches_give_what_the_whole_gives():
    images = torch.randint(0, 256, (23, 3, 4, 4), dtype=torch.uint8)
    model = Pixels()
    whole = model.encode(to_unit(images)).detach()
    assert torch.equal(apply_in_batches(model.encode, images, batch_size=5), whole)
    assert torch.equal(apply_in_batches(model.encode, to_unit(images), batch_size=23), whole)
    means = apply_in_batches(model, images)  # of the distribution that forward returns
    assert torch.equal(means, whole) and not means.requires_grad


def test_an_attribute_vector_is_the_difference_of_two_means(codes):
    present = np.arange(50) < 20
    absent = np.arange(50) >= 35  # the others are left out
    step = torch.arange(8.0)
    codes[:20] = codes[35:].mean(0) + step
    assert torch.allclose(attribute_vector(codes, present, absent), step, atol=1e-5)
    assert torch.allclose(attribute_vector(codes, absent, present), -step, atol=1e-5)


@pytest.mark.parametrize(
    ("present", "message"),
    [
        (np.zeros(50, bool), "present must choose some of the 50 codes, got none"),
        (np.ones(49, bool), "present must be a bool array of length 50"),
        (np.ones(50), "present must be a bool array of length 50, got float64"),
    ],
)
def test_a_bad_mask_is_refused(codes, present, message):
    with pytest.raises(ValueError, match=message):
        attribute_vector(codes, present, np.ones(50, bool))


@pytest.mark.filterwarnings("error")
def test_a_mask_may_be_read_only_as_pandas_gives_it(codes):
    present = np.arange(50) < 20
    present.flags.writeable = False
    assert attribute_vector(codes, present, ~present).shape == (8,)


def test_interpolation_is_a_straight_line_with_its_ends(codes):
    line = interpolate(codes[0], codes[1], 5)
    assert torch.equal(line[0], codes[0]) and torch.allclose(line[-1], codes[1])
    assert torch.allclose(line[2], (codes[0] + codes[1]) / 2)
    assert torch.allclose(line.diff(dim=0), ((codes[1] - codes[0]) / 4).expand(4, 8), atol=1e-6)


def test_interpolation_needs_two_steps(codes):
    with pytest.raises(ValueError, match="steps must be an integer of at least 2, got 1"):
        interpolate(codes[0], codes[1], 1)


def test_interpolation_needs_codes_of_one_length(codes):
    with pytest.raises(ValueError, match="start and end must have one shape"):
        interpolate(codes[0], codes[1, :1], 3)


@pytest.mark.parametrize("value", [1e31, float("inf")])
def test_codes_whose_distance_is_infinite_have_no_neighbours(codes, value):
    codes = codes.float().clone()
    codes[0, 0] = value
    with pytest.raises(ValueError, match="codes must be"):
        nearest(codes, codes[:1], 1)


def test_the_nearest_are_sorted_by_distance(codes):
    queries = codes[[7, 3]] + 1e-4
    found = nearest(codes, queries, 10)
    distances = torch.cdist(queries, codes)
    assert found.shape == (2, 10) and list(found[:, 0]) == [7, 3]
    assert np.array_equal(found, distances.argsort(1)[:, :10].numpy())


def test_the_nearest_images_are_compared_pixel_by_pixel():
    images = torch.rand(9, 3, 4, 4)
    assert list(nearest(images, images, 1)[:, 0]) == list(range(9))


def test_pca_has_seen_the_mirrored_faces_too():
    """The mean is symmetric; every component is its own mirror image, or its negative."""
    torch.manual_seed(0)
    strength = 0.5 ** torch.arange(4)  # no two directions alike
    patterns = torch.randn(4, 3 * 6 * 6) * strength[:, None]
    images = (128 + 20 * torch.randn(300, 4) @ patterns).clamp(0, 255).byte().view(-1, 3, 6, 6)
    pca = fit_pca(images, 3)
    mean = pca.mean_.reshape(3, 6, 6)
    assert np.allclose(mean, mean[:, :, ::-1], atol=1e-6)
    for component in pca.components_.reshape(3, 3, 6, 6):
        cosine = (component * component[:, :, ::-1]).sum()
        assert abs(cosine) == pytest.approx(1, abs=1e-2)


def test_pca_with_all_components_gives_the_images_back():
    images = torch.randint(0, 256, (40, 3, 4, 4), dtype=torch.uint8)
    pca = fit_pca(images, 48)
    vectors = to_unit(images).flatten(1).numpy()
    assert np.allclose(pca.inverse_transform(pca.transform(vectors)), vectors, atol=1e-4)


def test_a_pca_that_was_kept_is_the_one_that_was_fitted(tmp_path, monkeypatch):
    monkeypatch.setattr(get_dataset, "CACHE_DIRS", [tmp_path])
    images = torch.randint(0, 256, (40, 3, 4, 4), dtype=torch.uint8)
    fitted, first, kept = fit_pca(images, 5), load_or_fit_pca(images, 5), load_or_fit_pca(images, 5)
    vectors = to_unit(images).flatten(1).numpy()
    for pca in (first, kept):
        assert np.allclose(pca.transform(vectors), fitted.transform(vectors), atol=1e-5)
        for name in ("components_", "mean_", "explained_variance_"):
            assert (getattr(pca, name) == getattr(fitted, name)).all()
        assert (pca.noise_variance_, pca.n_components_) == (fitted.noise_variance_, 5)
    assert len(list(tmp_path.glob("pca-*"))) == 1
    assert (load_or_fit_pca(255 - images, 5).mean_ != fitted.mean_).any()
    assert len(list(tmp_path.glob("pca-*"))) == 2


@pytest.mark.fault("survived")
def test_a_damaged_pca_is_fitted_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(get_dataset, "CACHE_DIRS", [tmp_path])
    images = torch.randint(0, 256, (40, 3, 4, 4), dtype=torch.uint8)
    fitted = load_or_fit_pca(images, 5)
    (file,) = tmp_path.glob("pca-*/pca.npz")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 255
    file.write_bytes(data)
    assert (load_or_fit_pca(images, 5).components_ == fitted.components_).all()


@pytest.mark.parametrize("components", [0, 49])
def test_too_many_components_are_refused(components):
    images = torch.zeros(40, 3, 4, 4, dtype=torch.uint8)
    with pytest.raises(ValueError, match="components must be .* (1|48)"):
        fit_pca(images, components)


def test_attribute_vector_within_people_is_blind_to_who_they_are():
    people = np.repeat(["a", "b", "c"], [4, 2, 3])
    present = np.array([True, False, False, True, True, False, True, True, True])
    who = {"a": 10.0, "b": -3.0, "c": 99.0}  # c always has it, and must not matter
    step = torch.tensor([1.0, 2.0])
    codes = (
        torch.tensor([[who[p], 0.0] for p in people]) + torch.from_numpy(present)[:, None] * step
    )
    torch.testing.assert_close(attribute_vector_within(codes, present, people), step)


def test_attribute_vector_within_people_needs_somebody_with_both():
    with pytest.raises(ValueError, match="present must be true and false of photos of one person"):
        attribute_vector_within(torch.ones(2, 3), np.array([True, False]), np.array(["a", "b"]))
    with pytest.raises(ValueError, match="present must be an array of 2 bools"):
        attribute_vector_within(torch.ones(2, 3), np.array([True]), np.array(["a", "b"]))
