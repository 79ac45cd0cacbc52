"""What the numbers of a TIFF stand for, and which way up they are."""

from dataclasses import replace
from typing import Any

import numpy as np

from ...problem.dtypes import Array
from ..picture import RESOLUTION, SAMPLES, UNITLESS, Picture
from .decoding import word

# PhotometricInterpretation -> what the first samples are
COLOURS = {
    "MINISBLACK": "gray",
    "MINISWHITE": "gray",
    "RGB": "rgb",
    "YCBCR": "rgb",
    "SEPARATED": "cmyk",
}
ORIENTATION, NODATA = 274, 42113
# Orientation -> whether rows are columns, and which axes of the result run backwards
TURNS = {
    2: (False, "X"),
    3: (False, "YX"),
    4: (False, "Y"),
    5: (True, ""),
    6: (True, "X"),
    7: (True, "YX"),
    8: (True, "Y"),
}


def with_meaning(picture: Picture, page: Any, plain: bool) -> Picture:
    """The picture in brightness or ink, with names for its samples.

    ``plain`` numbers are brightness already.
    """
    name = word(page.photometric)
    if name == "PALETTE":
        return _coloured(picture, page)
    if name not in COLOURS:
        raise ValueError(f"its pixels are {name}; convert it to gray or RGB")
    picture = _named(picture, COLOURS[name], [word(one).lower() for one in page.extrasamples])
    nodata = _nodata(page, picture.pixels.dtype)
    if nodata is not None:
        about = {**picture.about, "nodata value": nodata}
        picture = replace(picture, nodata=nodata, about=about)
    return picture if plain else _bright(picture, page.bitspersample, name == "MINISWHITE")


def _named(picture: Picture, colour: str, extra: list[str]) -> Picture:
    samples = picture.pixels.shape[picture.axes.index("S")] if "S" in picture.axes else 1
    if "S" not in picture.axes:  # of one sample, or with its samples as channels of their own
        return replace(picture, colour="gray")
    beyond = samples - SAMPLES[colour]
    if beyond < 0:
        raise ValueError(f"its pixels are {colour} of {samples} samples; convert it")
    # programs leave some out; what nobody calls alpha is a band
    names = ["unspecified"] * (beyond - len(extra)) + extra[:beyond]
    return replace(picture, colour=colour, extra=tuple(names))


def _bright(picture: Picture, bits: int, white: bool) -> Picture:
    """0 is black; less than a byte becomes one."""
    pixels, nodata, most = picture.pixels, picture.nodata, (1 << bits) - 1
    if pixels.dtype.kind not in "bu":
        if white:
            raise ValueError(f"its {pixels.dtype} pixels have 0 for white; convert it")
        return picture
    if white:
        pixels = ~pixels if pixels.dtype.kind == "b" else most - pixels
        nodata = None if nodata is None else most - nodata
    if bits < 8:
        pixels = (pixels.astype(np.uint16) * 255 // most).astype(np.uint8)
    return replace(picture, pixels=pixels, nodata=nodata)


def _coloured(picture: Picture, page: Any) -> Picture:
    """Colours in place of their numbers."""
    if "S" in picture.axes:
        raise ValueError("its palette goes with more samples; convert it to RGB")
    pixels = _palette(np.asarray(page.colormap)).T[picture.pixels.astype(np.uint16)]
    return replace(picture, pixels=pixels, axes=picture.axes + "S", colour="rgb")


def _palette(colours: Array) -> Array:
    """In 8 bits where that is what they are: spread over 16, shifted, or as they are."""
    high = colours >> 8
    if (colours == high * 257).all() or (colours == high << 8).all():
        return high.astype(np.uint8)
    return colours.astype(np.uint8) if not high.any() else colours


def _nodata(page: Any, dtype: np.dtype[Any]) -> float | None:
    """The number in GDAL's tag; None where there is none, or no such pixel can be."""
    text = str(page.tags.valueof(NODATA) or "").strip("\0 ").replace(",", ".")
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if dtype.kind in "iu" and number.is_integer() else number


def upright(picture: Picture, page: Any) -> Picture:
    """The picture as it is meant to be seen."""
    turned, backwards = TURNS.get(page.tags.valueof(ORIENTATION, 1), (False, ""))
    if not (turned or backwards):
        return picture
    rows, columns = picture.plane
    pixels = picture.pixels.swapaxes(rows, columns) if turned else picture.pixels
    pixels = np.flip(pixels, tuple(picture.axes.index(letter) for letter in backwards))
    about = dict(picture.about)
    for name in ("geographic reference", "OME metadata"):
        if name in about:
            about[name] = None  # both are of pixels where they were
    for name in {RESOLUTION, UNITLESS} & about.keys() if turned else ():
        x, y, unit = about[name]
        about[name] = y, x, unit
    return replace(picture, pixels=np.ascontiguousarray(pixels), about=about)
