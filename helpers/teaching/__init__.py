"""Teaching: how an exercise is checked, the checks of each notebook, and what settings refuse.

Import `checks` (checks.fc, checks.conv, checks.cvae), `settings.require` and `bugs`.
"""
