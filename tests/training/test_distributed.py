"""Several processes run one notebook: the same weights in all, one set of files, one end."""

import os
import subprocess
import sys

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from helpers.notebooks import ROOT

pytestmark = pytest.mark.slow
CELLS = """
import os
from pathlib import Path
import torch
from small import mse, smooth_images
from torch import nn
from helpers.system.processes import silence_others
from helpers.training.loop import fit

silence_others()
task, rank, steps = os.environ["TASK"], int(os.environ["RANK"]), 0
images = smooth_images()
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Conv2d(3, 3, 5, padding=2)
        self.statistics = nn.BatchNorm2d(3, affine=False)

    def forward(self, x):
        self.statistics(x)
        return self.layers(x)

def loss_fn(model, x):
    global steps
    steps += model.training
    if task == "die" and rank == 1 and steps == 6:  # in the second epoch
        raise RuntimeError("the second process is out of luck")
    return mse(model, x)
# %%
torch.manual_seed(0)
model = Net()
checkpoint = Path("checkpoint.pt" if rank == 0 else "the disk of another machine")
history = fit(model, (images[:128],), (images[128:],), loss_fn, epochs=2, batch_size=32, lr=1e-2,
              checkpoint=checkpoint)
torch.save([model.state_dict(), history.val_loss.tolist()], f"{task}-{rank}.pt")
print("done", len(history))
# %%
os._exit(0)  # gloo's threads outlive their group, and may abort a process that ends as usual
"""


def run_notebook(folder, task, processes):
    cells = [new_code_cell(cell) for cell in CELLS.split("# %%")]
    nbformat.write(new_notebook(cells=cells), folder / "notebook.ipynb")
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "training")))
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "TASK": task}
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    return subprocess.run(
        [sys.executable, *launcher, "-m", "IPython", "notebook.ipynb"], cwd=folder,
        env=environment | {"IPYTHONDIR": str(folder)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_two_processes_end_as_one_does(tmp_path):
    for task, processes in {"one": 1, "two": 2}.items():
        result = run_notebook(tmp_path, task, processes)
        assert result.returncode == 0 and "Warning" not in result.stderr, result.stderr
        assert result.stdout.count("done 2") == 1
    (one, losses), (first, _), (second, same_losses) = (
        torch.load(tmp_path / f"{name}.pt") for name in ("one-0", "two-0", "two-1")
    )
    for name in one:
        assert torch.equal(first[name], second[name])
        if not name.endswith("running_var"):  # of half a batch in each process
            torch.testing.assert_close(one[name], first[name], rtol=1e-3, atol=1e-4)
    assert losses == pytest.approx(same_losses, rel=1e-3)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_the_death_of_one_ends_the_run_with_its_error_and_the_others_can_go_on(tmp_path):
    result = run_notebook(tmp_path, "die", 2)
    assert result.returncode != 0 and "the second process is out of luck" in result.stderr
    assert not list(tmp_path.glob("die-*")) and (tmp_path / "checkpoint.pt").exists()

    result = run_notebook(tmp_path, "again", 2)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("Going on after epoch 1 of an interrupted run.") == 1
    (first, _), (second, _) = (torch.load(tmp_path / f"again-{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
