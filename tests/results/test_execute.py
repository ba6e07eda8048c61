"""Running notebooks headless, and grading those that were handed in."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers import execute as module
from helpers.execute import WIDGET, main

TEXT = """# Title
![a film](output/cvae/digits.gif), <img src="output/cvae/digits.gif">, $f[x](y)$,
[the web](https://pytorch.org), [above](#title), [its README](README.md#title)"""
PANEL = f"{{'{WIDGET}': {{'model_id': 'dead'}}, 'text/plain': 'a panel'}}"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A function that writes a notebook into a repository: its cells are pairs of tag and code."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "EXECUTED", tmp_path / "output" / "executed")
    monkeypatch.chdir(tmp_path)

    def write(name, *cells):
        cells = [new_code_cell(code, metadata={"tags": [tag]}) for tag, code in cells]
        path = tmp_path / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=[new_markdown_cell(TEXT), *cells]), path)
        return path

    return write


def read(path):
    return nbformat.read(path, as_version=4)


def test_a_copy_is_executed_and_finds_the_pictures(write, tmp_path):
    path = write("small", ("parameters", "RETRAIN = False"), ("a", "print(RETRAIN)"))
    before = path.read_bytes()
    main(["small", "--retrain"])
    copy = read(tmp_path / "output" / "executed" / "small.ipynb")
    assert copy.cells[-1].outputs[0].text == "True\n" and path.read_bytes() == before
    text = TEXT.replace("output/", "../../output/").replace("README.md", "../../README.md")
    assert copy.cells[0].source == text


@pytest.mark.slow
def test_the_notebook_itself_gets_its_outputs_and_nothing_else(write):
    """Of a panel only its picture, which needs no kernel."""
    show = f"from IPython.display import display\ndisplay({PANEL}, raw=True)"
    path = write("small", ("parameters", "RETRAIN = False"), ("a", show))
    before = read(path)
    main(["small", "--in-place", "--retrain"])
    after = read(path)
    (output,) = after.cells[-1].outputs
    assert output.data == {"text/plain": "a panel"} and "widgets" not in after.metadata
    assert [(c.id, c.source, c.metadata) for c in after.cells] == [
        (c.id, c.source, c.metadata) for c in before.cells
    ]


@pytest.mark.slow
def test_a_cell_that_fails_ends_the_command_with_its_error_and_leaves_the_notebook(write):
    path = write("small", ("a", "1 / 0"))
    before = path.read_bytes()
    with pytest.raises(SystemExit) as stop:
        main(["small", "--in-place"])
    assert "small.ipynb failed" in str(stop.value) and "ZeroDivisionError" in str(stop.value)
    assert path.read_bytes() == before


def test_an_unknown_notebook_is_named_at_once(write, capsys):
    with pytest.raises(SystemExit):
        main(["smal"])
    assert "there is no" in capsys.readouterr().err


def right(name):
    return "exercise", f"print('{name}: right. Remark')"


@pytest.mark.slow
def test_each_notebook_that_was_handed_in_gets_its_line(write, capsys):
    wrong = "exercise", "# my_loss: right. yes\nprint('my_loss: not yet. Why')"
    paths = [
        write("handed in/all", right("a"), right("b"), right("b"), ("solution", "3")),
        write("handed in/some", right("a"), wrong, ("solution", right("my_loss")[1])),
        write("handed in/killed", right("a"), ("exercise", "import os; os.kill(os.getpid(), 9)")),
        write("handed in/raises", right("a"), wrong, ("exercise", "1 / 0"), right("b")),
        write("handed in/slow", right("a"), ("exercise", "import time; time.sleep(30)")),
        *(write(f"handed in/{name}", right("a")) for name in ("merged", "cut", "latin", "last")),
    ]
    merged, cut, latin = (path.read_text(encoding="utf-8") for path in paths[5:8])
    paths[5].write_text(merged.replace('"cells"', '<<<<<<< HEAD\n"cells"', 1), encoding="utf-8")
    paths[6].write_text(cut[:100], encoding="utf-8")
    paths[7].write_bytes(latin.replace("Title", "Ti\xfftle").encode("latin-1"))
    main(["--grade", "--seconds", "10", *map(str, paths)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [path.name for path in paths]
    for line, said in zip(
        lines,
        ("2 of 3 right$", "1 of 2 right$", "1 of 2 right; .*Kernel died", "1 of 4 right; .*ZeroDiv",
         "1 of 2 right; .*Timeout", "0 of 0 right; .*<<<<<<<", "0 of 0 right; .*JSON",
         "0 of 0 right; .*utf-8", "1 of 1 right$"),
        strict=True,
    ):  # fmt: skip
        assert re.search(said, line), line
