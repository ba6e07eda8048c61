"""The benchmark's figures, and its table in the README."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from helpers.figures.plots import STYLE, save

TITLES = {"conv": "convolutional", "fc": "fully connected", "cvae": "conditional VAE"}
GOALS = {  # key -> what it is, its unit, "at least" or "at most", and how much
    "load_build_s": ("first load of the faces, from the archive", "s", "at most", 12),
    "load_cached_s": ("every later load", "s", "at most", 0.2),
    "build_peak_mb": ("peak memory of the first load", "MB", "at most", 1000),
    "speedup_conv": ("convolutional autoencoder, speed over the plain loop", "x", "at least", 1.5),
    "speedup_fc": ("fully-connected autoencoder, the same", "x", "at least", 1.5),
    "speedup_cvae": ("conditional VAE, the same", "x", "at least", 2.5),
    "speedup_cvae_over_public_loop": ("speed over a public CVAE's loop", "x", "at least", 3),
    "minutes_to_beat_pca_128": ("from nothing to better than PCA, held out", "min", "at most", 10),
}


def render(output):
    """The benchmark as a Markdown table.

    Parameters
    ----------
    output : path of the folder of all experiments

    Returns
    -------
    str

    Raises
    ------
    ValueError : if benchmark.json is no JSON.
    """
    path = Path(output) / "benchmark" / "benchmark.json"
    if not path.exists():
        return "Not measured yet: `make bench`."
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); run make bench again") from None
    machine = results["machine"]
    lines = [f"| on {machine['device']}, {machine['threads']} threads | value | to reach | |",
             "| --- | ---: | ---: | --- |"]  # fmt: skip
    for key, (what, unit, sense, bar) in GOALS.items():
        value = results[key]
        reached = value is not None and (value <= bar if sense == "at most" else value >= bar)
        shown = "not within the run" if value is None else f"{value:.3g} {unit}"
        if key in results["speedup_in_rounds"]:
            low, high = results["speedup_in_rounds"][key]
            shown += f" ({low:.2f} to {high:.2f} in single rounds)"
        mark = "reached" if reached else "**missed**"
        lines.append(f"| {what} | {shown} | {sense} {bar:g} | {mark} |")
    for name, share in results["share_of_matmul_rate"].items():
        lines.append(f"| {TITLES[name]}: share of the matrix-multiply rate | {share:.0%} | | |")
    lines += _compiled(results.get("torch_compile_cvae", {}))
    return "\n".join(lines)


def _compiled(times):
    """After how many steps `torch.compile` has earned what it cost: a line, or none."""
    if "compile_s" not in times:
        return []
    gain = times["eager_step_s"] - times["step_s"]
    steps = f"{times['compile_s'] / gain:,.0f} steps" if gain > 0 else "never"
    what = f"`torch.compile` ({times['compile_s']:.0f} s) pays for itself in the conditional VAE"
    return [f"| {what} after | {steps} | | |"]


def draw(results, folder):
    """The ladder, the shares of the machine's rate, where time goes, and the cost model."""
    with plt.rc_context(STYLE):
        _ladder(results["ladder"], folder / "ladder.png")
        _share(results["share_of_matmul_rate"], folder / "share_of_matmul_rate.png")
        _profile(results["profile"], folder / "profile.png")
        _costs(results["costs"], folder / "costs.png")
        _many(results["many_images"], folder / "many_images.png")


def _ladder(ladder, path):
    fig, axes = plt.subplots(1, 3, figsize=(9.5, 3), layout="constrained", sharey=True)
    for ax, (name, rungs) in zip(axes, ladder.items(), strict=True):
        plain = rungs["plain loop"]
        speed = [plain["step_s"] / rung["step_s"] for rung in rungs.values()]
        bars = ax.barh(list(rungs), speed)
        ax.bar_label(bars, [f"{s:.2f}x" for s in speed], label_type="center", color="white")
        for label, rung in rungs.items():
            ratios = np.divide(plain["rounds_s"], rung["rounds_s"])
            ax.plot(ratios, len(ratios) * [label], "o", color="black", alpha=0.5, markersize=3)
        ax.axvline(1, color="gray", linewidth=0.8, zorder=0)
        ax.set(title=TITLES[name], xlabel="speed, plain loop = 1", xlim=(0, None))
    axes[0].invert_yaxis()
    fig.suptitle(
        "Training speed with each step added in turn: the quickest of its rounds (bars), "
        "single rounds (dots)", weight="bold",
    )  # fmt: skip
    save(fig, path)


def _share(shares, path):
    fig, ax = plt.subplots(figsize=(6, 2.2), layout="constrained")
    bars = ax.barh([TITLES[name] for name in shares], [100 * share for share in shares.values()])
    ax.bar_label(bars, fmt="%.0f%%", padding=2)
    ax.set(title="Training against the machine's matrix multiplication",
           xlabel="% of the measured rate", xlim=(0, 100))  # fmt: skip
    ax.invert_yaxis()
    save(fig, path)


def _profile(profiles, path):
    fig, axes = plt.subplots(3, 1, figsize=(6, 6), layout="constrained", sharex=True)
    for ax, (name, shares) in zip(axes, profiles.items(), strict=True):
        bars = ax.barh(list(shares), [100 * share for share in shares.values()])
        ax.bar_label(bars, fmt="%.0f%%", padding=2)
        ax.set(title=TITLES[name], xlim=(0, 100))
        ax.invert_yaxis()
    axes[-1].set_xlabel("% of a step's time")
    fig.suptitle("Where a training step's time goes", weight="bold")
    save(fig, path)


def _costs(costs, path):
    fig, axes = plt.subplots(2, 3, figsize=(9, 4.5), layout="constrained", sharex="col")
    for column, (name, points) in zip(axes.T, costs.items(), strict=True):
        values = list(map(int, points))
        for ax, key in zip(column, ("seconds", "peak_mb"), strict=True):
            heights = [point[key] for point in points.values()]
            ax.plot(values, heights, "o-")
            ax.set_ylim(0, 1.1 * max(heights))
        column[1].set(xlabel=name, xticks=values)
    axes[0, 0].set_ylabel("seconds an epoch")
    axes[1, 0].set_ylabel("peak memory, MB")
    fig.suptitle("What an epoch costs", weight="bold")
    save(fig, path)


def _many(points, path):
    fig, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    for ax, key, label in zip(
        axes, ("seconds", "peak_mb"), ("seconds", "peak memory, MB"), strict=True
    ):
        heights = [point[key] for point in points.values()]
        ax.plot([int(n) for n in points], heights, "o-")
        ax.set(xlabel="photos of 64x64 pixels", ylabel=label, xlim=0, ylim=(0, 1.1 * max(heights)))
    fig.suptitle("First load of many photos", weight="bold")
    save(fig, path)
