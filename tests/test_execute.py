"""Running notebooks headless."""

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers import execute as module
from helpers.execute import execute, main
from helpers.notebooks import ROOT


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one small notebook; returns a function that sets its last cell."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "EXECUTED", tmp_path / "executed")

    def write(last):
        parameters = new_code_cell("RETRAIN = False")
        parameters.metadata["tags"] = ["parameters"]
        cells = [new_markdown_cell("# Title\ntext"), parameters, new_code_cell(last)]
        nbformat.write(new_notebook(cells=cells), tmp_path / "small.ipynb")
        return tmp_path / "small.ipynb"

    return write


def printed(notebook):
    return "".join(o.text for cell in notebook.cells for o in cell.get("outputs", []))


def test_a_copy_is_executed_with_a_line_for_each_cell(repository, tmp_path, capsys):
    path = repository("print(RETRAIN)")
    before = path.read_bytes()
    notebook = execute("small", parameters={"RETRAIN": True}, executed=tmp_path / "executed")
    assert printed(notebook) == "True\n"
    assert nbformat.read(tmp_path / "executed" / "small.ipynb", 4) == notebook
    assert path.read_bytes() == before
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[-1].startswith("small: cell 4 of 4, ")
    assert lines[-1].endswith(" s, Title")


@pytest.mark.fault("survived")
def test_in_place_keeps_the_notebook_where_a_cell_fails(repository):
    path = repository("1 / 0")
    before = path.read_bytes()
    with pytest.raises(CellExecutionError):
        execute("small", executed="unused", in_place=True)
    assert path.read_bytes() == before
    repository("print(7)")
    execute("small", executed="unused", in_place=True)
    notebook = nbformat.read(path, 4)
    assert printed(notebook) == "7\n"
    assert all(cell.metadata.keys() <= {"tags"} for cell in notebook.cells)


def test_a_panel_leaves_a_picture_and_no_state(repository, tmp_path):
    repository(
        "from PIL import Image; from helpers.figures.panels import Panel\n"
        "Panel(lambda _: Image.new('RGB', (9, 9)), {}, 'Nothing but black.')"
    )
    (tmp_path / "helpers").symlink_to(ROOT / "helpers")
    notebook = execute("small", executed=tmp_path / "executed")
    (output,) = notebook.cells[-1].outputs
    assert sorted(output.data) == ["image/jpeg", "text/plain"]
    assert output.data["text/plain"].startswith("Nothing but black.")
    assert "widgets" not in notebook.metadata


@pytest.mark.fault("refused")
def test_a_failure_ends_the_command_with_the_cell_s_error(repository, tmp_path):
    repository("1 / 0")
    with pytest.raises(SystemExit) as stop:
        main(["small"])
    assert "small.ipynb failed" in str(stop.value) and "ZeroDivisionError" in str(stop.value)


@pytest.mark.fault("refused")
def test_an_unknown_notebook_is_named_at_once(repository, capsys):
    repository("print(7)")
    with pytest.raises(SystemExit):
        main(["smal"])
    assert "no notebook smal.ipynb; there are: small" in capsys.readouterr().err
