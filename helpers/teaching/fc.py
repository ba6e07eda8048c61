"""The checks of the exercises in autoencoders_fc.ipynb, in their order."""

import numpy as np
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from helpers.system.validation import describe
from helpers.teaching.exercises import (
    Wrong,
    alike,
    as_tensor,
    compare,
    draw,
    entries,
    exercise,
    gradients,
    kl_mistakes,
    number,
    returned,
    tell,
)


@exercise
def error_from_16(answer, mse_8, mse_16, mse_32):
    """A guess of PCA's error from 16 dimensions, given what was measured."""
    guess = number(answer)
    off = f"{guess:.5f} is {abs(guess / mse_16 - 1):.0%} off."
    tell({
        f"From 8 dimensions it is {mse_8:.5f} already, and more only help.": guess >= mse_8,
        f"Only 32 dimensions come down to {mse_32:.5f}: 16 cannot do better.": guess <= mse_32,
        f"{off} The error falls fast at first, then slowly.": guess > 1.1 * mse_16,
        f"{off} With both axes logarithmic the curve is nearly a line.": guess < 0.9 * mse_16,
    })  # fmt: skip
    falls = f"{1 - mse_16 / mse_8:.0%} from 8 to 16, {1 - mse_32 / mse_16:.0%} from 16 to 32"
    return f"Measured: {mse_16:.5f}. Each doubling takes away a share of it: {falls}."


@exercise
def plain_encoder(answer):
    """An nn.Module of latent_dim and width: (B, 3, 64, 64) -> (B, latent_dim), one hidden layer."""
    latent_dim, width, pixels = 5, 7, 3 * 64 * 64
    if isinstance(answer, nn.Module):
        raise Wrong("Hand in the class itself, without brackets: the check makes the objects.")
    encoder, x = returned(answer, latent_dim, width), 10 * draw(8, 3, 64, 64)
    if not isinstance(encoder, nn.Module) or type(encoder).forward is nn.Module.forward:
        raise Wrong("A class is wanted that inherits from nn.Module and has forward(self, x).")
    with torch.no_grad():
        codes, again = returned(encoder, x), returned(encoder, x)
    if not isinstance(codes, torch.Tensor) or codes.shape != (8, latent_dim):
        raise Wrong(f"forward must make (8, {latent_dim}) of 8 images, not {describe(codes)}.")
    by_size = {p.numel(): p.detach() for p in encoder.parameters()}
    sizes = [width * pixels, width, latent_dim * width, latent_dim]
    tell({
        "It learns nothing: make the layers in __init__, as attributes.": not by_size,
        "That is one linear layer: a hidden one of `width` comes before it.": width not in by_size,
        f"Two linear layers have {sizes} values, yours {list(by_size)}.": {*by_size} != {*sizes},
        "The same images get other codes each time: no dropout here.": not alike(codes, again),
    })  # fmt: skip
    first, last = by_size[sizes[0]], by_size[sizes[2]]
    first = first.reshape(width, -1) if len(first) == width else first.T
    last = last if len(last) == latent_dim else last.T

    def follow(between, before=torch.clone, after=torch.clone):
        h = F.linear(before(x.flatten(1)), first, by_size[width])
        return after(F.linear(between(h), last, by_size[latent_dim]))

    others = (torch.sigmoid, torch.tanh, F.gelu, F.silu, F.leaky_relu)
    compare(codes, follow(F.relu), "the code", {
        "Without a ReLU between them, two linear layers are just one.": follow(torch.clone),
        "No ReLU before the first layer.": follow(F.relu, before=F.relu),
    } | {f"Between the layers a ReLU, not {f.__name__}.": follow(f) for f in others}
      | {f"No {f.__name__} after the last layer.": follow(F.relu, after=f)
         for f in (F.relu, *others)})  # fmt: skip
    return "A bottleneck is nothing more: 12,288 values in, latent_dim out."


