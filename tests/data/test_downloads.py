"""Downloads, from a server that behaves like both hosts, and from servers that do not behave."""

import contextlib
import hashlib
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from lfw_on_disk import JPEGS, all_there, lay_out, pack, table_text

import get_dataset
from get_dataset import fetch_dataset
from helpers.data import digits, downloads, lfw

TABLE = table_text().encode()
GONE, BUSY, GOOD = (404, b"", {}), (503, b"busy", {}), (200, TABLE, {})
CUT = (200, TABLE[:3000], {"Content-Length": str(len(TABLE))})


@pytest.fixture
def hosts(tmp_path, server, monkeypatch):
    """All sources, each by a redirect to a signed address."""
    (tmp_path / "hosts").mkdir()
    moved = []
    for source in lfw.SOURCES:
        content = TABLE
        if source.what != lfw.TABLE:
            path = tmp_path / "hosts" / source.file
            pack(path, JPEGS, "lfw-deepfunneled/lfw-deepfunneled/")
            content = path.read_bytes()
        location = {"Location": f"{server.url}/signed/{source.file}?signature=abc"}
        server.answers[f"/{source.file}"] = [(302, b"", location)]
        server.answers[f"/signed/{source.file}"] = [(200, content, {})]
        hashed = source.known_hash and f"sha256:{hashlib.sha256(content).hexdigest()}"
        moved.append(source._replace(url=f"{server.url}/{source.file}", known_hash=hashed))
    monkeypatch.setattr(lfw, "SOURCES", moved)
    return server


def test_the_release_then_the_mirror(tmp_path, hosts, capsys):
    taken = []
    for gone in (None, "/signed/lfw-deepfunneled.tgz"):
        if gone:
            hosts.answers[gone] = [GONE]
        data = tmp_path / f"without {gone is not None}"
        photos, attrs = fetch_dataset(data_dir=data, source="lfw")
        all_there(photos, attrs)
        (path,) = (path.name for path in data.glob("lfw-*"))
        taken.append((path, attrs.attrs["source"], "older method" in capsys.readouterr().out))
    assert taken == [
        ("lfw-deepfunneled.tgz", "lfw-deepfunneled", False),
        ("lfw-funneled.tgz", "lfw_funneled", True),
    ]
    hosts.answers["/signed/lfw-funneled.tgz"] = [BUSY]
    with pytest.raises(ConnectionError) as error:
        fetch_dataset(data_dir=tmp_path / "nothing", source="lfw")
    assert str(error.value).count("cannot be had") == 2 and "answered 503" in str(error.value)


def test_the_table_has_a_second_source(tmp_path, server, monkeypatch):
    first, second = (source for source in lfw.SOURCES if source.what == lfw.TABLE)
    moved = [first._replace(url=f"{server.url}/a"), second._replace(url=f"{server.url}/b")]
    monkeypatch.setattr(lfw, "SOURCES", moved)
    monkeypatch.setattr(downloads, "RETRIES", 1)
    for answer in (GONE, (200, b"<html>log in</html>", {}), (200, TABLE[:-3], {}), CUT):
        data = tmp_path / str(len(server.asked))
        lay_out(data, "lfw.tgz", table="")
        server.answers = {"/a": [answer], "/b": [BUSY, BUSY, GOOD]}
        all_there(*fetch_dataset(data_dir=data))
        assert (data / "lfw_attributes.txt").read_bytes() == TABLE
        asked = len(server.asked)
        fetch_dataset(data_dir=data)
        assert len(server.asked) == asked


def test_check_asks_each_source(hosts, monkeypatch, capsys):
    monkeypatch.setattr(lfw, "SOURCES", [s._replace(megabytes=0.01) for s in lfw.SOURCES])
    for name in digits.MD5:
        hosts.answers[f"/{name}.gz"] = [(200, bytes(5000), {})]
    for name in ("lfw-deepfunneled.tgz", "lfw-funneled.tgz", lfw.TABLE):
        hosts.answers[f"/signed/{name}"] = [(200, bytes(20_000), {})]
    monkeypatch.setattr(digits, "URL", hosts.url)
    assert get_dataset.main(["--check"]) == 0
    assert capsys.readouterr().out.count("ok ") == 8
    moved = (200, bytes(20_000), {"Content-Type": "text/html"})
    hosts.answers[f"/{lfw.TABLE}"] = [moved]
    hosts.answers["/signed/lfw-funneled.tgz"] = [(200, bytes(2_000), {})]
    hosts.answers["/signed/lfw-deepfunneled.tgz"] = [GONE]
    assert get_dataset.main(["--check"]) == 1
    out = capsys.readouterr().out
    assert out.count("FAILS") == 4 and "a web page comes" in out and "answered 404" in out
    assert "2,000 bytes are offered, expected at least 10,000" in out


