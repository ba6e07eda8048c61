"""A thousand damaged files: never a crash, a stray write, or a wrong image that nobody mentions."""

import contextlib
import gzip
import hashlib
import io
import os
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from test_get_dataset import lay_out, photo_path, table_text
from torch import nn

import get_dataset
from get_dataset import fetch_dataset
from helpers.data import digits
from helpers.results.experiments import read_weights, save_weights

PHOTOS = [("Ada", 1), ("Ada", 2), ("Zoë Saldaña", 1), ("Grace Hopper", 1), ("Jean-Luc", 10)]
CROP = {"dx": 4, "dy": 4, "dimx": 16, "dimy": 16}
DAMAGES = ["flip", "overwrite", "cut", "drop", "repeat", "swap", "zero", "grow"]


def damaged(content, rng):
    """`content` as a bad disk, a bad cable or a bad day might leave it."""
    content = bytearray(content)
    size = len(content)
    a, b = sorted(int(i) for i in rng.integers(0, size, 2))
    length = min(int(rng.integers(1, 200)), size - b)
    match DAMAGES[rng.integers(len(DAMAGES))]:
        case "flip":
            content[a] ^= 1 << int(rng.integers(8))
        case "overwrite":
            content[b : b + length] = rng.bytes(length)
        case "cut":
            del content[a:]
        case "drop":
            del content[b : b + length]
        case "repeat":
            content[b:b] = content[a : a + length]
        case "swap":
            length = min(length, b - a)
            first, second = content[a : a + length], content[b : b + length]
            content[a : a + len(second)], content[b : b + len(second)] = (
                second,
                first[: len(second)],
            )
        case "zero":
            content[b : b + length] = bytes(length)
        case "grow":
            content += rng.bytes(length)
    return bytes(content)


def photo(seed, format="JPEG"):
    rough = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(rough).resize((40, 40)).save(file, format)
    return file.getvalue()


FILES = {photo_path(*name): photo(i) for i, name in enumerate(PHOTOS)}
RIGHT = {
    name: np.asarray(Image.open(io.BytesIO(content)).crop((4, 4, 36, 36)).resize((16, 16)))
    for name, content in zip(PHOTOS, FILES.values(), strict=True)
}


@pytest.fixture(scope="module")
def strayed():
    """Paths outside of the folder that is watched to which anything was written."""
    watched, found = [], []

    def watch(event, args):
        if not watched:
            return
        if event == "open" and args[2] is not None:
            writes = args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            paths = [args[0]] if writes else []
        elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink"):
            paths = args[: 2 if event in ("os.rename", "os.link", "os.symlink") else 1]
        else:
            return
        for path in paths:
            if isinstance(path, (str, bytes, os.PathLike)) and not os.path.isabs(os.fsdecode(path)):
                continue  # below a folder that is open, as rmtree does it
            if not isinstance(path, int) and not os.fsdecode(path).startswith(str(watched[0])):
                found.append((event, path))

    sys.addaudithook(watch)

    @contextlib.contextmanager
    def below(folder):
        watched.append(folder)
        try:
            yield
        finally:
            watched.clear()
        assert not [path for _, path in found if "__pycache__" not in os.fsdecode(path)]

    return below


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(get_dataset, "CACHE_DIRS", [tmp_path / "cache"])
    return folder


def load(data):
    """The photos by name, what was skipped, and how many rows are said to be left out."""
    photos, attrs = fetch_dataset(data_dir=data, source="lfw", **CROP)
    report = attrs.attrs["report"]
    assert len(photos) == len(attrs) == len(attrs.index.unique())
    assert photos.shape[1:] == (16, 16, 3) and np.isfinite(attrs.to_numpy()).all()
    return dict(zip(attrs.index, np.array(photos), strict=True)), report


@pytest.fixture
def soak(record_property):
    """Damage a file again and again; how often it was refused in a sentence, how often not."""

    def soak(path, count, use, seed):
        whole, rng = path.read_bytes(), np.random.default_rng(seed)
        refused = 0
        for _ in range(count):
            path.unlink()  # what maps or links the old file keeps it
            path.write_bytes(damaged(whole, rng))
            try:
                use()
            except ValueError as error:
                refused += 1
                assert path.name in str(error) and len(str(error)) < 700, error
        record_property("refused", refused)
        record_property("survived", count - refused)
        return refused, count - refused

    return soak


