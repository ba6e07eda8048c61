"""The checks: solutions are right, wrong answers are told apart, and rubbish stops nothing."""

import math
import re
from functools import partial
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from helpers.notebooks import ROOT
from helpers.teaching import checks

NOTEBOOKS = {"autoencoders_fc": "fc", "autoencoders_conv": "conv", "cvae_mnist": "cvae",
             "face_generator": "generator"}  # fmt: skip
GUESSES = {"fc.error_from_16", "cvae.worth_of_a_label"}


# ---- What the checks are given beside the answer


class PlainCVAE(nn.Module):
    """As small as can be, with the interface that the exercises rely on."""

    def __init__(self, latent_dim=4):
        super().__init__()
        self.encoder = nn.Linear(784 + 10, 2 * latent_dim)
        self.decoder = nn.Linear(latent_dim + 10, 784)

    def encode(self, x, labels):
        h = torch.cat([x.flatten(1), F.one_hot(labels, 10)], dim=1)
        mu, logvar = self.encoder(h).chunk(2, dim=1)
        return Normal(mu, (0.5 * logvar).exp())

    def decode(self, z, labels):
        h = torch.cat([z, F.one_hot(labels, 10)], dim=1)
        return self.decoder(h).sigmoid().view(-1, 1, 28, 28)


@pytest.fixture(scope="module")
def given():
    """The arguments after the answer, where there are any."""
    torch.manual_seed(0)
    cvae = PlainCVAE()
    for parameter in cvae.parameters():
        nn.init.normal_(parameter, std=0.3)
    runs = {
        "healthy": SimpleNamespace(bug=None, recon=[141.0], kl=[8.4], gradient=0.7),
        "A": SimpleNamespace(bug="averaged", recon=[125.0], kl=[48.0], gradient=0.7),
        "B": SimpleNamespace(bug="sample", recon=[177.0], kl=[8e-6], gradient=0.0),
        "C": SimpleNamespace(bug="collapsed", recon=[177.0], kl=[2e-5], gradient=0.7),
    }
    return {
        "fc.error_from_16": (0.0102, 0.0075, 0.0054),
        "cvae.in_the_same_hand": (cvae.eval(), torch.rand(1, 1, 28, 28), 7),
        "cvae.find_the_bug": (runs,),
    }


def verdict(capsys, name, answer, given):
    notebook, check = name.split(".")
    assert getattr(getattr(checks, notebook), check)(answer, *given.get(name, ())) is None
    said = capsys.readouterr().out
    assert said.startswith(f"{check}: ") and said.count("\n") == 1, said
    return said


# ---- Typical wrong answers, and what is said of them


def svd(x):
    return torch.linalg.svd(x, full_matrices=False).Vh


def project(x, d, centre=True, back=True, rows=True):
    m = x.mean(0) if centre else 0
    v = svd(x - m)
    v = v[:d] if rows else v[:, :d].T
    return (m if back else 0) + (x - m) @ v.T @ v


def angles(a, b, basis=lambda m: torch.linalg.qr(m.T).Q, unit=torch.rad2deg):
    return unit(torch.linalg.svdvals(basis(a).T @ basis(b)).clamp(-1, 1).acos())


def kl(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)


def kl_of_two(mu_q, logvar_q, mu_p, logvar_p):
    moved = (logvar_q.exp() + (mu_q - mu_p) ** 2) / logvar_p.exp()
    return 0.5 * (moved - 1 + logvar_p - logvar_q)


def squares(count, size, side, last=1, together=False):
    corners = torch.randint(0, size - side + last, (2, 1 if together else count, 1))
    rows, columns = (torch.arange(size) >= corners) & (torch.arange(size) < corners + side)
    return (rows[:, :, None] & columns[:, None, :])[:, None].expand(count, -1, -1, -1)


def coupling(v, half, net, order="right", s_sign=-1.0):
    a, b = v[:, :half], v[:, half:]
    shift, log_scale = net(a)
    undone = {
        "right": (b - shift) * (-log_scale).exp(),
        "forward": b * log_scale.exp() + shift,
        "divide first": b * (-log_scale).exp() - shift,
        "multiply": (b - shift) * log_scale.exp(),
    }[order]
    return torch.cat([a, undone], 1), s_sign * log_scale.sum(1)


def of_label(label):
    return torch.tensor([label])


def forged(model, x, own, wanted):
    return model.decode(model.encode(x, of_label(own)).mean, of_label(wanted))


