"""How an axis of a result is cut into blocks, and which pixels each needs of which chunks.

Pure arithmetic, no pixels.  Pixels that a border's rule repeats are taken from where they lie, so
that a block is a problem of its own, and only a constant lies beyond its ends.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from ..problem.borders import BOUNDARIES, CONSTANT, source_index
from ..problem.lazily import lazily
from ..problem.window import Range, Window, runs_of

Sizes = tuple[int, ...]


class Piece(NamedTuple):
    """Pixels ``[start, stop)`` of a chunk, along one axis."""

    chunk: int
    start: int
    stop: int


class Line(NamedTuple):
    """One axis that a filter lies along: Axis of the image, its rules before and behind.

    Attributes
    ----------
    axis : int
        Of the image.
    size, outputs : int
        Of the image there, and of the result.
    lead : int
        How far the first output reaches before the first pixel.
    span, stride : int
        Pixels under the filter, and from one output to the next.
    rules : (str, str)
        What lies before the axis, and behind it.
    """

    axis: int
    size: int
    outputs: int
    lead: int
    span: int
    stride: int
    rules: tuple[str, str]

    def reach(self, outputs: Range) -> Range:
        """Pixels that outputs span, were the axis to go on beyond its ends."""
        first, last = (at * self.stride - self.lead for at in (outputs[0], outputs[1] - 1))
        return first, last + self.span

    @property
    def shift(self) -> int:
        """How far before its place in the result the pixel lies whose chunk an output is of."""
        if self.stride > 1:
            return self.lead - (self.span - 1) // 2
        return (self.outputs - self.size) // 2

    @property
    def halo(self) -> int:
        """The most pixels that a block needs of a neighbour's side."""
        before = self.lead - self.shift
        return max(before, self.span - 1 - before)

    @property
    def pads(self) -> Range:
        """The border that outputs meet, before the axis and behind it."""
        first, last = self.reach((0, self.outputs))
        return max(0, -first), max(0, last - self.size)

    @property
    def is_odd(self) -> bool:
        """Whether some outputs may meet nothing but the border, or all pixels at once."""
        return max(self.pads) >= self.span or self.size < self.span


@dataclass(frozen=True)
class Cut(Window):
    """A window whose ends may have a rule each; ``border`` is the one before."""

    behind: str = "constant"

    @lazily
    def runs(self) -> tuple[Range, ...]:
        """Pixels that make up the reach, one run after another; one pixel at least, if any is."""
        (first, last), size = self.reach, self.size
        before = _sources(range(first, min(last, 0)), size, self.border)
        behind = _sources(range(max(first, size), last), size, self.behind)
        inside = max(first, 0), min(last, size)
        found = (*runs_of(before), *[inside] * (inside[0] < inside[1]), *runs_of(behind))
        near = min(max(first, 0), size - 1)
        return found or ((near, near + 1),) * (size > 0)

    @property
    def lead(self) -> int:
        """How far the filter reaches before the first of them: into the constant."""
        if self.reach[0] < 0 < self.reach[1]:
            return -self.reach[0] if self.border == "constant" else 0
        beyond = self.reach[1] <= 0 or self.reach[0] >= self.size
        return self.runs[0][0] - self.reach[0] if beyond and self._is_alone else 0

    @property
    def _is_alone(self) -> bool:
        """Whether all that is reached is the constant."""
        return (self.border if self.reach[1] <= 0 else self.behind) == "constant"

    @property
    def tail(self) -> int:
        """How far it reaches behind the last of them."""
        return self.reach[1] - self.reach[0] - self.length - self.lead


def cuts_of(line: Line, place: int, chunks: Sizes) -> list[Cut | None]:
    """What each block needs; None of one that needs all, whose border the whole's problem knows.

    ``place``: among the axes of the filter.
    """
    (before, behind), outputs = line.rules, outputs_of(line, chunks)
    if len(outputs) == 1 and before == behind:
        return [None]
    return [Cut(place, each, line.reach(each), line.size, before, behind) for each in outputs]


def outputs_of(line: Line, chunks: Sizes) -> list[Range]:
    """Blocks of outputs, one for each chunk above which some lie.

    Those of ``mode="same"`` are as large as the chunks.

    Examples
    --------
    >>> outputs_of(Line(0, 10, 10, 1, 3, 1, ("edge", "edge")), (4, 6))
    [(0, 4), (4, 10)]
    >>> outputs_of(Line(0, 10, 8, 0, 3, 1, ("edge", "edge")), (4, 6))
    [(0, 3), (3, 8)]
    """
    shift = line.shift
    ends = list(accumulate(chunks))
    ends[-1] = (line.outputs - 1) * line.stride + 1 - shift  # all that are left
    stops = [min(line.outputs, max(0, -(-(end + shift) // line.stride))) for end in ends]
    return [(start, stop) for start, stop in pairwise([0, *stops]) if start < stop]


def edges_of(chunks: Sizes) -> list[int]:
    """Where chunks begin, and the last one ends."""
    return list(accumulate(chunks, initial=0))


def pieces_of(runs: Iterable[Range], edges: Sequence[int]) -> Iterator[Piece]:
    """Runs of pixels, chunk by chunk; only chunks that a run meets are looked at.

    Examples
    --------
    >>> [tuple(piece) for piece in pieces_of([(3, 5), (0, 1)], edges_of((4, 4)))]
    [(0, 3, 4), (1, 0, 1), (0, 0, 1)]
    """
    for first, last in runs:
        for number in range(bisect_right(edges, first) - 1, len(edges) - 1):
            start, stop = edges[number : number + 2]
            if start >= last:
                break
            if max(first, start) < min(last, stop):
                yield Piece(number, max(first, start) - start, min(last, stop) - start)


def merged(chunks: Sizes, least: int) -> Sizes:
    """Chunks of at least so many pixels, each made of neighbours.

    Examples
    --------
    >>> merged((2, 2, 2, 5, 1), 4)
    (4, 8)
    """
    found: list[int] = []
    begun = 0
    for size in chunks:
        begun += size
        if begun >= least:
            found.append(begun)
            begun = 0
    if begun:
        found = [*found[:-1], (found[-1] if found else 0) + begun]
    return tuple(found)


def _sources(places: range, size: int, rule: str) -> list[int]:
    kind = BOUNDARIES.index(rule)
    return [] if kind == CONSTANT else [source_index(at, size, kind) for at in places]
