"""What a training step frees is at hand for the next one, and large arrays are still returned."""

import platform
import subprocess
import sys

import pytest

from helpers.notebooks import ROOT

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
STEPS = """
import resource, torch
from torch.nn import functional as F
from helpers.training import fit
{before}
def usage(kind):
    return getattr(resource.getrusage(resource.RUSAGE_SELF), kind)
def step():
    [torch.ones(4 * 2**20) for _ in range(8)]  # 16 MB each
for _ in range(3):
    step()
began = usage("ru_minflt")
for _ in range(10):
    step()
print((usage("ru_minflt") - began) // 10)
"""
FIT = """
images = torch.zeros(8, 1, 2, 2, dtype=torch.uint8)
fit(torch.nn.Conv2d(1, 1, 1), (images,), (images,),
    lambda model, x: {"loss": F.mse_loss(model(x), x)}, epochs=1)
"""
RETURNED = """
import torch
from helpers.memory import keep_freed_memory
def resident():
    status = open("/proc/self/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024
keep_freed_memory()
began = resident()
many = torch.ones(2**28)
held = resident() - began
del many
print(held, resident() - began)
"""


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [int(number) for number in done.stdout.splitlines()[-1].split()]


def test_a_step_after_fit_is_given_the_pages_of_the_step_before():
    (before,) = run(STEPS.format(before=""))
    (after,) = run(STEPS.format(before=FIT))
    assert before > 4 * 4096  # more than four of the eight anew, 4,096 pages each
    assert after < 100


def test_large_arrays_are_returned_to_the_system():
    held, kept = run(RETURNED)
    assert held > 1000  # MB
    assert kept < 50
