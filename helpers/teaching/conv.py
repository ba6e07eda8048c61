"""The checks of the exercises in autoencoders_conv.ipynb. Each prints a verdict: `exercise`."""

import torch

from helpers.teaching.exercises import Wrong, choice, compare, draw, exercise, number, returned


@exercise
def parameters_of_a_block(answer, double_conv):
    """Channels in and out -> how many numbers a `double_conv` learns."""
    sizes = [(3, 8), (16, 32), (32, 16)]
    counts = [number(returned(answer, a, b)) for a, b in sizes]
    right = [sum(p.numel() for p in double_conv(a, b).parameters()) for a, b in sizes]
    compare(
        torch.tensor(counts),
        torch.tensor(right),
        {
            "The normalisations learn too: a scale and a shift for each of their channels.": [
                r - 4 * b for r, (_, b) in zip(right, sizes, strict=True)
            ],
            "These convolutions have no bias (`bias=False`): the normalisation shifts anyway.": [
                r + 2 * b for r, (_, b) in zip(right, sizes, strict=True)
            ],
            "These convolutions have no bias, and the normalisations learn scale and shift.": [
                r - 2 * b for r, (_, b) in zip(right, sizes, strict=True)
            ],
            "A kernel is 3x3: each pair of channels has 9 weights, not 3.": [
                3 * a * b + 3 * b * b + 4 * b for a, b in sizes
            ],
            "The second convolution goes from channels_out to channels_out.": [
                18 * a * b + 4 * b for a, b in sizes
            ],
        },
        "the count",
    )
    return f"{right[1]:,} from 16 to 32 channels, for an image of any size: weights are shared."


@exercise
def size_after_transposed(answer):
    """Size, kernel, stride, padding -> the size that `nn.ConvTranspose2d` puts out."""
    cases = [(4, 2, 2, 0), (8, 4, 2, 1), (7, 3, 1, 1), (5, 3, 2, 0)]
    sizes = [number(returned(answer, *case)) for case in cases]
    right = []
    for n, k, s, p in cases:
        layer = torch.nn.ConvTranspose2d(1, 1, k, stride=s, padding=p)
        right.append(layer(torch.zeros(1, 1, n, n)).shape[-1])
    compare(
        torch.tensor(sizes),
        torch.tensor(right),
        {
            "That is the convolution's size: the transposed one goes the other way.": [
                (n + 2 * p - k) // s + 1 for n, k, s, p in cases
            ],
            "Between n pixels there are n - 1 strides, not n.": [
                n * s - 2 * p + k for n, k, s, p in cases
            ],
            "Padding is cut off at both sides: twice.": [
                (n - 1) * s - p + k for n, k, s, p in cases
            ],
            "Padding makes the output of a transposed convolution smaller, not larger.": [
                (n - 1) * s + 2 * p + k for n, k, s, p in cases
            ],
            "That holds for kernel 2, stride 2 only: where do kernel and padding come in?": [
                n * s for n, _, s, _ in cases
            ],
        },
        "the size",
    )
    return "With kernel 2 and stride 2 it doubles: 4, 8, 16, 32, 64."


@exercise
def decibels(answer):
    """Images (N, C, H, W) and originals -> PSNR (N,) in dB, for a range of 1."""
    images = 0.5 + 0.1 * draw(4, 3, 5, 5) * torch.arange(1, 5).view(4, 1, 1, 1)
    originals = torch.full_like(images, 0.5)
    mse = (images - originals).square().flatten(1).mean(1)
    right = -10 * mse.log10()
    compare(
        returned(answer, images, originals),
        right,
        {
            "One number for each image: average over pixels and channels only.": right.mean(),
            "One number for each image: you averaged the errors of all images first.": (
                -10 * mse.mean().log10()
            ),
            "A small error must give a large PSNR: the sign is wrong.": -right,
            "The logarithm is to the base 10.": -10 * mse.log(),
            "With the mean *squared* error the factor is 10; 20 goes with its root.": 2 * right,
            "You took the absolute error: square it.": (
                -10 * (images - originals).abs().flatten(1).mean(1).log10()
            ),
            "You summed the squares: take their mean, or large images look worse.": (
                -10 * (75 * mse).log10()
            ),
        },
        "the PSNR",
    )
    return "10 dB more is a tenth of the squared error, 3 dB more is half of it."


