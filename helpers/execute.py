"""Run notebooks headless with papermill: make notebooks, retrain, publish."""

import argparse
import os
import platform
import re
import sys
import time
from importlib.metadata import version
from pathlib import Path

import nbformat
import papermill

from helpers.notebooks import ROOT
from helpers.system.files import make_folder, replacing, write_text

EXECUTED = ROOT / "output" / "executed"
WIDGET = "application/vnd.jupyter.widget-view+json"
LINK = re.compile(r"""(\]\(|\bsrc=["'])([^)\s"'#]+)""")  # of Markdown and HTML: its target


def execute(name, *, in_place=False, parameters=None):
    """Run a notebook of the repository from top to bottom, in its folder; return it executed.

    The executed copy is in output/executed, also where a cell failed. With `in_place`, the outputs
    are written into the notebook itself as well, once all cells have run. `parameters`, a dict of
    name -> value, are set after the cell that is tagged "parameters".
    """
    path, copy = ROOT / f"{name}.ipynb", EXECUTED / f"{name}.ipynb"
    make_folder(EXECUTED)
    notebook = papermill.execute_notebook(
        path, copy, parameters, cwd=ROOT, kernel_name="python3", language="python",
        store_widget_state=False,
    )  # fmt: skip
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            # A panel whose kernel has ended is dead: its picture is left
            output.get("data", {}).pop(WIDGET, None)
    if in_place:
        published = nbformat.read(path, as_version=4)
        ours = (c for c in notebook.cells if "injected-parameters" not in c.metadata.tags)
        for cell, executed in zip(published.cells, ours, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
        published.metadata.language_info = notebook.metadata.language_info
        write(published, path)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(from_executed, cell.source)
    write(notebook, copy)
    return notebook


def from_executed(link):
    """A link or picture in a notebook's text, as it is found from the folder of the copies."""
    before, target = link.groups()
    up = Path(os.path.relpath(ROOT, EXECUTED)).as_posix()
    return f"{before}{up}/{target}" if (ROOT / target).exists() else link[0]


def write(notebook, path):
    with replacing(path) as part:
        nbformat.write(notebook, part)


def write_versions(path):
    """Write the versions of all requirements that are installed here, as constraints for pip."""
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    names = re.findall(r"^[\w.-]+", requirements, re.MULTILINE)
    lines = [f"# of the published results, with Python {platform.python_version()}"]
    lines += [f"{name}=={version(name).split('+')[0]}" for name in names]  # without +cpu
    write_text(path, "\n".join(lines) + "\n")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m helpers.execute", description=__doc__)
    parser.add_argument("names", nargs="+", help='notebooks, such as "cvae_mnist"')
    parser.add_argument("--in-place", action="store_true", help="write into the notebooks")
    parser.add_argument("--retrain", action="store_true", help="train although there are weights")
    options = parser.parse_args(arguments)
    for name in options.names:
        if not (ROOT / f"{name}.ipynb").exists():
            names = ", ".join(sorted(path.stem for path in ROOT.glob("*.ipynb")))
            parser.error(f"no notebook {name}.ipynb; there are: {names}")
    parameters = {"RETRAIN": True} if options.retrain else None
    for name in options.names:
        print(name, flush=True)
        began = time.monotonic()
        try:
            execute(name, in_place=options.in_place, parameters=parameters)
        except papermill.PapermillExecutionError as error:
            sys.exit(f"{name}.ipynb failed:\n{error}")
        print(f"{(time.monotonic() - began) / 60:.1f} minutes")
    if options.in_place:  # what is published
        write_versions(ROOT / "output" / "versions.txt")


if __name__ == "__main__":
    main()
