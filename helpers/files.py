"""Writing files so that what is on disk is never lost or half-written."""

import contextlib
import json
import os
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; put it in place once the block has ended well.

    The folder is created. If the block raises, what was at `path` before is still there.
    The temporary name keeps the suffix, by which many writers choose the format.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path, content):
    """Write `content` to `path` as indented JSON, replacing the file whole."""
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
