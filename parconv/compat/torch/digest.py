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

    45 MB take 1.5 ms, comparing them with a copy 8 (one thread, Sapphire Rapids VM, 2026-11).
    """
    flat = np.lib.stride_tricks.as_strided(lying, (lying.size,), (lying.itemsize,))
    return int(_compiled()(flat.view(np.uint32)))


@cache
def _compiled() -> Any:
    return jit.compiled(_sum, (WORDS,))


def _sum(words):
    """Modulo 2**64, each word times an odd number of its own: so 1 changed word always tells."""
    total = np.uint64(0)
    for n in range(words.size):
        total += np.uint64(words[n]) * np.uint64(np.uint32(2 * n + 1))
    return total
