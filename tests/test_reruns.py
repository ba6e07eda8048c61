"""Notebooks that are run again, at once, elsewhere, or with settings that cannot be used."""

import shutil
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import papermill
import pytest
from notebook_runs import complaints, pixels, quick_settings, run, text_of

from helpers.notebooks import ROOT

NAME = "cvae_mnist"  # the quickest of the notebooks


@pytest.fixture(scope="module")
def first(environment, tmp_path_factory):
    folder = tmp_path_factory.mktemp(NAME)
    notebook = run(NAME, folder / "output", folder / "executed.ipynb")
    return SimpleNamespace(notebook=notebook, folder=folder)


@pytest.mark.slow
def test_a_second_run_loads_the_weights(first):
    assert ": training, there are no weights" in text_of(first.notebook)
    again = run(NAME, first.folder / "output", first.folder / "again.ipynb")
    assert not complaints(again)
    assert "weights loaded" in text_of(again) and ": training, " not in text_of(again)


@pytest.mark.slow
@pytest.mark.fault("survived")
def test_two_runs_at_once_draw_the_very_pixels_of_the_first(first, tmp_path):
    """One of them from a copy of the course in a folder with a name as students give them.

    Both are started from another working directory, and write to one and the same output folder.
    """
    course = tmp_path / "Übung 3 (neu)"
    shutil.copytree(ROOT / "helpers", course / "helpers")
    shutil.copy(ROOT / "get_dataset.py", course)
    notebook = nbformat.read(ROOT / f"{NAME}.ipynb", as_version=4)
    settings = quick_settings(NAME, course / "output")
    (cell,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in settings.items())
    nbformat.write(notebook, course / "quick.ipynb")
    options = [option for name, value in settings.items() for option in ("-p", name, str(value))]
    papermill_run = ["papermill", str(ROOT / f"{NAME}.ipynb"), "a.ipynb", *options,
                     "--cwd", str(ROOT), "--kernel", "python3"]  # fmt: skip
    nbconvert_run = ["jupyter", "nbconvert", "--execute", "--to", "notebook", "--output",
                     str(tmp_path / "b.ipynb"), str(course / "quick.ipynb")]  # fmt: skip
    runs = [
        subprocess.Popen([sys.executable, "-m", *command], cwd=tmp_path, stderr=subprocess.PIPE)
        for command in (papermill_run, nbconvert_run)
    ]
    for process in runs:
        stderr = process.communicate()[1].decode()
        assert process.returncode == 0, stderr[-3000:]
    for name in ("a.ipynb", "b.ipynb"):
        assert not complaints(nbformat.read(tmp_path / name, as_version=4))
    assert [path.name for path in (course / "output").iterdir()] == ["standin"]
    first, both = pixels(first.folder / "output"), pixels(course / "output")
    assert first.keys() == both.keys()
    assert not [name for name in first if first[name] != both[name]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("cvae_mnist", {"LATENT_DIM": 0}, "LATENT_DIM must be an integer of at least 1, got 0"),
        ("autoencoders_fc", {"EPOCHS": -1}, "EPOCHS must be an integer of at least 1, got -1"),
        ("autoencoders_conv", {"SOURCE": "syntetic"}, "SOURCE must be one of .*, got 'syntetic'"),
    ],
)
@pytest.mark.fault("refused")
def test_a_bad_setting_is_one_sentence_at_once(environment, tmp_path, name, bad, message):
    with pytest.raises(papermill.PapermillExecutionError, match=message) as error:
        run(name, tmp_path / "output", tmp_path / "executed.ipynb", **bad)
    assert error.value.ename == "SettingsError" and len(error.value.traceback) == 1
    cells = nbformat.read(tmp_path / "executed.ipynb", as_version=4).cells
    tags = [cell.metadata.get("tags", []) for cell in cells if cell.cell_type == "code"]
    failed = [
        number
        for number, cell in enumerate(c for c in cells if c.cell_type == "code")
        if any(output.output_type == "error" for output in cell.outputs)
    ]
    assert failed == [tags.index(["injected-parameters"]) + 1]  # the very next cell
    assert not (tmp_path / "output").exists()
