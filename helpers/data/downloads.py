"""Downloads that are either whole or not there. The addresses are in lfw.py and digits.py."""

import os
import shutil
import time
from pathlib import Path

import pooch
import requests
from filelock import FileLock
from urllib3.exceptions import ProtocolError, ReadTimeoutError

WAITS = (1, 3)  # seconds between attempts
TIMEOUT = (4, 15)  # seconds, to connect and between two packets
MAY_PASS = {408, 429, 500, 502, 503, 504}  # HTTP statuses that are worth another attempt


def download(url, path, known_hash=None, check=None):
    """Download a file, unless it is there.

    It is put in place once its hash is right ("sha256:...", None where nobody has published one),
    and `check(path)` raises no ValueError. A server that is busy, hangs up or falls silent in the
    middle, is asked again; one that cannot be reached is not, so that being offline costs no time.
    A ConnectionError says why the file could not be had, another OSError why not written.
    """
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
                    file = retrieve(url, part / path.name, known_hash)
                    if check:
                        check(file)
                    os.replace(file, path)
                    return
                except (requests.RequestException, ValueError) as error:
                    answer = getattr(error, "response", None)
                    passing = answer is not None and answer.status_code in MAY_PASS
                    if wait is None or not (passing or broke_off(error)):
                        raise ConnectionError(f"{url} cannot be had: {reason(error)}") from None
                    time.sleep(wait)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def retrieve(url, path, known_hash):
    pooch.get_logger().setLevel("WARNING")  # it would ask students to note down a hash
    downloader = pooch.HTTPDownloader(progressbar=True, chunk_size=1 << 16, timeout=TIMEOUT)
    return pooch.retrieve(url, known_hash, path.name, path.parent, downloader=downloader)


def what_is_wrong(url, least, most):
    """Ask what a server would send: "", or what is wrong with it. Downloads nothing.

    A file of `least` to `most` bytes is expected, or one whose size the server does not say.
    """
    headers = {"Accept-Encoding": "identity"}  # else the size is of something else
    try:
        # GET and not HEAD: some hosts' signed addresses are good for nothing else
        answer = requests.get(url, stream=True, timeout=TIMEOUT, headers=headers)
        answer.close()  # before the content comes
        answer.raise_for_status()
    except requests.RequestException as error:
        return reason(error)
    kind = answer.headers.get("Content-Type", "")
    size = answer.headers.get("Content-Length", "")
    if kind.startswith("text/html"):
        return "a web page comes in place of the file"
    if size.isdigit() and not least <= int(size) <= most:
        return f"{int(size):,} bytes are offered, expected {least:,} to {most:,}"
    return ""


def broke_off(error):
    """Whether there was a connection, which then ended or fell silent."""
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return True
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(cause, (ProtocolError, ReadTimeoutError))


REASONS = {  # kind of error -> a few words; the messages of requests name objects, and nest
    requests.exceptions.SSLError: "its certificate is refused (where your network inspects traffic,"
    " set REQUESTS_CA_BUNDLE to the file with its certificate)",
    requests.exceptions.ProxyError: "the proxy refuses, or cannot be reached (set HTTPS_PROXY to "
    "the right one, or unset it)",
    requests.ConnectionError: "the server cannot be reached, or does not answer",
    requests.Timeout: "the server cannot be reached, or does not answer",
}


def reason(error):
    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if broke_off(error):
        return "the connection broke off"
    if not isinstance(error, requests.RequestException):
        return "what came is not the published file"
    kinds = (words for kind, words in REASONS.items() if isinstance(error, kind))
    return next(kinds, f"the server's answer cannot be used ({type(error).__name__})")
