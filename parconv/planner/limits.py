"""How many threads a question may be planned for, here and now."""

import math
from typing import Any

import numpy as np

from ..problem.shown import shown
from ..runtime import budget

# Work is counted in operations: those of the filter, and this many for moving one pixel.
PIXEL_WORK = 64
# Below this much work one thread is as fast as two: a launch and its guards cost 8 microseconds and
# wake threads whose caches are cold.  Microseconds on one / two threads (Zen 5, 2026-11): 128 x 128
# at 5x5 11 / 16, 256 x 256 at 5x5 (7.5 million) 27 / 26, 512 x 512 at 7x7 141 / 92.
SERIAL_WORK = 10_000_000

Shape = tuple[int, ...]


def thread_limit(image: Shape, taps: Shape, threads: Any) -> int:
    """Threads to plan for; cores are counted only where there is work for several."""
    if threads is None:
        return 1 if is_small(image, taps) else budget.thread_budget()
    if type(threads) is int and threads > 0:
        return 1 if threads == 1 else budget.usable_threads(threads)
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer):
        raise TypeError(f"threads={shown(threads)}: pass an integer of at least 1, or None")
    if threads < 1:
        raise ValueError(f"threads={shown(threads)}: pass an integer of at least 1, or None")
    return budget.usable_threads(int(threads))


def is_small(image: Shape, taps: Shape) -> bool:
    """Whether one thread is enough, so that nobody need count cores."""
    return math.prod(image) * (2 * math.prod(taps) + PIXEL_WORK) < SERIAL_WORK
