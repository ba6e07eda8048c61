"""The training loop learns, can be repeated and interrupted, and says what is wrong."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from helpers.notebooks import ROOT, definitions
from helpers.training.loop import evaluate, fit, random_flip, to_tensor, to_unit


class Small(nn.Module):
    """An autoencoder with all that must survive a checkpoint: running statistics and dropout."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.Dropout(0.1)
        )
        self.decoder = nn.ConvTranspose2d(8, 3, 2, stride=2)

    def forward(self, x):
        return self.decoder(self.encoder(x))


def mse(model, x):
    return {"loss": F.mse_loss(model(x), x)}


def noisy_mse(model, x):
    return {"loss": F.mse_loss(model(x + 0.1 * torch.randn_like(x)), x)}


def smooth_faces():
    coarse = torch.rand(160, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    images = F.interpolate(coarse, size=(16, 16), mode="bilinear")
    return to_tensor((255 * images).byte().permute(0, 2, 3, 1).numpy())


@pytest.fixture(scope="module")
def faces():
    """160 smooth colour images."""
    return smooth_faces()


def train(faces, *, loss_fn=noisy_mse, model=None, **settings):
    torch.manual_seed(0)
    model = model or Small()
    settings = {"epochs": 3, "batch_size": 16, "lr": 1e-2, "augment": random_flip} | settings
    history = fit(model, (faces[:128],), (faces[128:],), loss_fn, **settings)
    return model, history


def same_weights(a, b):
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x.cpu(), y.cpu()) for x, y in pairs)


def test_images_become_a_tensor_and_back():
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 4, 3), dtype=np.uint8)
    tensor = to_tensor(images)
    assert tensor.dtype == torch.uint8 and tensor.shape == (5, 3, 6, 4)
    assert np.array_equal(tensor.permute(0, 2, 3, 1).numpy(), images)
    assert to_tensor(images[..., 0]).shape == (5, 1, 6, 4)
    unit = to_unit(tensor)
    assert unit.dtype == torch.float32
    assert torch.equal((unit * 255).round().byte(), tensor)


@pytest.mark.parametrize("images", [np.zeros((2, 8, 8, 3)), np.zeros((8, 8), np.uint8)])
def test_other_arrays_are_no_images(images):
    with pytest.raises(ValueError, match="images must be uint8 of shape"):
        to_tensor(images)


def test_a_read_only_memory_map_can_be_used(tmp_path):
    np.save(tmp_path / "photos.npy", np.full((2, 4, 4, 3), 7, np.uint8))
    assert (to_tensor(np.load(tmp_path / "photos.npy", mmap_mode="r")) == 7).all()


def test_half_of_the_images_are_mirrored_whole():
    images = torch.rand(400, 3, 4, 5)
    flipped = random_flip(images)
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert (mirrored ^ kept).all() and 0.4 < mirrored.float().mean() < 0.6


def test_training_lowers_the_loss_and_records_it(faces):
    model, history = train(faces, epochs=12)
    assert list(history["epoch"]) == list(range(1, 13))
    assert history["val_loss"].iloc[-1] < 0.5 * history["val_loss"].iloc[0]
    assert (history["seconds"].diff().dropna() > 0).all()
    assert history["lr"].max() <= 1e-2 and history["lr"].iloc[-1] < 1e-3  # warm-up, then cosine
    assert not history.attrs["interrupted"] and not model.training
    held_out = faces[128:].to(next(model.parameters()).device)
    measured = evaluate(model, (held_out,), noisy_mse)["loss"]
    assert measured == pytest.approx(history["val_loss"].iloc[-1], rel=1e-6)


def test_every_term_of_the_loss_and_every_label_arrive(faces):
    seen = []

    def loss_fn(model, x, label, weight):
        seen.append((label.shape, weight.dtype))
        return {"loss": mse(model, x)["loss"], "label": label.float().mean()}

    labels = torch.full((160,), 3), torch.ones(160)
    train_data, val_data = zip(*((t[:128], t[128:]) for t in (faces, *labels)), strict=True)
    history = fit(Small(), train_data, val_data, loss_fn, epochs=1, batch_size=32)
    assert history["val_label"].iloc[0] == 3
    assert seen[0] == (torch.Size([32]), torch.float32)


def test_the_mean_of_evaluate_is_over_images_not_batches(faces):
    def first_pixel(model, x):
        return {"loss": x[:, 0, 0, 0].mean()}

    expected = to_unit(faces)[:, 0, 0, 0].mean().item()
    assert evaluate(Small(), (faces,), first_pixel, batch_size=111)["loss"] == pytest.approx(
        expected, rel=1e-5
    )


def test_evaluate_repeats_its_noise_and_leaves_the_random_stream(faces):
    model = Small()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    assert evaluate(model, (faces,), noisy_mse) == evaluate(model, (faces,), noisy_mse)
    assert torch.equal(torch.rand(3), expected)


