"""Planes and colours, by names of OpenCV, which computes on all cores, too."""

from collections.abc import Iterator

from . import Case
from .pictures import picture, taps

FLOATS, SOURCE, SIGNED = 2e-6, -1, 3  # CV_16S


def cases() -> Iterator[Case]:
    """Of bytes and float32."""
    byte, single, colour = picture("uint8"), picture("float32"), picture("uint8", (1024, 1024, 3))
    for size in (3, 7, 15):
        told = f"1024² float32, {size} × {size}"
        yield Case("filter2D", told, (single, SOURCE, taps(size, size)), within=1e-5)
    yield Case("filter2D", "1024² uint8, 5 × 5", (byte, SOURCE, taps(5, 5)), units=1)
    yield Case("filter2D", "1024² × 3 uint8, 5 × 5", (colour, SOURCE, taps(5, 5)), units=1)
    line = taps(9)
    yield Case("sepFilter2D", "1024² float32, 9", (single, SOURCE, line, line), within=FLOATS)
    yield Case("GaussianBlur", "1024² uint8, 2", (byte, (0, 0), 2), units=2)
    yield Case("GaussianBlur", "1024² float32, 5", (single, (0, 0), 5), within=FLOATS)
    yield Case("blur", "1024² uint8, 9 × 9", (byte, (9, 9)), units=1)
    yield Case("blur", "1024² float32, 15 × 15", (single, (15, 15)), within=FLOATS)
    yield Case("Sobel", "1024² uint8 to int16", (byte, SIGNED, 1, 0))
    yield Case("Sobel", "1024² float32, ksize 5", (single, SOURCE, 1, 0), {"ksize": 5},
               within=FLOATS)  # fmt: skip
    yield Case("Laplacian", "1024² uint8 to int16, ksize 3", (byte, SIGNED), {"ksize": 3})
    yield Case("pyrDown", "1024² uint8", (byte,), units=1)
