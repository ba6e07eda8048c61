"""The checks of the exercises in autoencoders_fc.ipynb, in their order."""

from functools import partial

import numpy as np
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from helpers.teaching.exercises import (
    Wrong,
    as_tensor,
    compare,
    draw,
    entries,
    exercise,
    kl_mistakes,
    number,
    returned,
    tell,
)


@exercise
def sure_labels(answer):
    """Scores (N,) of one attribute -> bool (N,): the surest two thirds of the positive ones."""
    scores = draw(60).double().numpy()
    scores[np.argsort(-np.abs(scores))[::2]] *= 1.7  # no two halves alike
    positive = np.sort(scores[scores > 0])
    positive = positive[: len(positive) // 3 * 3]  # so many that a third is a whole number
    scores = np.concatenate([scores[scores <= 0], positive])[::-1].copy()
    surest = np.quantile(positive, 1 / 3)
    right = scores > surest
    compare(returned(answer, scores), right, {
        "The unsure positives count as -1: the lower third of the positive scores.": scores > 0,
        "Keep the surest *two* thirds: you kept one.": scores > np.quantile(positive, 2 / 3),
        "A third of the *positive* scores, not of all scores.": scores > np.quantile(scores, 1 / 3),
        "Two thirds of the *positive* scores, not of all scores.":
            scores > np.quantile(scores, 2 / 3),
        "Those are the unsure positives: the others are wanted.": (scores > 0) & ~right,
        "That is the negative of it: True is to mean that the attribute is there.": ~right,
        "A threshold of a third of the highest score is no third of the photos.":
            scores > positive.max() / 3,
        "Return True and False in place of +1 and -1.": np.where(right, 1, -1),
        "Those are the scores themselves: return for each photo whether it counts.":
            np.where(right, scores, 0),
    }, "the labels")  # fmt: skip
    return "So -1 says 'not surely there', and a share of +1 is no share of people."


@exercise
def error_from_16(answer, mse_8, mse_16, mse_32):
    """A guess of PCA's error from 16 numbers, given what was measured."""
    guess = number(answer)
    if guess >= mse_8:
        raise Wrong(f"From 8 numbers it is {mse_8:.5f} already, and more numbers only help.")
    if guess <= mse_32:
        raise Wrong(f"It takes 32 numbers to come down to {mse_32:.5f}; 16 cannot do better.")
    halfway = (mse_8 + mse_32) / 2
    if guess > 0.99 * halfway:
        raise Wrong(
            f"Halfway between the two errors is {halfway:.5f}. But the error falls fast at first, "
            "then slowly: from 16 numbers it is below that."
        )
    if abs(guess / mse_16 - 1) > 0.1:
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
    compare(returned(answer, x, 4), right, {
        "Subtract the mean before the SVD: else the first direction only points at it.":
            x @ raw.T @ raw,
        "Add the mean again: the decoder is m + z W.": right - mean,
        "Project x - m, not x: the mean must not be projected.": x @ vh[:4].T @ vh[:4],
        "These are the codes: decode them, with the same directions.": codes,
        "torch's SVD returns V transposed: the directions are the rows of Vh.":
            mean + (x - mean) @ vh[:, :4] @ vh[:, :4].T,
        "You kept the last directions: singular values come in descending order.":
            mean + (x - mean) @ vh[-4:].T @ vh[-4:],
    }, "the reconstruction")  # fmt: skip
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
    compare(counts, right, {
        "That is the place of the last direction, counted from 0: add 1.": right - 1,
        "*At most* that share may be lost: losing just as much is allowed.":
            [1 + int((lost >= share).sum()) for share in shares],
        "The share is what may be lost, not what is to be kept.":
            [1 + int((1 - lost < share).sum()) for share in shares],
        "Divide by `total`: PCA lists the first variances only, their sum is not all.":
            [1 + int((of_listed > share).sum()) for share in shares],
    }, "the count")  # fmt: skip
    return "So the error for every number of directions is known before any is tried."


@exercise
def plain_encoder(answer):
    """An nn.Module of latent_dim and width: (B, 3, 64, 64) -> (B, latent_dim), one hidden layer."""
    latent_dim, width = 5, 7
    if isinstance(answer, nn.Module):
        raise Wrong("Hand in the class itself, without brackets: the check makes the objects.")
    encoder = _built(answer, latent_dim, width)
    x = 10 * draw(64, 3, 64, 64)
    with torch.no_grad():
        encode = partial(_returned, encoder)
        codes = encode(x)
        if not isinstance(codes, torch.Tensor):
            raise Wrong(f"forward must return a tensor, it returns {type(codes).__name__}.")
        wanted, got = (64, latent_dim), tuple(codes.shape)
        if got == (64, width):
            raise Wrong("That is the hidden layer: a second linear layer makes latent_dim of it.")
        if got != wanted:
            raise Wrong(f"64 images must become codes of shape {wanted}, they become {got}.")
        if not torch.equal(codes, encode(x)):
            raise Wrong("The same images get other codes the second time: make layers in __init__.")
        if not torch.allclose(codes[:2], encode(x[:2]), atol=1e-3):
            raise Wrong("A code depends on the other images of the batch: it must not.")
        _check_sizes(encoder, latent_dim, width)
        halfway = (x[:1] + x[1:2]) / 2
        if torch.allclose(encode(halfway), (codes[:1] + codes[1:2]) / 2, atol=1e-3):
            raise Wrong("Without a ReLU between them, two linear layers are no more than one.")
        if (codes >= 0).all() and (codes == 0).any():
            raise Wrong("No ReLU after the last layer: numbers of a code may be negative.")
        if encode(1e6 * x).abs().max() <= 1:
            raise Wrong("No activation after the last layer: a code may have any size.")
    return "A bottleneck is nothing more: 12,288 numbers in, latent_dim out."


MEANT = {  # by what PyTorch or Python says
    "before Module.__init__": "super().__init__() must be the first line of __init__.",
    "__init__() ": "__init__ takes self, latent_dim and width, in this order.",
    "shapes cannot be multiplied": "The shapes do not fit: flatten each image first (nn.Flatten), "
    "and let each layer take what the one before puts out.",
}


def _returned(function, *inputs):
    """As `returned`, but what a student's module raises is explained."""
    try:
        return returned(function, *inputs)
    except Wrong as wrong:
        meant = [sentence for said, sentence in MEANT.items() if said in str(wrong)]
        raise Wrong(" ".join([*meant[:1], str(wrong)])) from None


def _built(answer, latent_dim, width):
    """An object of the student's class, in evaluation mode."""
    encoder = _returned(answer, latent_dim, width)
    if not isinstance(encoder, nn.Module):
        raise Wrong("Your class must inherit from nn.Module: class MyEncoder(nn.Module).")
    if type(encoder).forward is nn.Module.forward:
        raise Wrong("forward(self, x) is missing, or has another name.")
    return encoder.eval()


def _check_sizes(encoder, latent_dim, width):
    pixels = 3 * 64 * 64
    learned = sum(p.numel() for p in encoder.parameters())
    right = (pixels + 1) * width + (width + 1) * latent_dim
    if learned == 0:
        raise Wrong(
            "It learns nothing: layers in a Python list or made in forward are not found. "
            "Make them in __init__, as attributes or in nn.Sequential."
        )
    if learned == (pixels + 1) * latent_dim:
        raise Wrong("That is one linear layer: a hidden one of `width` numbers comes before it.")
    if learned != right:
        raise Wrong(
            f"With latent_dim {latent_dim} and width {width} the two linear layers learn {right:,} "
            f"numbers, biases included; yours learns {learned:,}."
        )


@exercise
def training_loop(answer):
    """Model, optimizer, batches (B, 3, H, W) -> list of losses; the model has been trained."""
    batches = [draw(6, 3, 4, 4) for _ in range(3)]
    model, optimizer, events = _observed()
    losses = returned(answer, model, optimizer, batches)
    happened = "".join(events)
    counts = {letter: happened.count(letter) for letter in "FBS"}
    tell({
        "The model is never asked: its reconstruction is model(x).": counts["F"] == 0,
        "Only the first of 3 batches is seen: does the return stand inside the loop?":
            counts["F"] == 1 and counts["S"] <= 1,
        "No gradient is computed: loss.backward() is missing.": counts["B"] == 0,
        "The weights never change: optimizer.step() is missing.": counts["S"] == 0,
        "zero_grad between backward and step wipes the gradient out: do it before.":
            "BZS" in happened,
        "The step comes before its gradient: first backward, then step.":
            happened.find("S") < happened.find("B"),
        "Each batch needs its own backward and its own step: both inside the loop.":
            min(counts["B"], counts["S"]) < len(batches),
    })  # fmt: skip
    right, weights = _trained(batches)
    _compare_first_loss(losses, batches[0])
    if torch.allclose(_weights(model), _trained(batches, zero=False)[1], atol=1e-5):
        raise Wrong("Gradients add up from batch to batch: optimizer.zero_grad() is missing.")
    if not torch.allclose(_weights(model), weights, atol=1e-5):
        raise Wrong("The first loss is right, the weights at the end are not: one step a batch?")
    compare(losses, right, {}, "the list of losses")
    return "Batch, loss, backward, step: everything else is comfort."


def _observed():
    """A small autoencoder, its optimizer, and the list of what happens to them.

    F: the model is asked; B: gradients arrive; S: a step; Z: gradients are forgotten.
    """
    torch.manual_seed(1)  # the same weights every time
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(48, 5), nn.ReLU(), nn.Linear(5, 48), nn.Unflatten(1, (3, 4, 4))
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    events = []

    def noted(letter, function):
        def call(*arguments, **keywords):
            events.append(letter)
            return function(*arguments, **keywords)

        return call

    model.register_forward_hook(lambda *_: events.append("F"))
    model[1].weight.register_post_accumulate_grad_hook(lambda _: events.append("B"))
    optimizer.step = noted("S", optimizer.step)
    optimizer.zero_grad = noted("Z", optimizer.zero_grad)
    model.zero_grad = noted("Z", model.zero_grad)
    return model, optimizer, events


def _trained(batches, zero=True):
    """The losses (3,) and the weights afterwards, as a vector; without `zero`, with its mistake."""
    model, optimizer, _ = _observed()
    losses = []
    for x in batches:
        loss = F.mse_loss(model(x), x)
        if zero:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses), _weights(model)


