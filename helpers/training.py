"""One training loop for every model of the course."""

import json
import math
import sys
import time
from functools import partial

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from safetensors import safe_open
from safetensors.torch import save_file
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from helpers.files import replacing

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
    return images.float() / 255


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
    Devices, precision and processes are left to Hugging Face `accelerate`. Every epoch draws
    its order and its noise from (seed, epoch), so that a run which was killed and goes on from
    its checkpoint ends with the very weights of an uninterrupted one.

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
        of another run is replaced. Removed when the training has ended.
    title : str, the progress bar's

    Returns
    -------
    history : DataFrame, a row an epoch: epoch, seconds, lr, train_loss, val_loss and each
        further term of the loss on `val`. `history.attrs["interrupted"]` is True where the
        kernel was interrupted: then the model has the weights of that moment.

    Raises
    ------
    ValueError : where a setting is out of range, or the data are empty or unequally long.
    FloatingPointError : as soon as the loss is seen to be infinite or not a number.
    """
    _check(train, val, epochs, batch_size, lr, ema_decay)
    accelerator = Accelerator(mixed_precision="bf16" if torch.cuda.is_available() else "no")
    train, val = ([t.to(accelerator.device) for t in data] for data in (train, val))
    model.to(accelerator.device, memory_format=torch.channels_last)
    ema = AveragedModel(model, avg_fn=_ema_with_warmup(ema_decay), use_buffers=True)
    learned = [p for p in model.parameters() if p.requires_grad]
    build = optimizer or partial(torch.optim.AdamW, fused=True)
    optimizer = build(learned, lr=lr, weight_decay=weight_decay)
    net = accelerator.prepare(model)

    run = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "weight_decay": weight_decay,
           "ema_decay": ema_decay, "seed": seed, "images": len(train[0]),
           "optimizer": type(optimizer).__name__}  # fmt: skip
    rows = _resume(checkpoint, run, model, ema, optimizer)
    steps = max(1, len(train[0]) // batch_size)
    started = time.time() - (rows[-1]["seconds"] if rows else 0)
    bar = tqdm(desc=title, total=epochs * steps, initial=len(rows) * steps, mininterval=1,
               file=sys.stdout, disable=not accelerator.is_main_process)  # fmt: skip
    interrupted = False
    try:
        for epoch in range(len(rows), epochs):
            model.train()
            order = _seeded(seed, epoch, accelerator.process_index, len(train[0]))
            total = torch.zeros((), device=accelerator.device)
            for step in range(steps):
                rate = lr * _warmup_cosine((epoch * steps + step) / (epochs * steps))
                for group in optimizer.param_groups:
                    group["lr"] = rate
                batch = order[step * batch_size : (step + 1) * batch_size]
                batch = batch[accelerator.process_index :: accelerator.num_processes]
                images, *labels = (t[batch.to(t.device)] for t in train)
                images = to_unit(images) if augment is None else augment(to_unit(images))
                loss = loss_fn(net, images, *labels)["loss"]
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
                ema.update_parameters(model)
                total += loss.detach()
                bar.update()
                if (step + 1) % READ_EVERY == 0 or step + 1 == steps:
                    bar.set_postfix_str(_losses(total.item() / (step + 1), rows, epoch, lr))
            held_out = evaluate(ema.module, val, loss_fn, seed=seed)
            rows.append({"epoch": epoch + 1, "seconds": time.time() - started, "lr": rate,
                         "train_loss": total.item() / steps}
                        | {f"val_{name}": value for name, value in held_out.items()})  # fmt: skip
            if accelerator.is_main_process:
                _save(checkpoint, run, rows, model, ema, optimizer)
    except KeyboardInterrupt:
        interrupted = True
        print(f"\nInterrupted in epoch {len(rows) + 1} of {epochs}: the weights so far are kept.")
    bar.close()
    model.load_state_dict(ema.module.state_dict())
    model.eval()
    if checkpoint is not None and not interrupted and accelerator.is_main_process:
        checkpoint.unlink(missing_ok=True)
    history = pd.DataFrame(rows)
    history.attrs["interrupted"] = interrupted
    return history


@torch.no_grad()
def evaluate(model, data, loss_fn, batch_size=250, seed=42):
    """Mean of each term of `loss_fn` over `data`, with the same noise at every call.

    Parameters
    ----------
    model, loss_fn, data : as `fit`'s `model`, `loss_fn` and `val`
    batch_size, seed : int

    Returns
    -------
    dict of floats
    """
    model.eval()
    sums = {}
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        for batch in zip(*(t.split(batch_size) for t in data), strict=True):
            images, *labels = batch
            for name, value in loss_fn(model, to_unit(images), *labels).items():
                sums[name] = sums.get(name, 0) + value.item() * len(images)
    return {name: value / len(data[0]) for name, value in sums.items()}


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


def _warmup_cosine(progress, warmup=0.05):
    """The share of the peak learning rate at `progress` in [0, 1) (Loshchilov & Hutter, 2017)."""
    return min(progress / warmup + 0.01, 0.5 * (1 + math.cos(math.pi * progress)))


def _ema_with_warmup(decay):
    """An average that forgets its first steps sooner, so that short runs are not stuck there."""
    return lambda average, new, count: average + (new - average) * max(1 - decay, 9 / (10 + count))


def _seeded(seed, epoch, process, length):
    """Seed this process for an epoch and return the order of the images, the same in all."""
    order = torch.randperm(length, generator=torch.Generator().manual_seed(seed * 10_007 + epoch))
    torch.manual_seed((seed * 10_007 + epoch) * 1_009 + process)
    return order


def _losses(loss, rows, epoch, lr):
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the training loss became {loss} in epoch {epoch + 1}: lower lr (now {lr}), "
            "or look for a division or a logarithm of 0 in the loss"
        )
    held_out = f", held out {rows[-1]['val_loss']:.5g}" if rows else ""
    return f"loss {loss:.5g}{held_out}"


def _save(checkpoint, run, rows, model, ema, optimizer):
    if checkpoint is None:
        return
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"ema.{k}": v for k, v in ema.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in state.items()}
    tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
    with replacing(checkpoint) as part:
        save_file(tensors, part, metadata={"run": json.dumps(run), "rows": json.dumps(rows)})


def _resume(checkpoint, run, model, ema, optimizer):
    """Load the state that `_save` left, if it is of this run; return its rows of the history."""
    if checkpoint is None or not checkpoint.exists():
        return []
    with safe_open(checkpoint, "pt") as file:
        metadata = file.metadata()
        if json.loads(metadata["run"]) != run:
            print(f"{checkpoint.name} is of a run with other settings: starting anew.")
            return []
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118

    def part(prefix):
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    model.load_state_dict(part("model."))
    ema.load_state_dict(part("ema."))
    for i, weights in enumerate(optimizer.param_groups[0]["params"]):
        for name, value in part(f"optimizer.{i}.").items():
            if value.shape == weights.shape:  # the fused step wants the weights' memory layout
                value = torch.empty_like(weights).copy_(value)
            optimizer.state[weights][name] = value
    rows = json.loads(metadata["rows"])
    print(f"Going on after epoch {len(rows)} of an interrupted run.")
    return rows
