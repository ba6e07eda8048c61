"""Prepared data: read where they are whole, made anew where not, and built once."""

import json
import os
import re
import shutil
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from killing import Bomb, begin, full, in_child, kill_everywhere
from lfw_on_disk import JPEGS, PHOTOS, all_there, expected, jpeg, lay_out, photo_path, table_text

from get_dataset import ROOT, fetch_dataset
from helpers.data import cache

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


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
    for settings in ({}, {"dx": 81}, {"dy": 81}, {"dimx": 65}, {"dimy": 65}):
        all_there(*fetch_dataset(data_dir=tmp_path, **settings), **settings)
    files = cache_files(tmp_path, "photos.npy")
    assert len(files) == 5
    shutil.rmtree(files[0].parent)  # whole, but of other settings: a folder that was renamed
    shutil.copytree(files[1].parent, files[0].parent)
    for settings in ({}, {"dx": 81}, {"dy": 81}, {"dimx": 65}, {"dimy": 65}):
        all_there(*fetch_dataset(data_dir=tmp_path, **settings), **settings)


def test_changed_sources_are_read_again(tmp_path):
    for where in ("lfw.tgz", "lfw"):
        data = tmp_path / where[-3:]
        path = lay_out(data, where, dict(list(JPEGS.items())[:-1]))
        assert len(fetch_dataset(data_dir=data)[0]) == len(PHOTOS) - 1
        lay_out(data, where, JPEGS | {photo_path(*PHOTOS[2]): jpeg(50)})
        os.utime(path)
        photos, _ = fetch_dataset(data_dir=data)
        np.testing.assert_array_equal(photos[2], expected(jpeg(50)))
        lay_out(data, where, table=table_text(PHOTOS[:4]))
        assert len(fetch_dataset(data_dir=data)[0]) == 4


@pytest.mark.parametrize("name", ["photos.npy", "attrs.npz", "manifest.json"])
def test_a_damaged_cache_is_made_anew(tmp_path, name):
    lay_out(tmp_path, "lfw.tgz")
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    right, (path,) = np.array(photos), cache_files(tmp_path, name)
    content = path.read_bytes()
    middle = content.index(b"files") if name == "manifest.json" else len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
    for damaged in (flipped, content[:-10], b"", b"\x80\x04\x95" + content, None):
        path.unlink()  # what maps the old file keeps it
        if damaged is not None:
            path.write_bytes(damaged)
        photos, attrs_again = fetch_dataset(data_dir=tmp_path)
        np.testing.assert_array_equal(photos, right)
        pd.testing.assert_frame_equal(attrs_again, attrs)


