"""Writing files so that what is on disk is never lost or half-written; locks between processes."""

import contextlib
import errno
import json
import os
from pathlib import Path

from filelock import FileLock
from safetensors.torch import load

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
MAY_NOT = {errno.EACCES, errno.EPERM, errno.EROFS}  # the last: the whole file system is read only
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}  # as on some NFS


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; put it in place once the block has ended well.

    The folder is created. If the block raises, what was at `path` before is still there. The
    temporary name keeps the suffix, by which many writers choose the format.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    make_folder(path.parent)
    try:
        with _saying_what_to_do(path):
            yield part
            with open(part, "rb+") as file:
                os.fsync(file.fileno())  # or a power failure may leave the name without the data
            os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def make_folder(path):
    """Make a folder and those above it, where they are not there yet."""
    with _saying_what_to_do(path):
        Path(path).mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def _saying_what_to_do(path):
    try:
        yield
    except OSError as error:
        if error.errno not in MAY_NOT | NO_ROOM:
            raise
        advice = "what was there before is unchanged: free some space and run it again"
        if error.errno in MAY_NOT:
            advice = "choose a folder of your own (in a notebook, OUTPUT_DIR)"
        words = f"{os.strerror(error.errno)}; {advice}"
        raise OSError(error.errno, words, str(path)) from error


@contextlib.contextmanager
def locked(path):
    """Hold the lock file `path` for the block; its folder must be there.

    Where the file system knows no locks the block runs without: what it writes is put in place by
    a rename, so that two processes at once only do the work twice.
    """
    lock = FileLock(path)
    try:
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", errno.ENOSYS) not in NO_LOCKS:
            raise
    try:
        yield
    finally:
        lock.release()


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
