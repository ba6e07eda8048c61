"""Working with codes, on codes whose answers are known."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

from helpers.analysis.latent import (
    attribute_vector,
    attribute_vector_within,
    interpolate,
    nearest,
    predict,
)
from helpers.data.tensors import to_unit


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
    assert torch.equal(predict(model.encode, images, batch_size=5), whole)
    assert torch.equal(predict(model.encode, to_unit(images), batch_size=23), whole)
    means = predict(model, images)  # of the distribution that forward returns
    assert torch.equal(means, whole) and not means.requires_grad


def test_batches_may_be_of_several_tensors_and_give_several():
    images = torch.randint(0, 256, (23, 1, 4, 4), dtype=torch.uint8)
    labels = torch.arange(23)
    doubled, q = predict(lambda x, y: (2 * y, Normal(x, 1.0)), images, labels, batch_size=7)
    assert torch.equal(doubled, 2 * labels) and torch.equal(q, to_unit(images))


@pytest.mark.parametrize("data", [(), (torch.ones(2, 3), torch.ones(3)), (torch.ones(0, 3),)])
def test_what_cannot_be_batched_is_refused(data):
    with pytest.raises(ValueError, match="one length above 0"):
        predict(max, *data)


@pytest.mark.parametrize("mask", [np.zeros(50, bool), np.arange(50), np.ones(49, bool)])
def test_a_mask_that_chooses_nothing_or_is_a_list_of_rows_is_refused(codes, mask):
    with pytest.raises(ValueError, match="absent must be a bool array of length 50 that chooses"):
        attribute_vector(codes, np.ones(50, bool), mask)


def test_an_attribute_vector_is_the_difference_of_two_means(codes):
    present = np.arange(50) < 20
    absent = np.arange(50) >= 35  # the others are left out
    step = torch.arange(8.0)
    codes[:20] = codes[35:].mean(0) + step
    assert torch.allclose(attribute_vector(codes, present, absent), step, atol=1e-5)
    assert torch.allclose(attribute_vector(codes, absent, present), -step, atol=1e-5)


def test_attribute_vector_within_people_is_blind_to_who_they_are():
    people = np.repeat(["a", "b", "c"], [4, 2, 3])
    present = np.array([True, False, False, True, True, False, True, True, True])
    who = {"a": 10.0, "b": -3.0, "c": 99.0}  # c always has it, and must not matter
    step = torch.tensor([1.0, 2.0])
    codes = (
        torch.tensor([[who[p], 0.0] for p in people]) + torch.from_numpy(present)[:, None] * step
    )
    torch.testing.assert_close(attribute_vector_within(codes, present, people), step)


def test_interpolation_is_a_straight_line_with_its_ends(codes):
    line = interpolate(codes[0], codes[1], 5)
    assert torch.equal(line[0], codes[0]) and torch.allclose(line[-1], codes[1])
    assert torch.allclose(line[2], (codes[0] + codes[1]) / 2)
    assert torch.allclose(line.diff(dim=0), ((codes[1] - codes[0]) / 4).expand(4, 8), atol=1e-6)


def test_the_nearest_are_sorted_by_distance(codes):
    queries = codes[[7, 3]] + 1e-4
    found = nearest(codes, queries, 10)
    distances = torch.cdist(queries, codes)
    assert found.shape == (2, 10) and list(found[:, 0]) == [7, 3]
    assert np.array_equal(found, distances.argsort(1)[:, :10].numpy())


@pytest.mark.parametrize("reduce", [torch.mean, lambda x: x.mean(0, keepdim=True), lambda x: x[:1]])
def test_a_function_that_returns_no_row_for_each_is_refused(reduce):
    with pytest.raises(ValueError, match="must return a row for each of the 3 rows"):
        predict(reduce, torch.rand(5, 4), batch_size=3)


def test_what_is_returned_in_batches_keeps_its_layout():
    images = torch.rand(5, 3, 4, 4).to(memory_format=torch.channels_last)
    joined = predict(lambda x: x + 1, images, batch_size=2)
    assert torch.equal(joined, images + 1) and joined.stride() == images.stride()
