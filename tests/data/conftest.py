"""No network, a cache of each test's own, and a server on the loopback."""

import contextlib
import http.server
import socket
import threading
import time

import pytest
from lfw_on_disk import PHOTOS

from helpers.data import cache, digits, downloads, lfw


@pytest.fixture
def sources(monkeypatch):
    """Let sources be at other addresses: sources({"lfw.tgz": url}); all others cannot be had."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/nobody"

    def move(urls, hashes=None):
        moved = tuple(
            source._replace(
                url=urls.get(source.file, nowhere),
                known_hash=(hashes or {}).get(source.file, source.known_hash),
            )
            for source in lfw.SOURCES
        )
        monkeypatch.setattr(lfw, "SOURCES", moved)

    move({})
    monkeypatch.setattr(digits, "URL", nowhere)
    return move


@pytest.fixture(autouse=True)
def own_cache_and_no_network(tmp_path, sources, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cache, "CACHE_DIRS", [tmp_path / "cache"])
    monkeypatch.setattr(lfw, "TABLE_ROWS", len(PHOTOS))
    monkeypatch.setattr(lfw, "KAGGLE", tmp_path / "no kaggle")
    monkeypatch.setattr(downloads, "WAITS", (0, 0))


class Answering(http.server.BaseHTTPRequestHandler):
    """Says what `server.answers` has for a path: (status, content, headers), in turn."""

    def answer(self, with_content):
        self.server.asked.append((self.command, self.path))
        self.server.times.append(time.perf_counter())
        answers = self.server.answers.get(self.path.split("?")[0], [(404, b"", {})])
        status, content, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        if headers.get("only") == "GET" and not with_content:  # as signed addresses are
            status, content = 403, b""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if with_content:
            with contextlib.suppress(OSError):  # whoever only wanted the head has gone
                self.wfile.write(content)

    def do_GET(self):
        self.answer(True)

    def do_HEAD(self):
        self.answer(False)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.answers, server.asked, server.times = {}, [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