@exercise
def training_loop(answer):
    """Model, optimizer, batches (B, 3, H, W) -> list of losses; the model has been trained."""
    batches = [draw(6, 3, 4, 4) for _ in range(3)]
    model, optimizer, events = observed()
    losses = returned(answer, model, optimizer, batches)
    happened = "".join(events)
    asked, backwards, steps = (happened.count(letter) for letter in "FBS")
    tell({
        "The model is never asked: its reconstruction is model(x).": asked == 0,
        "Only one batch is seen: does the return stand inside the loop?": asked == 1 and steps < 2,
        "No gradient is computed: loss.backward() is missing.": backwards == 0,
        "The weights never change: optimizer.step() is missing.": steps == 0,
        "zero_grad between backward and step wipes the gradient out.": "BZS" in happened,
        "First backward, then step.": happened.find("S") < happened.find("B"),
        "Each batch needs its own backward and step: inside the loop.": min(backwards, steps) < 3,
    })  # fmt: skip
    values = as_tensor(losses, "the losses").double().flatten()
    error = observed()[0](batches[0]) - batches[0]
    compare(values[:1], [error.square().mean()], "the losses", {
        "Square the difference: you took its absolute value.": [error.abs().mean()],
        "The *mean* squared error: you took the sum.": [error.square().sum()],
        "Average over the pixels as well: you summed them.": [error.square().sum() / 6],
        "No root: it is the squared error.": [error.square().mean().sqrt()],
    })  # fmt: skip
    right, weights = trained(batches)
    compare(weights_of(model), weights, "the weights at the end", {
        "Gradients add up: optimizer.zero_grad() is missing.": trained(batches, zero=False)[1],
    })  # fmt: skip
    compare(values, right, "the list of 3 losses", {})
    if any(isinstance(loss, torch.Tensor) and loss.requires_grad for loss in losses):
        raise Wrong(
            "Collect loss.item(): a loss that keeps its graph keeps the memory of its step."
        )
    return "Batch, loss, backward, step: everything else is comfort."


def observed():
    """A small autoencoder, its optimizer, and the list of what happens to them.

    F: the model is asked; B: gradients arrive; S: a step; Z: gradients are forgotten.
    """
    torch.manual_seed(1)  # the same weights every time
    layers = nn.Linear(48, 5), nn.ReLU(), nn.Linear(5, 48)
    model = nn.Sequential(nn.Flatten(), *layers, nn.Unflatten(1, (3, 4, 4)))
    optimizer, events = torch.optim.SGD(model.parameters(), lr=0.5), []

    def note(letter, thing, name):
        function = getattr(thing, name)

        def noted(*arguments, **keywords):
            result = function(*arguments, **keywords)  # a step may be given a closure
            events.append(letter)
            return result

        setattr(thing, name, noted)

    note("S", optimizer, "step")
    note("Z", optimizer, "zero_grad")
    note("Z", model, "zero_grad")
    model.register_forward_hook(lambda *_: events.append("F"))
    model[1].weight.register_post_accumulate_grad_hook(lambda _: events.append("B"))
    return model, optimizer, events


def trained(batches, zero=True):
    """The losses (3,) and the weights afterwards, as a vector; without `zero`, with its mistake."""
    model, optimizer, _ = observed()
    losses = []
    for x in batches:
        loss = F.mse_loss(model(x), x)
        if zero:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, weights_of(model)


def weights_of(model):
    return nn.utils.parameters_to_vector(model.parameters()).detach()


@exercise
def projection(answer):
    """(N, D), d -> (N, D): the reconstruction from the first d principal components."""
    x = 2 + draw(40, 12) @ draw(12, 12)
    mean = x.mean(0)
    vh = torch.linalg.svd(x - mean, full_matrices=False).Vh
    raw, first, last = torch.linalg.svd(x).Vh[:4], vh[:4], vh[-4:]
    codes = (x - mean) @ first.T

    def decoded(directions):
        return mean + (x - mean) @ directions.T @ directions

    compare(returned(answer, x, 4), decoded(first), "the reconstruction", {
        "Subtract the mean before the SVD: the first direction points at it.": x @ raw.T @ raw,
        "Add the mean again: the decoder is m + z W.": codes @ first,
        "Project x - m, not x: the mean must not be projected.": x @ first.T @ first,
        "These are the codes: decode them, with the same directions.": codes,
        "The directions are the rows of Vh, not the columns.": decoded(vh[:, :4].T),
        "Those have the least variance: svd lists it last, eigh first.": decoded(last),
    })  # fmt: skip
    return "Centre, project, add the mean: that is all there is to PCA."


