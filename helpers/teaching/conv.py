"""The checks of the exercises in autoencoders_conv.ipynb, in their order."""

import math

import numpy as np
import torch
from scipy import stats
from torch import nn
from torch.nn import functional as F

from helpers.system.validation import describe
from helpers.teaching.exercises import (
    Wrong,
    alike,
    as_tensor,
    compare,
    draw,
    exercise,
    number,
    returned,
    several,
    tell,
)


@exercise
def size_after_transposed(answer):
    """Size, kernel, stride, padding -> the size that `nn.ConvTranspose2d` puts out."""
    cases = [(4, 2, 2, 0), (8, 4, 2, 1), (7, 3, 1, 1), (5, 3, 2, 0)]
    sizes = [number(returned(answer, *case)) for case in cases]
    n, k, s, p = np.array(cases).T
    compare(sizes, (n - 1) * s - 2 * p + k, "the size", {
        "That is the convolution's size: go the other way.": (n + 2 * p - k) // s + 1,
        "Where is the padding? p pixels are cut off at both sides.": (n - 1) * s + k,
        "Between n pixels there are n - 1 strides, not n.": n * s - 2 * p + k,
        "Padding is cut off at both sides: twice.": (n - 1) * s - p + k,
        "Padding makes the output smaller, not larger.": (n - 1) * s + 2 * p + k,
        "That holds for kernel 2, stride 2 only: where do kernel and padding come in?": n * s,
    })  # fmt: skip
    return "With kernel 2 and stride 2 it doubles: 4, 8, 16, 32, 64."


@exercise
def decibels(answer):
    """Images (N, C, H, W) and originals -> PSNR (N,) in dB, for a range of 1."""
    images = 0.5 + 0.1 * draw(4, 3, 5, 5).tanh() * torch.arange(1, 5).view(4, 1, 1, 1)
    originals = torch.full_like(images, 0.5)
    mse = (images - originals).square().flatten(1).mean(1)
    absolute = (images - originals).abs().flatten(1).mean(1)
    right = -10 * mse.log10()
    compare(returned(answer, images, originals), right, "the PSNR", {
        "One number for each image: average over pixels and channels only.": right.mean(),
        "One number for each image: you averaged over all images.": -10 * mse.mean().log10(),
        "A small error must give a large PSNR: the sign is wrong.": -right,
        "The logarithm is to the base 10.": -10 * mse.log(),
        "These images go from 0 to 1: the peak is 1, not 255.": right + 20 * math.log10(255),
        "With the mean *squared* error the factor is 10; 20 goes with its root.": 2 * right,
        "You took the root of the squared error: then the factor is 20, not 10.": right / 2,
        "You took the absolute error: square it.": -10 * absolute.log10(),
        "You summed the squares: take their mean.": -10 * (75 * mse).log10(),
    })  # fmt: skip
    return "10 dB more is a tenth of the squared error, 3 dB more is half of it."


@exercise
def own_autoencoder(build):
    """A function of latent_dim that builds a model with `encode` and `decode` for 64x64 faces."""
    model = returned(build, 6)
    if not isinstance(model, nn.Module):
        raise Wrong(f"build must return a model, an nn.Module, it returns {describe(model)}.")
    for name in ("encode", "decode"):
        if not callable(getattr(model, name, None)):
            raise Wrong(f"The model has no method {name}.")
    blocks = F.interpolate(draw(16, 3, 8, 8).sigmoid(), size=64, mode="bilinear")
    x, others = blocks.split(8)
    with torch.no_grad():
        z = passed(model.eval(), "encode", x, 6)
        first = passed(model, "decode", z, 3, 64, 64)
        passed(model, "encode", others, 6)
        if not alike(passed(model, "decode", z, 3, 64, 64), first):
            raise Wrong("decode must depend on z alone: what it makes of the same z has changed.")
    for rate in (2e-3, 2e-4):
        losses = trained_shortly(model.train(), x, rate)
        if losses[-1] < 0.95 * losses[0]:
            break
        model = returned(build, 6)
    else:
        raise Wrong(
            f"30 steps on 8 images took its error from {losses[0]:.2g} to {losses[-1]:.2g}."
        )
    with torch.no_grad():
        if alike(*(passed(model, "decode", z, 3, 64, 64) for z in (torch.zeros(8, 6), draw(8, 6)))):
            raise Wrong("After 30 steps decode makes the same of all codes: it ignores z.")
    count = sum(weight.numel() for weight in model.parameters())
    return f"{count:,} weights; 30 steps took its error from {losses[0]:.3f} to {losses[-1]:.3f}."


