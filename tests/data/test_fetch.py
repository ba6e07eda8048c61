"""fetch_dataset: what it returns, the layouts that people have, odd photos, stand-ins."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lfw_on_disk import (
    ATTRIBUTES,
    JPEGS,
    PHOTOS,
    all_there,
    expected,
    jpeg,
    lay_out,
    photo_path,
    table_text,
)

import get_dataset
from get_dataset import fetch_dataset
from helpers.data import cache, lfw
from helpers.data.attributes import read_attributes

ROOT = Path(get_dataset.__file__).parent


def said(capsys):
    """What was said, but for the sentence that thirteen photos are few."""
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if "are too few" not in line]


# ---- Layouts


@pytest.mark.parametrize(
    ("where", "top", "kind"),
    [
        ("lfw-dataset/versions/4/lfw-deepfunneled/lfw-deepfunneled", "", "lfw-deepfunneled"),
        ("versions/10/lfw-deepfunneled", "", "lfw-deepfunneled"),
        ("lfw-dataset.zip", "lfw-deepfunneled/lfw-deepfunneled/", "lfw-deepfunneled"),
        ("lfw-py/lfw_funneled", "", "lfw_funneled"),
        ("lfw-deepfunneled.tar.gz", "./", "lfw-deepfunneled"),
        ("lfw-deepfunneled", "", "lfw-deepfunneled"),
        ("lfw-deepfunneled/lfw-deepfunneled", "", "lfw-deepfunneled"),
        ("lfw-deepfunneled.tgz", None, "lfw-deepfunneled"),
        ("lfw-deepfunneled (1).tgz", None, "lfw-deepfunneled"),
        ("LFW-DeepFunneled.ZIP", None, "lfw-deepfunneled"),
        ("archive.zip", "lfw-deepfunneled/lfw-deepfunneled/", "lfw-deepfunneled"),
        ("lfw_home/lfw-funneled.tgz", None, "lfw_funneled"),
        ("lfw", "", "lfw"),
        ("lfw-py/lfw.tgz", None, "lfw"),
    ],
)
def test_every_layout_gives_the_same_arrays(tmp_path, capsys, where, top, kind):
    lay_out(tmp_path / "ein Ordner ä", where, top=top)
    photos, attrs = fetch_dataset(data_dir=tmp_path / "ein Ordner ä", source="lfw")
    all_there(photos, attrs)
    assert attrs.attrs["source"] == attrs.attrs["data"]["faces"] == kind
    assert photos.dtype == np.uint8 and isinstance(photos, np.memmap)
    assert not photos.flags.writeable
    assert list(attrs) == ATTRIBUTES and (attrs.dtypes == np.float32).all()
    assert attrs.index.names == ["person", "imagenum"]
    notes = said(capsys)  # the alignment that the weights were not trained on is named
    assert len(notes) == (kind == "lfw_funneled") and all("older method" in note for note in notes)


def test_the_better_alignment_comes_first(tmp_path):
    for where in ("lfw", "lfw-funneled.tgz", "lfw-deepfunneled.tgz"):
        path = lay_out(tmp_path, where)
        assert fetch_dataset(data_dir=tmp_path)[1].attrs["report"]["photos"] == str(path)
    (tmp_path / "lfw-deepfunneled").mkdir()  # empty: as good as not there
    assert fetch_dataset(data_dir=tmp_path)[1].attrs["source"] == "lfw-deepfunneled"


def test_the_photos_own_folder_and_the_homes_sign(tmp_path, monkeypatch):
    lay_out(tmp_path / "data", "lfw-deepfunneled")
    all_there(*fetch_dataset(data_dir=tmp_path / "data" / "lfw-deepfunneled"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATA_DIR", "~/data")
    monkeypatch.chdir("/")
    assert fetch_dataset()[1].attrs["source"] == "lfw-deepfunneled"


@pytest.mark.parametrize("place", ["lfw-dataset", "d/owner/lfw-dataset", "datasets/a b/photos"])
def test_on_kaggle_it_lies_beside(tmp_path, monkeypatch, place):
    monkeypatch.setattr(lfw, "KAGGLE", tmp_path / "input")
    lay_out(tmp_path / "input" / place, "lfw-deepfunneled/lfw-deepfunneled")
    all_there(*fetch_dataset(data_dir=tmp_path / "data"))


def test_the_newest_version_is_taken(tmp_path):
    for version, count in ((4, 5), (10, 7), (9, 6)):
        some = dict(list(JPEGS.items())[:count])
        lay_out(tmp_path / "versions" / str(version), "lfw-deepfunneled", some)
    assert len(fetch_dataset(data_dir=tmp_path)[0]) == 7


def test_an_archive_of_another_data_set_is_none_of_ours(tmp_path, capsys):
    lay_out(tmp_path, "archive.zip", top="celeba/")
    with pytest.raises(ConnectionError, match="no LFW photos"):
        fetch_dataset("lfw", tmp_path)
    assert "archive.zip in " in capsys.readouterr().out


def test_what_was_found_is_said_beside_what_was_looked_for(tmp_path):
    (tmp_path / "faces.rar").touch()
    (tmp_path / "lfw_attributes.txt").write_text(table_text(), encoding="utf-8")
    with pytest.raises(ConnectionError) as error:
        fetch_dataset(data_dir=tmp_path, source="lfw")
    assert "looked for a folder or an archive named lfw-deepfunneled or" in str(error.value)
    assert "found faces.rar, lfw_attributes.txt)" in str(error.value)
    (tmp_path / "file").touch()
    with pytest.raises(ConnectionError, match="no LFW photos .*cannot be put there.*DATA_DIR"):
        fetch_dataset(data_dir=tmp_path / "file", source="lfw")


def test_photos_without_a_table_are_loaded_without_attributes(tmp_path, capsys):
    lay_out(tmp_path, "lfw-deepfunneled.tgz", table="")
    photos, attrs = fetch_dataset(data_dir=tmp_path, source="lfw")
    assert attrs.shape == (len(PHOTOS), 0) and sorted(attrs.index) == sorted(PHOTOS)
    for name, pixels in zip(attrs.index, photos, strict=True):
        np.testing.assert_array_equal(pixels, expected(JPEGS[photo_path(*name)]))
    (note,) = said(capsys)
    assert "what needs attributes" in note and "no lfw_attributes.txt in" in note


# ---- Own faces


def own_faces(people, each):
    return {
        photo_path(f"Person {p:03d}", i + 1): jpeg(p) for p in range(people) for i in range(each)
    }


@pytest.mark.parametrize(
    ("people", "each", "note"),
    [
        (29, 4, "116 photos of 29 people are too few: .* at least 90 photos of 30 people"),
        (30, 3, "90 photos of 30 people are few: set LATENT_DIM .* to at most 30, .* at most 11"),
    ],
)
def test_own_faces_need_no_table_but_enough_people(tmp_path, capsys, people, each, note):
    lay_out(tmp_path, "lfw-deepfunneled", own_faces(people, each), table="")
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    assert len(photos) == people * each and attrs.shape[1] == 0
    out = capsys.readouterr().out
    assert pd.Series(out.splitlines()[-1]).str.contains(note).all(), out


# ---- The join


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
    (note,) = said(capsys)
    assert note.startswith("NOTE: 1 rows of ")


@pytest.mark.parametrize(("files", "table"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_are_written_in_two_ways(tmp_path, files, table):
    """As one character, or as a letter and an accent, as old Macs name files."""
    named = {unicodedata.normalize(files, name): content for name, content in JPEGS.items()}
    lay_out(tmp_path, "lfw.tgz", named, unicodedata.normalize(table, table_text()))
    all_there(*fetch_dataset(data_dir=tmp_path))


def test_a_table_of_other_faces_is_left_aside(tmp_path, capsys):
    """The table of LFW is fetched for photos that are in a folder of LFW's name."""
    lay_out(tmp_path, "lfw", own_faces(30, 3))
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    assert len(photos) == 90 and attrs.shape == (90, 0)
    assert any("lfw_attributes.txt has no row for any photo" in note for note in said(capsys))


