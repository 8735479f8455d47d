"""Freed memory stays with the process, for the maps of the next image."""

from __future__ import annotations

import ctypes
import functools
import os
import sys

SETTINGS = {  # glibc's option → its number in malloc.h, and bytes
    "MALLOC_MMAP_THRESHOLD_": (-3, 32 << 20),
    "MALLOC_TRIM_THRESHOLD_": (-1, 128 << 20),
}


@functools.cache
def keep_freed_memory() -> None:
    """Tell glibc to keep what is freed, up to 128 MiB, rather than return it to the system at once.

    Getting it back page by page took a third of FSIM's time on a photograph (tests/benchmarks/bench_memory.py). Nothing
    is done where the environment sets one of these options, or where the C library is another one.
    """
    if sys.platform != "linux" or not os.environ.keys().isdisjoint(SETTINGS):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for number, size in SETTINGS.values():
            mallopt(number, size)
