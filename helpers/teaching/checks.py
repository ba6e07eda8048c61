"""The checks of the exercises, by notebook: checks.fc.projection(my_projection)."""

from helpers.teaching import conv, cvae, fc, generator

__all__ = ["conv", "cvae", "fc", "generator"]
