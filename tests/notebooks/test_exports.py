"""The committed notebooks as HTML and as slides."""

import re
from urllib.parse import unquote

import nbformat
import pytest
from nbconvert import HTMLExporter, SlidesExporter
from notebooks.runs import QUICK, outputs

from helpers.notebooks import ROOT

PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]+\)|<img\b[^>]*>")


@pytest.mark.parametrize("name", QUICK)
def test_every_picture_of_a_notebook_says_what_it_shows(name):
    notebook = nbformat.read(ROOT / f"{name}.ipynb", as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    pictures = [match for text in texts for match in PICTURE.finditer(text)]
    assert pictures and all(match[1] or re.search(r'alt="[^"]', match[0]) for match in pictures)
    silent = [
        where
        for where, output in outputs(notebook)
        for kind in output.get("data", {})
        if kind in ("image/png", "image/jpeg") and not output.metadata.get(kind, {}).get("alt")
    ]
    assert not silent


@pytest.mark.slow
@pytest.mark.parametrize("exporter", [HTMLExporter, SlidesExporter])
@pytest.mark.parametrize("name", QUICK)
def test_an_export_has_every_picture_and_a_slide_for_every_section(name, exporter):
    path = ROOT / f"{name}.ipynb"
    page = exporter().from_filename(path)[0]
    targets = re.findall(r'<img\b[^>]*?\bsrc="([^"]*)"', page)
    files = [unquote(target) for target in targets if not target.startswith("data:image/")]
    assert len(targets) - len(files) > 10 and files
    assert not [file for file in files if not (ROOT / file).is_file()]
    if exporter is SlidesExporter:
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        assert page.count("<section") > len(re.findall(r"^## ", text, re.MULTILINE))
