"""All results in one list, output/results.json, and in one table; collected from metrics.json."""

import json
from pathlib import Path
from typing import NamedTuple

from helpers.system import validation
from helpers.system.files import write_json

# experiment, metric: where it is, as <experiment>/<key>/<key> in the metrics files
RESULTS = {
    ("pca_128", "test_mse"): "fc_vanilla/pca_128/test_mse",
    ("pca_32", "test_mse"): "fc_vanilla/pca_32/test_mse",
    ("linear_128", "test_mse"): "fc_vanilla/linear_128/test_mse",
    ("fc_vanilla", "test_mse"): "fc_vanilla/test_mse",
    ("fc_vae", "test_mse"): "fc_vae/test_mse",
    ("conv_vanilla", "test_mse"): "conv_vanilla/test_mse",
    ("conv_vanilla_32", "test_mse"): "conv_vanilla_32/test_mse",
    ("conv_vae", "test_mse"): "conv_vae/test_mse",
} | {
    (experiment, metric): f"{experiment}/{metric}"
    for experiment, metrics in {
        "conv_denoising": ("psnr_gain_sigma_0.1", "psnr_gain_sigma_0.2"),
        "conv_occlusion": ("psnr_gain_inside",),
        "smile": (
            "judged_smiling_after_adding",
            "judged_smiling_after_removing",
            "identity_shift",
            "pca_identity_shift",
            "change_outside_mouth",
            "pca_change_outside_mouth",
            "same_person_distance",
            "judge_test_accuracy",
        ),
        "conv_vae": (
            "frechet",
            "frechet_pca_gaussian",
            "frechet_ae_gaussian",
            "frechet_fc_vae",
            "kernel",
            "bits_per_dim",
            "active_units",
        ),
        "cvae": ("neg_elbo", "iw_bound", "class_accuracy", "frechet", "judge_test_accuracy"),
    }.items()
    for metric in metrics
}
RESULTS |= {
    ("smile", "truth_nearer"): "smile_truth/truth_nearer",
    ("conv_occlusion", "psnr_inside"): "conv_occlusion/psnr_inside/skips",
    ("conv_occlusion", "psnr_outside"): "conv_occlusion/psnr_outside/skips",
}
for _sigma in (0.1, 0.2):
    for _method in ("skips", "bottleneck", "non-local means", "total variation", "wavelets"):
        _name = f"psnr_sigma_{_sigma}"
        RESULTS["conv_denoising", f"{_name}_{_method.replace(' ', '_').replace('-', '_')}"] = (
            f"conv_denoising/{_name}/{_method}"
        )


class Goal(NamedTuple):
    """A row of the table: what is measured, beside what, and what it is to reach."""

    what: str
    value: str  # paths as in RESULTS
    baseline: str
    baseline_name: str
    sense: str  # "at most" or "at least"
    bar: float  # times the baseline where `relative`
    relative: bool = False


