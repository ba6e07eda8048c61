"""How an exercise is checked: a verdict in one line that says what is wrong, never an exception."""

import functools
import math
from numbers import Real

import numpy as np
import torch

from helpers.system.validation import describe

MEANT = {  # by what PyTorch or Python says
    "before Module.__init__": "super().__init__() must be the first line of __init__. ",
    "__init__() ": "__init__ takes self and what is asked for, in this order. ",
    "shapes cannot": "The shapes do not fit: flatten each image first, and let layers follow on. ",
}


class Wrong(Exception):
    """What is wrong with an answer, in a sentence."""


class NotFilledIn(Exception):
    """The stub is still as it was."""


def exercise(check):
    """Turn a function into the check of an exercise, which prints a verdict and returns nothing.

    `check(answer, ...)` raises `Wrong`, or returns a remark on the right answer; an answer that is
    `...` does not reach it. The same answer gets the same verdict every time, and draws within it
    leave the notebook's random numbers as they were.
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
    """What answers are tried on: float32, standard normal, anew at every call."""
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
        meant = [words for said, words in MEANT.items() if said in reason]
        raise Wrong(f"{''.join(meant)}Your function raises {reason}.") from None
    if result is None:
        raise Wrong("Your function returns None: is the return missing?")
    kinds = (torch.Tensor, np.ndarray)
    arrays = [(a, b) for a, b in zip(inputs, copies, strict=True) if isinstance(a, kinds)]
    if not all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in arrays):
        raise Wrong("Your function changes its argument in place: work on a new tensor instead.")
    return _filled_in(result)


def tell(mistakes):
    """Say the first of the sentences, a dict of sentence -> whether it is true, that is true."""
    for sentence, made in mistakes.items():
        if made:
            raise Wrong(sentence)


def several(value, count, what):
    """The things that a function was to return as a tuple, called `what` in the message."""
    if not isinstance(value, (tuple, list)) or len(value) != count:
        raise Wrong(f"Return {count} things, {what}; you return {describe(value)}.")
    return value


def entries(value, *names):
    """The entries of a dict that must be there, in the order of the names."""
    listed = ", ".join(f'"{name}"' for name in names)
    if not isinstance(value, dict) or not value.keys() >= {*names}:
        raise Wrong(f"A dict of {listed} is wanted, not {describe(value)}.")
    return [value[name] for name in names]


def number(value):
    """A finite number as a float; tensors and arrays of one value count."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        tensor = as_tensor(value, "your answer")
        value = tensor.item() if tensor.numel() == 1 else value
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise Wrong(f"Your answer must be a finite number, it is {describe(value)}.")
    return float(value)


def compare(value, right, what, mistakes):
    """Compare what a student computed, called `what`, with what is `right`, a tensor or a number.

    `mistakes` is a dict of sentence -> what that mistake would have computed.
    """
    value, right = as_tensor(value, what).double(), as_tensor(right, what).double()
    if alike(value, right):
        return
    for sentence, wrong in mistakes.items():
        if alike(value, wrong):
            raise Wrong(sentence)
    if value.shape != right.shape:
        got, wanted = tuple(value.shape), tuple(right.shape)
        raise Wrong(f"The shape of {what} must be {wanted}, it is {got}.")
    if not value.isfinite().all():
        count = int((~value.isfinite()).sum())
        raise Wrong(f"Of {what}, {count} of {value.numel()} values are NaN or infinite.")
    place = np.unravel_index(int((value - right).abs().argmax()), right.shape)
    where = f"[{', '.join(str(int(i)) for i in place)}]" if place else ""
    wanted, got = right[place].item(), value[place].item()
    raise Wrong(f"The values differ: {what}{where} must be {wanted:.4g}, it is {got:.4g}.")


def gradients(value, **inputs):
    """Those of a right value with respect to each input, by name; none may be missing."""
    if not isinstance(value, torch.Tensor) or not value.requires_grad:
        raise Wrong("The values are right, but no gradient passes: no .item(), detach or no_grad.")
    try:
        found = torch.autograd.grad(value.sum(), list(inputs.values()), allow_unused=True)
    except RuntimeError as error:
        if "inplace" in str(error):
            raise Wrong("The values are right, but *= overwrites what backward needs.") from None
        raise Wrong("The values are right, but leave backward() to the training loop.") from None
    missing = [name for name, g in zip(inputs, found, strict=True) if g is None]
    tell({f"The values are right, but no gradient reaches {name}.": True for name in missing})
    return found


def kl_mistakes(each, row, q):
    """What may go wrong with a KL that is `each` (B, latent_dim) summed, for each `row` of B."""
    right = each.sum(1)
    return {
        f"Your kl has shape {tuple(each.shape)}: sum over the latent dimensions.": each,
        f"Your kl is one number: keep one for each {row} of the batch.": right.mean(),
        "That is a sum over the batch: sum over the latent dimensions, dim 1.": each.sum(0),
        "Independent dimensions *add* their divergences: a sum, not a mean.": each.mean(1),
        "The factor 1/2 is missing.": 2 * right,
        "A divergence is never negative: the signs are the other way round.": -right,
        f"Where is the -1? The divergence of {q} from itself is 0.": (each + 0.5).sum(1),
    }


def as_tensor(value, what):
    """A tensor on the CPU of what a student may hand in: arrays, lists, lists of tensors."""
    try:
        if isinstance(value, (tuple, list)) and any(isinstance(v, torch.Tensor) for v in value):
            tensor = torch.stack([torch.as_tensor(v).detach().cpu() for v in value])
        elif isinstance(value, torch.Tensor):
            tensor = value.detach().cpu()
        else:
            tensor = torch.as_tensor(np.array(value))  # a copy: its strides are positive
        if tensor.is_complex():
            raise TypeError
        return tensor
    except Exception:
        raise Wrong(f"A tensor is wanted for {what}, not {describe(value)}.") from None


def alike(value, other):
    value, other = (as_tensor(v, "the result").double() for v in (value, other))
    close = {"rtol": 1e-3, "atol": 1e-4, "equal_nan": True}
    return value.shape == other.shape and torch.allclose(value, other, **close)


def _filled_in(answer):
    parts = list(answer.values()) if isinstance(answer, dict) else answer
    parts = parts if isinstance(parts, (tuple, list)) else [parts]
    if any(part is ... for part in parts):
        raise NotFilledIn
    return answer


def _copy(value):
    if isinstance(value, torch.Tensor):
        return value.clone()
    return value.copy() if isinstance(value, np.ndarray) else value