def _weights(model):
    return nn.utils.parameters_to_vector(model.parameters()).detach()


def _compare_first_loss(losses, x):
    """It is that of the untrained model, whatever happens to the weights later."""
    values = as_tensor(losses, "the list of losses").double().flatten()
    if values.numel() == 1:
        raise Wrong("Return a list with the loss of each of the 3 batches.")
    error = _observed()[0](x) - x
    compare(values[:1], [error.square().mean()], {
        "Square the difference: you took its absolute value.": [error.abs().mean()],
        "The *mean* squared error: you took the sum.": [error.square().sum()],
        "Average over the pixels as well: you summed them.":
            [error.square().flatten(1).sum(1).mean()],
        "No root: it is the squared error.": [error.square().mean().sqrt()],
    }, "the losses")  # fmt: skip
    if values.numel() != 3:
        raise Wrong(f"3 batches, so 3 losses are wanted: you return {values.numel()}.")


@exercise
def principal_angles(answer):
    """(d, D), (d, D) -> (d,) degrees between the spans of the rows, the smallest first."""
    a, b = 0.2 * draw(3, 8), 0.2 * draw(3, 8)
    q_a, q_b = torch.linalg.qr(a.T).Q, torch.linalg.qr(b.T).Q
    cosines = torch.linalg.svdvals(q_a.T @ q_b)
    right = torch.rad2deg(cosines.acos())
    angles = returned(answer, a, b)
    if (as_tensor(angles, "the angles").nan_to_num() < 0.1).all():  # a cosine may pass 1 a little
        raise Wrong("The rows span the subspace, and qr takes columns: transpose first.")
    compare(angles, right, {
        "These are the cosines: take the arc cosine.": cosines,
        "These are radians: a right angle must be 90.": cosines.acos(),
        "The smallest angle comes first.": right.flip(0),
        "Orthonormalise both bases first: lengths must not count.":
            torch.rad2deg(torch.linalg.svdvals(a @ b.T).clamp(-1, 1).acos()),
    }, "the angles")  # fmt: skip
    return "However a network mixes its directions, the angles do not change."


