"""The settings cell of a notebook: what cannot be used is said at once, in one sentence."""


class SettingsError(ValueError):
    """A setting that cannot be used. A notebook shows the sentence, without the traceback."""

    def _render_traceback_(self):  # what IPython calls in place of printing the traceback
        return [f"SettingsError: {self}"]


def require(condition, sentence):
    """Refuse settings that would fail, or mislead, many cells later: where `condition` is false.

    The sentence says what a setting must be and is: f"BETA must be at least 0, got {BETA!r}"
    """
    if not condition:
        raise SettingsError(f"{sentence.rstrip('. ')}. Change the settings cell and run it again.")
