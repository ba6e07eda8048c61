"""Downloads that are either whole or not there."""

import os
import shutil
import time
from pathlib import Path

import pooch
import requests
from filelock import FileLock
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from helpers.system import validation

WAITS = (1, 3)  # seconds between attempts
TIMEOUT = (4, 15)  # seconds, to connect and between two packets
MAY_PASS = {408, 429, 500, 502, 503, 504}  # HTTP statuses that are worth another attempt


def download(url, path, known_hash=None, check=None):
    """Download a file, unless it is there.

    It is put in place once its hash and `check` are right. A server that is busy, hangs up or
    falls silent in the middle, is asked again; one that cannot be reached is not, so that being
    offline costs no time.

    Parameters
    ----------
    url : str
    path : path to write
    known_hash : str, as pooch takes it ("sha256:..."); None where nobody has published one
    check : callable(path) that raises ValueError if the content is not what it should be

    Raises
    ------
    TypeError, ValueError : if `url` is no web address or `path` no path.
    ConnectionError : if it could not be had; says why.
    OSError : if it cannot be written.
    """
    validation.texts(url=url)
    validation.paths(path=path)
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"url must begin with http:// or https://, got {url!r}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / ".download"
    with FileLock(path.parent / ".download.lock"):
        try:
            if path.exists():  # another process was quicker
                return
            for wait in (*WAITS, None):
                shutil.rmtree(part, ignore_errors=True)
                try:
                    file = _retrieve(url, part, known_hash, check)
                    os.replace(file, path)
                    return
                except (requests.RequestException, ValueError) as error:
                    if wait is None or not _may_pass(error):
                        raise ConnectionError(f"{url} cannot be had: {_reason(error)}") from None
                    time.sleep(wait)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _retrieve(url, folder, known_hash, check):
    pooch.get_logger().setLevel("WARNING")  # it would ask students to note down a hash
    downloader = pooch.HTTPDownloader(progressbar=True, chunk_size=1 << 16, timeout=TIMEOUT)
    file = pooch.retrieve(url, known_hash, "download", folder, downloader=downloader)
    if check:
        check(file)
    return file


def _may_pass(error):
    if isinstance(error, requests.HTTPError):
        return error.response.status_code in MAY_PASS
    return _broke_off(error)


def _broke_off(error):
    """Whether there was a connection, which then ended or fell silent."""
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return True
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(cause, (ProtocolError, ReadTimeoutError))


def _reason(error):
    """A few words; the messages of requests name objects, and nest."""
    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if _broke_off(error):
        return "the connection broke off"
    if isinstance(error, (requests.ConnectionError, requests.Timeout)):
        return "the server cannot be reached, or does not answer"
    if isinstance(error, requests.RequestException):
        return f"the server's answer cannot be used ({type(error).__name__})"
    return "what came is not the published file"
