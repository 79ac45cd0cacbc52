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
from ..problem.problem import Problem
from ..problem.window import Range, Window, narrowed, window_of
from .choice import part_of
from .plan import Plan

# Bytes from one row of what lies between two steps to the next are no whole number of pages, see
# `outputs`: so many elements are added where they would be.
PAGE, APART = 1 << 12, 64


class Step(NamedTuple):
    """Rows that a step adds: those it reads, of the rows before, and those it must not forget."""

    number: int
    plan: Plan
    reads: tuple[Range, ...]
    rows: Range
    kept: int  # the first row of what this step left before that somebody will still read


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
        if number == len(self.plans) - 1:  # the others' results are read again, from the caches
            problem = replace(problem, within=whole.bytes)
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
        begun = [0] * len(self.plans)  # the row that each room's first one holds; 0 of the result
        for number, plan, reads, (start, stop), kept in self.steps:
            axes = rows_axes(self.plans[number].problem)
            base = begun[number - 1] if number else 0
            image = gathered(held[number - 1] if number else f, axes[0], reads, base)
            room = held[number] if number < len(held) else out
            if number < len(held) and kept > begun[number]:
                _move(room, axes[1], kept - begun[number], start - begun[number])
                begun[number] = kept
            plan(image, room[rows_of(axes[1], start - begun[number], stop - begun[number])])
        self._spare.append(held)

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


def rows_of(axis: int, start: int, stop: int) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(start, stop))


def gathered(array: Array, axis: int, runs: tuple[Range, ...], base: int) -> Array:
    """Those rows, counted from ``base``: a view where they follow one another."""
    parts = [array[rows_of(axis, start - base, stop - base)] for start, stop in runs]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)


def _move(room: Array, axis: int, start: int, stop: int) -> None:
    """Rows to the front."""
    room[rows_of(axis, 0, stop - start)] = room[rows_of(axis, start, stop)]
