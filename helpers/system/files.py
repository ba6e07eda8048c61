"""Writing files so that what is on disk is never lost or half-written; reading them whole."""

import contextlib
import errno
import glob
import json
import os
import time
from pathlib import Path

from safetensors.torch import load

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
MAY_NOT = {errno.EACCES, errno.EPERM, errno.EROFS}  # the last: the whole file system is read only
LEFT_OVER = 3600  # seconds after which nobody is still writing a file


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; put it in place once the block has ended well.

    The folder is created. If the block raises, what was at `path` before is still there.
    The temporary name keeps the suffix, by which many writers choose the format. What killed
    processes have left beside `path` is removed. An OSError on a full disk, or where nothing may be
    written, says what to do.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    make_folder(path.parent)
    _remove_left_overs(path)
    try:
        with _saying_what_to_do(path, part):
            yield part
            os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):  # nothing was written where nothing may be
            part.unlink()


def make_folder(path):
    """Make a folder and those above it, where they are not there yet; errors as of `replacing`."""
    with _saying_what_to_do(path, *path.parents):
        path.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def _saying_what_to_do(path, *ours):
    """Say it about `path` where it, or one of ours, cannot be written."""
    try:
        yield
    except OSError as error:
        named = error.filename is None or Path(error.filename) in (path, *ours)
        if error.errno in MAY_NOT and named:
            what = "it may not be written to. Choose a folder of your own, in a notebook with "
            raise type(error)(error.errno, f"{what}OUTPUT_DIR", str(path)) from error
        if error.errno in NO_ROOM:
            raise OSError(
                error.errno,
                f"no room to write it ({os.strerror(error.errno)}); what was there before is "
                "unchanged. Free some space and run it again",
                str(path),
            ) from error
        raise


def _remove_left_overs(path):
    parts = f".{glob.escape(path.stem)}.*.part{glob.escape(path.suffix)}"
    for part in path.parent.glob(parts):
        with contextlib.suppress(OSError):  # another process was quicker
            if time.time() - part.stat().st_mtime > LEFT_OVER:
                part.unlink()


def write_text(path, text):
    """Write `text` to `path`, replacing the file whole, unless it is there; whether it changed."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if Path(path).read_text(encoding="utf-8") == text:
            return False
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
    return True


def write_json(path, content):
    """Write `content` to `path` as indented JSON; as `write_text` does."""
    return write_text(path, json.dumps(content, indent=2) + "\n")


def read_tensors(path):
    """All that is in a safetensors file, read in one go: its tensors, and its metadata (str).

    `safe_open` opens a file twice, for its header and for its tensors: where another process
    replaces it in between, they are of two files. Damage is a SafetensorError or a KeyError.
    """
    data = path.read_bytes()
    tensors = load(data)
    end = 8 + int.from_bytes(data[:8], "little")  # of the header, which is JSON
    return tensors, json.loads(data[8:end]).get("__metadata__", {})
