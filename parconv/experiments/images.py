"""Image files to arrays and back, dtype kept: PNG, JPEG, TIFF and .npy.

A file is written beside its target and then renamed, so that a failure leaves no half-written
image.  Does not compute anything.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]

FORMATS: Mapping[str, str] = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".npy": "NPY",
}
JPEG_QUALITY = 95
SIXTEEN_BIT, GRAY = 16, 0  # fields of a PNG header


def file_format(path: Path) -> str:
    """PNG, JPEG, TIFF or NPY, from the suffix."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        message = f"file {path} has the suffix {path.suffix!r}: use one of {', '.join(FORMATS)}"
        raise ValueError(message) from None


def is_colour(image: Image) -> bool:
    """Whether the last axis holds gray + alpha, RGB or RGBA rather than columns."""
    return image.ndim == 3 and image.shape[-1] in (2, 3, 4)


def split_alpha(image: Image) -> tuple[Image, Image | None]:
    """The colours and, where there is one, the alpha channel (which no filter should touch)."""
    if is_colour(image) and image.shape[-1] in (2, 4):
        return image[..., :-1], image[..., -1:]
    return image, None


def filtered(image: Image, run: Callable[..., Image]) -> Image:
    """Every plane of ``image`` but alpha through ``run``, in the dtype of ``image``."""
    colours, alpha = split_alpha(image)
    axes = (0, 1) if is_colour(image) else (-2, -1)
    result = run(colours, axes=axes, dtype=image.dtype if image.dtype.kind in "ui" else None)
    if alpha is None:
        return result
    if result.shape[:2] != alpha.shape[:2]:
        raise ValueError("an image with alpha must keep its size: pass mode 'same'")
    return np.concatenate([result, alpha], axis=-1)


def read(path: Path) -> Image:
    """The image in ``path``: (H, W) gray, (H, W, C) colour, or whatever a TIFF or .npy holds."""
    decode = READERS[file_format(path)]
    with open(path, "rb") as file:
        try:
            image = decode(file)
        # Decoders answer damaged files with exceptions of every kind, their own included.
        except Exception as error:
            raise ValueError(f"cannot read image {path}: {error}") from error
    if image.ndim < 2 or image.size == 0 or image.dtype.kind not in "buifc":
        raise ValueError(
            f"image {path} is {image.dtype} of shape {image.shape}: pass 2 or more axes of numbers"
        )
    return image.astype(image.dtype.newbyteorder("="), copy=False)


def write(path: Path, image: Image) -> None:
    """Write ``image`` to ``path`` in the format of its suffix, or leave ``path`` as it was."""
    check_writable(path, image.dtype, image.shape)
    encode = WRITERS[file_format(path)]
    with replacing(path) as file:
        encode(file, image)


def check_target(path: Path) -> None:
    """Raise ValueError unless a file can take the place ``path``: before the work, not after."""
    if path.is_dir():
        raise ValueError(f"output {path} is a directory: pass the name of a file")
    if not path.parent.is_dir():
        raise ValueError(f"output {path}: there is no directory {path.parent}")


def check_writable(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the format of ``path`` can hold such an array exactly."""
    name = file_format(path)
    channels = shape[2] if len(shape) == 3 else 1
    fits = {
        "PNG": len(shape) <= 3
        and channels <= 4
        and (dtype == np.uint8 or (dtype == np.uint16 and len(shape) == 2)),
        "JPEG": dtype == np.uint8 and len(shape) <= 3 and channels in (1, 3),
    }
    if not fits.get(name, True):
        raise ValueError(f"{name} cannot hold {dtype} of shape {shape}: write {path.stem}.tiff")


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A temporary file in the directory of ``path`` that takes its place if nothing is raised."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def photograph(size: int | None = None) -> NDArray[np.float32]:
    """A real photograph, gray, 0 to 255, tiled up to ``size`` x ``size`` pixels.

    It is the portrait of Grace Hopper (public domain, a work of the US Navy) in matplotlib's
    sample data.

    Examples
    --------
    >>> photograph(1000).shape
    (1000, 1000)
    """
    import matplotlib.cbook
    import PIL.Image

    path = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    with PIL.Image.open(str(path)) as picture:
        photo = np.asarray(picture.convert("L"), np.float32)
    if size is None:
        return photo
    if size < 1:
        raise ValueError(f"size is {size}: pass at least 1")
    repeats = [-(-size // n) for n in photo.shape]
    return np.ascontiguousarray(np.tile(photo, repeats)[:size, :size])


def _read_pillow(file: IO[bytes]) -> Image:
    import PIL.Image
    import PIL.ImageOps

    picture = PIL.ImageOps.exif_transpose(PIL.Image.open(file))
    palette = "RGBA" if "transparency" in picture.info else "RGB"
    plain = {"1": "L", "P": palette, "PA": "RGBA", "CMYK": "RGB"}
    return np.asarray(picture.convert(plain.get(picture.mode, picture.mode)))


def _read_png(file: IO[bytes]) -> Image:
    header = file.read(26)
    if len(header) == 26 and header[24] == SIXTEEN_BIT and header[25] != GRAY:
        raise ValueError("16-bit colour, which Pillow would cut to 8 bits; convert it to TIFF")
    file.seek(0)
    return _read_pillow(file)


def _read_tiff(file: IO[bytes]) -> Image:
    import tifffile

    return np.asarray(tifffile.imread(file))


def _read_npy(file: IO[bytes]) -> Image:
    return np.asarray(np.load(file, allow_pickle=False))


def _write_png(file: IO[bytes], image: Image) -> None:
    import PIL.Image

    PIL.Image.fromarray(np.ascontiguousarray(image)).save(file, "PNG")


def _write_jpeg(file: IO[bytes], image: Image) -> None:
    import PIL.Image

    PIL.Image.fromarray(np.ascontiguousarray(image)).save(file, "JPEG", quality=JPEG_QUALITY)


def _write_tiff(file: IO[bytes], image: Image) -> None:
    import tifffile

    colour = is_colour(image) and image.shape[-1] != 2
    tifffile.imwrite(file, image, photometric="rgb" if colour else "minisblack")


def _write_npy(file: IO[bytes], image: Image) -> None:
    np.save(file, image, allow_pickle=False)


READERS: Mapping[str, Callable[[IO[bytes]], Image]] = {
    "PNG": _read_png,
    "JPEG": _read_pillow,
    "TIFF": _read_tiff,
    "NPY": _read_npy,
}
WRITERS: Mapping[str, Callable[[IO[bytes], Image], None]] = {
    "PNG": _write_png,
    "JPEG": _write_jpeg,
    "TIFF": _write_tiff,
    "NPY": _write_npy,
}
