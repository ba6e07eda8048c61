"""What `fit` refuses: settings, data and losses with which a training would go wrong."""

import math
from collections.abc import Mapping

import torch

from helpers.system.validation import describe, integers


def check_settings(epochs, batch_size, lr, ema_decay):
    integers(1, epochs=epochs, batch_size=batch_size)
    if not isinstance(lr, (int, float)) or not 0 < lr < math.inf:
        raise ValueError(f"lr must be a number above 0, got {lr!r}")
    if not isinstance(ema_decay, (int, float)) or not 0 <= ema_decay < 1:
        raise ValueError(f"ema_decay must be a number from 0 to below 1, got {ema_decay!r}")


def check_data(**arguments):
    """Tuples of tensors of one length: uint8 images or float32 vectors, then any labels."""
    for name, data in arguments.items():
        tensors = isinstance(data, (tuple, list)) and data
        if not tensors or not all(isinstance(tensor, torch.Tensor) for tensor in data):
            raise TypeError(
                f"{name} must be a tuple of tensors, (images,) or (images, labels), got "
                f"{describe(data)}: images become a tensor with to_tensor(images)"
            )
        x, lengths = data[0], [len(tensor) for tensor in data]
        if min(lengths) == 0 or min(lengths) != max(lengths):
            raise ValueError(f"{name} must hold tensors of one length above 0, got {lengths}")
        images = x.ndim == 4 and x.dtype == torch.uint8
        if not images and not (x.ndim == 2 and x.dtype == torch.float32):
            raise ValueError(
                f"{name}[0] must be uint8 images (N, C, H, W), 0 to 255, as to_tensor makes them, "
                f"or float32 vectors (N, D), got {describe(x)}"
            )
        if images and x.shape[1] > 4 >= x.shape[3]:
            raise ValueError(
                f"{name}[0] must be images of shape (N, C, H, W), got {describe(x)} with the "
                f"channels last: use to_tensor, or {name}[0].permute(0, 3, 1, 2)"
            )
        if not images and not x.isfinite().all():
            raise ValueError(f"{name}[0] must be finite, got {describe(x)}")


def checked(terms):
    """The terms of a loss, if they are what `fit` expects: a dict of scalar tensors with "loss"."""
    if not isinstance(terms, Mapping) or "loss" not in terms:
        raise TypeError(
            'loss_fn must return a dict with "loss", which is minimised, as in '
            f'return {{"loss": loss}}, got {describe(terms)}'
        )
    for name, value in terms.items():
        if not isinstance(value, torch.Tensor) or value.ndim > 0:
            raise TypeError(
                f'"{name}" of loss_fn must be a tensor of a single number, got {describe(value)}: '
                "take the mean over the images, as with .mean()"
            )
    return terms
