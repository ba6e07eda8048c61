"""Run notebooks headless, with a line for every cell: make notebooks, retrain, publish."""

import argparse
import os
import platform
import re
import sys
import time
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from helpers.notebooks import ROOT
from helpers.system.files import replacing, write_text

EXECUTED = ROOT / "output" / "executed"
WIDGET = "application/vnd.jupyter.widget-view+json"
LINK = re.compile(r"""(\]\(|\bsrc=["'])([^)\s"'#]+)""")  # of Markdown and HTML: its target


def execute(name, *, executed, in_place=False, parameters=None):
    """Run a notebook of the repository from top to bottom, in its folder.

    Papermill would do it, but for a line a cell that says where in the text it is, outputs in the
    notebook itself only where all is well, and panels that leave a picture.

    Parameters
    ----------
    executed : path of the folder for the executed copy, which is also written where a cell failed
    in_place : bool, write the outputs into the notebook itself instead, once all cells have run
    parameters : dict of name -> value, set after the cell that is tagged "parameters"
    """
    path = ROOT / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    if parameters:
        notebook = parameterize_notebook(
            load_notebook_node(str(path)), parameters, kernel_name="python3", language="python"
        )
        for part in (notebook, *notebook.cells):
            part.metadata.pop("papermill", None)
    client = NotebookClient(
        notebook, timeout=None, kernel_name="python3", record_timing=False,
        store_widget_state=False, resources={"metadata": {"path": str(ROOT)}},
        **_progress(notebook, name),
    )  # fmt: skip
    try:
        client.execute()
    finally:
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                # A panel whose kernel has ended is dead: its picture is left
                output.get("data", {}).pop(WIDGET, None)
        if not in_place:
            _write_copy(notebook, Path(executed) / path.name)
    if in_place:
        with replacing(path) as part:
            nbformat.write(notebook, part)
    return notebook


def _write_copy(notebook, target):
    """Write the notebook into another folder; pictures in its text are found from there."""
    up = Path(os.path.relpath(ROOT, target.parent)).as_posix()

    def from_there(link):
        before, path = link.groups()
        return f"{before}{up}/{path}" if (ROOT / path).exists() else link[0]

    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(from_there, cell.source)
    with replacing(target) as part:
        nbformat.write(copy, part)


def _progress(notebook, name):
    """The client's hooks that print a line when a code cell has run."""
    started = {}

    def on_start(cell, cell_index):
        started[cell_index] = time.monotonic()

    def on_executed(cell, cell_index, execute_reply):
        if cell.cell_type == "code":
            seconds = time.monotonic() - started[cell_index]
            place = f"cell {cell_index + 1} of {len(notebook.cells)}"
            print(f"{name}: {place}, {seconds:.1f} s, {_heading(notebook, cell_index)}", flush=True)

    return {"on_cell_start": on_start, "on_cell_executed": on_executed}


def _heading(notebook, index):
    """The last heading at or above a cell."""
    above = (cell.source for cell in notebook.cells[: index + 1] if cell.cell_type == "markdown")
    headings = re.findall(r"^#+ *(.*)", "\n".join(above), re.MULTILINE)
    return headings[-1] if headings else ""


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
        began = time.monotonic()
        try:
            execute(name, in_place=options.in_place, parameters=parameters, executed=EXECUTED)
        except CellExecutionError as error:
            sys.exit(f"{name}.ipynb failed:\n{error}")
        print(f"{name}: done in {time.monotonic() - began:.0f} s", flush=True)
    if options.in_place:  # what is published
        write_versions(ROOT / "output" / "versions.txt")


if __name__ == "__main__":
    main()
