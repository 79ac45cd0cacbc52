"""Means over what is not NaN beside astropy's, which has one thread."""

from collections.abc import Iterator, Mapping

import numpy as np

from . import Call, Row

SIDE, LOST = 1024, 0.05


def rows() -> Iterator[Row]:
    for taps in (7, 15):
        yield Row(f"{taps}x{taps} {SIDE}² float64", 10, False, lambda _, n=taps: _make(n))


def _make(taps: int) -> tuple[Call, Mapping[str, Call]]:
    from astropy.convolution import convolve as theirs

    from parconv.compat.astropy import convolve as ours

    rng = np.random.default_rng(1)
    f = np.where(rng.random((SIDE, SIDE)) < LOST, np.nan, rng.random((SIDE, SIDE)))
    g = rng.random((taps, taps))
    return lambda: ours(f, g), {"astropy": lambda: theirs(f, g)}
