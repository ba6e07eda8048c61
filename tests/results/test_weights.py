"""Weights on disk: whole or not at all, never taken for what they are not."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from killing import Bomb
from safetensors.torch import save_file
from torch import nn

from helpers.results import weights
from helpers.results.weights import read_weights, save_weights

HISTORY = pd.DataFrame({"epoch": [1], "seconds": [0.25]})
SETTINGS = {"model": {"latent_dim": 3}, "training": {"epochs": 2}}


class Model(nn.Module):
    def __init__(self, latent_dim=3):
        super().__init__()
        self.linear = nn.Linear(4, latent_dim)
        self.register_buffer("count", torch.tensor(7))


class Sketch(nn.Module):
    """A large fixed buffer, of `rows` rows, and weights of its own."""

    def __init__(self, rows, seed=0):
        super().__init__()
        self.linear = nn.Linear(4, 3)
        all_rows = torch.randn(300, 2000, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("basis", all_rows[:rows].contiguous())


@pytest.fixture
def save(tmp_path):
    """A function that saves a model under a name; returns its path."""

    def save(model, name="model"):
        path = tmp_path / name / "model.safetensors"
        save_weights(path, model, SETTINGS, HISTORY, tmp_path / "shared")
        return path

    return save


def test_read_weights_gives_back_what_was_saved(save):
    model = Model()
    tensors, metadata = read_weights(save(model))
    assert tensors.keys() == model.state_dict().keys()
    assert tensors["linear.bias"].dtype == torch.float32
    assert torch.equal(tensors["linear.bias"], model.linear.bias.half().float())
    assert tensors["count"] == 7 and tensors["count"].dtype == torch.int64
    assert metadata["class"] == "Model" and metadata["settings"] == SETTINGS
    pd.testing.assert_frame_equal(metadata["history"], HISTORY)


def test_a_large_matrix_is_rounded_row_by_row(save):
    model = nn.Linear(200, 100)
    with torch.no_grad():
        model.weight.mul_(torch.logspace(-3, 3, 100)[:, None])
    off = (read_weights(save(model))[0]["weight"] - model.weight).abs()
    assert off.max() > 0 and (off <= model.weight.abs().amax(1, keepdim=True) / 200).all()


def test_a_large_fixed_buffer_is_kept_once_for_all_and_a_new_training_breaks_no_other(
    save, tmp_path
):
    models = {"all": Sketch(300), "same": Sketch(300), "first rows": Sketch(280)}
    paths = {name: save(model, name) for name, model in models.items()}
    (shared,) = (tmp_path / "shared").iterdir()
    unfinished = shared.with_name(f".{shared.stem}.1.part.safetensors")
    unfinished.write_bytes(shared.read_bytes())  # of a process that was killed
    models["after it"] = Sketch(290)
    paths["after it"] = save(models["after it"], "after it")
    unfinished.unlink()
    assert list((tmp_path / "shared").iterdir()) == [shared]
    models["all"] = Sketch(300, seed=1)
    save(models["all"], "all")
    for name, path in paths.items():
        assert path.stat().st_size < 3000
        tensors, _ = read_weights(path)
        for key, value in models[name].state_dict().items():
            torch.testing.assert_close(tensors[key], value.half().float(), rtol=0, atol=0)


def test_shared_buffers_that_are_damaged_or_gone_are_said_and_written_anew(save, tmp_path):
    path = save(Sketch(300))
    (shared,) = (tmp_path / "shared").iterdir()
    whole = shared.read_bytes()
    for content in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:100], None):
        shared.unlink() if content is None else shared.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged or is no weights file"):
            read_weights(path)
        save(Sketch(300))
        assert shared.read_bytes() == whole
        read_weights(path)


@pytest.mark.parametrize("kind", ["truncated", "empty", "text", "pickle", "foreign"])
def test_a_file_that_is_no_weights_of_ours_is_refused(save, tmp_path, kind):
    path = save(Model())
    whole = path.read_bytes()
    trap = tmp_path / "unpickled"
    if kind == "foreign":  # a safetensors file, but not written by the course
        save_file({"x": torch.ones(2)}, path)
    else:
        path.write_bytes(
            {
                "truncated": whole[: len(whole) // 2],
                "empty": b"",
                "text": b"<html>not found</html>",
                "pickle": pickle.dumps(Bomb(trap)),
            }[kind]
        )
    with pytest.raises(ValueError, match="is damaged or is no weights file") as error:
        read_weights(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert not trap.exists()


@pytest.mark.slow
def test_no_flipped_bit_goes_unseen(save, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "LARGE", 8)
    model = Sketch(2)
    model.basis = model.basis[:, :10].clone()
    path = save(model)
    shared = sorted((tmp_path / "shared").iterdir())
    saved = read_weights(path)[0]
    for file in (path, *shared):
        whole = file.read_bytes()
        for position in np.random.default_rng(0).integers(0, len(whole), 150):
            content = bytearray(whole)
            content[position] ^= 1 << int(position) % 8
            file.write_bytes(content)
            try:
                tensors, metadata = read_weights(path)
            except ValueError as error:
                assert "is damaged or is no weights file" in str(error)
            else:  # a space became a tab
                assert all(torch.equal(tensors[name], saved[name]) for name in saved)
                assert metadata["settings"] == SETTINGS
        file.write_bytes(whole)
