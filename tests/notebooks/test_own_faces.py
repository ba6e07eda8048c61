"""Thirty people with three photos each, as somebody puts their own faces in LFW's place."""

import contextlib
import io
import re
import shutil

import nbformat
import papermill
import pytest
from notebooks.runs import QUICK, complaints, run, text_of
from PIL import Image

from get_dataset import fetch_dataset
from helpers.data.cache import CACHE_DIRS, MANIFEST
from helpers.notebooks import ROOT
from helpers.synthetic.faces import render_faces, sample_faces

FEW_STEPS = {"SOURCE": "lfw", "TRAIN_IMAGES": None}
FEW_STEPS_CONV = FEW_STEPS | {"STEPS_SHARP": 4, "STEPS_WEIGHTS": 2}


@pytest.fixture(scope="module")
def own_faces(environment):
    """Ninety JPEGs in the data folder of the notebooks, without an attribute table."""
    faces = sample_faces(120)
    faces = faces[faces.index.get_level_values("imagenum") <= 3]
    for (person, number), face in zip(faces.index, render_faces(faces, 90, 90), strict=True):
        name = person.replace(" ", "_")
        path = environment / "DATA_DIR" / "lfw-deepfunneled" / name / f"{name}_{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo = Image.new("RGB", (250, 250))
        photo.paste(Image.fromarray(face), (80, 80))
        photo.save(path, quality=95)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTPS_PROXY", "https_proxy"):  # no network, and no attribute table from it
            patch.setenv(name, "http://127.0.0.1:9")
        yield environment / "DATA_DIR"
    for manifest in CACHE_DIRS[0].glob(f"lfw-deepfunneled-*/{MANIFEST}"):
        if str(environment) in manifest.read_text():
            shutil.rmtree(manifest.parent)
            (CACHE_DIRS[0] / f".{manifest.parent.name}.lock").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def advised(own_faces):
    """The settings that the loader's sentence names."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        fetch_dataset(data_dir=own_faces, source="lfw")
    (sentence,) = (line for line in said.getvalue().splitlines() if "are few" in line)
    numbers, batch = re.search(r"at most (\d+), and BATCH_SIZE to at most (\d+)", sentence).groups()
    assert sentence.startswith("NOTE: 90 photos of 30 people are few: set LATENT_DIM")
    return {"LATENT_DIM": int(numbers), "COMPONENTS": int(numbers), "BATCH_SIZE": int(batch)}


@pytest.mark.slow
def test_the_fully_connected_notebook_runs(advised, tmp_path):
    notebook = run("autoencoders_fc", tmp_path, **advised, **FEW_STEPS)
    assert not complaints(notebook)
    said = text_of(notebook)
    assert "90 photos of 30 people are few" in said and "(smiles, edits, their judges)" in said


@pytest.mark.slow
def test_the_convolutional_notebook_runs_but_for_what_needs_attributes(advised, tmp_path):
    """Where it stops, it names the section to go on from; who does so comes to its end."""
    notebook = nbformat.read(ROOT / "autoencoders_conv.ipynb", as_version=4)
    output = {"OUTPUT_DIR": str(tmp_path / "output")}
    settings = QUICK["autoencoders_conv"] | advised | FEW_STEPS_CONV | output
    left_out = []
    while len(left_out) < 5:  # sections; the last run is the whole one
        nbformat.write(notebook, tmp_path / "without.ipynb")
        try:
            papermill.execute_notebook(
                tmp_path / "without.ipynb", tmp_path / "executed.ipynb", settings, cwd=ROOT,
                kernel_name="python3", progress_bar=False, log_output=False,
            )  # fmt: skip
            break
        except papermill.PapermillExecutionError as error:
            said = re.search("no attribute table: run on from the section (.+)", error.evalue)
            assert said and error.ename == "SettingsError", f"{error.evalue} in {error.source}"
            sources = [cell.source for cell in notebook.cells]
            section = next(i for i, source in enumerate(sources) if f"## {said[1]}\n" in source)
            del notebook.cells[sources.index(error.source) : section]
            left_out.append(said[1])
    executed = nbformat.read(tmp_path / "executed.ipynb", as_version=4)
    assert left_out and not complaints(executed)
