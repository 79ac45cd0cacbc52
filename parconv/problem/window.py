"""Windows: which pixels of an image some of its outputs need.  Pure arithmetic, no pixels.

The outputs of a window are the whole result of a problem of their own, with the same filter: that
of the image's part which they need.  So a part of a result can be computed wherever that part is:
from a file, in another process.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from .arguments import Pair
from .borders import BOUNDARIES, CONSTANT, source_index
from .lazily import lazily
from .problem import Problem

Range = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """What ``outputs`` need of the rows of an image (axis 0), or of its columns (axis 1).

    Attributes
    ----------
    axis : int
        0 or 1.
    outputs : (int, int)
        Rows or columns of the result, from the first to the one behind the last.
    reach : (int, int)
        Likewise those of the image that the filter spans, were it to go on beyond its ends.
    size : int
        Of the image.
    border : str
        The rule beyond its ends.

    Examples
    --------
    >>> import parconv
    >>> plan = parconv.plan2d(((9, 64), "f4"), ((3, 3), "f4"), mode="same", boundary="wrap")
    >>> window = window_of(plan.problem, 0, (0, 4))
    >>> window.reach, window.real, window.runs
    ((-1, 5), (False, True), ((8, 9), (0, 5)))
    >>> narrowed(plan.problem, window).image
    (6, 64)
    """

    axis: int
    outputs: Range
    reach: Range
    size: int
    border: str

    @property
    def real(self) -> tuple[bool, bool]:
        """Whether the image goes on where the reach begins, and where it ends."""
        return self.reach[0] >= 0, self.reach[1] <= self.size

    @lazily
    def runs(self) -> tuple[Range, ...]:
        """Pixels of the image that make up the reach, one run after another.

        Where a constant lies beyond the image they are those inside, one at least if there is any:
        the kernel knows the others, wherever the pixels end.
        """
        (first, last), kind = self.reach, BOUNDARIES.index(self.border)
        if all(self.real):
            return (self.reach,)
        if kind == CONSTANT:
            near = max(min(first, self.size - 1), 0)
            return ((near, min(max(near + 1, last), self.size)),)
        before, behind = range(first, min(last, 0)), range(max(first, self.size), last)
        inside = (max(first, 0), min(last, self.size))
        return (
            *runs_of([source_index(at, self.size, kind) for at in before]),
            *([inside] if inside[0] < inside[1] else []),
            *runs_of([source_index(at, self.size, kind) for at in behind]),
        )

    @property
    def length(self) -> int:
        """Of all runs together."""
        return sum(stop - start for start, stop in self.runs)

    @property
    def lead(self) -> int:
        """How far the filter reaches before the first of them: into the constant."""
        return self.runs[0][0] - self.reach[0] if self.border == "constant" else 0


def window_of(problem: Problem, axis: int, outputs: Range) -> Window:
    """That of outputs on one axis of a problem."""
    each = _elements(problem, axis)
    stride, before = problem.stride[axis], problem.lead[axis] // each
    span = (problem.span[axis] - 1) // each + 1
    reach = outputs[0] * stride - before, (outputs[1] - 1) * stride - before + span
    return Window(axis, outputs, reach, problem.image[problem.axes[axis]], problem.boundary[axis])


def narrowed(problem: Problem, *windows: Window) -> Problem:
    """The problem whose whole result is what windows of another's hold, on either axis or both.

    Equal taps may be added up by blocks of as many rows or pixels, which are counted from the
    whole's first.
    """
    image, lead, plane = list(problem.image), list(problem.lead), list(problem.plane)
    begin = list(problem.begin)
    for window in windows:
        axis, each = window.axis, _elements(problem, window.axis)
        image[problem.axes[axis]] = window.length
        lead[axis] = each * window.lead
        plane[axis] = each * (window.outputs[1] - window.outputs[0])
        begin[axis] += each * window.outputs[0]
    pair, size = (lead[0], lead[1]), (plane[0], plane[1])
    begins = begun(problem, begin[0], begin[1])
    return replace(problem, image=tuple(image), lead=pair, plane=size, begin=begins)


def begun(problem: Problem, rows: int, columns: int) -> Pair:
    """Where that many rows and columns after the whole's first ones begin in its blocks.

    Only pixels of several channels are added up by blocks along their rows.
    """
    if not problem.traits.equal:
        return problem.begin
    turns = (taps * apart for taps, apart in zip(problem.filter, problem.dilation, strict=True))
    down, right = turns
    return rows % down, columns % right if problem.channels > 1 else 0


def _elements(problem: Problem, axis: int) -> int:
    """By which a problem counts a pixel on that axis."""
    return problem.channels if axis else 1


def runs_of(places: Sequence[int]) -> Iterator[Range]:
    """Those that follow each other, together.

    Examples
    --------
    >>> list(runs_of([1, 0, 0, 1, 2]))
    [(1, 2), (0, 1), (0, 3)]
    """
    edges = [n for n in range(1, len(places)) if places[n] != places[n - 1] + 1]
    for start, stop in pairwise([0, *edges, len(places)] if places else []):
        yield places[start], places[stop - 1] + 1
