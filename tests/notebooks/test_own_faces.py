"""Thirty people with three photos each, as somebody puts their own faces in LFW's place."""

import shutil

import pytest
from notebooks.runs import complaints, run, text_of
from PIL import Image

from helpers.data.cache import CACHE_DIRS, MANIFEST
from helpers.synthetic.faces import render_faces, sample_faces


@pytest.fixture
def own_faces(environment, monkeypatch):
    """Ninety pictures in the data folder of the notebooks, without an attribute table."""
    faces = sample_faces(120)
    faces = faces[faces.index.get_level_values("imagenum") <= 3]
    for (person, number), face in zip(faces.index, render_faces(faces, 90, 90), strict=True):
        name = person.replace(" ", "_")
        path = environment / "DATA_DIR" / "lfw-deepfunneled" / name / f"{name}_{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo = Image.new("RGB", (250, 250))
        photo.paste(Image.fromarray(face), (80, 80))
        photo.save(path, quality=95)
    for name in ("HTTPS_PROXY", "https_proxy"):  # no network, and no attribute table from it
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    yield
    for manifest in CACHE_DIRS[0].glob(f"lfw-deepfunneled-*/{MANIFEST}"):
        if str(environment) in manifest.read_text(encoding="utf-8"):
            shutil.rmtree(manifest.parent)


@pytest.mark.slow
def test_the_fully_connected_notebook_runs_without_attributes(own_faces, tmp_path):
    settings = {"SOURCE": "lfw", "TRAIN_IMAGES": None, "LATENT_DIM": 16, "COMPONENTS": 60}
    notebook = run("autoencoders_fc", tmp_path, **settings)
    assert not complaints(notebook)
    assert "90 photos of 30 people are few" in text_of(notebook)
