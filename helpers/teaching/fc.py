"""The checks of the exercises in autoencoders_fc.ipynb. Each prints a verdict, see `exercise`."""

import torch

from helpers.teaching.exercises import Wrong, compare, draw, exercise, number, returned


@exercise
def error_from_16(answer, mse_8, mse_16, mse_32):
    """A guess of PCA's error from 16 numbers, given what was measured."""
    guess = number(answer)
    if guess >= mse_8:
        raise Wrong(f"From 8 numbers it is {mse_8:.5f} already, and more numbers only help.")
    if guess <= mse_32:
        raise Wrong(f"It takes 32 numbers to come down to {mse_32:.5f}; 16 cannot do better.")
    if abs(guess / mse_16 - 1) > 0.2:
        raise Wrong(
            f"{guess:.5f} is {abs(guess / mse_16 - 1):.0%} off. Draw error against count with "
            "both axes logarithmic: there it is nearly a line."
        )
    falls = f"{1 - mse_16 / mse_8:.0%} from 8 to 16, {1 - mse_32 / mse_16:.0%} from 16 to 32"
    return f"Measured: {mse_16:.5f}. Each doubling takes away a share of it: {falls}."


@exercise
def projection(answer):
    """(N, D), d -> (N, D): the reconstruction from the first d principal components."""
    x = 2 + draw(40, 12) @ draw(12, 12)
    mean = x.mean(0)
    vh = torch.linalg.svd(x - mean, full_matrices=False).Vh
    raw = torch.linalg.svd(x, full_matrices=False).Vh[:4]
    codes = (x - mean) @ vh[:4].T
    right = mean + codes @ vh[:4]
    compare(
        returned(answer, x, 4),
        right,
        {
            "Subtract the mean before the SVD: else the first direction only points at it.": (
                x @ raw.T @ raw
            ),
            "Add the mean again: the decoder is m + z W.": right - mean,
            "Project x - m, not x: the mean must not be projected.": x @ vh[:4].T @ vh[:4],
            "These are the codes: decode them, with the same directions.": codes,
            "torch's SVD returns V transposed: the directions are the rows of Vh.": (
                mean + (x - mean) @ vh[:, :4] @ vh[:, :4].T
            ),
            "You kept the last directions: singular values come in descending order.": (
                mean + (x - mean) @ vh[-4:].T @ vh[-4:]
            ),
        },
        "the reconstruction",
    )
    return "Centre, project, add the mean: that is all there is to PCA."


@exercise
def enough_numbers(answer):
    """Variances (n,), their total, a share -> the fewest directions that lose at most that."""
    variances, total = torch.tensor([16.0, 8.0, 2.0, 1.0, 0.5, 0.5]), 32.0
    shares = (0.5, 0.25, 0.2, 0.16, 0.125)
    counts = torch.tensor([number(returned(answer, variances, total, share)) for share in shares])
    lost = 1 - variances.cumsum(0) / total
    of_listed = 1 - variances.cumsum(0) / variances.sum()
    right = torch.tensor([1 + int((lost > share).sum()) for share in shares])
    compare(
        counts,
        right,
        {
            "That is the place of the last direction, counted from 0: add 1.": right - 1,
            "*At most* that share may be lost: losing just as much is allowed.": [
                1 + int((lost >= share).sum()) for share in shares
            ],
            "The share is what may be lost, not what is to be kept.": [
                1 + int((1 - lost < share).sum()) for share in shares
            ],
            "Divide by `total`: PCA lists the first variances only, their sum is not all.": [
                1 + int((of_listed > share).sum()) for share in shares
            ],
        },
        "the count",
    )
    return "So the error for every number of directions is known before any is tried."


