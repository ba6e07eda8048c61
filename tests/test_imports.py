"""Importing any helper has no side effect."""

import os
import subprocess
import sys

from helpers.notebooks import ROOT

PROGRAM = """
import importlib, pkgutil, random, sys
import numpy, torch
import matplotlib.pyplot as plt
import helpers
before = torch.get_rng_state(), numpy.random.get_state()[1].copy(), random.getstate()
for module in pkgutil.walk_packages(helpers.__path__, "helpers."):
    importlib.import_module(module.name)
assert torch.equal(before[0], torch.get_rng_state())
assert (before[1] == numpy.random.get_state()[1]).all() and before[2] == random.getstate()
assert not plt.get_fignums()
"""


def test_importing_the_helpers_has_no_side_effect(tmp_path):
    """No file, no output, no seed, no figure."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:helpers", "-c", PROGRAM],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
