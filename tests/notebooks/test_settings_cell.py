"""A setting that cannot be used is refused in the cell after the settings."""

import nbformat
import numpy as np
import pytest
from notebooks.runs import QUICK

from helpers.notebooks import ROOT
from helpers.teaching.settings import SettingsError, require

BAD = {
    "autoencoders_fc": {
        "SOURCE": "syntetic", "LATENT_DIM": 1, "COMPONENTS": 64, "TRAIN_IMAGES": 100, "EPOCHS": 0,
        "DROPOUT": 1, "LR": 0, "BETA": -1, "DRAWN_FACES": 10,
    },
    "autoencoders_conv": {
        "LATENT_DIM": 0, "FEW": 0, "COMPONENTS": 0, "SKETCH": "linear", "WIDTH": 3, "LR": 0,
        "BETA": -1, "SIGMA": -0.1, "SHARE": (0.4, 0.2), "SMILES": 1, "STRENGTHS": (2, 1),
        "SIZES": (0, 2), "DRAWS": 0,
    },
    "cvae_mnist": {
        "SOURCE": "lfw", "TRAIN_IMAGES": 10, "LATENT_DIM": 0, "COUPLINGS": -1, "LR": 1,
        "SAMPLES": 10, "BETAS": (-1.0,), "TEMPERATURES": (0.0,), "EPOCHS": 0,
    },
}  # fmt: skip


@pytest.mark.parametrize("notebook", BAD)
def test_every_bad_setting_is_refused_and_the_published_pass(notebook):
    cells = nbformat.read(ROOT / f"{notebook}.ipynb", as_version=4).cells
    tags = [cell.metadata.get("tags", []) for cell in cells]
    settings, after = (cells[tags.index(["parameters"]) + i].source for i in (0, 1))
    names = {"require": require, "np": np}
    exec(settings, names)
    exec(after, names)
    exec(after, names | QUICK[notebook])
    for name, value in BAD[notebook].items():
        with pytest.raises(SettingsError) as error:
            exec(after, names | {name: value})
        said = str(error.value)
        assert "must" in said or name in said
        assert said.endswith("Change the settings cell and run it again.")
        assert error.value._render_traceback_() == [f"SettingsError: {said}"]  # no traceback
