"""A killed training goes on to the weights of an uninterrupted one, and mixes with no other."""

import pytest
import torch
from killing import Bomb
from small import Killed, ending, noisy_mse, same_weights, train


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


def twice(model, x):
    return {"loss": 2 * noisy_mse(model, x)["loss"]}


@pytest.mark.parametrize(
    ("name", "change"),
    [("lr", {"lr": 1e-3}), ("epochs", {"epochs": 4}), ("seed", {"seed": 7}),
     ("loss_before_training", {"loss_fn": twice})],  # what no setting shows
)  # fmt: skip
def test_a_checkpoint_of_another_training_is_not_gone_on_from(
    images, checkpoint, capsys, name, change
):
    kill(images, checkpoint)
    other, _ = train(images, checkpoint=checkpoint, **change)
    assert f"of a training with another {name}" in capsys.readouterr().out
    assert same_weights(other, train(images, **change)[0])


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty", "bits", "code"])
def test_a_damaged_checkpoint_is_said_and_replaced(images, checkpoint, capsys, damage):
    kill(images, checkpoint)
    content = checkpoint.read_bytes()
    if damage in ("foreign", "code"):
        bomb = Bomb(checkpoint.with_name("bomb"))
        torch.save(bomb if damage == "code" else {"weights": torch.zeros(3)}, checkpoint)
    else:
        header = b"\xff" * 8 + content[8:]
        damaged = {"truncated": content[:-100], "empty": b"", "bits": header}
        checkpoint.write_bytes(damaged[damage])
    model, _ = train(images, checkpoint=checkpoint)
    assert "is damaged or no checkpoint" in capsys.readouterr().out
    assert same_weights(model, train(images)[0])
    assert list(checkpoint.parent.iterdir()) == []  # nothing in the file was run
