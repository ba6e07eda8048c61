"""The three notebooks, each run from top to bottom in a quick setting on the stand-ins."""

import json
import os
from types import SimpleNamespace

import nbformat
import papermill
import pytest
from notebooks.runs import QUICK, complaints, pixels, run, text_of
from PIL import Image

from helpers.results.weights import read_weights

EACH = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in QUICK]
WITH_WEIGHTS = {
    "autoencoders_fc": ("fc_plain", "fc_vanilla", "fc_plain_vae", "fc_vae"),
    "autoencoders_conv": (
        "conv_plain", "conv_vanilla", "conv_vanilla_32", "conv_denoising", "conv_occlusion",
        "conv_plain_vae", "conv_vae", "conv_sharp", "conv_generator",
    ),
    "cvae_mnist": ("cvae_plain", "cvae"),
}  # fmt: skip


@pytest.fixture(scope="module", params=EACH)
def executed(request, environment, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return SimpleNamespace(name=request.param, notebook=run(request.param, folder), folder=folder)


def test_a_run_ends_without_an_error_or_a_warning(executed):
    assert not complaints(executed.notebook)


def test_a_run_writes_its_results_and_nothing_among_the_published(executed):
    output = executed.folder / "output"
    assert [path.name for path in output.iterdir()] == ["standin"]
    for name in WITH_WEIGHTS[executed.name]:
        assert (output / "standin" / name / "metrics.json").stat().st_size > 10
        assert (output / "standin" / name / "model.safetensors").stat().st_size > 1000
    names = [path.name for path in output.rglob("*") if path.is_file()]
    assert not [name for name in names if "part" in name or "checkpoint" in name]


def test_all_that_is_kept_tells_how_many_it_was_trained_on(executed):
    weights = executed.folder.rglob("model.safetensors")
    measured = list(executed.folder.rglob("measured_*.json"))
    keys = [read_weights(path)[1]["settings"] for path in weights]
    keys += [json.loads(path.read_text(encoding="utf-8"))["key"] for path in measured]
    assert measured
    for key in keys:
        assert key["data"]["train_images"] == QUICK[executed.name]["TRAIN_IMAGES"], key


def test_every_figure_of_a_run_shows_something(executed):
    figures = sorted((executed.folder / "output").rglob("*.png"))
    assert len(figures) > 10
    for path in figures:
        with Image.open(path) as image:
            assert image.format == "PNG" and image.mode == "RGB" and min(image.size) > 100
            assert len(image.convert("L").getcolors()) > 10, f"{path.name} is empty"


def test_a_run_on_stand_ins_downloads_nothing(executed, environment):
    assert not os.listdir(environment / "DATA_DIR")


@pytest.mark.slow
def test_a_second_run_trains_nothing_and_draws_the_same_figures(executed):
    """A figure that looks the same is not written again: what differs here, a reader sees."""
    first = pixels(executed.folder / "output")
    again = run(executed.name, executed.folder)
    assert not complaints(again)
    assert ": training, " in text_of(executed.notebook) and ": training, " not in text_of(again)
    second = pixels(executed.folder / "output")
    assert second.keys() == first.keys()
    assert not [name for name in first if second[name] != first[name]]


@pytest.mark.slow
def test_a_bad_setting_stops_a_run_near_the_settings(environment, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="LATENT_DIM must be"):
        run("cvae_mnist", tmp_path, LATENT_DIM=0)
    cells = nbformat.read(tmp_path / "executed.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    tags = [cell.metadata.get("tags", []) for cell in code]
    failed = [any(o.output_type == "error" for o in cell.outputs) for cell in code].index(True)
    assert 0 < failed - tags.index(["injected-parameters"]) <= 2
