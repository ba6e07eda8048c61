"""Killed at any moment, out of room, two at once: what is on disk is whole, old or new."""

import faulthandler
import gzip
import hashlib
import itertools
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from test_get_dataset import JPEGS, ROOT, assert_all_there, lay_out
from torch import nn
from torchvision.datasets import MNIST

import get_dataset
from get_dataset import fetch_dataset
from helpers.data import digits
from helpers.data.downloads import download
from helpers.figures import plots
from helpers.results.experiments import Experiment, read_weights, save_weights
from helpers.system.files import write_json

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# What Python tells auditors of, whenever a file may be about to change
OPERATIONS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}
HISTORY = pd.DataFrame({"epoch": [1], "seconds": [2.0]})


def in_child(function, prepare=lambda: None):
    """Run `function` in a copy of this process; what it raised, as "Type: message", or ""."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(60, exit=True, file=sys.__stderr__)  # if it hangs
        said = ""
        try:
            prepare()
            function()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode()[:60000])
        os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitpid(child, 0)[1]
    return SimpleNamespace(said=said, killed=os.WIFSIGNALED(status))


def begin(function):
    """Run `function` in a copy of this process, and go on; its exit status is 1 if it raised."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        function()
        status = 0
    finally:
        os._exit(status)


def killed_at(operation, function):
    """Whether `function` was killed at that file operation, counted from 0, or had ended before."""

    def count_operations():
        number = itertools.count()

        def watch(event, args):
            if event in OPERATIONS and next(number) == operation:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)

    result = in_child(function, count_operations)
    assert result.killed or not result.said, result.said
    return result.killed


def kill_everywhere(prepare, function, check):
    """Kill `function` at its first file operation, at its second, and so on; how often in all."""
    for operation in itertools.count():
        state = prepare(operation)
        killed = killed_at(operation, lambda state=state: function(state))
        check(state)
        if not killed:
            assert operation > 2  # or there was nothing to see
            return operation
    raise AssertionError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """As students name them."""
    folder = tmp_path / "Übung 3 (neu)"
    folder.mkdir()
    monkeypatch.setattr(get_dataset, "CACHE_DIRS", [folder / "cache"])
    return folder


# ---- The cache


@pytest.mark.parametrize("before", ["nothing", "damaged", "older"])
@pytest.mark.fault("counted")
def test_a_build_killed_at_any_file_operation(folder, monkeypatch, before, record_property):
    lay_out(folder, "lfw.tgz")
    assert_all_there(*fetch_dataset(data_dir=folder))
    shutil.move(folder / "cache", folder / "whole")

    def prepare(operation):
        cache = folder / f"cache {operation}"
        monkeypatch.setattr(get_dataset, "CACHE_DIRS", [cache])
        if before != "nothing":
            shutil.copytree(folder / "whole", cache)
            name = {"damaged": "photos.npy", "older": "manifest.json"}[before]
            (file,) = cache.glob(f"lfw*/{name}")
            content = file.read_bytes()
            file.write_bytes(
                content[:-1] if before == "damaged" else content.replace(b"lfw", b"old")
            )
        return cache

    def check(cache):
        assert_all_there(*fetch_dataset(data_dir=folder))
        left = [path.name for path in cache.glob(".*.part")]
        assert not left and len(list(cache.glob("lfw*"))) == 1

    kills = kill_everywhere(prepare, lambda cache: fetch_dataset(data_dir=folder), check)
    record_property("survived", kills)


@pytest.mark.fault("counted")
def test_a_build_killed_at_any_time(folder, monkeypatch, record_property):
    copies = {f"x{i}/{name}": content for i in range(40) for name, content in JPEGS.items()}
    lay_out(folder, "lfw.tgz", JPEGS | copies)
    started = time.perf_counter()
    fetch_dataset(data_dir=folder)
    took = time.perf_counter() - started
    for share in np.linspace(0.02, 1.1, 12):
        shutil.rmtree(folder / "cache", ignore_errors=True)
        child = begin(lambda: fetch_dataset(data_dir=folder))
        time.sleep(share * took)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert_all_there(*fetch_dataset(data_dir=folder))
        record_property("survived", 1)


# ---- What is written to output/, and what is downloaded


class Net(nn.Module):
    def __init__(self, value=1.0):
        super().__init__()
        self.weights = nn.Parameter(torch.full((50, 20), value))


def picture(value):
    figure = Figure(figsize=(2, 2))
    figure.text(0.5, 0.5, str(value))
    return figure