@pytest.mark.parametrize(("where", "count"), [("lfw.tgz", 250), ("lfw.zip", 200)])
@pytest.mark.fault("counted")
def test_archives(data, strayed, where, count, soak):
    """Both have checksums: what is taken is right, and what is left out is said."""
    path = lay_out(data, where, FILES, table_text(PHOTOS))

    def use():
        photos, report = load(data)
        assert len(photos) + report["rows_without_photo"] == len(PHOTOS)
        for name, pixels in photos.items():
            np.testing.assert_array_equal(pixels, RIGHT[name])

    with strayed(data.parent):
        refused, taken = soak(path, count, use, seed=1)
    assert refused > 0.7 * count and taken > 0  # damage to what does not matter


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.fault("counted")
def test_a_photo_in_a_folder(data, strayed, format, soak):
    """A JPEG has no checksum: damage may show as a damaged picture, in that one place only."""
    path = lay_out(data, "lfw", FILES, table_text(PHOTOS)) / photo_path(*PHOTOS[1])
    path.write_bytes(photo(1, format))
    kept = []

    def use():
        os.utime(path.parents[1], ns=(0, len(kept)))  # else the cache would answer
        photos, report = load(data)
        assert len(photos) + report["rows_without_photo"] == len(PHOTOS)
        assert len(report["skipped"]) == report["rows_without_photo"] <= 1
        for name, pixels in photos.items():
            if name != PHOTOS[1]:
                np.testing.assert_array_equal(pixels, RIGHT[name])
        kept.append(PHOTOS[1] in photos)

    with strayed(data.parent):
        refused, _ = soak(path, 100, use, seed=2)
    assert refused == 0 and 5 < sum(kept) < 95


@pytest.mark.fault("counted")
def test_the_attribute_table(data, strayed, soak):
    """It has no checksum either: a digit may change, but no photo gets the scores of another."""
    lay_out(data, "lfw.tgz", FILES, table_text(PHOTOS))
    path = data / "lfw_attributes.txt"

    def use():
        photos, report = load(data)
        for name, pixels in photos.items():
            np.testing.assert_array_equal(pixels, RIGHT[name])

    with strayed(data.parent):
        refused, taken = soak(path, 150, use, seed=3)
    assert refused > 75 and taken > 0


@pytest.mark.parametrize("name", ["photos.npy", "attrs.npz", "manifest.json"])
@pytest.mark.fault("counted")
def test_the_cache(data, strayed, name, soak):
    """Whatever happens to it, it costs only time."""
    lay_out(data, "lfw.tgz", FILES, table_text(PHOTOS))
    _, right = fetch_dataset(data_dir=data, **CROP)
    (path,) = (data.parent / "cache").glob(f"lfw*/{name}")

    def use():
        photos, attrs = fetch_dataset(data_dir=data, **CROP)
        pd.testing.assert_frame_equal(attrs, right)
        for name, pixels in zip(attrs.index, photos, strict=True):
            np.testing.assert_array_equal(pixels, RIGHT[name])

    with strayed(data.parent):
        assert soak(path, 60, use, seed=4) == (0, 60)


@pytest.mark.fault("counted")
def test_weights(tmp_path, strayed, soak):
    path = tmp_path / "model.safetensors"
    model = nn.Linear(20, 10)
    history = pd.DataFrame({"epoch": [1], "seconds": [1.0]})
    save_weights(path, model, {"model": {"in": 20, "out": 10}}, history)
    right, about = read_weights(path)

    def use():
        tensors, metadata = read_weights(path)
        assert all(torch.equal(tensors[name], right[name]) for name in right)
        assert metadata["settings"] == about["settings"]

    with strayed(tmp_path):
        refused, _ = soak(path, 150, use, seed=5)
    assert refused > 140


@pytest.mark.fault("counted")
def test_digits(tmp_path, strayed, monkeypatch, soak):
    """Every byte counts: their hashes are published."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in digits.MD5:
        shape = (3, 28, 28) if "images" in name else (3,)
        magic = 0x803 if "images" in name else 0x801
        head = b"".join(number.to_bytes(4, "big") for number in (magic, *shape))
        (raw / name).write_bytes(head + bytes(range(1, 4)) * (int(np.prod(shape)) // 3))
    md5 = {name: hashlib.md5((raw / name).read_bytes()).hexdigest() for name in digits.MD5}
    monkeypatch.setattr(digits, "MD5", md5)
    assert digits.read_mnist(tmp_path)[1].tolist() == [1, 2, 3]
    with strayed(tmp_path):
        images = raw / "train-images-idx3-ubyte"
        content = images.read_bytes()

        def use():
            digits.read_mnist(tmp_path)
            assert images.read_bytes() == content

        assert soak(images, 30, use, seed=6)[0] >= 20
        packed = images.with_name(f"{images.name}.gz")
        packed.write_bytes(gzip.compress(content))

        def unpack():
            images.unlink(missing_ok=True)
            use()

        assert soak(packed, 30, unpack, seed=7)[0] > 15
