"""Planes and a volume, by names of `scipy.ndimage`."""

from collections.abc import Iterator

from . import Case
from .pictures import picture, taps

CUBE = (64, 256, 256)
FLOATS = 2e-6  # images of float32 are summed in float32


def cases() -> Iterator[Case]:
    """Of bytes, 16 bits, float32 and float64."""
    byte, single, double = map(picture, ("uint8", "float32", "float64"))
    volume = picture("uint16", CUBE)
    for size in (3, 7, 15):
        told = f"1024² float64, {size} × {size}"
        yield Case("correlate", told, (double, taps(size, size)))
    yield Case("convolve", "1024² float32, 7 × 7", (single, taps(7, 7)), within=FLOATS)
    yield Case("correlate", "1024² uint8, 5 × 5", (byte, taps(5, 5)), units=1)
    yield Case("correlate1d", "1024² float64, 9, axis 0", (double, taps(9)), {"axis": 0})
    yield Case("convolve1d", "1024² float64, 9, axis 1", (double, taps(9)))
    yield Case("gaussian_filter", "1024² uint8, 2", (byte, 2), units=1)
    yield Case("gaussian_filter", "1024² float32, 2", (single, 2), within=FLOATS)
    yield Case("gaussian_filter", "1024² float64, 5", (double, 5))
    yield Case("uniform_filter", "1024² uint8, 9", (byte, 9), units=1)
    yield Case("uniform_filter", "1024² float32, 9", (single, 9), within=FLOATS)
    yield Case("sobel", "1024² float32", (single,), within=FLOATS)
    yield Case("laplace", "1024² float64", (double,))
    yield Case("gaussian_laplace", "1024² float64, 2", (double, 2))
    yield Case("gaussian_gradient_magnitude", "1024² float64, 2", (double, 2))
    yield Case("gaussian_filter", "64 × 256² uint16, 2", (volume, 2), units=1)
    yield Case("uniform_filter", "64 × 256² uint16, 5", (volume, 5), units=1)
    yield Case("correlate", "64 × 256² uint16, 3 × 3 × 3", (volume, taps(3, 3, 3)), units=1)
