"""The results in README.md, written from output/<experiment>/metrics.json: `make readme`."""

import json
from pathlib import Path

from helpers.files import replacing

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- results: begin, written by make readme -->", "<!-- results: end -->"
EXPERIMENTS = {
    "fc_vanilla": "Fully-connected autoencoder",
    "fc_vae": "Fully-connected VAE",
    "conv_vanilla": "Convolutional autoencoder",
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
    "pca_128": "PCA, 128 numbers",
    "linear_128": "linear autoencoder, 128 numbers",
}


def render(output):
    """The results as Markdown: a table for each experiment that has metrics.

    Parameters
    ----------
    output : path of the folder of all experiments

    Returns
    -------
    str

    Raises
    ------
    ValueError : if a metrics.json is no JSON.
    """
    parts = []
    for name, title in EXPERIMENTS.items():
        path = Path(output) / name / "metrics.json"
        if not path.exists():
            continue
        try:
            metrics = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is damaged ({error}); run its notebook again") from None
        parts.append(
            f"**{title}** ([metrics.json](output/{name}/metrics.json))\n\n{_table(metrics)}"
        )
    return "\n\n".join(parts) or "No experiment has been run yet."


def _table(metrics):
    """A row for each model; the first is the experiment's own."""
    rows = {}
    for name, value in metrics.items():
        if _is_number(value):
            rows.setdefault("this model", {})[name] = value
        elif value.keys() & metrics.keys():  # a baseline, measured as the model was
            rows[name] = value
        else:  # one measure, of several models
            for model, number in value.items():
                rows.setdefault(model, {})[name] = number
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = [["model", *map(_label, columns)], ["---"] + ["---:"] * len(columns)]
    for model, row in rows.items():
        lines.append([_label(model), *(_number(row.get(column)) for column in columns)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _is_number(value):
    return not isinstance(value, dict) or "value" in value


def _label(name):
    return NAMES.get(name, name.replace("_", " "))


def _number(value):
    if value is None:
        return ""
    if isinstance(value, dict):
        return f"{value['value']:.4g} ({value['low']:.4g} to {value['high']:.4g})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def update(readme, output):
    """Replace what stands between the two markers in `readme`; return whether that changed it."""
    before = Path(readme).read_text(encoding="utf-8")
    if before.count(BEGIN) != 1 or before.count(END) != 1:
        raise ValueError(f"{readme} must have the lines {BEGIN} and {END} once each")
    head, rest = before.split(BEGIN)
    after = f"{head}{BEGIN}\n\n{render(output)}\n\n{END}{rest.split(END)[1]}"
    if after == before:
        return False
    with replacing(readme) as part:
        part.write_text(after, encoding="utf-8")
    return True


if __name__ == "__main__":
    changed = update(ROOT / "README.md", ROOT / "output")
    print("README.md has the new results." if changed else "README.md is up to date.")
