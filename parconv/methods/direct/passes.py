"""The filter as the tile reads it: for each real pass a table of places, and the taps in its order.

Complex images and filters take passes over separated real and imaginary parts.  A pass is one of
sums of products, or of differences where the taps cancel (`pairs` has their order).
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...problem.differences import PLACE
from ...problem.dtypes import Array
from ...problem.means import scale, unit
from ...problem.problem import Problem
from ..remembering import TABLE_BYTES, remembered
from .packing import packing_of
from .pairs import encode_differences, places_of, terms_of, weights_of
from .rolling import SIDE, encode_rolling
from .tile import Group, encode_pass, encode_sparse_pass, row_groups

Parts = tuple[tuple[int, int], ...]  # (part of the image, part of the filter) of a pass's terms
Columns = Callable[[int, int], int]  # where a part of the image has a column of the filter


def passes(problem: Problem) -> list[Parts]:
    """For each part of the result: (part of the image, part of the filter) of its terms.

    Parts: 0 real, 1 imaginary, 2 minus the imaginary; where planes are summed, which of them.
    """
    if problem.deep > 1:
        return [tuple((n, n) for n in range(problem.deep))]
    complex_f, complex_g = problem.image_dtype.kind == "c", problem.filter_dtype.kind == "c"
    if complex_f and complex_g:
        return [((0, 0), (1, 2)), ((0, 1), (1, 0))]
    if complex_f:
        return [((0, 0),), ((1, 0),)]
    return [((0, 0),), ((0, 1),)] if complex_g else [((0, 0),)]


def plain(problem: Problem) -> Problem:
    """The same problem as sums of products alone, of the same taps."""
    traits = problem.traits._replace(differences=(), mean=False)
    if problem.differences:
        used = np.zeros(math.prod(problem.filter), bool)
        for places in filter(None, problem.differences):
            used[np.frombuffer(places, PLACE)] = True
        traits = traits._replace(support=np.packbits(used).tobytes())
    return replace(problem, traits=traits)


def cancels(problem: Problem, parts: Parts) -> bool:
    """Whether a pass sums differences: all of its parts do, and there are some."""
    found = [problem.differences[part > 0] for _, part in parts if problem.differences]
    return any(found) and None not in found


def multiplies(problem: Problem) -> bool:
    """Whether tiles that read the image in place sum products, not differences."""
    return not (problem.mean or cancels(problem, passes(problem)[0]))


# --- sums of products ----------------------------------------------------------------------------


def ordered(problem: Problem, taps: Array) -> Array:
    """Taps in the order in which they meet the image."""
    return taps[::-1, ::-1] if problem.reflect else taps


def support_of(problem: Problem) -> Array | None:
    """Where a sparse filter has taps, in the order in which they meet the image."""
    packed = problem.traits.support
    if packed is None:
        return None
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=math.prod(problem.filter))
    return ordered(problem, bits.reshape(problem.filter).astype(bool))


def groups_of(problem: Problem) -> list[Group]:
    """Groups of filter rows; gathered and sparse rows share no input, so each is a group."""
    rows, sy, dy = problem.filter[0], problem.stride[0], problem.dilation[0]
    chosen = support_of(problem)
    if chosen is not None:
        return [(row * dy, [row]) for row in range(rows) if chosen[row].any()]
    if packing_of(problem).gather_rows:
        return [(row * dy, [row]) for row in range(rows)]
    return row_groups(rows, sy, dy)


def rolls(problem: Problem, parts: Parts) -> bool:
    """Whether rows of the tile are finished one by one, which share rows of pixels."""
    if not SIDE or problem.filter != (SIDE, SIDE) or len(parts) > 1 or problem.sums.kind != "f":
        return False
    neighbours = problem.stride[0] == problem.dilation[0] == 1 and len(groups_of(problem)) == 1
    return neighbours and support_of(problem) is None and not cancels(problem, parts)


def order(problem: Problem) -> Array:
    """Place of each tap in the flattened parts of the filter, in order of addition."""
    return np.concatenate([order_of(problem, parts) for parts in passes(problem)])


def order_of(problem: Problem, parts: Parts) -> Array:
    """The same of one pass."""
    return _order_of((problem, parts))


@remembered(TABLE_BYTES)
def _order_of(question: tuple[Problem, Parts]) -> Array:
    problem, parts = question
    place = ordered(problem, np.arange(math.prod(problem.filter)).reshape(problem.filter))
    chosen = support_of(problem)
    places = []
    for _, rows in groups_of(problem):
        for _, part in parts:
            taps = place[rows].T if chosen is None else place[rows][:, chosen[rows[0]]]
            if rolls(problem, parts):
                taps = place[rows]
            places.append(taps.ravel() + part * place.size)
    return np.concatenate(places)


# --- taps and tables -----------------------------------------------------------------------------


def taps_of(problem: Problem, g: Array) -> Array:
    """The numbers that the tile reads, pass after pass."""
    kind = problem.sums
    if g.dtype.kind == "c":
        imaginary = g.imag if problem.reflect else -g.imag  # correlation conjugates
        g = np.stack([g.real, imaginary, -imaginary])
    if problem.mean:
        return _of_mean(problem, g)
    return np.concatenate(
        [
            weights_of(problem, g, parts).astype(kind)
            if cancels(problem, parts)
            else g.reshape(-1).take(order_of(problem, parts)).astype(kind)
            for parts in passes(problem)
        ]
    )


def _of_mean(problem: Problem, g: Array) -> Array:
    """Ones, but for a power of two that keeps sums below the largest number, and what scales."""
    kind, one = problem.sums, unit(g)
    sums = np.full(math.prod(problem.filter), one).astype(kind)
    return np.concatenate([sums, scale(g, kind, one)] * len(passes(problem)))


def length(problem: Problem, parts: Parts) -> int:
    """How many numbers a pass reads."""
    if problem.mean:
        return math.prod(problem.filter) + 2
    if cancels(problem, parts):
        return sum(len(places_of(problem, part)) for _, part in parts)
    return len(order_of(problem, parts))


def tables(problem: Problem) -> list[list[int]]:
    """The tile's tables: one for each pass over packed rows, and one to read the image in place."""
    every, pack = passes(problem), packing_of(problem)
    sx, (dy, dx) = problem.stride[1], problem.dilation

    def packed_row(row: int) -> int:
        return pack.row_of_tap(row * dy, dy)

    def packed_column(part: int, column: int) -> int:
        return part * pack.part_step + pack.column_of_tap(column * dx, sx, dx)

    packed = [_table(problem, parts, packed_row, packed_column) for parts in every]
    in_place = _table(problem, every[0], lambda row: row * dy, lambda _, column: column * dx)
    return [*packed, in_place]


def _table(
    problem: Problem,
    parts: Parts,
    row_at: Callable[[int], int],
    column_at: Callable[[int, int], int],
) -> list[int]:
    if problem.mean or cancels(problem, parts):
        terms = [(part, term) for part, of in parts for term in terms_of(problem, of)]
        return encode_differences(terms, problem.mean, row_at, column_at)
    if rolls(problem, parts):
        ((part, _),) = parts
        return encode_rolling(row_at(0), [column_at(part, n) for n in range(SIDE)])
    columns = [[column_at(part, n) for n in range(problem.filter[1])] for part, _ in parts]
    groups = [(row_at(rows[0]), rows) for _, rows in groups_of(problem)]
    chosen = support_of(problem)
    if chosen is None:
        return encode_pass(np.concatenate(columns).tolist(), groups)
    every = np.array(columns)
    return encode_sparse_pass(
        [(at, every[:, chosen[rows[0]]].ravel().tolist()) for at, rows in groups]
    )