@pytest.mark.parametrize("name", ["photos.npy", "attrs.npz"])
def test_nothing_is_unpickled_from_the_cache(tmp_path, name):
    """Not even where its checksum is right."""
    lay_out(tmp_path, "lfw.tgz")
    fetch_dataset(data_dir=tmp_path)
    (path,) = cache_files(tmp_path, name)
    bomb = np.array([Bomb(tmp_path / "unpickled")], object)
    np.save(path, bomb) if name == "photos.npy" else np.savez(path, scores=bomb, person=bomb)
    manifest = json.loads(path.with_name("manifest.json").read_text(encoding="utf-8"))
    manifest["files"][name] = [path.stat().st_size, zlib.crc32(path.read_bytes())]
    path.with_name("manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ValueError, match="object|Object"):
        fetch_dataset(data_dir=tmp_path)
    assert not (tmp_path / "unpickled").exists()


def test_failed_build_leaves_the_cache_as_it_was(tmp_path):
    path = lay_out(tmp_path, "lfw.tgz")
    fetch_dataset(data_dir=tmp_path)
    before = stamps(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cut off"):
        fetch_dataset(data_dir=tmp_path)
    assert stamps(tmp_path) == before and not list((tmp_path / "cache").glob(".*.part"))


@needs_fork
def test_two_processes_build_once(tmp_path):
    def build(folder):
        with open(tmp_path / "builds", "a") as file:
            file.write("built\n")
        (folder / "file").write_text("content")

    def work():
        assert (cache.prepared([tmp_path / "cache"], "x", 1, build) / "file").exists()

    children = [begin(work) for _ in range(3)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert (tmp_path / "builds").read_text() == "built\n"


@pytest.mark.slow
@needs_fork
@pytest.mark.parametrize("before", ["nothing", "damaged"])
def test_a_build_killed_at_any_file_operation(tmp_path, before):
    def build(folder):
        (folder / "a").write_text("first")
        (folder / "b").write_text("second")

    def prepare(operation):
        folder = tmp_path / f"cache {operation}"
        if before == "damaged":
            (cache.prepared([folder], "x", 1, build) / "b").write_text("third!")
        return folder

    def check(folder):
        whole = cache.prepared([folder], "x", 1, build)
        assert [(whole / name).read_text() for name in "ab"] == ["first", "second"]
        assert not list(folder.glob(".*.part")) and len(list(folder.glob("x*"))) == 1

    kill_everywhere(prepare, lambda folder: cache.prepared([folder], "x", 1, build), check)


@needs_fork
def test_a_full_disk_is_said_and_costs_nothing(tmp_path):
    lay_out(tmp_path, "lfw.tgz")
    photos = np.array(fetch_dataset(data_dir=tmp_path, dimx=32)[0])
    said = in_child(lambda: fetch_dataset(data_dir=tmp_path), full).said
    assert "OSError" in said and "no room for lfw-" in said and "Free some" in said
    assert not list((tmp_path / "cache").glob(".*.part"))
    np.testing.assert_array_equal(fetch_dataset(data_dir=tmp_path, dimx=32)[0], photos)


def test_the_first_folder_that_works_is_taken(tmp_path, monkeypatch):
    lay_out(tmp_path, "lfw.tgz")
    (tmp_path / "file").touch()
    blocked = tmp_path / "file" / "cache"
    monkeypatch.setattr(cache, "CACHE_DIRS", [blocked, tmp_path / "cache"])
    all_there(*fetch_dataset(data_dir=tmp_path))
    assert cache_files(tmp_path)
    monkeypatch.setattr(cache, "CACHE_DIRS", [blocked])
    with pytest.raises(PermissionError, match="no folder .* can be written"):
        fetch_dataset(data_dir=tmp_path)


def as_nobody():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


@needs_fork
@pytest.mark.parametrize("shared", ["closed", "open", "whole"])
def test_folders_of_other_users(monkeypatch, shared):
    """A cache that may only be read, one where another's locks lie, one that is complete.

    Run as nobody where the tests run as root, to whom every folder is open.
    """
    with tempfile.TemporaryDirectory() as top:
        folder, own = Path(top, "nur lesen ä"), Path(top, "own")
        own.mkdir()
        lay_out(folder, "lfw_home/lfw")
        monkeypatch.setattr(cache, "CACHE_DIRS", [folder / "cache"])
        fetch_dataset(data_dir=folder)  # imports what nobody may be unable to read
        if shared != "whole":
            shutil.rmtree(next((folder / "cache").glob("lfw*")))
        for path in [Path(top), folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        (folder / "cache").chmod(0o777 if shared == "open" else 0o555)
        if os.getuid() == 0:
            os.chown(own, 65534, 65534)
        monkeypatch.setattr(cache, "CACHE_DIRS", [folder / "cache", own / "cache"])

        def work():
            all_there(*fetch_dataset(data_dir=folder))
            assert bool(list(own.glob("cache/lfw*"))) == (shared != "whole")

        assert in_child(work, as_nobody).said == ""
        for path in [Path(top), *Path(top).rglob("*")]:
            path.chmod(0o755)


UNPICKLES = re.compile(r"torch\.load|\bpickle\b|allow_pickle=True|read_pickle|joblib\.load|dill")


def test_our_code_has_nothing_that_unpickles():
    for path in [ROOT / "get_dataset.py", *ROOT.glob("helpers/**/*.py"), *ROOT.glob("*.ipynb")]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        assert not UNPICKLES.search(text), path