def test_the_seed_decides_the_weights(faces):
    first, again, other = (train(faces, seed=seed)[0] for seed in (1, 1, 2))
    assert same_weights(first, again)
    assert not same_weights(first, other)


class Killed(BaseException):
    """What `fit` does not catch, as it cannot catch the end of its process."""


@pytest.mark.parametrize("killed_at", [1, 2])
@pytest.mark.fault("survived")
def test_a_killed_run_goes_on_to_the_weights_of_an_uninterrupted_one(faces, tmp_path, killed_at):
    whole, history = train(faces)
    checkpoint = tmp_path / "checkpoint.safetensors"
    steps = 0

    def loss_that_kills(model, x):
        nonlocal steps
        steps += model.training
        if steps == killed_at * 8 + 4:  # 8 steps an epoch
            raise Killed
        return noisy_mse(model, x)

    with pytest.raises(Killed):
        train(faces, loss_fn=loss_that_kills, checkpoint=checkpoint)
    resumed, resumed_history = train(faces, checkpoint=checkpoint)
    assert same_weights(whole, resumed)
    losses = ["epoch", "lr", "train_loss", "val_loss"]
    assert resumed_history[losses].equals(history[losses])
    assert list(tmp_path.iterdir()) == []  # the checkpoint has done its duty


@pytest.mark.fault("survived")
def test_the_state_of_the_course_s_own_optimizer_is_gone_on_from(faces, tmp_path):
    descent = definitions("autoencoders_fc").OrthogonalDescent

    def run(loss_fn=mse, **settings):
        torch.manual_seed(0)
        model = nn.Linear(16, 16, bias=False)  # row by row of an image
        return train(
            faces, loss_fn=loss_fn, model=model, optimizer=descent, weight_decay=0.0, **settings
        )[0]

    checkpoint = tmp_path / "checkpoint.safetensors"

    def loss_that_kills(model, x):
        if checkpoint.exists() and model.training:
            raise Killed
        return mse(model, x)

    with pytest.raises(Killed):
        run(loss_that_kills, checkpoint=checkpoint)
    assert same_weights(run(checkpoint=checkpoint), run())


