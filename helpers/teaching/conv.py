"""The checks of the exercises in autoencoders_conv.ipynb, in their order."""

import math

import numpy as np
import torch
from scipy import stats

from helpers.teaching.exercises import (
    Wrong,
    as_tensor,
    compare,
    draw,
    exercise,
    number,
    returned,
    several,
)


@exercise
def size_after_transposed(answer):
    """Size, kernel, stride, padding -> the size that `nn.ConvTranspose2d` puts out."""
    cases = [(4, 2, 2, 0), (8, 4, 2, 1), (7, 3, 1, 1), (5, 3, 2, 0)]
    sizes = [number(returned(answer, *case)) for case in cases]
    right = []
    for n, k, s, p in cases:
        layer = torch.nn.ConvTranspose2d(1, 1, k, stride=s, padding=p)
        right.append(layer(torch.zeros(1, 1, n, n)).shape[-1])
    n, k, s, p = np.array(cases).T
    compare(sizes, right, {
        "That is the convolution's size: the transposed one goes the other way.":
            (n + 2 * p - k) // s + 1,
        "Between n pixels there are n - 1 strides, not n.": n * s - 2 * p + k,
        "Padding is cut off at both sides: twice.": (n - 1) * s - p + k,
        "Padding makes the output of a transposed convolution smaller, not larger.":
            (n - 1) * s + 2 * p + k,
        "That holds for kernel 2, stride 2 only: where do kernel and padding come in?": n * s,
    }, "the size")  # fmt: skip
    return "With kernel 2 and stride 2 it doubles: 4, 8, 16, 32, 64."


@exercise
def decibels(answer):
    """Images (N, C, H, W) and originals -> PSNR (N,) in dB, for a range of 1."""
    images = 0.5 + 0.1 * draw(4, 3, 5, 5) * torch.arange(1, 5).view(4, 1, 1, 1)
    originals = torch.full_like(images, 0.5)
    mse = (images - originals).square().flatten(1).mean(1)
    right = -10 * mse.log10()
    compare(returned(answer, images, originals), right, {
        "One number for each image: average over pixels and channels only.": right.mean(),
        "One number for each image: you averaged the errors of all images first.":
            -10 * mse.mean().log10(),
        "A small error must give a large PSNR: the sign is wrong.": -right,
        "The logarithm is to the base 10.": -10 * mse.log(),
        "These images go from 0 to 1: the peak is 1, not 255.": right + 20 * math.log10(255),
        "With the mean *squared* error the factor is 10; 20 goes with its root.": 2 * right,
        "You took the absolute error: square it.":
            -10 * (images - originals).abs().flatten(1).mean(1).log10(),
        "You summed the squares: take their mean, or large images look worse.":
            -10 * (75 * mse).log10(),
    }, "the PSNR")  # fmt: skip
    return "10 dB more is a tenth of the squared error, 3 dB more is half of it."


