"""Wide Gaussians beside `cv2.GaussianBlur` of as many taps."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from ..common import image
from . import Call, Row, opencv

SIGMAS, TRUNCATE = (5, 10, 20), 4
SIDES = (1024, 2048, 4096)


def rows() -> Iterator[Row]:
    for sigma in SIGMAS:
        for side in SIDES:
            wanted = 8 if sigma == 10 else 1
            make = partial(_make, sigma, side)
            yield Row(f"sigma {sigma} {side}² float32", wanted, False, make)


def _make(sigma: int, side: int, threads: int) -> tuple[Call, Mapping[str, Call]]:
    import parconv

    cv2 = opencv(threads)
    f = image((side, side))
    ours, theirs = np.empty_like(f), np.empty_like(f)
    taps = 2 * TRUNCATE * sigma + 1
    words = {"boundary": "mirror", "truncate": TRUNCATE, "threads": threads, "out": ours}
    blur = partial(
        cv2.GaussianBlur, f, (taps, taps), sigma, dst=theirs, borderType=cv2.BORDER_REFLECT_101
    )
    return partial(parconv.gaussian, f, sigma, **words), {"cv2.GaussianBlur": blur}
