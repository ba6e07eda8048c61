"""How fast each way to train a model is, step after step, and a public loop beside ours.

`fit` keeps freed memory, which a process cannot undo: what does runs in one process, the plain ways
in another, both new for each model as a notebook's is. The ways take turns, so that whatever else
the machine does disturbs all of them.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from typing import NamedTuple

import torch

from helpers.benchmark import loops
from helpers.benchmark.loops import KEPT, LADDER, climb, public_loop
from helpers.notebooks import ROOT, definitions
from helpers.results.names import EXPERIMENTS
from helpers.results.weights import read_weights

RUNGS = [*LADDER, "fit"]
PUBLIC_RUNGS = ["public loop", "fit"]  # the same layers and the same batches


class Recipe(NamedTuple):
    """A model that is still to be trained: by names, which other processes understand."""

    notebook: str | None  # that defines it; None: helpers.benchmark.loops does
    kind: str  # its class
    arguments: dict  # of the class
    loss: str
    training: dict  # batch_size, lr, weight_decay


PUBLIC = Recipe(None, "PublicCVAE", {}, "public_loss", {"batch_size": 64})


def published(name):
    """The Recipe of an experiment's published weights, which say it themselves."""
    _, metadata = read_weights(ROOT / "output" / name / "model.safetensors")
    settings = metadata["settings"]
    training = {key: settings["training"][key] for key in ("batch_size", "lr", "weight_decay")}
    notebook, loss = EXPERIMENTS[name].notebook, settings["training"]["loss"]
    return Recipe(notebook, metadata["class"], settings["model"], loss, training)


def build(recipe, pca):
    """The model of a Recipe as its training begins, and its loss."""
    found = definitions(recipe.notebook) if recipe.notebook else loops
    torch.manual_seed(42)
    model = getattr(found, recipe.kind)(**recipe.arguments)
    start = getattr(model, "sketcher", model)
    if hasattr(start, "start_from_pca"):
        start.start_from_pca(pca)
    return model, getattr(found, recipe.loss)


def ladder(recipe, pca, train, val, steps, rounds, rungs=RUNGS):
    """Seconds a step in every round, and the validation loss, of each rung and of `fit`."""
    part = tuple(t[: steps * recipe.training["batch_size"]].clone() for t in train)
    seen = {rung: [] for rung in rungs}
    context = get_context("forkserver")  # a fork of a process that has computed in threads hangs
    context.set_forkserver_preload([__name__])  # imports once for all
    with ProcessPoolExecutor(1, context) as plain, ProcessPoolExecutor(1, context) as keeping:
        for rung in rounds * rungs:
            process = keeping if rung in RUNGS[RUNGS.index(KEPT) :] else plain
            seen[rung].append(process.submit(train_once, recipe, pca, rung, part, val).result())
    return {
        rung: {"rounds_s": [s for s, _ in results], "loss": median(v for _, v in results)}
        for rung, results in seen.items()
    }


def train_once(recipe, pca, rung, train, val):
    model, loss_fn = build(recipe, pca)
    if rung == "public loop":
        return public_loop(model, *train), 0.0
    batch_size = recipe.training["batch_size"]
    return climb(rung, model, train, val, loss_fn, len(train[0]) // batch_size, batch_size)
