import numpy as np
import torch

from helpers.analysis.probes import read_labels, two_sample_accuracy

LABELS = torch.arange(3).repeat(200)


def codes(spread, seed=0, labels=LABELS, dim=4):
    """Codes around a corner of their class's own, `spread` away from the others."""
    noise = torch.randn(len(labels), dim, generator=torch.Generator().manual_seed(seed))
    return noise + spread * torch.nn.functional.one_hot(labels, dim)


def sets(spread):
    return [(codes(spread, seed), LABELS) for seed in range(3)]


def test_a_label_that_is_there_is_read_and_one_that_is_not_is_guessed():
    assert read_labels(*sets(8)).mean() > 0.99
    assert 0.25 < read_labels(*sets(0)).mean() < 0.42


def test_a_class_that_differs_in_its_spread_alone_is_read_by_gaussians():
    wide = [(noise * (1 + 9 * (labels == 1))[:, None], labels) for noise, labels in sets(0)]
    right = read_labels(*wide)
    assert right[LABELS == 1].mean() > 0.9


def test_where_a_class_has_too_few_codes_neighbours_alone_read():
    few = torch.tensor([0] * 30 + [1] * 30)
    wide = [(codes(8, seed, few, dim=40), few) for seed in range(3)]
    assert read_labels(*wide).mean() > 0.95


def test_codes_are_told_from_draws_where_they_differ():
    draws = codes(0, seed=5)
    assert 0.45 < two_sample_accuracy(draws, codes(0), LABELS) < 0.55
    assert two_sample_accuracy(draws, codes(0) + 6, LABELS) > 0.99
    moved = codes(0) + 6 * (LABELS == 2)[:, None]
    assert 0.6 < two_sample_accuracy(draws, moved, LABELS) < 0.7  # a third of the classes is


def test_the_same_codes_give_the_same_share():
    a, b = codes(0), codes(0.5, seed=1)
    assert two_sample_accuracy(a, b, LABELS) == two_sample_accuracy(a, b, LABELS)
    assert np.array_equal(read_labels(*sets(1)), read_labels(*sets(1)))
