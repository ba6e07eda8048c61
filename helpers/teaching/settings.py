"""The settings of a notebook: what cannot be used is said at once, in one sentence."""

import math
from collections.abc import Callable
from typing import NamedTuple


class SettingsError(ValueError):
    """A setting that cannot be used. A notebook shows the sentence, without the traceback."""

    def _render_traceback_(self):  # what IPython calls in place of printing the traceback
        return [f"SettingsError: {self}"]


def require(condition, sentence):
    """Refuse settings that do not fit the data or each other: where `condition` is false.

    The sentence says what a setting must be and is: f"FEW must be below LATENT_DIM, got {FEW!r}"
    """
    if not condition:
        raise SettingsError(f"{sentence.rstrip('. ')}. Change the settings cell and run it again.")


class Rule(NamedTuple):
    """What a setting must be, in words, and as a function of its value."""

    words: str
    fits: Callable


def check_settings(settings, rules):
    """Refuse the first setting that is not what its rule says, with a `SettingsError`.

    `settings` are `globals()`. `rules` is a dict of name -> int, float, bool or str; or a number's
    type with the least and the most, such as (int, 1, None); or the set of all values; or one of
    these in `optional` or `several`. True is no int; an int is a fine float.
    """
    for name, rule in rules.items():
        words, fits = as_rule(rule)
        require(name in settings, f"{name} must be {words}, and is missing")
        require(fits(settings[name]), f"{name} must be {words}, got {settings[name]!r}")


def optional(rule):
    """None, or what `rule` allows."""
    words, fits = as_rule(rule)
    return Rule(f"None or {words}", lambda value: value is None or fits(value))


def several(rule):
    """A tuple or list, not empty, of what `rule` allows."""
    words, fits = as_rule(rule)

    def all_fit(values):
        return isinstance(values, (tuple, list)) and len(values) > 0 and all(map(fits, values))

    return Rule(f"a tuple or list, not empty, each of it {words}", all_fit)


def as_rule(rule):
    if isinstance(rule, Rule):
        return rule
    if isinstance(rule, set):
        words = " or ".join(f'"{word}"' for word in sorted(rule))
        return Rule(words, lambda value: isinstance(value, str) and value in rule)
    if rule is bool:
        return Rule("True or False", lambda value: isinstance(value, bool))
    if rule is str:
        return Rule("a text, not empty", lambda value: isinstance(value, str) and value != "")
    kind, low, high = rule if isinstance(rule, tuple) else (rule, None, None)
    words = "an integer" if kind is int else "a number"
    if low is not None:
        words += f" of at least {low}" if high is None else f" from {low} to {high}"
    least, most = (-math.inf if low is None else low), (math.inf if high is None else high)

    def in_range(value):
        right = isinstance(value, (int, kind)) and not isinstance(value, bool)
        return right and least <= value <= most and abs(value) != math.inf

    return Rule(words, in_range)
