"""Keeping what took long to prepare, so that it is prepared once."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from pathlib import Path

import pooch
from filelock import FileLock

from helpers.system.files import NO_ROOM

ROOT = Path(__file__).resolve().parents[2]


def cache_dirs():
    """Where prepared data may be kept: in the course's folder, the user's, a temporary one."""
    folders = [ROOT / "data" / "cache"]
    with contextlib.suppress(RuntimeError):  # a user without a home, as in some containers
        folders.append(Path(pooch.os_cache("autoencoders")))
    user = getattr(os, "getuid", lambda: "")()  # other users could not write to a shared one
    return [*folders, Path(tempfile.gettempdir(), f"autoencoders{user}")]


CACHE_DIRS = cache_dirs()  # the first that works
MANIFEST = "manifest.json"


def prepared(folders, name, made_from, build):
    """The folder with what `build` wrote, from an earlier call where possible.

    Every file is checked by size and CRC-32 on every call, and made anew if it is damaged. Builds
    happen in a temporary folder that is renamed at the end: a killed one leaves nothing that looks
    usable. Of several processes, one builds and the others wait for it.

    All `folders` are searched, and the first that can be written to is built in. `name` is a
    legible beginning for the entry's name; `made_from`, of what JSON can hold, is all that the
    result depends on: another value, another entry. `build` writes files into an empty folder.
    """
    key = json.dumps(made_from, sort_keys=True)
    entry = f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    for folder in folders:
        if is_whole(Path(folder, entry), key):
            return Path(folder, entry)
    for folder in map(Path, folders):
        lock = lock_in(folder, entry)
        if lock:
            try:
                return build_in(folder, entry, key, build)
            finally:
                lock.release()
    raise PermissionError(
        f"no folder for prepared data can be written to: {', '.join(map(str, folders))}. "
        "Make one of them writable."
    )


def lock_in(folder, entry):
    """The acquired lock of an entry that can be built in `folder`; None where it cannot be."""
    lock, part = FileLock(folder / f".{entry}.lock"), folder / f".{entry}.part"
    with contextlib.suppress(PermissionError):  # another user's lock, in a shared folder
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):  # false on a disk that is read only, too
            lock.acquire()
            part.mkdir(exist_ok=True)
            if os.access(part, os.W_OK | os.X_OK):
                return lock
    lock.release()
    return None


def build_in(folder, entry, key, build):
    target, part = folder / entry, folder / f".{entry}.part"
    try:
        if is_whole(target, key):  # another process was quicker
            return target
        remove_left_overs(folder, except_for=entry)
        shutil.rmtree(part)
        part.mkdir()
        build(part)
        files = {path.name: size_and_crc(path) for path in sorted(part.iterdir())}
        manifest = {"made_from": key, "files": files}
        (part / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        os.replace(part, target)
        return target
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        what = f"no room for {entry}: {error.strerror}. Free some space, "
        words = f"{what}older folders there may be deleted"
        raise OSError(error.errno, words, str(folder)) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def is_whole(folder, key):
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return manifest["made_from"] == key and all(
            size_and_crc(folder / name) == expected for name, expected in manifest["files"].items()
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # not there, or damaged
        return False


def size_and_crc(path):
    size = crc = 0
    chunk = memoryview(bytearray(1 << 20))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(chunk):
            size += count
            crc = zlib.crc32(chunk[:count], crc)
    return [size, crc]


def remove_left_overs(folder, except_for):
    """Delete what builds that were killed have left; builds that still run hold their lock."""
    for part in folder.glob(".*.part"):
        if part.stem == f".{except_for}":
            continue
        with contextlib.suppress(OSError), FileLock(part.with_suffix(".lock"), timeout=0):
            shutil.rmtree(part, ignore_errors=True)
