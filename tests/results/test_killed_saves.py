"""Killed at any moment, or out of room: what is in output/ is whole, old or new."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from killing import full, in_child, kill_everywhere
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from helpers.analysis.pca import PCALayer
from helpers.figures import plots
from helpers.results.experiments import Experiments
from helpers.results.weights import read_weights, save_weights
from helpers.system.files import write_json

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

HISTORY = pd.DataFrame({"epoch": [1], "seconds": [2.0]})


class Net(nn.Module):
    def __init__(self, value=1.0):
        super().__init__()
        self.value = value
        self.weights = nn.Parameter(torch.full((50, 20), value))
        self.pca = PCALayer(10, size=4)
        nn.init.constant_(self.pca.basis, 3 + value)


def picture(value):
    figure = Figure(figsize=(2, 2))
    figure.text(0.5, 0.5, str(value))
    return figure


def save_net(path, value):
    key = {"class": "Net", "model": {"value": value}}
    save_weights(path, Net(value), key, HISTORY, path.parent.parent / "shared")


def read_net(path):
    return sum(
        t.sum().item() for t in read_weights(path, path.parent.parent / "shared")[0].values()
    )


WRITERS = {
    "metrics.json": lambda path, value: write_json(path, {"mse": value}),
    "model.safetensors": save_net,
    "figure.png": lambda path, value: plots.write_figure(picture(value), path),
}
READERS = {
    "metrics.json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    "model.safetensors": read_net,
    "figure.png": lambda path: np.asarray(Image.open(path)).tobytes(),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "experiment").mkdir()
    return tmp_path / "experiment"


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_a_save_killed_at_any_file_operation(folder, name):
    path = folder / name
    WRITERS[name](path, 2.0)
    new = READERS[name](path)
    WRITERS[name](path, 1.0)
    old = READERS[name](path)
    seen = []

    def prepare(operation):
        shutil.rmtree(folder.parent / "shared", ignore_errors=True)
        WRITERS[name](path, 1.0)

    def check(_):
        seen.append(READERS[name](path))
        assert seen[-1] in (old, new)

    kill_everywhere(prepare, lambda _: WRITERS[name](path, 2.0), check)
    assert seen[0] == old != new == seen[-1]


def test_a_deleted_output_folder_comes_back(folder):
    experiments = Experiments(folder / "output", {"digits": "mnist"}, notebook="nets")
    experiments.record("net", mse=1.0)
    shutil.rmtree(folder / "output")
    experiments.show("net", picture(1), "figure")
    shutil.rmtree(folder / "output")
    experiments.load_or_train_with("net", Net(), training_of_nothing)
    names = sorted(path.name for path in experiments.folder("net").iterdir())
    assert [name[:6] for name in names] == ["metric", "model-"]


def training_of_nothing(model):
    return HISTORY.copy()


@pytest.mark.parametrize("name", WRITERS)
def test_a_save_on_a_full_disk(folder, name):
    path = folder / name
    WRITERS[name](path, 1.0)
    old = path.read_bytes()
    shared = folder.parent / "shared"
    before = sorted(shared.glob("*"))
    value = list(range(1000)) if name == "metrics.json" else 2.0
    said = in_child(lambda: WRITERS[name](path, value), full).said
    assert said.startswith("OSError") and str(folder.parent) in said
    assert "unchanged: free some space" in said
    assert path.read_bytes() == old and sorted(shared.glob("*")) == before
    assert [file.name for file in folder.iterdir()] == [name]
