"""Keeping what took long to prepare, so that it is prepared once."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
import uuid
from pathlib import Path

import pooch

from helpers.system.files import MAY_NOT, NO_ROOM, locked

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = "manifest.json"
LEFT_OVER = 3600  # seconds after which nobody is still building


def cache_dirs():
    """Where prepared data may be kept: in the course's folder, the user's, a temporary one."""
    folders = [ROOT / "data" / "cache"]
    with contextlib.suppress(RuntimeError):  # a user without a home, as in some containers
        folders.append(Path(pooch.os_cache("autoencoders")))
    user = getattr(os, "getuid", lambda: "")()  # other users could not write to a shared one
    with contextlib.suppress(OSError):  # no temporary folder at all
        folders.append(Path(tempfile.gettempdir(), f"autoencoders{user}"))
    return folders


CACHE_DIRS = cache_dirs()  # the first that works


def prepared(name, made_from, build):
    """The folder with what `build` wrote, from an earlier call where possible.

    `name` is a legible beginning for the entry's name; `made_from`, of what JSON can hold, is all
    that the result depends on: another value, another entry. `build` writes files into an empty
    folder, which is renamed at the end: a killed one leaves nothing that looks usable. Of several
    processes, one builds and the others wait for it.
    """
    key = json.dumps(made_from, sort_keys=True)
    entry = f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    for folder in CACHE_DIRS:
        if is_whole(folder / entry):
            return folder / entry
    failures = []
    for folder in CACHE_DIRS:
        part = None
        try:
            with new_folder(folder) as part, locked(folder / f".{entry}.lock"):
                if not is_whole(folder / entry):  # no other process was quicker
                    build(part)
                    sizes = {path.name: path.stat().st_size for path in part.iterdir()}
                    manifest = json.dumps({"made_from": key, "bytes": sizes}, indent=2)
                    (part / MANIFEST).write_text(manifest, encoding="utf-8")
                    shutil.rmtree(folder / entry, ignore_errors=True)  # damaged, if it is there
                    os.replace(part, folder / entry)
            return folder / entry
        except OSError as error:
            if is_whole(folder / entry):  # where there are no locks, another process was quicker
                return folder / entry
            if part and error.errno not in NO_ROOM | MAY_NOT:
                raise  # of `build`; where no folder can be made, the next place is tried
            failures.append(f"{folder}: {error}")
    raise OSError(
        f"prepared data can be kept nowhere ({'; '.join(failures)}). Free some space (older "
        "folders there may be deleted), or make one of them writable."
    )


@contextlib.contextmanager
def new_folder(parent):
    """An empty folder to work in, gone at the end; what killed processes have left goes, too."""
    parent.mkdir(parents=True, exist_ok=True)
    for part in parent.glob(".*.part"):
        with contextlib.suppress(OSError):  # another process was quicker
            if time.time() - part.stat().st_mtime > LEFT_OVER:
                shutil.rmtree(part)
    part = parent / f".{uuid.uuid4().hex}.part"
    part.mkdir()
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def is_whole(folder):
    """Whether all files are there, and as long as they were; their content is not read."""
    try:
        sizes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["bytes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # not there, or damaged
        return False