@exercise
def principal_angles(answer):
    """(d, D), (d, D) -> (d,) degrees between the spans of the rows, the smallest first."""
    a, b = 0.2 * draw(3, 8), 0.2 * draw(3, 8)
    q_a, q_b = torch.linalg.qr(a.T).Q, torch.linalg.qr(b.T).Q
    cosines = torch.linalg.svdvals(q_a.T @ q_b)
    right = torch.rad2deg(cosines.acos())
    compare(
        returned(answer, a, b),
        right,
        {
            "These are the cosines: take the arc cosine.": cosines,
            "These are radians: a right angle must be 90.": cosines.acos(),
            "The smallest angle comes first.": right.flip(0),
            "Orthonormalise both bases first: lengths must not count.": torch.rad2deg(
                torch.linalg.svdvals(a @ b.T).clamp(-1, 1).acos()
            ),
            "The rows span the subspace, and qr takes columns: transpose first.": torch.zeros(3),
        },
        "the angles",
    )
    return "However a network mixes its directions, the angles do not change."


@exercise
def attribute_direction(answer):
    """Codes (N, D), scores (N,) -> (D,): the mean of those above 0 minus that of the others."""
    codes, scores = draw(60, 5), draw(60).round(decimals=1)
    codes[:, 0] += scores
    present, absent = codes[scores > 0], codes[scores <= 0]
    right = present.mean(0) - absent.mean(0)
    compare(
        returned(answer, codes, scores),
        right,
        {
            "The sign is wrong: the step leads to the faces that have the attribute.": -right,
            "Subtract the mean of those without it, not the mean of all.": (
                present.mean(0) - codes.mean(0)
            ),
            "Divide each sum by its own count: these are sums.": present.sum(0) - absent.sum(0),
            "A score of 0 is not above 0: it belongs to those without.": (
                codes[scores >= 0].mean(0) - codes[scores < 0].mean(0)
            ),
            "Average over the faces (dim 0), not over the numbers of the code.": right.mean(),
        },
        "the direction",
    )
    return "A mean difference is the whole trick behind every smile above."


@exercise
def kl_to_standard_normal(answer):
    """mu, logvar (B, D) -> (B,): KL(N(mu, exp(logvar)) || N(0, 1)), in nats."""
    mu, logvar = draw(8, 4), draw(8, 4)
    each = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)
    right = each.sum(1)
    compare(
        returned(answer, mu, logvar),
        right,
        {
            "Your kl has shape (8, 4): sum over the latent dimensions.": each,
            "Your kl is one number: keep one for each face of the batch.": right.mean(),
            "Your kl is one number: sum over dim 1 only.": right.sum(),
            "Independent numbers *add* their divergences: a sum, not a mean.": each.mean(1),
            "The factor 1/2 is missing.": 2 * right,
            "A divergence is never negative: the signs are the other way round.": -right,
            "logvar is the logarithm of sigma squared: exp(logvar) is sigma^2 already.": (
                0.5 * (mu**2 + (0.5 * logvar).exp() - 1 - logvar)
            ).sum(1),
            "exp(2 logvar) is sigma^4: logvar is the logarithm of sigma squared.": (
                0.5 * (mu**2 + (2 * logvar).exp() - 1 - logvar)
            ).sum(1),
        },
        "your kl",
    )
    return "It is 0 where mu = 0 and sigma = 1, and nowhere else."


@exercise
def great_circle(answer):
    """Codes (D,), (D,), steps -> (steps, D) along the great circle, both ends included."""
    a, b, steps = draw(6), 1.5 * draw(6), 5
    angle = torch.acos(torch.cosine_similarity(a, b, dim=0))

    def along(t):
        weights = torch.stack([torch.sin((1 - t) * angle), torch.sin(t * angle)]) / angle.sin()
        return weights.T @ torch.stack([a, b])

    t = torch.linspace(0, 1, steps)
    right = along(t)
    compare(
        returned(answer, a, b, steps),
        right,
        {
            "That is the straight line: it cuts through the ball, where codes are too short.": (
                torch.lerp(a, b, t[:, None])
            ),
            "You came from the other end: t = 0 is the first code.": right.flip(0),
            "Both ends are to be included: t runs from 0 to 1.": (
                along(torch.linspace(0, 1, steps + 2)[1:-1])
            ),
            "Divide by sin(angle): the ends must be the two codes themselves.": right * angle.sin(),
            "The angle's cosine is the dot product over *both lengths*.": torch.full(
                (steps, 6), torch.nan
            ),
        },
        "the path",
    )
    return "Codes of one length keep it all the way."
