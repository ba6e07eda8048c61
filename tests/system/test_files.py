"""Files are replaced whole or not at all; what is there already is left alone."""

import errno
import os
from pathlib import Path

import pytest

from helpers.system.files import replacing, write_json


def test_replacing_keeps_the_old_content_if_the_block_raises(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError), replacing(path) as part:
        part.write_text("half", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_content_is_not_written_again(tmp_path):
    path = tmp_path / "metrics.json"
    assert write_json(path, {"a": 1})
    os.utime(path, (0, 0))
    assert not write_json(path, {"a": 1}) and path.stat().st_mtime == 0
    assert write_json(path, {"a": 2}) and path.stat().st_mtime > 0


def test_what_killed_saves_have_left_is_removed_in_time(tmp_path):
    path = tmp_path / "metrics.json"
    left_over, recent = tmp_path / ".metrics.9999.part.json", tmp_path / ".metrics.8.part.json"
    other = tmp_path / ".figure.9999.part.png"
    for file in (left_over, recent, other):
        file.write_bytes(b"half")
    for file in (left_over, other):
        os.utime(file, (0, 0))
    write_json(path, {})
    assert {file.name for file in tmp_path.iterdir()} == {path.name, recent.name, other.name}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
@pytest.mark.parametrize("operation", ["mkdir", "write_text"])
def test_where_nothing_may_be_written_it_says_what_to_do(tmp_path, monkeypatch, number, operation):
    def refuse(self, *args, **options):
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, operation, refuse)
    with pytest.raises(OSError, match="it may not be written to.*OUTPUT_DIR") as error:
        write_json(tmp_path / "folder" / "metrics.json", {})
    assert error.value.errno == number
