"""The formats, one row each: who reads it, who writes it, and what it can hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..runtime.replacing import replacing
from . import npy, pillow, tiff
from .picture import Picture
from .places import check_source

Pictures = tuple[Picture, ...]


@dataclass(frozen=True)
class Format:
    """One kind of file.

    ``fits`` says whether it holds the pixels exactly, ``loses`` what else of a picture it does not
    keep, ``several`` whether a file may hold more than one picture.
    """

    name: str
    decode: Callable[[IO[bytes]], Pictures]
    encode: Callable[[IO[bytes], Pictures], None]
    fits: Callable[[Picture], bool]
    loses: Callable[[Picture], list[str]]
    several: bool = False


_PNG = Format("PNG", pillow.decode_png, pillow.encode_png, pillow.fits_png, pillow.png_loses)
_JPEG = Format("JPEG", pillow.decode, pillow.encode_jpeg, pillow.fits_jpeg, pillow.jpeg_loses)
_TIFF = Format("TIFF", tiff.decode, tiff.encode, tiff.fits, tiff.loses, several=True)
_NPY = Format("NPY", npy.decode, npy.encode, npy.fits, npy.loses)
FORMATS: Mapping[str, Format] = {
    ".png": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".npy": _NPY,
}


def file_format(path: Path) -> Format:
    """The format that the suffix names."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        message = f"file {path} has the suffix {path.suffix!r}: use one of {', '.join(FORMATS)}"
        raise ValueError(message) from None


def read(path: Path, axes: str | None = None) -> Pictures:
    """The pictures in a file: one, or those of a TIFF whose pages differ.

    Parameters
    ----------
    path : Path
        PNG, JPEG, TIFF or .npy, by the suffix.
    axes : str, optional
        A letter for each axis (see `Picture`), in place of what the file says.

    Raises
    ------
    ValueError
        Where the file is damaged, or holds pixels nobody here understands.
    """
    decode = file_format(path).decode
    check_source(path)
    with open(path, "rb") as file:
        try:
            pictures = decode(file)
        except ModuleNotFoundError:
            raise
        # Decoders answer damaged files with exceptions of every kind, their own included.
        except Exception as error:
            raise ValueError(f"cannot read image {path}: {error}") from error
    for picture in pictures:
        _check_numbers(path, picture)
    return pictures if axes is None else tuple(picture.named(axes) for picture in pictures)


def _check_numbers(path: Path, picture: Picture) -> None:
    pixels = picture.pixels
    if not {"Y", "X"} <= set(picture.axes) or not pixels.size or pixels.dtype.kind not in "buifc":
        raise ValueError(
            f"image {path} is {pixels.dtype} of shape {pixels.shape}: pass 2 or more axes of "
            "numbers"
        )


def write(path: Path, pictures: Pictures) -> None:
    """Write them in the format of the suffix, or leave ``path`` as it was."""
    check_writable(path, pictures)
    encode = file_format(path).encode
    with replacing(path) as file:
        encode(file, pictures)


def check_writable(path: Path, pictures: Sequence[Picture]) -> None:
    """Raise ValueError unless the format of ``path`` can hold the pixels exactly."""
    form = file_format(path)
    way_out = f"write {path.stem}.tiff"
    if len(pictures) > 1 and not form.several:
        raise ValueError(f"{form.name} cannot hold {len(pictures)} pictures: {way_out}")
    for picture in pictures:
        if not form.fits(picture):
            raise ValueError(f"{form.name} cannot hold {picture}: {way_out}")


def lost(path: Path, pictures: Sequence[Picture]) -> list[str]:
    """What the files that the pictures are from said, and ``path`` will not."""
    loses = file_format(path).loses
    return list(dict.fromkeys(name for picture in pictures for name in loses(picture)))
