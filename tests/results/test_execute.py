"""Running notebooks headless."""

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
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


def test_a_copy_is_executed_with_a_line_for_each_cell(repository, capsys):
    path = repository("print(RETRAIN)")
    before = path.read_bytes()
    notebook = execute("small", parameters={"RETRAIN": True}, executed=module.EXECUTED)
    assert printed(notebook) == "True\n"
    assert printed(nbformat.read(module.EXECUTED / "small.ipynb", 4)) == "True\n"
    assert path.read_bytes() == before
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[-1].startswith("small: cell 4 of 4, ")
    assert lines[-1].endswith(" s, Title")


@pytest.mark.slow
def test_a_cell_that_fails_is_in_the_copy_and_leaves_the_notebook(repository):
    path = repository("1 / 0")
    before = path.read_bytes()
    for in_place in (True, False):
        with pytest.raises(CellExecutionError):
            execute("small", executed=module.EXECUTED, in_place=in_place)
        assert path.read_bytes() == before
        assert (module.EXECUTED / "small.ipynb").exists() != in_place
    (error,) = nbformat.read(module.EXECUTED / "small.ipynb", 4).cells[-1].outputs
    assert error.ename == "ZeroDivisionError"


@pytest.mark.slow
def test_a_panel_leaves_a_picture_and_no_state(repository, tmp_path):
    repository(
        "from IPython.display import display\n"
        f"display({{'{module.WIDGET}': {{'model_id': 'dead'}}, 'text/plain': 'a panel'}}, raw=True)"
    )
    notebook = execute("small", executed=module.EXECUTED)
    (output,) = notebook.cells[-1].outputs
    assert output.data == {"text/plain": "a panel"}
    assert "widgets" not in notebook.metadata


@pytest.mark.slow
def test_a_failure_ends_the_command_with_the_cell_s_error(repository):
    repository("1 / 0")
    with pytest.raises(SystemExit) as stop:
        main(["small"])
    assert "small.ipynb failed" in str(stop.value) and "ZeroDivisionError" in str(stop.value)


def test_an_unknown_notebook_is_named_at_once(repository, capsys):
    repository("print(7)")
    with pytest.raises(SystemExit):
        main(["smal"])
    assert "no notebook smal.ipynb; there are: small" in capsys.readouterr().err
