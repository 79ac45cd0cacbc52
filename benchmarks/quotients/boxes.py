"""`parconv.box` beside `cv2.blur`: every dtype and colour, drawn sizes, and two named images."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from ..common import image
from . import Call, Row, opencv

DTYPES = ("uint8", "uint16", "int16", "float32", "float64")
COLOURS = (1, 3, 4)
DRAWN, SEED = 3, 15  # of each dtype and colour
SIDES, TAPS = (64, 2048), (3, 31)


def rows() -> Iterator[Row]:
    for side, wanted in ((2048, 1.0), (4096, 4.0)):
        make = partial(_make, (side, side), 15, "float32")
        yield Row(f"box 15 {side}² float32", wanted, False, make)
    rng = np.random.default_rng(SEED)
    for dtype in DTYPES:
        for colours in COLOURS:
            for _ in range(DRAWN):
                height, width = (int(side) for side in np.exp(rng.uniform(*np.log(SIDES), 2)))
                taps = int(rng.integers(TAPS[0] // 2, TAPS[1] // 2 + 1)) * 2 + 1
                shape = (height, width) if colours == 1 else (height, width, colours)
                name = f"box {taps} {'x'.join(map(str, shape))} {dtype}"
                yield Row(name, 0.8, False, partial(_make, shape, taps, dtype))


def _make(
    shape: tuple[int, ...], taps: int, dtype: str, threads: int
) -> tuple[Call, Mapping[str, Call]]:
    import parconv

    cv2 = opencv(threads)
    f = 250 * image(shape) if dtype.startswith("float") else image(shape, dtype)
    f = f.astype(dtype)
    ours, theirs = np.empty_like(f), np.empty_like(f)
    blur = partial(cv2.blur, f, (taps, taps), theirs, borderType=cv2.BORDER_REFLECT_101)
    channel = -1 if len(shape) == 3 else None
    words = {"boundary": "mirror", "channel_axis": channel, "threads": threads, "out": ours}
    return partial(parconv.box, f, taps, **words), {"cv2.blur": blur}
