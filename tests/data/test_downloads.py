"""Downloads, from a server that behaves like both hosts, and from servers that do not behave."""

import contextlib
import gzip
import hashlib
import os
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from killing import kill_everywhere
from lfw_on_disk import JPEGS, PHOTOS, all_there, lay_out, pack, table_text

import get_dataset
from get_dataset import fetch_dataset
from helpers.data import digits, downloads, lfw

TABLE = table_text().encode()
WAITS = downloads.WAITS  # before a test shortens them
GONE, BUSY, GOOD = (404, b"", {}), (503, b"busy", {}), (200, TABLE, {})
CUT = (200, TABLE[:3000], {"Content-Length": str(len(TABLE))})


@pytest.fixture
def hosts(tmp_path, server, monkeypatch):
    """All sources but that of the raw photos, each by a redirect to a signed address."""
    (tmp_path / "hosts").mkdir()
    moved = []
    for source in lfw.SOURCES:
        content = TABLE
        if source.what == "lfw":
            continue
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
    monkeypatch.setattr(lfw, "PHOTOS", len(PHOTOS))
    return server


def test_the_release_then_kaggle_then_the_mirror(tmp_path, hosts, capsys):
    taken = []
    for gone in (None, "/signed/lfw-deepfunneled.tgz", "/signed/lfw-deepfunneled.zip"):
        if gone:
            hosts.answers[gone] = [GONE]
        data = tmp_path / f"without {len(taken)}"
        photos, attrs = fetch_dataset(data_dir=data, source="lfw")
        all_there(photos, attrs)
        (path,) = (path.name for path in data.glob("lfw-*"))
        taken.append((path, attrs.attrs["source"], "older method" in capsys.readouterr().out))
    assert taken == [
        ("lfw-deepfunneled.tgz", "lfw-deepfunneled", False),
        ("lfw-deepfunneled.zip", "lfw-deepfunneled", False),
        ("lfw-funneled.tgz", "lfw_funneled", True),
    ]
    hosts.answers["/signed/lfw-funneled.tgz"] = [BUSY]
    with pytest.raises(ConnectionError) as error:
        fetch_dataset(data_dir=tmp_path / "nothing", source="lfw")
    assert str(error.value).count("cannot be had") == 3 and "answered 503" in str(error.value)


@pytest.mark.parametrize("wrong", ["of others", "damaged", "no zip"])
def test_what_comes_from_kaggle_is_checked(tmp_path, hosts, wrong):
    hosts.answers["/lfw-deepfunneled.tgz"] = [GONE]
    path = tmp_path / "other.zip"
    pack(path, dict(list(JPEGS.items())[wrong == "of others" :]))
    content = path.read_bytes()
    if wrong == "damaged":
        content = content[:300] + bytes([content[300] ^ 1]) + content[301:]
    hosts.answers["/lfw-deepfunneled.zip"] = [(200, b"no" if wrong == "no zip" else content, {})]
    assert fetch_dataset(data_dir=tmp_path / "data")[1].attrs["source"] == "lfw_funneled"
    assert not list(tmp_path.rglob("data/*.zip"))


def test_the_table_has_a_second_source(tmp_path, server, monkeypatch):
    first, second = (source for source in lfw.SOURCES if source.what == lfw.TABLE)
    moved = [first._replace(url=f"{server.url}/a"), second._replace(url=f"{server.url}/b")]
    monkeypatch.setattr(lfw, "SOURCES", moved)
    for answer in (GONE, (200, b"<html>log in</html>", {}), (200, TABLE[:-3], {}), CUT):
        data = tmp_path / str(len(server.asked))
        lay_out(data, "lfw.tgz", table="")
        server.answers = {"/a": [answer], "/b": [BUSY, GOOD]}
        all_there(*fetch_dataset(data_dir=data))
        assert (data / "lfw_attributes.txt").read_bytes() == TABLE
        asked = len(server.asked)
        fetch_dataset(data_dir=data)
        assert len(server.asked) == asked


