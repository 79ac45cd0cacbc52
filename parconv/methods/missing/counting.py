"""What `windowed` does with a row: it is packed, it enters its block, results are made of sums.

Pixels enter their block as 0 where they are holes, and a number of each column tells how many of
its last rows are holes.  The sums of these along the row, in the steps in which the columns' sums
are added up, tell what is missing of each result, which the last step of both makes and divides.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.np.arrayobj import populate_array

from ...codegen import jit
from ...codegen.emitted import Items, Value, emitted
from ...codegen.layout import Layout
from ...codegen.packing import fetch, put, store
from ...codegen.simd import I64
from ..windows.across import PIXELS, by_steps
from ..windows.results import L as ALONE, fill_beside
from .entering import address_of, enter_counted, widen
from .holes import clear
from .marking import fetch_truths
from .names import GIVEN
from .summing import share_and_enter, share_sums
from .targets import ends_of, place_of
from .weighing import bytes_at, truths_at

NUMBERS = types.Array(types.uint16, 1, "C")
NUMBER_BYTES = 2
# Behind the names of the method's own layout: whether a row enters its block while results are
# made; how many taps there are; elements of scratch from a block's first row to its marks, from one
# row of these to the next; to the numbers of a row's first column, and between rows of numbers; to
# the bytes of a row that is packed.
L = Layout(
    *ALONE.names, *GIVEN, "turns", "weighted", "omits", "bits", "counts", "marks_at", "marks_step",
    "numbers_at", "before", "numbers_step", "truths_at",
)  # fmt: skip


@emitted(NUMBERS)
def _as_numbers(builder: Any, scratch: Items) -> Value:
    """All of scratch as numbers of 16 bits."""
    found = scratch.context.make_array(NUMBERS)(scratch.context, builder)
    data = builder.bitcast(scratch.at(), ir.IntType(16).as_pointer())
    size = I64(NUMBER_BYTES)
    count = builder.mul(scratch.each("shape")[0], I64(scratch.itemsize // NUMBER_BYTES))
    populate_array(found, data, [count], [size], size, None)
    return found._getvalue()


@jit.jit(inline="always")
def _counted(layout, scratch, base, slot, seen):
    """Addresses of what tells of a row's holes; places of its block's marks, and of the numbers."""
    row, (plane, source, first) = (slot - base) // layout[L.step], seen
    there = address_of(scratch, base + layout[L.truths_at])
    if source >= 0 and layout[L.weights_column] == 1:
        there = layout[L.weights] + plane * layout[L.weights_plane] + first
        there += source * layout[L.weights_row]
    marks = base + layout[L.marks_at] + row * layout[L.marks_step]
    return there, marks, base + layout[L.numbers_at]


@jit.jit()
def _pack_truths(layout, scratch, base, plane, row, left, columns):
    """Bytes that tell of a row's holes, border applied."""
    found = bytes_at(scratch, base + layout[L.truths_at], columns)
    border = left, 1, columns, layout[L.columns_in], layout[L.channels], layout[L.border_x]
    down = row, 1, 1, layout[L.rows_in], 1, layout[L.border_y]
    truths = truths_at(layout, L.weights, scratch)
    fetch_truths(truths, plane, down, border, found, 0)


@jit.jit()
def pack(f, fill, layout, scratch, base, plane, row, left, columns, target):
    """That row of the extended image, border applied, and what tells of its holes."""
    if layout[L.weighted]:
        _pack_truths(layout, scratch, base, plane, row, left, columns)
    border = left, 1, columns, layout[L.columns_in], layout[L.channels], layout[L.border_x]
    down = row, 1, 1, layout[L.rows_in], 1, layout[L.border_y]
    fetch(f, layout[L.reads], (plane,), down, border, fill, scratch, (target, 0, 0), True, True)


@jit.jit(inline="always")
def begin(layout, scratch, base, columns):
    """Before the first row of a tile: no row was seen yet, and one of zeros lies behind a block."""
    zeros = base + layout[L.taps_y] * layout[L.step]
    put(scratch, zeros, 1, columns, scratch.dtype.type(0))
    clear(scratch, base + layout[L.marks_at], layout[L.taps_y] * layout[L.marks_step])
    clear(scratch, base + layout[L.numbers_at] - layout[L.before], layout[L.numbers_step])


