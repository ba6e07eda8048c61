"""What a training depends on, in words and numbers: by this key its weights are found again.

Whether kept weights have the key is decided in experiments.py.
"""

import functools
import inspect
from numbers import Integral, Real

import torch

from helpers.system import validation


def constructor_arguments(model):
    """The arguments that `model` was built with, read from its attributes of the same names."""
    arguments = {}
    for name in inspect.signature(type(model)).parameters:
        if not hasattr(model, name):
            raise TypeError(
                f"{type(model).__name__} must keep its argument {name} as self.{name} in "
                "__init__: its weights are found by it"
            )
        arguments[name] = plain(getattr(model, name), f"{type(model).__name__}.{name}")
    return arguments


def named(function):
    """A function as its name, or as a dict of "name" and the keywords that a `partial` gives it.

    What a `partial` gives by position is taken for data, which do not count.
    """
    keywords = {}
    while isinstance(function, functools.partial):
        keywords = function.keywords | keywords
        function = function.func
    name = getattr(function, "__name__", "<lambda>")
    if name == "<lambda>":
        raise TypeError(
            f"a function that a training depends on needs a name, got {function!r}: define it "
            "with def, and pass values to it with functools.partial"
        )
    keywords = {k: plain(value, f"{name}'s {k}") for k, value in keywords.items()}
    return {"name": name} | keywords if keywords else name


def plain(value, name):
    """`value` as JSON holds it: numbers, texts, None, lists and dicts; functions by name."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, (list, tuple, range)):
        return [plain(item, name) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item, f"{name}[{key!r}]") for key, item in value.items()}
    if callable(value) and not isinstance(value, torch.nn.Module):
        return named(value)
    raise TypeError(
        f"{name} must be a number, text, None or a list of them, got "
        f"{validation.describe(value)}: data are no settings, let the function know them without"
    )


def flat(key, prefix=""):
    """A key one level deep: "training.lr" in place of a dict in a dict."""
    if not isinstance(key, dict):
        return {prefix.removesuffix("."): key}
    return {k: v for name, value in key.items() for k, v in flat(value, f"{prefix}{name}.").items()}
