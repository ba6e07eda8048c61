"""The benchmark's figure, and its page."""

import json
import os
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import numpy as np

from helpers.benchmark.loops import AVERAGED
from helpers.figures.plots import COLOURS, STYLE
from helpers.system.files import write_text

TITLES = {
    "fc_vanilla": "fully-connected autoencoder",
    "conv_vanilla": "convolutional autoencoder",
    "cvae": "conditional VAE",
}


def ratios(slow, fast):
    """How many times as fast, in each round: float array."""
    return np.divide(slow["rounds_s"], fast["rounds_s"])


def in_words(found):
    return f"{np.median(found):.2f} ({found.min():.2f} to {found.max():.2f})"


def write_page(folder, place):
    """Write README.md into the folder `place`, of what is in `folder`; return its words."""
    results, times = folder / "benchmark.json", folder / "waiting.json"
    lines = ["# How fast it is", ""]
    if results.exists():
        figure = Path(os.path.relpath(folder / "ladder.png", place)).as_posix()
        lines += of_benchmark(json.loads(results.read_text(encoding="utf-8")), figure)
    else:
        lines += ["`make bench` measures it, in at most eight minutes, and writes this page.", ""]
    if times.exists():
        lines += of_waiting(json.loads(times.read_text(encoding="utf-8")))
    words = "\n".join(lines)
    write_text(place / "README.md", words)
    return words


def of_waiting(times):
    """How long the notebooks take, as lines of Markdown."""
    runs = [(name, run, found) for name, of in sorted(times.items())
            for run, found in sorted(of.items())]  # fmt: skip
    return [
        "## How long a notebook takes",
        "",
        "From its first cell to its last, as the latest run saw it: `make publish` loads all "
        "weights, `make retrain` trains all models. The memory is the highest peak of a "
        "notebook's kernel so far in the same run, so it never falls from one to the next.",
        "",
        "| notebook | run | minutes | first picture after, s | memory, GB | machine |",
        "| --- | --- | ---: | ---: | ---: | --- |",
        *(f"| {name} | `{run}` | {found['minutes']:.1f} | {found['first_picture_s'] or ''} "
          f"| {found['peak_gb'] or ''} | {found['machine']} |" for name, run, found in runs),
        "",
        *of_retraining(runs),
    ]  # fmt: skip


def of_retraining(runs):
    """What `make retrain` trains and measures anew, as lines of Markdown; none before it ran."""
    steps = [(name, *step) for name, _, found in runs for step in found.get("steps", ())]
    if not steps:
        return []
    return [
        "What `make retrain` trains and measures anew:",
        "",
        "| notebook | experiment | what | time |",
        "| --- | --- | --- | ---: |",
        *(f"| {' | '.join(step)} |" for step in steps),
        "",
    ]


def of_benchmark(results, figure):
    """What `make bench` measured, as lines of Markdown which show the file `figure`."""
    machine, loads, beaten = (results[name] for name in ("machine", "loading", "beat_pca"))
    minutes = beaten["minutes"]
    lines = [
        f"`make bench` wrote this page on {machine['device']} with {machine['threads']} threads "
        f"(PyTorch {machine['torch']}), in {results['minutes_of_benchmark']:.0f} minutes. "
        "All ways to train take turns in one run: ratios are medians over the rounds, with the "
        "lowest and the highest round in brackets.",
        "",
        "| loading the faces | seconds | peak memory, MB |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {load['seconds']:.2f} | {load['peak_mb']:.0f} |"
          for name, load in loads.items()),
        "",
        "| model | plain loop, ms a step | `fit`, ms a step | times as fast | `fit` over the "
        "fastest hand-written loop | over the one that averages the weights, too |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for name, rungs in results["ladder"].items():
        plain, fit = rungs["plain loop"], rungs["fit"]
        others = [rung for name, rung in rungs.items() if name != "fit"]
        same = in_words(ratios(rungs[AVERAGED], fit)) if AVERAGED in rungs else ""
        fastest = min(others, key=lambda rung: median(rung["rounds_s"]))
        lines.append(
            f"| {TITLES[name]} | {1e3 * median(plain['rounds_s']):.1f} "
            f"| {1e3 * median(fit['rounds_s']):.1f} | {in_words(ratios(plain, fit))} "
            f"| {in_words(ratios(fastest, fit))} | {same} |"
        )
    public, fit = results["public"]["public loop"], results["public"]["fit"]
    lines += [
        f"| a public CVAE, in the loop of many pages | {1e3 * median(public['rounds_s']):.1f} "
        f"| {1e3 * median(fit['rounds_s']):.1f} | {in_words(ratios(public, fit))} | | |",
        "",
        f"![Training speed with each step added in turn]({figure})",
        "",
        "From nothing, PCA included, the convolutional autoencoder draws the people of the "
        f"validation set better than PCA with 128 components after {minutes:.1f} minutes "
        f"(MSE {beaten['mse']:.5f} against {beaten['mse_of_pca']:.5f})."
        if minutes is not None
        else f"After one epoch the convolutional autoencoder (MSE {beaten['mse']:.5f}) is not yet "
        f"better than PCA with 128 components ({beaten['mse_of_pca']:.5f}) on the validation set.",
        "",
    ]
    return lines


def draw_ladder(ladder):
    """Each rung's speed: the median of the rounds as bars, single rounds as dots; a Figure."""
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(1, 3, figsize=(9.5, 3), layout="constrained", sharey=True)
        for ax, (name, rungs) in zip(axes, ladder.items(), strict=True):
            for label, rung in rungs.items():
                found = ratios(rungs["plain loop"], rung)
                bar = ax.barh(label, np.median(found), color=COLOURS[5])
                ax.bar_label(bar, [f"{np.median(found):.2f}"], label_type="center")
                ax.plot(found, len(found) * [label], "o", color="black", alpha=0.5, markersize=3)
            ax.axvline(1, color="gray", linewidth=0.8, zorder=0)
            ax.set(title=TITLES[name], xlabel="speed, plain loop = 1", xlim=(0, None))
        axes[0].invert_yaxis()
        fig.suptitle("Training speed with each step added in turn (bars: medians, dots: rounds)")
    return fig
