"""What is measured in README.md and output/results.json, from its files: `make readme`."""

from pathlib import Path

from helpers.benchmark import plots as benchmark_plots
from helpers.results import tables as results
from helpers.system import validation
from helpers.system.files import replacing

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- results: begin, written by make readme -->", "<!-- results: end -->"
BENCHMARK = "<!-- benchmark: begin, written by make readme -->", "<!-- benchmark: end -->"
EXPERIMENTS = {
    "fc_vanilla": "Fully-connected autoencoder",
    "fc_vae": "Fully-connected VAE",
    "smile_truth": "The true smile, on rendered faces",
    "conv_vanilla": "Convolutional autoencoder",
    "conv_vanilla_32": "Convolutional autoencoder, 32 numbers",
    "smile": "The smile, judged",
    "conv_vae": "Convolutional VAE",
    "conv_skips": "UNet with skip connections, trained to copy",
    "conv_denoising": "Denoising",
    "conv_occlusion": "De-occlusion",
    "cvae": "Conditional VAE, digits",
}
NAMES = {
    "test_mse": "MSE",
    "test_psnr": "PSNR, dB",
    "test_ssim": "SSIM",
    "neg_elbo": "-ELBO, nats",
    "kl": "KL, nats",
    "recon_nats": "reconstruction, nats",
    "iw_bound": "importance-weighted bound, nats",
    "pca_128": "PCA, 128 numbers",
    "linear_128": "linear autoencoder, 128 numbers",
}
NO_INTERVAL = {"low": None, "high": None}


def render(output):
    """The results as Markdown: the goals, and folded a table for each experiment with metrics.

    Parameters
    ----------
    output : path of the folder of all experiments

    Returns
    -------
    str

    Raises
    ------
    TypeError : if `output` is no path.
    ValueError : if a metrics.json holds no metrics.
    """
    metrics = results.read(output)
    parts = [
        f"**{title}** ([metrics.json](output/{name}/metrics.json))\n\n{_table(metrics[name])}"
        for name, title in EXPERIMENTS.items()
        if name in metrics
    ]
    if not parts:
        return "No experiment has been run yet."
    folded = ["<details><summary>All numbers, experiment by experiment</summary>", *parts]
    return "\n\n".join([results.table(output), *folded, "</details>"])


def _table(metrics):
    """Models against measures, whichever there are more of going down."""
    models = {}
    for name, value in metrics.items():
        of_pca = name.removeprefix("pca_")
        if not _is_number(value):
            if value.keys() & metrics.keys():  # a baseline, measured as the model was
                models[name] = value
            else:  # one measure, of several models
                for model, number in value.items():
                    models.setdefault(model, {})[name] = number
        elif of_pca != name and of_pca in metrics:
            models.setdefault("PCA", {})[of_pca] = value
        else:
            models.setdefault("this model", {})[name] = value
    measures = list(dict.fromkeys(measure for values in models.values() for measure in values))
    cells = {
        (model, m): _number(values.get(m)) for model, values in models.items() for m in measures
    }
    if len(measures) > len(models):
        lines = [["", *map(_label, models)]]
        lines += [[_label(m), *(cells[model, m] for model in models)] for m in measures]
    else:
        lines = [["", *map(_label, measures)]]
        lines += [[_label(model), *(cells[model, m] for m in measures)] for model in models]
    lines.insert(1, ["---"] + ["---:"] * (len(lines[0]) - 1))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_number(value):
    return not isinstance(value, dict) or "value" in value


def _label(name):
    return NAMES.get(name, name.replace("_", " "))


def _number(value):
    if value is None:
        return ""
    return results.number(value if isinstance(value, dict) else {"value": value} | NO_INTERVAL)


def update(readme, output):
    """Replace what stands between the markers in `readme`; return whether that changed it."""
    validation.paths(readme=readme, output=output)
    before = after = Path(readme).read_text(encoding="utf-8")
    for (begin, end), text in {
        (BEGIN, END): render(output),
        BENCHMARK: benchmark_plots.render(output),
    }.items():
        if after.count(begin) != 1 or after.count(end) != 1:
            raise ValueError(f"{readme} must have the lines {begin} and {end} once each")
        head, rest = after.split(begin)
        after = f"{head}{begin}\n\n{text}\n\n{end}{rest.split(end)[1]}"
    if after == before:
        return False
    with replacing(readme) as part:
        part.write_text(after, encoding="utf-8")
    return True


if __name__ == "__main__":
    results.write(ROOT / "output")
    changed = update(ROOT / "README.md", ROOT / "output")
    print("README.md has the new results." if changed else "README.md is up to date.")