@exercise
def enough_dimensions(answer):
    """Variances (n,), their total, a share -> the fewest directions that lose at most that."""
    variances, total = torch.tensor([16.0, 8.0, 2.0, 1.0, 0.5, 0.5]), 32.0
    shares = (0.5, 0.25, 0.2, 0.16, 0.125)
    found = torch.tensor([number(returned(answer, variances, total, share)) for share in shares])

    def counts(of=variances, total=total, allowed=lambda lost, share: lost <= share):
        lost = 1 - of.cumsum(0) / total
        return torch.tensor([1 + int((~allowed(lost, share)).sum()) for share in shares])

    def kept(lost, share):
        return 1 - lost >= share

    squares = variances**2
    compare(found, counts(), "the count", {
        "That is the place of the last direction, counted from 0: add 1.": counts() - 1,
        "*At most* that share: losing just as much is allowed.": counts(allowed=torch.lt),
        "The share is what may be lost, not what is kept.": counts(allowed=kept),
        "Divide by `total`: PCA lists the first variances only.": counts(total=variances.sum()),
        "These are variances already: do not square them.": counts(squares, squares.sum()),
    })  # fmt: skip
    return "So the error for every code length is known before any is tried."


@exercise
def principal_angles(answer):
    """(d, D), (d, D) -> (d,) degrees between the spans of the rows, the smallest first."""
    a, b = 0.2 * draw(3, 8), 0.2 * draw(3, 8)
    cosines = torch.linalg.svdvals(torch.linalg.qr(a.T).Q.T @ torch.linalg.qr(b.T).Q)
    right, raw = torch.rad2deg(cosines.acos()), torch.linalg.svdvals(a @ b.T).clamp(-1, 1)
    angles = returned(answer, a, b)
    if (as_tensor(angles, "the angles").nan_to_num() < 0.1).all():  # a cosine may pass 1 a little
        raise Wrong("The rows span the subspace, and qr takes columns: transpose first.")
    compare(angles, right, "the angles", {
        "These are the cosines: take the arc cosine.": cosines,
        "These are radians: a right angle must be 90.": cosines.acos(),
        "The smallest angle comes first.": right.flip(0),
        "Orthonormalise both bases first: lengths must not count.": torch.rad2deg(raw.acos()),
    })  # fmt: skip
    return "However a network mixes its directions, the angles do not change."