WRITERS = {
    "metrics.json": lambda path, value: write_json(path, {"mse": value}),
    "model.safetensors": lambda path, value: save_weights(path, Net(value), {"model": {}}, HISTORY),
    "figure.png": lambda path, value: plots.save(picture(value), path),
}
READERS = {
    "metrics.json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    "model.safetensors": lambda path: read_weights(path)[0]["weights"].sum().item(),
    "figure.png": lambda path: np.asarray(Image.open(path)).tobytes(),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.fault("counted")
def test_a_save_killed_at_any_file_operation(folder, name, record_property):
    path = folder / name
    WRITERS[name](path, 2.0)
    new = READERS[name](path)
    WRITERS[name](path, 1.0)
    old = READERS[name](path)
    seen = []

    def prepare(operation):
        WRITERS[name](path, 1.0)

    def check(_):
        seen.append(READERS[name](path))
        assert seen[-1] in (old, new)

    record_property("survived", kill_everywhere(prepare, lambda _: WRITERS[name](path, 2.0), check))
    assert seen[0] == old != new == seen[-1]


@pytest.mark.fault("survived")
def test_what_killed_saves_have_left_is_removed_in_time(folder):
    path = folder / "metrics.json"
    left_over, recent = folder / ".metrics.99999.part.json", folder / ".metrics.99998.part.json"
    other = folder / ".figure.99999.part.png"
    for file in (left_over, recent, other):
        file.write_bytes(b"half")
    for file in (left_over, other):
        os.utime(file, (0, 0))
    write_json(path, {})
    assert {file.name for file in folder.iterdir()} == {path.name, recent.name, other.name}


@pytest.mark.fault("counted")
def test_a_training_killed_while_it_saves_is_loaded_or_trained_again(folder, record_property):
    trained = []

    def load_or_train(output):
        def train():
            trained.append(output)
            history = HISTORY.copy()
            history.attrs["interrupted"] = False
            return history

        model = Net()
        Experiment("net", "lfw", output).load_or_train(model, {"model": {}}, train)
        return model

    def check(output):
        assert (load_or_train(output).weights == 1).all()
        calls = len(trained)
        load_or_train(output)
        assert len(trained) == calls  # loaded

    kills = kill_everywhere(lambda i: folder / f"output {i}", load_or_train, check)
    record_property("survived", kills)


@pytest.mark.fault("survived")
def test_a_deleted_output_folder_comes_back(folder):
    experiment = Experiment("net", "lfw", folder / "output")
    shutil.rmtree(folder / "output")
    experiment.record(mse=1.0)
    shutil.rmtree(folder / "output")
    plots.save(picture(1), experiment.figure("figure"))
    shutil.rmtree(folder / "output")
    save_weights(experiment.folder / "model.safetensors", Net(), {"model": {}}, HISTORY)
    assert [path.name for path in experiment.folder.iterdir()] == ["model.safetensors"]


@pytest.fixture
def mirror(folder):
    """A server in another process, so that forks of this one share no thread with it."""
    (folder / "mirror").mkdir()
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    log = folder / "mirror.log"
    with (
        open(log, "w") as file,
        subprocess.Popen(
            command, cwd=folder / "mirror", stdout=subprocess.PIPE, stderr=file, text=True
        ) as process,
    ):
        port = process.stdout.readline().split(" port ")[1].split()[0]
        yield SimpleNamespace(folder=folder / "mirror", url=f"http://127.0.0.1:{port}", log=log)
        process.kill()


@pytest.mark.fault("counted")
def test_a_download_killed_at_any_file_operation(folder, mirror, record_property):
    content = os.urandom(300_000)
    (mirror.folder / "file").write_bytes(content)
    known = f"sha256:{hashlib.sha256(content).hexdigest()}"

    def get(path):
        download(f"{mirror.url}/file", path, known)

    def check(path):
        assert not path.exists() or path.read_bytes() == content
        get(path)
        assert path.read_bytes() == content
        assert not (path.parent / ".download").exists()

    get(folder / "first")  # imports what is imported late
    kills = kill_everywhere(lambda i: folder / f"data {i}" / "file", get, check)
    record_property("survived", kills)


def serve_digits(mirror, monkeypatch):
    """Make up an MNIST of a few digits, and let it be the published one."""
    raw = {}
    for name, magic, shape in (
        ("train-images-idx3-ubyte", 0x803, (6, 28, 28)), ("train-labels-idx1-ubyte", 0x801, (6,)),
        ("t10k-images-idx3-ubyte", 0x803, (2, 28, 28)), ("t10k-labels-idx1-ubyte", 0x801, (2,)),
    ):  # fmt: skip
        head = b"".join(number.to_bytes(4, "big") for number in (magic, *shape))
        raw[name] = head + bytes(i % 10 for i in range(int(np.prod(shape))))
    packed = {f"{name}.gz": gzip.compress(content) for name, content in raw.items()}
    for name, content in packed.items():
        (mirror.folder / name).write_bytes(content)
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in (raw | packed).items()}
    monkeypatch.setattr(digits, "URL", mirror.url)
    monkeypatch.setattr(digits, "MD5", {name: md5[name] for name in raw})
    monkeypatch.setattr(MNIST, "resources", [(name, md5[name]) for name in packed])


