"""The order in which a filter whose taps cancel, or are all equal, is summed: its terms.

Pure arithmetic on places.  Neighbouring differences of the same two columns make a term: where both
of their pixels lie a row of the output further down, the outputs of a tile share the differences;
where one lies further down and the other further up (crossed), they share the pixels.  Neighbouring
equal taps of a column make a term of sums.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...problem.differences import PLACE, weights
from ...problem.dtypes import Array
from ...problem.problem import Problem
from .packing import packing_of

MEMBERS = 3  # differences of a term at most: its weights are held in registers
CROSSED = 2  # of a crossed one: it holds as many pixels of both kinds
# Kinds of terms: up to `MEMBERS` the number of differences, then crossed ones, then `SUM_KINDS` and
# the number of pixels.
CROSSED_KIND = SUM_KINDS = MEMBERS + 1

Parts = tuple[tuple[int, int], ...]
Pair = tuple[int, int]


class Term(NamedTuple):
    """Filter row and column of both pixels of the first difference, and which ones it holds.

    ``ways``: in which direction the second pixels of the others lie, 1 down and -1 up; 0 where
    pixels are summed, not differences.
    """

    first: Pair
    second: Pair
    members: list[int]
    ways: int = 1

    @property
    def kind(self) -> int:
        """What the tile does with it."""
        if self.ways == 0:
            return SUM_KINDS + len(self.members)
        return len(self.members) if self.ways == 1 else CROSSED_KIND


def places_of(problem: Problem, part: int) -> Array:
    """Places of both pixels of each difference, as they meet the image."""
    places = _places(problem, part)
    return problem.filter[0] * problem.filter[1] - 1 - places if problem.reflect else places


def _places(problem: Problem, part: int) -> Array:
    """The same in the filter."""
    return np.frombuffer(problem.differences[part > 0] or b"", PLACE).reshape(-1, 2)


@lru_cache(maxsize=256)
def terms_of(problem: Problem, part: int) -> list[Term]:
    """The terms of one part of the filter, in order of addition."""
    if problem.mean:
        return _sums(problem)
    rows, columns = np.divmod(places_of(problem, part), problem.filter[1])
    step = _step(problem)
    terms: list[Term] = []
    order = np.lexsort((rows[:, 0], columns[:, 1], columns[:, 0]))
    for n in order.tolist():
        first, second = ((int(rows[n, side]), int(columns[n, side])) for side in (0, 1))
        new = Term(first, second, [n])
        joined = _joined(terms[-1], new, step) if terms and step else None
        if joined:
            terms.pop()
        terms.append(joined or new)
    return terms


def _step(problem: Problem) -> int:
    """Filter rows whose pixels lie a row of the output apart; 0 where none do."""
    (sy, _), (dy, _) = problem.stride, problem.dilation
    return 0 if packing_of(problem).gather_rows or sy % dy else sy // dy


def _sums(problem: Problem) -> list[Term]:
    """Of pixels, column by column."""
    step, (rows, columns) = _step(problem) or problem.filter[0], problem.filter
    runs = [list(range(phase, rows, step)) for phase in range(min(step, rows))]
    parts = [run[n : n + MEMBERS] for run in runs for n in range(0, len(run), MEMBERS)]
    return [
        Term((part[0], column), (part[0], column), part, ways=0)
        for column in range(columns)
        for part in parts
    ]


def _joined(term: Term, new: Term, step: int) -> Term | None:
    """Both as one, where the new difference continues the term ``step`` filter rows further."""
    count = len(term.members)
    if (term.first[1], term.second[1]) != (new.first[1], new.second[1]):
        return None
    if new.first[0] - term.first[0] != count * step:
        return None
    for ways, most in ((1, MEMBERS), (-1, CROSSED)):
        follows = new.second[0] - term.second[0] == count * step * ways
        if follows and count < most and (count == 1 or ways == term.ways):
            return term._replace(members=[*term.members, *new.members], ways=ways)
    return None


def weights_of(problem: Problem, g: Array, parts: Parts) -> Array:
    """What differences are multiplied with, in order of addition.

    ``g``: the real filter, or the real, the imaginary and minus the imaginary part of one.
    """
    found = []
    for _, part in parts:
        taps = g[int(part > 0)] if g.ndim == 3 else g
        order = [n for term in terms_of(problem, part) for n in term.members]
        found.append(weights(_places(problem, part), taps)[order] * (-1 if part == 2 else 1))
    return np.concatenate(found)


def encode_differences(
    terms: Sequence[tuple[int, Term]],
    scaled: bool,
    row_at: Callable[[int], int],
    column_at: Callable[[int, int], int],
) -> list[int]:
    """The numbers of one pass, each term with its part of the image, as `tile` has those of others.

    A pass of no columns: number of terms, whether the two numbers after the taps scale their sums,
    then row and column of both pixels and the kind of each term.
    """
    numbers = [
        number
        for part, term in terms
        for number in (
            row_at(term.first[0]), column_at(part, term.first[1]), row_at(term.second[0]),
            column_at(part, term.second[1]), term.kind,
        )
    ]  # fmt: skip
    return [0, len(terms), scaled, *numbers]
