"""One training loop for every model of the course."""

import contextlib
import copy
import math
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn
from tqdm import tqdm

from helpers.system.memory import keep_freed_memory
from helpers.system.processes import on_cpu, this_process
from helpers.training.checkpoints import load_checkpoint, save_checkpoint

READ_EVERY = 20  # steps between two looks at the loss: a look makes a GPU wait


def to_tensor(images):
    """Images as a tensor that still takes one byte a value.

    Parameters
    ----------
    images : uint8 array (N, H, W, 3) or (N, H, W), values 0..255

    Returns
    -------
    uint8 tensor (N, 3, H, W) or (N, 1, H, W), channels last in memory

    Raises
    ------
    ValueError : if the images have another type or shape.
    """
    images = np.array(images)  # a copy: torch does not take read-only memory maps
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(
            "images must be uint8 of shape (N, H, W, 3) or (N, H, W), "
            f"got {images.dtype} of shape {images.shape}"
        )
    if images.ndim == 3:
        images = images[..., None]
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def to_unit(images):
    """uint8 images 0..255 -> float32 images in [0, 1]; shape and memory layout stay."""
    return images / 255  # in one step: a copy in float would take as much memory again


def random_flip(images):
    """Mirror each image of (B, C, H, W) left to right with probability one half."""
    flip = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(flip, images.flip(-1), images)


