"""One training loop for every model of the course.

`fit` trains with AdamW (Loshchilov & Hutter, 2019) under a warm-up and a cosine learning rate. What
it measures and keeps is a moving average of the weights. Every epoch draws its order and its noise
from (seed, epoch), so that a run which was killed and goes on from its checkpoint ends with the
very weights of an uninterrupted one. Several processes or machines: README.md in this folder.
"""

import math
from functools import partial
from pathlib import Path

import torch
from accelerate.utils import gather_object, send_to_device
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from helpers.data.tensors import as_floats
from helpers.system.memory import return_freed_memory
from helpers.system.processes import this_process
from helpers.training import checkpoint as checkpoints
from helpers.training import devices
from helpers.training.arguments import check_data, check_settings, checked
from helpers.training.progress import Progress

AVERAGE_EVERY = 4  # steps: the average is as good as of every step, at a quarter of the time


def fit(model, train, val, loss_fn, *, epochs, batch_size=64, lr=1e-3, weight_decay=1e-2,
        ema_decay=0.995, augment=None, seed=42, checkpoint=None, title="training"):  # fmt: skip
    """Train `model`, and leave it in eval mode with the averaged weights.

    Parameters
    ----------
    train, val : tuples of tensors of one length: uint8 images (N, C, H, W), or float32 vectors
        (N, D) such as codes; then any labels
    loss_fn : `loss_fn(model, x, *labels)` -> dict of scalar tensors: "loss" is minimised, all are
        recorded on `val`. Images arrive as floats in [0, 1], vectors as they are.
    epochs, batch_size, seed : int; images a step are counted over all processes
    lr, weight_decay, ema_decay : float; `lr` at its peak; what the average keeps a step, in [0, 1)
    checkpoint : path where the state is kept after every epoch until the training ends, or None
    augment, title : callable on a batch as `loss_fn` gets it, or None; str, the progress bar's

    Returns
    -------
    history : DataFrame, a row an epoch: epoch, seconds, lr, train_loss, val_loss, val_TERM. With
        `history.attrs["interrupted"]`, the weights are those of the best epoch so far.
    """
    check_settings(epochs, batch_size, lr, ema_decay)
    check_data(train=train, val=val)
    batch_size = min(batch_size, len(train[0]))
    steps = len(train[0]) // batch_size
    accelerator = devices.accelerator_for(batch_size)
    train, val = send_to_device((train, val), accelerator.device)
    loss_of = devices.prepared_loss(model, loss_fn, accelerator)
    average = moving_average(model, ema_decay)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=lr, weight_decay=weight_decay, fused=True)
    measure = partial(evaluate, average.module, loss_fn=loss_fn, seed=seed)
    run = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "weight_decay": weight_decay,
           "ema_decay": ema_decay, "seed": seed, "images": len(train[0]),
           "model": type(model).__name__, "weights": sum(p.numel() for p in learned),
           "loss_before_training": f"{measure([t[:250] for t in val])['loss']:.4g}"}  # fmt: skip
    parts = {"model": model, "average": average, "optimizer": optimizer}
    path = Path(checkpoint) if checkpoint and accelerator.is_main_process else None
    rows = checkpoints.load(path, run, parts, accelerator)
    with Progress(title, epochs, steps, rows, average.module, accelerator) as progress:
        for epoch in range(len(rows), epochs):
            model.train()
            batches = devices.batches(train, batch_size, seed, epoch, accelerator)
            for step, (x, *labels) in enumerate(batches, start=epoch * steps):
                optimizer.param_groups[0]["lr"] = rate = lr * warmup_cosine(step / (epochs * steps))
                loss = loss_of(x if augment is None else augment(x), *labels)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
                if step % AVERAGE_EVERY == 0:
                    average.update_parameters(model)
                progress.note_step(loss)
            devices.average_batchnorm(accelerator, model, average)
            progress.note_epoch(rate, measure(val))
            if path:
                checkpoints.save(path, run, rows, parts)
    return_freed_memory()
    model.eval().load_state_dict(progress.weights())
    if path and not progress.interrupted:
        path.unlink(missing_ok=True)
    return progress.history()


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
        for i, batch in enumerate(zip(*(t.split(100) for t in data), strict=True)):
            if i % state.num_processes == state.process_index:
                torch.manual_seed(seed * 10_007 + i)
                x, *labels = send_to_device(batch, state.device)
                terms = checked(loss_fn(model, as_floats(x), *labels))
                parts.append((i, len(x), {name: v.item() for name, v in terms.items()}))
    parts = sorted(gather_object(parts), key=lambda part: part[0])
    names = parts[0][2]
    return {n: sum(count * terms[n] for _, count, terms in parts) / len(data[0]) for n in names}


def moving_average(model, decay):
    """An exponential moving average of the weights, and of BatchNorm's statistics too.

    It generalises better than the last step's weights (Polyak & Juditsky, 1992; Izmailov et al.,
    2018). It keeps `decay` of itself a step, and less at first, to forget the first steps.
    """

    def average(averaged, weights, updates):
        step = AVERAGE_EVERY * int(updates)
        kept = min(decay, (1 + step) / (10 + step)) ** AVERAGE_EVERY
        get_ema_multi_avg_fn(kept)(averaged, weights, updates)

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)


def warmup_cosine(progress):
    """The share of the peak learning rate at `progress` in [0, 1) (Loshchilov & Hutter, 2017)."""
    return min(progress / 0.05 + 0.01, 0.5 * (1 + math.cos(math.pi * progress)))