@pytest.mark.fault("counted")
def test_mnist_killed_at_any_file_operation_of_its_download(
    folder, mirror, monkeypatch, record_property
):
    serve_digits(mirror, monkeypatch)
    digits.read_mnist(folder / "first")

    def prepare(operation):
        data = folder / f"data {operation}"
        shutil.copytree(folder / "first", data)
        for file in data.glob("MNIST/raw/t10k-labels*"):
            file.unlink()
        return data

    def check(data):
        images, labels, test_images, test_labels = digits.read_mnist(data)
        assert images.shape == (6, 28, 28) and labels.tolist() == [0, 1, 2, 3, 4, 5]
        assert test_images.shape == (2, 28, 28) and test_labels.tolist() == [0, 1]

    record_property("survived", kill_everywhere(prepare, digits.read_mnist, check))


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.fault("survived")
def test_nothing_is_unpickled_from_the_folder_of_mnist(folder, mirror, monkeypatch):
    serve_digits(mirror, monkeypatch)
    processed = folder / "MNIST" / "processed"
    processed.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(pickle.dumps(Bomb(folder / "unpickled")))
    assert digits.read_mnist(folder)[1].tolist() == [0, 1, 2, 3, 4, 5]
    assert not (folder / "unpickled").exists()


UNPICKLES = re.compile(r"torch\.load|\bpickle\b|allow_pickle=True|read_pickle|joblib\.load|dill")


