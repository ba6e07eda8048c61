"""How fast it is: `python -m helpers.benchmark` measures, and writes README.md beside this file."""
