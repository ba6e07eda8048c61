"""What would go wrong, silently or much later, is refused in a sentence that says what to do."""

import math

import pytest
import torch
from small import Small, mse, train
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from helpers.training import devices
from helpers.training.loop import evaluate, fit


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"lr": 0}, "lr"),
        ({"lr": "1e-3"}, "lr"),
        ({"lr": math.inf}, "lr"),
        ({"ema_decay": 1.0}, "ema_decay"),
    ],
)
def test_settings(images, settings, name):
    with pytest.raises(ValueError, match=f"^{name} must be .*got {settings[name]!r}$"):
        train(images, **settings)


DATA = {
    "float images": (lambda x: (x / 255,), r"\[0\] must be uint8 images"),
    "int images": (lambda x: (x.int(),), r"\[0\] must be uint8 images"),
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


def per_image(model, x):
    return {"loss": F.mse_loss(model(x), x, reduction="none").mean((1, 2, 3))}


LOSSES = {
    "a tensor": (lambda m, x: mse(m, x)["loss"], r"must return a dict.*\{\"loss\": loss\}, got"),
    "no loss": (lambda m, x: {"mse": mse(m, x)["loss"]}, r"must return a dict with \"loss\""),
    "per image": (per_image, r'"loss" of loss_fn must be .*single number, got.*with .mean\(\)'),
    "a number": (lambda m, x: mse(m, x) | {"kl": 0.5}, '"kl" of loss_fn must be .*, got 0.5'),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(images, name):
    loss_fn, message = LOSSES[name]
    with pytest.raises(TypeError, match=message):
        train(images, loss_fn=loss_fn)


@pytest.mark.parametrize(
    ("in_training", "on_validation", "message"),
    [
        (float("nan"), 1, "training loss became nan in epoch 1: lower lr"),
        (1, float("inf"), "validation loss became inf in epoch 1"),
    ],
)
def test_a_loss_that_is_no_number_stops_the_training(images, in_training, on_validation, message):
    def diverging(model, x):
        return {"loss": mse(model, x)["loss"] * (in_training if model.training else on_validation)}

    with pytest.raises(FloatingPointError, match=message):
        train(images, loss_fn=diverging)


def test_a_batch_that_two_processes_cannot_share_equally(monkeypatch):
    class Two:
        num_processes = 2

    monkeypatch.setattr(devices, "Accelerator", lambda **settings: Two)
    assert devices.accelerator_for(14) is Two
    with pytest.raises(ValueError, match="must be a multiple of 2, the number of processes, got 1"):
        devices.accelerator_for(15)
