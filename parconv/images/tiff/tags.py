"""What a TIFF says beside its pixels, by the names users know."""

from fractions import Fraction
from typing import Any

from ..picture import RESOLUTION, UNITLESS

ICC, X_RESOLUTION, Y_RESOLUTION, UNIT = 34675, 282, 283, 296
EXIF_IFDS = (34665, 34853, 40965)
UNITS = {1: "none", 2: "inch", 3: "cm"}
SHAPED = ('{"shape":', "shape=(")  # how tifffile's own words begin
STORED = ("shape", "truncated")  # what they say of the old pages
GEO = "geographic reference"

# copied as they are
COPIED = {
    **dict.fromkeys((33550, 33922, 34264, 34735, 34736, 34737), GEO),
    42112: "GDAL's metadata",
    700: "XMP tag",
    33723: "IPTC tag",
    269: "document name",
    271: "maker",
    272: "model",
    285: "page name",
    306: "date",
    315: "artist",
    316: "host computer",
    33432: "copyright",
}
# how pixels are stored, what is written from other fields, and who wrote the file
UNTOLD = {
    *range(254, 267), 270, 273, 274, 277, 278, 279, 280, 281, X_RESOLUTION, Y_RESOLUTION, 284, 297,
    UNIT, 305, 317, 320, 322, 323, 324, 325, 330, 332, 334, 338, 339, 340, 341, 347, 512, 513, 514,
    519, 520, 521, 529, 530, 531, 532, ICC, 32997, 32998, 42113, 50838, 50839,
}  # fmt: skip


def about_file(tif: Any, alone: bool) -> dict[str, Any]:
    """What the first page says of all; OME's words hold for a file of one series in one file."""
    about: dict[str, Any] = {}
    first = tif.pages[0]
    if tif.is_ome:
        whole = alone and "FileName=" not in tif.ome_metadata
        about["OME metadata"] = tif.ome_metadata if whole else None
    elif tif.is_imagej:
        about["ImageJ metadata"] = dict(tif.imagej_metadata) if alone else None
    elif tif.is_shaped:
        said = tif.shaped_metadata[0]
        named = {key: value for key, value in said.items() if key not in STORED}
        about["axes and metadata"] = named if alone or not named else None
    generic = tif.series[0].kind == "generic"
    pages = [page for page in tif.pages if hasattr(page, "is_mask")] if generic else []
    levels = not generic and any(len(series.levels) > 1 for series in tif.series)
    if levels or first.subifds or any(page.is_reduced for page in pages):
        about["reduced copies"] = None
    if any(page.is_mask for page in pages):
        about["transparency mask"] = None
    return about


def about_page(page: Any) -> dict[str, Any]:
    """What the first page of a picture says: lists of tags to copy, and what needs more care."""
    about: dict[str, Any] = {}
    for tag in page.tags.values():
        if tag.code in COPIED:
            copy = (tag.code, int(tag.dtype), tag.count, tag.value, True)
            about.setdefault(COPIED[tag.code], []).append(copy)
        elif tag.code in EXIF_IFDS:
            about["EXIF data"] = None
        elif tag.code not in UNTOLD:
            about[f"tag {tag.name}"] = None
    if ICC in page.tags:
        about["ICC profile"] = page.tags[ICC].value
    own = page.is_ome or page.is_imagej or page.description.startswith(SHAPED)
    if page.description and not own:
        about["description"] = page.description
    return about | _resolution(page)


def _resolution(page: Any) -> dict[str, tuple[Fraction, Fraction, str]]:
    """Pixels per unit along X and Y, unless that says nothing."""
    pairs = [page.tags.valueof(code) for code in (X_RESOLUTION, Y_RESOLUTION)]
    if not all(isinstance(pair, tuple) and all(pair) for pair in pairs):
        return {}
    x, y = (Fraction(*pair) for pair in pairs)
    unit = UNITS.get(int(page.tags.valueof(UNIT, 2)), "none")
    if unit == "none":
        return {} if x == y == 1 else {UNITLESS: (x, y, unit)}
    return {RESOLUTION: (x, y, unit)}