def passed(model, method, value, *wanted):
    """What a method makes of a batch of 8, if it is finite and of the shape (8, *wanted)."""
    result = returned(getattr(model, method), value)
    shaped = isinstance(result, torch.Tensor) and result.shape == (8, *wanted)
    if not shaped or not result.isfinite().all():
        of_batch = f"of a batch of 8 must return finite values {(8, *wanted)}"
        raise Wrong(f"{method} {of_batch}, it returns {describe(result)}.")
    return result


def trained_shortly(model, x, rate):
    """The losses of 30 steps on one batch, and that after them."""
    optimizer, losses = torch.optim.Adam(model.parameters(), rate), []
    for _ in range(31):
        loss = F.mse_loss(passed(model, "decode", passed(model, "encode", x, 6), 3, 64, 64), x)
        losses.append(loss.item())
        if not loss.requires_grad:
            raise Wrong("No gradient passes through encode and decode: no detach, no no_grad.")
        optimizer.zero_grad()
        loss.backward()
        for name, weight in model.named_parameters():
            if weight.grad is None:
                raise Wrong(f"No gradient reaches {name}: use it, cut nothing off, or take it out.")
        optimizer.step()
    return losses


@exercise
def paired_difference(answer):
    """Errors (N,) twice, people (N,), draws (R, P) -> mean difference, low and high percentile."""
    people = np.repeat(np.arange(8), (1, 2, 9, 3, 1, 5, 2, 4))
    hard = draw(8).exp().numpy()[people]  # some people's photos are hard, for both models
    a, b = (hard + draw(len(people)).numpy() * 0.3 + shift for shift in (0, 0.2))
    draws = torch.randint(0, 8, (400, 8)).numpy()
    found = returned(answer, a, b, people, draws)
    found = list(found) if isinstance(found, (torch.Tensor, np.ndarray)) else found
    found = several(found, 3, "the difference and the two ends of its interval")
    value, *ends = (number(part) for part in found)
    counts = np.bincount(people)
    by_person = np.bincount(people, weights=a - b) / counts
    compare(value, (a - b).mean(), "the difference", {
        "The sign: errors_a - errors_b is wanted.": (b - a).mean(),
        "That is a mean of people's means: all photos count alike.": by_person.mean(),
        "That is the mean of one model's errors: take the difference.": a.mean(),
    })  # fmt: skip

    def middle(means, share=0.025):
        return np.quantile(means, (share, 1 - share))

    def interval(errors, *share):
        sums = np.bincount(people, weights=errors)
        return middle(sums[draws].sum(1) / counts[draws].sum(1), *share)

    compare(ends, interval(a - b), "the interval", {
        "The low end comes first.": interval(a - b)[::-1],
        "Not paired: draw the *differences* of the photos.": interval(a) - interval(b)[::-1],
        "Not paired: take the differences first.": interval(a) - interval(b),
        "These draws are of people: you used them as photos.": middle((a - b)[draws].mean(1)),
        "Divide the sum of sums by that of counts.": middle(by_person[draws].mean(1)),
        "95% leave 2.5% at each end: yours leave 5%.": interval(a - b, 0.05),
    })  # fmt: skip
    return "An interval without 0: the one model is better, for people like these."


