"""How fast each way to train a model is, step after step, and a public loop beside ours.

Ours keep freed memory, which a process cannot undo: they run in one process, the plain ways in
another, both new for each model as a notebook's is.
"""

import contextlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median

import torch

from helpers.benchmark.loops import (
    KEPT,
    LADDER,
    OWN_LOSS,
    PublicCVAE,
    climb,
    public_loop,
    public_loss,
)
from helpers.notebooks import definitions

MODELS = {  # name -> its notebook, its class, its losses (the plain one first), its batch size
    "conv": ("autoencoders_conv", "ConvAutoencoder", ("reconstruction_loss",), 64),
    "fc": ("autoencoders_fc", "FCAutoencoder", ("reconstruction_loss", "coefficient_loss"), 128),
    "cvae": ("cvae_mnist", "CVAE", ("negative_elbo",), 125),
}


def build(name, pca):
    """A model as its notebook begins to train it; its plain loss and the notebook's."""
    notebook, kind, losses, _ = MODELS[name]
    found = definitions(notebook)
    torch.manual_seed(42)
    model = getattr(found, kind)()
    if hasattr(model, "start_from_pca"):
        model.start_from_pca(pca)
    return model, getattr(found, losses[0]), getattr(found, losses[-1])


def ladder(name, pca, train, val, steps, rounds):
    """Seconds a step, in all rounds and at best, and held-out loss of each rung, taking turns."""
    *_, losses, batch_size = MODELS[name]
    rungs = [*LADDER, "fit", *([OWN_LOSS] if len(losses) > 1 else [])]
    kept = rungs[rungs.index(KEPT) :]
    part = [t[: steps * batch_size].clone() for t in train]
    seen = {rung: [] for rung in rungs}
    with _two_processes() as processes:
        for rung in rounds * rungs:
            job = processes[rung in kept].submit(_climb, name, pca, rung, part, val, steps)
            seen[rung].append(job.result())
    return {
        rung: {"step_s": min(s for s, _ in results), "rounds_s": [s for s, _ in results],
               "loss": median(v for _, v in results)}
        for rung, results in seen.items()
    }  # fmt: skip


def speedup(plain, ours):
    """The ratio of the quickest rounds, which other programs have disturbed the least; and the
    lowest and the highest ratio of rounds that took turns, which shows how much they disturb."""
    ratios = [a / b for a, b in zip(plain, ours, strict=True)]
    return min(plain) / min(ours), [min(ratios), max(ratios)]


def _climb(name, pca, rung, train, val, steps):
    model, plain_loss, own_loss = build(name, pca)
    loss_fn = own_loss if rung == OWN_LOSS else plain_loss
    return climb(rung, model, train, val, loss_fn, steps, MODELS[name][-1])


def public(digits, labels, steps, rounds):
    """Seconds of a plain public loop on MNIST and of `fit`, in each round; layer sizes and batches
    are the same."""
    part = [t[: 64 * steps].clone() for t in (digits, labels)]
    with _two_processes() as (plain, keeping):
        seconds = [
            (plain.submit(_public, *part).result(), keeping.submit(_ours, *part).result())
            for _ in range(rounds)
        ]
    return zip(*seconds, strict=True)


def _public(images, labels):
    torch.manual_seed(42)
    return public_loop(PublicCVAE(), images, labels)


def _ours(images, labels):
    torch.manual_seed(42)
    data, few = (images, labels), (images[:64], labels[:64])
    return climb("fit", PublicCVAE(), data, few, public_loss, len(images) // 64, 64)[0]


@contextlib.contextmanager
def _two_processes():
    """Two executors of a new process each: for what is plain, and for what keeps freed memory."""
    context = get_context("forkserver")  # a fork of a process that has computed in threads hangs
    context.set_forkserver_preload([__name__])  # imports once for all
    with ProcessPoolExecutor(1, context) as plain, ProcessPoolExecutor(1, context) as keeping:
        yield plain, keeping