def fit(
    model,
    train,
    val,
    loss_fn,
    *,
    epochs,
    batch_size=64,
    lr=1e-3,
    weight_decay=1e-2,
    optimizer=None,
    ema_decay=0.995,
    augment=None,
    seed=42,
    checkpoint=None,
    title="training",
):
    """Train `model`; leave it in eval mode with the averaged weights.

    AdamW (Loshchilov & Hutter, 2019), or another optimizer, under a warm-up and a cosine learning
    rate. The weights that are measured and kept are an exponential moving average over the steps,
    which generalises better than the last step's (Polyak & Juditsky, 1992; Izmailov et al., 2018).
    Devices, precision and processes are left to Hugging Face `accelerate`: each of several
    processes (torchrun) takes its share of every batch, with its own noise, and the gradients are
    averaged. BatchNorm normalises with the statistics of each process's share; its running
    statistics are averaged every epoch. Every epoch draws its order and its noise from (seed,
    epoch), so that a run which was killed and goes on from its checkpoint ends with the very
    weights of an uninterrupted one.

    Parameters
    ----------
    model : nn.Module
    train, val : tuples of tensors of one length: uint8 images (N, C, H, W), then any labels
    loss_fn : callable
        `loss_fn(model, images, *labels)`, images float in [0, 1], returns a dict of scalar
        tensors: "loss" is minimised, the other terms are recorded.
    epochs, batch_size : int; images a step are counted over all processes
    lr : float, the learning rate at its peak
    weight_decay : float
    optimizer : torch.optim.Optimizer class, built with the parameters, lr and weight_decay;
        None: AdamW
    ema_decay : float in [0, 1), how much of the average a step keeps
    augment : callable on float images (B, C, H, W), or None
    seed : int
    checkpoint : path or None
        Where the state is kept after every epoch. A file of the same run is gone on from, one
        of another run is set aside. Removed when the training has ended.
    title : str, the progress bar's

    Returns
    -------
    history : DataFrame, a row an epoch: epoch, seconds, lr, train_loss, val_loss and each
        further term of the loss on `val`. `history.attrs["interrupted"]` is True where the
        kernel was interrupted: then the model has the averaged weights of the epoch with the
        lowest held-out loss, or of that moment where no epoch has ended. (Several processes
        stop with a KeyboardInterrupt instead; the checkpoint stays.)

    Raises
    ------
    ValueError : where a setting is out of range, the data are empty or unequally long, or
        several processes find unequal checkpoints.
    FloatingPointError : as soon as the loss is seen to be infinite or not a number.
    MemoryError : where the device has too little memory; says which settings to lower.
    """
    _check(train, val, epochs, batch_size, lr, ema_decay)
    keep_freed_memory()
    accelerator = _accelerator()
    device, processes = accelerator.device, accelerator.num_processes
    _check_share(min(batch_size, len(train[0])), processes)
    train, val = ([_near(t, device) for t in data] for data in (train, val))
    model.to(device, memory_format=torch.channels_last)
    learned = [p for p in model.parameters() if p.requires_grad]
    build = optimizer or partial(torch.optim.AdamW, fused=True)
    optimizer = build(learned, lr=lr, weight_decay=weight_decay)
    losses = accelerator.prepare(_Losses(model, loss_fn))
    if processes > 1:
        losses.broadcast_buffers = False  # BatchNorm's are averaged instead, no others change
    average = copy.deepcopy(model).requires_grad_(False)

    with _explaining_lack_of_memory(batch_size):
        before = evaluate(average, [t[:250] for t in val], loss_fn, seed=seed)["loss"]
    run = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "weight_decay": weight_decay,
           "ema_decay": ema_decay, "seed": seed, "images": len(train[0]),
           "optimizer": type(optimizer).__name__, "model": type(model).__name__,
           "weights": sum(p.numel() for p in model.parameters()),
           "loss_before_training": f"{before:.4g}"}  # tells other data and losses  # fmt: skip
    rows = []
    if checkpoint is not None:
        checkpoint = Path(checkpoint)
        with accelerator.main_process_first():
            rows = load_checkpoint(checkpoint, run, model, average, optimizer)
        _check_same_checkpoint(checkpoint, len(rows))
    best = _Best(rows, average)
    averaged = list(_changing(model, average))
    steps = max(1, len(train[0]) // batch_size)
    started = time.time() - (rows[-1]["seconds"] if rows else 0)
    bar = tqdm(desc=title, total=epochs * steps, initial=len(rows) * steps, mininterval=1,
               file=sys.stdout, disable=not accelerator.is_main_process)  # fmt: skip
    interrupted = False
    try:
        with _explaining_lack_of_memory(batch_size):
            for epoch in range(len(rows), epochs):
                model.train()
                order = _seeded(seed, epoch, accelerator.process_index, len(train[0]))
                batches = _batches(train, order[: steps * batch_size], batch_size, accelerator)
                total = torch.zeros((), device=device)
                for step, (weight, images, *labels) in enumerate(batches):
                    done = epoch * steps + step
                    rate = lr * _warmup_cosine(done / (epochs * steps))
                    _set_rate(optimizer, rate)
                    images = to_unit(images) if augment is None else augment(to_unit(images))
                    loss = losses(images, *labels) * weight
                    accelerator.backward(loss)
                    optimizer.step()
                    optimizer.zero_grad()
                    _approach(averaged, max(1 - ema_decay, 9 / (10 + done)))
                    total += loss.detach()
                    bar.update()
                    if (step + 1) % READ_EVERY == 0 or step + 1 == steps:
                        bar.set_postfix_str(_shown(total.item() / (step + 1), rows, epoch, lr))
                _agree(accelerator, model, average)
                held_out = evaluate(average, val, loss_fn, seed=seed)
                _finite("held-out", held_out["loss"], epoch, lr)
                rows.append({"epoch": epoch + 1, "seconds": time.time() - started, "lr": rate,
                             "train_loss": accelerator.reduce(total, "mean").item() / steps}
                            | {f"val_{name}": v for name, v in held_out.items()})  # fmt: skip
                best.look(rows, average)
                if checkpoint is not None and accelerator.is_main_process:
                    save_checkpoint(checkpoint, run, rows, model, average, optimizer)
    except KeyboardInterrupt:
        if processes > 1:  # they stopped at different steps
            raise
        interrupted = True
        print(f"\nInterrupted in epoch {len(rows) + 1} of {epochs}: {best} are kept.")
    finally:
        bar.close()
    model.load_state_dict(best.weights if interrupted and rows else average.state_dict())
    model.eval()
    if checkpoint is not None and not interrupted and accelerator.is_main_process:
        checkpoint.unlink(missing_ok=True)
    history = pd.DataFrame(rows)
    history.attrs["interrupted"] = interrupted
    return history


@torch.no_grad()
def evaluate(model, data, loss_fn, batch_size=250, seed=42):
    """Mean of each term of `loss_fn` over `data`, with the same noise at every call.

    Several processes share the batches; all of them must call it, and all get the same numbers.

    Parameters
    ----------
    model, loss_fn, data : as `fit`'s `model`, `loss_fn` and `val`
    batch_size, seed : int

    Returns
    -------
    dict of floats
    """
    model.eval()
    state = this_process()
    parts = []
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        batches = zip(*(t.split(batch_size) for t in data), strict=True)
        for i, (images, *labels) in enumerate(batches):
            if i % state.num_processes != state.process_index:
                continue
            torch.manual_seed(seed * 10_007 + i)
            images, *labels = (t.to(state.device) for t in (images, *labels))
            terms = loss_fn(model, to_unit(images), *labels)
            parts.append((i, len(images), {name: v.item() for name, v in terms.items()}))
    parts = sorted(gather_object(parts), key=lambda part: part[0])
    return {
        name: sum(count * terms[name] for _, count, terms in parts) / len(data[0])
        for name in parts[0][2]
    }


def _check(train, val, epochs, batch_size, lr, ema_decay):
    for name, value in {"epochs": epochs, "batch_size": batch_size}.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if not lr > 0:
        raise ValueError(f"lr must be above 0, got {lr!r}")
    if not 0 <= ema_decay < 1:
        raise ValueError(f"ema_decay must be in [0, 1), got {ema_decay!r}")
    for name, data in {"train": train, "val": val}.items():
        lengths = [len(tensor) for tensor in data]
        if not lengths or min(lengths) == 0 or min(lengths) != max(lengths):
            raise ValueError(f"{name} must hold tensors of one length above 0, got {lengths}")


def _check_share(batch, processes):
    if batch < processes:
        raise ValueError(
            f"batch_size must give each of {processes} processes an image, got {batch} a step"
        )


def _check_same_checkpoint(checkpoint, epochs):
    found = gather_object([epochs])
    if len(set(found)) > 1:
        raise ValueError(
            f"{checkpoint} must be the same for all processes, but it gives them "
            f"{', '.join(map(str, found))} epochs: copy the first machine's to the others, "
            "or delete it on all"
        )


def _warmup_cosine(progress, warmup=0.05):
    """The share of the peak learning rate at `progress` in [0, 1) (Loshchilov & Hutter, 2017)."""
    return min(progress / warmup + 0.01, 0.5 * (1 + math.cos(math.pi * progress)))


def _accelerator():
    half = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return Accelerator(cpu=on_cpu(), mixed_precision="bf16" if half else "no")


def _batches(data, order, batch_size, accelerator):
    """This process's share of every batch, on its device, after the share's weight.

    With the weight, the gradients' average over unequal shares is that over the batch.
    """
    processes = accelerator.num_processes
    for batch in order.split(batch_size):
        share = batch[accelerator.process_index :: processes]
        tensors = (t[share.to(t.device)].to(accelerator.device) for t in data)
        yield len(share) * processes / len(batch), *tensors


def _set_rate(optimizer, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate


class _Losses(nn.Module):
    """The loss as a module: what `accelerate` wraps must be called for gradients to be averaged."""

    def __init__(self, model, loss_fn):
        super().__init__()
        self.model, self.loss_fn = model, loss_fn

    def forward(self, images, *labels):
        return self.loss_fn(self.model, images, *labels)["loss"]


class _Best:
    """The averaged weights of the epoch with the lowest held-out loss since this run began."""

    def __init__(self, rows, average):
        self.row, self.weights = None, None
        if rows:
            self.look(rows, average)

    def look(self, rows, average):
        if self.row is None or rows[-1]["val_loss"] <= self.row["val_loss"]:
            self.row, self.weights = rows[-1], copy.deepcopy(average.state_dict())

    def __str__(self):
        if self.row is None:
            return "no epoch has ended, the weights of this moment"
        loss, epoch = self.row["val_loss"], self.row["epoch"]
        return f"the best weights so far (held-out loss {loss:.5g}, after epoch {epoch})"


def _near(tensor, device):
    """Put a tensor on the device, if that leaves three quarters of its free memory to the model."""
    if device.type == "cuda" and 4 * tensor.nbytes > torch.cuda.mem_get_info(device)[0]:
        return tensor.pin_memory()
    return tensor.to(device)


def _changing(model, average):
    """Pairs of what a step changes: learned weights and BatchNorm's running statistics."""
    fixed = {n for n, p in model.named_parameters() if not p.requires_grad}
    fixed |= {n for n, _ in model.named_buffers() if "running_" not in n}
    new, old = model.state_dict(), average.state_dict()
    return ((old[name], new[name]) for name in new if name not in fixed)


@torch.no_grad()
def _approach(pairs, share):
    """Move the average towards the weights; a larger share at first forgets the first steps."""
    torch._foreach_lerp_([old for old, _ in pairs], [new for _, new in pairs], share)


def _agree(accelerator, *models):
    """Average BatchNorm's running statistics over the processes."""
    if accelerator.num_processes > 1:
        for model in models:
            for name, buffer in model.named_buffers():
                if "running_" in name:
                    buffer.copy_(accelerator.reduce(buffer, "mean"))


@contextlib.contextmanager
def _explaining_lack_of_memory(batch_size):
    try:
        yield
    except RuntimeError as error:  # PyTorch's CPU allocator has no exception of its own
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise MemoryError(
            f"out of memory: lower batch_size (now {batch_size}), the model's width, or the "
            "images' size"
        ) from error


def _seeded(seed, epoch, process, length):
    """Seed this process for an epoch and return the order of the images, the same in all."""
    order = torch.randperm(length, generator=torch.Generator().manual_seed(seed * 10_007 + epoch))
    torch.manual_seed((seed * 10_007 + epoch) * 1_009 + process)
    return order


def _finite(which, loss, epoch, lr):
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the {which} loss became {loss} in epoch {epoch + 1}: lower lr (now {lr}), "
            "or look for a division or a logarithm of 0 in the loss"
        )


def _shown(loss, rows, epoch, lr):
    _finite("training", loss, epoch, lr)
    held_out = f", held out {rows[-1]['val_loss']:.5g}" if rows else ""
    return f"loss {loss:.5g}{held_out}"
