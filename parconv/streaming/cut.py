"""How a result is cut into chunks: pure arithmetic, no pixels."""

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

from ..problem.window import Range


class Chunk(NamedTuple):
    """A part of the result: items of the leading axis, and rows and columns of them."""

    items: Range
    rows: Range | None = None  # None: all
    columns: Range | None = None


class Cut(NamedTuple):
    """Items of a chunk and, where items are cut, rows and columns of their results."""

    items: int
    rows: int | None = None
    columns: int | None = None

    def pieces(self, plane: tuple[int, int]) -> int:
        """Into how many an item of that size is cut."""
        return math.prod(
            1 if size is None else -(-whole // size)
            for whole, size in zip(plane, self[1:], strict=True)
        )


class Grain(NamedTuple):
    """Items, rows and columns of a result that a store keeps, or reads, as one."""

    items: int = 1
    rows: int = 1
    columns: int = 1

    def beside(self, other: "Grain") -> "Grain":
        """One that both fit, where that is at most four times as large as this on each axis.

        Examples
        --------
        >>> Grain(1, 32, 32).beside(Grain(1, 48, 31))
        Grain(items=1, rows=96, columns=32)
        """
        shared = [
            common if (common := math.lcm(one, two)) <= 4 * one else one
            for one, two in zip(self, other, strict=True)
        ]
        return Grain(*shared)


PIXEL = Grain()


def pieces(
    whole: tuple[Range, ...], unit: tuple[int, ...], most: int
) -> Iterator[tuple[Range, ...]]:
    """Ranges on each axis in parts, along the first axes, that meet so many units at most, or one.

    Examples
    --------
    >>> [*pieces(((3, 9), (0, 8)), (4, 4), 2)]
    [((3, 4), (0, 8)), ((4, 8), (0, 8)), ((8, 9), (0, 8))]
    """
    pairs = zip(whole, unit, strict=True)
    met = [-(-stop // step) - start // step for (start, stop), step in pairs]
    if math.prod(met) <= max(1, most):
        yield whole
        return
    axis = next(axis for axis, count in enumerate(met) if count > 1)
    start, stop = whole[axis]
    middle = (start // unit[axis] + met[axis] // 2) * unit[axis]
    for part in ((start, middle), (middle, stop)):
        yield from pieces((*whole[:axis], part, *whole[axis + 1 :]), unit, most)


def chunks(items: Range, plane: tuple[int, int], cut: Cut) -> Iterator[Chunk]:
    """All of a result in order, of so many items whose results are as large as ``plane``.

    Examples
    --------
    >>> [tuple(chunk) for chunk in chunks((0, 3), (9, 9), Cut(2))]
    [((0, 2), None, None), ((2, 3), None, None)]
    >>> [chunk.rows for chunk in chunks((0, 1), (9, 9), Cut(1, 4))]
    [(0, 4), (4, 8), (8, 9)]
    """
    ranges = [[*_ranges((0, size), step)] for size, step in zip(plane, cut[1:], strict=True)]
    for some in _ranges(items, cut.items):
        for rows, columns in product(*ranges):
            yield Chunk(some, rows, columns)  # type: ignore[arg-type]


def _ranges(whole: Range, step: int | None) -> Iterator[Range | None]:
    if step is None:
        yield None
        return
    for at in range(*whole, step):
        yield at, min(at + step, whole[1])


def most(count: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to ``count`` that fits, if every smaller one does; 0 where none.

    Examples
    --------
    >>> most(100, lambda n: n * n < 50)
    7
    """
    low, high = 0, count
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def largest(size: int, grain: int, fits: Callable[[int], bool]) -> int:
    """The most of ``size``, in whole grains or all, that fits; 0 where no grain does.

    Examples
    --------
    >>> largest(100, 8, lambda n: n < 50), largest(20, 8, lambda n: True)
    (48, 20)
    """
    return min(size, grain * most(-(-size // grain), lambda n: fits(min(size, n * grain))))
