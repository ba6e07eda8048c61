"""What the helpers ask of their arguments: name, expectation and value, in one sentence."""

import math
from numbers import Integral

import numpy as np
import torch


def integers(least, **arguments):
    """Integers of at least `least`; NumPy's count, True and False do not."""
    for name, value in arguments.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def images(least=-math.inf, most=math.inf, **arguments):
    """Float tensors (N, C, H, W) with no value that is NaN, or outside of [least, most].

    Values on an accelerator remain unseen, since a look would make it wait.
    """
    for name, value in arguments.items():
        wanted = f"{name} must be a float tensor (N, C, H, W) of values from {least} to {most}"
        if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.ndim != 4:
            raise TypeError(f"{wanted}, got {describe(value)}")
        if value.device.type == "cpu":
            low, high = value.detach().aminmax() if value.numel() else (math.nan, math.nan)
            if not least <= low <= high <= most:  # false of NaN, too
                raise ValueError(f"{wanted}, got {describe(value)}")


def describe(value):
    """A few words for a message: what it is, never a page of its values."""
    if isinstance(value, torch.Tensor):
        words = f"a {str(value.dtype).removeprefix('torch.')} tensor of shape {tuple(value.shape)}"
        if value.numel() and value.is_floating_point():
            words += " with values from {:g} to {:g}".format(*value.detach().aminmax())
        return words
    if isinstance(value, np.ndarray):
        return f"a NumPy array of {value.dtype} of shape {value.shape}"
    text = " ".join(repr(value).split())
    return f"{text[:80]} ({type(value).__name__})" if len(text) > 80 else text
