"""A workload of one filter over one axis of a volume, or over all three.

Describes and makes arrays, as `workloads` does for planes.  `grid` holds the table.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ...filters import box_taps, gaussian_taps
from .workloads import Array

TOP = 60_000  # of the pixels of a volume of 16 bits


@dataclass(frozen=True)
class Volume:
    """One question put to every competitor: the correlation of a volume with one filter.

    ``filter`` is ``"gaussian:SIGMA"``, ``"box:SIZE"`` or ``"random:SIZE"``, as large on each of
    ``axes``; results are float32, as large as the image.
    """

    group: str
    image: tuple[int, ...]
    filter: str
    axes: tuple[int, ...] = (0, 1, 2)
    dtype: str = "uint16"
    boundary: str = "symmetric"
    method: str = "auto"
    strategy: str = "auto"
    planned: bool = False
    serial: bool = False
    correlation: bool = True

    @property
    def name(self) -> str:
        """What the table shows and ``--only`` searches; different for every workload."""
        shape = "x".join(map(str, self.image))
        where = "all" if len(self.axes) == len(self.image) else ",".join(map(str, self.axes))
        words = [self.group, shape, self.filter, "along", where, self.dtype, self.boundary]
        return " ".join(words + ["planned"] * self.planned)

    @property
    def named(self) -> tuple[str, int]:
        """The kind of the filter and its size."""
        kind, _, size = self.filter.partition(":")
        return kind, int(size)

    @property
    def question(self) -> dict[str, Any]:
        """Keywords of `parconv.plan2d`, but for the strategy and the kind of product."""
        asked = {name: getattr(self, name) for name in ("axes", "boundary", "method")}
        return {**asked, "mode": "same", "dtype": "float32"}

    def arrays(self) -> tuple[Array, Array]:
        """Volume and filter, the same on every call."""
        return _pixels(self.image, self.dtype), _taps(*self.named, len(self.axes))


@lru_cache(maxsize=1)
def _pixels(shape: tuple[int, ...], dtype: str) -> Array:
    values = np.random.default_rng(0).random(shape, np.float32)
    return (values * TOP).astype(dtype) if np.dtype(dtype).kind in "iu" else values


def _taps(kind: str, size: int, ndim: int) -> Array:
    if kind != "random":
        return (gaussian_taps if kind == "gaussian" else box_taps)(size, ndim=ndim)
    found: Array = np.random.default_rng(1).random((size,) * ndim)
    found /= found.sum()
    return found
