"""What would go wrong, silently or much later, is refused in a sentence that says what to do."""

import math

import pytest
import torch
from small import Small, mse, train
from torch.utils.data import DataLoader, TensorDataset

from helpers.training import devices
from helpers.training.loop import evaluate, fit

SETTINGS = [("epochs", 0), ("epochs", True), ("batch_size", 1.5), ("lr", 0), ("lr", "1e-3"),
            ("lr", math.inf), ("ema_decay", 1.0)]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_settings(images, name, value):
    with pytest.raises(ValueError, match=f"^{name} must be .*got {value!r}$"):
        train(images, **{name: value})


DATA = {
    "float images": (lambda x: (x / 255,), r"\[0\] must be uint8 images"),
    "channels last": (lambda x: (x.permute(0, 2, 3, 1),), r"\[0\].permute\(0, 3, 1, 2\)$"),
    "no tuple": (lambda x: x, r"must be a tuple of tensors, \(images,\)"),
    "NumPy": (lambda x: (x.numpy(),), r"with to_tensor\(images\)"),
    "labels": (lambda x: (x, x[:, 0, 0, 0].numpy()), "must be a tuple of tensors"),
    "loader": (lambda x: DataLoader(TensorDataset(x)), "must be a tuple of tensors.*DataLoader"),
    "nothing": (lambda x: (), r"must be a tuple of tensors.*got \(\)"),
    "flat bytes": (lambda x: (x.flatten(1),), "or float32 vectors"),
    "doubles": (lambda x: (torch.rand(9, 4).double(),), "or float32 vectors.*got a float64"),
    "NaN": (lambda x: (torch.full((9, 4), torch.nan),), "must be finite"),
    "unequal": (lambda x: (x, torch.zeros(3)), r"one length above 0, got \[160, 3\]"),
    "empty": (lambda x: (x[:0],), r"one length above 0, got \[0\]"),
}


@pytest.mark.parametrize("name", DATA)
def test_data(images, name):
    change, message = DATA[name]
    wrong = change(images)
    for argument, call in {
        "train": lambda: fit(Small(), wrong, (images,), mse, epochs=1),
        "val": lambda: fit(Small(), (images,), wrong, mse, epochs=1),
        "data": lambda: evaluate(Small(), wrong, mse),
    }.items():
        with pytest.raises((TypeError, ValueError), match=f"{argument}.*{message}"):
            call()


LOSSES = {
    "a tensor": (lambda loss: loss, r"must return a dict.*\{\"loss\": loss\}, got a float32 t"),
    "no loss": (lambda loss: {"mse": loss}, r"must return a dict with \"loss\""),
    "per image": (lambda loss: {"loss": loss.repeat(9)}, r'"loss" of loss_fn .*with .mean\(\)'),
    "a number": (lambda loss: {"loss": loss, "kl": 0.5}, '"kl" of loss_fn must be .*, got 0.5'),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(images, name):
    change, message = LOSSES[name]
    with pytest.raises(TypeError, match=message):
        train(images, loss_fn=lambda model, x: change(mse(model, x)["loss"]))


@pytest.mark.parametrize("which", ["training", "validation"])
def test_a_loss_that_is_no_number_stops_the_training(images, which):
    def diverging(model, x):
        infinite = model.training == (which == "training")
        return {"loss": mse(model, x)["loss"] * (math.inf if infinite else 1)}

    with pytest.raises(FloatingPointError, match=f"{which} loss became (inf|nan) in epoch 1"):
        train(images, loss_fn=diverging)


def test_a_batch_that_two_processes_cannot_share_equally(monkeypatch):
    class Two:
        num_processes = 2

    monkeypatch.setattr(devices, "Accelerator", lambda **settings: Two)
    assert devices.accelerator_for(14) is Two
    with pytest.raises(ValueError, match="must be a multiple of 2, the number of processes, got 1"):
        devices.accelerator_for(15)
