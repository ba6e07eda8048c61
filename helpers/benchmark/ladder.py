"""How fast each way to train a model is, step after step, and a public loop beside ours.

`fit` keeps freed memory, which a process cannot undo: what does runs in one process, the plain ways
in another, both new for each model as a notebook's is. The ways take turns, so that whatever else
the machine does disturbs all of them.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median

import torch

from helpers.benchmark.loops import KEPT, LADDER, PublicCVAE, climb, public_loop, public_loss
from helpers.notebooks import definitions

MODELS = {  # experiment -> its notebook, its class, its loss, its batch size
    "fc_vanilla": ("autoencoders_fc", "FCAutoencoder", "reconstruction_loss", 128),
    "conv_vanilla": ("autoencoders_conv", "SketchAutoencoder", "reconstruction_loss", 64),
    "cvae": ("cvae_mnist", "CVAE", "negative_elbo", 125),
    "public": (None, PublicCVAE, public_loss, 64),
}
RUNGS = [*LADDER, "fit"]
PUBLIC = ["public loop", "fit"]  # the same layers and the same batches


def build(name, pca):
    """A model as its notebook begins to train it, and its loss."""
    notebook, kind, loss, _ = MODELS[name]
    if notebook:
        found = definitions(notebook)
        kind, loss = getattr(found, kind), getattr(found, loss)
    torch.manual_seed(42)
    model = kind()
    start = getattr(model, "sketcher", model)
    if hasattr(start, "start_from_pca"):
        start.start_from_pca(pca)
    return model, loss


def ladder(name, pca, train, val, steps, rounds, rungs=RUNGS):
    """Seconds a step in every round, and the validation loss, of each rung and of `fit`."""
    part = tuple(t[: steps * MODELS[name][-1]].clone() for t in train)
    seen = {rung: [] for rung in rungs}
    context = get_context("forkserver")  # a fork of a process that has computed in threads hangs
    context.set_forkserver_preload([__name__])  # imports once for all
    with ProcessPoolExecutor(1, context) as plain, ProcessPoolExecutor(1, context) as keeping:
        for rung in rounds * rungs:
            process = keeping if rung in RUNGS[RUNGS.index(KEPT) :] else plain
            seen[rung].append(process.submit(train_once, name, pca, rung, part, val).result())
    return {
        rung: {"rounds_s": [s for s, _ in results], "loss": median(v for _, v in results)}
        for rung, results in seen.items()
    }


def train_once(name, pca, rung, train, val):
    model, loss_fn = build(name, pca)
    if rung == "public loop":
        return public_loop(model, *train), 0.0
    batch_size = MODELS[name][-1]
    return climb(rung, model, train, val, loss_fn, len(train[0]) // batch_size, batch_size)