@exercise
def attribute_direction(answer):
    """Codes (N, D), scores (N,) -> (D,): the mean of those above 0 minus that of the others."""
    codes, scores = draw(60, 5), draw(60).round(decimals=1)
    codes[:, 0] += scores
    present, absent = codes[scores > 0], codes[scores <= 0]
    right = present.mean(0) - absent.mean(0)
    compare(returned(answer, codes, scores), right, {
        "The sign is wrong: the step leads to the faces that have the attribute.": -right,
        "Subtract the mean of those without it, not the mean of all.":
            present.mean(0) - codes.mean(0),
        "Divide each sum by its own count: these are sums.": present.sum(0) - absent.sum(0),
        "A score of 0 is not above 0: it belongs to those without.":
            codes[scores >= 0].mean(0) - codes[scores < 0].mean(0),
        "Average over the faces (dim 0), not over the numbers of the code.": right.mean(),
    }, "the direction")  # fmt: skip
    return "A mean difference is the whole trick behind every smile above."


@exercise
def kl_to_standard_normal(answer):
    """mu, logvar (B, D) -> (B,): KL(N(mu, exp(logvar)) || N(0, 1)), in nats."""
    mu, logvar = draw(8, 4), draw(8, 4)
    each = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)
    compare(returned(answer, mu, logvar), each.sum(1), kl_mistakes(each, "face", "N(0, 1)") | {
        "Your kl is one number: sum over dim 1 only.": each.sum(),
        "The sign of logvar is wrong: small variances cost much as well.": (each + logvar).sum(1),
        "That is the reverse, KL(N(0, 1) || q): the divergence is not symmetric.":
            (0.5 * ((1 + mu**2) / logvar.exp() - 1 + logvar)).sum(1),
        "That is sigma where sigma^2 is wanted: exp(logvar) is sigma^2 already.":
            (0.5 * (mu**2 + (0.5 * logvar).exp() - 1 - logvar)).sum(1),
        "exp(2 logvar) is sigma^4: logvar is the logarithm of sigma squared.":
            (0.5 * (mu**2 + (2 * logvar).exp() - 1 - logvar)).sum(1),
    }, "your kl")  # fmt: skip
    return "It is 0 where mu = 0 and sigma = 1, and nowhere else."


