"""What a page costs when it is touched for the first time."""

import mmap
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

NBYTES = 64 * 2**20
REPEATS = 5

Buffer = NDArray[np.uint8]


def _small_pages(nbytes: int) -> Buffer:
    """Memory whose pages are of the smallest size, whatever the system prefers."""
    memory = mmap.mmap(-1, nbytes)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.uint8)


ALLOCATORS: dict[str, Callable[[int], Buffer]] = {
    "np.empty": lambda nbytes: np.empty(nbytes, np.uint8),
    "mmap": _small_pages,
}


def measure(nbytes: int = NBYTES) -> dict[str, dict[str, float]]:
    """GB/s of filling fresh and reused memory, and ns per page, by the way to allocate."""
    return {name: _compare(allocate, nbytes) for name, allocate in ALLOCATORS.items()}


def _compare(allocate: Callable[[int], Buffer], nbytes: int) -> dict[str, Any]:
    fresh, reused = float("inf"), float("inf")
    for _ in range(REPEATS):
        buffer = allocate(nbytes)
        fresh, reused = min(fresh, _fill(buffer)), min(reused, _fill(buffer))
        del buffer  # or the next one would lie elsewhere, and the last never be fresh again
    return {
        "fresh_gbytes": nbytes / fresh / 1e9,
        "reused_gbytes": nbytes / reused / 1e9,
        "page_bytes": mmap.PAGESIZE,
        "ns_per_page": 1e9 * max(fresh - reused, 0) / (nbytes / mmap.PAGESIZE),
    }


def _fill(buffer: Buffer) -> float:
    start = time.perf_counter()
    buffer.fill(1)
    return time.perf_counter() - start
