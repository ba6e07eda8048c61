"""The notebooks as they are committed."""

import re
from types import SimpleNamespace
from urllib.parse import unquote

import nbformat
import pytest
from nbconvert import HTMLExporter
from notebooks.runs import QUICK, complaints, read, text_of

from helpers.notebooks import ROOT

MACHINE_PATHS = re.compile(r"/(?:home|root|tmp|usr|work|Users|opt|var)/|site-packages|[A-Z]:\\\\")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
MATHS = r"\$\$.*?\$\$|\$[^$]*\$"
MOST_CELLS = {"autoencoders_conv": 80, "face_generator": 60}


@pytest.fixture(params=QUICK)
def committed(request):
    notebook = read(request.param)
    kinds = {
        kind: [c for c in notebook.cells if c.cell_type == kind] for kind in ("code", "markdown")
    }
    return SimpleNamespace(name=request.param, notebook=notebook, **kinds)


def test_a_committed_notebook_is_valid_and_read_in_an_evening(committed):
    nbformat.validate(committed.notebook)
    assert (ROOT / f"{committed.name}.ipynb").stat().st_size < 3_000_000
    assert committed.notebook.metadata.kernelspec.name == "python3"
    assert len(committed.notebook.cells) <= MOST_CELLS.get(committed.name, 70)
    for cell in committed.code:
        assert len([line for line in cell.source.splitlines() if line.strip()]) <= 40, cell.source
        assert cell.metadata.keys() <= {"tags", "jupyter", "slideshow"}
    for cell in committed.markdown:
        assert len(re.sub(MATHS, "", cell.source, flags=re.S).split()) <= 200, cell.source
    tags = [tag for cell in committed.code for tag in cell.metadata.get("tags", [])]
    assert tags.count("parameters") == 1 and tags.count("setup") == 1 and "definitions" in tags


def test_a_committed_notebook_was_run_on_the_real_data_without_complaint(committed):
    counts = [cell.execution_count for cell in committed.code]
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


def test_every_picture_is_there_in_html_too_and_says_what_it_shows(committed):
    for cell in committed.markdown:
        for words, target in PICTURE.findall(cell.source):
            assert len(words) > 5 and (ROOT / unquote(target)).is_file(), target
    page = HTMLExporter().from_notebook_node(committed.notebook)[0]
    pictures = re.findall(r"<img\b[^>]*>", page)
    assert len(pictures) > 5
    assert not [picture[:200] for picture in pictures if not re.search(r'\balt="[^"]{5,}', picture)]
