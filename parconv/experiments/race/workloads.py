"""A workload of the race: one question, its arrays, and its name.

Describes and makes arrays; times nothing and knows no competitor.  `grid` holds the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...images import filter_text
from ...problem.dtypes import compute_and_result
from ..inputs import uniform

Array = NDArray[Any]
Pair = tuple[int, int]

USUAL = ("same", "mirror", "direct", "auto", "random")  # what a name does not mention
Named = TypeVar("Named", bound="HasName")
CONTRAST = 8  # grey levels of an image for "int8": a sum of many taps still fits a byte


@dataclass(frozen=True)
class Workload:
    """One question put to every competitor: the convolution of one image with one filter.

    ``result`` asks for another element type than the image decides, ``channels`` for an image
    ``(H, W, channels)``.  ``filter`` is ``"random"`` (weights of no structure; for integer images
    positive ones that sum to one, so that results are in range), ``"int8"`` (small integers whose
    results hardly ever saturate), or the text of a filter such as ``"gaussian:2"``.
    ``correlation`` asks for ``correlate2d``.  ``parent`` makes the image a strided view: the crop
    of that larger array at ``offset``.  ``planned`` times a plan made beforehand.  ``serial``
    means that one thread is all it is raced with; ``order`` is that of the image in memory;
    ``missing`` the share of its pixels that are NaN and not used, by weights that are positive.
    ``drop_in`` names the module of `parconv.compat` whose function answers, as the library's own
    would be called.  A workload that names a strategy is raced alone: its rivals are in the row
    without.
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
    result: str | None = None
    channels: int = 0
    filter: str = "random"
    serial: bool = False
    order: str = "C"
    missing: float = 0.0
    drop_in: str = ""

    @property
    def name(self) -> str:
        """What the table shows and ``--only`` searches; different for every workload."""
        shape = "x".join(map(str, self.image))
        dtype = f"{self.dtype} to {self.result}" if self.result else self.dtype
        chosen = (self.mode, self.boundary, self.method, self.strategy, self.filter)
        unusual = (word for word, other in zip(chosen, USUAL, strict=True) if word != other)
        words = [self.group, shape, "{}x{}".format(*self.taps), dtype, *unusual]
        flags = {
            "crop": self.parent, "correlation": self.correlation, "planned": self.planned,
            "Fortran": self.order == "F", f"{self.missing:.0%} NaN": self.missing,
            f"as {self.drop_in}": self.drop_in,
        }  # fmt: skip
        return " ".join(words + [flag for flag, on in flags.items() if on])

    @property
    def image(self) -> tuple[int, ...]:
        """Shape of the image."""
        return (*self.shape, self.channels) if self.channels else self.shape

    @property
    def filter_dtype(self) -> str:
        """The type of the weights: the image's own where that holds fractions."""
        if self.filter == "int8":
            return "int8"
        return self.dtype if np.dtype(self.dtype).kind in "fc" else "float32"

    @property
    def keeps_type(self) -> bool:
        """Whether the result is of the image's type."""
        return self.result == self.dtype or (self.result is None and self.dtype[0] in "fc")

    @property
    def kind(self) -> str:
        """The type of the results."""
        types = np.dtype(self.dtype), np.dtype(self.filter_dtype)
        return compute_and_result(*types, self.result)[1].name

    @property
    def question(self) -> dict[str, Any]:
        """Keywords of `parconv.plan2d`, but for the strategy and the kind of product."""
        asked = {name: getattr(self, name) for name in ("mode", "boundary", "method")}
        if self.result:
            asked["dtype"] = self.result
        if self.channels:
            asked["axes"] = (0, 1)
        if self.missing:
            asked["nan_policy"] = "omit"
        return asked

    @property
    def named(self) -> tuple[str, float]:
        """The kind of a filter that has a name of its own and its size: ``("gaussian", 2.0)``."""
        kind, _, size = self.filter.partition(":")
        return kind, float(size or 0)

    @property
    def anchor(self) -> Pair:
        """The tap over the output pixel, for a peer that correlates with ``weights``."""
        rows, columns = ((n - 1) // 2 if self.correlation else n // 2 for n in self.taps)
        return rows, columns

    @property
    def margins(self) -> tuple[Pair, Pair]:
        """Rows above and below, columns before and after, that ``same`` needs of the border."""
        (above, before), (rows, columns) = self.anchor, self.taps
        return (above, rows - 1 - above), (before, columns - 1 - before)

    def arrays(self) -> tuple[Array, Array]:
        """Image and filter, the same on every call."""
        f = _image(self.parent or self.shape, self.channels, self.dtype, self.filter == "int8")
        (top, left), (rows, columns) = self.offset, self.shape
        f = np.asfortranarray(f) if self.order == "F" else f
        if self.missing:
            lost = np.random.default_rng(2).random(f.shape) < self.missing
            f = np.where(lost, f.dtype.type(np.nan), f)
        return f[top : top + rows, left : left + columns], self.weighting()

    def weighting(self) -> Array:
        """The filter alone, as `parconv.conv2d` takes it."""
        dtype, rng = np.dtype(self.filter_dtype), np.random.default_rng(1)
        if self.filter == "int8":
            return _integers(rng, self.taps).astype(dtype)
        if self.filter != "random":
            named: Array = filter_text.parse(self.filter).astype(dtype)
            return named
        if self.dtype != self.filter_dtype:  # an integer image
            g = rng.random(self.taps)
            g /= g.sum()
            return g.astype(dtype)
        g = _normal(rng, self.taps, dtype)
        return np.abs(g) if self.missing else g

    def weights(self, g: Array) -> Array:
        """What a correlation multiplies with to answer this workload."""
        return g if self.correlation else np.ascontiguousarray(g[::-1, ::-1])


def _normal(rng: np.random.Generator, taps: Pair, dtype: np.dtype[Any]) -> Array:
    g: Array = rng.standard_normal(taps)
    if dtype.kind == "c":
        g = g + 1j * rng.standard_normal(taps)
    return g.astype(dtype)


def _integers(rng: np.random.Generator, taps: Pair) -> Array:
    """Integers from -3 to 3, none of them 0; the one in the middle makes their sum one."""
    g: Array = rng.integers(1, 4, taps) * rng.choice([-1, 1], taps)
    middle = taps[0] // 2, taps[1] // 2
    g[middle] += 1 - g.sum()
    return g


@lru_cache(maxsize=1)
def _image(shape: Pair, channels: int, dtype: str, flat: bool) -> Array:
    whole = (*shape, channels) if channels else shape
    if flat and dtype[0] in "iu":
        kind, half = np.dtype(dtype), CONTRAST // 2
        f: Array = np.random.default_rng(0).integers(128 - half, 128 + half, whole, kind.type)
    else:
        f = uniform(whole, dtype)
    f.flags.writeable = False
    return f


class HasName(Protocol):
    """A workload of any kind."""

    @property
    def name(self) -> str: ...


def chosen(workloads: Sequence[Named], pattern: str | None) -> tuple[Named, ...]:
    """The workloads whose name holds ``pattern`` or matches it as a shell pattern."""
    found = tuple(w for w in workloads if matches(w.name, pattern or ""))
    if not found:
        names = "; ".join(workload.name for workload in workloads)
        raise ValueError(f"pattern {pattern!r} matches no workload: choose from {names}")
    return found


def matches(name: str, pattern: str) -> bool:
    """Whether it holds the pattern, or matches it as a shell pattern."""
    return pattern in name or fnmatchcase(name, pattern)