@exercise
def paired_difference(answer):
    """Errors (N,) twice, people (N,), draws (R, P) -> mean difference, low and high percentile."""
    people = np.repeat(np.arange(8), (1, 2, 9, 3, 1, 5, 2, 4))
    hard = draw(8).exp().numpy()[people]  # some people's photos are hard, for both models
    errors_a, errors_b = (hard + draw(len(people)).numpy() * 0.3 for _ in range(2))
    errors_b = errors_b + 0.2
    draws = torch.randint(0, 8, (400, 8)).numpy()
    found = returned(answer, errors_a, errors_b, people, draws)
    if isinstance(found, (torch.Tensor, np.ndarray)):
        found = list(found)
    found = several(found, 3, "the difference and the two ends of its interval")
    value, low, high = (number(part) for part in found)
    difference, counts = errors_a - errors_b, np.bincount(people)
    by_person = np.bincount(people, weights=difference) / counts
    compare(value, difference.mean(), {
        "The sign: errors_a - errors_b is wanted.": -difference.mean(),
        "That is a mean of people's means: all photos count alike.": by_person.mean(),
        "That is the mean of one model's errors: take the difference.": errors_a.mean(),
    }, "the difference")  # fmt: skip

    def means(errors):
        return np.bincount(people, weights=errors)[draws].sum(1) / counts[draws].sum(1)

    drawn = means(difference)
    right = np.quantile(drawn, (0.025, 0.975))
    low_a, high_a = np.quantile(means(errors_a), (0.025, 0.975))
    low_b, high_b = np.quantile(means(errors_b), (0.025, 0.975))
    compare([low, high], right, {
        "The low end comes first.": right[::-1],
        "Not paired: you drew for each model by itself. Draw the *differences*.":
            [low_a - high_b, high_a - low_b],
        "Not paired: take the differences of the photos first, then one interval.":
            [low_a - low_b, high_a - high_b],
        "These draws are of people: you used their numbers as those of photos.":
            np.quantile(difference[draws].mean(1), (0.025, 0.975)),
        "Each draw is a mean of people's means: divide the sum of sums by that of counts.":
            np.quantile(by_person[draws].mean(1), (0.025, 0.975)),
        "95% leave 2.5% at each end: yours leave 5%.": np.quantile(drawn, (0.05, 0.95)),
        "Percentiles from 0 to 100, or quantiles from 0 to 1: yours are mixed up.":
            np.quantile(drawn, (0.00025, 0.00975)),
        "Those are the smallest and the largest draw: the percentiles are wanted.":
            [drawn.min(), drawn.max()],
        "That is one standard deviation: 95% take the percentiles.":
            [difference.mean() - drawn.std(), difference.mean() + drawn.std()],
    }, "the interval")  # fmt: skip
    return "An interval without 0: the one model is better, for people like these."


@exercise
def without(answer):
    """A vector (D,) and others (k, D) -> the vector less its part in their span."""
    others = draw(2, 6)
    others[1] += 2 * others[0]  # they are not at right angles
    v = draw(6) + others.sum(0)
    inside = torch.linalg.lstsq(others.T, v[:, None]).solution[:, 0] @ others
    right = v - inside
    one_by_one = v - (others @ v / others.square().sum(1)) @ others
    in_turn = v
    for other in others:
        in_turn = in_turn - (in_turn @ other) / (other @ other) * other
    compare(returned(answer, v, others), right, {
        "That is the part *in* the span: subtract it from the vector.": inside,
        "The others are not at right angles: what they share was subtracted twice.": one_by_one,
        "The others are not at right angles: the second step undid part of the first.": in_turn,
        "Divide by the others' squared lengths.": v - (others @ v) @ others,
        "Keep the length that is left: no normalising.": right / right.norm(),
        "Only the first of the others was taken away.":
            v - (v @ others[0]) / (others[0] @ others[0]) * others[0],
    }, "the cleaned vector")  # fmt: skip
    return "What is left is at right angles to every one of the others."


@exercise
def random_squares(answer):
    """Count, size, side -> bool masks (count, 1, size, size) of one square each, anywhere."""
    count, size, side = 2000, 16, 5
    masks = as_tensor(returned(answer, count, size, side), "the masks")
    if masks.dtype != torch.bool:
        kind = str(masks.dtype).removeprefix("torch.")
        raise Wrong(f"The masks must be bools, they are {kind}.")
    if masks.shape != (count, 1, size, size):
        wanted = f"(count, 1, size, size), here {(count, 1, size, size)}"
        raise Wrong(f"The shape of the masks must be {wanted}, it is {tuple(masks.shape)}.")
    _check_squares(masks[:, 0], side)
    rows, columns = (masks[:, 0].any(dim).int().argmax(1) for dim in (2, 1))
    _check_places(rows, columns, size - side)
    return "Every place is possible, and every image has its own."


