"""Writing files so that what is on disk is never lost or half-written."""

import contextlib
import errno
import glob
import json
import os
import time
from pathlib import Path

from helpers.system import validation

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
LEFT_OVER = 3600  # seconds after which nobody is still writing a file


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; put it in place once the block has ended well.

    The folder is created. If the block raises, what was at `path` before is still there.
    The temporary name keeps the suffix, by which many writers choose the format. What killed
    processes have left beside `path` is removed.

    Raises
    ------
    TypeError : if `path` is none.
    OSError : whatever the block raises; on a full disk, and where it may not write, it says what
        to do.
    """
    validation.paths(path=path)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_overs(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except PermissionError as error:
        if error.filename != str(part):  # another file of the block's
            raise
        raise PermissionError(
            error.errno,
            "it may not be written to. Choose a folder of your own, in a notebook with OUTPUT_DIR",
            str(path),
        ) from error
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise OSError(
            error.errno,
            f"no room to write it ({os.strerror(error.errno)}); what was there before is unchanged."
            " Free some space and run it again",
            str(path),
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _remove_left_overs(path):
    parts = f".{glob.escape(path.stem)}.*.part{glob.escape(path.suffix)}"
    for part in path.parent.glob(parts):
        with contextlib.suppress(OSError):  # another process was quicker
            if time.time() - part.stat().st_mtime > LEFT_OVER:
                part.unlink()


def write_json(path, content):
    """Write `content` to `path` as indented JSON, replacing the file whole."""
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
