"""What the helpers ask of their arguments: name, expectation and value, in one sentence.

Each check takes the arguments by name and raises TypeError for another kind of thing and ValueError
for a value that cannot be used.
"""

import math
import os
from numbers import Integral

import numpy as np
import torch


def integers(least, **arguments):
    """Integers of at least `least`; NumPy's count, True and False do not."""
    for name, value in arguments.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def texts(**arguments):
    kinds(str, "a str", **arguments)


def paths(**arguments):
    kinds((str, os.PathLike), "a path", **arguments)


def kinds(kind, what, **arguments):
    """Instances of the class `kind`, which is called `what` in the message."""
    for name, value in arguments.items():
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be {what}, got {describe(value)}")


def tensors(shape, low=-math.inf, high=math.inf, any_device=False, **arguments):
    """Float tensors with no value that is NaN, or outside of [low, high].

    `shape` names the axes, as in "N C H W". None of them may be empty; an axis "..." is any
    number of axes. With `any_device`, tensors need not be on the CPU; the values of those that are
    not remain unseen, since a look would make an accelerator wait.
    """
    axes = shape.split()
    for name, value in arguments.items():
        wanted = f"{name} must be a float tensor ({', '.join(axes)})"
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            raise TypeError(f"{wanted}, got {describe(value)}")
        if value.device.type != "cpu" and not any_device:
            raise ValueError(f"{name} must be on the CPU, got {describe(value)}. Use {name}.cpu().")
        fits = value.ndim >= len(axes) - 1 if "..." in axes else value.ndim == len(axes)
        if not fits or value.numel() == 0:
            raise ValueError(f"{wanted} with at least one value, got {describe(value)}")
        if value.device.type != "cpu":
            continue
        least, most = value.detach().aminmax()  # both are NaN where any value is
        if not low <= least <= most <= high:
            span = f" and in [{low:g}, {high:g}]" if math.isfinite(high - low) else ""
            raise ValueError(f"{name} must be without NaN{span}, got {describe(value)}")


def same_shape(**arguments):
    (first, a), (second, b) = arguments.items()
    if a.shape != b.shape:
        got = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"{first} and {second} must have one shape, got {got}")


def describe(value):
    """A few words for a message: what it is, never a page of its values."""
    if isinstance(value, torch.Tensor):
        words = f"a {str(value.dtype).removeprefix('torch.')} tensor of shape {tuple(value.shape)}"
        if value.device.type != "cpu":
            return f"{words} on {value.device}"
        if value.numel() and value.is_floating_point():
            least, most = value.detach().aminmax()
            words += f" with values from {least:g} to {most:g}"
        return words
    if isinstance(value, np.ndarray):
        return f"a NumPy array of {value.dtype} of shape {value.shape}"
    text = " ".join(repr(value).split())
    return f"{text[:80]} ({type(value).__name__})" if len(text) > 80 else text