@jit.jit(inline="always")
def take(layout, pixels, at, taps, scratch, base, places, columns, window, seen):
    """So many ``columns``, (first, count), of a row enter its block.

    ``places``: of the row in the block, of the prefix before it and with it; ``window``: where the
    suffix begins, or -1, and the sums; ``seen`` = plane, row of the image or -1 where it is packed,
    and column of the first pixel.
    """
    weight, how = taps[PIXELS], (layout[L.weighted], layout[L.omits])
    if layout[L.weighted] and seen[1] >= 0 and layout[L.weights_column] != 1:
        _pack_truths(layout, scratch, base, *seen, columns[1])
    counted = _counted(layout, scratch, base, places[0], seen)
    if window[0] < 0:
        enter_counted(pixels, at, weight, scratch, places, columns, how, counted)
        return
    enter_counted(pixels, at, weight, scratch, (*places, *window), columns, how, counted)
    if not layout[L.turns]:
        _keep(layout, scratch, base, (window[1] - base - layout[L.down_at]) // layout[L.step])


@jit.jit(inline="always")
def _keep(layout, scratch, base, row):
    """Numbers of columns as they are, for the ``row``-th of those that are delivered together."""
    step, each = layout[L.numbers_step], scratch.itemsize // NUMBER_BYTES
    at, columns = base + layout[L.numbers_at], (step - 2 * layout[L.before]) * each
    widen(scratch, at, at + (1 + row) * step, columns)


@jit.jit()
def _holes(layout, scratch, base, left, first, size, constant):
    """Numbers of holes in all steps along rows of results but the last; what that adds up."""
    numbers, each = _as_numbers(scratch), scratch.itemsize // NUMBER_BYTES
    (rows, width), step = size, layout[L.numbers_step]
    row, kind = base + layout[L.numbers_at] + step, layout[L.batch] * step
    columns, parts = row * each - first, ((row + kind) * each, (row + 2 * kind) * each)
    if layout[L.beside]:
        table, across = (base + layout[L.sources_at]) * each, width + layout[L.span_x] - 1
        fill_beside(numbers, layout, table, (columns, step * each), rows, left, across, constant)
    steps = layout[L.first_x], layout[L.second_x], layout[L.third_x], layout[L.rest_x]
    how, source = (layout[L.dilation_x], *steps), (columns + left, step * each)
    here, hop, count, more = by_steps(numbers, source, parts, how, rows, width)
    return here, hop, count, more, how[0], how[4]


@jit.jit()
def _below(places, step):
    """What the last step adds up, a row further down."""
    return places[0] + step, *places[1:3], places[3] + step, *places[4:]


@jit.jit()
def deliver(
    out, constant, taps, scale, layout, scratch, base, row_at, size, plane, row, x, flags, line,
    entering,
):  # fmt: skip
    """Results from rows of sums as `windows.results` delivers them, then divided.

    ``entering``: places of the row that enters its block meanwhile, in ``line`` and in scratch, or
    -1, and which row that is; what is returned is of how many columns it did.
    """
    (rows, width), left, step = size, x - layout[L.lead_x], layout[L.step]
    first, beyond, lacks = left, constant, 0
    if layout[L.turns]:
        _keep(layout, scratch, base, 0)
    if constant != constant:  # what lies beyond the border is missing
        beyond, lacks = scratch.dtype.type(0), layout[L.taps_y]
    if layout[L.beside]:
        first, table = max(left, 0), base + layout[L.sources_at]
        columns = width + layout[L.span_x] - 1
        fill_beside(scratch, layout, table, (row_at, step), rows, left, columns, beyond)
    steps = layout[L.first_x], layout[L.second_x], layout[L.third_x], layout[L.rest_x]
    parts, sums = (base + layout[L.part_at], base + layout[L.again_at]), base + layout[L.across_at]
    how, scales = (layout[L.dilation_x], *steps), (taps[scale], taps[scale + 1])
    here, hop, count, more = by_steps(scratch, (row_at + left, step), parts, how, rows, width)
    pixels, holes = (
        (here, hop, count, more, how[0], how[4]),
        _holes(layout, scratch, base, left, first, size, lacks),
    )
    number = scratch.dtype.type(layout[L.counts])
    total, least, nothing = taps[scale + 2], taps[scale + 4], taps[scale + 5]
    needed = max(least / abs(total) * number, scratch.dtype.type(0.5))
    numbers, ends = (number, needed, nothing, needed), (layout[L.writes], layout[L.large])
    flat, streams, skip = ends_of(out, (*ends, layout[L.lanes]), (plane, row, x), width)
    if flat and entering[0] >= 0:  # then there is one row
        end = place_of(out, plane, row, x)
        share_and_enter(
            scratch, pixels, holes, scales, numbers, out, end, (width, skip), streams, line,
            entering[:6], taps[PIXELS], (layout[L.weighted], layout[L.omits]),
            _counted(layout, scratch, base, entering[1], (plane, entering[6], first)),
        )  # fmt: skip
        return (width - skip) // layout[L.lanes] * layout[L.lanes]
    for n in range(rows):
        if flat:
            end = place_of(out, plane, row + n, x)
            share_sums(
                scratch, pixels, holes, scales, numbers, out, end, (width, skip), streams
            )  # fmt: skip
        else:
            end = sums + n * step
            share_sums(scratch, pixels, holes, scales, numbers, scratch, end, (width, 0), 0)
        pixels = _below(pixels, step)
        holes = _below(holes, layout[L.numbers_step] * (scratch.itemsize // NUMBER_BYTES))
    if not flat:
        down, right = (row, 1, rows), (x, 1, width)
        store(scratch, (sums, step, 0), out, layout[L.writes], (plane,), down, right)
    return 0
