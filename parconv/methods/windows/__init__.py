"""Windows method: filters whose taps are all equal, each sum from its own pixels alone.

Wins for most such filters.  Down columns a sum is that of two others, one that ends and one that
begins where a block of as many rows as the filter has does: three additions of a pixel, whatever
the filter's size.  Along rows sums of some neighbours, then some of those side by side, cost about
twice the root of the taps in loads, or thrice the cube root; of many taps pixels of three or four
channels are added up by blocks as columns are.  With AVX-512, where the second step along rows is
made in registers, rows come first and columns go down meanwhile.  So nothing drifts as running sums
do, and NaN and infinity reach no further than the filter.  Blocks are counted from the whole
result's first pixel, so that bits do not depend on bands and parts.  Relies on real floating-point
sums, which hold integers exactly where they must, and stride 1.

The error of an output is below ``(h + w + 3) u`` times the sum of ``|g| |f|`` over its own
neighbourhood, where u = 2**-24 or 2**-53: pixels are multiplied by a power of two, so that sums are
no larger than results, and one product scales them, nearly as if divided.

Start reading at `blocks.py` (columns), `neighbours.py` and `pixels.py` (along rows), `rowwise.py`
(both at once), then `kernel.py` (rows of output).
"""

import math
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.foreign import ends
from ...codegen.layout import geometry, odd_lines, up
from ...problem.bands import split_rows
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.means import unit
from ...problem.problem import Problem
from ...problem.traits import UNSEEN
from ..direct.tile import stores
from ..finishing import finishes as finishes, scaling
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
from .along import along, reach_of
from .beside import ENTRY
from .pixels import CHANNELS, room_of
from .results import L
from .steps import BLOCKS, Steps, as_numbers, steps_of
from .work import operations

# Of the sums of a block's rows, and as many of its suffixes and pixels: few enough for the
# second-level cache.  ns a pixel of 1289 x 657 x 4 float64 at 31x31 with 64, 128, 256 KiB: 2.68
# 2.62 2.26, of 659 x 805 x 3 at 7x7 1.46 1.37 1.27, of 1635 x 2019 x 4 float32 at 9x9 0.74 0.74
# 0.63 (Zen 4 VM, AVX-512, 2026-11).
BLOCK_BYTES = 1 << 18
# Half of that where the next block of an image comes into the cache meanwhile, unless rows of half
# as many columns are less than so many of what neighbouring ones share: 1289 x 657 x 4 float64 at
# 31x31 1.93 and 1.80 ns a pixel; by columns first 4096 x 4096 float32 at 15x15 took 8.4 to 8.9 ms
# with half, 9.2 to 12.4 with all (likewise); rows first, nothing leaves the first cache but
# suffixes.  With AVX2 all are better: 11.5 ms, 13.2 with half.
AHEAD_HALOS = 128
LEAST_BYTES = 1 << 12  # of a row
BATCH_BYTES = 1 << 13  # of rows of sums that are added up along the row at a time
# An image larger than this is read from further than the second-level cache, so its rows are asked
# for a block ahead.
AHEAD_BYTES = 1 << 21
WIDEST = 8  # bytes of what sums become
LEAST_HEIGHT = 8
BAND_HALOS = 8  # least height of a band, in heights of the filter


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    if not problem.traits.equal:
        return "the filter's taps are not all equal" if problem.traits.known else UNSEEN
    return unsummable(problem)


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    reach = reach_of(problem)
    return operations(problem, _tile(problem, reach), bool(reach))


def prepare(problem: Problem, g: Filter) -> Taps:
    """A power of two that pixels are multiplied by, and what scales the sums; read-only."""
    tap = np.asarray(g[:1, :1])
    power = unit(tap) if tap.item() else 1.0  # of no tap but 0, which scales
    return Taps(np.array([power, *scaling(problem, tap, problem.sums, power)], problem.sums))


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands."""
    return split_rows(units(problem), parts, problem.dilation[0])


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return max(LEAST_HEIGHT, BAND_HALOS * problem.span[0])


# --- the problem as numbers ----------------------------------------------------------------------


def _tile_of(problem: Problem, room: int) -> int:
    """Columns of output whose row of sums takes at most so many bytes, or what it must."""
    size, columns, halo = problem.sums.itemsize, problem.plane[1], problem.span[1] - 1
    lanes = lanes_of(problem)
    most = max(room, LEAST_BYTES) // size - halo
    most = max(most, halo + 2 * lanes)
    unit = _unit(problem)
    return up(-(-(columns + unit) // _tiles(problem, most)), unit)


def _tiles(problem: Problem, tile: int) -> int:
    """How many there are, the first of which may lack some columns."""
    return -(-(problem.plane[1] + _unit(problem)) // tile)


def _unit(problem: Problem) -> int:
    """Columns that are whole vectors and pixels."""
    return math.lcm(lanes_of(problem), problem.channels if problem.channels in CHANNELS else 1)


def _tile(problem: Problem, reach: int) -> int:
    """Columns of output whose block of sums stays in the caches."""
    room, halo = BLOCK_BYTES // problem.filter[0], problem.span[1] - 1
    ahead = machine.FILLS_LINES and problem.bytes > AHEAD_BYTES
    halves = not reach and ahead and room // 2 >= AHEAD_HALOS * halo * problem.sums.itemsize
    return _tile_of(problem, room // 2 if halves else room)


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    return L.pack(described(problem, along(problem), problem.sums.itemsize, reach_of(problem)))


def described(problem: Problem, steps: Steps, narrowest: int, reach: int) -> dict[str, int]:
    """The same by names.

    ``narrowest``: bytes of numbers of which rows of sums are whole lines; ``reach``: by how many
    vectors the second step shifts where rows are added up first.
    """
    tile, count, size = _tile(problem, reach), problem.filter[0], problem.sums.itemsize
    row = tile + problem.span[1] - 1 + 3 * lanes_of(problem) + machine.VECTOR_BYTES // narrowest
    above = 2 * count + 1  # suffixes, zeros behind them, rows that are packed; then come the sums
    known = numbers(problem, row, count, above, narrowest)
    rows_at, rows_step = known["end"], up(count * ENTRY // size, 64)
    known["end"] += 2 * rows_step
    if steps.first == BLOCKS:
        known["again_at"] = known["end"]
        known["end"] += room_of(steps.second)
    return known | as_numbers(steps) | {
        "packed_at": (count + 1) * known["step"], "reach": reach,
        "ahead": problem.bytes > AHEAD_BYTES, "rows_at": rows_at, "rows_step": rows_step,
        "tile": tile, "beside": not reach and _beside(problem, tile), "begin": problem.begin[0],
        "begin_x": problem.begin[1],
    }  # fmt: skip


def numbers(
    problem: Problem, row: int, least: int = 1, above: int = 0, narrowest: int = 0
) -> dict[str, int]:
    """What the layouts of all kernels of equal taps share.

    ``row``: elements of a row of sums, of which ``least`` are added up together, or more, few
    enough for the first-level cache; ``above``: rows of scratch before them.

    A load waits for an earlier store to an address that is equal in the bits below a page's size:
    so parts of the row of sums lie a page from it.
    """
    size, across = problem.sums.itemsize, steps_of(problem.filter[1])
    step = odd_lines(row, narrowest or size)
    outside = abs(problem.lead[1]) + problem.plane[1] + problem.span[1]
    rows = max(least, min(problem.plane[0], BATCH_BYTES // (row * size)))
    page = up((rows + 1) * step, 4096 // size)  # vectors reach beyond the last row
    part_at = above * step + page
    sources_at = part_at + 2 * page + page * WIDEST // size
    return geometry(problem) | as_numbers(across) | {
        "reach": 0, "ahead": 0, "packed_at": 0, "rows_at": 0, "rows_step": 0,
        "channels": problem.channels, "lanes": lanes_of(problem), "batch": rows,
        "stored": bool(stores(problem.sums, problem.dtype)),
        "step": step, "down_at": above * step, "part_at": part_at, "again_at": part_at + page,
        "across_at": part_at + 2 * page,
        "sources_at": sources_at, "end": sources_at + up(outside * ENTRY // size, 64),
    }  # fmt: skip


def _beside(problem: Problem, tile: int) -> bool:
    """Whether the columns that stand for those beside the image lie in the same tile as these."""
    columns, left, span = problem.plane[1], problem.lead[1], problem.span[1]
    tiles, right = _tiles(problem, tile), columns + span - 1 - left - problem.plane_in[1]
    whole, rest = tiles == 1 and min(left, right) >= 0, columns - (tiles - 1) * tile
    if whole or max(left, right) <= 0:
        return True
    return problem.boundary[1] != "wrap" and max(left, right) < span <= min(rest, tile // 2)


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return from_line(problem, layout(problem)[L.end])


kernels = kernels_of(k.kernel, ends, stores)
