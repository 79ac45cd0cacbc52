"""NumPy's own files: numbers without a word about their axes."""

from typing import IO

import numpy as np

from .picture import Picture

# length of the last axis -> what its samples are taken for: (colour, extra, in words)
SAMPLES = {
    2: ("gray", ("unspecified",), "two bands"),
    3: ("rgb", (), "red, green and blue"),
    4: ("rgb", ("unassalpha",), "red, green, blue and alpha, which stays as it is"),
}


def decode(file: IO[bytes]) -> tuple[Picture, ...]:
    """The array; what would be images of two to four columns is taken for colours."""
    pixels = np.asarray(np.load(file, allow_pickle=False))
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    planes = "Q" * (pixels.ndim - 2)
    if pixels.ndim < 3 or pixels.shape[-1] not in SAMPLES:
        return (Picture(pixels, f"{planes}YX"[-pixels.ndim :] if pixels.ndim else ""),)
    colour, extra, words = SAMPLES[pixels.shape[-1]]
    axes = f"{planes[1:]}YX"
    note = f"its last axis is taken for {words}; pass --axes Q{axes} or {axes}S if it is not"
    return (Picture(pixels, f"{axes}S", colour, extra, note=note),)


def encode(file: IO[bytes], pictures: tuple[Picture, ...]) -> None:
    (picture,) = pictures
    np.save(file, picture.pixels, allow_pickle=False)


def fits(picture: Picture) -> bool:
    return True


def loses(picture: Picture) -> list[str]:
    return picture.beyond(set())
