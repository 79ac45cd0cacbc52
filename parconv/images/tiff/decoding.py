"""The numbers in pages, by tifffile or else by Pillow."""

from typing import IO, Any

import numpy as np

from ...problem.dtypes import Array
from ..pillow import opened

CODECS = "imagecodecs"  # tifffile's decoders for most compressions, which it names in its errors
MIXED = ("YCBCR",)  # colours that Pillow makes RGB


def word(value: Any) -> str:
    """What tifffile calls a tag's value; a number where it knows none."""
    return str(getattr(value, "name", value))


def samples(file: IO[bytes], block: Any) -> tuple[Array, bool]:
    """The numbers, and whether they are brightness already, whatever the page says."""
    page = block.keyframe
    if word(page.photometric) not in MIXED:
        try:
            return _native(np.asarray(block.asarray())), False
        except ValueError as error:
            if CODECS not in str(error):
                raise
    return _by_pillow(file, block)


def _native(pixels: Array) -> Array:
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _by_pillow(file: IO[bytes], block: Any) -> tuple[Array, bool]:
    """What Pillow decodes, where it keeps every sample and bit.

    It knows min-is-white up to 8 bits, and then gives brightness.
    """
    page = block.keyframe
    pages = [page] if block is page else block.pages
    with opened(file) as picture:
        pixels = np.stack([_page(picture, one, page) for one in pages])
    return pixels.reshape(block.shape), picture.mode in ("1", "L", "RGB")


def _page(picture: Any, page: Any, like: Any) -> Array:
    try:
        picture.seek(page.index)
        bits, mixed = picture.mode == "1", word(like.photometric) in MIXED
        pixels = np.asarray(picture.convert("L" if bits else "RGB") if bits or mixed else picture)
    except Exception as error:
        raise ValueError(f"{error}{_otherwise(like)}") from error
    dtype = np.uint8 if like.dtype == bool else like.dtype
    if pixels.shape != like.shape or pixels.dtype != dtype:
        raise ValueError(f"Pillow would cut its samples{_otherwise(like)}")
    return pixels


def _otherwise(page: Any) -> str:
    return f"; to decode {word(page.compression)} by tifffile, `pip install {CODECS}`"
