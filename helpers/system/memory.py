"""Memory that one batch frees is kept for the next, and given back after the last."""

import ctypes
import functools
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # their numbers in malloc.h
KEPT = 2**30  # bytes: two steps of the largest model's training
LARGEST = 32 * 2**20  # bytes: the most that glibc takes for this threshold


@functools.cache
def glibc():
    """The C library of this process, if it is glibc; else None."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def keep_freed_memory():
    """Let the C library keep what is freed instead of returning it to the system at once.

    A step of a training frees some hundred megabytes which the next one asks for again: each time
    the system clears every page and maps it anew. At most `KEPT` bytes stay with the process, and
    arrays above `LARGEST` are returned as ever (mallopt,
    https://man7.org/linux/man-pages/man3/mallopt.3.html).
    Does nothing where the C library is not glibc; cannot be undone.
    """
    if glibc():
        glibc().mallopt(M_MMAP_THRESHOLD, LARGEST)
        glibc().mallopt(M_TRIM_THRESHOLD, KEPT)


def return_freed_memory():
    """Give back to the system what the C library has kept, where it is glibc (malloc_trim)."""
    if glibc():
        glibc().malloc_trim(0)