@pytest.mark.parametrize(
    "path", [*ROOT.glob("*.py"), *ROOT.glob("helpers/*.py"), *ROOT.glob("*.ipynb")], ids=str
)
def test_our_code_has_nothing_that_unpickles(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
    assert not UNPICKLES.findall(text)


# ---- A full disk


def full():
    """As near to a full disk as one gets without being allowed to mount one."""
    import resource

    nowhere = os.open(os.devnull, os.O_WRONLY)  # what is said need not fit into a file, either
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.fault("refused")
def test_a_save_on_a_full_disk(folder, name, monkeypatch):
    path = folder / name
    WRITERS[name](path, 1.0)
    old = path.read_bytes()
    value = list(range(1000)) if name == "metrics.json" else 2.0
    said = in_child(lambda: WRITERS[name](path, value), full).said
    assert said.startswith("OSError") and str(path) in said
    assert "no room" in said and "unchanged" in said and "Free some space" in said
    assert path.read_bytes() == old
    assert [file.name for file in folder.iterdir()] == [name]


@pytest.mark.fault("refused")
def test_a_download_on_a_full_disk(folder, mirror, monkeypatch):
    serve_digits(mirror, monkeypatch)
    said = in_child(lambda: digits.read_mnist(folder / "data"), full).said
    assert said.startswith("FileNotFoundError") and "cannot be put there" in said
    raw = folder / "data" / "MNIST" / "raw"
    assert not [file for file in raw.glob("[!.]*") if file.suffix != ".gz"]
    assert digits.read_mnist(folder / "data")[1].tolist() == [0, 1, 2, 3, 4, 5]


SMALL_DISK = """
import sys
import numpy as np
import get_dataset
from helpers.system.files import write_json
disk, data = sys.argv[1:]
get_dataset.CACHE_DIRS = [disk + "/cache"]
write_json(disk + "/metrics.json", {"old": 1})
for work in (
    lambda: get_dataset.fetch_dataset(data_dir=data),
    lambda: write_json(disk + "/metrics.json", list(range(10**6))),
):
    try:
        work()
    except OSError as error:
        print(error)
print(open(disk + "/metrics.json").read().split())
"""


@pytest.mark.fault("refused")
def test_a_disk_that_is_really_full(folder):
    lay_out(folder, "lfw.tgz")
    disk = folder / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size=100k tmpfs "{disk}"'
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*unshare, mount], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    script = [sys.executable, "-c", SMALL_DISK, disk, folder]
    out = subprocess.run(
        [*unshare, f'{mount} && exec "$@"', "sh", *map(str, script)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    first, second, old = out.stdout.splitlines()
    assert "No space left" in first and "no room for what is prepared" in first
    assert "no room to write it (No space left on device)" in second
    assert old == "['{', '\"old\":', '1', '}']"


# ---- Folders that can only be read


def as_nobody():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


@pytest.mark.parametrize("cache", ["none", "empty"])
@pytest.mark.fault("survived")
def test_folders_that_only_others_may_write_to(monkeypatch, cache):
    """Run as nobody where the tests run as root, to whom every folder is open."""
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top, "nur lesen ä")
        own = Path(top, "own")
        own.mkdir()
        lay_out(folder, "lfw.tgz")
        monkeypatch.setattr(get_dataset, "CACHE_DIRS", [Path(top, "first")])
        fetch_dataset(data_dir=folder)  # imports what nobody may be unable to read
        monkeypatch.setattr(get_dataset, "CACHE_DIRS", [folder / "cache", own / "cache"])
        os.chmod(top, 0o755)
        if cache == "empty":
            (folder / "cache").mkdir(mode=0o555)
        os.chmod(folder, 0o555)
        if os.getuid() == 0:
            os.chown(own, 65534, 65534)

        def work():
            assert_all_there(*fetch_dataset(data_dir=folder))
            assert not list(folder.glob("cache/*")) and list(own.glob("cache/lfw*"))
            for missing in ("elsewhere", "MNIST"):
                try:
                    get_dataset.fetch_mnist("mnist", data_dir=folder / missing)
                except FileNotFoundError as error:
                    assert "cannot be put there" in str(error) and "DATA_DIR" in str(error)
            with pytest.raises(PermissionError, match="may not be written to.*OUTPUT_DIR") as error:
                write_json(folder / "metrics.json", {})
            assert error.value.filename == str(folder / "metrics.json")

        assert in_child(work, as_nobody).said == ""
        os.chmod(folder, 0o755)


@pytest.mark.fault("survived")
def test_a_cache_that_others_have_made_is_read(monkeypatch):
    """A course folder that a whole class shares."""
    with tempfile.TemporaryDirectory() as top:
        lay_out(Path(top), "lfw.tgz")
        monkeypatch.setattr(get_dataset, "CACHE_DIRS", [Path(top, "cache")])
        fetch_dataset(data_dir=top)
        folders = [Path(top), *(path for path in Path(top).rglob("*") if path.is_dir())]
        for folder in folders:
            os.chmod(folder, 0o555)
        assert (
            in_child(lambda: assert_all_there(*fetch_dataset(data_dir=top)), as_nobody).said == ""
        )
        for folder in folders:
            os.chmod(folder, 0o755)


# ---- Two at once


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.fault("survived")
def test_two_save_at_once_and_a_third_reads_a_whole_file(folder, name):
    path = folder / name
    whole = []
    for value in (1.0, 2.0):
        WRITERS[name](path, value)
        whole.append(READERS[name](path))
    children = [
        begin(lambda value=value: [WRITERS[name](path, value) for _ in range(20)])
        for value in (1.0, 2.0)
    ]
    reads, ended = 0, {}
    while len(ended) < 2:
        assert READERS[name](path) in whole
        reads += 1
        for child in set(children) - ended.keys():
            pid, status = os.waitpid(child, os.WNOHANG)
            ended |= {pid: status} if pid else {}
    assert set(ended.values()) == {0}
    assert reads > 5 and [file.name for file in folder.iterdir()] == [name]


@pytest.mark.fault("survived")
def test_two_download_at_once_and_the_server_is_asked_once(folder, mirror, monkeypatch):
    serve_digits(mirror, monkeypatch)

    def get():
        assert digits.read_mnist(folder / "data")[1].tolist() == [0, 1, 2, 3, 4, 5]

    children = [begin(get) for _ in range(2)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    asked = mirror.log.read_text(encoding="utf-8")
    assert [asked.count(f"GET /{name}.gz") for name in digits.MD5] == [1, 1, 1, 1]
    left = {file.name for file in (folder / "data" / "MNIST" / "raw").iterdir()}
    assert left - {".download.lock"} == set(digits.MD5) | {f"{name}.gz" for name in digits.MD5}


@pytest.mark.fault("survived")
def test_replacing_a_file_with_another_that_is_being_read(folder):
    """A reader that has mapped the old weights keeps them."""
    path = folder / "model.safetensors"
    save_weights(path, Net(1.0), {"model": {}}, HISTORY)
    tensors, _ = read_weights(path)
    save_weights(path, Net(2.0), {"model": {}}, HISTORY)
    assert (tensors["weights"] == 1).all() and (read_weights(path)[0]["weights"] == 2).all()