GOALS = (
    Goal("MSE from 128 numbers, convolutional", "conv_vanilla/test_mse",
         "fc_vanilla/pca_128/test_mse", "PCA", "at most", 0.92, True),
    Goal("MSE from 32 numbers, convolutional", "conv_vanilla_32/test_mse",
         "fc_vanilla/pca_32/test_mse", "PCA", "at most", 0.85, True),
    Goal("MSE from 128 numbers, fully connected", "fc_vanilla/test_mse",
         "fc_vanilla/pca_128/test_mse", "PCA", "at most", 0.98, True),
    Goal("MSE from 128 numbers, linear autoencoder", "fc_vanilla/linear_128/test_mse",
         "fc_vanilla/pca_128/test_mse", "PCA", "at most", 1.02, True),
    Goal("denoising, sigma 0.1: gain in dB", "conv_denoising/psnr_gain_sigma_0.1",
         "conv_denoising/psnr_sigma_0.1/non-local means", "non-local means, dB",
         "at least", 1.5),
    Goal("denoising, sigma 0.2: gain in dB", "conv_denoising/psnr_gain_sigma_0.2",
         "conv_denoising/psnr_sigma_0.2/total variation", "total variation, dB",
         "at least", 1.5),
    Goal("de-occlusion, inside: gain in dB", "conv_occlusion/psnr_gain_inside",
         "conv_occlusion/psnr_inside/biharmonic, told where", "biharmonic, told where, dB",
         "at least", 2.0),
    Goal("de-occlusion, outside: PSNR in dB", "conv_occlusion/psnr_outside/skips",
         "conv_occlusion/psnr_outside/PCA projection", "PCA projection", "at least", 35),
    Goal("smile added: share judged smiling", "smile/judged_smiling_after_adding",
         "", "", "at least", 0.97),
    Goal("smile removed: share judged smiling", "smile/judged_smiling_after_removing",
         "", "", "at most", 0.03),
    Goal("identity shift by the smile", "smile/identity_shift", "smile/pca_identity_shift",
         "PCA, as many smiles", "at most", 1.0, True),
    Goal("change outside the mouth (RMS)", "smile/change_outside_mouth",
         "smile/pca_change_outside_mouth", "PCA, as many smiles", "at most", 1.0, True),
    Goal("identity shift, against a person's other photo", "smile/identity_shift",
         "smile/same_person_distance", "two photos of one person", "at most", 1.0, True),
    Goal("true smile (rendered faces): share nearer", "smile_truth/truth_nearer",
         "", "", "at least", 0.95),
    Goal("conv VAE: Fréchet distance of samples", "conv_vae/frechet",
         "conv_vae/frechet_pca_gaussian", "Gaussian in PCA space", "at most", 0.5, True),
    Goal("conv VAE: the same, against the FC VAE", "conv_vae/frechet",
         "conv_vae/frechet_fc_vae", "FC VAE", "at most", 1.0, True),
    Goal("conv VAE: the same, against the AE's codes", "conv_vae/frechet",
         "conv_vae/frechet_ae_gaussian", "Gaussian in AE's codes", "at most", 1.0, True),
    Goal("conv VAE: reconstruction MSE", "conv_vae/test_mse", "conv_vanilla/test_mse",
         "conv AE", "at most", 1.6, True),
    Goal("CVAE: -ELBO, nats", "cvae/neg_elbo", "", "plain public CVAE 133 (z=2), 102 (z=20)",
         "at most", 86),
    Goal("CVAE: importance-weighted bound, nats", "cvae/iw_bound", "", "", "at most", 82),
    Goal("CVAE: samples recognised as their class", "cvae/class_accuracy", "",
         "plain public CVAE 0.945 (z=2), 0.69 (z=20)", "at least", 0.98),
    Goal("CVAE: Fréchet distance of samples", "cvae/frechet", "",
         "plain public CVAE 50 (z=2), 36 (z=20)", "at most", 4),
    Goal("the digits' judge: test accuracy", "cvae/judge_test_accuracy", "", "", "at least",
         0.993),
)  # fmt: skip


def read(output):
    """The metrics of all experiments below the folder `output`, by experiment.

    Raises
    ------
    TypeError : if `output` is no path.
    ValueError : if a metrics.json holds no metrics.
    """
    validation.paths(output=output)
    metrics = {}
    for path in sorted(Path(output).glob("*/metrics.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise ValueError("no names and numbers")
            metrics[path.parent.name] = content
        except ValueError as error:
            raise ValueError(f"{path} is damaged ({error}); run its notebook again") from None
    return metrics


def find(metrics, path):
    """What is at <experiment>/<key>/<key>: a dict of value, low, high, n; None if nothing is."""
    validation.kinds(dict, "a dict as `read` gives it", metrics=metrics)
    validation.texts(path=path)
    for key in path.split("/"):
        metrics = metrics.get(key) if isinstance(metrics, dict) else None
    if metrics is None or isinstance(metrics, dict):
        return metrics
    return {"value": metrics, "low": None, "high": None, "n": None}


def collect(output):
    """The list of results: dicts of experiment, metric, value, low, high and n.

    `low` and `high` bound a 95% interval over `n` images; all three are None for what is one
    number for all images.
    """
    metrics = read(output)
    found = {names: find(metrics, path) for names, path in RESULTS.items()}
    return [
        {"experiment": experiment, "metric": metric, **result}
        for (experiment, metric), result in found.items()
        if result
    ]


def table(output):
    """The goals as a Markdown table, with what was reached and what was not."""
    metrics = read(output)
    lines = ["| on test people and test digits | value (95% interval) | beside | to reach | |"]
    lines += ["| --- | ---: | ---: | ---: | --- |"]
    for goal in GOALS:
        value, baseline = find(metrics, goal.value), find(metrics, goal.baseline)
        if value is None or (goal.relative and baseline is None):
            continue
        bar = goal.bar * baseline["value"] if goal.relative else goal.bar
        times = f"{goal.bar:g} x = " if goal.relative and goal.bar != 1 else ""
        reached = value["value"] <= bar if goal.sense == "at most" else value["value"] >= bar
        beside = f"{goal.baseline_name} {baseline['value']:.4g}" if baseline else goal.baseline_name
        cells = [goal.what, number(value), beside, f"{goal.sense} {times}{bar:.4g}"]
        lines.append(f"| {' | '.join(cells)} | {'reached' if reached else '**missed**'} |")
    return "\n".join(lines)


def number(result):
    """A result for the eye: four digits, with its interval where it has one."""
    validation.kinds(dict, "a dict of value, low and high", result=result)
    value, low, high = (result[name] for name in ("value", "low", "high"))
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if low is None else f"{text} ({low:.4g} to {high:.4g})"


def write(output):
    """Write the list to results.json in the folder `output`."""
    validation.paths(output=output)
    write_json(Path(output) / "results.json", collect(output))
