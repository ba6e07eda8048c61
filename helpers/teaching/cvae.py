"""The checks of the exercises in cvae_mnist.ipynb, in their order."""

import math

import torch
from torch.nn import functional as F

from helpers.system.validation import describe
from helpers.teaching.exercises import (
    Wrong,
    alike,
    compare,
    draw,
    entries,
    exercise,
    gradients,
    kl_mistakes,
    number,
    returned,
    several,
    tell,
)

SYMPTOMS = {  # what one would see
    "sample": 'With "sample" no gradient of recon reaches the encoder, from the first step on.',
    "averaged": 'With "averaged" the KL is cheap, so the code says far more than it should.',
    "collapsed": 'With "collapsed" the KL falls to 0, and yet a gradient reaches the encoder.',
}


@exercise
def reparameterised(answer):
    """mu, logvar, eps (B, D) -> the draw (B, D), through which gradients pass."""
    mu, logvar = (draw(5, 3).requires_grad_() for _ in range(2))
    eps = draw(5, 3)
    z = returned(answer, mu, logvar, eps)
    if not alike(z, returned(answer, mu, logvar, eps)):
        raise Wrong("Take the noise that is given: yours is a draw of its own.")
    right = mu + (0.5 * logvar).exp() * eps
    compare(z, right, "the draw", {
        "exp(logvar) is the variance: the noise is scaled by its root.": mu + logvar.exp() * eps,
        "logvar is a logarithm: take exp(logvar / 2).": mu + logvar * eps,
        "You added sigma without the noise.": mu + (0.5 * logvar).exp(),
        "exp(2 logvar) is the variance squared: halve it.": mu + (2 * logvar).exp() * eps,
        "Scaled noise only: it has to be moved to mu.": right - mu,
        "The mean alone is no draw: add the noise, scaled.": mu,
    })  # fmt: skip
    gradients(z, mu=mu, logvar=logvar)
    return "The noise is drawn outside, so that the rest is a function one can differentiate."


@exercise
def worth_of_a_label(answer):
    """The most nats that one of ten equally frequent labels can be worth."""
    guess, right = number(answer), math.log(10)
    mistakes = {
        "That is in bits: 1 bit is ln 2 nats.": math.log2(10),
        "That is the logarithm to the base 10: nats are natural.": 1.0,
        "Ten values are not ten nats: take a logarithm.": 10.0,
        "That is the probability of a label: take minus its logarithm.": 0.1,
        "Surprise is not negative: minus the logarithm of the probability.": -right,
    }
    tell({words: abs(guess - wrong) < 0.05 * abs(wrong) for words, wrong in mistakes.items()})
    if abs(guess - right) > 0.05:
        raise Wrong(f"It is not {guess:.4g}. What is the probability of a label, and its surprise?")
    return f"ln 10 = {right:.2f} nats: little beside the loss, and yet enough to choose the digit."


@exercise
def with_label(answer):
    """z (B, D), labels (B,) -> (B, D + 10): z and then the label, one-hot."""
    z, labels = draw(4, 3), torch.tensor([2, 0, 7, 2])
    one_hot = F.one_hot(labels, 10).float()
    compare(returned(answer, z, labels), torch.cat([z, one_hot], 1), "the decoder's input", {
        "The label is a name, not a size: make it one-hot.": torch.cat([z, labels[:, None]], 1),
        "No 8, no 9 here: tell one_hot of 10 classes.": torch.cat([z, F.one_hot(labels)], 1),
        "First z, then the label.": torch.cat([one_hot, z], 1),
        "That is the label alone: put z before it.": one_hot,
    })  # fmt: skip
    return "The linear layer that reads it adds a learned vector for each label."


@exercise
def in_the_same_hand(answer, model, x, label):
    """model, x (1, 1, 28, 28), label, wanted -> that digit in the hand of x, (1, 1, 28, 28)."""
    for own, wanted in ((label, label - 3), (label, label - 6), (label - 1, label - 2)):
        own, wanted = own % 10, wanted % 10

        def decoded(style_of, label):
            style = model.encode(x, torch.tensor([style_of])).mean
            return model.decode(style, torch.tensor([label]))

        with torch.no_grad():
            style = model.encode(x, torch.tensor([own])).mean
            mean_hand = model.decode(torch.zeros_like(style), torch.tensor([wanted]))
            image = returned(answer, model, x, own, wanted)
            compare(image, decoded(own, wanted), f"the {wanted}", {
                "That is the digit itself: decode with the wanted label.": decoded(own, own),
                "Encode with the digit's *own* label.": decoded(wanted, wanted),
                "The labels have changed places.": decoded(wanted, own),
                "The wanted label is ignored.": decoded(own, (label - 3) % 10),
                "The digit's own label is ignored.": decoded(label, wanted),
                "That is the input: encode it and decode the code.": x,
                "That is the code: decode it.": style,
                "That is the mean style: the code is thrown away.": mean_hand,
            })  # fmt: skip
    return "One code, ten digits: the label chooses."


