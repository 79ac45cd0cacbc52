"""The kernel of `windows` over images of which NaN is missing: holes under each sum are counted.

Some rows at a time are copied to scratch, their holes as 0 and as bits, from where each enters its
block as any row does.  How many holes a window's rows have is known for each column, and their sums
along the row tell what is missing of each result, which is divided on its way out.  Such numbers
are exact, so no pixel is weak.
"""

import math
from functools import lru_cache

import numpy as np

from ...codegen import foreign, jit
from ...codegen.layout import OWN, Layout, odd_lines, up
from ...codegen.packing import store
from ...codegen.runs import convert_run
from ...problem.dtypes import Array
from ...problem.problem import Problem
from .. import windows
from ..direct.tile import stores
from ..kernels import kernels_of, with_parts
from ..usual import lanes_of
from ..windows import kernel as alone
from ..windows.across import across, seen_as
from ..windows.results import L as ALONE
from .counts import add_row, along
from .holes import clear, group_of
from .marking import marked
from .names import L as H
from .quotients import share_row
from .targets import ends_of, place_of
from .weighing import truths_at

# Behind the names of the method's own layout: where the layout of holes begins, by whose names the
# functions of blocks know theirs, and where in scratch what it tells of.
L = Layout(*ALONE.names, "own_at", tables=("holes",))
READ_APART = 1  # who reads the image: no row is read in place
ROWS_BYTES = 1 << 16  # of rows that are copied at a time


@jit.jit()
def _pack(f, fill, layout, scratch, base, plane, row, left, columns, target, turn):
    """Some rows at a time, and how many of the last ``taps_y`` are missing in each column."""
    (n, last), own, zero = turn, layout[layout[L.holes] :], scratch.dtype.type(0)
    at, step = base + layout[L.own_at], own[H.bits_step]
    group, counts, known = own[H.height], at + own[H.weights_at], at + own[H.list_at]
    if n == 0:
        clear(scratch, counts, own[H.counts_step])
        clear(scratch, known, layout[L.taps_y] * step)
    if n % group == 0:
        down = row, 1, min(group, last + 1 - n), layout[L.rows_in], 1, layout[L.border_y]
        right = left, 1, columns, layout[L.columns_in], layout[L.channels], layout[L.border_x]
        truths = truths_at(own, H.weights, scratch)
        marked(f, truths, fill, own, scratch[at:], plane, down, right, 0, zero)
    bits = at + own[H.bits_at] + n % group * step
    old = known + n % layout[L.taps_y] * step
    add_row(scratch, bits, counts, columns, 0)
    add_row(scratch, old, counts, columns, 1)
    convert_run(scratch, bits, scratch, old, step)
    return at + n % group * own[H.step]


@jit.jit()
def _deliver(
    out, constant, taps, scale, layout, scratch, base, row_at, size, plane, row, x, flags, line,
    entering,
):  # fmt: skip
    """One row of results."""
    width, own, left = size[1], layout[layout[L.holes] :], x - layout[L.lead_x]
    at, step, number = base + layout[L.own_at], layout[L.step], scratch.dtype.type(own[H.counts])
    steps = layout[L.first_x], layout[L.second_x], layout[L.third_x], layout[L.rest_x]
    parts, sums = (base + layout[L.part_at], base + layout[L.again_at]), base + layout[L.across_at]
    across(
        taps, scale, scratch, (row_at + left, step), parts, (layout[L.dilation_x], *steps), out,
        (-1, 0), (seen_as(scratch, sums, taps), step), size, flags, line, entering,
    )  # fmt: skip
    holes = along(own, scratch, at + own[H.weights_at], width + layout[L.span_x] - 1)
    total, least, nothing = taps[scale + 2], taps[scale + 4], taps[scale + 5]
    needed = max(least / abs(total) * number, scratch.dtype.type(0.5))
    numbers = number, needed, nothing, needed
    flat, streams, skip = ends_of(out, own, (plane, row, x), width)
    if flat:
        end = place_of(out, plane, row, x)
        share_row(scratch, (sums, holes), numbers, out, end, (width, skip), (0, streams))
    else:
        share_row(scratch, (sums, holes), numbers, scratch, at, (width, 0), (0, 0))
        store(scratch, (at, 0, 0), out, layout[L.writes], (plane,), (row, 1, 1), (x, 1, width))
    return 0


_kernel = with_parts(alone.kernel, "windowed", pack=_pack, deliver=_deliver)
kernels = kernels_of(_kernel, foreign.ends, stores)


def obstacle(problem: Problem) -> str | None:
    """Why the kernel cannot answer the problem; None where it can."""
    missing, kinds = problem.missing, (problem.image_dtype, problem.dtype)
    if missing is None or missing.weighted:
        return "weights come with each image"
    if problem.dilation[0] > 1 or any(kind != problem.sums for kind in kinds):
        return "it copies rows that follow one another, of the type of its sums"
    if math.prod(problem.filter) >= 1 << 16:
        return "16 bits do not count so many taps"
    return None


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    known, missing = windows.every(problem), problem.missing
    assert missing
    known |= {"beside": False, "turns": False, "batch": 1, "reads": READ_APART}
    places, end = _places(problem, known["tile"] + problem.span[1] - 1)
    own = {
        **dict.fromkeys(H.names, 0), "large": known["large"], "lanes": lanes_of(problem),
        "omits": True, "reads": OWN, "counts": math.prod(problem.filter),
        "taps_x": problem.filter[1], "dilation_x": problem.dilation[1], **places,
    }  # fmt: skip
    known |= {"own_at": known["end"], "end": known["end"] + end}
    return L.pack(known, holes=H.pack(own, units=[], layouts=[]))


def _places(problem: Problem, columns: int) -> tuple[dict[str, int], int]:
    """Where what is of so many columns of holes begins, behind rows of pixels; where it ends."""
    item, vector = problem.sums.itemsize, group_of(lanes_of(problem))
    step = odd_lines(columns + 2 * vector, item)
    height = max(1, ROWS_BYTES // (step * item))
    bits_step = (up(columns + vector, 64) // 64 + 1) * 8 // item
    counts_step = odd_lines((columns + problem.span[1]) * 2 // item + 4 * vector, item)
    sizes = {
        "lines_at": height * step, "bits_at": 2 * height * step, "list_at": height * bits_step,
        "weights_at": problem.filter[0] * bits_step, "end": 3 * counts_step,
    }  # fmt: skip
    places = np.cumsum([up(size, 64) for size in sizes.values()]).tolist()
    found = dict(zip(sizes, places, strict=True))
    end = found.pop("end")
    return found | {
        "step": step, "height": height, "group": height, "bits_step": bits_step,
        "counts_step": counts_step,
    }, end  # fmt: skip