@exercise
def without(answer):
    """A vector (D,) and others (k, D) -> the vector less its part in their span."""
    others = draw(2, 6)
    others[1] += 2 * others[0]  # they are not at right angles
    v = draw(6) + others.sum(0)
    inside = torch.linalg.lstsq(others.T, v[:, None]).solution[:, 0] @ others
    one_by_one = v - (others @ v / others.square().sum(1)) @ others
    in_turn = v
    for other in others:
        in_turn = in_turn - (in_turn @ other) / (other @ other) * other
    compare(returned(answer, v, others), v - inside, "the cleaned vector", {
        "That is the part *in* the span: subtract it from the vector.": inside,
        "The others are not at right angles: what they share was subtracted twice.": one_by_one,
        "The others are not at right angles: the second step undid part of the first.": in_turn,
        "Divide by the others' squared lengths.": v - (others @ v) @ others,
        "Keep the length that is left: no normalising.": (v - inside) / (v - inside).norm(),
    })  # fmt: skip
    return "What is left is at right angles to every one of the others."


@exercise
def random_squares(answer):
    """Count, size, side -> bool masks (count, 1, size, size) of one square each, anywhere."""
    count, size, side = 2000, 16, 5
    masks, wanted = as_tensor(returned(answer, count, size, side), "the masks"), (count, 1, 16, 16)
    if masks.dtype != torch.bool or masks.shape != wanted:
        raise Wrong(f"The masks must be bools of shape {wanted}, they are {describe(masks)}.")
    lines = masks[:, 0].any(2), masks[:, 0].any(1)  # rows and columns that are touched
    areas = masks.flatten(1).sum(1)
    rows, columns = (line.int().argmax(1) for line in lines)  # the first of each
    squares = (m[r : r + 5, c : c + 5] for m, r, c in zip(masks[:, 0], rows, columns, strict=True))
    whole = all(square.sum() == 25 for square in squares)
    places = zip(rows.tolist(), columns.tolist(), strict=True)
    tell({
        "True is to mean covered: yours is the other way round.": (areas == size**2 - 25).all(),
        f"A square of side 5 covers 25 pixels, yours up to {areas.max()}.": (areas > 25).any(),
        f"Some squares are cut off at the edge: they cover {areas.min()}.": (areas < 25).any(),
        "What is covered must be one whole square, not split at an edge.": not whole,
        "All squares are in the same place: draw one for each image.": len(set(places)) == 1,
        "All squares lie on the diagonal: draw both by themselves.": (rows == columns).all(),
    })  # fmt: skip
    last = size - side
    for name, place in (("row", rows), ("column", columns)):
        if place.max() != last or place.min() != 0:
            yours = f"yours is from {place.min()} to {place.max()} (randint leaves out its end)"
            raise Wrong(f"The first {name} may be from 0 to {last}, both included: {yours}.")
    thirds = 3 * (rows * 3 // (last + 1)) + columns * 3 // (last + 1)
    for places, few in ((rows, last + 1), (columns, last + 1), (thirds, 9)):
        if stats.chisquare(torch.bincount(places, minlength=few).numpy()).pvalue < 1e-6:
            raise Wrong("Not every place is as probable as any other: draw with torch.randint.")
    return "Every place is possible, and every image has its own."


@exercise
def covered_error(answer):
    """Images (B, C, H, W), originals, masks (B, 1, H, W) -> MSE over what is covered, a number."""
    images, originals = draw(4, 3, 6, 6), draw(4, 3, 6, 6)
    masks = torch.arange(36).view(6, 6) < torch.tensor([3, 9, 20, 30]).view(4, 1, 1, 1)
    square, inside = (images - originals).square(), masks.expand(4, 3, 6, 6)
    each = (square * masks).sum((1, 2, 3)) / (3 * masks.sum((1, 2, 3)))
    compare(returned(answer, images, originals, masks), square[inside].mean(), "the error", {
        "Divide by the number of *covered* values, not by all pixels.": (square * masks).mean(),
        "The image has 3 channels: divide by 3 times the mask's sum.": 3 * square[inside].mean(),
        "The mask is True where the face *is* covered: you took the rest.": square[~inside].mean(),
        "That is a sum: divide by the number of covered values.": square[inside].sum(),
        "Square the differences.": (images - originals).abs()[inside].mean(),
        "One number for the batch is wanted, a mean over all covered values.": each,
        "All covered values count alike: that is a mean of the images' means.": each.mean(),
    })  # fmt: skip
    return "A loss like this looks at the hole alone, however small it is."
