"""Results of a block of rows whose sums are made along these first, then down columns.

What lies inside an image is read where it is, the ends of its rows are packed.
"""

from ...codegen import jit, machine
from ...codegen.packing import rows_alike
from ...codegen.runs import lies_flat
from .across import SCALE, past_caches
from .beside import pack_ends
from .places import pack, table_of
from .results import L, deliver, outside
from .rowwise import LEAVE, SIDES, STORE, STREAM, add_up_rowwise

WORTH = 2 * SIDES[0]  # vectors of a row that are read where they lie, not packed with its ends


@jit.jit()
def _within(layout, off, left, width):
    """The columns whose sums can be read off rows of the image, in whole vectors: [begin, end).

    Counted from ``off`` before the first of ``width``, whose own first pixel is ``left``.
    """
    unit, apart = SIDES[1] * layout[L.lanes], layout[L.dilation_x]
    ahead = layout[L.lanes] * layout[L.reach] + (layout[L.first_x] - 1) * apart
    ahead = max(ahead, layout[L.span_x] - 1)  # of a vector's last column
    begin, end = (max(off, off - left) + unit - 1) // unit * unit, off + width
    last = layout[L.columns_in] - left + off - ahead
    if last // layout[L.lanes] * layout[L.lanes] < end:
        end = begin + max(last - begin, 0) // unit * unit
    return begin, max(begin, end)


@jit.jit(inline="always")
def along_rows(layout):
    """How pixels are added up along rows: the numbers that `rowwise` asks for."""
    apart, first, second = layout[L.dilation_x], layout[L.first_x], layout[L.second_x]
    return apart, first, apart * first, second - 1, apart * first * second, layout[L.rest_x]


@jit.jit()
def _add_up(
    f, line, taps, fill, out, layout, scratch, base, plane, rows, inside, part, slot, target, how,
):  # fmt: skip
    """Sums of a block's ``rows`` = (first, count), by up to three parts of these.

    ``part`` = (off, left, width): columns from a line to the first, that one's first pixel, and how
    many; ``inside``: whether rows can be read where they lie; all else: see `add_up_rowwise`.
    """
    off, left, width = part
    tables = table_of(layout, base, False), table_of(layout, base, True)
    packed, sources, end = base + layout[L.packed_at], base + layout[L.sources_at], off + width
    begin, to = _within(layout, off, left, width) if inside else (end, end)
    if to - begin < WORTH * layout[L.lanes]:
        begin = to = end
    along = along_rows(layout)
    ahead = layout[L.taps_y] * layout[L.dilation_y] * (f.strides[1] // f.itemsize)
    ahead *= layout[L.ahead]
    for some in ((off, begin), (begin, to), (to, end)):
        pixel, columns = left - off + some[0], some[1] - some[0] + layout[L.span_x] - 1
        target_at, step = packed + some[0], layout[L.step]
        pixels, here, table, following = scratch, packed, tables[1], 0
        if some[0] >= some[1]:
            continue
        if some[1] == to and begin < to:
            pixels, here, table, following = line, left - off, tables[0], ahead
        elif inside:
            pack_ends(
                line, scratch, (tables[0], sources), target_at, step, rows[1],
                (pixel, pixel + columns), layout[L.columns_in], outside(layout)[0], ahead, fill[0],
            )  # fmt: skip
        else:
            pack(f, fill, layout, scratch, base, plane, rows, pixel, columns, target_at)
        add_up_rowwise(
            layout[L.reach], pixels, here, scratch, table, (slot, step), out, target, how, some,
            following, taps, along,
        )  # fmt: skip


@jit.jit()
def fill_rowwise(
    f, line, taps, fill, out, layout, scratch, base, plane, rows, inside, part, slot, row, how,
    past,
):  # fmt: skip
    """Results of a block from ``row`` on, and its suffixes; ``past``: whether past the caches.

    ``part`` = (x, width, before): the first column, how many, and those from a line to it; all
    else: see `_add_up`.  Where rows of results begin unlike on lines, sums are left in scratch and
    stored from there, each row by lines of its own: 2000 x 9000 float32 at 15x15 10.1 ms, through
    the caches 15.5 (Zen 4 VM, AVX-512, 2026-11).
    """
    (x, width, before), apart, left = part, layout[L.dilation_y], part[0] - layout[L.lead_x]
    out_row, large = out.strides[1] // out.itemsize, layout[L.large] and machine.FILLS_LINES
    direct = layout[L.stored] and lies_flat(out, scratch)
    alone = direct and large and not rows_alike(out, machine.VECTOR_BYTES)
    sums, step = base + layout[L.down_at], layout[L.step]
    at = plane * (out.strides[0] // out.itemsize) + row * out_row + x
    target = sums, step, LEAVE
    if direct and not alone:
        target = at - before, apart * out_row, STREAM if past else STORE
    _add_up(
        f, line, taps, fill, out, layout, scratch, base, plane, rows, inside,
        (before, left, width), slot, target, how,
    )  # fmt: skip
    ready, turns = how[0] - how[1], 1
    if target[2] != LEAVE:
        return
    if alone:
        ready, turns = 1, ready
    for n in range(turns if ready else 0):
        deliver(
            out, fill[0], taps, SCALE, layout, scratch, base, sums + n * step + before - left,
            (ready, width), plane, row + n * apart, x,
            past_caches(out, scratch, alone, at + n * apart * out_row),
        )  # fmt: skip
