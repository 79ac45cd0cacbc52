"""How a result is cut into chunks: pure arithmetic, no pixels."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..problem.window import Range


class Chunk(NamedTuple):
    """A part of the result: items of the leading axis, and rows of them."""

    items: Range
    rows: Range | None = None  # None: all


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
