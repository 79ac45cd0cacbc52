"""What the studies convolve: a photograph, images with the values of handwritten digits, weights.

Reads and makes arrays; runs nothing.
"""

import math

import numpy as np

from parconv.problem.dtypes import Array

HALF = 0.5  # of the pixels are true
INKED = 0.19  # of the pixels of MNIST


def photograph(size: int | tuple[int, int] | None = None) -> Array:
    """A real photograph, gray, 0 to 255, tiled up to ``size`` x ``size`` pixels, or rows x columns.

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
    rows, columns = (size, size) if isinstance(size, int) else size
    if min(rows, columns) < 1:
        raise ValueError(f"size is {size}: pass at least 1")
    repeats = [-(-rows // photo.shape[0]), -(-columns // photo.shape[1])]
    return np.ascontiguousarray(np.tile(photo, repeats)[:rows, :columns])


def uniform(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    """Pixels of any type: fractions from 0 to 1, integers from the least to the largest.

    Examples
    --------
    >>> uniform((2, 3), "int8").dtype, bool(uniform((9, 9), "float16").max() <= 1)
    (dtype('int8'), True)
    """
    rng, kind = np.random.default_rng(seed), np.dtype(dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        found: Array = rng.integers(limits.min, limits.max, shape, kind.type, endpoint=True)
        return found
    if kind.kind == "c":
        part = np.empty(0, kind).real.dtype.type
        return rng.random((*shape, 2), part).view(kind)[..., 0]
    if kind.kind == "b":
        return rng.random(shape, np.float32) < HALF
    return rng.random(shape, np.float32 if kind.itemsize < 8 else np.float64).astype(kind)


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
        Decides the random numbers.

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
