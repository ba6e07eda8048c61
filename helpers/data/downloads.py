"""Downloads that are either whole or not there. The addresses are in lfw.py and digits.py."""

import os

import pooch
import requests
from requests import exceptions
from urllib3.exceptions import LocationValueError

from helpers.data.cache import new_folder
from helpers.system.files import locked

RETRIES = 2  # after one second, and after two
TIMEOUT = (4, 15)  # seconds, to connect and between two packets
MAY_PASS = {408, 429, 500, 502, 503, 504}  # HTTP statuses that are worth another attempt
ADVICE = "(set HTTPS_PROXY to the right one, or unset it)"
REASONS = (  # kinds of errors, and a few words: the messages of requests name objects, and nest
    (exceptions.ProxyError, f"the proxy refuses, or cannot be reached {ADVICE}"),
    (exceptions.SSLError, "its certificate is refused (where your network inspects traffic, set "
     "REQUESTS_CA_BUNDLE to the file with its certificate)"),
    ((exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError),
     "the server cannot be reached, does not answer, or breaks off"),
    (exceptions.RequestException, "the server's answer cannot be used"),
    (OSError, "REQUESTS_CA_BUNDLE must name a file of certificates, or be unset"),
    (ValueError, "what came is not the published file"),
)  # fmt: skip


def download(url, path, known_hash=None, check=None):
    """Download a file, unless it is there.

    It is put in place once its hash is right ("sha256:...", None where nobody has published one),
    and `check(path)` raises no ValueError. A server that breaks off or is busy is asked again; one
    that cannot be reached is not, so that being offline costs no time. A ConnectionError says why
    the file cannot be had, or not be put there.
    """
    pooch.get_logger().setLevel("WARNING")  # it would ask students to note down a hash
    progress = pooch.HTTPDownloader(progressbar=True, chunk_size=1 << 16, timeout=TIMEOUT)
    try:
        with new_folder(path.parent) as part, locked(path.parent / ".download.lock"):
            if path.exists():  # another process was quicker
                return
            if wrong := what_is_wrong(url, busy=MAY_PASS):
                raise ConnectionError(f"{url} cannot be had: {wrong}")
            registry, urls = {path.name: known_hash}, {path.name: url}
            fetcher = pooch.create(part, "", registry=registry, urls=urls, retry_if_failed=RETRIES)
            file = fetcher.fetch(path.name, downloader=progress)
            if check:
                check(file)
            os.replace(file, path)
    except ConnectionError:
        raise
    except (requests.RequestException, ValueError) as error:
        raise ConnectionError(f"{url} cannot be had: {reason(error, url)}") from None
    except OSError as error:
        raise ConnectionError(f"{path} cannot be put there: {error}. Set DATA_DIR.") from error


def what_is_wrong(url, least=0, busy=()):
    """Ask what a server would send: "", or what is wrong with it. Downloads nothing.

    A file of at least `least` bytes is expected, or one of the statuses `busy`.
    """
    headers = {"Accept-Encoding": "identity"}  # else the size is of something else
    try:
        # GET and not HEAD: some hosts' signed addresses are good for nothing else
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as answer:
            if answer.status_code not in busy:
                answer.raise_for_status()
    except (OSError, ValueError) as error:
        return reason(error, url)
    size = answer.headers.get("Content-Length", "")
    if least and answer.headers.get("Content-Type", "").startswith("text/html"):
        return "a web page comes in place of the file"
    if size.isdigit() and int(size) < least:
        return f"{int(size):,} bytes are offered, expected at least {least:,}"
    return ""


def reason(error, url):
    """A few words on why a request has failed."""
    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code} {error.response.reason}"
    of_address = (exceptions.InvalidURL, exceptions.InvalidSchema, LocationValueError)
    proxies = requests.utils.get_environ_proxies(url)
    if isinstance(error, of_address) and requests.utils.select_proxy(url, proxies):
        return f"the proxy's address cannot be used {ADVICE}"
    return next(words for kind, words in REASONS if isinstance(error, kind))
