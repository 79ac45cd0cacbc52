"""Cosine sums: smooth symmetric filters, a column times a row, as a few cosines that slide.

Wins for Gaussians from sigma 7 or so: seven cosines stand for the taps of each axis, and sums
weighted with a cosine follow from one pixel to the next by a multiplication and two additions,
however long the filter is.  Found from the taps, of whatever filter.  All sums are formed in
float64, whose rounding stays below 1e-12 in tiles of a thousand pixels and more, each of which
begins anew.  Relies on real floating-point sums, stride 1 and rows that no dilation separates.

The error of an output is below ``(e + 1e-12) max|f| sum|g|``, where e is what the cosines miss,
4.7e-7 for each axis of a Gaussian that ends at four sigma, in the worst case, and max|f| is that
of the tile, or, for e alone, under the filter.  Tiles that hold NaN or infinity are summed by
definition, so neither spreads.  Where all pixels under the filter are 0, so is the output, exactly.

Start reading at `problem.cosines` (taps), then `slide.py` (the inner loop) and `kernel.py`.
"""

from functools import lru_cache

import numpy as np

from ...codegen.foreign import ends
from ...codegen.layout import geometry, odd_lines, up
from ...problem.bands import split_rows
from ...problem.cosines import cosines, misfit
from ...problem.dtypes import FLOAT32, FLOAT64, Array, DType
from ...problem.filter import Filter
from ...problem.problem import Problem
from ...problem.traits import UNSEEN
from ..kernels import Taps, kernels_of
from ..usual import (
    UNIT as UNIT,
    on_line,
    regions as regions,
    selects as selects,
    units as units,
    unsummable,
)
from . import kernel as k
from .slide import NUMBERS, SUMS
from .tile import PANEL, RUN, L, tile_of, work_of

# What cosines may miss where no tolerance is told, about as much as `fft` may err by.
MOST_MISSED = 1.1e-6
ROUNDING = 1e-12


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    if not problem.traits.known:
        return UNSEEN
    if problem.traits.rank != 1 or problem.traits.misfit > _most_missed(problem):
        return "the filter is no product of a column and a row that a few cosines come near to"
    if problem.mean or problem.differences:
        return "the filter's taps are all equal, or cancel, which cosines meet nearly"
    if problem.dilation[0] > 1:
        return "a dilation separates the rows"
    if not problem.rounded:
        return "integers are summed exactly"
    return unsummable(problem)


def _most_missed(problem: Problem) -> float:
    return max(MOST_MISSED, problem.tolerance or 0)


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names it gets it; None where it may be chosen."""
    if problem.tolerance is None:
        if problem.compute != FLOAT32:
            return "it is less precise than float64: name it, or state a tolerance"
        if problem.image_dtype.kind == "b":
            return "a mask's zeros should stay zeros: name it, or state a tolerance"
    return None


def error(problem: Problem) -> float:
    """What it may err by, in units of the largest |f| of a tile times sum |g|."""
    return problem.traits.misfit + ROUNDING


def sums(problem: Problem) -> DType:
    """Those that slide are formed in float64, and their rounding stays small."""
    return FLOAT64


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    return work_of(problem)


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant."""
    return np.array([problem.cval.real], FLOAT64)


def prepare(problem: Problem, g: Filter) -> Taps:
    """Of each axis the numbers of the cosines, each in all lanes; then the taps; read-only."""
    factors = g.factors(1, problem.sums)
    if factors is None or misfit(*factors) > _most_missed(problem):
        raise ValueError("g is not the filter that was planned for: plan again")
    lines = [line.ravel().astype(np.float64) for line in factors]
    found = [(*each.turns, *each.weights, each.edge) for each in map(cosines, lines)]
    numbers = np.concatenate([np.repeat(found, tile_of(problem).lanes), *lines])
    values = on_line(numbers.size, FLOAT64)
    values[:] = numbers
    return Taps(values)


# --- the problem as numbers ----------------------------------------------------------------------


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """About so many bands, cut between tiles."""
    (rows, _), tall = problem.plane, tile_of(problem).rows
    tops = [plane * rows + top for plane in range(problem.planes) for top in range(0, rows, tall)]
    cut = split_rows(len(tops), parts)
    edges = [*tops, problem.planes * rows]
    return tuple((edges[first], edges[last]) for first, last in cut)


def anywhere(problem: Problem) -> bool:
    """Tiles begin with the result, and their sums with them."""
    return False


def grain(problem: Problem) -> int:
    """Rows of a tile: each slides on from those above."""
    return tile_of(problem).rows


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return tile_of(problem).rows


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    tile, (down, along), step = tile_of(problem), problem.filter, problem.dilation[1]
    lanes, high = tile.lanes, tile.high
    columns = up(tile.columns + (along - 1) * step, lanes)
    wide = odd_lines(columns, 8)
    panel, run = odd_lines(min(PANEL, columns), 8), max(2, RUN // step // 2 * 2)
    rows = odd_lines(run * step, 8)
    strip = (2 * step + columns) * lanes
    lengths = {
        "added_at": max(high, run) * lanes, "zero_at": lanes, "block_at": high * lanes,
        "across_at": step * SUMS * lanes, "down_at": columns * SUMS, "enter_at": (high + 1) * panel,
        "leave_at": (high + 1) * panel, "zeros_at": 2 * step * lanes,
        "strips_at": high // lanes * strip, "sums_at": (run * step + lanes) * lanes,
        "rows_at": lanes * rows, "counts_at": columns, "flags_at": high * wide,
        "mend_at": (high + down - 1) * panel, "line_at": tile.columns, "end": 0,
    }  # fmt: skip
    places = np.cumsum([0, *(up(length, 8) for length in lengths.values())])
    at = dict(zip(lengths, map(int, places), strict=False))
    return L.pack(
        geometry(problem) | at,
        channels=problem.channels,
        lanes=lanes,
        stored=problem.dtype == FLOAT32,
        block=tile.rows,
        tile=tile.columns,
        high=high,
        run=run,
        panel=min(PANEL, columns),
        panel_step=panel,
        strip_step=strip,
        rows_step=rows,
        flags_step=wide,
        taps_at=2 * NUMBERS * lanes,
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return int(layout(problem)[L.end]) + 8


kernels = kernels_of(k.kernel, ends)