# ---- The reader's own settings of the network


@pytest.mark.parametrize(
    "address",
    ["htp://127.0.0.1:1", "http://:bad", "http://user:secret@host:99999", "http://[::1", "://",
     "http://127.0.0.1:1"],  # the last is an address, but nobody is there
)  # fmt: skip
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_is_called_the_proxy(tmp_path, monkeypatch, address, variable):
    monkeypatch.setenv(variable, address)
    with pytest.raises(ConnectionError, match="the proxy") as error:
        downloads.download("http://example.org/file", tmp_path / "file")
    assert "secret" not in str(error.value)
    assert "the proxy" in downloads.what_is_wrong("http://example.org/file", 5)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("what", ["nothing", "an empty file", "no certificates"])
def test_a_file_of_certificates_that_is_none(tmp_path, monkeypatch, capsys, variable, what):
    path = tmp_path / "certificates.pem"
    if what != "nothing":
        path.write_text("" if what == "an empty file" else "no certificate")
    monkeypatch.setenv(variable, str(path))
    with socket.create_server(("127.0.0.1", 0)) as listener:  # hangs up on whoever calls
        threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/file"
        with pytest.raises(ConnectionError, match="cannot be had: .*certificate") as error:
            downloads.download(url, tmp_path / "file")
    assert "\n" not in str(error.value)
    monkeypatch.setattr(lfw, "SOURCES", [lfw.SOURCES[0]._replace(url="https://127.0.0.1:1")])
    assert get_dataset.main(["--check"]) == 1
    if what == "nothing":
        assert "FAILS lfw-deepfunneled https://127.0.0.1:1 REQUESTS_CA" in capsys.readouterr().out


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
ANSWERS = {  # of a server that then stays silent, or hangs up
    "nothing": b"",
    "garbage": b"220 smtp.example.org\r\n\r\n",
    "a part": HEAD + b"\r\n" + bytes(30_000),
    "no length": b"HTTP/1.0 200 OK\r\n\r\n" + bytes(30_000),
    "broken gzip": HEAD + b"Content-Encoding: gzip\r\n\r\n" + bytes(100_000),
    "another scheme": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
}


@pytest.mark.parametrize("then", ["silent", "close"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_server_that_does_not_keep_to_the_rules(tmp_path, monkeypatch, answer, then):
    monkeypatch.setattr(downloads, "TIMEOUT", (5, 0.2))
    connections = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connections.append(listener.accept()[0])
                connections[-1].recv(1000)
                connections[-1].sendall(ANSWERS[answer])
                if then == "close":
                    connections[-1].close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/file"
        with pytest.raises(ConnectionError, match=f"^{url} cannot be had: ") as error:
            downloads.download(url, tmp_path / "file", f"sha256:{64 * '0'}")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in connections:
        connection.close()
    assert str(error.value).count(":") == 3 and "\n" not in str(error.value)
    assert os.listdir(tmp_path) in ([], [".download.lock"])


def test_a_server_that_is_busy_or_breaks_off_is_asked_again(tmp_path, monkeypatch, server):
    monkeypatch.setattr(downloads, "RETRIES", 2)
    server.answers = {"/table": [BUSY, CUT, BUSY, GOOD]}
    downloads.download(f"{server.url}/table", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == TABLE
    assert (np.diff(server.asked)[1:] >= 1).all()  # the first only asks whether it is there


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_a_status_that_stays(tmp_path, server, status):
    server.answers = {"/table": [(status, b"<html>no</html>", {})]}
    with pytest.raises(ConnectionError, match=f"cannot be had: the server answered {status}"):
        downloads.download(f"{server.url}/table", tmp_path / "file")
    assert len(server.asked) == (2 if status == 429 or status >= 500 else 1)
    assert not (tmp_path / "file").exists()


def test_redirects_without_end_and_a_name_that_nobody_knows(tmp_path, monkeypatch, server):
    server.answers = {"/again": [(302, b"", {"Location": "/again"})]}
    with pytest.raises(ConnectionError, match="answer cannot be used"):
        downloads.download(f"{server.url}/again", tmp_path / "file")

    def unknown(*arguments, **more):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    start = time.perf_counter()
    with pytest.raises(ConnectionError, match="nowhere.invalid/file cannot be had: .*reached"):
        downloads.download("http://nowhere.invalid/file", tmp_path / "file")
    assert time.perf_counter() - start < 20


def test_two_download_at_once_and_the_server_is_asked_once(tmp_path, server):
    server.answers = {"/table": [GOOD]}
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(downloads.download, [f"{server.url}/table"] * 3, [tmp_path / "file"] * 3))
    assert (tmp_path / "file").read_bytes() == TABLE and len(server.asked) == 2  # one, twice
    assert set(os.listdir(tmp_path)) <= {"file", ".download.lock"}
