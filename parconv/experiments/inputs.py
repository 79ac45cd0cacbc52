"""What the studies convolve: a photograph, handwritten digits, images with their values, weights.

Reads and makes arrays; runs nothing.
"""

import gzip
import math
from pathlib import Path

import numpy as np

from parconv.problem.dtypes import Array

SIDE = 28
INKED = 0.19  # of the pixels of MNIST
_NAMES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")
_MAGIC = b"\x00\x00\x08\x03"  # of an IDX file: unsigned bytes, three axes


def photograph(size: int | None = None) -> Array:
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


def mnist_like(count: int, path: str | Path | None = None) -> Array:
    """Handwritten digits, 28 x 28, from 0 to 1.

    Parameters
    ----------
    count : int
        How many; they repeat where there are fewer.
    path : path, optional
        MNIST's images as an IDX file, gzipped or not, or the directory that holds it.  Without, the
        8 x 8 digits that come with scikit-learn, resampled.

    Returns
    -------
    ndarray, shape (count, 28, 28), float32

    Raises
    ------
    ValueError
        Where the file holds no images.
    ImportError
        Without a path and without scikit-learn: ``pip install "parconv[bench]"``.

    References
    ----------
    LeCun, Y., Cortes, C. and Burges, C., The MNIST database of handwritten digits.
    """
    digits = _scikit_digits() if path is None else read_idx(_found(Path(path))) / np.float32(255)
    return np.resize(digits, (count, *digits.shape[1:]))


def _found(path: Path) -> Path:
    names = [name + suffix for name in _NAMES for suffix in ("", ".gz")]
    if not path.is_dir():
        return path
    there = [path / name for name in names if (path / name).is_file()]
    if not there:
        raise ValueError(f"path {path} holds none of {', '.join(names)}")
    return there[0]


def read_idx(path: Path) -> Array:
    """The images of an IDX file, (images, rows, columns) of uint8."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    shape = np.frombuffer(content[4:16], ">u4")
    if content[:4] != _MAGIC or len(content) != 16 + math.prod(shape.tolist()):
        raise ValueError(f"path {path} is no IDX file of images")
    return np.frombuffer(content, np.uint8, offset=16).reshape(shape)


def _scikit_digits() -> Array:
    """Linearly resampled, with the centres of the outermost pixels kept."""
    from sklearn.datasets import load_digits

    digits = load_digits().images.astype(np.float32) / 16
    weights = _resampling(digits.shape[-1])
    resampled: Array = weights @ digits @ weights.T
    return resampled


def _resampling(size: int) -> Array:
    """Matrix (28, size) of linear interpolation."""
    at = np.linspace(0, size - 1, SIDE)
    weights: Array = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size)))
    return weights.astype(np.float32)


def mnist_bytes(shape: tuple[int, ...], seed: int = 0) -> Array:
    """Images of any size with values as MNIST's: integers from 0 to 255, four of five of them 0.

    The studies' images: their sizes are not MNIST's, and no file is needed.

    Returns
    -------
    ndarray of float32

    Examples
    --------
    >>> f = mnist_bytes((512, 28, 28))
    >>> float(f.min()), float(f.max()), round(float((f == 0).mean()), 2)
    (0.0, 255.0, 0.81)
    """
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, shape, np.uint8)
    pixels *= random.random(shape, np.float32) < INKED
    return pixels.astype(np.float32)


def study_weights(shape: tuple[int, ...], seed: int = 1) -> Array:
    """Weights as the studies draw them: uniform within ``sqrt(6) / sqrt(KH + KW + 1)``.

    Parameters
    ----------
    shape : tuple of int
        ``(KH, KW)`` or ``(O, KH, KW)``.
    seed : int
        Of the random numbers.

    Returns
    -------
    ndarray of float32

    Examples
    --------
    >>> round(float(abs(study_weights((32, 5, 5))).max()), 2)
    0.74
    """
    limit = math.sqrt(6) / math.sqrt(sum(shape[-2:]) + 1)
    weights: Array = np.random.default_rng(seed).uniform(-limit, limit, shape)
    return weights.astype(np.float32)