@pytest.mark.fault("refused")
def test_a_checkpoint_of_other_settings_is_not_gone_on_from(faces, tmp_path, capsys):
    checkpoint = tmp_path / "checkpoint.safetensors"

    def loss_that_kills(model, x):
        if checkpoint.exists():
            raise Killed
        return noisy_mse(model, x)

    with pytest.raises(Killed):
        train(faces, loss_fn=loss_that_kills, checkpoint=checkpoint, lr=1e-3)
    other, _ = train(faces, checkpoint=checkpoint)
    printed = capsys.readouterr().out
    assert "is of another training (lr 0.001 there, 0.01 here): not gone on from" in printed
    assert same_weights(other, train(faces)[0])

    resumed, _ = train(faces, checkpoint=checkpoint, lr=1e-3)  # nothing was lost
    assert "Going on after epoch 1" in capsys.readouterr().out
    assert same_weights(resumed, train(faces, lr=1e-3)[0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("refused")
def test_a_checkpoint_of_another_loss_is_not_gone_on_from(faces, tmp_path, capsys):
    """What no setting shows, such as a weight inside the loss."""
    checkpoint = tmp_path / "checkpoint.safetensors"
    interrupted_after_one_epoch(faces, checkpoint)

    def twice(model, x):
        return {"loss": 2 * noisy_mse(model, x)["loss"]}

    other, _ = train(faces, loss_fn=twice, checkpoint=checkpoint)
    assert "is of another training (loss_before_training" in capsys.readouterr().out
    assert same_weights(other, train(faces, loss_fn=twice)[0])


def interrupted_after_one_epoch(faces, checkpoint):
    def loss_that_interrupts(model, x):
        if checkpoint.exists() and model.training:
            raise KeyboardInterrupt
        return noisy_mse(model, x)

    return train(faces, loss_fn=loss_that_interrupts, checkpoint=checkpoint)


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty", "text", "bits"])
@pytest.mark.fault("survived")
def test_a_damaged_checkpoint_is_said_and_replaced(faces, tmp_path, capsys, damage):
    checkpoint = tmp_path / "checkpoint.safetensors"
    interrupted_after_one_epoch(faces, checkpoint)
    content = checkpoint.read_bytes()
    if damage == "foreign":
        save_file({"weights": torch.zeros(3)}, checkpoint)
    else:
        header = b"\xff" * 8 + content[8:]
        damaged = {"truncated": content[:-100], "empty": b"", "text": b"hello", "bits": header}
        checkpoint.write_bytes(damaged[damage])
    model, _ = train(faces, checkpoint=checkpoint)
    assert "is damaged or no checkpoint" in capsys.readouterr().out
    assert same_weights(model, train(faces)[0])


PROGRAM = """
import sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from test_training import smooth_faces, train

torch.set_num_threads(1)
model, _ = train(smooth_faces(), epochs=40, checkpoint=Path(sys.argv[1]) / "checkpoint.safetensors")
weights = {name: value.contiguous() for name, value in model.state_dict().items()}
save_file(weights, Path(sys.argv[1]) / "done.safetensors")
"""


@pytest.mark.fault("survived")
def test_sigkill_at_any_moment_changes_nothing(tmp_path):
    """A real process, killed again and again: as a checkpoint is there, and soon after."""

    def start(folder):
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-c", PROGRAM, str(folder)]
        paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
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


def test_another_optimizer_can_be_given(faces):
    class Still(torch.optim.SGD):
        def step(self):
            pass

    model, _ = train(faces, optimizer=Still)
    torch.manual_seed(0)
    for before, after in zip(Small().parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(before, after.cpu())


@pytest.mark.fault("survived")
def test_interrupting_the_kernel_keeps_the_weights_so_far(faces, tmp_path, capsys):
    checkpoint = tmp_path / "checkpoint.safetensors"
    model, history = interrupted_after_one_epoch(faces, checkpoint)
    assert history.attrs["interrupted"] and len(history) == 1
    printed = capsys.readouterr().out
    loss = history["val_loss"].iloc[0]
    assert (
        f"Interrupted in epoch 2 of 3: the best weights so far (held-out loss {loss:.5g}" in printed
    )
    assert evaluate(model, (faces[128:],), noisy_mse)["loss"] == pytest.approx(loss)
    assert checkpoint.exists() and not model.training
    resumed, _ = train(faces, checkpoint=checkpoint)
    assert same_weights(resumed, train(faces)[0])


@pytest.mark.fault("refused")
def test_a_loss_that_is_no_number_stops_the_training(faces):
    def diverging(model, x):
        return {"loss": mse(model, x)["loss"] * float("nan")}

    with pytest.raises(FloatingPointError, match="became nan in epoch 1: lower lr"):
        train(faces, loss_fn=diverging)


@pytest.mark.fault("refused")
def test_a_held_out_loss_that_is_no_number_stops_the_training_too(faces):
    def diverging(model, x):
        return {"loss": mse(model, x)["loss"] / (1 if model.training else 0)}

    with pytest.raises(FloatingPointError, match="held-out loss became inf in epoch 1"):
        train(faces, loss_fn=diverging)


@pytest.mark.fault("refused")
def test_too_little_memory_says_what_to_lower(faces):
    def greedy(model, x):
        return {"loss": torch.empty(2**50).sum() + mse(model, x)["loss"]}

    with pytest.raises(MemoryError, match=r"lower batch_size \(now 16\), the model's width, or"):
        train(faces, loss_fn=greedy)


def test_mixed_precision_leaves_the_model_as_it_was(faces):
    """What a GPU does, on the CPU: the loss under autocast, the weights in float32."""
    seen = []

    def half(model, x):
        with torch.autocast("cpu", torch.bfloat16):
            recon = model(x)
        seen.append(recon.dtype)
        return {"loss": F.mse_loss(recon.float(), x)}

    model, history = train(faces, loss_fn=half, epochs=12)
    assert set(seen) == {torch.bfloat16}
    assert history["val_loss"].iloc[-1] < 0.5 * history["val_loss"].iloc[0]
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model(to_unit(faces[:2])).dtype == torch.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"batch_size": -1}, "batch_size must be a whole number of at least 1, got -1"),
        ({"lr": 0}, "lr must be above 0"),
        ({"lr": float("nan")}, "lr must be above 0"),
        ({"ema_decay": 1.0}, r"ema_decay must be in \[0, 1\), got 1.0"),
    ],
)
@pytest.mark.fault("refused")
def test_bad_settings_are_refused(faces, settings, message):
    with pytest.raises(ValueError, match=message):
        train(faces, **settings)


@pytest.mark.fault("refused")
def test_data_of_unequal_length_are_refused(faces):
    with pytest.raises(ValueError, match=r"train must hold tensors of one length.*\[160, 3\]"):
        fit(Small(), (faces, torch.zeros(3)), (faces,), mse, epochs=1)
    with pytest.raises(ValueError, match="val must hold tensors"):
        fit(Small(), (faces,), (faces[:0],), mse, epochs=1)


def test_importing_the_helpers_has_no_side_effect(tmp_path):
    """No file, no output, no seed, no figure."""
    program = """
import pkgutil, random, sys
import numpy, torch
import matplotlib.pyplot as plt
import helpers
before = torch.get_rng_state(), numpy.random.get_state()[1].copy(), random.getstate()
for module in pkgutil.iter_modules(helpers.__path__):
    __import__(f"helpers.{module.name}")
assert torch.equal(before[0], torch.get_rng_state())
assert (before[1] == numpy.random.get_state()[1]).all() and before[2] == random.getstate()
assert not plt.get_fignums()
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:helpers", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
