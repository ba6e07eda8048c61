"""All results in one list, output/results.json, and in one table; collected from metrics.json."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from helpers.results.names import EXPERIMENTS

NOT_PUBLISHED = {"own", "standin", "executed"}
BASELINES = ("pca_128", "pca_32")  # which fc_vanilla measures beside itself
ALIASES = {  # what is measured of several methods goes by the name of the network's
    ("conv_occlusion", "psnr_inside"): ("conv_occlusion", "psnr_inside_skips"),
    ("conv_occlusion", "psnr_outside"): ("conv_occlusion", "psnr_outside_skips"),
}


class Row(NamedTuple):
    """A row of the results' table: names as in results.json, (experiment, metric)."""

    what: str
    ours: tuple
    baselines: dict  # name -> (experiment, metric), of which the best is shown
    difference: tuple = ()  # paired, ours minus the best of them
    less: bool = True  # is better
    times: int = 1  # what all numbers are multiplied by, for the eye


def _of_methods(experiment, metric, *methods):
    return {name: (experiment, f"{metric}_{_slug(name)}") for name in methods}


def _slug(name):
    return re.sub(r"[^a-z0-9.]+", "_", str(name).lower()).strip("_")


def _mse(what, name, numbers=128):
    baselines = {f"PCA, {numbers} numbers": (f"pca_{numbers}", "test_mse")}
    return Row(f"1000 x MSE, {what}", (name, "test_mse"), baselines, (name, "mse_minus_pca"),
               times=1000)  # fmt: skip


DENOISERS = ("non-local means", "total variation", "wavelets", "PCA projection")
TOLD_WHERE = _of_methods("conv_occlusion", "psnr_inside", "biharmonic, told where",
                         "PCA's expectation, told where")  # fmt: skip
ROWS = (
    _mse("plain fully-connected autoencoder", "fc_plain"),
    _mse("linear autoencoder", "linear_128"),
    _mse("fully-connected autoencoder", "fc_vanilla"),
    _mse("plain convolutional autoencoder", "conv_plain"),
    _mse("convolutional autoencoder", "conv_vanilla"),
    _mse("convolutional autoencoder, 32 numbers", "conv_vanilla_32", 32),
    _mse("plain fully-connected VAE", "fc_plain_vae"),
    _mse("fully-connected VAE", "fc_vae"),
    _mse("plain convolutional VAE", "conv_plain_vae"),
    _mse("convolutional VAE", "conv_vae"),
    _mse("sharp faces", "conv_sharp"),
    *(
        Row(f"PSNR in dB, denoising, sigma {sigma}",
            ("conv_denoising", f"psnr_sigma_{sigma}_skips"),
            _of_methods("conv_denoising", f"psnr_sigma_{sigma}", *DENOISERS),
            ("conv_denoising", f"psnr_gain_sigma_{sigma}"), less=False)
        for sigma in (0.1, 0.2)
    ),
    Row("PSNR in dB inside the covered part", ("conv_occlusion", "psnr_inside"),
        TOLD_WHERE, ("conv_occlusion", "psnr_gain_inside"), less=False),
    Row("the same, told where", ("conv_occlusion", "psnr_inside_skips_told_where"),
        TOLD_WHERE, ("conv_occlusion", "psnr_gain_inside_told"), less=False),
    Row("samples of faces, Fréchet distance", ("conv_generator", "frechet"),
        {"mixture of Gaussians": ("conv_generator", "frechet_mixture"),
         "convolutional VAE": ("conv_generator", "frechet_vae")}),
    Row("-ELBO in nats, conditional VAE", ("cvae", "neg_elbo"),
        {"plain conditional VAE": ("cvae_plain", "neg_elbo")}, ("cvae", "neg_elbo_minus_plain")),
    Row("samples of digits read as asked", ("cvae", "class_accuracy"),
        {"plain conditional VAE": ("cvae_plain", "class_accuracy")}, less=False),
    Row("samples of digits, Fréchet distance", ("cvae", "frechet"),
        {"plain conditional VAE": ("cvae_plain", "frechet")}),
)  # fmt: skip


def read(output):
    """The metrics of all experiments below the folder `output`, by experiment, in their order."""
    metrics = {}
    for path in sorted(Path(output).rglob("metrics.json")):
        name = path.relative_to(output).parent
        if NOT_PUBLISHED.intersection(name.parts):
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise ValueError("no names and numbers")
            metrics[name.as_posix()] = content
        except ValueError as error:
            raise ValueError(f"{path} is damaged ({error}); run its notebook again") from None
    return {name: metrics[name] for name in in_order(metrics)}


def in_order(names):
    """Names of experiments in the order of the course, and then those that are not in it."""
    known = [name for name in EXPERIMENTS if name in names]
    return known + sorted(set(names) - set(known))


def flat(metrics, prefix=""):
    """The measures of an experiment, one level deep: name -> dict of "value" and its interval."""
    found = {}
    for name, value in metrics.items():
        if not isinstance(value, dict):
            found[f"{prefix}{_slug(name)}"] = {"value": value}
        elif "value" in value:
            found[f"{prefix}{_slug(name)}"] = value
        else:
            found |= flat(value, f"{prefix}{_slug(name)}_")
    return found


def collect(output):
    """The list of results: dicts of experiment, metric, value, low, high and n.

    `low` and `high` bound a 95% interval over `n` people, digits or draws; all three are None for
    what is one number. Kernel distances have their "deviation" over subsets, too.
    """
    found = {}
    for experiment, metrics in read(output).items():
        for name in BASELINES if experiment == "fc_vanilla" else ():
            beside = flat(metrics.pop(name, {}))
            found |= {(name, metric): value for metric, value in beside.items()}
        found |= {(experiment, metric): value for metric, value in flat(metrics).items()}
    found |= {name: found[of] for name, of in ALIASES.items() if of in found}
    empty = dict.fromkeys(("value", "low", "high", "n"))
    return [
        {"experiment": experiment, "metric": metric} | empty | value
        for (experiment, metric), value in found.items()
        if isinstance(value["value"], (int, float))
    ]


def table(output):
    """The main results as a Markdown table: ours, the strongest baseline, their difference."""
    found = {(entry["experiment"], entry["metric"]): entry for entry in collect(output)}
    lines = ["| on test people and test digits | ours | strongest baseline | paired difference |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    for row in ROWS:
        if row.ours not in found:
            continue
        best = min if row.less else max
        beside = {name: found[key] for name, key in row.baselines.items() if key in found}
        strongest = best(beside, key=lambda name: beside[name]["value"], default=None)
        words = f"{strongest}: {number(beside[strongest], row.times)}" if strongest else ""
        paired = found.get(row.difference)
        if strongest is None or not _is_of(paired, found[row.ours], beside[strongest]):
            paired = None
        ours, apart = number(found[row.ours], row.times), paired and number(paired, row.times)
        cells = [row.what, ours, words, apart or ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _is_of(paired, ours, baseline):
    """Whether a difference is that of these two: against another baseline it says nothing here."""
    wanted = ours["value"] - baseline["value"]
    rounding = 2e-5 * (abs(ours["value"]) + abs(baseline["value"]))
    return paired is not None and abs(paired["value"] - wanted) <= rounding


def number(result, times=1):
    """A result, a number or a dict, for the eye: four digits, with its interval if it has one."""
    result = result if isinstance(result, dict) else {"value": result}
    numbers = [result.get(name) for name in ("value", "low", "high")]
    texts = [f"{times * n:.4g}" if isinstance(n, float) else str(n) for n in numbers]
    return texts[0] if numbers[1] is None else "{} ({} to {})".format(*texts)
