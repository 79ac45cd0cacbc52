"""Two passes, one after the other: outer products, or a few, that are long against the image.

Wins where the tiles of `separable` would compute more of the columns around them than of their own:
for factors of some hundred taps.  The column factors go over a block of rows of the whole image,
then the row factors over what they left, so nothing is computed twice; taps that meet the same
pixel of a border are added beforehand, so no factor is longer than about the image and the result
together.  Relies on real floating-point sums, which hold integers exactly where they must, and
stride 1.

The error of an output is bounded as that of `separable`, whose bits these are wherever the factors
are not longer than the image.  There NaN and infinity keep the filter's footprint too, but infinity
under several taps whose sum is 0 becomes NaN.

Start reading at `fold.py` (shorter factors), then `kernel.py` (rows of output).
"""

from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.layout import geometry
from ...problem.bands import split_rows
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.problem import Problem
from ..kernels import Taps, kernels_of
from ..separable import (
    applicable as applicable,
    error as error,
    factors,
    scaling,
    unasked as unasked,
)
from ..separable.shape import halves_of
from ..usual import (
    UNIT as UNIT,
    fill as fill,
    from_line,
    grain as grain,
    regions as regions,
    selects as selects,
    sums as sums,
    units as units,
)
from . import kernel as k
from .fold import folds_of, shortened
from .kernel import L
from .shape import Shape, shape_of, up, work_of


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    return work_of(problem)


# --- the filter ----------------------------------------------------------------------------------


def prepare(problem: Problem, g: Filter) -> Taps:
    """For each product the column, then the row, in order of addition; read-only."""
    found, lines = factors(problem, g), []
    for pair in zip(*found, strict=True):
        for taps, fold, halves in zip(pair, folds_of(problem), halves_of(problem), strict=True):
            taps = fold.of(taps[::-1] if problem.reflect else taps)
            lines.append(taps[taps.size // 2 :] if halves else taps)
    values = np.concatenate([*lines, scaling(problem, g)]).astype(problem.sums)
    values.flags.writeable = False
    return Taps(values)


# --- the problem as numbers ----------------------------------------------------------------------


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands of whole strips."""
    height = machine.lanes(problem.sums.itemsize) * problem.dilation[0]
    return split_rows(units(problem), parts, height)


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out: those under the filter are packed for each."""
    height = machine.lanes(problem.sums.itemsize) * problem.dilation[0]
    return max(4 * height, shortened(problem).span[0])


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    shape, short, halves = shape_of(problem), shortened(problem), halves_of(problem)
    kept_y, kept_x = (
        (n + 1) // 2 if half else n for n, half in zip(short.filter, halves, strict=True)
    )
    return L.pack(
        geometry(short),
        channels=problem.channels,
        products=problem.traits.rank,
        halves_y=halves[0],
        halves_x=halves[1],
        kept_y=kept_y,
        kept_x=kept_x,
        scaled=problem.mean,
        lanes=shape.lanes,
        block=shape.block,
        tile=shape.tile,
        chunk=shape.chunk,
        before=shape.before,
        after=shape.after,
        **_places(short, shape),
    )


def _places(short: Problem, shape: Shape) -> dict[str, int]:
    """Where the parts of scratch begin and how long their rows are; where they end.

    Rows that are walked down take an odd number of cache lines, so that they spread over the sets
    of the caches.
    """
    lanes, line, rank = shape.lanes, shape.line, short.traits.rank
    block_at = up(rank, line)
    sums_at = block_at + max(lanes * lanes, line)
    rows_at = sums_at + up(shape.chunk * lanes, line)
    rows_step = up(up(short.plane[1], shape.chunk), line)
    panel_at = rows_at + lanes * rows_step
    panel_step = (shape.tile // line | 1) * line
    turned_at = panel_at + (short.filter[0] - 1 + shape.block) * panel_step
    product_step = shape.room * lanes
    strip_step = rank * product_step
    return {
        "constants_at": 0, "block_at": block_at, "sums_at": sums_at, "rows_at": rows_at,
        "rows_step": rows_step, "panel_at": panel_at, "panel_step": panel_step,
        "turned_at": turned_at, "strip_step": strip_step, "product_step": product_step,
        "end": turned_at + shape.strips * strip_step,
    }  # fmt: skip


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return from_line(problem, layout(problem)[L.end])


kernels = kernels_of(k.kernel)
