"""The results for readers, made of what the notebooks left in output/: `make readme`."""

from pathlib import Path

from PIL import Image

from helpers.results import tables
from helpers.results.names import CAPTIONS, EXPERIMENTS
from helpers.system.files import write_json, write_text

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- results: begin, written by make readme -->", "<!-- results: end -->"
NAMES = {
    "test_mse": "MSE", "test_psnr": "PSNR, dB", "test_ssim": "SSIM",
    "mse_minus_pca": "MSE minus PCA's, paired", "neg_elbo": "-ELBO, nats", "kl": "KL, nats",
    "recon_nats": "reconstruction, nats", "iw_bound": "importance-weighted bound, nats",
    "mse_of_pca": "share of PCA's MSE", "bits_per_dim": "bits per dimension",
}  # fmt: skip
WORDS = {"auc": "AUC", "elbo": "ELBO", "frechet": "Fréchet", "kl": "KL", "mse": "MSE", "pca": "PCA",
         "psnr": "PSNR", "ssim": "SSIM"}  # fmt: skip
HEAD = """# All figures and all numbers

Written by `make readme` from what the notebooks left in these folders. Faces are of test people,
whose photos no model was trained on, unless it says otherwise. In brackets: the 95% interval,
or the lowest and the highest of several draws. The same numbers for programs:
[results.json](results.json).
"""


def gallery(output):
    """All figures and numbers below the folder `output`, experiment by experiment, as Markdown."""
    metrics = tables.read(output)
    pictures = figures(output)
    parts = [HEAD]
    for name in tables.in_order({*metrics, *pictures}):
        title, place = name.replace("_", " "), f"Folder [{name}]({name})."
        if name in EXPERIMENTS:
            notebook, title = EXPERIMENTS[name]
            place = f"Notebook [{notebook}.ipynb](../{notebook}.ipynb), folder [{name}]({name})."
        parts += [f"## {title}\n", f"{place}\n"]
        for path in pictures.get(name, ()):
            words = caption(path, name)
            end = "" if words.endswith(("?", "!")) else "."
            parts.append(f"![{words}]({name}/{path.name})\n\n{words}{end}\n")
        if name in metrics:
            parts += ["| | |\n| --- | ---: |"]
            parts += [f"| {in_words(metric)} | {tables.number(value)} |"
                      for metric, value in tables.flat(metrics[name]).items()]  # fmt: skip
            parts.append("")
    return "\n".join(parts)


def in_words(metric):
    """What a metric is called for readers: "test_mse" -> "MSE", "kernel_vae" -> "kernel vae"."""
    return NAMES.get(metric) or " ".join(WORDS.get(word, word) for word in metric.split("_"))


def figures(output):
    """The paths of the figures by experiment: those with a caption first, in its order."""
    found = {}
    for path in sorted(Path(output).rglob("*.*")):
        name = path.relative_to(output).parent
        hidden = {*tables.NOT_PUBLISHED, "benchmark"}.intersection(name.parts)
        if path.suffix in (".png", ".gif") and not hidden and path.name[0] != ".":
            found.setdefault(name.as_posix(), []).append(path)
    order = list(CAPTIONS)
    for name, paths in found.items():
        known = [path for path in paths if f"{name}/{path.stem}" in CAPTIONS]
        known.sort(key=lambda path: order.index(f"{name}/{path.stem}"))
        found[name] = known + [path for path in paths if path not in known]
    return found


def caption(path, experiment):
    """What is seen in a figure: from the table, else its own title, else its name."""
    known = CAPTIONS.get(f"{experiment}/{path.stem}")
    if known is None:
        with Image.open(path) as picture:
            known = picture.info.get("Title", "")
    known = " ".join(known.split()).translate(str.maketrans("[]", "()")).rstrip(".")
    return known or path.stem.replace("_", " ")


def update(readme, output):
    """Put the results' table between the markers in `readme`; return whether that changed it."""
    text = Path(readme).read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{readme} must have the lines {BEGIN} and {END} once each")
    head, rest = text.split(BEGIN)
    return write_text(
        readme, f"{head}{BEGIN}\n\n{tables.table(output)}\n\n{END}{rest.split(END)[1]}"
    )


if __name__ == "__main__":
    write_json(ROOT / "output" / "results.json", tables.collect(ROOT / "output"))
    changed = write_text(ROOT / "output" / "README.md", gallery(ROOT / "output"))
    changed |= update(ROOT / "README.md", ROOT / "output")
    print("The READMEs have the new results." if changed else "The READMEs are up to date.")
