"""Bytes stored plainly beside bytes of sums that are scaled and shifted first."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from ..common import image, smoothing, taps
from . import Call, Row

SIDES = (1024, 4096)
FILTERS = ("3x3", "5x5", "7x7", "box:3", "box:5", "box:15", "gaussian:2")
DTYPES = ("float32", "uint8")
SCALE, BIAS = 0.9, 12.0


def rows() -> Iterator[Row]:
    for kind in FILTERS:
        for dtype in DTYPES:
            for side in SIDES:
                make = partial(_make, kind, dtype, side)
                yield Row(f"{kind} {side}² {dtype}", 1.03, True, make)


def _make(kind: str, dtype: str, side: int, threads: int) -> tuple[Call, Mapping[str, Call]]:
    import parconv

    f = image((side, side), dtype)
    if dtype == "float32":
        f = 250 * f
    if ":" in kind:
        g = smoothing(kind)
    else:
        height, width = map(int, kind.split("x"))
        g = np.abs(taps((height, width)))
        g /= g.sum()
    filtered = partial(
        parconv.conv2d, f, g, mode="same", boundary="mirror", threads=threads,
        out=np.empty(f.shape, "uint8"),
    )  # fmt: skip
    return filtered, {"scale, bias": partial(filtered, scale=SCALE, bias=BIAS)}
