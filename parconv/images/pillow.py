"""PNG and JPEG, by Pillow."""

import math
import warnings
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..problem.dtypes import Array
from .chunks import about_png, png_info
from .picture import RESOLUTION, Picture

if TYPE_CHECKING:
    import PIL.Image

JPEG_QUALITY = 95
SIXTEEN_BIT, GRAY = 16, 0  # fields of a PNG header
OPAQUE = 65535
ALPHA = ("unassalpha",)

# modes that arrays stand for, and what others become
MODES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "L": ("gray", ()),
    "LA": ("gray", ALPHA),
    "I;16": ("gray", ()),
    "I": ("gray", ()),
    "F": ("gray", ()),
    "RGB": ("rgb", ()),
    "RGBA": ("rgb", ALPHA),
    "CMYK": ("cmyk", ()),
}
BECOMES = {"1": "L", "P": "RGB", "PA": "RGBA", "I;16B": "I;16"}
CLEAR = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}  # where one colour is transparent
PNG_KEEPS = {"ICC profile", RESOLUTION, "EXIF data", "XMP", "text", "gamma"}
JPEG_KEEPS = {"ICC profile", RESOLUTION, "EXIF data", "XMP", "comment"}
# Pillow's word -> ours
INFO = {
    "icc_profile": "ICC profile",
    "comment": "comment",
    "xmp": "XMP",
    "photoshop": "Photoshop's data",
}


@contextmanager
def opened(file: IO[bytes]) -> Iterator["PIL.Image.Image"]:
    """The picture in ``file``, without Python's warnings on the terminal (that it is large)."""
    import PIL.Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with PIL.Image.open(file) as picture:
                yield picture
        except PIL.Image.DecompressionBombError:
            most = 2 * (PIL.Image.MAX_IMAGE_PIXELS or 0)
            raise ValueError(
                f"it has more than the {most:,} pixels that Pillow decodes, as small files may be "
                "bombs; convert it to an uncompressed or deflated TIFF"
            ) from None


def decode(file: IO[bytes]) -> tuple[Picture, ...]:
    """The picture as it is meant to be seen: turned upright, with colours for their numbers."""
    import PIL.ImageOps

    with opened(file) as stored:
        upright = PIL.ImageOps.exif_transpose(stored)
        return (_as_picture(upright, _about(stored, upright)),)


def decode_png(file: IO[bytes]) -> tuple[Picture, ...]:
    """A PNG; Pillow would cut 16-bit colours to 8 bits."""
    header = file.read(26)
    if len(header) == 26 and header[24] == SIXTEEN_BIT and header[25] != GRAY:
        raise ValueError("16-bit colour, which Pillow would cut to 8 bits; convert it to TIFF")
    file.seek(0)
    return decode(file)


def _as_picture(picture: "PIL.Image.Image", about: dict[str, Any]) -> Picture:
    clear = picture.info.get("transparency")
    if clear is not None and picture.mode == "I;16":  # Pillow has no such mode with alpha
        gray = np.asarray(picture)
        alpha = np.where(gray == clear, 0, OPAQUE).astype(gray.dtype)
        return Picture(np.stack([gray, alpha], axis=-1), "YXS", "gray", ALPHA, about=about)
    becomes = BECOMES if clear is None else BECOMES | CLEAR
    mode = becomes.get(picture.mode, picture.mode)
    if mode not in MODES:
        raise ValueError(f"its pixels are {picture.mode}; convert it to RGB")
    colour, extra = MODES[mode]
    pixels = np.asarray(picture if mode == picture.mode else picture.convert(mode))
    return Picture(pixels, "YXS"[: pixels.ndim], colour, extra, about=about)


def _about(stored: "PIL.Image.Image", upright: "PIL.Image.Image") -> dict[str, Any]:
    info = upright.info
    about = {name: info[word] for word, name in INFO.items() if info.get(word)}
    dots = [float(one) for one in info.get("dpi", ())]
    if len(dots) == 2 and all(0 < one < math.inf for one in dots):
        x, y = (Fraction(one).limit_denominator(1000) for one in dots)
        about[RESOLUTION] = x, y, "inch"
    if exif := upright.getexif():
        about["EXIF data"] = _bytes(exif)
    if (pictures := getattr(stored, "n_frames", 1)) > 1:
        about[f"all pictures but the first of {pictures}"] = None
    return about | about_png(stored) if stored.format == "PNG" else about


def _bytes(exif: "PIL.Image.Exif") -> bytes | None:
    """None where Pillow cannot write what it has read, as cameras bend the format."""
    try:
        return exif.tobytes()
    except Exception:
        return None


# --- writing -------------------------------------------------------------------------------------


def fits_png(picture: Picture) -> bool:
    return _is_one(picture) and (
        picture.pixels.dtype == np.uint8
        or (picture.pixels.dtype == np.uint16 and picture.axes == "YX")
    )


def fits_jpeg(picture: Picture) -> bool:
    return _is_one(picture) and picture.pixels.dtype == np.uint8 and not picture.extra


def _is_one(picture: Picture) -> bool:
    """Whether it is one image of samples that Pillow has a mode for."""
    kind = picture.colour, picture.extra
    return set(picture.axes) <= set("YXS") and kind in MODES.values()


def png_loses(picture: Picture) -> list[str]:
    inks = ["inks (CMYK became RGB)"] if picture.colour == "cmyk" else []
    return inks + picture.beyond(PNG_KEEPS - {"ICC profile"} if inks else PNG_KEEPS)


def jpeg_loses(picture: Picture) -> list[str]:
    return picture.beyond(JPEG_KEEPS)


def encode_png(file: IO[bytes], pictures: tuple[Picture, ...]) -> None:
    (picture,) = pictures
    image, kept = _image(picture), PNG_KEEPS
    if picture.colour == "cmyk":
        image, kept = image.convert("RGB"), PNG_KEEPS - {"ICC profile"}  # which is one of inks
    image.save(file, "PNG", pnginfo=png_info(picture.about), **_options(picture, kept))


def encode_jpeg(file: IO[bytes], pictures: tuple[Picture, ...]) -> None:
    (picture,) = pictures
    _image(picture).save(file, "JPEG", quality=JPEG_QUALITY, **_options(picture, JPEG_KEEPS))


def _image(picture: Picture) -> "PIL.Image.Image":
    import PIL.Image

    pixels = picture.ending("YXS" if "S" in picture.axes else "YX").pixels
    if picture.colour == "cmyk":
        rows, columns = pixels.shape[:2]
        return PIL.Image.frombytes("CMYK", (columns, rows), pixels.tobytes())
    return PIL.Image.fromarray(_whole(pixels))


def _whole(pixels: Array) -> Array:
    """In one piece, and gray without an axis of one sample."""
    return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)


def _options(picture: Picture, kept: Set[str]) -> dict[str, Any]:
    """What Pillow's writers take of what the format keeps."""
    about = {name: picture.about.get(name) for name in kept}
    options = {word: about[name] for word, name in INFO.items() if about.get(name)}
    if about["EXIF data"]:
        options["exif"] = about["EXIF data"]
    if resolution := about[RESOLUTION]:
        x, y, unit = resolution
        inch = Fraction(254, 100) if unit == "cm" else 1
        options["dpi"] = float(x * inch), float(y * inch)
    return options
