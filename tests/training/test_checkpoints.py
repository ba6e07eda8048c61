"""A killed training goes on to the weights of an uninterrupted one, and mixes with no other."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file, save_file
from small import Killed, ending, noisy_mse, same_weights, train

from helpers.notebooks import ROOT


@pytest.fixture
def checkpoint(tmp_path):
    return tmp_path / "checkpoint.safetensors"


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


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(images, checkpoint, capsys):
    kill(images, checkpoint, lr=1e-3)
    other, _ = train(images, checkpoint=checkpoint)
    said = "is of another training (lr 0.001 there, 0.01 here): not gone on from"
    assert said in capsys.readouterr().out
    assert same_weights(other, train(images)[0])

    resumed, _ = train(images, checkpoint=checkpoint, lr=1e-3)  # nothing was lost
    assert "Going on after epoch 1" in capsys.readouterr().out
    assert same_weights(resumed, train(images, lr=1e-3)[0])
    assert list(checkpoint.parent.iterdir()) == []


def test_a_checkpoint_of_another_loss_is_not_gone_on_from(images, checkpoint, capsys):
    """What no setting shows, such as a weight inside the loss."""
    kill(images, checkpoint)

    def twice(model, x):
        return {"loss": 2 * noisy_mse(model, x)["loss"]}

    other, _ = train(images, loss_fn=twice, checkpoint=checkpoint)
    assert "is of another training (loss_before_training" in capsys.readouterr().out
    assert same_weights(other, train(images, loss_fn=twice)[0])


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty", "text", "bits"])
def test_a_damaged_checkpoint_is_said_and_replaced(images, checkpoint, capsys, damage):
    kill(images, checkpoint)
    content = checkpoint.read_bytes()
    if damage == "foreign":
        save_file({"weights": torch.zeros(3)}, checkpoint)
    else:
        header = b"\xff" * 8 + content[8:]
        damaged = {"truncated": content[:-100], "empty": b"", "text": b"hello", "bits": header}
        checkpoint.write_bytes(damaged[damage])
    model, _ = train(images, checkpoint=checkpoint)
    assert "is damaged or no checkpoint" in capsys.readouterr().out
    assert same_weights(model, train(images)[0])


PROGRAM = """
import sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from small import smooth_images, train

torch.set_num_threads(1)
folder = Path(sys.argv[1])
model, _ = train(smooth_images(), epochs=40, checkpoint=folder / "checkpoint.safetensors")
weights = {name: value.contiguous() for name, value in model.state_dict().items()}
save_file(weights, folder / "done.safetensors")
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
    for wait in (0.0, 0.013):
        process = start(folder)
        checkpoint = folder / "checkpoint.safetensors"
        before = written(checkpoint)
        while process.poll() is None and written(checkpoint) == before:
            time.sleep(0.002)
        time.sleep(wait)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert start(folder).wait(timeout=120) == 0
    assert whole.wait(timeout=120) == 0
    whole, again = (load_file(tmp_path / n / "done.safetensors") for n in ("whole", "killed"))
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert not (folder / "checkpoint.safetensors").exists()
