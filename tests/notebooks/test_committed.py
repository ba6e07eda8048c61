"""The three notebooks as they are committed."""

import re
from types import SimpleNamespace

import nbformat
import pytest
from notebooks.runs import QUICK, complaints, text_of

from helpers.notebooks import ROOT

MACHINE_PATHS = re.compile(r"/(?:home|root|tmp|usr|work|Users|opt|var)/|site-packages|[A-Z]:\\\\")


@pytest.fixture(params=QUICK)
def committed(request):
    path = ROOT / f"{request.param}.ipynb"
    return SimpleNamespace(path=path, notebook=nbformat.read(path, as_version=4))


def test_a_committed_notebook_is_valid_and_small(committed):
    nbformat.validate(committed.notebook)
    assert committed.path.stat().st_size < 3_000_000
    assert committed.notebook.metadata.kernelspec.name == "python3"


def test_a_committed_notebook_was_run_on_the_real_data_without_complaint(committed):
    counts = [cell.execution_count for cell in committed.notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run it anew: make publish"
    assert not complaints(committed.notebook)
    said = text_of(committed.notebook)
    assert "NOTE: stand-in" not in said and "NOTE: 5,000 digits" not in said


def test_a_committed_notebook_has_no_trace_of_the_machine_it_ran_on(committed):
    found = []
    for number, cell in enumerate(committed.notebook.cells, start=1):
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts += [output.get("text", "")]
            texts += [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
        found += [f"cell {number}: {t[:200]}" for t in texts if MACHINE_PATHS.search(t)]
    assert not found
    for cell in committed.notebook.cells:
        assert cell.metadata.keys() <= {"tags", "jupyter", "slideshow"}


def test_a_committed_notebook_has_one_settings_cell_and_short_cells(committed):
    tags = [tag for cell in committed.notebook.cells for tag in cell.metadata.get("tags", [])]
    assert tags.count("parameters") == 1 and tags.count("definitions") >= 2
    assert "‹" not in "".join(cell.source for cell in committed.notebook.cells)
    for cell in committed.notebook.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 60
