"""The workloads of the studies that parconv comes from, and of the thread experiments.

Describes and makes arrays; runs nothing.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from parconv import plan2d
from parconv.problem.dtypes import Array
from parconv.problem.lazily import lazily
from parconv.problem.problem import Problem

from .inputs import mnist_bytes, photograph, study_weights

Shape = tuple[int, ...]
FEW_ROWS = 9  # of a study that is shortened, beside those that the filter spans


@dataclass(frozen=True)
class Study:
    """One convolution, by shapes, and where its image comes from.

    Attributes
    ----------
    name, summary : str
        Its key in `STUDIES`, and one line for people.
    image, taps : tuple of int
        Shapes of the image or stack ``(B, H, W)``, and of the filter or bank ``(O, KH, KW)``.
    dtype : str
        The image is of this type; the filter is float32.
    source, filter : callable
        Make an array of a shape.
    mode, boundary, result
        As ``mode``, ``boundary`` and ``dtype`` of `parconv.conv2d`.
    """

    name: str
    summary: str
    image: Shape
    taps: Shape
    source: Callable[[Shape], Array]
    filter: Callable[[Shape], Array]
    dtype: str = "float32"
    mode: str = "valid"
    boundary: str = "constant"
    result: str | None = None
    correlation = False
    unlike: ClassVar[None] = None  # it is what the studies' own loops compute

    def arrays(self) -> tuple[Array, Array]:
        """The image and the filter, the same on every call.

        Examples
        --------
        >>> f, g = STUDIES["batch28"].arrays()
        >>> f.shape, g.shape
        ((512, 28, 28), (32, 5, 5))
        """
        return self.source(self.image).astype(self.dtype, copy=False), self.weighting()

    def weighting(self) -> Array:
        """The filter alone."""
        return self.filter(self.taps)

    @property
    def question(self) -> dict[str, Any]:
        """Keywords of `parconv.plan2d`."""
        return {"mode": self.mode, "boundary": self.boundary, "dtype": self.result}

    @lazily
    def problem(self) -> Problem:
        """What parconv makes of it: shape, type and operations of the result."""
        return plan2d((self.image, self.dtype), (self.taps, "float32"), **self.question).problem

    def shortened(self, flops: float) -> "Study":
        """The study on the first planes, or rows of a plane, that need at most so many flops.

        At least one plane, or as many rows as give ten rows of output.
        """
        least = 1 if len(self.image) > 2 else self.taps[-2] + FEW_ROWS
        first = max(least, int(self.image[0] * min(1.0, flops / self.problem.flops)))
        return replace(self, image=(min(first, self.image[0]), *self.image[1:]))


def _photograph(shape: Shape) -> Array:
    return photograph((shape[0], shape[1]))


def _binomial(shape: Shape) -> Array:
    """Binomial weights that add up to one: powers of two, so that every order of sums is exact."""
    rows, columns = ([math.comb(n - 1, k) for k in range(n)] for n in shape)
    weights: Array = np.outer(rows, columns).astype(np.float32)
    weights /= weights.sum()
    return weights


_ROWS = (
    Study(
        "photo3x3", "1024x1024 uint8 photograph, 3x3 binomial filter, uint8 out",
        (1024, 1024), (3, 3), _photograph, _binomial, dtype="uint8", result="uint8",
    ),
    *(
        Study(
            f"photo{pixels}", f"{rows}x{columns} uint8 photograph, 3x3 binomial filter, uint8 out",
            (rows, columns), (3, 3), _photograph, _binomial, dtype="uint8", result="uint8",
        )
        for pixels, rows, columns in (("6mp", 2000, 3000), ("24mp", 4000, 6000))
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
    >>> chosen("image4100").problem.shape
    (4096, 4096)
    """
    if name not in STUDIES:
        raise ValueError(f"workload {name!r} is not known: choose from {', '.join(STUDIES)}")
    return STUDIES[name]
