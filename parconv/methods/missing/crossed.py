"""The kernel of `short` where pixels are missing: rows of sums, and beside them those of weights.

Pixels are read as they lie, once for several rows of both; nothing is copied but what lies beyond
the border.  Holes take the same time however many there are, and less where some rows of a panel
have none.
"""

from functools import lru_cache, partial

import numpy as np

from ...codegen import foreign, jit, machine
from ...codegen.layout import OWN, Layout, up
from ...codegen.packing import aligned_after
from ...codegen.runs import has_runs
from ...problem.dtypes import Array
from ...problem.problem import Problem
from .. import short
from ..direct.tile import stores
from ..kernels import kernels_of, with_parts
from ..separable.line import EQUAL
from ..short import kernel as alone
from ..short.down import PAIR, PREFETCH
from .crossing import divide_across, mark_down
from .entering import address_of
from .marking import fetch_truths
from .means import TAIL
from .names import GIVEN, given as with_weights
from .numbers import sum_of_ones
from .weighing import bytes_at, truths_at

# Behind the names of the method's own layout: elements from sums to those of weights; where bytes
# that tell of holes lie, and whether any does of the rows of sums; the place of the numbers behind
# the taps.
L = Layout(
    *alone.L.names, *alone.L.tables, *GIVEN, "beside", "weighted", "omits", "outside", "bits",
    "truths_at", "found_at", "numbers_at",
)  # fmt: skip


@jit.jit(inline="always")
def _lies(f, layout):
    """Whether pixels are read as they lie, and bytes that tell of them."""
    runs = not layout[L.weighted] or layout[L.weights_column] == 1
    return layout[L.reads] == OWN and has_runs(f) and runs


@jit.jit(inline="always")
def _truths(layout, scratch, base):
    size = (layout[L.found_at] - layout[L.truths_at]) * scratch.itemsize
    return bytes_at(scratch, base + layout[L.truths_at], size)


@jit.jit()
def _pack(f, fill, layout, scratch, base, plane, down, across):
    """Rows of the extended image, and bytes that tell of their holes, a byte for each element."""
    alone.pack(f, fill, layout, scratch, base, plane, down, across)
    if layout[L.weighted]:
        truths, found = truths_at(layout, L.weights, scratch), _truths(layout, scratch, base)
        fetch_truths(truths, plane, down, across, found, layout[L.step])


@jit.jit(inline="always")
def _prepare(taps, fill, layout, scratch, base):
    """As `short.kernel` has it; what lies beyond the border may be missing, and is 0 then."""
    constant = alone.prepare(taps, fill, layout, scratch, base)
    every, zero = taps[layout[L.numbers_at] + TAIL], scratch.dtype.type(0)
    scratch[base + layout[L.found_at] + 1] = zero if layout[L.outside] else every
    return zero if layout[L.outside] else constant


