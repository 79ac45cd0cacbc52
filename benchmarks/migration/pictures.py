"""Arrays that several lists of calls have."""

from typing import Any

import numpy as np

SIDE = 1024
TOPS = {"uint8": 255, "uint16": 60_000}


def picture(dtype: str, shape: tuple[int, ...] = (SIDE, SIDE)) -> Any:
    """Noise of the whole range of bytes, or from 0 to 1."""
    values = np.random.default_rng(0).random(shape)
    return (TOPS.get(dtype, 1) * values).astype(dtype)


def taps(*shape: int, dtype: str = "float64") -> Any:
    """Weights of no structure that sum to one."""
    found = np.random.default_rng(1).random(shape)
    return (found / found.sum()).astype(dtype)