def two_thirds(scores, share=1 / 3):
    return scores > np.quantile(scores[scores > 0], share)


def plain_encoder(*layers, before=(nn.Flatten,), after=()):
    """A class whose forward puts the layers that are named between two linear ones."""

    class Encoder(nn.Module):
        def __init__(self, latent_dim, width):
            super().__init__()
            first, last = nn.Linear(12288, width), nn.Linear(width, latent_dim)
            self.layers = nn.Sequential(*(b() for b in before), first, *layers, last, *after)

        def forward(self, x):
            return self.layers(x)

    return Encoder


def eigenvectors(x, d, largest):
    m = x.mean(0)
    v = torch.linalg.eigh((x - m).T @ (x - m)).eigenvectors
    v = v[:, -d:] if largest else v[:, :d]
    return m + (x - m) @ v @ v.T


def loop(order="lzbs", loss_of=F.mse_loss, early=False, collect=lambda loss: loss.item()):
    """A training loop: l the loss, z zero_grad, b backward, s step, in this order."""

    def training(model, optimizer, batches):
        losses = []
        for x in batches:
            loss = loss_of(model(x), x)
            for letter in order:
                if letter == "z":
                    optimizer.zero_grad()
                if letter == "b":
                    loss.backward()
                if letter == "s":
                    optimizer.step()
            losses.append(collect(loss))
            if early:
                return losses
        return losses

    return training


def with_closure(model, optimizer, batches):
    losses = []
    for x in batches:

        def closure(x=x):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), x)
            loss.backward()
            return loss

        losses.append(optimizer.step(closure).item())
    return losses


def elbo(recon_of=None, kl_of=None, loss_of=lambda recon, kl: recon + kl):
    """A VAE's loss with one of its terms, or their sum, replaced."""

    def loss(model, x):
        drawn, q = model(x)
        square = (x - drawn).square().flatten(1)
        each = kl_divergence(q, Normal(0.0, 1.0))
        recon = recon_of(square) if recon_of else 50 * square.sum(1).mean()
        kl = kl_of(each) if kl_of else each.sum(1).mean()
        return {"loss": loss_of(recon, kl), "recon": recon, "kl": kl}

    return loss


def trained_on(recon, kl):
    loss = recon + kl
    loss.backward()
    return loss


def paired(a, b, people, draws):
    d = a - b
    sums, counts = np.bincount(people, weights=d), np.bincount(people)
    means = sums[draws].sum(1) / counts[draws].sum(1)
    return d.mean(), *np.quantile(means, (0.025, 0.975))


def unpaired(a, b, people, draws):
    zero = np.zeros_like(a)
    _, low_a, high_a = paired(a, zero, people, draws)
    _, low_b, high_b = paired(b, zero, people, draws)
    return (a - b).mean(), low_a - high_b, high_a - low_b


def photos_for_people(a, b, people, draws):
    d = a - b
    return d.mean(), *np.quantile(d[draws].mean(1), (0.025, 0.975))


def in_place(mu, logvar, eps):
    s = (0.5 * logvar).exp()
    s *= eps
    return mu + s


class Small(nn.Module):
    """An autoencoder of one's own, with one of its parts replaced."""

    def __init__(self, latent_dim, **parts):
        super().__init__()
        self.down, self.up = nn.Linear(12288, latent_dim), nn.Linear(latent_dim, 12288)
        self.seen = None
        for name, part in parts.items():
            setattr(self, name, part.__get__(self) if callable(part) else part)

    def encode(self, x):
        self.seen = x.detach()
        return self.down(x.flatten(1))

    def decode(self, z):
        return self.up(z).view(-1, 3, 64, 64)


def small(**parts):
    return lambda latent_dim: Small(latent_dim, **parts)


def peeking(self, z):
    return self.up(z).view(-1, 3, 64, 64) + self.seen


def matched(velocity, noise, codes, t, at=None, target=None, mean=torch.mean):
    z = torch.lerp(noise, codes, t) if at is None else at(noise, codes, t)
    wanted = codes - noise if target is None else target(noise, codes)
    return mean((velocity(z, t) - wanted) ** 2)


def heun(velocity, z, t, dt, mix=lambda a, b: (a + b) / 2, place=1, time=1):
    v = velocity(z, t)
    return z + dt * mix(v, velocity(z + place * dt * v, t + time * dt))