@exercise
def sure_labels(answer):
    """Scores (N,) of one attribute -> bool (N,): the surest two thirds of the positive ones."""
    scores = draw(60).double().numpy()
    scores[np.argsort(-np.abs(scores))[::2]] *= 1.7  # no two halves alike
    positive = np.sort(scores[scores > 0])
    positive = positive[: len(positive) // 3 * 3]  # so many that a third is a whole number
    scores = np.concatenate([scores[scores <= 0], positive])[::-1].copy()
    right = scores > np.quantile(positive, 1 / 3)
    compare(returned(answer, scores), right, "the labels", {
        "The unsure positives count as -1: the lower third of the positive scores.": scores > 0,
        "Keep the surest *two* thirds: you kept one.": scores > np.quantile(positive, 2 / 3),
        "A third of the *positive* scores, not of all.": scores > np.quantile(scores, 1 / 3),
        "Those are the unsure positives: the others are wanted.": (scores > 0) & ~right,
        "Return True and False in place of +1 and -1.": np.where(right, 1, -1),
    })  # fmt: skip
    return "So -1 says 'not surely there', and a share of +1 is no share of people."


@exercise
def attribute_direction(answer):
    """Codes (N, D), scores (N,) -> (D,): the mean of those above 0 minus that of the others."""
    codes, scores = draw(60, 5), draw(60).round(decimals=1)
    codes[:, 0] += scores
    present, absent = codes[scores > 0], codes[scores <= 0]
    right = present.mean(0) - absent.mean(0)
    compare(returned(answer, codes, scores), right, "the direction", {
        "The sign is wrong: the step leads to the faces with the attribute.": -right,
        "Subtract the mean of those without it, not of all.": present.mean(0) - codes.mean(0),
        "Divide each sum by its own count: these are sums.": present.sum(0) - absent.sum(0),
        "Average over the faces (dim 0), not over the dimensions of the code.": right.mean(),
    })  # fmt: skip
    return "A mean difference is the whole trick behind every smile above."


@exercise
def kl_to_standard_normal(answer):
    """mu, logvar (B, D) -> (B,): KL(N(mu, exp(logvar)) || N(0, 1)), in nats."""
    mu, logvar = draw(8, 4), draw(8, 4)

    each = 0.5 * (mu**2 + logvar.exp() - 1 - logvar)

    def with_variance(power):  # in place of sigma^2
        return (each + 0.5 * ((power * logvar).exp() - logvar.exp())).sum(1)

    usual = kl_mistakes(each, "face", "N(0, 1)")
    compare(returned(answer, mu, logvar), each.sum(1), "your kl", usual | {
        "The sign of logvar is wrong: small variances cost much as well.": (each + logvar).sum(1),
        "That is sigma where sigma^2 is wanted: exp(logvar) is sigma^2.": with_variance(0.5),
        "exp(2 logvar) is sigma^4: logvar is the logarithm of sigma^2.": with_variance(2),
    })  # fmt: skip
    return "It is 0 where mu = 0 and sigma = 1, and nowhere else."


@exercise
def vae_loss(answer):
    """Model, x (B, 3, H, W) -> a dict of scalars: loss, recon (for a noise of 0.1) and kl."""
    model, x = FixedVAE(), draw(4, 3, 5, 5).sigmoid()
    loss, recon, kl = entries(returned(answer, model, x), "loss", "recon", "kl")
    recon_x, q = model(x)
    square, prior = (x - recon_x).square().flatten(1), Normal(0.0, 1.0)
    each, reverse = kl_divergence(q, prior), kl_divergence(prior, q)
    right, right_kl = 50 * square.sum(1).mean(), each.sum(1).mean()
    of_mean = (x - model.decode(q.mean)).square().flatten(1).sum(1).mean()
    compare(recon, right, "recon", {
        "recon is a sum over the pixels: their mean leaves all to the KL.": 50 * square.mean(),
        "recon is a mean over the batch: you summed the images.": 4 * right,
        "recon: the factor 1/2 is missing.": 2 * right,
        "recon: divide by 2 * noise ** 2.": right / 50,
        "recon: divide by the *squared* noise.": 0.1 * right,
        "recon: decode the *draw* that the model returns, not the mean.": 50 * of_mean,
    })  # fmt: skip
    compare(kl, right_kl, "kl", {
        "kl is a sum over the latent dimensions: the mean makes the code too cheap.": each.mean(),
        "kl is a mean over the batch: you summed the images.": each.sum(),
        "kl: the order of the two counts: kl_divergence(q, prior).": reverse.sum(1).mean(),
        "kl: a divergence is never negative.": -right_kl,
    })  # fmt: skip
    compare(loss, right + right_kl, "the loss", {
        "The loss is recon plus kl: a large KL must cost something.": right - right_kl,
        "The loss lacks the KL: that is an autoencoder's.": right,
        "The loss is to be made small: the signs are those of the ELBO.": -right - right_kl,
    })  # fmt: skip
    weights = dict(model.named_parameters())
    wanted = gradients(right + right_kl, **weights)
    if not all(map(alike, gradients(loss, **weights), wanted)):
        raise Wrong("The values are right, but the gradient of one of the terms is cut off.")
    return "Now train with it: `fit` takes it as it is."


class FixedVAE(nn.Module):
    """Stands in for a VAE: always the same draw, so that there is one right loss."""

    def __init__(self):
        super().__init__()
        self.mu, self.logvar = (nn.Parameter(draw(4, 6)) for _ in range(2))
        self.image, self.eps = nn.Parameter(draw(4, 3, 5, 5).sigmoid()), draw(4, 6)

    def encode(self, _x):
        return Normal(self.mu, (0.5 * self.logvar).exp())

    def decode(self, z):
        return self.image + 0.1 * z.mean(1)[:, None, None, None]

    def forward(self, x):
        q = self.encode(x)
        return self.decode(q.mean + q.stddev * self.eps), q
