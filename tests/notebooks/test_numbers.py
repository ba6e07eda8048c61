"""Told and measured: a number in the text of a notebook is one that the notebook shows."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebooks.runs import QUICK

from helpers.notebooks import ROOT

# No claims of the text: formulas, code, addresses (with arXiv's numbers), HTML, headings, sections
NO_TEXT = (
    r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`|\[[^\]]*\]\([^)]*\)|<[^>]*>|^#+ .*?$"
    r"|\bsection \d+(?:\.\d+)*"
)
NUMBER = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\w|\.\d)(?!,\d)(%?)")
YEAR = re.compile(r"(?:19|20)\d\d")

# Reviewed: what no cell computes, and why it may stand there all the same
REVIEWED = {
    ("autoencoders_fc", "1.0000001"): "an example of a rounding error",
    ("autoencoders_conv", "12,288"): "3 * 64 * 64, the values of an image",
    ("cvae_mnist", "104"): "below it, exp is 0 in single precision",
    ("cvae_mnist", "86.8"): "cited: Burda et al. (2016), one layer of codes",
    ("cvae_mnist", "82.9"): "cited: Burda et al. (2016), two layers of codes",
}


def values(texts):
    """The numbers that outputs and code show: 10_000, 1,333, 2.5e-3."""
    shown = re.findall(r"\d(?:_?,?\d)*(?:\.\d+)?(?:e[-+]?\d+)?", "\n".join(texts))
    return {float(number.replace(",", "").replace("_", "")) for number in shown}


def untold(notebook):
    """Numbers in Markdown cells that are neither in an output nor in code, as (number, where)."""
    texts = []
    for cell in notebook.cells:
        texts += [cell.source] * (cell.cell_type == "code")
        for output in cell.get("outputs", []):
            texts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    known = values(texts)
    for place, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            continue
        text = re.sub(NO_TEXT, " ", cell.source, flags=re.DOTALL | re.MULTILINE)
        for match in NUMBER.finditer(text):
            number, percent = match.group().rstrip("%").replace(",", ""), match[1]
            digits = len(number.partition(".")[2])
            shown = known | {100 * value for value in known} if percent else known
            if YEAR.fullmatch(number) or float(number) in {round(v, digits) for v in shown}:
                continue
            around = text[max(0, match.start() - 60) : match.end() + 40]
            yield match.group(), f"cell {place}: ...{' '.join(around.split())}..."


@pytest.mark.parametrize("name", QUICK)
def test_every_number_in_the_text_is_shown_or_reviewed(name):
    found = dict(untold(nbformat.read(ROOT / f"{name}.ipynb", as_version=4)))
    reviewed = {number for notebook, number in REVIEWED if notebook == name}
    new = [f"{number} in {found[number]}" for number in found.keys() - reviewed]
    assert not new, "\n".join(new)
    assert reviewed <= found.keys(), "these are in the text no more, or a cell shows them now"


def test_numbers_that_no_cell_shows_are_found():
    text = """# The 3 lessons
    It is 83.04 nats, 2.2% more than 1,333 of [arXiv 1312.6114](https://arxiv.org) in 2014 say.
    Yet 83.05, 2.3% and 1,334 are not shown (section 9.8): $z^9$, `x[7]`. Is 0.5 of 10,000?"""
    output = new_output("stream", text="neg_elbo: 83.0391\nshare: 0.02184 of 1,333")
    notebook = new_notebook(
        cells=[
            new_markdown_cell(text),
            new_code_cell("SAMPLES, LR = 10_000, 5e-1", outputs=[output]),
        ]
    )
    assert [number for number, _ in untold(notebook)] == ["83.05", "2.3%", "1,334"]