@exercise
def lead_over_pca(answer, ratio_many, ratio_few):
    """A guess whether the lead over PCA grows or shrinks with fewer numbers, and what was found."""
    guess = choice(answer, "grow", "shrink")
    found = "grow" if ratio_few < ratio_many else "shrink"
    errors = f"{ratio_many:.3f} of PCA's with many numbers, {ratio_few:.3f} with few"
    if guess != found:
        raise Wrong(f"The network's error is {errors}: the lead {found}s. What does PCA lack?")
    return f"The network's error is {errors}."


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
    compare(
        returned(answer, v, others),
        right,
        {
            "That is the part *in* the span: subtract it from the vector.": inside,
            "The others are not at right angles: what they share was subtracted twice.": one_by_one,
            "The others are not at right angles: the second step undid part of the first.": in_turn,
            "Divide by the others' squared lengths.": v - (others @ v) @ others,
            "Keep the length that is left: no normalising.": right / right.norm(),
            "Only the first of the others was taken away.": (
                v - (v @ others[0]) / (others[0] @ others[0]) * others[0]
            ),
        },
        "the cleaned vector",
    )
    return "What is left is at right angles to every one of the others."


@exercise
def who_is_drawn(answer, psnr_swapped, psnr_alone):
    """A guess what decides whose face is drawn, and the PSNR with the one and with the other."""
    guess = choice(answer, "features", "code")
    found = "features" if psnr_swapped > psnr_alone else "code"
    measured = (
        f"with the right features and another's code it is {psnr_swapped:.1f} dB, "
        f"with the right code alone {psnr_alone:.1f} dB"
    )
    if guess != found:
        raise Wrong(f"Look at the figure: {measured}.")
    return f"Measured: {measured}."


@exercise
def random_squares(answer):
    """Count, size, side -> bool masks (count, 1, size, size) of one square each, anywhere."""
    count, size, side = 200, 16, 5
    masks = returned(answer, count, size, side)
    if not isinstance(masks, torch.Tensor) or masks.dtype != torch.bool:
        kind = masks.dtype if isinstance(masks, torch.Tensor) else type(masks).__name__
        raise Wrong(f"The masks must be a tensor of bools, they are {kind}.")
    if masks.shape != (count, 1, size, size):
        wanted = f"(count, 1, size, size), here {(count, 1, size, size)}"
        raise Wrong(f"The shape of the masks must be {wanted}, it is {tuple(masks.shape)}.")
    masks = masks[:, 0].cpu()
    rows, columns = masks.any(2), masks.any(1)
    areas = masks.flatten(1).sum(1)
    if (areas == size**2 - side**2).all():
        raise Wrong("True is to mean covered: your masks are the other way round.")
    if (areas > side**2).any():
        raise Wrong(f"A square of side {side} covers {side**2} pixels, yours up to {areas.max()}.")
    if (areas < side**2).any():
        raise Wrong(f"Some squares cover only {areas.min()} pixels: they are cut off at the edge.")
    if not (masks == rows[:, :, None] & columns[:, None, :]).all() or (rows.sum(1) != side).any():
        raise Wrong("What is covered must be one square, not scattered pixels.")
    corners = torch.stack([rows.int().argmax(1), columns.int().argmax(1)])
    if (corners == corners[:, :1]).all():
        raise Wrong("All squares are in the same place: draw one for each image.")
    if (corners[0] == corners[1]).all():
        raise Wrong("All squares lie on the diagonal: draw row and column each by itself.")
    if (corners.amin(1) > 0).any() or (corners.amax(1) < size - side).any():
        raise Wrong(
            f"Corners may be from 0 to {size - side}, both included: yours are from "
            f"{corners.min()} to {corners.amax(1).min()} (randint leaves out its upper end)."
        )
    return "Every place is possible, and every image has its own."


@exercise
def covered_error(answer):
    """Images (B, C, H, W), originals, masks (B, 1, H, W) -> MSE over what is covered, a number."""
    images, originals = draw(4, 3, 6, 6), draw(4, 3, 6, 6)
    masks = torch.arange(36).view(6, 6) < torch.tensor([3, 9, 20, 30]).view(4, 1, 1, 1)
    square = (images - originals).square()
    right = square[masks.expand_as(square)].mean()
    per_image = (square * masks).sum((1, 2, 3)) / (3 * masks.sum((1, 2, 3)))
    compare(
        returned(answer, images, originals, masks),
        right,
        {
            "Divide by the number of *covered* values, not by all pixels.": (square * masks).mean(),
            "The mask has 1 channel and the image 3: divide by 3 times the mask's sum.": (
                (square * masks).sum() / masks.sum()
            ),
            "The mask is True where the face *is* covered: you took the rest.": (
                square[~masks.expand_as(square)].mean()
            ),
            "That is a sum: divide by the number of covered values.": (square * masks).sum(),
            "Square the differences.": (images - originals).abs()[masks.expand_as(square)].mean(),
            "One number for the batch is wanted, a mean over all covered values.": per_image,
            "All covered values count alike: that is a mean of the images' means.": (
                per_image.mean()
            ),
        },
        "the error",
    )
    return "A loss like this looks at the hole alone, however small it is."
