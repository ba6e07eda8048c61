"""Run notebooks headless, with a line for every cell: make notebooks, retrain, publish."""

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from helpers.notebooks import ROOT
from helpers.system import validation
from helpers.system.files import replacing

EXECUTED = ROOT / "output" / "executed"
WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(name, *, executed, in_place=False, parameters=None):
    """Run a notebook of the repository from top to bottom, in its folder.

    Parameters
    ----------
    name : str, the notebook's file without ".ipynb"
    executed : path of the folder for the executed copy, which is also written where a cell failed
    in_place : bool
        Write the outputs into the notebook itself instead, once all cells have run.
    parameters : dict of name -> value, set after the cell that is tagged "parameters"

    Returns
    -------
    NotebookNode, as executed

    Raises
    ------
    TypeError : if an argument is none of these.
    FileNotFoundError : if there is no such notebook.
    nbclient.exceptions.CellExecutionError : where a cell fails.
    """
    validation.texts(name=name)
    validation.paths(executed=executed)
    if parameters is not None:
        validation.kinds(dict, "a dict or None", parameters=parameters)
    path = ROOT / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    if parameters:
        notebook = parameterize_notebook(
            load_notebook_node(str(path)), parameters, kernel_name="python3", language="python"
        )
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
    notebook.metadata.pop("papermill", None)
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(ROOT)}},
        **_progress(notebook, name),
    )
    target = path if in_place else Path(executed) / path.name
    try:
        client.execute()
    except CellExecutionError:
        if not in_place:
            _write(notebook, target)
        raise
    _leave_pictures_of_panels(notebook)
    _write(notebook, target)
    return notebook


def _leave_pictures_of_panels(notebook):
    """A panel whose kernel has ended is dead; where its output has a picture, that is shown."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)


def _write(notebook, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part:
        nbformat.write(notebook, part)


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
    lines = (line for cell in notebook.cells[index::-1] if cell.cell_type == "markdown"
             for line in reversed(cell.source.splitlines()))  # fmt: skip
    return next((line.lstrip("# ") for line in lines if line.startswith("#")), "")


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


if __name__ == "__main__":
    main()
