"""A setting that cannot be used is named, with what it must be and what it is."""

import math
import re

import pytest

from helpers.teaching.settings import SettingsError, check_settings, optional, several

RULES = {
    "SEED": (int, 0, 2**32 - 1), "SOURCE": {"auto", "lfw"}, "FOLDER": str, "RETRAIN": bool,
    "IMAGES": optional((int, 256, None)), "LR": (float, 1e-6, 1), "BETA": (float, 0, None),
    "SIZES": several((int, 1, 9)),
}  # fmt: skip
GOOD = {
    "SEED": [0, 42, 2**32 - 1], "SOURCE": ["auto"], "FOLDER": ["out/put"], "RETRAIN": [True, False],
    "IMAGES": [None, 256], "LR": [1, 0.5], "BETA": [0, 0.0, 40], "SIZES": [(1, 9), [3]],
}  # fmt: skip
BAD = {
    "SEED": [-1, 2**62, 10**400, 1.0, True, "1", None, [4], math.nan],
    "SOURCE": ["", "mnist", None, ["lfw"]],
    "FOLDER": ["", None, 3, b"x"], "RETRAIN": ["false", 0, 1, None],
    "IMAGES": [0, -100, 300.5, "300", False], "LR": [0, -1, 2, "0.1", True, math.nan],
    "BETA": [-0.1, math.inf, None, (1.0,)],
    "SIZES": [(), [], 3, "35", (1, 10), (1, 2.0), (True,), {1}],
}  # fmt: skip
SAID = {
    "SEED": "an integer from 0 to 4294967295", "SOURCE": '"auto" or "lfw"', "FOLDER": "a text",
    "RETRAIN": "True or False", "IMAGES": "None or an integer of at least 256",
    "LR": "a number from 1e-06 to 1", "BETA": "a number of at least 0",
    "SIZES": "a tuple or list, not empty, each of it an integer from 1 to 9",
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_setting_is_what_its_rule_says(name):
    settings = {other: values[0] for other, values in GOOD.items()}
    for value in GOOD[name]:
        check_settings(settings | {name: value}, RULES)
    for value in BAD[name]:
        said = f"^{name} must be {re.escape(SAID[name])}.*, got {re.escape(repr(value))}. Change"
        with pytest.raises(SettingsError, match=said):
            check_settings(settings | {name: value}, RULES)
    with pytest.raises(SettingsError, match=f"^{name} must be .*, and is missing"):
        check_settings({k: v for k, v in settings.items() if k != name}, RULES)