# ---- Odd photos


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.zip", "lfw"])
def test_unusable_photos_are_left_out_and_named(tmp_path, capsys, where):
    bad = {
        "empty.jpg": (b"", "no picture of a format"),
        "html.png": (b"<html></html>", "no picture of a format"),
        "telephone.heic": (b"\0\0\0\x18ftypheic", "no picture of a format"),
        "cut.jpg": (JPEGS[photo_path(*PHOTOS[5])][:1500], "truncated"),
        "dot.jpg": (jpeg(5, (1, 1)), "1x1 pixels, most are 250x250"),
        "wide.jpg": (jpeg(5, (300, 250)), "300x250 pixels, most are 250x250"),
    }
    files = {f"Some One/{name}": content for name, (content, _) in bad.items()}
    extra = {".DS_Store": b"\0", "Ada_Lovelace/._Ada_Lovelace_0001.jpg": b"", "pairs.txt": b"1"}
    lay_out(tmp_path, where, JPEGS | files | extra)
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    all_there(photos, attrs)
    skipped = {Path(path).name: why for path, why in attrs.attrs["report"]["skipped"].items()}
    assert skipped.keys() == bad.keys()
    assert all(bad[name][1] in why for name, why in skipped.items())
    assert [f"{len(bad)} photos are not used" in note for note in said(capsys)] == [True]