@exercise
def find_the_bug(answer, runs):
    """The bug of each run, as a dict from its letter, and the runs that `broken_runs` made."""
    letters = [letter for letter, run in runs.items() if run.bug]
    for letter, word in zip(letters, entries(answer, *letters), strict=True):
        run, words = runs[letter], " or ".join(f'"{bug}"' for bug in SYMPTOMS)
        guess = word.strip().lower() if isinstance(word, str) else word
        if not isinstance(guess, str) or guess not in SYMPTOMS:
            raise Wrong(f"Your answer to {letter} must be {words}, it is {describe(word)}.")
        if guess != run.bug:
            measured = f"recon {run.recon[-1]:.0f} nats, KL {run.kl[-1]:.2g} nats"
            seen = f"{measured}, gradient {run.gradient:.2g}"
            raise Wrong(f"{letter} is another: {seen}. {SYMPTOMS[guess]}")
    return "No error, a falling loss, and three broken models: look at both terms, always."


@exercise
def kl_of_two_gaussians(answer):
    """mu_q, logvar_q, mu_p, logvar_p (B, D) -> KL(q || p) (B,), in nats."""
    given = mu_q, logvar_q, mu_p, logvar_p = [draw(6, 3) for _ in range(4)]

    def each(mu_q, logvar_q, mu_p, logvar_p, distance=1.0, power=1):
        moved = (power * logvar_q).exp() + distance * (mu_q - mu_p) ** 2
        return 0.5 * (moved / (power * logvar_p).exp() - 1 + logvar_p - logvar_q)

    kl, reverse = each(*given), each(mu_p, logvar_p, mu_q, logvar_q)
    undivided, zero = each(*given, distance=0.0) + 0.5 * (mu_q - mu_p) ** 2, torch.zeros(6, 3)
    compare(returned(answer, *given), kl.sum(1), "your kl", kl_mistakes(kl, "digit", "q") | {
        "That is KL(p || q): the divergence is not symmetric.": reverse.sum(1),
        "Where is the distance between the two means?": each(*given, distance=0.0).sum(1),
        "That is the divergence from N(0, I).": each(mu_q, logvar_q, zero, zero).sum(1),
        "Divide the distance of the means by p's variance.": undivided.sum(1),
        "That is sigma where sigma^2 is wanted.": each(*given, power=0.5).sum(1),
        "exp(2 logvar) is a squared variance.": each(*given, power=2).sum(1),
        "The two logarithms have changed places.": (kl - logvar_p + logvar_q).sum(1),
    })  # fmt: skip
    return "With mu_p = 0 and logvar_p = 0 it is the formula of autoencoders_fc.ipynb."


@exercise
def uncoupled(answer):
    """v (B, D), half, net -> u (B, D) and log|det du/dv| (B,), undoing v = [a, b exp(s) + t]."""
    weight = draw(3, 6)

    def net(a):
        """Shift and log-scale, (B, 3) each, from the half that passes."""
        if not isinstance(a, torch.Tensor) or a.shape != (7, 3):
            raise ValueError("net takes the half that passes unchanged")
        return torch.tanh(a @ weight).chunk(2, dim=1)

    u = draw(7, 6)
    a, b = u[:, :3], u[:, 3:]
    t, s = net(a)
    moved = b * s.exp() + t
    undone, log_det = several(
        returned(answer, torch.cat([a, moved], 1), 3, net), 2, "u and the log-determinant"
    )
    wrong_t, wrong_s = net(moved)
    second = {
        "That is the forward direction once more: undo it.": moved * s.exp() + t,
        "Undo in reverse order: first subtract the shift, then divide.": moved * (-s).exp() - t,
        "Divide by exp(s): you multiplied.": (moved - t) * s.exp(),
        "s is the logarithm of the scale: divide by exp(s).": (moved - t) / s,
        "Ask net about the first half, which passed.": (moved - wrong_t) * (-wrong_s).exp(),
        "net returns the shift first, then the log-scale.": (moved - s) * (-t).exp(),
    }  # fmt: skip
    swapped = {"The halves have changed places: first the one that passed.": torch.cat([b, a], 1)}
    wrong = {words: torch.cat([a, half], 1) for words, half in second.items()}
    compare(undone, u, "u", wrong | swapped)
    compare(log_det, -s.sum(1), "the log-determinant", {
        "Undoing shrinks what the layer stretched: the log-determinant is -sum s.": s.sum(1),
        "One log-determinant a row: sum over the dimensions.": -s,
        "That is the determinant: its logarithm is asked for.": (-s.sum(1)).exp(),
    })  # fmt: skip
    return "However wild net is, undoing costs one subtraction and one division."


@exercise
def tighter(answer):
    """Log-weights (K, B) -> the importance-weighted bound on log p(x | y), (B,)."""
    log_weight = 3 * draw(50, 4) - torch.tensor([90.0, 200.0, 800.0, 85.0])
    total = log_weight.logsumexp(0)
    right = total - math.log(50)
    compare(returned(answer, log_weight), right, "the bound", {
        "That is the ELBO: the mean goes inside the logarithm.": log_weight.mean(0),
        "Divide the sum by K: subtract its logarithm.": total,
        "Divide by K *inside* the logarithm: outside, subtract log K.": total / 50,
        "The sum over the K draws is divided by K once: subtract log K, not K.": total - 50,
        "exp(-800) is 0 in a computer: use torch.logsumexp.": log_weight.exp().mean(0).log(),
        "The sign is wrong: this is the bound on +log p.": -right,
        "That is the best draw alone: average the weights.": log_weight.amax(0),
        "Average over the draws (dim 0).": log_weight.logsumexp(1) - math.log(4),
    })  # fmt: skip
    return "With K = 1 it is the ELBO, and its mean grows with K."
