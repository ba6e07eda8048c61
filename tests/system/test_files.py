"""Files are replaced whole or not at all; what is there already is left alone; locks hold."""

import errno
import os
from pathlib import Path

import filelock
import pytest

from helpers.system.files import locked, replacing, write_json


def test_replacing_keeps_the_old_content_if_the_block_raises(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError), replacing(path) as part:
        part.write_text("half", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_data_are_on_the_disk_before_the_name(tmp_path, monkeypatch):
    events = []
    for name in ("fsync", "replace"):
        function = getattr(os, name)
        noting = lambda *args, n=name, f=function: (events.append(n), f(*args))  # noqa: E731
        monkeypatch.setattr(os, name, noting)
    write_json(tmp_path / "metrics.json", {})
    assert events == ["fsync", "replace"]


def test_the_same_content_is_not_written_again(tmp_path):
    path = tmp_path / "metrics.json"
    assert write_json(path, {"a": 1})
    os.utime(path, (0, 0))
    assert not write_json(path, {"a": 1}) and path.stat().st_mtime == 0
    assert write_json(path, {"a": 2}) and path.stat().st_mtime > 0


ADVICE = {errno.EACCES: "OUTPUT_DIR", errno.EROFS: "OUTPUT_DIR", errno.ENOSPC: "free some space"}


@pytest.mark.parametrize("number", ADVICE)
@pytest.mark.parametrize("operation", ["mkdir", "write_text"])
def test_where_nothing_may_be_written_it_says_what_to_do(tmp_path, monkeypatch, number, operation):
    def refuse(self, *args, **options):
        raise OSError(number, os.strerror(number), str(self))

    path = tmp_path / "folder" / "metrics.json"
    monkeypatch.setattr(Path, operation, refuse)
    with pytest.raises(OSError, match=ADVICE[number]) as error:
        write_json(path, {})
    assert error.value.errno == number
    assert error.value.filename == str(path if operation == "write_text" else path.parent)


def test_a_lock_is_held_for_the_block(tmp_path):
    other = filelock.FileLock(tmp_path / "lock", timeout=0)
    with locked(tmp_path / "lock"), pytest.raises(TimeoutError):
        other.acquire()
    other.acquire()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, None, errno.EACCES])
def test_where_the_file_system_has_no_locks_it_goes_without(tmp_path, monkeypatch, number):
    def refuse(self, *args, **options):
        raise OSError(number, os.strerror(number)) if number else NotImplementedError

    monkeypatch.setattr(filelock.FileLock, "_acquire", refuse)
    if number == errno.EACCES:  # the folder may not be written to: another one is to be taken
        with pytest.raises(PermissionError), locked(tmp_path / "lock"):
            pass
    else:
        with locked(tmp_path / "lock"):
            (tmp_path / "written").touch()
        assert (tmp_path / "written").exists()
