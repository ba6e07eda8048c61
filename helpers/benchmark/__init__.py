"""How fast loading and training are, beside the plain way; and how long a notebook takes.

`python -m helpers.benchmark` measures, and writes README.md. `helpers.execute` notes into it how
long a notebook took.
"""
