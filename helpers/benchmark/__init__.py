"""How fast loading and training are, beside the plain way.

Import nothing from here: `python -m helpers.benchmark` measures, and writes README.md.
"""
