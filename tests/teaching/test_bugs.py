"""The three broken trainings show what the exercise says of them."""

import torch
from test_checks import PlainCVAE

from helpers.teaching.bugs import broken_runs, show_runs


def test_each_bug_has_its_symptom():
    torch.manual_seed(0)
    labels = torch.arange(40) % 4
    images = torch.zeros(40, 1, 28, 28, dtype=torch.uint8)
    for image, label in zip(images, labels, strict=True):
        image[0, 4 * label : 4 * label + 12, torch.randint(0, 14, ())] = 255  # strokes, somewhere
    before = torch.random.get_rng_state()
    runs = broken_runs(PlainCVAE, images, labels, steps=60, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)
    by_bug = {run.bug: run for run in runs.values()}
    assert by_bug["sample"].gradient == 0 < by_bug["collapsed"].gradient
    assert by_bug["averaged"].kl[-1] > by_bug[None].kl[-1] > by_bug["collapsed"].kl[-1]
    assert by_bug["averaged"].recon[0] == by_bug[None].recon[0]  # the same weights and batch
    assert all(run.images.shape == (3, 8, 1, 28, 28) for run in runs.values())
    assert len(show_runs(runs).axes) == 3 * len(runs)
