"""Plans that follow one another over rows which stay in the caches.

The result is filled a few rows at a time.  Of what lies between two steps only the rows are kept
that the next one still needs, and none is computed twice: when rows of the result are asked for,
each step adds those that the following one lacks.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..problem.dtypes import Array
from ..problem.problem import READ_SOON, Problem
from ..problem.window import Range, Window, narrowed, window_of
from .choice import part_of
from .plan import Plan

# Bytes from one row of what lies between two steps to the next are no whole number of pages, see
# `outputs`: so many elements are added where they would be.
PAGE, APART = 1 << 12, 64


Place = tuple[slice, ...]


class Step(NamedTuple):
    """Rows that a step adds: those it reads, of the rows before, and those it must not forget."""

    number: int
    plan: Plan
    reads: tuple[Range, ...]
    rows: Range
    kept: int  # the first row of what this step left before that somebody will still read


class Turn(NamedTuple):
    """A step as it runs: of what it reads the rows, or all; where it fills, or everywhere.

    ``moved``: the rows of what it fills that come to its front before, where to and where from.
    """

    number: int
    plan: Plan
    reads: tuple[Place, ...]
    moved: tuple[Place, Place] | None
    place: Place


def _whole(number: int, plan: Plan) -> Step:
    """A step that adds all rows."""
    problem = plan.problem
    image, result = problem.image[problem.axes[0]], problem.shape[problem.map_axes[-2]]
    return Step(number, plan, ((0, image),), (0, result), 0)


def rows_axes(problem: Problem) -> tuple[int, int]:
    """The axes of rows in the image and in the result."""
    return problem.axes[0], problem.map_axes[-2]


def needs(problem: Problem, rows: Range) -> Range:
    """The rows of its image, from the first to the last, that rows of a result need."""
    runs = window_of(problem, 0, rows).runs
    return min(start for start, _ in runs), max(stop for _, stop in runs)


class Rolling:
    """Several plans run as one over rows of the last one's result, ``height`` at a time.

    Parameters
    ----------
    plans : sequence of Plan
        Each takes what the one before leaves, with the same axis of rows.
    height : int
        Rows of the result that are filled at a time.
    """

    def __init__(self, plans: Sequence[Plan], height: int) -> None:
        self.plans, self.height = tuple(plans), height
        self._known: dict[tuple[int, Problem], Plan] = {}
        self.steps = tuple(self._planned())
        self._turns = tuple(self._found())
        self._spare: deque[list[Array]] = deque()

    # --- what is done ---

    def _planned(self) -> Iterator[Step]:
        """All steps in order."""
        if self.height >= self.plans[-1].problem.plane[0]:
            yield from (_whole(number, plan) for number, plan in enumerate(self.plans))
            return
        asked = list(self._asked())
        for (number, rows), start in zip(asked, self._kept(asked), strict=True):
            window = window_of(self.plans[number].problem, 0, rows)
            yield Step(number, self._part(number, window), window.runs, rows, start)

    def _kept(self, asked: Sequence[tuple[int, Range]]) -> Iterator[int]:
        """The first row that each step must not forget, which what follows it tells."""
        first = [plan.problem.plane[0] for plan in self.plans]
        kept = []
        for number, rows in reversed(asked):
            kept.append(min(first[number], rows[0]))
            if number:
                start = needs(self.plans[number].problem, rows)[0]
                first[number - 1] = min(first[number - 1], start)
        return reversed(kept)

    def _part(self, number: int, window: Window) -> Plan:
        """The plan of rows that a step adds; made once for all rows alike."""
        whole = self.plans[number].problem
        problem = narrowed(whole, window)
        # what lies between the first image and the last result is written and read in the caches
        if number == len(self.plans) - 1:
            problem = replace(problem, within=whole.bytes)
        elif number == 0:
            problem = replace(problem, within=READ_SOON)
        if (number, problem) not in self._known:
            self._known[number, problem] = part_of(self.plans[number], problem)
        return self._known[number, problem]

    def _asked(self) -> Iterator[tuple[int, Range]]:
        """Which rows each step adds, for one part of the result after another."""
        done = [0] * len(self.plans)
        for stop in self._stops():
            wanted = []
            for number in reversed(range(len(self.plans))):
                if stop > done[number]:
                    wanted.append((number, (done[number], stop)))
                    stop = needs(self.plans[number].problem, wanted[-1][1])[1]
                    done[number] = wanted[-1][1][1]
                else:
                    break
            yield from reversed(wanted)

    def _stops(self) -> Iterator[int]:
        """Where parts of the result end: low ones at its ends, whose borders must be gathered."""
        rows = self.plans[-1].problem.plane[0]
        edge = sum(plan.problem.span[0] for plan in self.plans)
        yield from range(min(edge, self.height), rows - edge, self.height)
        yield from (max(rows - edge, 1), rows)

    # --- run ---

    def run(self, f: Array, out: Array) -> None:
        """Fill ``out``, which is no part of ``f``, from it."""
        try:
            held = self._spare.pop()
        except IndexError:
            held = self._rooms()
        left = [f, *held, out]  # what each step reads, and behind it what it fills
        for number, plan, reads, moved, place in self._turns:
            image, room = left[number], left[number + 1]
            if moved is not None:
                room[moved[0]] = room[moved[1]]
            plan(gathered(image, reads) if reads else image, room[place] if place else room)
        self._spare.append(held)

    def _found(self) -> Iterator[Turn]:
        """All steps, as what they do to the rooms."""
        axes = [rows_axes(plan.problem) for plan in self.plans]
        begun = [0] * len(self.plans)  # the row that each room's first one holds; 0 of the result
        for number, plan, reads, (start, stop), kept in self.steps:
            axis, base = axes[number][1], begun[number - 1] if number else 0
            moved, first = None, begun[number]
            if number < len(self.plans) - 1 and kept > first:
                parts = ((0, start - kept), (kept - first, start - first))
                moved = (rows_of(axis, *parts[0]), rows_of(axis, *parts[1]))
                begun[number] = kept
            if plan is self.plans[number]:
                yield Turn(number, plan, (), None, ())
                continue
            runs = [rows_of(axes[number][0], *(row - base for row in run)) for run in reads]
            place = rows_of(axis, start - begun[number], stop - begun[number])
            yield Turn(number, plan, tuple(runs), moved, place)

    @property
    def room(self) -> int:
        """Bytes of the rows that are kept between steps."""
        return sum(array.nbytes for array in self._rooms())

    def _rooms(self) -> list[Array]:
        pairs = zip(self.plans, self._most(), strict=False)  # the last one has none
        return [_room(plan.problem, rows) for plan, rows in pairs]

    def _most(self) -> list[int]:
        """The most rows that are kept of each step but the last."""
        most = [0] * (len(self.plans) - 1)
        for number, _, _, (_, stop), kept in self.steps:
            if number < len(most):
                most[number] = max(most[number], stop - kept)
        return most


def _room(problem: Problem, rows: int) -> Array:
    """Memory for so many rows of a result."""
    shape = list(problem.shape)
    columns, shape[problem.map_axes[-2]] = shape[-1], rows
    if columns * problem.dtype.itemsize % PAGE == 0:
        shape[-1] += APART
    return np.empty(shape, problem.dtype)[..., :columns]


def rows_of(axis: int, start: int, stop: int) -> Place:
    """Rows, the ``axis`` of an array, and all of the axes before it."""
    return (*[slice(None)] * axis, slice(start, stop))


def gathered(array: Array, runs: Sequence[Place]) -> Array:
    """Those rows: a view where they follow one another."""
    if len(runs) == 1:
        return array[runs[0]]
    return np.concatenate([array[run] for run in runs], len(runs[0]) - 1)
