"""Windows method: filters whose taps are all equal, each sum from its own pixels alone.

Wins for most such filters: sums of some neighbours, then some of those side by side, cost a load
for about twice the root of the taps of each axis.  So nothing drifts as running sums do, NaN and
infinity reach no further than the filter, and a sum does not depend on where it begins.  Relies
on real floating-point sums, which hold integers exactly where they must, and stride 1.

The error of an output is below ``(h + w + 3) u`` times the sum of ``|g| |f|`` over its own
neighbourhood, where u = 2**-24 or 2**-53: pixels are multiplied by a power of two, so that sums are
no larger than results, and one product scales them, nearly as if divided.

Start reading at `adding.py` (the inner loop), then `kernel.py` (rows of output).
"""

from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.foreign import ends
from ...codegen.layout import geometry, odd_lines, up
from ...problem.bands import split_rows
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.means import scale, unit
from ...problem.problem import Problem
from ...problem.traits import UNSEEN
from ..direct.tile import stores
from ..kernels import Taps, kernels_of
from ..usual import (
    UNIT as UNIT,
    anywhere as anywhere,
    error as error,
    fill as fill,
    from_line,
    grain as grain,
    lanes_of,
    regions as regions,
    selects as selects,
    sums as sums,
    unasked as unasked,
    units as units,
    unsummable,
)
from . import kernel as k
from .kernel import L
from .steps import steps_of

TILE_BYTES = 1 << 12  # of a row of sums: a wider tile adds up less of its halo
RING_BYTES = machine.L2_BYTES // 2
BATCH_BYTES = 1 << 13  # of rows of sums that are added up along the row at a time
LEAST_HEIGHT, MOST_HEIGHT = 8, 64  # rows of output of a ring
NUMBERED = 1 << 24  # columns that a float32 can tell apart
BAND_HALOS = 8  # least height of a band, in heights of the filter
# Operations of the direct method that take as long, of a pixel: moving it, a load of what is
# added up; and of a row; by the size of sums.  Microseconds for 300 x 400 float32 at 3, 5, 9, 15,
# 31 taps: 52, 87, 117, 129, 203, and by `separable` 109, 124, 152, 186, 301 (Zen 3 VM, 2026-11).
PIXEL_WORK, ROW_WORK = 4, {4: 2200, 8: 1100}
# Longer vectors begin within a line and end in the next one: a guess.
LOAD_WORK = machine.ISA.choose({32: {4: 3.8, 8: 3.2}, 16: {4: 2.75, 8: 2.4}})


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    if not problem.traits.equal:
        return "the filter's taps are not all equal" if problem.traits.known else UNSEEN
    return unsummable(problem)


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    (rows, columns), (width, height) = problem.plane, _tile(problem)
    down, across = (steps_of(taps).work for taps in problem.filter)
    wide = columns + (-(-columns // width) - 1) * (problem.span[1] - 1)
    moved, size = (problem.filter[0] - 1) / height, problem.sums.itemsize
    summed = wide * (PIXEL_WORK + LOAD_WORK[size] * (down + moved))
    summed += columns * LOAD_WORK[size] * across
    return float((summed + ROW_WORK[size]) * rows * problem.planes)


def prepare(problem: Problem, g: Filter) -> Taps:
    """Powers of two that sums are multiplied by, and what scales the last ones; read-only."""
    tap = np.asarray(g[:1, :1])
    power = unit(tap) if tap.item() else 1.0  # of no tap but 0, which scales
    numbers = [power, power, 1, power, 1, 1, *scale(tap, problem.sums, power)]
    return Taps(np.array(numbers).astype(problem.sums))


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands."""
    return split_rows(units(problem), parts, problem.dilation[0])


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return max(LEAST_HEIGHT, BAND_HALOS * problem.span[0])


# --- the problem as numbers ----------------------------------------------------------------------


def _tile(problem: Problem) -> tuple[int, int]:
    """Columns of output, and rows of output of a ring, which stays in the second-level cache."""
    size, (rows, columns), halo = problem.sums.itemsize, problem.plane, problem.filter[0] - 1
    most = max(TILE_BYTES // size, 2 * problem.span[1])
    tiles = max(1, -(-columns // most))
    width = up(-(-columns // tiles), lanes_of(problem))
    room = RING_BYTES // (size * (width + problem.span[1]))
    steps = steps_of(problem.filter[0])
    if steps.second > 1 and steps.rest:
        room //= 2
    rows = -(-rows // problem.dilation[0])
    return max(width, 1), max(1, min(rows, MOST_HEIGHT, max(LEAST_HEIGHT, halo, room - halo)))


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    (tile, height), (down, across) = _tile(problem), map(steps_of, problem.filter)
    return L.pack(
        geometry(problem),
        channels=problem.channels,
        lanes=lanes_of(problem),
        stored=bool(stores(problem.sums, problem.dtype)),
        tile=tile,
        height=height,
        batch=_batch(problem, tile, height),
        beside=_beside(problem, tile),
        far=problem.bytes > machine.L2_BYTES,
        first_y=down.first,
        second_y=down.second,
        rest_y=down.rest,
        first_x=across.first,
        second_x=across.second,
        rest_x=across.rest,
        **_places(problem, tile, height),
    )


def _beside(problem: Problem, tile: int) -> bool:
    """Whether the columns that stand for those beside the image lie in the same tile as these.

    Their numbers must be such that the type of the sums has.
    """
    if problem.plane_in[1] > NUMBERED:
        return False
    columns, left, span = problem.plane[1], problem.lead[1], problem.span[1]
    right, rest = columns + span - 1 - left - problem.plane_in[1], columns % tile or tile
    whole = tile >= columns and min(left, right) >= 0
    if whole or max(left, right) <= 0:
        return True
    return problem.boundary[1] != "wrap" and max(left, right) < span <= min(rest, tile // 2)


def _batch(problem: Problem, tile: int, height: int) -> int:
    """Rows that are added up together, few enough for the first-level cache."""
    row = (tile + problem.span[1]) * problem.sums.itemsize
    return max(1, min(height, BATCH_BYTES // row))


def _places(problem: Problem, tile: int, height: int) -> dict[str, int]:
    """Where the parts of scratch begin and how long their rows are; where they end.

    A load waits for an earlier store to an address that is equal in the bits below a page's size:
    so parts of the row of sums lie a page from it.
    """
    size, lanes = problem.sums.itemsize, lanes_of(problem)
    halo, left = problem.span[1] - 1, problem.lead[1]
    step = odd_lines(tile + halo + 2 * lanes, size)
    ring, down = (problem.filter[0] - 1 + height) * step, steps_of(problem.filter[0])
    sums_at = ring if down.second > 1 and down.rest else 0
    rows = _batch(problem, tile, height)
    down_at, page = sums_at + ring, up(rows * step + abs(left) + 2 * halo, 4096 // size)
    return {
        "step": step, "sums_at": sums_at, "down_at": down_at, "part_at": down_at + page,
        "across_at": down_at + 2 * page, "sources_at": down_at + 3 * page,
        "end": down_at + 4 * page,
    }  # fmt: skip


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return from_line(problem, layout(problem)[L.end])


kernels = kernels_of(k.kernel, ends, stores)
