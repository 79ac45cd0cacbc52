"""A workload with channels and filter banks: a network's layer, or a study's batch.

Describes and makes arrays, as `workloads` does for one filter.  `grid` holds the table.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .workloads import Array

Maps = tuple[int, int, int, int]


@dataclass(frozen=True)
class Layer:
    """One question put to every competitor: the correlation of maps with a layer's filters.

    ``image`` is (batch, channels, rows, columns), ``filters`` (filters, channels / groups, rows,
    columns).  ``last``: images and results whose channels come last in memory, as (batch, rows,
    columns, channels) for us and for others as they like it.  ``planned`` times a plan made
    beforehand, with the filters packed.
    """

    group: str
    image: Maps
    filters: Maps
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    dtype: str = "float32"
    method: str = "auto"
    tolerance: float | None = None
    strategy: str = "auto"
    planned: bool = False
    serial: bool = False
    correlation: bool = True
    last: bool = False

    @property
    def name(self) -> str:
        """What the table shows and ``--only`` searches; different for every workload."""
        shapes = ("x".join(map(str, shape)) for shape in (self.image, self.filters))
        usual = {
            "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "method": "auto",
            "tolerance": None, "last": False,
        }  # fmt: skip
        asked = {word: getattr(self, word) for word in usual}
        unusual = (f"{word}:{asked[word]}" for word, other in usual.items() if asked[word] != other)
        words = [self.group, *shapes, self.dtype, *unusual]
        return " ".join(words + ["planned"] * self.planned)

    @property
    def question(self) -> dict[str, Any]:
        """Keywords of `parconv.plan2d`, but for the strategy and the kind of product."""
        words = ["stride", "padding", "dilation", "groups", "method", "tolerance"]
        words += ["dtype"] * (self.dtype[0] in "iu")  # torch answers in the image's type
        asked = {word: getattr(self, word) for word in words}
        return {**asked, "axes": (1, 2)} if self.last else asked

    def arrays(self) -> tuple[Array, Array]:
        """Maps and filters, the same on every call."""
        f = _normal(self.image, self.dtype, 0)
        return _turned(f) if self.last else f, _normal(self.filters, self.dtype, 1)


def _turned(f: Array) -> Array:
    """The same maps, channels last."""
    return np.ascontiguousarray(f.transpose(0, 2, 3, 1))


@lru_cache(maxsize=2)
def _normal(shape: Maps, dtype: str, seed: int) -> Array:
    """Filters scaled so that results are of the size of the image; of integers -4 to 4."""
    rng, kind = np.random.default_rng(seed), np.dtype(dtype)
    if kind.kind in "iu":
        return rng.integers(-4, 5, shape).astype(kind)
    values = rng.standard_normal(shape, np.float32 if kind.itemsize == 4 else np.float64)
    if seed:
        values /= math.sqrt(math.prod(shape[1:]))
    return values.astype(kind)
