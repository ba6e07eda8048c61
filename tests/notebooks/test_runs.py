"""The notebooks, each run from top to bottom in a quick setting on the stand-ins."""

import json
import os
from types import SimpleNamespace

import pytest
from notebooks.runs import QUICK, complaints, pixels, run, text_of
from PIL import Image

from helpers.results.weights import read_weights

EACH = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in QUICK]


@pytest.fixture(scope="module", params=EACH)
def executed(request, environment, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    notebook = run(request.param, folder)
    output = folder / "output" / "standin"
    return SimpleNamespace(name=request.param, notebook=notebook, folder=folder, output=output)


def test_a_run_ends_without_an_error_or_a_warning(executed):
    assert not complaints(executed.notebook)


def test_a_run_writes_whole_results_and_nothing_among_the_published(executed):
    assert [path.name for path in executed.output.parent.iterdir()] == ["standin"]
    names = [path.name for path in executed.output.rglob("*") if path.is_file()]
    assert not [name for name in names if "part" in name or "checkpoint" in name]
    assert f"{executed.name}.json" in names  # its rows of the README's table


def test_all_that_is_kept_tells_how_many_it_was_trained_on(executed):
    weights = list(executed.output.rglob("model-*.safetensors"))
    keys = [read_weights(path, executed.output / "shared")[1] for path in weights]
    computed = list(executed.output.rglob("*-????????.json"))
    keys += [json.loads(path.read_text(encoding="utf-8"))["key"] for path in computed]
    assert len(weights) > 1
    for key in keys:
        assert key["data"]["train_images"] == QUICK[executed.name]["TRAIN_IMAGES"], key


def test_every_figure_of_a_run_shows_something(executed):
    figures = sorted(executed.output.rglob("*.png"))
    assert len(figures) > 5
    for path in figures:
        with Image.open(path) as image:
            assert image.format == "PNG" and min(image.size) > 100
            opaque = image.convert("RGBA").getextrema()[3][0] == 255  # in a dark theme, too
            assert opaque and image.mode in ("RGB", "RGBA"), path.name
            assert len(image.convert("L").getcolors()) > 10, f"{path.name} is empty"


def test_a_run_on_stand_ins_downloads_nothing(executed, environment):
    assert not os.listdir(environment / "DATA_DIR")


@pytest.mark.slow
def test_a_second_run_trains_nothing_and_draws_the_same_figures(executed):
    """A figure that looks the same is not written again: what differs here, a reader sees."""
    if executed.name == "face_generator":  # whose small autoencoder for stand-ins is not kept
        pytest.skip("alone on stand-ins it trains the other notebooks' networks each time")
    first = pixels(executed.output.parent)
    again = run(executed.name, executed.folder)
    assert not complaints(again)
    assert ": training, " in text_of(executed.notebook) and ": training, " not in text_of(again)
    assert ": computing " not in text_of(again)
    second = pixels(executed.output.parent)
    assert second.keys() == first.keys()
    assert not [name for name in first if second[name] != first[name]]
