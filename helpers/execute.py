"""Run notebooks headless, and grade what was handed in: make notebooks, retrain, publish."""

import argparse
import re
import sys
from pathlib import Path

import nbformat
import papermill

from helpers.notebooks import ROOT
from helpers.system.files import make_folder, replacing

EXECUTED = ROOT / "output" / "executed"
WIDGET = "application/vnd.jupyter.widget-view+json"
LINK = re.compile(r"""(\]\(|\bsrc=["'])(?=[\w/-]+\.\w)""")  # of Markdown and HTML, to a file
RIGHT = re.compile(r"^(\w+): right\.", re.MULTILINE)


def execute(path, copy, *, in_place=False, **options):
    """Run a notebook in this folder, by papermill and its options; what ran goes to `copy`.

    With `in_place` the outputs are written into the notebook itself, too, once all cells have run.
    """
    make_folder(copy.parent)
    notebook = papermill.execute_notebook(
        path, copy, cwd=ROOT, kernel_name="python3", language="python", store_widget_state=False,
        **options,
    )  # fmt: skip
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)  # a dead panel: its picture is left
    if in_place:
        published = nbformat.read(path, as_version=4)
        ours = (c for c in notebook.cells if "injected-parameters" not in c.metadata.tags)
        for cell, executed in zip(published.cells, ours, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
        with replacing(path) as part:
            nbformat.write(published, part)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(r"\1../../", cell.source)
    nbformat.write(notebook, copy)


def grade(path, seconds):
    """A line on a notebook that was handed in: what is right when it runs here, and what stops it.

    Cells that are tagged "solution" do not count.
    """
    copy, why = EXECUTED / "handed in" / path.parent.name / path.name, ""
    copy.unlink(missing_ok=True)
    try:
        if "\n<<<<<<< " in path.read_text(encoding="utf-8"):
            raise ValueError("two versions were merged: it has lines that begin with <<<<<<<")
        execute(path, copy, execution_timeout=seconds, progress_bar=False)
    except Exception as error:  # whatever a student's code does to its kernel
        said = str(getattr(error, "evalue", error)).strip().split("\n")[0][:150]
        why = f"; stopped by {getattr(error, 'ename', type(error).__name__)}: {said}"
    cells = nbformat.read(copy, as_version=4).cells if copy.exists() else []
    counted = (cell for cell in cells if "solution" not in cell.metadata.get("tags", []))
    printed = "\n".join(o.get("text", "") for cell in counted for o in cell.get("outputs", []))
    of = sum("exercise" in cell.metadata.get("tags", []) for cell in cells)
    return f"{path.name}: {len(set(RIGHT.findall(printed)))} of {of} right{why}"


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m helpers.execute", description=__doc__)
    parser.add_argument("notebooks", nargs="+", help="such as cvae_mnist or handed_in/*.ipynb")
    parser.add_argument("--in-place", action="store_true", help="write into the notebooks")
    parser.add_argument("--retrain", action="store_true", help="train although there are weights")
    parser.add_argument("--grade", action="store_true", help="count right answers, a line each")
    parser.add_argument("--seconds", type=int, default=900, help="at most, for a cell to grade")
    options = parser.parse_args(arguments)
    paths = [Path(f"{name.removesuffix('.ipynb')}.ipynb").resolve() for name in options.notebooks]
    if missing := [path for path in paths if not path.exists()]:
        parser.error(f"there is no {missing[0]}")
    for path in paths:
        if options.grade:
            print(grade(path, options.seconds), flush=True)
            continue
        print(path.stem, flush=True)
        parameters = {"RETRAIN": True} if options.retrain else None
        try:
            execute(path, EXECUTED / path.name, in_place=options.in_place, parameters=parameters)
        except papermill.PapermillExecutionError as error:
            sys.exit(f"{path.name} failed:\n{error}")


if __name__ == "__main__":
    main()
