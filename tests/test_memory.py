"""What a batch frees is at hand for the next one, and large arrays are still returned."""

import platform
import subprocess
import sys

import pytest

from helpers.notebooks import ROOT

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
# Resident memory, not page faults: some sandboxes count no faults.
PROGRAM = """
import torch
from torch.nn import functional as F
from helpers.analysis.latent import apply_in_batches
from helpers.training.loop import fit
{before}
def resident():
    status = open("/proc/self/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024
began = resident()
arrays = [torch.ones({each} * 2**18) for _ in range({count})]
held = resident() - began
del arrays
print(held, resident() - began)
"""
FIT = """
images = torch.zeros(8, 1, 2, 2, dtype=torch.uint8)
fit(torch.nn.Conv2d(1, 1, 1), (images,), (images,),
    lambda model, x: {"loss": F.mse_loss(model(x), x)}, epochs=1)
"""
APPLY = "apply_in_batches(torch.nn.Conv2d(1, 1, 1), torch.zeros(8, 1, 2, 2, dtype=torch.uint8))"


def held_and_kept(count, each, before):
    """Megabytes resident with `count` arrays of `each` megabytes, and after they are freed."""
    program = PROGRAM.format(before=before, count=count, each=each)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [int(number) for number in done.stdout.splitlines()[-1].split()]


def test_what_is_freed_is_returned_at_first():
    held, kept = held_and_kept(8, 16, before="")
    assert held > 120
    assert kept < 10


@pytest.mark.parametrize("before", [FIT, APPLY], ids=["fit", "apply_in_batches"])
def test_what_a_batch_frees_stays_after(before):
    held, kept = held_and_kept(8, 16, before)
    assert held > 110  # its first megabytes may be some that are left of before
    assert kept > 100


def test_large_arrays_are_returned_to_the_system():
    held, kept = held_and_kept(1, 1024, before=FIT)
    assert held > 1000
    assert kept < 50
