"""The training loop learns, and can be repeated and interrupted."""

import itertools

import pytest
import torch
from small import Small, ending, mse, noisy_mse, same_weights, train
from torch import nn

from helpers.training import progress
from helpers.training.loop import evaluate, fit, moving_average, warmup_cosine


def test_training_lowers_the_loss_and_records_it(images):
    model, history = train(images, epochs=12)
    assert list(history["epoch"]) == list(range(1, 13))
    assert history["val_loss"].iloc[-1] < 0.5 * history["val_loss"].iloc[0]
    assert (history["seconds"].diff().dropna() > 0).all()
    assert history["lr"].max() <= 1e-2 and history["lr"].iloc[-1] < 1e-3  # warm-up, then cosine
    assert not history.attrs["interrupted"] and not model.training
    measured = evaluate(model, (images[128:],), noisy_mse)["loss"]
    assert measured == pytest.approx(history["val_loss"].iloc[-1], rel=1e-6)


def test_every_term_of_the_loss_and_every_label_arrive(images):
    seen = []

    def loss_fn(model, x, label, weight):
        seen.append((label.shape, weight.dtype, model.training))
        return {"loss": mse(model, x)["loss"], "label": label.float().mean()}

    labels = torch.full((160,), 3), torch.ones(160)
    train_data, val_data = zip(*((t[:128], t[128:]) for t in (images, *labels)), strict=True)
    history = fit(Small(), train_data, val_data, loss_fn, epochs=1, batch_size=32)
    assert history["val_label"].iloc[0] == 3
    assert (torch.Size([32]), torch.float32, True) in seen


def test_float_vectors_are_given_as_they_are():
    """Such as codes: (N, D), of any range."""
    codes = 3 * torch.randn(256, 4, generator=torch.Generator().manual_seed(0))
    seen = []

    def loss_fn(model, z):
        seen.append(z)
        return mse(model, z)

    history = fit(nn.Linear(4, 4), (codes,), (codes,), loss_fn, epochs=30, batch_size=32, lr=3e-2)
    assert torch.equal(seen[0].cpu(), codes[:100])
    assert history["val_loss"].iloc[-1] < 0.1 * history["val_loss"].iloc[0]


def test_augment_is_for_training_only(images):
    seen = {True: [], False: []}

    def loss_fn(model, x):
        seen[model.training].append(x)
        return mse(model, x)

    train(images, loss_fn=loss_fn, augment=lambda x: torch.full_like(x, 0.5))
    assert all((x == 0.5).all() for x in seen[True]) and all(x.std() > 0.01 for x in seen[False])


def test_the_rate_rises_for_a_twentieth_and_then_falls_to_nothing():
    rates = [warmup_cosine(step / 1000) for step in range(1000)]
    assert rates[0] == 0.01 and rates[999] < 1e-5 and 40 <= rates.index(max(rates)) <= 50
    assert max(rates) > 0.99 and sorted(rates[50:], reverse=True) == rates[50:]


def test_evaluate_repeats_its_noise_and_weights_its_batches_by_their_size(images):
    model, state = Small(), torch.get_rng_state()
    assert evaluate(model, (images,), noisy_mse) == evaluate(model, (images,), noisy_mse)
    assert torch.equal(torch.get_rng_state(), state)
    numbers = torch.arange(250.0)[:, None]  # batches of 100, 100 and 50
    loss = evaluate(nn.Identity(), (numbers,), lambda model, x: {"loss": model(x).mean()})["loss"]
    assert loss == pytest.approx(124.5)


def test_the_seed_decides_the_weights(images):
    first, again, other = (train(images, seed=seed)[0] for seed in (1, 1, 2))
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_the_average_follows_the_weights_a_few_steps_behind_and_forgets_the_first():
    """About as far as one of every step would: 0.9 / (1 - 0.9) = 9 steps."""
    model = nn.BatchNorm1d(1)
    average = moving_average(model, 0.9)
    for step in range(0, 400, 4):
        nn.init.constant_(model.weight, step)
        nn.init.constant_(model.running_mean, 0 if step else 100)
        average.update_parameters(model)
        assert step != 12 or 0 < average.module.running_mean.item() < 1
    assert 386 < average.module.weight.item() < 392


@pytest.mark.parametrize(("long", "said"), [(0, 1), (5, 0)])
def test_a_long_training_says_so_once_at_its_beginning(images, capsys, monkeypatch, long, said):
    monkeypatch.setattr(progress, "LONG", long)
    train(images, epochs=6, title="slow")
    assert capsys.readouterr().out.count("slow: about 0 minutes on this machine") == said


def test_interrupting_the_kernel_keeps_the_best_weights_so_far(images, tmp_path, capsys):
    checkpoint = tmp_path / "checkpoint.pt"
    model, history = train(images, loss_fn=ending(KeyboardInterrupt, 12), checkpoint=checkpoint)
    assert history.attrs["interrupted"] and len(history) == 1 and not model.training
    loss = history["val_loss"].iloc[0]
    said = f"Interrupted in epoch 2 of 3: the weights of epoch 1 (validation loss {loss:.5g}) are"
    assert said in capsys.readouterr().out
    assert evaluate(model, (images[128:],), noisy_mse)["loss"] == pytest.approx(loss)
    train(images, loss_fn=ending(KeyboardInterrupt, 4), checkpoint=checkpoint)
    assert "in epoch 2 of 3: the weights of epoch 1" in capsys.readouterr().out
    assert same_weights(train(images, checkpoint=checkpoint)[0], train(images)[0])


def test_an_interrupt_keeps_the_best_epoch_and_not_the_latest(images):
    steps, measured = itertools.count(1), itertools.count()

    def worsening(model, x):  # on validation images, from epoch to epoch
        if model.training and next(steps) == 20:
            raise KeyboardInterrupt
        loss = noisy_mse(model, x)["loss"]
        return {"loss": loss if model.training else loss + next(measured)}

    model, history = train(images, loss_fn=worsening)
    first, _ = train(images, loss_fn=ending(KeyboardInterrupt, 12))
    assert len(history) == 2 and same_weights(model, first)


def test_an_interrupt_in_the_first_epoch_keeps_the_weights_of_the_moment(images, capsys):
    model, history = train(images, loss_fn=ending(KeyboardInterrupt, 4))
    assert history.empty and history.attrs["interrupted"]
    assert "no epoch has ended, the weights of this moment are kept" in capsys.readouterr().out
    torch.manual_seed(0)
    assert not same_weights(model, Small())
