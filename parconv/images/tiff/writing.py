"""Pictures to a TIFF, with all that a TIFF can hold."""

from typing import IO, Any

import numpy as np

from ..picture import RESOLUTION, UNITLESS, Picture

PHOTOMETRIC = {"gray": "minisblack", "rgb": "rgb", "cmyk": "separated"}
CLASSIC = 2**32 - 2**25  # bytes of pixels; more need 64-bit offsets
DEFLATE = ("", "ADOBE_DEFLATE", "DEFLATE")
KEEPS = {
    "ICC profile", RESOLUTION, UNITLESS, "description", "OME metadata", "axes and metadata",
    "nodata value",
}  # fmt: skip
PAGES = set("YXSI")  # axes that pages say without words of tifffile's own
IMAGEJ_AXES, IMAGEJ_TYPES = "TZCYXS", ("uint8", "uint16", "float32")


def fits(picture: Picture) -> bool:
    return True


def loses(picture: Picture) -> list[str]:
    """ImageJ's words where the pixels are none of ImageJ's, and compressions nobody writes here."""
    kept = KEEPS | {name for name, tags in picture.about.items() if type(tags) is list}
    kept |= {"ImageJ metadata"} if _is_imagej(picture) else set()
    name = picture.compression
    compression = [f"{name} compression (deflate took its place)"] if name not in DEFLATE else []
    return picture.beyond(kept) + compression


def _is_imagej(picture: Picture) -> bool:
    axes, dtype = picture.axes, picture.pixels.dtype
    ordered = sorted(axes, key=IMAGEJ_AXES.find) == list(axes) and set(axes) <= set(IMAGEJ_AXES)
    known = dtype == np.uint8 if picture.colour == "rgb" else str(dtype) in IMAGEJ_TYPES
    few = picture.pixels.nbytes < CLASSIC and not picture.extra and picture.colour != "cmyk"
    return "ImageJ metadata" in picture.about and ordered and known and few


def encode(file: IO[bytes], pictures: tuple[Picture, ...]) -> None:
    """One series for each picture."""
    import tifffile

    large = sum(picture.pixels.nbytes for picture in pictures) >= CLASSIC
    imagej = len(pictures) == 1 and _is_imagej(pictures[0])
    with tifffile.TiffWriter(file, bigtiff=large, imagej=imagej, ome=False) as writer:
        for picture in pictures:
            picture = _ordered(picture)
            writer.write(picture.pixels, **_layout(picture), **_words(picture, imagej))


def _ordered(picture: Picture) -> Picture:
    """Rows and columns last, and samples behind them unless they came before."""
    axes = picture.axes
    separate = "S" in axes and axes.index("S") < min(picture.plane)
    last = "YX" if "S" not in axes else "SYX" if separate else "YXS"
    return picture.ending(last)


def _layout(picture: Picture) -> dict[str, Any]:
    """How the pixels are stored."""
    layout: dict[str, Any] = {"photometric": PHOTOMETRIC[picture.colour], "software": False}
    if "S" in picture.axes:
        layout["planarconfig"] = "contig" if picture.axes.endswith("S") else "separate"
        layout["extrasamples"] = picture.extra or None
    if picture.compression:
        layout["compression"] = "zlib"
    return layout


def _words(picture: Picture, imagej: bool) -> dict[str, Any]:
    """What is said of them."""
    about = {name: value for name, value in picture.about.items() if value is not None}
    words: dict[str, Any] = {"extratags": _tags(picture)}
    if set(picture.axes) <= PAGES:
        words["metadata"] = None
    if "ICC profile" in about:
        words["iccprofile"] = about["ICC profile"]
    if resolution := about.get(RESOLUTION, about.get(UNITLESS)):
        x, y, unit = resolution
        pair = [(one.numerator, one.denominator) for one in (x, y)]
        words |= {"resolution": pair, "resolutionunit": "CENTIMETER" if unit == "cm" else unit}
    for name in ("OME metadata", "description"):
        if name in about:
            words |= {"description": about[name].encode(), "metadata": None}
    for name in ("ImageJ metadata",) if imagej else ("axes and metadata",):
        if name in about:
            axes = {"axes": picture.axes} if imagej or "axes" in about[name] else {}
            words["metadata"] = {**about[name], **axes}
    return words


def _tags(picture: Picture) -> list[Any]:
    tags = [tag for copied in picture.about.values() if type(copied) is list for tag in copied]
    if picture.nodata is not None:
        tags.append((42113, 2, 0, f"{picture.nodata}", True))
    return tags
