"""Signals, planes and stacks, by names of `scipy.signal`."""

from collections.abc import Iterator

import numpy as np

from . import Case
from .pictures import picture, taps

FLOATS = 2e-6


def cases() -> Iterator[Case]:
    """Of integers, floats and complex numbers."""
    byte, single, double = map(picture, ("uint8", "float32", "float64"))
    line, stack = picture("float64", (1_000_000,)), picture("float32", (64, 128, 128))
    turning = double + 1j * double[::-1]
    yield Case("convolve2d", "1024² float64, 7 × 7", (double, taps(7, 7), "same"))
    yield Case("convolve2d", "1024² float32, 7 × 7", (single, taps(7, 7, dtype="float32"), "same"),
               within=FLOATS)  # fmt: skip
    yield Case("convolve2d", "1024² uint8, 5 × 5 ones", (byte, np.ones((5, 5), "uint8"), "same"))
    yield Case("correlate2d", "1024² complex128, 7 × 7", (turning, taps(7, 7) * (1 + 1j), "same"))
    yield Case("convolve2d", "1024² float64, 7 × 7, symm", (double, taps(7, 7), "same", "symm"))
    yield Case("convolve", "1024² float64, 31 × 31", (double, taps(31, 31), "same"))
    yield Case("fftconvolve", "1024² float32, 63 × 63",
               (single, taps(63, 63, dtype="float32"), "same"), within=1e-5)  # fmt: skip
    yield Case("oaconvolve", "1,000,000 float64, 101", (line, taps(101), "same"))
    yield Case("convolve", "1,000,000 float64, 31", (line, taps(31), "same"))
    yield Case("fftconvolve", "64 × 128² float32, a 9 × 9 for each plane",
               (stack, taps(64, 9, 9, dtype="float32"), "same", (1, 2)), within=1e-5)  # fmt: skip