def _check_squares(masks, side):
    """Masks (count, size, size): one whole square in each."""
    rows, columns = masks.any(2), masks.any(1)
    areas, size = masks.flatten(1).sum(1), masks.shape[1]
    if (areas == size**2 - side**2).all():
        raise Wrong("True is to mean covered: your masks are the other way round.")
    if (areas > side**2).any():
        raise Wrong(f"A square of side {side} covers {side**2} pixels, yours up to {areas.max()}.")
    if (areas < side**2).any():
        raise Wrong(f"Some squares cover only {areas.min()} pixels: they are cut off at the edge.")
    square = (masks == rows[:, :, None] & columns[:, None, :]).all() and (rows.sum(1) == side).all()
    if not square:
        raise Wrong("What is covered must be one square, not scattered pixels.")
    for lines in (rows, columns):
        last = size - 1 - lines.flip(1).int().argmax(1)
        if (last - lines.int().argmax(1) != side - 1).any():
            raise Wrong("Some squares leave at one edge and come in at the other: keep them whole.")


def _check_places(rows, columns, last):
    """The squares' first rows and columns (count,): each from 0 to `last`, all alike probable."""
    if (rows == rows[0]).all() and (columns == columns[0]).all():
        raise Wrong("All squares are in the same place: draw one for each image.")
    if (rows == columns).all() or (rows == last - columns).all():
        raise Wrong("All squares lie on the diagonal: draw row and column each by itself.")
    for name, place in (("row", rows), ("column", columns)):
        may_be = f"The first {name} may be from 0 to {last}, both included: yours is"
        if place.max() == last - 1:
            raise Wrong(f"{may_be} never {last} (randint leaves out its upper end).")
        if place.min() > 0 or place.max() < last:
            raise Wrong(f"{may_be} from {place.min()} to {place.max()}.")
    for name, place in (("row", rows), ("column", columns)):
        if _surprising(torch.bincount(place, minlength=last + 1)):
            raise Wrong(f"Not every first {name} is as probable as any other: use torch.randint.")
    thirds = 3 * (rows * 3 // (last + 1)) + columns * 3 // (last + 1)
    if _surprising(torch.bincount(thirds, minlength=9)):
        raise Wrong("Row and column depend on each other: draw each by itself.")


def _surprising(counts):
    """Whether equally probable places would hardly ever be hit so unequally (chi-squared)."""
    return stats.chisquare(counts.numpy()).pvalue < 1e-6


@exercise
def covered_error(answer):
    """Images (B, C, H, W), originals, masks (B, 1, H, W) -> MSE over what is covered, a number."""
    images, originals = draw(4, 3, 6, 6), draw(4, 3, 6, 6)
    masks = torch.arange(36).view(6, 6) < torch.tensor([3, 9, 20, 30]).view(4, 1, 1, 1)
    square = (images - originals).square()
    right = square[masks.expand_as(square)].mean()
    per_image = (square * masks).sum((1, 2, 3)) / (3 * masks.sum((1, 2, 3)))
    compare(returned(answer, images, originals, masks), right, {
        "Divide by the number of *covered* values, not by all pixels.": (square * masks).mean(),
        "The mask has 1 channel and the image 3: divide by 3 times the mask's sum.":
            (square * masks).sum() / masks.sum(),
        "The mask is True where the face *is* covered: you took the rest.":
            square[~masks.expand_as(square)].mean(),
        "That is a sum: divide by the number of covered values.": (square * masks).sum(),
        "Square the differences.": (images - originals).abs()[masks.expand_as(square)].mean(),
        "One number for the batch is wanted, a mean over all covered values.": per_image,
        "All covered values count alike: that is a mean of the images' means.": per_image.mean(),
    }, "the error")  # fmt: skip
    return "A loss like this looks at the hole alone, however small it is."


@exercise
def guided(answer):
    """Velocities with and without the label, (B, D) each, and a strength -> (B, D)."""
    labelled, unlabelled, strength = draw(3, 5), draw(3, 5), 2.5
    step = labelled - unlabelled
    compare(returned(answer, labelled, unlabelled, strength), unlabelled + strength * step, {
        "At strength 1 the velocity with the label must come out: start from the one without.":
            labelled + strength * step,
        "The step goes from the velocity without the label to the one with it.":
            unlabelled - strength * step,
        "Scale the difference that the label makes, not the velocity.": strength * labelled,
        "That is the step alone: add it to the velocity without the label.": strength * step,
    }, "the velocity")  # fmt: skip
    return "At 0 the label is ignored, at 1 it is followed, above 1 it is exaggerated."
