"""The checks of the exercises, by notebook: checks.fc.projection(my_projection)."""

from helpers import checks_conv as conv
from helpers import checks_cvae as cvae
from helpers import checks_fc as fc

__all__ = ["conv", "cvae", "fc"]
