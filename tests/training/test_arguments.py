"""What would go wrong, silently or much later, is refused in a sentence that says what to do."""

import pytest
import torch
from small import Small, mse, train
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from helpers.training.loop import evaluate, fit
from helpers.training.team import Team


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer of at least 1, got 0"),
        ({"batch_size": -1}, "batch_size must be an integer of at least 1, got -1"),
        ({"lr": 0}, "lr must be a number above 0, got 0"),
        ({"lr": "1e-3"}, "lr must be a number above 0, got '1e-3'"),
        ({"ema_decay": 1.0}, "ema_decay must be a number from 0 to below 1, got 1.0"),
    ],
)
def test_settings(images, settings, message):
    with pytest.raises(ValueError, match=message):
        train(images, **settings)


DATA = {
    "float images": (lambda x: (x / 255,), "uint8, 0 to 255, got a float32 tensor.*to_tensor"),
    "int images": (lambda x: (x.int(),), "uint8, 0 to 255, got a int32 tensor"),
    "channels last": (
        lambda x: (x.permute(0, 2, 3, 1),),
        r"channels last: use to_tensor, or train",
    ),
    "no tuple": (lambda x: x, r"must be a tuple of tensors, got a uint8 .*: write \(train,\)"),
    "NumPy": (lambda x: (x.numpy(),), r"train\[0\] must be a tensor, got a NumPy.*to_tensor"),
    "labels": (lambda x: (x, x[:, 0, 0, 0].numpy()), r"train\[1\] must be a tensor.*from_numpy"),
    "loader": (lambda x: DataLoader(TensorDataset(x)), "got a DataLoader: fit makes the batches"),
    "dataset": (lambda x: TensorDataset(x), "got a TensorDataset: fit makes the batches itself"),
    "nothing": (lambda x: (), r"must be a tuple of tensors, got \(\)"),
    "None": (lambda x: None, "must be a tuple of tensors, got None"),
    "flat bytes": (lambda x: (x.flatten(1),), "or float32 vectors"),
    "doubles": (lambda x: (torch.rand(9, 4).double(),), r"float32, got.*use train\[0\].float\(\)"),
    "NaN": (lambda x: (torch.full((9, 4), torch.nan),), "must be finite"),
    "unequal": (lambda x: (x, torch.zeros(3)), r"one length above 0, got \[160, 3\]"),
    "empty": (lambda x: (x[:0],), r"one length above 0, got \[0\]"),
}


@pytest.mark.parametrize("name", DATA)
def test_data(images, name):
    change, message = DATA[name]
    with pytest.raises((TypeError, ValueError), match=message):
        fit(Small(), change(images), (images,), mse, epochs=1)
    message = message.replace("train", "(val|data)")
    for call in (
        lambda data: fit(Small(), (images,), data, mse, epochs=1),
        lambda data: evaluate(Small(), data, mse),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            call(change(images))


def per_image(model, x):
    return {"loss": F.mse_loss(model(x), x, reduction="none").mean((1, 2, 3))}


LOSSES = {
    "a tensor": (lambda m, x: mse(m, x)["loss"], r"must return a dict, got.*\{\"loss\": loss\}"),
    "per image": (per_image, r'"loss" of loss_fn must be a single number.*with .mean\(\)'),
    "no loss": (lambda m, x: {"mse": mse(m, x)["loss"]}, r"\"loss\", which is.*got \['mse'\]"),
    "a number": (lambda m, x: mse(m, x) | {"kl": 0.5}, '"kl" of loss_fn must be a tensor, got 0.5'),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(images, name):
    loss_fn, message = LOSSES[name]
    with pytest.raises((TypeError, ValueError), match=message):
        train(images, loss_fn=loss_fn)


@pytest.mark.parametrize(
    ("in_training", "held_out", "message"),
    [
        (float("nan"), 1, r"training loss became nan in epoch 1: lower lr \(now 0.01\)"),
        (1, float("inf"), "held-out loss became inf in epoch 1"),
    ],
)
def test_a_loss_that_is_no_number_stops_the_training(images, in_training, held_out, message):
    def diverging(model, x):
        return {"loss": mse(model, x)["loss"] * (in_training if model.training else held_out)}

    with pytest.raises(FloatingPointError, match=message):
        train(images, loss_fn=diverging)


def test_too_little_memory_says_what_to_lower(images):
    def greedy(model, x):
        return {"loss": torch.empty(2**50).sum() + mse(model, x)["loss"]}

    with pytest.raises(MemoryError, match="lower batch_size, the model's width, or the images'"):
        train(images, loss_fn=greedy)


@pytest.mark.parametrize(("batch", "nearby"), [(15, "14 or 16"), (1, "2")])
def test_a_batch_that_two_processes_cannot_share_equally(monkeypatch, batch, nearby):
    class Two:
        device, num_processes, is_main_process, backward = torch.device("cpu"), 2, True, None

    monkeypatch.setattr("helpers.training.team.Accelerator", lambda **settings: Two)
    with pytest.raises(ValueError, match=f"multiple of 2, such as {nearby}"):
        Team(batch)
