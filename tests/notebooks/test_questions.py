"""The checklist of what the course teaches: every section that it names is there."""

import re

import nbformat
import pytest

from helpers.notebooks import ROOT

ROWS = re.findall(
    r"^\| (\d+)\. (.+\?) \| (.+) \|$",
    (ROOT / "tests" / "questions.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def headings(notebook):
    nodes = nbformat.read(ROOT / f"{notebook}.ipynb", as_version=4).cells
    text = "\n".join(node.source for node in nodes if node.cell_type == "markdown")
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def test_there_are_ten_questions():
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 11))


@pytest.mark.parametrize(("number", "places"), [(number, places) for number, _, places in ROWS])
def test_a_question_is_answered_where_it_says(number, places):
    named = re.findall(r'`(\w+)`, "([^"]+)"', places)
    assert len(named) == places.count("`") // 2 >= 2
    for notebook, section in named:
        assert headings(notebook).count(section) == 1, f"{notebook}.ipynb has no section {section}"