@jit.jit()
def _down(f, source, there, taps, layout, scratch, target, size, flags):
    """``size`` = (rows, columns) of sums and of those of weights: whether there is a hole."""
    (at, down), (address, pitch), (to, below), (rows, width) = source, there, target, size
    lanes, column, found = layout[L.lanes], alone.column_of(layout), 0
    how = layout[L.weighted], layout[L.omits]
    # the end is made once more with others, the same bits again
    for x, vectors in ((0, width // lanes), (width - lanes, min(width % lanes, 1))):
        if vectors:
            found |= mark_down(
                f, (at + x, down), (address + x, pitch), taps, column, scratch, (to + x, below),
                layout[L.beside], (rows, vectors), how, flags,
            )  # fmt: skip
    return found


@jit.jit()
def _sum_columns(
    f, out, taps, layout, scratch, packed, lying, inside, corner, sums, target, size, flags
):  # fmt: skip
    """As `short.kernel` has it, and whether there is a hole."""
    base, step = aligned_after(scratch, 0, machine.CACHE_LINE), layout[L.step]
    if inside:
        (plane, row, column), pitch = corner, layout[L.weights_row]
        there = layout[L.weights] + plane * layout[L.weights_plane] + row * pitch + column
        ahead = PREFETCH if layout[L.far] else 0
        found = _down(
            f, lying, (there, pitch), taps, layout, scratch, target, size, flags[1] + ahead
        )  # fmt: skip
    else:
        there = address_of(_truths(layout, scratch, base), packed - base), step
        found = _down(
            scratch, (packed, step), there, taps, layout, scratch, target, size, flags[1]
        )  # fmt: skip
    scratch[base + layout[L.found_at]] = found | layout[L.outside]


@jit.jit(inline="always")
def _fill_beside(scratch, layout, base, row, rows, left, columns, constant):
    """Of weights, too."""
    there, beside = scratch[base + layout[L.found_at] + 1], row + layout[L.beside]
    alone.fill_beside(scratch, layout, base, row, rows, left, columns, constant)
    alone.fill_beside(scratch, layout, base, beside, rows, left, columns, there)


@jit.jit(inline="always")
def _along(taps, layout, scratch, source, out, target, size, flag):
    """Rows of results, of sums over those of weights."""
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    if scratch[base + layout[L.found_at]] == 0:
        alone.along(taps, layout, scratch, source, out, target, size, flag)
        return
    line = layout[L.row_taps], layout[L.taps_x], layout[L.halves_x]
    divide_across(
        scratch, (source[0], source[1], layout[L.dilation_x]), layout[L.beside], taps, line,
        layout[L.numbers_at], out, target, size, flag,
    )  # fmt: skip


@jit.jit(inline="always")
def _inside(f, out, layout, top, bottom):
    """No rows are made at once: what does so is not compiled."""
    return bottom, bottom


@jit.jit(inline="always")
def _whole_rows(f, taps, out, layout, constant, plane, top, bottom):
    """Never reached."""


_across = jit.jit()(with_parts(alone.across, "crossed_across", along=_along))
_rows = jit.jit()(
    with_parts(
        alone.fill_rows, "crossed_rows", _lies=_lies, pack=_pack, _sum_columns=_sum_columns,
        fill_beside=_fill_beside, _across=_across,
    )
)  # fmt: skip
_kernel = with_parts(
    alone.kernel, "crossed", prepare=_prepare, _inside=_inside, _whole_rows=_whole_rows,
    _rows=_rows,
)  # fmt: skip
kernels = kernels_of(_kernel, foreign.ends, stores)


def told(problem: Problem, taps: Array) -> tuple[float, Array]:
    """What weights sum to where all are 1, and a column of these."""
    rows = problem.filter[0]
    every, like = np.add.accumulate(taps[:rows])[-1], taps.copy()
    like[:rows] = 0  # but a column whose sum of ones is exactly that
    like[(rows - 1) // 2 : rows // 2 + 1] = every if rows % 2 else every / 2
    return sum_of_ones(short, problem, like), np.array([every])


def obstacle(problem: Problem) -> str | None:
    """Why the kernel cannot answer the problem; None where it can."""
    missing, kinds = problem.missing, (problem.image_dtype, problem.dtype)
    if missing is None or (missing.weighted and not missing.truths):
        return "weights come with each image"
    if any(kind != problem.sums for kind in kinds):
        return "its images and results are of the type of its sums"
    if short.halves_of(problem) != (EQUAL, EQUAL) or problem.mean:
        return "the column or the row is not the same from both ends, or all taps are equal"
    if problem.filter[0] == PAIR:
        return "two taps may lie apart"
    return None


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    missing, item, line = problem.missing, problem.sums.itemsize, machine.CACHE_LINE
    assert missing
    known = short.described(problem)
    step, weights_at = known["step"], up(known["end"], line)
    truths_at = weights_at + (known["batch"] + 1) * step
    packed = (known["height"] + problem.span[0]) * step + machine.VECTOR_BYTES
    found_at = truths_at + up(-(-packed // item) if missing.weighted else 0, line)
    return L.pack(
        known | {"end": found_at + line},
        **dict.fromkeys(GIVEN, 0),
        ends=0,
        whole=False,
        beside=weights_at - known["sums_at"],
        weighted=missing.weighted,
        omits=missing.omits,
        outside=missing.outside,
        bits=True,
        truths_at=truths_at,
        found_at=found_at,
        numbers_at=sum(problem.filter),
    )


given = partial(with_weights, L)
