"""What few channels that lie side by side are as flat rows: numbers for `flat`."""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...codegen.layout import geometry
from ...problem.dtypes import Array
from ...problem.problem import Problem
from ..usual import bank_of, inputs_apart, lanes_of, outputs_apart
from . import falling, spread
from .sweep import SIZES, STRIDES, Kind

# Of rows that are copied at a time, and at most; of taps that pass by together; of those that
# repeat.  Microseconds with 32, 64, 128 KiB at a time: 7x7 on 9 images of 130 x 131 of 5 channels
# 1590, 1290, 1140; 3x3 on 29 of 113 x 114 of 5, two filters each, 2280, 2430, 2990 (Zen 4 VM, AVX2,
# 2026-11): many rows for each that is swept again are what counts.
BLOCK_BYTES, MOST_BYTES, TAPS_BYTES, MOST_TAPS_BYTES = 1 << 16, 1 << 19, 1 << 13, 1 << 15
REST = 6  # rows of results for each that is swept again, at least
MOST = 4  # vectors of a pixel's results


class Flat(NamedTuple):
    """How rows are copied, and how outputs meet them.

    ``copies`` of a row have the pixels that taps by turns see, a stride apart: as many ``cells``
    for ``columns`` of output.  ``taps``: numbers from the first tap to the second and to the third,
    and so on by turns.  ``phases`` times between each other are outputs of a column that lie
    ``stride`` rows of the copy apart.
    """

    copies: int
    columns: int
    cells: int
    taps: tuple[int, int]
    phases: int
    stride: int


@lru_cache(maxsize=256)
def flat_of(problem: Problem) -> Flat | None:
    """For flat rows, if those can."""
    (sy, sx), (dy, dx), size = problem.stride, problem.dilation, problem.filter[0]
    by_turns = dy % sy and (dy > 1 or sy not in STRIDES), dx % sx and sx > 2
    if any(by_turns) or not _is_fit(problem):
        return None
    phases, stride = (1, sy) if dy % sy else (dy // sy, 1)
    wide, step, copies = bank_of(problem).outputs, dx // sx, 2 if dx % sx else 1
    columns = max(problem.plane[1], -(-lanes_of(problem) // wide))
    cells = columns + (size - 1) * dx // sx
    taps = (cells * (copies - 1) + step) * wide, (2 * step + copies - 1) * wide
    found = Flat(copies, columns, cells, taps, phases, stride)
    least = _least(problem, found) * copies * cells * wide * problem.sums.itemsize
    return found if least <= MOST_BYTES else None


def _least(problem: Problem, found: Flat) -> int:
    """Rows of results whose rows are copied together, at least."""
    return REST * (Kind(problem.filter[0], found.stride, 1).under_way - 1) * found.phases


def _is_fit(problem: Problem) -> bool:
    """Whether channels lie last, and are so few that repeated taps fit."""
    bank, (rows, columns) = bank_of(problem), problem.filter
    few = bank.outputs <= MOST * lanes_of(problem) and bank.filters <= spread.MOST
    apart = inputs_apart(problem) and outputs_apart(problem)
    taps = period(problem) * _taps_bytes(problem)
    return apart and few and rows == columns and rows in SIZES and taps <= MOST_TAPS_BYTES


def _taps_bytes(problem: Problem) -> int:
    """Of the taps of a vector of results."""
    return math.prod(problem.filter) * lanes_of(problem) * problem.sums.itemsize


def period(problem: Problem) -> int:
    """Vectors of a row after which taps lie in them as they did."""
    lanes = lanes_of(problem)
    return math.lcm(bank_of(problem).outputs, lanes) // lanes


def _row(problem: Problem) -> int:
    """Numbers of a row of results."""
    return _known(problem).columns * bank_of(problem).outputs


def _known(problem: Problem) -> Flat:
    found = flat_of(problem)
    assert found
    return found


def segment(problem: Problem) -> int:
    """Vectors of a row that pass together: whole periods, as many as fit, or all there are."""
    whole, every = _row(problem) // lanes_of(problem), period(problem)
    periods = max(min(TAPS_BYTES // _taps_bytes(problem), whole + every - 1) // every, 1)
    return min(periods * every, whole)


def flat_taps(problem: Problem, g: Array) -> Array:
    """The taps of each vector of a segment, and of one that ends with the row.

    ``g``: filters, rows and columns.
    """
    row, lanes = _row(problem), lanes_of(problem)
    first = [*range(0, segment(problem) * lanes, lanes), row - lanes]
    numbers = np.add.outer(first, np.arange(lanes)) % len(g)
    every = g.reshape(len(g), -1)[numbers].astype(problem.sums)
    return np.ascontiguousarray(every.transpose(0, 2, 1)).ravel()


def pitch(problem: Problem) -> int:
    """Numbers from one row of the copy to the next."""
    found = _known(problem)
    return found.copies * found.cells * bank_of(problem).outputs


def reach(problem: Problem) -> int:
    """Rows of the copy that the taps of an output lie in, from the first to the last."""
    return (problem.filter[0] - 1) * _known(problem).phases + 1


def block(problem: Problem) -> int:
    """Rows of results whose rows are copied together."""
    found = _known(problem)
    row = pitch(problem) * found.stride * problem.sums.itemsize
    return max(BLOCK_BYTES // row, _least(problem, found))


def _copied(problem: Problem) -> int:
    """Numbers of the copy, and what is written beyond its last pixel."""
    rows = (block(problem) - 1) * _known(problem).stride + reach(problem)
    return rows * pitch(problem) + spread.MOST * lanes_of(problem)


def flat_room(problem: Problem) -> int:
    """Elements of scratch: the copy, and results that cannot go to their place."""
    return _copied(problem) + block(problem) * _row(problem)


class FlatWork(NamedTuple):
    """What flat rows do, or what each of it takes.

    Products of a vector of results, pixels that are moved one by one, vectors of rows that are
    copied as they are, and rows.
    """

    tap: float
    move: float
    run: float
    row: float


def flat_work(problem: Problem) -> FlatWork:
    """How much of each."""
    found, bank, lanes = _known(problem), bank_of(problem), lanes_of(problem)
    batch, _, high, _ = problem.maps
    blocks = -(-high // block(problem))
    copied = batch * (blocks * (reach(problem) - found.stride) + high * found.stride)
    row = -(-_row(problem) // lanes)
    moved = problem.stride[1] > 1 or bank.filters > 1
    pixels = found.copies * found.cells * -(-bank.channels // lanes)
    return FlatWork(
        tap=batch * high * row * math.prod(problem.filter),
        move=copied * pixels * moved,
        run=copied * pitch(problem) / lanes * (not moved),
        row=copied,
    )


def flat_numbers(problem: Problem) -> dict[str, Any]:
    """What the kernel knows of it, and nothing of other ways."""
    found, bank = _known(problem), bank_of(problem)
    return geometry(problem) | {
        "outputs": bank.outputs,
        "multiplier": bank.filters,
        "size": problem.filter[0],
        "lanes": lanes_of(problem),
        "segment": segment(problem),
        "copies": found.copies,
        "columns": found.columns,
        "cells": found.cells,
        "second": found.taps[0],
        "third": found.taps[1],
        "pitch": pitch(problem),
        "reach": reach(problem),
        "block": block(problem),
        "results_at": _copied(problem),
        "stride": found.stride,
        "phases": found.phases,
        "sift": problem.stride[0] // found.stride,
        "tile": falling.KINDS.index(Kind(problem.filter[0], found.stride, 1)),
    }
