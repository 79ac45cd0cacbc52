"""Which input a part of the result needs: pure arithmetic, no pixels.

Rows of a result need rows of the image, and those beyond its ends are found by the border's rule.
The rows between are a problem of their own, with the same filter and the same columns.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from ..codegen.borders import source_index
from ..problem.arguments import BOUNDARIES
from ..problem.problem import Problem

Range = tuple[int, int]


class Chunk(NamedTuple):
    """A part of the result: items of the leading axis, and rows of them."""

    items: Range
    rows: Range | None = None  # None: all


class Rows(NamedTuple):
    """Rows of the image that rows of the result need, one run after another.

    ``lead`` is how far the filter's first tap reaches before the first of them.
    """

    runs: tuple[Range, ...]
    lead: int

    @property
    def height(self) -> int:
        """Of all runs together."""
        return sum(stop - start for start, stop in self.runs)


def chunks(items: Range, rows: int, per_chunk: tuple[int, int | None]) -> Iterator[Chunk]:
    """All of a result in order: so many items each, or one item and so many rows.

    Examples
    --------
    >>> [tuple(chunk) for chunk in chunks((0, 3), 9, (2, None))]
    [((0, 2), None), ((2, 3), None)]
    >>> [chunk.rows for chunk in chunks((0, 1), 9, (1, 4))]
    [(0, 4), (4, 8), (8, 9)]
    """
    count, height = per_chunk
    if height is None:
        yield from (Chunk((at, min(at + count, items[1]))) for at in range(*items, count))
        return
    for item in range(*items):
        for at in range(0, rows, height):
            yield Chunk((item, item + 1), (at, min(at + height, rows)))


def rows_under(problem: Problem, start: int, stop: int) -> Rows:
    """What the rows ``[start, stop)`` of a result need."""
    size, border = problem.plane_in[0], problem.boundary[0]
    first = start * problem.stride[0] - problem.lead[0]
    last = (stop - 1) * problem.stride[0] - problem.lead[0] + problem.span[0]
    if border == "constant":  # the kernel knows what lies beyond, wherever the rows end
        near = min(max(first, 0), size - 1)
        return Rows(((near, max(near + 1, min(last, size))),), near - first)
    if first >= 0 and last <= size:
        return Rows(((first, last),), 0)
    rule, kind = source_index.py_func, BOUNDARIES.index(border)
    return Rows(tuple(_runs([rule(row, size, kind) for row in range(first, last)])), 0)


def _runs(rows: list[int]) -> Iterator[Range]:
    """Rows that follow each other, together.

    Examples
    --------
    >>> list(_runs([1, 0, 0, 1, 2]))
    [(1, 2), (0, 1), (0, 3)]
    """
    edges = [i for i in range(1, len(rows)) if rows[i] != rows[i - 1] + 1]
    for start, stop in pairwise([0, *edges, len(rows)]):
        yield rows[start], rows[stop - 1] + 1


def of_rows(problem: Problem, rows: Range) -> Problem:
    """The problem whose whole result is those rows of another's."""
    under = rows_under(problem, *rows)
    image = list(problem.image)
    image[problem.axes[0]] = under.height
    lead, plane = (under.lead, problem.lead[1]), (rows[1] - rows[0], problem.plane[1])
    return replace(problem, image=tuple(image), lead=lead, plane=plane)


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
