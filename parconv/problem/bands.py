"""Cut output rows into bands: contiguous, disjoint, covering every row once.

Pure arithmetic: no arrays, no threads.
"""

from itertools import pairwise


def split_rows(rows: int, parts: int, multiple: int = 1) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands ``(start, stop)`` over ``range(rows)``.

    Every band but the last is a multiple of ``multiple`` rows (the height of a tile), and sizes
    differ by at most one multiple.

    Examples
    --------
    >>> split_rows(10, 3)
    ((0, 3), (3, 6), (6, 10))
    >>> split_rows(20, 2, multiple=8)
    ((0, 8), (8, 20))
    >>> split_rows(5, 4, multiple=8)
    ((0, 5),)
    """
    units = max(1, rows // multiple)
    parts = max(1, min(parts, units))
    edges = [units * part // parts * multiple for part in range(parts)] + [rows]
    return tuple(pairwise(edges))


def joined(bands: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Bands that follow one another as one: what a thread alone fills at once.

    A plan's bands may come in any order.

    Examples
    --------
    >>> joined(((0, 3), (3, 6), (6, 10)))
    ((0, 10),)
    >>> joined(((6, 10), (0, 3), (3, 6)))
    ((6, 10), (0, 6))
    """
    runs = list(bands[:1])
    for start, stop in bands[1:]:
        if start == runs[-1][1]:
            runs[-1] = runs[-1][0], stop
        else:
            runs.append((start, stop))
    return tuple(runs)
