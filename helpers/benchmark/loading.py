"""What loading costs in time and memory, each measured in a process of its own."""

import re
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from get_dataset import fetch_dataset
from helpers.data import cache


def loading(source, folder):
    """Seconds and peak memory in MB of the first load, into an empty folder, and of a later one."""
    found = {}
    for name in ("first load", "later load"):
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            found[name] = process.submit(load, source, folder).result()
    return found


def load(source, folder):
    cache.CACHE_DIRS[:] = [folder]
    start = time.perf_counter()
    fetch_dataset(source=source)
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status")
    if status.exists():  # getrusage of a child begins with what its parent had
        peak_mb = 1.024e-3 * int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])
    else:
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS counts in bytes
    return {"seconds": seconds, "peak_mb": peak_mb}
