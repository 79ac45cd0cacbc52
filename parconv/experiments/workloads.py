"""The workloads that ``parconv race`` runs: one table, extended by whoever adds an ability.

Describes and makes arrays; times nothing and knows no competitor.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Workload:
    """One question put to every competitor: the convolution of one image with one filter.

    ``correlation`` asks for ``correlate2d``.  ``parent`` makes the image a strided view: the crop
    of that larger array at ``offset``.  ``planned`` times a plan made beforehand.  A workload that
    names a strategy is raced alone: its rivals are in the row without.
    """

    group: str
    shape: Pair
    taps: Pair
    dtype: str = "float32"
    mode: str = "same"
    boundary: str = "mirror"
    method: str = "direct"
    strategy: str = "auto"
    correlation: bool = False
    parent: Pair | None = None
    offset: Pair = (0, 0)
    planned: bool = False

    @property
    def name(self) -> str:
        """What the table shows and ``--only`` searches; different for every workload."""
        sizes = "{}x{} {}x{}".format(*self.shape, *self.taps)
        chosen = (self.mode, self.boundary, self.method, self.strategy)
        usual = ("same", "mirror", "direct", "auto")
        unusual = (word for word, other in zip(chosen, usual, strict=True) if word != other)
        words = [self.group, sizes, self.dtype, *unusual]
        flags = {"crop": self.parent, "correlation": self.correlation, "planned": self.planned}
        return " ".join(words + [flag for flag, on in flags.items() if on])

    @property
    def anchor(self) -> Pair:
        """The tap over the output pixel, for a peer that correlates with ``weights``."""
        rows, columns = ((n - 1) // 2 if self.correlation else n // 2 for n in self.taps)
        return rows, columns

    def arrays(self) -> tuple[Array, Array]:
        """Image and filter, the same on every call."""
        f = _uniform(self.parent or self.shape, self.dtype)
        (top, left), (rows, columns) = self.offset, self.shape
        g = np.random.default_rng(1).standard_normal(self.taps).astype(self.dtype)
        return f[top : top + rows, left : left + columns], g

    def weights(self, g: Array) -> Array:
        """What a correlation multiplies with to answer this workload."""
        return g if self.correlation else np.ascontiguousarray(g[::-1, ::-1])


@lru_cache(maxsize=1)
def _uniform(shape: Pair, dtype: str) -> Array:
    f = np.random.default_rng(0).random(shape, np.dtype(dtype).type)
    f.flags.writeable = False
    return f


BIG, MEDIUM = (4096, 4096), (1024, 1024)

WORKLOADS: tuple[Workload, ...] = (
    *(Workload("big", BIG, (n, n)) for n in (3, 5, 7, 11, 15)),
    *(Workload("big", BIG, (n, n), "float64") for n in (3, 7, 15)),
    *(Workload("big", BIG, (n, n), strategy=who) for n in (7, 15) for who in ("prange", "threads")),
    *(Workload("big", BIG, (n, n), method="auto") for n in (15, 31, 63, 127)),
    *(Workload("big", BIG, (n, n), "float64", method="auto") for n in (15, 31)),
    *(Workload("medium", MEDIUM, (n, n)) for n in (3, 7)),
    Workload("medium", MEDIUM, (31, 31), method="auto"),
    Workload("medium", MEDIUM, (7, 7), boundary="constant"),
    Workload("odd", (4096, 4093), (7, 7)),
    *(Workload("odd", BIG, taps) for taps in ((5, 9), (1, 15), (15, 1), (4, 4))),
    Workload("odd", (4000, 4000), (7, 7), parent=(4096, 4160), offset=(13, 7)),
    *(Workload("small", (28, 28), (3, 3), planned=planned) for planned in (False, True)),
    Workload("small", (256, 256), (5, 5)),
    Workload("small", (512, 512), (7, 7)),
)


def chosen(workloads: tuple[Workload, ...], pattern: str | None) -> tuple[Workload, ...]:
    """The workloads whose name holds ``pattern`` or matches it as a shell pattern."""
    found = tuple(w for w in workloads if matches(w.name, pattern or ""))
    if not found:
        names = "; ".join(workload.name for workload in workloads)
        raise ValueError(f"pattern {pattern!r} matches no workload: choose from {names}")
    return found


def matches(name: str, pattern: str) -> bool:
    """Whether it holds the pattern, or matches it as a shell pattern."""
    return pattern in name or fnmatchcase(name, pattern)
