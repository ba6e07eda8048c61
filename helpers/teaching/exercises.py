"""How an exercise is checked: a verdict in one line that says what is wrong, never an exception."""

import functools
import math
from numbers import Real

import numpy as np
import torch

from helpers.system.validation import describe


class Wrong(Exception):
    """What is wrong with an answer, in a sentence."""


class NotFilledIn(Exception):
    """The stub is still as it was."""


def exercise(check):
    """Turn a function into the check of an exercise, which prints a verdict and returns nothing.

    Parameters
    ----------
    check : callable (answer, ...) that raises `Wrong`, or returns a remark on the right answer.
        An answer that is `...` does not reach it.

    Returns
    -------
    callable with the same arguments, and the same answer gets the same verdict every time. Draws
        within it leave the notebook's random numbers as they were.
    """

    @functools.wraps(check)
    def verdict(answer, *given):
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                remark = check(_filled_in(answer), *given)
        except NotFilledIn:
            print(f"{check.__name__}: not filled in yet")
        except Wrong as wrong:
            print(f"{check.__name__}: not yet. {wrong}")
        else:
            print(f"{check.__name__}: right. {remark}")

    return verdict


def draw(*shape):
    """The numbers that answers are tried on: float32, standard normal, anew at every call."""
    return torch.randn(*shape)


def returned(function, *inputs):
    """What a student's function makes of copies of the inputs."""
    if not callable(function):
        raise Wrong(f"Your answer must be a function, it is {describe(function)}.")
    copies = [_copy(value) for value in inputs]
    try:
        result = function(*copies)
    except NotImplementedError:
        raise NotFilledIn from None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".strip().split("\n")[0][:150]
        raise Wrong(f"Your function raises {reason}.") from None
    if result is None:
        raise Wrong("Your function returns None: is the return missing?")
    tensors = [(a, b) for a, b in zip(inputs, copies, strict=True) if isinstance(a, torch.Tensor)]
    if not all(torch.equal(a, b) for a, b in tensors):
        raise Wrong("Your function changes its argument in place: work on a new tensor instead.")
    return _filled_in(result)


def pair(value, what):
    """The two things of a pair, called `what` in the message."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise Wrong(f"Return two things, {what}; you return {describe(value)}.")
    return value


def number(value):
    """A finite number as a float; tensors and arrays of one value count."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        value = _tensor(value, "Your answer")
        value = value.item() if value.numel() == 1 else value
    if not isinstance(value, Real) or isinstance(value, bool):
        raise Wrong(f"Your answer must be a number, it is {describe(value)}.")
    if not math.isfinite(value):
        raise Wrong(f"Your answer must be a finite number, it is {value}.")
    return float(value)


def choice(value, *words):
    """One of some words."""
    if not isinstance(value, str) or value.strip().lower() not in words:
        listed = " or ".join(f'"{word}"' for word in words)
        raise Wrong(f"Your answer must be {listed}, it is {describe(value)}.")
    return value.strip().lower()


def compare(value, right, mistakes=None, what="the result"):
    """Compare what a student computed with what is right.

    Parameters
    ----------
    value : what is to be a tensor like `right`
    right : tensor or number
    mistakes : dict of sentence -> what that mistake would have computed
    what : str, what `value` is called in messages

    Raises
    ------
    Wrong : with the sentence of the mistake that was made, or with what differs.
    """
    value = _tensor(value, what)
    for sentence, wrong in (mistakes or {}).items():
        if _alike(value, wrong):
            raise Wrong(sentence)
    right = torch.as_tensor(right).double()
    if value.shape != right.shape:
        got, wanted = tuple(value.shape), tuple(right.shape)
        raise Wrong(f"The shape of {what} must be {wanted}, it is {got}.")
    if not value.isfinite().all():
        count = int((~value.isfinite()).sum())
        raise Wrong(f"Of {what}, {count} of {value.numel()} values are NaN or infinite.")
    if not _alike(value, right):
        place = np.unravel_index(int((value - right).abs().argmax()), right.shape)
        where = f"[{', '.join(str(int(i)) for i in place)}]" if place else ""
        raise Wrong(
            f"The values differ: {what}{where} must be {right[place].item():.4g}, "
            f"it is {value[place].item():.4g}."
        )


def _filled_in(answer):
    parts = answer if isinstance(answer, (tuple, list)) else [answer]
    if any(part is ... for part in parts):
        raise NotFilledIn
    return answer


def _copy(value):
    return value.clone() if isinstance(value, torch.Tensor) else value


def _tensor(value, what):
    try:
        tensor = torch.as_tensor(value).detach().cpu()
        if tensor.is_complex():
            raise TypeError
        return tensor.double()
    except Exception:
        raise Wrong(f"A tensor is wanted for {what}, not {describe(value)}.") from None


def _alike(value, other):
    other = torch.as_tensor(other).double()
    close = {"rtol": 1e-3, "atol": 1e-4, "equal_nan": True}
    return value.shape == other.shape and torch.allclose(value, other, **close)
