"""Planes, colours and volumes, by names of `skimage.filters`."""

from collections.abc import Iterator

import numpy as np

from . import Case
from .pictures import SIDE, picture

FLOATS = 1e-5


def cases() -> Iterator[Case]:
    """Of bytes and float32."""
    byte, single = map(picture, ("uint8", "float32"))
    colour, volume = picture("uint8", (512, 512, 3)), picture("uint16", (64, 128, 128))
    mask = np.random.default_rng(2).random((SIDE, SIDE)) < 0.9
    yield Case("gaussian", "1024² uint8, 2", (byte, 2))
    yield Case("gaussian", "1024² float32, 2", (single, 2), within=FLOATS)
    yield Case("gaussian", "512² × 3 uint8, 2, channel_axis=-1", (colour, 2), {"channel_axis": -1})
    yield Case("sobel", "1024² uint8", (byte,))
    yield Case("sobel", "1024² float32", (single,), within=FLOATS)
    yield Case("sobel", "1024² uint8, a mask", (byte, mask))
    yield Case("farid", "1024² float32", (single,), within=FLOATS)
    yield Case("roberts", "1024² uint8", (byte,))
    yield Case("laplace", "1024² uint8", (byte,))
    yield Case("difference_of_gaussians", "1024² uint8, 1, 4", (byte, 1, 4))
    yield Case("unsharp_mask", "1024² uint8, 2", (byte, 2))
    yield Case("gaussian", "64 × 128² uint16, 2", (volume, 2))
    yield Case("sobel", "64 × 128² uint16", (volume,))
