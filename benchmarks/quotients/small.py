"""Small images beside `cv2.filter2D`: as a plain call, and as a plan bound to its arrays."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from ..common import image, taps
from . import Call, Row, opencv

IMAGES = ((28, 3), (64, 3), (128, 5), (256, 3), (1024, 3))  # side, taps
WANTED = {"plain": 0.9, "bound": 1.5}


def rows() -> Iterator[Row]:
    for side, size in IMAGES:
        for way, wanted in WANTED.items():
            make = partial(_make, side, size, way)
            yield Row(f"{side}² {size}x{size} {way}", wanted, False, make)


def _make(side: int, size: int, way: str, threads: int) -> tuple[Call, Mapping[str, Call]]:
    import parconv

    cv2 = opencv(threads)
    f, g = image((side, side)), taps((size, size))
    ours, theirs = np.empty_like(f), np.empty_like(f)
    words = {"mode": "same", "boundary": "mirror", "threads": threads}
    calls: dict[str, Call] = {
        "plain": partial(parconv.conv2d, f, g, out=ours, **words),
        "bound": parconv.plan2d(f, g, **words).bind(f, ours),
    }
    flipped = np.ascontiguousarray(g[::-1, ::-1])
    filtered = partial(cv2.filter2D, f, -1, flipped, theirs, borderType=cv2.BORDER_REFLECT_101)
    return calls[way], {"cv2.filter2D": filtered}
