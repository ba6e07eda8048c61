"""Running notebooks headless."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers import execute as module
from helpers.execute import execute, main

TEXT = """# Title
![a film](output/cvae/digits.gif), <img src="output/cvae/digits.gif">, $f[x](y)$,
[the web](https://pytorch.org), [above](#title), [its README](README.md#title)"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one small notebook; returns a function that sets its last cell."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "EXECUTED", tmp_path / "output" / "executed")
    (tmp_path / "output" / "cvae").mkdir(parents=True)
    (tmp_path / "output" / "cvae" / "digits.gif").touch()
    (tmp_path / "README.md").touch()

    def write(last):
        parameters = new_code_cell("RETRAIN = False")
        parameters.metadata["tags"] = ["parameters"]
        cells = [new_markdown_cell(TEXT), parameters, new_code_cell(last)]
        nbformat.write(new_notebook(cells=cells), tmp_path / "small.ipynb")
        return tmp_path / "small.ipynb"

    return write


def printed(notebook):
    return "".join(o.text for cell in notebook.cells for o in cell.get("outputs", []))


def read(path):
    return nbformat.read(path, as_version=4)


def test_a_copy_is_executed_and_finds_the_pictures(repository):
    path = repository("print(RETRAIN)")
    before = path.read_bytes()
    execute("small", parameters={"RETRAIN": True})
    copy = read(module.EXECUTED / "small.ipynb")
    assert printed(copy) == "True\n" and path.read_bytes() == before
    text = TEXT.replace("output/", "../../output/").replace("README.md", "../../README.md")
    assert copy.cells[0].source == text


@pytest.mark.slow
def test_the_notebook_itself_gets_its_outputs_and_nothing_else(repository):
    """Of a panel only its picture, which needs no kernel."""
    panel = f"{{'{module.WIDGET}': {{'model_id': 'dead'}}, 'text/plain': 'a panel'}}"
    path = repository(f"from IPython.display import display\ndisplay({panel}, raw=True)")
    before = read(path)
    execute("small", in_place=True, parameters={"RETRAIN": True})
    after = read(path)
    (output,) = after.cells[-1].outputs
    assert output.data == {"text/plain": "a panel"} and "widgets" not in after.metadata
    assert [(c.source, c.metadata) for c in after.cells] == [
        (c.source, c.metadata) for c in before.cells
    ]


@pytest.mark.slow
def test_a_cell_that_fails_ends_the_command_with_its_error_and_leaves_the_notebook(repository):
    path = repository("1 / 0")
    before = path.read_bytes()
    with pytest.raises(SystemExit) as stop:
        main(["small", "--in-place"])
    assert "small.ipynb failed" in str(stop.value) and "ZeroDivisionError" in str(stop.value)
    assert path.read_bytes() == before
    (error,) = read(module.EXECUTED / "small.ipynb").cells[-1].outputs
    assert error.ename == "ZeroDivisionError"


def test_an_unknown_notebook_is_named_at_once(repository, capsys):
    repository("print(7)")
    with pytest.raises(SystemExit):
        main(["smal"])
    assert "no notebook smal.ipynb; there are: small" in capsys.readouterr().err
