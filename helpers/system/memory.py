"""Memory that one step of a training frees is kept for the next: a tenth of its time."""

import ctypes
import functools
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # their numbers in malloc.h


@functools.cache
def glibc():
    """The C library of this process, if it is glibc; else None."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def keep_freed_memory():
    """Let the C library keep what is freed for what is asked for next: at most a gigabyte.

    Else the system clears each page and maps it anew (mallopt,
    https://man7.org/linux/man-pages/man3/mallopt.3.html).
    """
    if glibc():
        glibc().mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the most that it takes
        glibc().mallopt(M_TRIM_THRESHOLD, 2**30)


def return_freed_memory():
    """Give back to the system what the C library has kept (malloc_trim)."""
    if glibc():
        glibc().malloc_trim(0)
