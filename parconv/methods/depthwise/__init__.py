"""Depthwise method: each filter sees one channel, and planes are small.

Every output plane is swept once, row by row, with its sums in registers (`sweep`).  Wins where a
plane is a few vectors wide, so that a border is a large part of it: rows are read in place, under
masks at their ends (`strip`).  Images whose channels lie side by side have tiles of their own
(`channels`), and where there are as many as a vector holds, any filter, stride and dilation have
(`pixels`); few are swept as rows of numbers, vectors across pixels (`flat`).  Planes of few pixels
have their channels turned into lanes (`turned`), where that takes less time.  Relies else on square
filters of 3, 5 or 7 taps a side, on strides of 1 or 2, or those that a dilation is a multiple of
(then the pixels that are met are copied beside each other), and on a border of zeros.

Its bound is memory.  32 x 144 x 56 x 56 float32 take 2.0 / 1.75 ms with one / two threads, where a
loop of loads and non-temporal stores takes 1.8 / 1.7; every second output of them 1.1 / 0.87, the
loop 1.4 / 0.88 (Zen 5, 2026-11).

A unit is an output plane, or a row of all channels where they lie side by side, counted over all
images.  Start reading at `sweep.py`, then `strip.py`
and `kernel.py`.
"""

from typing import Any

import numpy as np

from ...problem.bands import split_rows
from ...problem.dtypes import FLOAT32, FLOAT64, Array
from ...problem.problem import Problem
from ...runtime.crew.record import MAPS
from .. import usual
from ..kernels import Taps, kernels_of
from ..usual import (
    anywhere as anywhere,
    bank_of,
    error as error,
    fill as fill,
    grain as grain,
    lanes_of,
    selects as selects,
    sums as sums,
    unasked as unasked,
)
from . import kernel as k
from .able import kind_of, pixels_can, strips_cannot, turned_of
from .channels import rows_of_tile
from .level import flat_of, flat_taps
from .numbers import layout as layout, workspace as workspace
from .work import by_flat, by_pixels, by_rows, by_turns, cost as cost

UNIT = "planes, or rows of all channels"
FEW = 4  # of the bands that are asked for one is enough
LEAST = 4096  # outputs of a band
FLAT_ROWS = 8  # of results, at least, that are swept together


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    bank = bank_of(problem)
    if bank.inputs > 1:
        return f"each filter sums over {bank.inputs} channels"
    if not problem.image_dtype == problem.compute == problem.dtype in (FLOAT32, FLOAT64):
        return "it computes in the type of the image and of the result, float32 or float64"
    if problem.boundary != ("constant", "constant") or problem.cval != 0:
        return "it has a border of zeros"
    able = pixels_can(problem) or turned_of(problem) or flat_of(problem)
    return None if able else strips_cannot(problem)


def prepare(problem: Problem, g: Array) -> Taps:
    """The filters one after another, then their taps, each of all filters; read-only.

    There the first filters of all channels come first, then the second ones, and so on.
    """
    if by_flat(problem):
        return Taps(flat_taps(problem, g[:, 0]))
    filters, each = g.astype(problem.sums).reshape(len(g), -1), bank_of(problem).filters
    taps = filters.reshape(-1, each, filters.shape[1]).transpose(2, 1, 0)
    beyond = np.zeros(lanes_of(problem), problem.sums)  # which the last vector of channels reads
    return Taps(np.concatenate([filters.ravel(), taps.ravel(), beyond]))


# --- the problem as numbers ----------------------------------------------------------------------


def units(problem: Problem) -> int:
    """Output planes, or rows of them all."""
    batch, outputs, rows, _ = problem.maps
    return batch * (rows if by_rows(problem) else outputs)


def regions(problem: Problem, start: int, stop: int) -> list[tuple[Any, ...]]:
    """Where units ``[start, stop)`` lie in the result's maps."""
    if by_rows(problem):
        rows = usual.regions(problem, start, stop)
        return [(image, slice(None), part) for image, part in rows]
    return [divmod(unit, bank_of(problem).outputs) for unit in range(start, stop)]


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """About so many bands of whole tiles of rows; or of whole planes.

    Vectors of these, where there are enough: a band of fewer channels than a vector has lanes is
    slow where channels lie side by side, or one that parts the filters of a channel.
    """
    if by_rows(problem):
        high = _together(problem)
        return split_rows(units(problem), parts, high if problem.plane[0] % high == 0 else 1)
    in_lanes = by_pixels(problem) or by_turns(problem)
    planes, each = units(problem), bank_of(problem).filters if in_lanes else 1
    vector = each * lanes_of(problem)
    return split_rows(planes, parts, vector if FEW * planes >= parts * vector else each)


def _together(problem: Problem) -> int:
    """Rows of all channels that go together."""
    if by_flat(problem):
        return FLAT_ROWS * problem.dilation[0]
    return 1 if by_pixels(problem) else rows_of_tile(kind_of(problem))


def least_band(problem: Problem) -> int:
    """Units of a band that is worth handing out."""
    _, outputs, rows, columns = (max(1, n) for n in problem.maps)
    return -(-LEAST // (columns * (outputs if by_rows(problem) else rows)))


kernels = kernels_of(k.kernel, axes=MAPS)
