"""No network, a cache of each test's own, and a server on the loopback."""

import contextlib
import http.server
import threading
import time

import pytest
from lfw_on_disk import PHOTOS

from helpers.data import cache, digits, downloads, lfw

NOWHERE = "http://127.0.0.1:1"  # where nobody listens


@pytest.fixture(autouse=True)
def own_cache_and_no_network(tmp_path, monkeypatch):
    names = "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY REQUESTS_CA_BUNDLE CURL_CA_BUNDLE"
    for name in names.split():
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    nowhere = tuple(source._replace(url=NOWHERE) for source in lfw.SOURCES)
    monkeypatch.setattr(lfw, "SOURCES", nowhere)
    monkeypatch.setattr(digits, "URL", NOWHERE)
    monkeypatch.setattr(cache, "CACHE_DIRS", [tmp_path / "cache"])
    monkeypatch.setattr(lfw, "TABLE_ROWS", len(PHOTOS))
    monkeypatch.setattr(lfw, "KAGGLE", tmp_path / "no kaggle")
    monkeypatch.setattr(downloads, "RETRIES", 0)


class Answering(http.server.BaseHTTPRequestHandler):
    """Says what `server.answers` has for a path: (status, content, headers), in turn."""

    def do_GET(self):
        self.server.asked.append(time.perf_counter())
        answers = self.server.answers.get(self.path.split("?")[0], [(404, b"", {})])
        status, content, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever only wanted the head has gone
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.answers, server.asked = {}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
