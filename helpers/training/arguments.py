"""What `fit` refuses: settings, data and losses with which a training would go wrong."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from helpers.system.validation import describe, integers


def refuse(kind, wanted, got, hint=""):
    raise kind(f"{wanted}, got {got}{hint and ': '}{hint}")


def check_settings(epochs, batch_size, lr, ema_decay):
    integers(1, epochs=epochs, batch_size=batch_size)
    if not isinstance(lr, (int, float)) or not 0 < lr < math.inf:
        raise ValueError(f"lr must be a number above 0, got {lr!r}")
    if not isinstance(ema_decay, (int, float)) or not 0 <= ema_decay < 1:
        raise ValueError(f"ema_decay must be a number from 0 to below 1, got {ema_decay!r}")


def check_data(**arguments):
    """Tuples of tensors of one length: uint8 images or float32 vectors, then any labels."""
    for name, data in arguments.items():
        check_tuple(name, data)
        check_inputs(f"{name}[0]", data[0])
        lengths = [len(tensor) for tensor in data]
        if min(lengths) == 0 or min(lengths) != max(lengths):
            raise ValueError(f"{name} must hold tensors of one length above 0, got {lengths}")


def check_tuple(name, tensors):
    wanted = f"{name} must be a tuple of tensors"
    if isinstance(tensors, torch.Tensor):
        hint = f"write ({name},) with a comma, or (images, labels)"
        refuse(TypeError, wanted, describe(tensors), hint)
    if isinstance(tensors, (DataLoader, Dataset)):
        hint = "fit makes the batches itself, so give it all images (and labels) at once"
        refuse(TypeError, wanted, f"a {type(tensors).__name__}", f"{hint}: (images, labels)")
    if not isinstance(tensors, (tuple, list)) or not tensors:
        refuse(TypeError, wanted, describe(tensors))
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, torch.Tensor) or tensor.ndim == 0:
            hint = "images become one with to_tensor(images), labels with torch.from_numpy(labels)"
            hint = hint if isinstance(tensor, np.ndarray) else ""
            refuse(TypeError, f"{name}[{i}] must be a tensor", describe(tensor), hint)


def check_inputs(name, x):
    """uint8 images (N, C, H, W), or float32 vectors (N, D)."""
    got = describe(x)
    if x.ndim == 4 and x.dtype != torch.uint8:
        hint = "give them as to_tensor made them, since fit brings each batch to [0, 1] itself"
        refuse(ValueError, f"{name} must be images of uint8, 0 to 255", got, hint)
    if x.ndim == 4 and x.shape[1] > 4 and x.shape[3] <= 4:
        hint = f"use to_tensor, or {name}.permute(0, 3, 1, 2)"
        wanted = f"{name} must be images of shape (N, C, H, W)"
        refuse(ValueError, wanted, f"{got} with the channels last", hint)
    if x.ndim == 4:
        return
    if x.ndim != 2 or not x.is_floating_point():
        wanted = f"{name} must be uint8 images (N, C, H, W) or float32 vectors (N, D)"
        refuse(ValueError, wanted, got)
    if x.dtype != torch.float32:
        refuse(ValueError, f"{name} must be of float32", got, f"use {name}.float()")
    if not x.isfinite().all():
        refuse(ValueError, f"{name} must be finite", got)


def checked(terms):
    """The terms of a loss, if they are what `fit` expects: a dict of scalar tensors with "loss"."""
    if not isinstance(terms, Mapping):
        hint = 'write return {"loss": loss}'
        refuse(TypeError, "loss_fn must return a dict", describe(terms), hint)
    if "loss" not in terms:
        wanted = 'loss_fn must return a dict with "loss", which is minimised'
        refuse(ValueError, wanted, list(terms))
    for name, value in terms.items():
        if not isinstance(value, torch.Tensor):
            refuse(TypeError, f'"{name}" of loss_fn must be a tensor', describe(value))
        if value.ndim > 0:
            hint = "take its mean over the images, as with .mean()"
            wanted = f'"{name}" of loss_fn must be a single number'
            refuse(ValueError, wanted, describe(value.detach()), hint)
    return terms
