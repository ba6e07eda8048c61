"""Weights on disk: rounded, PCA kept once, never taken for what they are not."""

import pickle

import pandas as pd
import pytest
import torch
from killing import Bomb
from safetensors.torch import save_file
from torch import nn

from helpers.analysis.pca import PCALayer
from helpers.results.weights import fingerprint, read_weights, save_weights

HISTORY = pd.DataFrame({"epoch": [1], "seconds": [0.25]})
KEY = {"class": "Model", "model": {"latent_dim": 3}}


class Model(nn.Module):
    def __init__(self, latent_dim=3):
        super().__init__()
        self.linear = nn.Linear(4, latent_dim)
        self.register_buffer("count", torch.tensor(7))


class OnPCA(nn.Module):
    """Its PCA has the first `components` of sixteen, the same for each seed, under two names."""

    def __init__(self, components, seed=0):
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.base = nn.ModuleDict({"pca": PCALayer(components, size=8)})
        generator = torch.Generator().manual_seed(seed)
        for name, shape in (("mean", (192,)), ("basis", (16, 192)), ("scale", (16,))):
            numbers = torch.randn(shape, generator=generator)
            getattr(self.base["pca"], name).copy_(
                numbers if name == "mean" else numbers[:components]
            )
        self.same = self.base["pca"]


@pytest.fixture
def save(tmp_path):
    """A function that saves a model under a name; returns its path."""

    def save(model, name="model"):
        path = tmp_path / name / "model.safetensors"
        save_weights(path, model, KEY, HISTORY, tmp_path / "shared")
        return path

    return save


@pytest.fixture
def read(tmp_path):
    return lambda path: read_weights(path, tmp_path / "shared")


def test_read_weights_gives_back_what_was_saved(save, read):
    model = Model()
    tensors, key, history = read(save(model))
    assert tensors.keys() == model.state_dict().keys()
    assert tensors["linear.bias"].dtype == torch.float32
    assert torch.equal(tensors["linear.bias"], model.linear.bias.half().float())
    assert tensors["count"] == 7 and tensors["count"].dtype == torch.int64
    assert key == KEY
    pd.testing.assert_frame_equal(history, HISTORY)


def test_a_large_matrix_is_rounded_row_by_row(save, read):
    model = nn.Linear(200, 100)
    with torch.no_grad():
        model.weight.mul_(torch.logspace(-3, 3, 100)[:, None])
    off = (read(save(model))[0]["weight"] - model.weight).abs()
    assert off.max() > 0 and (off <= model.weight.abs().amax(1, keepdim=True) / 200).all()


def test_pca_is_kept_once_and_no_model_breaks_the_pca_of_another(save, read, tmp_path):
    models = {"all": OnPCA(16), "same": OnPCA(16), "first": OnPCA(9), "other": OnPCA(16, seed=1)}
    paths = {name: save(model, name) for name, model in models.items()}
    models["alone"] = PCALayer(16, size=8).start_from_pca(models["all"].same)
    paths["alone"] = save(models["alone"], "alone")
    assert len(list((tmp_path / "shared").iterdir())) == 2
    for name, path in paths.items():
        assert path.stat().st_size < 2000
        tensors = read(path)[0]
        for key, value in models[name].state_dict().items():
            assert torch.equal(tensors[key], value.half().float()), (name, key)


def test_a_pca_that_is_damaged_or_gone_is_said_and_written_anew(save, read, tmp_path):
    path = save(OnPCA(16))
    (shared,) = (tmp_path / "shared").iterdir()
    whole = shared.read_bytes()
    for content in (whole[:100], b"", None):
        shared.unlink() if content is None else shared.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged or is no weights file"):
            read(path)
        save(OnPCA(16))
        assert shared.read_bytes() == whole
        read(path)


@pytest.mark.parametrize("kind", ["truncated", "empty", "text", "pickle", "foreign"])
def test_a_file_that_is_no_weights_of_ours_is_refused(save, read, tmp_path, kind):
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
        read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert not trap.exists()


def test_fingerprints_tell_weights_apart_but_not_the_last_bits_of_a_pca():
    model, pca = Model(), PCALayer(4, size=2)
    before = fingerprint(model), fingerprint(pca)
    model.linear.weight.data[0, 0] += 1e-6
    pca.basis += 1e-6
    assert fingerprint(model) != before[0] and fingerprint(pca) == before[1]
    assert fingerprint(PCALayer(3, size=2)) != before[1]
