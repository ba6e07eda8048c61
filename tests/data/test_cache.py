"""Prepared data: read where they are whole, made anew where not, and built once."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from killing import begin, full, in_child, kill_everywhere
from lfw_on_disk import JPEGS, PHOTOS, all_there, expected, jpeg, lay_out, photo_path, table_text

from get_dataset import ROOT, fetch_dataset
from helpers.data import cache


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


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw"])
def test_changed_sources_are_read_again(tmp_path, where):
    lay_out(tmp_path, where, dict(list(JPEGS.items())[:-1]))
    assert len(fetch_dataset(data_dir=tmp_path)[0]) == len(PHOTOS) - 1
    lay_out(tmp_path, where, JPEGS | {photo_path(*PHOTOS[2]): jpeg(50)})  # one is overwritten
    photos, _ = fetch_dataset(data_dir=tmp_path)
    np.testing.assert_array_equal(photos[2], expected(jpeg(50)))
    lay_out(tmp_path, where, table=table_text(PHOTOS[:4]))
    assert len(fetch_dataset(data_dir=tmp_path)[0]) == 4


@pytest.mark.parametrize("name", ["photos.npy", "attrs.npz", "manifest.json"])
def test_a_cut_cache_is_made_anew(tmp_path, name):
    lay_out(tmp_path, "lfw.tgz")
    photos, attrs = fetch_dataset(data_dir=tmp_path)
    right, (path,) = np.array(photos), cache_files(tmp_path, name)
    content = path.read_bytes()
    for damaged in (content[:-10], b"", b"\x80\x04\x95" + content, None):
        path.unlink()  # what maps the old file keeps it
        if damaged is not None:
            path.write_bytes(damaged)
        photos, attrs_again = fetch_dataset(data_dir=tmp_path)
        np.testing.assert_array_equal(photos, right)
        pd.testing.assert_frame_equal(attrs_again, attrs)


def test_two_processes_build_once(tmp_path):
    def build(folder):
        with open(tmp_path / "builds", "a") as file:
            file.write("built\n")
        (folder / "file").write_text("content")

    def work():
        assert (cache.prepared("x", 1, build) / "file").exists()

    children = [begin(work) for _ in range(3)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert (tmp_path / "builds").read_text() == "built\n"


@pytest.mark.slow
@pytest.mark.parametrize("before", ["nothing", "damaged"])
def test_a_build_killed_at_any_file_operation(tmp_path, monkeypatch, before):
    def build(folder):
        (folder / "a").write_text("first")
        (folder / "b").write_text("second")

    def prepare(operation):
        folder = tmp_path / f"cache {operation}"
        monkeypatch.setattr(cache, "CACHE_DIRS", [folder])
        if before == "damaged":
            (cache.prepared("x", 1, build) / "b").write_text("third!!")
        return folder

    def check(folder):
        whole = cache.prepared("x", 1, build)
        assert [(whole / name).read_text() for name in "ab"] == ["first", "second"]
        for part in folder.glob(".*.part"):
            os.utime(part, (0, 0))
        cache.prepared("x", 2, build)  # a later one clears up
        assert not list(folder.glob(".*.part")) and len(list(folder.glob("x*"))) == 2

    kill_everywhere(prepare, lambda folder: cache.prepared("x", 1, build), check)


def test_a_full_disk_is_said_and_costs_nothing(tmp_path):
    lay_out(tmp_path, "lfw.tgz")
    lay_out(tmp_path / "other", "lfw.tgz")
    photos = np.array(fetch_dataset(data_dir=tmp_path)[0])
    said = in_child(lambda: fetch_dataset(data_dir=tmp_path / "other"), full).said
    assert "OSError" in said and str(tmp_path / "cache") in said and "Free some" in said
    assert not list((tmp_path / "cache").glob(".*.part"))
    np.testing.assert_array_equal(fetch_dataset(data_dir=tmp_path)[0], photos)


# ---- Places that cannot be written to, or cannot lock


@pytest.mark.parametrize("place", ["below a file", "a file", "below /proc", "a long name"])
def test_the_first_folder_that_works_is_taken(tmp_path, monkeypatch, place):
    lay_out(tmp_path, "lfw.tgz")
    (tmp_path / "file").touch()
    blocked = {
        "below a file": tmp_path / "file" / "cache", "a file": tmp_path / "file",
        "below /proc": cache.Path("/proc/cache"), "a long name": tmp_path / (300 * "n"),
    }[place]  # fmt: skip
    monkeypatch.setattr(cache, "CACHE_DIRS", [blocked, tmp_path / "cache"])
    all_there(*fetch_dataset(data_dir=tmp_path))
    assert cache_files(tmp_path)
    monkeypatch.setattr(cache, "CACHE_DIRS", [blocked])
    with pytest.raises(OSError, match="can be kept nowhere") as error:
        fetch_dataset(data_dir=tmp_path)
    assert str(blocked) in str(error.value)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(tmp_path, monkeypatch, number):
    lay_out(tmp_path, "lfw.tgz")

    def none(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", none)
    all_there(*fetch_dataset(data_dir=tmp_path))


def test_without_any_temporary_folder_and_without_a_home(tmp_path):
    script = (
        "import tempfile; tempfile._candidate_tempdir_list = lambda: []\n"
        "import get_dataset; print(get_dataset.cache.CACHE_DIRS)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "HOME"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "data/cache" in done.stdout and "tmp/autoencoders" not in done.stdout


def test_a_cache_that_may_only_be_read_is_read(tmp_path, monkeypatch):
    lay_out(tmp_path, "lfw.tgz")
    fetch_dataset(data_dir=tmp_path)
    shutil.copytree(tmp_path / "cache", tmp_path / "shared")
    before = sorted((tmp_path / "shared").rglob("*"))
    monkeypatch.setattr(cache, "CACHE_DIRS", [tmp_path / "empty", tmp_path / "shared"])
    all_there(*fetch_dataset(data_dir=tmp_path))
    assert sorted((tmp_path / "shared").rglob("*")) == before and not (tmp_path / "empty").exists()
