"""How the result of a transposed layer is cut: pieces of which all phases are computed at once.

Pure arithmetic.  A phase is computed by units of its method, which fill boxes of its results; a
piece holds whole units of every phase.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from ..planner.stage import Stage
from .phases import Place

Range = tuple[int, int]
Box = tuple[Range, Range, Range]  # images, filters, rows
# Cuts of a phase at most: of methods whose units are single rows of single maps, some together.
MOST_UNITS = 1 << 10


class Piece(NamedTuple):
    """A box of all phases, rows of the maps that it reads, and its jobs: (phase, start, stop)."""

    box: Box
    reads: Range
    jobs: list[tuple[int, int, int]]


class Units(NamedTuple):
    """Of a phase: where runs of units begin and end, and a box around what each fills."""

    bands: tuple[Range, ...]
    boxes: list[Box]

    @classmethod
    def of(cls, stage: Stage, shape: tuple[int, ...]) -> "Units":
        method, problem = stage.method, stage.asked
        bands = method.bands(problem, min(MOST_UNITS, method.units(problem)))
        boxes = [
            _around([_ends(r, shape) for r in method.regions(problem, *band)]) for band in bands
        ]
        return cls(bands, boxes)


def _ends(region: Sequence[int | slice], shape: tuple[int, ...]) -> Box:
    """A region of maps of that shape as ranges."""
    every = [*region, *[slice(None)] * 3]
    images, filters, rows = (
        index.indices(size)[:2] if isinstance(index, slice) else (index, index + 1)
        for index, size in zip(every, shape[:3], strict=False)
    )
    return images, filters, rows


def _around(boxes: list[Box]) -> Box:
    images, filters, rows = (
        (min(first for first, _ in ends), max(last for _, last in ends))
        for ends in zip(*boxes, strict=True)
    )
    return images, filters, rows


def cuts(phases: Sequence[Units], axis: int, size: int) -> list[int]:
    """Where no unit of any phase is cut, on an axis of boxes of that size."""
    inside = np.zeros(size + 1, bool)
    for first, last in {box[axis] for units in phases for box in units.boxes}:
        inside[first + 1 : last] = True
    return [int(place) for place in np.flatnonzero(~inside)]


def runs(places: Sequence[int], least: int) -> list[Range]:
    """From one of the places to another, at least so far on; the last may be shorter.

    Examples
    --------
    >>> runs([0, 2, 4, 6, 7], 3)
    [(0, 4), (4, 7)]
    """
    kept = [places[0]]
    for place in places[1:-1]:
        if place >= kept[-1] + least:
            kept.append(place)
    return list(pairwise([*kept, places[-1]]))


def pieces_of(
    places: Sequence[Place], phases: Sequence[Units | None], rows_in: int,
    ranges: tuple[list[Range], list[Range], list[Range]],
) -> list[Piece]:  # fmt: skip
    """Those of every run of images, filters and rows, ``ranges``, in an order that suits caches."""
    images, filters, rows = ranges
    found = {
        (a, b, c): Piece((a, b, c), _read(places, c, rows_in), [])
        for a, c, b in product(images, rows, filters)
    }
    for phase, units in enumerate(phases):
        for box, start, stop in _jobs(units, ranges):
            found[box].jobs.append((phase, start, stop))
        if units is None:
            for piece in found.values():
                piece.jobs.append((phase, 0, 0))
    return list(found.values())


def _jobs(
    units: Units | None, ranges: tuple[list[Range], list[Range], list[Range]]
) -> Iterator[tuple[Box, int, int]]:
    """Units that follow one another in one piece, together."""
    last: tuple[Box, int, int] | None = None
    for band, box in zip(units.bands, units.boxes, strict=True) if units else ():
        home = _home(box, ranges)
        if last and last[0] == home and last[2] == band[0]:
            last = home, last[1], band[1]
            continue
        if last:
            yield last
        last = home, *band
    if last:
        yield last


def _home(box: Box, ranges: tuple[list[Range], ...]) -> Box:
    """The piece in which a box lies."""
    starts = [np.searchsorted([first for first, _ in each], ends[0], "right") - 1
              for each, ends in zip(ranges, box, strict=True)]  # fmt: skip
    images, filters, rows = (each[int(at)] for each, at in zip(ranges, starts, strict=True))
    return images, filters, rows


def _read(places: Sequence[Place], rows: Range, size: int) -> Range:
    """Rows of the maps that rows of all phases meet."""
    ends = [
        (rows[0] - down.lead, rows[1] - down.lead + down.apart * (len(down.taps) - 1))
        for down, _ in places
        if down.taps
    ]
    if not ends:
        return 0, 0
    top, bottom = max(0, min(first for first, _ in ends)), min(size, max(end for _, end in ends))
    return top, max(top, bottom)