def hinged(real, fake, margin=1.0, by=F.relu, sign=1, over=torch.mean):
    return over(by(margin - sign * real)) + over(by(margin + sign * fake))


WRONG = {
    "fc.error_from_16": [
        (0.012, "more only help"),
        (0.004, "16 cannot do better"),
        (0.0060, "20% off. With both axes"),
        (0.0090, "20% off. The error falls fast"),
        ("0.0075", "must be a finite number, it is '0.0075'"),
    ],
    "fc.sure_labels": [
        (lambda s: s > 0, "lower third of the positive"),
        (lambda s: two_thirds(s, share=2 / 3), "you kept one"),
        (lambda s: np.where(two_thirds(s), 1, -1), "in place of \\+1 and -1"),
    ],
    "fc.plain_encoder": [
        (plain_encoder(), "Without a ReLU between them"),
        (plain_encoder(nn.ReLU(), after=[nn.ReLU()]), "No relu after the last layer"),
        (plain_encoder(nn.ReLU(), before=[nn.Flatten, nn.ReLU]), "No ReLU before the first"),
        (plain_encoder(nn.Tanh()), "a ReLU, not tanh"),
        (plain_encoder(nn.Sigmoid()), "a ReLU, not sigmoid"),
        (plain_encoder(nn.ReLU(), after=[nn.Tanh()]), "No tanh after the last layer"),
        (plain_encoder(nn.ReLU(), nn.Dropout(0.5)), "no dropout here"),
        (plain_encoder(nn.ReLU())(5, 7), "Hand in the class itself"),
        (plain_encoder(nn.ReLU(), before=()), "The shapes do not fit: flatten"),
    ],
    "fc.training_loop": [
        (loop(collect=lambda loss: loss), r"Collect loss.item\(\)"),
        (loop("lbs"), "zero_grad\\(\\) is missing"),
        (loop("lzs"), "loss.backward\\(\\) is missing"),
        (loop("lzb"), "optimizer.step\\(\\) is missing"),
        (loop("lbzs"), "between backward and step"),
        (loop(early=True), "return stand inside the loop"),
        (loop(loss_of=lambda a, b: F.mse_loss(a, b, reduction="sum")), "you took the sum"),
    ],
    "fc.vae_loss": [
        (elbo(lambda s: 50 * s.mean()), "recon is a sum over the pixels"),
        (elbo(lambda s: 100 * s.sum(1).mean()), "recon: the factor 1/2"),
        (elbo(kl_of=lambda k: k.mean()), "makes the code too cheap"),
        (elbo(loss_of=lambda r, k: r - k), "The loss is recon plus kl"),
        (elbo(loss_of=lambda r, k: (r + k).item()), "no gradient passes"),
        (elbo(loss_of=trained_on), r"leave backward\(\) to the training loop"),
    ],
    "fc.projection": [
        (lambda x, d: eigenvectors(x, d, largest=False), "eigh first"),
        (lambda x, d: project(x, d, centre=False), "Subtract the mean before the SVD"),
        (lambda x, d: project(x, d, back=False), "Add the mean again"),
        (lambda x, d: (x - x.mean(0)) @ svd(x - x.mean(0))[:d].T, "These are the codes"),
        (lambda x, d: project(x, d, rows=False), "rows of Vh"),
    ],
    "fc.enough_dimensions": [
        (lambda v, t, s: 1 + int((1 - (v**2).cumsum(0) / (v**2).sum() > s).sum()), "do not square"),
        (lambda v, t, s: int((1 - v.cumsum(0) / t > s).sum()), "counted from 0"),
        (lambda v, t, s: 1 + int((1 - v.cumsum(0) / t >= s).sum()), "losing just as much"),
        (lambda v, t, s: 1 + int((v.cumsum(0) / t < s).sum()), "not what is kept"),
        (lambda v, t, s: 1 + int((1 - v.cumsum(0) / v.sum() > s).sum()), "Divide by `total`"),
    ],
    "fc.principal_angles": [
        (lambda a, b: torch.deg2rad(angles(a, b)).cos(), "These are the cosines"),
        (lambda a, b: angles(a, b, unit=lambda r: r), "These are radians"),
        (lambda a, b: angles(a, b, lambda m: m.T), "Orthonormalise both bases"),
        (lambda a, b: angles(a.T, b.T), "qr takes columns: transpose first"),
    ],
    "fc.attribute_direction": [
        (lambda c, s: c[s <= 0].mean(0) - c[s > 0].mean(0), "The sign is wrong"),
        (lambda c, s: c[s > 0].mean(0) - c.mean(0), "those without it, not of all"),
        (lambda c, s: c[s > 0].mean() - c[s <= 0].mean(), "dim 0"),
    ],
    "fc.kl_to_standard_normal": [
        (lambda m, v: (kl(m, v) + (2 * v).exp() / 2 - v.exp() / 2).sum(1), "is sigma.4"),
        (lambda m, v: kl(m, v), r"shape \(8, 4\): sum over the latent"),
        (lambda m, v: kl(m, v).mean(1), "a sum, not a mean"),
        (lambda m, v: 2 * kl(m, v).sum(1), "factor 1/2"),
        (lambda m, v: -kl(m, v).sum(1), "never negative"),
    ],
    "conv.size_after_transposed": [
        (lambda n, k, s, p: (n - 1) * s + k, "Where is the padding"),
        (lambda n, k, s, p: (n + 2 * p - k) // s + 1, "go the other way"),
        (lambda n, k, s, p: n * s + k - 2 * p, "n - 1 strides"),
        (lambda n, k, s, p: (n - 1) * s + k - p, "twice"),
        (lambda n, k, s, p: n * s, "kernel 2, stride 2 only"),
    ],
    "conv.decibels": [
        (lambda x, y: -5 * ((x - y) ** 2).mean((1, 2, 3)).log10(), "the factor is 20, not 10"),
        (lambda x, y: -10 * ((x - y) ** 2).mean().log10(), "you averaged over all images"),
        (lambda x, y: 10 * ((x - y) ** 2).mean((1, 2, 3)).log10(), "the sign is wrong"),
        (lambda x, y: -10 * ((x - y) ** 2).mean((1, 2, 3)).log(), "to the base 10"),
        (lambda x, y: -10 * (x - y).abs().mean((1, 2, 3)).log10(), "square it"),
    ],
    "conv.paired_difference": [
        (lambda a, b, *g: paired(b, a, *g), "The sign"),
        (unpaired, "Not paired"),
        (photos_for_people, "you used them as photos"),
        (lambda *g: paired(*g)[0], "Return 3 things"),
    ],
    "conv.without": [
        (lambda v, u: torch.linalg.lstsq(u.T, v[:, None]).solution[:, 0] @ u, "part \\*in\\* the"),
        (lambda v, u: v - (u @ v / u.square().sum(1)) @ u, "subtracted twice"),
        (lambda v, u: v - (u @ v) @ u, "squared lengths"),
    ],
    "conv.random_squares": [
        (lambda *s: ~squares(*s), "the other way round"),
        (lambda *s: squares(*s, last=0), "from 0 to 11, .* to 10 .randint leaves out its end"),
        (lambda *s: squares(*s, together=True), "All squares are in the same place"),
    ],
    "conv.covered_error": [
        (lambda x, y, m: ((x - y) ** 2 * m).mean(), "not by all pixels"),
        (lambda x, y, m: ((x - y) ** 2 * m).sum() / m.sum(), "divide by 3 times"),
        (lambda x, y, m: ((x - y) ** 2)[~m.expand_as(x)].mean(), "you took the rest"),
        (lambda x, y, m: (x - y).abs()[m.expand_as(x)].mean(), "Square the differences"),
    ],
    "conv.own_autoencoder": [
        (small(decode=peeking), "decode must depend on z alone"),
        (small(decode=lambda self, z: self.up(0 * z).view(-1, 3, 64, 64)), "it ignores z"),
        (small(encode=lambda self, x: self.down(x.flatten(1)).detach()), "reaches down.weight"),
        (small(extra=nn.Parameter(torch.zeros(2))), "No gradient reaches extra"),
        (small(decode=lambda self, z: self.up(z)), r"decode of .* \(8, 3, 64, 64\), it returns"),
        (lambda latent_dim: Small(128), r"encode of .* \(8, 6\), it returns a float32 tensor"),
        (small(decode=lambda self, z: self.up(z).view(-1, 3, 64, 64).round()), "30 steps on 8"),
        (small(encode=None), "no method encode"),
    ],
    "generator.hinge": [
        (lambda r, f: hinged(r, f, sign=-1), "yours is the reverse"),
        (lambda r, f: hinged(r, f, by=lambda x: x), "Where is the hinge"),
        (lambda r, f: hinged(r, f, margin=0.0), "The margin is missing"),
        (lambda r, f: F.relu(1 - r.mean()) + F.relu(1 + f.mean()), "for each patch"),
        (lambda r, f: -f.mean(), "the generator's loss"),
        (lambda r, f: hinged(r, f, over=torch.sum), "not their sum"),
        (lambda r, f: hinged(r, f).item(), "no gradient passes"),
        (lambda r, f: hinged(r, f.detach()), "no gradient reaches fake"),
    ],
    "generator.flow_matching": [
        (lambda v, e, z, t: matched(v, e, z, t, lambda e, z, t: torch.lerp(z, e, t)), "at t = 1"),
        (lambda *g: matched(*g, target=lambda e, z: e - z), "not the reverse"),
        (lambda *g: matched(*g, target=lambda e, z: z), "not the code"),
        (lambda *g: matched(*g, at=lambda e, z, t: z), "Ask for the velocity at z_t"),
        (lambda *g: matched(*g, mean=torch.sum), "not the sum"),
        (lambda v, e, z, t: matched(lambda a, b: v(a, b[:, 0]), e, z, t), "t of shape"),
        (lambda *g: matched(*g).detach(), "no gradient passes"),
    ],
    "generator.heun_step": [
        (lambda v, z, t, dt: z + dt * v(z, t), "That is Euler's step"),
        (lambda *g: heun(*g, mix=lambda a, b: b, place=0.5, time=0.5), "midpoint method"),
        (lambda *g: heun(*g, mix=torch.add), "divide their sum by 2"),
        (lambda *g: heun(*g, time=0), "that at time"),
        (lambda *g: heun(*g, place=0), "where Euler's step ends"),
        (lambda v, z, t, dt: heun(v, z, t, dt) - z, "add it to z"),
    ],
    "generator.guided": [
        (lambda v, u, w: v + w * (v - u), "start from the other"),
        (lambda v, u, w: v + w * (u - v), "have changed places"),
        (lambda v, u, w: u + w * (u - v), "from without the label"),
        (lambda v, u, w: w * v, "not the velocity"),
        (lambda v, u, w: w * (v - u), "the step alone"),
    ],
    "cvae.worth_of_a_label": [
        (math.log2(10), "in bits"),
        (10, "not ten nats"),
        (0.1, "probability of a label"),
    ],
    "cvae.with_label": [
        (lambda z, y: torch.cat([z, y[:, None].float()], 1), "a name, not a size"),
        (lambda z, y: torch.cat([z, F.one_hot(y).float()], 1), "No 8, no 9"),
        (lambda z, y: torch.cat([F.one_hot(y, 10).float(), z], 1), "First z"),
    ],
    "cvae.reparameterised": [
        (in_place, "overwrites what backward needs"),
        (lambda m, v, e: m * math.nan, "15 of 15 values are NaN"),
        (lambda m, v, e: m + v.exp() * e, "scaled by its root"),
        (lambda m, v, e: m + (v / 2).exp() * torch.randn_like(e), "the noise that is given"),
        (lambda m, v, e: (m + (v / 2).exp() * e).detach(), "no gradient passes"),
    ],
    "cvae.kl_of_two_gaussians": [
        (lambda a, b, c, d: (kl_of_two(a, 2 * b, c, 2 * d) + (b - d) / 2).sum(1), "squared var"),
        (lambda *g: kl_of_two(*g), r"shape \(6, 3\)"),
        (lambda a, b, c, d: kl_of_two(c, d, a, b).sum(1), "not symmetric"),
        (lambda *g: 2 * kl_of_two(*g).sum(1), "factor 1/2"),
    ],
    "cvae.tighter": [
        (lambda w: w.mean(0), "the ELBO"),
        (lambda w: w.logsumexp(0), "Divide the sum by K"),
        (lambda w: w.exp().mean(0).log(), "use torch.logsumexp"),
        (lambda w: math.log(50) - w.logsumexp(0), "The sign is wrong"),
    ],
    "cvae.uncoupled": [
        (lambda v, h, net: coupling(v, h, net, "multiply"), "you multiplied"),
        (lambda v, h, net: coupling(v, h, net, "forward"), "forward direction"),
        (lambda v, h, net: coupling(v, h, net, "divide first"), "reverse order"),
        (lambda v, h, net: coupling(v, h, net, s_sign=1.0), "-sum s"),
        (lambda v, h, net: coupling(v, h, net)[0], "Return 2 things"),
    ],
    "cvae.find_the_bug": [
        ({"A": "averaged", "B": "collapsed", "C": "sample"}, "B is another: .*gradient 0"),
        ({"A": "averaged", "B": "sample", "C": "averaged"}, "C is another: .*KL 2e-05"),
        ({"A": "averaged", "B": "sample"}, 'A dict of "A", "B", "C" is wanted'),
    ],
    "cvae.in_the_same_hand": [
        (lambda f, x, a, b: forged(f, x, a, 4), "The wanted label is ignored"),
        (lambda f, x, a, b: forged(f, x, 7, b), "own label is ignored"),
        (lambda f, x, a, b: forged(f, x, a, a), "digit itself"),
        (lambda f, x, a, b: forged(f, x, b, b), "\\*own\\*"),
        (lambda f, x, a, b: forged(f, x, b, a), "changed places"),
        (lambda f, x, a, b: f.encode(x, of_label(a)).mean, "decode it"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(name, given, capsys):
    said = []
    for answer, message in WRONG[name]:
        said.append(verdict(capsys, name, answer, given))
        assert ": not yet. " in said[-1] and re.search(message, said[-1]), said[-1]
    assert len(set(said)) == len(said) >= 3


RIGHT = {  # what is right in another form than the solution's
    "fc.projection": lambda x, d: list(project(x, d)),
    "fc.principal_angles": lambda a, b: angles(a, b).flip(0).numpy()[::-1],
    "fc.sure_labels": lambda s: list(two_thirds(s)),
    "fc.error_from_16": 0.00775,
    "fc.plain_encoder": lambda latent_dim, width: nn.Sequential(
        nn.Conv2d(3, width, 64), nn.ReLU(), nn.Flatten(), nn.Linear(width, latent_dim)
    ),
    "fc.training_loop": with_closure,
    "fc.projection by eigh": lambda x, d: eigenvectors(x, d, largest=True),
    "fc.training_loop with detach": loop(collect=lambda loss: loss.detach()),
    "conv.decibels": lambda x, y: -20 * (x.clamp(0, 1) - y).square().mean((1, 2, 3)).sqrt().log10(),
    "conv.own_autoencoder": small(),
    "generator.heun_step": lambda *g: heun(*g).numpy(),
    "fc.kl_to_standard_normal": lambda m, v: [row.sum() for row in kl(m, v)],
    "conv.random_squares": lambda *s: squares(*s).numpy()[::-1],
    "cvae.tighter": lambda w: np.logaddexp.reduce(w.numpy(), axis=0) - math.log(50),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_accepted_in_any_form(name, given, capsys):
    assert ": right. " in verdict(capsys, name.split()[0], RIGHT[name], given)


def test_every_check_is_tested_here():
    public = {
        f"{notebook}.{name}"
        for notebook in NOTEBOOKS.values()
        for name, thing in vars(getattr(checks, notebook)).items()
        if hasattr(thing, "__wrapped__")
    }
    assert public == WRONG.keys()


# ---- Rubbish, stubs, and what a check leaves behind


def raising(*arguments):
    raise KeyError("no such thing")


RUBBISH = [
    None, 3, -1.5, True, "x", b"x", [], [1, "a"], (1, 2, 3), {}, object(), float("nan"), 1j, int,
    np.zeros(3), np.array("a"), torch.zeros(2, 3), torch.full((), torch.nan), torch.zeros(0),
    torch.ones(1, dtype=torch.complex64), raising, lambda: 1,
]  # fmt: skip
RETURNED = [
    None, 3, "x", [], {}, object(), float("inf"), np.zeros((2, 2)), np.array(["a"]), torch.zeros(0),
    torch.full((8,), torch.nan), torch.zeros(3, 3, 3, 3, 3), torch.tensor([1j]), (1, 2),
    torch.zeros(200, 1, 16, 16, dtype=torch.bool), print,
    (None, None),
]  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_rubbish_stops_nothing_and_is_never_right(name, given, capsys):
    for rubbish in RUBBISH:
        assert ": not yet. " in verdict(capsys, name, rubbish, given)
    for value in RETURNED:
        said = verdict(capsys, name, lambda *_, value=value: value, given)
        assert ": not yet. " in said and len(said) < 400


@pytest.mark.parametrize("name", WRONG)
def test_a_stub_is_not_filled_in_yet(name, given, capsys):
    def not_yet(*_):
        raise NotImplementedError

    stubs = [..., (..., ...)]
    if name not in GUESSES | {"cvae.find_the_bug"}:  # there, the answer is a function
        stubs += [not_yet, lambda *_: ..., lambda *_: (..., ...)]
    for stub in stubs:
        assert verdict(capsys, name, stub, given).endswith(": not filled in yet\n")


def test_a_check_leaves_the_random_numbers_alone(given, capsys):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = verdict(capsys, "conv.random_squares", squares, given)
    assert torch.equal(torch.rand(3), expected)
    assert first == verdict(capsys, "conv.random_squares", squares, given)


# ---- The notebooks' cells


def cells(notebook, tag):
    nodes = nbformat.read(ROOT / f"{notebook}.ipynb", as_version=4).cells
    return [node for node in nodes if tag in node.metadata.get("tags", [])]


@pytest.fixture(scope="module", params=NOTEBOOKS)
def course(request, given):
    """A notebook, and the names that its exercises and solutions find when they are run."""
    some = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    errors = dict(zip((8, 16, 32), given["fc.error_from_16"], strict=True))
    model, x, label = given["cvae.in_the_same_hand"]
    names = {
        "checks": checks, "torch": torch, "np": np, "math": math, "nn": nn, "F": F,
        "Normal": Normal, "kl_divergence": kl_divergence,
        # fc
        "pca": SimpleNamespace(first=lambda count: count), "test": some, "test_unit": some,
        "predict": lambda count, _: count, "train": some,
        "squared_error": lambda count, _: np.array([errors[count]]),
        "VAE": lambda latent_dim: None,
        # cvae
        "partial": partial, "PlainCVAE": PlainCVAE, "standin": True, "SEED": 0,
        "broken_runs": lambda *_, **__: given["cvae.find_the_bug"][0], "show_runs": id,
        "experiments": SimpleNamespace(show=lambda *_: None),
    }  # fmt: skip
    if request.param == "cvae_mnist":
        names |= {"test": x, "to_unit": lambda x: x, "test_labels": torch.tensor([label]),
                  "plain": model}  # fmt: skip
    return SimpleNamespace(name=request.param, names=names)


def run(course, capsys):
    """What the exercises say, and after them the solutions."""
    names, said = dict(course.names), []
    for tag in ("exercise", "solution"):
        for cell in cells(course.name, tag):
            exec(cell.source, names)
        said.append(capsys.readouterr().out.splitlines())
    return said


def test_every_solution_is_right(course, capsys):
    _, said = run(course, capsys)
    assert not [line for line in said if ": right. " not in line]
    solved = {f"{NOTEBOOKS[course.name]}.{line.split(':')[0]}" for line in said}
    assert solved == {name for name in WRONG if name.startswith(NOTEBOOKS[course.name] + ".")}


def test_every_stub_runs_and_is_not_filled_in(course, capsys):
    said, _ = run(course, capsys)
    assert len(said) >= 4
    assert not [line for line in said if not line.endswith(": not filled in yet")]


def test_exercises_are_counted_hinted_and_solved_in_folded_cells(course):
    nodes = nbformat.read(ROOT / f"{course.name}.ipynb", as_version=4).cells
    text = "\n".join(node.source for node in nodes if node.cell_type == "markdown")
    heading = r"### .*[Ee]xercises? (\d+)(?:(?: and | to )(\d+))?"
    tasks = [p for p in re.split(r"^(?=#{2,3} )", text, flags=re.MULTILINE) if re.match(heading, p)]
    assert all(re.search("<details><summary>Hints?</summary>\n\n", task) for task in tasks)
    announced = [
        number
        for first, last in re.findall(heading, text)
        for number in range(int(first), int(last or first) + 1)
    ]
    stubs, solutions = cells(course.name, "exercise"), cells(course.name, "solution")
    count = sum(cell.source.count("checks.") for cell in stubs)
    source = "\n".join(cell.source for cell in solutions)
    solved = re.findall(
        r"\d+", " ".join(re.findall(r"(?m)^# Exercises? (\d+(?: and \d+)*)", source))
    )
    assert announced == [int(number) for number in solved] == list(range(1, count + 1))
    assert all(cell.metadata["jupyter"]["source_hidden"] for cell in solutions)