def test_check_asks_each_source(hosts, monkeypatch, capsys):
    small = [source._replace(megabytes=(0.0, 1.0)) for source in lfw.SOURCES]
    monkeypatch.setattr(lfw, "SOURCES", small)
    for name, length in digits.PACKED_BYTES.items():
        hosts.answers[f"/{name}.gz"] = [(200, b"", {"Content-Length": str(length)})]
    monkeypatch.setattr(digits, "URL", hosts.url)
    assert get_dataset.main(["--check"]) == 0
    assert capsys.readouterr().out.count("ok ") == 9
    hosts.answers[f"/{lfw.TABLE}"] = [(200, b"<html>moved</html>", {"Content-Type": "text/html"})]
    hosts.answers["/signed/lfw-funneled.tgz"] = [(200, bytes(2_000_000), {})]
    hosts.answers["/signed/lfw-deepfunneled.tgz"] = [GONE]
    assert get_dataset.main(["--check"]) == 1
    out = capsys.readouterr().out
    assert out.count("FAILS") == 4 and "a web page comes" in out and "answered 404" in out
    assert "2,000,000 bytes are offered, expected 0 to 1,000,000" in out


def test_a_proxy_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with pytest.raises(ConnectionError, match="the proxy refuses, or cannot be reached"):
        downloads.download("http://example.org/file", tmp_path / "file")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
ANSWERS = {  # of a server that then stays silent, hangs up, or resets the connection
    "nothing": b"",
    "garbage": b"220 smtp.example.org\r\n\r\n",
    "a part": HEAD + b"\r\n" + bytes(30_000),
    "no length": b"HTTP/1.0 200 OK\r\n\r\n" + bytes(30_000),
    "broken gzip": HEAD + b"Content-Encoding: gzip\r\n\r\n" + bytes(100_000),
    "another scheme": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
}


@pytest.mark.parametrize("then", ["silent", "close", "reset"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_server_that_does_not_keep_to_the_rules(tmp_path, monkeypatch, answer, then):
    monkeypatch.setattr(downloads, "TIMEOUT", (5, 0.2 if then == "silent" else 5))
    connections = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connections.append(listener.accept()[0])
                connections[-1].recv(1000)
                connections[-1].sendall(ANSWERS[answer])
                if then == "reset":
                    linger = struct.pack("ii", 1, 0)
                    connections[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                if then != "silent":
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
    assert answer != "a part" or len(connections) == 3  # it is worth asking again


def test_a_busy_server_is_asked_again_with_more_and_more_time(tmp_path, monkeypatch, server):
    assert 0 < WAITS[0] < WAITS[1]
    monkeypatch.setattr(downloads, "WAITS", [wait / 10 for wait in WAITS])
    server.answers = {"/table": [CUT, BUSY, GOOD]}
    downloads.download(f"{server.url}/table", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == TABLE
    assert (np.diff(server.asked) >= np.divide(WAITS, 10)).all()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_a_status_that_stays(tmp_path, server, status):
    server.answers = {"/table": [(status, b"<html>no</html>", {})]}
    with pytest.raises(ConnectionError, match=f"cannot be had: the server answered {status}"):
        downloads.download(f"{server.url}/table", tmp_path / "file")
    assert len(server.asked) == (3 if status == 429 or status >= 500 else 1)
    assert not (tmp_path / "file").exists()


def test_redirects_without_end_and_a_name_that_nobody_knows(tmp_path, monkeypatch, server):
    server.answers = {"/again": [(302, b"", {"Location": "/again"})]}
    with pytest.raises(ConnectionError, match="answer cannot be used .TooManyRedirects"):
        downloads.download(f"{server.url}/again", tmp_path / "file")

    def unknown(*arguments, **more):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    start = time.perf_counter()
    with pytest.raises(ConnectionError, match="nowhere.invalid/file cannot be had: .*reached"):
        downloads.download("http://nowhere.invalid/file", tmp_path / "file")
    assert time.perf_counter() - start < 20


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_download_killed_at_any_file_operation(tmp_path, monkeypatch):
    """pooch's part of it is a copy here: a fork has no server of its own."""
    content = gzip.compress(os.urandom(3000))

    def retrieve(url, known_hash, name, folder, downloader):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        return str(folder / name)

    monkeypatch.setattr(downloads.pooch, "retrieve", retrieve)

    def get(path):
        downloads.download("http://example.org/file", path)

    def check(path):
        assert not path.exists() or path.read_bytes() == content
        get(path)
        assert path.read_bytes() == content and not (path.parent / ".download").exists()

    kill_everywhere(lambda i: tmp_path / f"data {i}" / "file", get, check)


def test_two_download_at_once_and_the_server_is_asked_once(tmp_path, server):
    server.answers = {"/table": [GOOD]}
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(downloads.download, [f"{server.url}/table"] * 3, [tmp_path / "file"] * 3))
    assert (tmp_path / "file").read_bytes() == TABLE and len(server.asked) == 1
    assert set(os.listdir(tmp_path)) <= {"file", ".download.lock"}
