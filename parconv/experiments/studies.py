"""The workloads of the studies that parconv comes from, and of the thread experiments.

Describes and makes arrays; runs nothing.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from parconv.problem.dtypes import Array, DType

from .inputs import mnist_bytes, photograph, study_weights

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Study:
    """One convolution, by shapes, and where its image comes from.

    Attributes
    ----------
    name, summary : str
        Of the table `STUDIES`, and one line for people.
    shape, taps : tuple of int
        Of the image or the stack ``(B, H, W)``, and of the filter; ``(O, KH, KW)`` is a bank.
    image_dtype : str
        The image is of this type; the filter is float32.
    source, filter : callable
        Make an array of a shape.
    mode, boundary, dtype
        As in `parconv.conv2d`.
    """

    name: str
    summary: str
    shape: Shape
    taps: Shape
    source: Callable[[Shape], Array]
    filter: Callable[[Shape], Array]
    image_dtype: str = "float32"
    mode: str = "valid"
    boundary: str = "constant"
    dtype: str | None = None

    def make(self) -> tuple[Array, Array]:
        """The image and the filter, the same on every call.

        Examples
        --------
        >>> f, g = STUDIES["batch28"].make()
        >>> f.shape, g.shape
        ((512, 28, 28), (32, 5, 5))
        """
        return self.source(self.shape).astype(self.image_dtype, copy=False), self.filter(self.taps)

    @property
    def bank(self) -> bool:
        """Whether every plane is convolved with several filters: ``(B, O, H', W')`` comes out."""
        return len(self.taps) == 3

    @property
    def result(self) -> DType:
        """The element type of the output."""
        return np.dtype(self.dtype or self.image_dtype)

    @property
    def output(self) -> Shape:
        """The shape of the output."""
        grow = {"valid": -1, "same": 0, "full": 1}[self.mode]
        plane = (n + grow * (k - 1) for n, k in zip(self.shape[-2:], self.taps[-2:], strict=True))
        return (*self.shape[:-2], *self.taps[:-2], *plane)

    @property
    def pixels(self) -> int:
        """Of the output, in all planes."""
        return math.prod(self.output)

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * math.prod(self.taps[-2:]) * self.pixels

    @property
    def nbytes(self) -> int:
        """Of the image read once and the result written once."""
        size_in = math.prod(self.shape) * np.dtype(self.image_dtype).itemsize
        return size_in + self.pixels * self.result.itemsize

    def shortened(self, flops: float) -> "Study":
        """The study on the first planes, or rows of a plane, that need at most so many flops.

        At least one plane, or as many rows as give ten rows of output.
        """
        least = 1 if len(self.shape) > 2 else self.taps[-2] + 9
        first = max(least, int(self.shape[0] * min(1.0, flops / self.flops)))
        return replace(self, shape=(min(first, self.shape[0]), *self.shape[1:]))


def _photograph(shape: Shape) -> Array:
    return photograph(max(shape))[: shape[0], : shape[1]]


def _binomial(shape: Shape) -> Array:
    """Binomial weights that add up to one: powers of two, so that every order of sums is exact."""
    rows, columns = ([math.comb(n - 1, k) for k in range(n)] for n in shape)
    weights: Array = np.outer(rows, columns).astype(np.float32)
    weights /= weights.sum()
    return weights


_ROWS = (
    Study(
        "photo3x3", "1024x1024 uint8 photograph, 3x3 binomial filter, uint8 out",
        (1024, 1024), (3, 3), _photograph, _binomial, image_dtype="uint8", dtype="uint8",
    ),
    Study(
        "batch28", "512 images 28x28 float32, 32 filters 5x5",
        (512, 28, 28), (32, 5, 5), mnist_bytes, study_weights,
    ),
    Study(
        "batch516", "64 images 516x516 float32, one filter 5x5",
        (64, 516, 516), (5, 5), mnist_bytes, study_weights,
    ),
    Study(
        "image4100", "one image 4100x4100 float32, 5x5",
        (4100, 4100), (5, 5), mnist_bytes, study_weights,
    ),
    Study(
        "big7x7", "one image 4096x4096 float32, 7x7, border mirror",
        (4096, 4096), (7, 7), mnist_bytes, study_weights, mode="same", boundary="mirror",
    ),
)  # fmt: skip
STUDIES: Mapping[str, Study] = {study.name: study for study in _ROWS}


def chosen(name: str) -> Study:
    """The study of that name, or a ValueError that lists all.

    Examples
    --------
    >>> chosen("image4100").output
    (4096, 4096)
    """
    if name not in STUDIES:
        raise ValueError(f"workload {name!r} is not known: choose from {', '.join(STUDIES)}")
    return STUDIES[name]
