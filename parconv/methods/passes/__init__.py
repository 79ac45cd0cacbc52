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

import itertools
from functools import lru_cache

from ...codegen.foreign import ends
from ...codegen.layout import geometry, odd_lines, up
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.problem import Problem
from .. import separable
from ..kernels import Taps, kernels_of
from ..separable import (
    applicable as applicable,
    bands as bands,
    error as error,
    lines_of,
    taps_of,
    unasked as unasked,
)
from ..separable.shape import numbers_of
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
from .shape import Shape, shape_of, work_of


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    return work_of(problem)


def anywhere(problem: Problem) -> bool:
    """Filters longer than the image is high are shortened, and otherwise in its parts."""
    return problem.span[0] <= problem.plane_in[0]


# --- the filter ----------------------------------------------------------------------------------


def prepare(problem: Problem, g: Filter) -> Taps:
    """For each product the column, then the row, in order of addition; read-only."""
    folds = itertools.cycle(folds_of(problem))
    lines = zip(lines_of(problem, g), folds, strict=False)
    return taps_of(problem, g, [fold.of(taps) for taps, fold in lines])


# --- the problem as numbers ----------------------------------------------------------------------


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out: those under the filter are packed for each."""
    return separable.least_band(shortened(problem))


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    shape, short = shape_of(problem), shortened(problem)
    return L.pack(
        geometry(short) | numbers_of(problem, short.filter),
        block=shape.block,
        tile=shape.tile,
        chunk=shape.chunk,
        before=shape.before,
        after=shape.after,
        **_places(short, shape),
    )


def _places(short: Problem, shape: Shape) -> dict[str, int]:
    """Where the parts of scratch begin and how long their rows are; where they end."""
    lanes, line, rank = shape.lanes, shape.line, short.traits.rank
    block_at = up(rank, line)
    sums_at = block_at + max(lanes * lanes, line)
    rows_at = sums_at + up(shape.chunk * lanes, line)
    rows_step = up(up(short.plane[1], shape.chunk), line)
    panel_at = rows_at + lanes * rows_step
    panel_step = odd_lines(shape.tile, short.sums.itemsize)
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


kernels = kernels_of(k.kernel, ends)
