"""One training loop for every model of the course.

`fit` trains with AdamW (Loshchilov & Hutter, 2019), or another optimizer, under a warm-up and a
cosine learning rate. What it measures and keeps is a moving average of the weights. Every epoch
draws its order and its noise from (seed, epoch), so that a run which was killed and goes on from
its checkpoint ends with the very weights of an uninterrupted one. Each concern beside the loop has
a file of its own: devices and processes (`team`), the average, the journal, checkpoints, and what
is refused (`arguments`). Several processes or machines: README.md in this folder.
"""

import contextlib
import math
from functools import partial

import torch
from accelerate.utils import gather_object

from helpers.data.tensors import as_floats
from helpers.system.memory import return_freed_memory
from helpers.system.processes import this_process
from helpers.training.arguments import check_data, check_settings, checked
from helpers.training.average import MovingAverage
from helpers.training.checkpoints import Checkpoint
from helpers.training.journal import Journal
from helpers.training.team import Team


@contextlib.contextmanager
def explaining_lack_of_memory():
    try:
        yield
    except RuntimeError as error:  # PyTorch's CPU allocator has no exception of its own
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise MemoryError(
            "out of memory: lower batch_size, the model's width, or the images' size"
        ) from error


@explaining_lack_of_memory()
def fit(model, train, val, loss_fn, *, epochs, batch_size=64, lr=1e-3, weight_decay=1e-2,
        optimizer=None, ema_decay=0.995, augment=None, seed=42, checkpoint=None,
        title="training"):  # fmt: skip
    """Train `model`, and leave it in eval mode with the averaged weights.

    Parameters
    ----------
    model : nn.Module
    train, val : tuples of tensors of one length: uint8 images (N, C, H, W), or float32 vectors
        (N, D) such as codes; then any labels
    loss_fn : `loss_fn(model, x, *labels)` -> dict of scalar tensors: "loss" is minimised, all are
        recorded on `val`. Images arrive as floats in [0, 1], vectors as they are.
    epochs, batch_size, seed : int; images a step are counted over all processes
    lr, weight_decay, ema_decay : float; `lr` at its peak; what the average keeps a step, in [0, 1)
    optimizer : torch.optim.Optimizer class, or None for AdamW
    checkpoint : path where the state is kept after every epoch until the training ends, or None;
        `augment` is no part of what tells two trainings apart: another needs another path
    augment, title : callable on a batch as `loss_fn` gets it, or None; str, the progress bar's

    Returns
    -------
    history : DataFrame, a row an epoch: epoch, seconds, lr, train_loss, val_loss, val_TERM. With
        `history.attrs["interrupted"]`, the weights are those of the best epoch so far.

    Raises
    ------
    TypeError, ValueError, FloatingPointError, MemoryError : saying what is wrong and what to do.
    """
    check_settings(epochs, batch_size, lr, ema_decay)
    check_data(train=train, val=val)
    steps = max(1, len(train[0]) // batch_size)
    team = Team(min(batch_size, len(train[0])))
    train, val = team.near(train), team.near(val)
    losses = team.losses(model, loss_fn)
    average = MovingAverage(model, ema_decay)
    optimizer = build(optimizer, model, lr, weight_decay)
    measure = partial(evaluate, average.model, loss_fn=loss_fn, seed=seed)
    run = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "weight_decay": weight_decay,
           "ema_decay": ema_decay, "seed": seed, "images": len(train[0]),
           "loss_before_training": f"{measure([t[:250] for t in val])['loss']:.4g}"}  # fmt: skip
    saved = Checkpoint(checkpoint, run, team, model, average.model, optimizer)
    with Journal(title, epochs, steps, lr, saved.rows, average.model, team) as journal:
        for epoch in range(len(journal.rows), epochs):
            model.train()
            batches = team.batches(train, batch_size, seed, epoch)
            for step, (x, *labels) in enumerate(batches, start=epoch * steps):
                rate = set_rate(optimizer, lr * warmup_cosine(step / (epochs * steps)))
                loss = losses(x if augment is None else augment(x), *labels)
                team.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
                average.update(step)
                journal.note_step(loss)
            team.agree(model, average.model)
            journal.note_epoch(rate, measure(val))
            saved.save(journal.rows)
    return_freed_memory()
    model.eval().load_state_dict(journal.weights())
    if not journal.interrupted:
        saved.remove()
    return journal.history()


@torch.no_grad()
def evaluate(model, data, loss_fn, seed=42):
    """Mean of each term of `loss_fn` over `data`, as `fit`'s `val`: a dict of floats.

    The noise is the same at every call. Several processes share the batches; all of them must call
    it, and all get the same numbers.
    """
    check_data(data=data)
    model.eval()
    state = this_process()
    parts = []
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        batches = zip(*(t.split(100) for t in data), strict=True)
        for i, batch in enumerate(batches):
            if i % state.num_processes != state.process_index:
                continue
            torch.manual_seed(seed * 10_007 + i)
            x, *labels = (t.to(state.device) for t in batch)
            terms = checked(loss_fn(model, as_floats(x), *labels))
            parts.append((i, len(x), {name: v.item() for name, v in terms.items()}))
    parts = sorted(gather_object(parts), key=lambda part: part[0])
    return {
        name: sum(count * terms[name] for _, count, terms in parts) / len(data[0])
        for name in parts[0][2]
    }


def build(optimizer, model, lr, weight_decay):
    """The optimizer of the weights that are learned, of a class; AdamW for None."""
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = optimizer or partial(torch.optim.AdamW, fused=True)
    return optimizer(learned, lr=lr, weight_decay=weight_decay)


def warmup_cosine(progress):
    """The share of the peak learning rate at `progress` in [0, 1) (Loshchilov & Hutter, 2017)."""
    return min(progress / 0.05 + 0.01, 0.5 * (1 + math.cos(math.pi * progress)))


def set_rate(optimizer, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate
