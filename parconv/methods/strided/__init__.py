"""Strided: `rows` for results of which a stride leaves out some, as steps of pyramids do.

Wins over the direct method from some five taps on, and wherever a stride leaves out more than every
other column.  Columns are summed for the rows that stay; those sums are sorted, so that the ones
that neighbouring results meet with a tap are neighbours.  Relies on what `rows` relies on but for
the stride, and leaves that method's bits.

Start reading at `sorting.py`, then `kernel.py` (rows of output).
"""

from functools import lru_cache
from typing import Any

from ...codegen.foreign import ends
from ...codegen.layout import geometry, odd_lines, up
from ...problem.dtypes import Array
from ...problem.problem import Problem
from ...problem.traits import UNSEEN
from .. import rows
from ..direct.tile import stores
from ..kernels import kernels_of
from ..rows import (
    BATCH,
    bands as bands,
    error as error,
    height_of,
    prepare as prepare,
    tile_of,
    work_of,
)
from ..usual import (
    UNIT as UNIT,
    anywhere as anywhere,
    fill as fill,
    from_line,
    grain as grain,
    lanes_of,
    regions as regions,
    selects as selects,
    sums as sums,
    units as units,
    unreal,
)
from . import kernel as k
from .kernel import L
from .sorting import WIDEST

# Operations of the direct method that take as long as sorting a sum, by shuffles or one by one.
# Microseconds for every other pixel of 1024 x 1024 uint8 at 5, 9, 21 taps 220, 308, 780, by
# `direct` 377, 590, 1894; of every third 351, 407, 552, and 482, 684, 1333 (Sapphire Rapids VM,
# AVX-512, 2026-11).
SORT_WORK, SORT_ONE_WORK = 4, 40


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    if not problem.traits.known:
        return unasked(problem) or UNSEEN
    return rows.unfactored(problem) or unreal(problem)


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names it gets it: a part of one output may have no stride."""
    return "no stride leaves out results" if problem.stride == (1, 1) else None


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    step = problem.stride[1]
    sorts = SORT_WORK if step <= WIDEST else SORT_ONE_WORK
    return work_of(problem, sorts if step > 1 else 0)


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return rows.least_band(problem) // problem.stride[0] + 1


# --- the problem as numbers ----------------------------------------------------------------------


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    return L.pack(
        geometry(problem),
        channels=problem.channels,
        lanes=lanes_of(problem),
        stored=bool(stores(problem.sums, problem.dtype)),
        batch=BATCH,
        kept=max(0, problem.filter[0] - problem.stride[0]),
        **_places(problem),
    )


def _places(problem: Problem) -> dict[str, Any]:
    """What is computed at a time, and where in scratch; of a row's taps, where sums lie."""
    lanes, tile, height = lanes_of(problem), tile_of(problem), height_of(problem)
    (stride_y, stride), span, size = problem.stride, problem.span[1], problem.sums.itemsize
    part = up(tile + (span - 1) // stride, lanes) + lanes
    step = odd_lines(stride * part + lanes, size)
    sums_at = ((height - 1) * stride_y + max(problem.filter[0], stride_y)) * step
    rows_at = sums_at + BATCH * step
    sorted_at = rows_at + BATCH * step
    return {
        "tile": tile, "height": height, "step": step, "sums_at": sums_at, "rows_at": rows_at,
        "sorted_at": sorted_at, "part_step": part, "end": sorted_at + BATCH * step,
        "places": [
            at % stride * part + at // stride for at in range(0, span, problem.dilation[1])
        ],
    }  # fmt: skip


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return from_line(problem, layout(problem)[L.end])


kernels = kernels_of(k.kernel, ends, stores)
