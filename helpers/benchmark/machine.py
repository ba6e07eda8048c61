"""The machine that something was measured on."""

import os
import platform
from pathlib import Path

import torch

from helpers.system.processes import this_process


def describe_machine():
    device = this_process().device
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":")[1].strip() for line in lines if "model name" in line), name)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"device": gpu or name, "cores": os.cpu_count(), "threads": torch.get_num_threads(),
            "torch": torch.__version__, "system": platform.platform()}  # fmt: skip
