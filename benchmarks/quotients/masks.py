"""Plain filters beside means over what is there: NaN and booleans, 5 % of the pixels gone."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from ..common import smoothing, taps
from . import Call, Row

SIDES = (512, 1024, 2048, 4096)
FILTERS = ("box:15", "gaussian:1", "gaussian:2", "gaussian:4", "7x7")
DTYPES = ("float32", "float64")
LOST = 0.05
BOUND_BY_MEMORY, OTHERWISE = 1.6, 2.2
LARGE = 4096  # from which on boxes and Gaussians are bound by memory


def rows() -> Iterator[Row]:
    for kind in FILTERS:
        for dtype in DTYPES:
            for side in SIDES:
                light = side >= LARGE and ":" in kind
                wanted = BOUND_BY_MEMORY if light else OTHERWISE
                yield Row(
                    f"{kind} {side}² {dtype}", wanted, True, partial(_make, kind, dtype, side)
                )


def _make(kind: str, dtype: str, side: int, threads: int) -> tuple[Call, Mapping[str, Call]]:
    import parconv

    rng = np.random.default_rng(1)
    f, there = rng.random((side, side)).astype(dtype), rng.random((side, side)) >= LOST
    holed = np.where(there, f, np.nan).astype(dtype)
    g = smoothing(kind, dtype) if ":" in kind else np.abs(taps((7, 7), dtype))
    out = np.empty_like(f)
    filtered = partial(
        parconv.conv2d, g=g, mode="same", boundary="mirror", threads=threads, out=out
    )
    others = {"NaN": partial(filtered, holed, nan_policy="omit"),
              "where": partial(filtered, f, where=there)}  # fmt: skip
    return partial(filtered, f), others
