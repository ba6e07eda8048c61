"""What a batch frees is at hand for the next one, and large arrays are still returned."""

import platform
import subprocess
import sys

import pytest

from helpers.notebooks import ROOT

# Resident memory, not page faults: some sandboxes count no faults.
PROGRAM = """
import sys, torch
from helpers.training.loop import fit
def resident():
    status = open("/proc/self/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024
images = torch.zeros(8, 1, 2, 2, dtype=torch.uint8)
fit(torch.nn.Conv2d(1, 1, 1), (images,), (images,),
    lambda model, x: {"loss": (model(x) - x).square().mean()}, epochs=1)
began = resident()
arrays = [torch.ones(int(sys.argv[2]) * 2**18) for _ in range(int(sys.argv[1]))]
held = resident() - began
del arrays
print(held, resident() - began)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_what_a_batch_frees_stays_and_large_arrays_are_returned():
    kept = {}
    for count, megabytes in ((8, 16), (1, 1024)):
        command = [sys.executable, "-c", PROGRAM, str(count), str(megabytes)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        held, kept[megabytes] = map(int, done.stdout.splitlines()[-1].split())
        assert held > 0.85 * count * megabytes
    assert kept[16] > 100 and kept[1024] < 50
