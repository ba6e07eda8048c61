"""What a training depends on, in words and numbers: by this key its weights are found again."""

import functools
import hashlib
import inspect
import json
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


def digest(key):
    """Twelve hex digits that tell a key from others; names the files of own settings."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]


def differences(found, wanted):
    """In which settings two keys differ, as text for a person."""
    found, wanted = _flat(found), _flat(wanted)
    names = [n for n in found | wanted if found.get(n) != wanted.get(n)]
    return ", ".join(f"{n} {found.get(n)} there, {wanted.get(n)} here" for n in names)


def _flat(key, prefix=""):
    if not isinstance(key, dict):
        return {prefix.removesuffix("."): key}
    return {
        k: v for name, value in key.items() for k, v in _flat(value, f"{prefix}{name}.").items()
    }