# ---- Without data


def test_stand_in_faces_when_nothing_can_be_had(tmp_path, capsys):
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    notice = capsys.readouterr().out
    assert notice.count("\n") == 1 and "stand-in faces" in notice and "get_dataset.py" in notice
    assert attrs.attrs["source"] == "synthetic"
    assert photos.shape == (1600, 64, 64, 3) and len(attrs) == 1600
    assert attrs.index.names == ["person", "imagenum"] and "Smiling" in attrs
    again, _ = fetch_dataset(source="synthetic")
    assert isinstance(again, np.memmap) and capsys.readouterr().out == ""
    np.testing.assert_array_equal(again[:50], photos[:50])


def test_a_source_that_nobody_knows():
    with pytest.raises(ValueError, match="source must be one of auto, lfw, synthetic, got 'LFW'"):
        fetch_dataset("LFW")


def test_command_line(tmp_path, capsys):
    lay_out(tmp_path, "lfw.tgz")
    assert get_dataset.main(["--data-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "13 photos of 8 people, 64x64 RGB, 9 attributes" in out
    assert "4,000 to train on, 1,000 to test on" in out
    assert get_dataset.main(["--source", "lfw", "--data-dir", str(tmp_path / "no")]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: no LFW photos (") and err.count("\n") == 1
    with pytest.raises(SystemExit):
        get_dataset.main(["--help"])
    assert "--check" in capsys.readouterr().out


# ---- The real data

DATA_DIR = Path(os.environ.get("DATA_DIR") or ROOT / "data")


@pytest.mark.slow
@pytest.mark.skipif(not (DATA_DIR / "lfw-deepfunneled.tgz").exists(), reason="no LFW in DATA_DIR")
def test_real_faces(monkeypatch, capsys):
    monkeypatch.setattr(cache, "CACHE_DIRS", cache.cache_dirs())  # what the notebooks use
    photos, attrs = fetch_dataset(data_dir=DATA_DIR)
    assert photos.shape == (13143, 64, 64, 3) and attrs.shape == (13143, 73)
    assert attrs.attrs["data"] == {
        "faces": "lfw-deepfunneled", "photos": 13143, "fingerprint": "f82f880e"
    }  # fmt: skip
    assert attrs.index[0] == ("Aaron Eckhart", 1) and attrs.index[-1] == ("Zydrunas Ilgauskas", 1)
    assert attrs.index.get_level_values("person").nunique() == 5721
    report = attrs.attrs["report"]
    assert (report["rows_without_photo"], report["photos_without_row"]) == (0, 90)
    assert capsys.readouterr().out == ""
