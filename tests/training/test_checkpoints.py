"""A killed training goes on to the weights of an uninterrupted one, and mixes with no other."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from killing import Bomb
from small import Killed, ending, noisy_mse, same_weights, train

from helpers.notebooks import ROOT


@pytest.fixture
def checkpoint(tmp_path):
    return tmp_path / "checkpoint.pt"


def kill(images, checkpoint, step=12, **settings):
    with pytest.raises(Killed):
        train(images, loss_fn=ending(Killed, step), checkpoint=checkpoint, **settings)


@pytest.mark.parametrize("killed_at", [12, 20])
def test_a_killed_run_goes_on_to_the_weights_of_an_uninterrupted_one(images, checkpoint, killed_at):
    whole, history = train(images)
    kill(images, checkpoint, killed_at)
    resumed, resumed_history = train(images, checkpoint=checkpoint)
    assert same_weights(whole, resumed)
    losses = ["epoch", "lr", "train_loss", "val_loss"]
    assert resumed_history[losses].equals(history[losses])
    assert list(checkpoint.parent.iterdir()) == []  # the checkpoint has done its duty


@pytest.mark.parametrize("change", [{"lr": 1e-3}, {"epochs": 4}, {"seed": 7}])
def test_a_checkpoint_of_other_settings_is_not_gone_on_from(images, checkpoint, capsys, change):
    kill(images, checkpoint, **change)
    other, _ = train(images, checkpoint=checkpoint)
    assert f"of a training with another {next(iter(change))}" in capsys.readouterr().out
    assert same_weights(other, train(images)[0])


def test_a_checkpoint_of_another_loss_is_not_gone_on_from(images, checkpoint, capsys):
    """What no setting shows, such as a weight inside the loss."""
    kill(images, checkpoint)

    def twice(model, x):
        return {"loss": 2 * noisy_mse(model, x)["loss"]}

    other, _ = train(images, loss_fn=twice, checkpoint=checkpoint)
    assert "a training with another loss_before_training" in capsys.readouterr().out
    assert same_weights(other, train(images, loss_fn=twice)[0])


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty", "text", "bits"])
def test_a_damaged_checkpoint_is_said_and_replaced(images, checkpoint, capsys, damage):
    kill(images, checkpoint)
    content = checkpoint.read_bytes()
    if damage == "foreign":
        torch.save({"weights": torch.zeros(3)}, checkpoint)
    else:
        header = b"\xff" * 8 + content[8:]
        damaged = {"truncated": content[:-100], "empty": b"", "text": b"hello", "bits": header}
        checkpoint.write_bytes(damaged[damage])
    model, _ = train(images, checkpoint=checkpoint)
    assert "is damaged or no checkpoint" in capsys.readouterr().out
    assert same_weights(model, train(images)[0])


def test_a_checkpoint_runs_no_code(images, checkpoint):
    torch.save(Bomb(checkpoint.with_name("bomb")), checkpoint)
    train(images, checkpoint=checkpoint)
    assert not checkpoint.with_name("bomb").exists()


PROGRAM = """
import sys
from pathlib import Path
import torch
from small import smooth_images, train

torch.set_num_threads(1)
folder = Path(sys.argv[1])
model, _ = train(smooth_images(), epochs=40, checkpoint=folder / "checkpoint.pt")
torch.save(model.state_dict(), folder / "done.pt")
"""


@pytest.mark.slow
def test_sigkill_at_any_moment_changes_nothing(tmp_path):
    """A real process, killed again and again: as a checkpoint is there, and soon after."""

    def start(folder):
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-c", PROGRAM, str(folder)]
        paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "training")))
        environment = os.environ | {"PYTHONPATH": paths}
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def written(checkpoint):
        return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0

    whole = start(tmp_path / "whole")
    folder = tmp_path / "killed"
    for wait in (0.0, 0.01):
        process = start(folder)
        checkpoint = folder / "checkpoint.pt"
        before = written(checkpoint)
        while process.poll() is None and written(checkpoint) == before:
            time.sleep(0.002)
        time.sleep(wait)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert start(folder).wait(timeout=120) == 0
    assert whole.wait(timeout=120) == 0
    whole, again = (torch.load(tmp_path / n / "done.pt") for n in ("whole", "killed"))
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert not (folder / "checkpoint.pt").exists()