@exercise
def vae_loss(answer):
    """Model, x (B, 3, H, W) -> a dict of scalars: loss, recon (for a noise of 0.1) and kl."""
    model, x = _Told(), draw(4, 3, 5, 5).sigmoid()
    loss, recon, kl = entries(returned(answer, model, x), "loss", "recon", "kl")
    drawn, q = model(x)
    square, prior = (x - drawn).square().flatten(1), Normal(0.0, 1.0)
    right_recon = square.sum(1).mean() / (2 * 0.1**2)
    compare(recon, right_recon, {
        "recon is a sum over the pixels: their mean leaves nearly all to the KL.":
            square.mean() / (2 * 0.1**2),
        "recon is a mean over the batch: you summed the images.": 4 * right_recon,
        "recon: the factor 1/2 is missing.": 2 * right_recon,
        "recon: divide by 2 * noise ** 2.": square.sum(1).mean(),
        "recon: divide by the *squared* noise.": 0.1 * right_recon,
        "recon: a mean over the pixels, without the noise, leaves nearly all to the KL.":
            square.mean(),
        "recon: one number for the batch, the mean of its images.": square.sum(1) / (2 * 0.1**2),
        "recon: decode the *draw* that the model returns, not the mean of the code.":
            (x - model.decode(q.mean)).square().flatten(1).sum(1).mean() / (2 * 0.1**2),
    }, "recon")  # fmt: skip
    each = kl_divergence(q, prior)
    right_kl = each.sum(1).mean()
    compare(kl, right_kl, {
        "kl is a sum over the latent dimensions: the mean makes the code too cheap.": each.mean(),
        "kl is a mean over the batch: you summed the images.": each.sum(),
        "kl: one number for the batch, the mean of its images.": each.sum(1),
        "kl: a sum over the latent dimensions and a mean over the batch is missing.": each,
        "kl: the order of the two counts: kl_divergence(q, prior).":
            kl_divergence(prior, q).sum(1).mean(),
        "kl: a divergence is never negative.": -right_kl,
        "kl: the factor 1/2 is missing.": 2 * right_kl,
        "kl: that has sigma where sigma^2 is wanted.":
            (each + (q.stddev - q.variance) / 2).sum(1).mean(),
    }, "kl")  # fmt: skip
    compare(loss, right_recon + right_kl, {
        "The loss is recon plus kl: a large KL must cost something.": right_recon - right_kl,
        "The loss lacks the KL: that is an autoencoder's.": right_recon,
        "The loss lacks the reconstruction.": right_kl,
        "The loss is to be made small: the signs are those of the ELBO.": -right_recon - right_kl,
    }, "the loss")  # fmt: skip
    _compare_gradients(loss, right_recon + right_kl, list(model.parameters()))
    return "Now train with it: `fit` takes it as it is."


def _compare_gradients(loss, right, weights):
    """The loss is right; so must be what it teaches the model."""
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        raise Wrong("The values are right, but no gradient passes: no .item(), no detach.")
    wanted = torch.autograd.grad(right, weights)
    try:
        got = torch.autograd.grad(loss, weights, allow_unused=True)
    except RuntimeError:  # its graph is gone
        raise Wrong("The values are right, but leave backward() to `fit`.") from None
    for g, w in zip(got, wanted, strict=True):
        if g is None or not torch.allclose(g, w, 1e-3, 1e-4):
            raise Wrong("The values are right, but the gradient of one of the terms is cut off.")


class _Told(nn.Module):
    """Stands in for a VAE: always the same draw, so that there is one right loss."""

    def __init__(self):
        super().__init__()
        self.mu, self.logvar = (nn.Parameter(draw(4, 6)) for _ in range(2))
        self.image = nn.Parameter(draw(4, 3, 5, 5).sigmoid())
        self.eps = draw(4, 6)

    def encode(self, x):
        return Normal(self.mu, (0.5 * self.logvar).exp())

    def decode(self, z):
        return self.image + 0.1 * z.mean(1)[:, None, None, None]

    def forward(self, x):
        q = self.encode(x)
        return self.decode(q.mean + q.stddev * self.eps), q
