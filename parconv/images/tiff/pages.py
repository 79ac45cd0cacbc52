"""Which pictures a TIFF holds: as few as its pages allow, and every page in one of them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, Any

from ..picture import Picture
from .decoding import samples, word
from .meaning import upright, with_meaning
from .tags import about_file, about_page

LONGEST = 120  # characters of a complaint
OURS = "GDAL_NODATA"  # which `meaning` reads; to tifffile the least float32 is too small for one
NARROW = (2, 3, 4)  # columns of a page that may be colours that somebody wrote as columns


def decode(file: IO[bytes]) -> tuple[Picture, ...]:
    """The pictures of the file, each of pages that are alike."""
    import tifffile

    with _overheard() as complaints, tifffile.TiffFile(file) as tif:
        blocks = list(_blocks(tif))
        about = about_file(tif, alone=len(blocks) == 1)
        first, *others = [_picture(file, block, about) for block in blocks]
    notes = [first.note] if first.note else []
    notes += [f"tifffile says {text}" for text in complaints if OURS not in text][:1]
    return replace(first, note="; ".join(notes)), *others


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What tifffile logs, up to hundreds of lines for a damaged file, kept from the terminal."""
    log, said = logging.getLogger("tifffile"), list[str]()
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage()[:LONGEST])  # type: ignore[method-assign]
    before, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        yield said
    finally:
        log.removeHandler(handler)
        log.propagate = before


def _blocks(tif: Any) -> Iterator[Any]:
    """Series, or pages one by one where nothing says what pages of several kinds are together.

    tifffile takes a page half as large as another for a copy of it, and sorts pages by size.
    """
    series = tif.series
    if not series:
        raise ValueError("it holds no picture")
    if series[0].kind != "generic" or (len(series) == 1 and len(series[0].levels) == 1):
        yield from series
        return
    tif.pages.useframes = False
    pages = [page for page in tif.pages if not (page.is_reduced or page.is_mask)]
    if not pages:
        raise ValueError("it holds reduced copies and masks only")
    yield from pages


def _picture(file: IO[bytes], block: Any, about: dict[str, Any]) -> Picture:
    page = block.keyframe
    pixels, plain = samples(file, block)
    if "S" not in block.axes and len(block.axes) > 2 and pixels.shape[-1] in NARROW:
        note = f"pages of {pixels.shape[-1]} columns; pass --axes {block.axes[1:]}S if colours"
    else:
        note = ""
    compression = word(page.compression).replace("NONE", "")
    about = {**about, **about_page(page)}
    picture = Picture(pixels, block.axes, compression=compression, about=about, note=note)
    return upright(with_meaning(picture, page, plain), page)
