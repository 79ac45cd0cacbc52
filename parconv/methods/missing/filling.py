"""Results of a block of rows, holes left out, added up along rows first, then down columns.

Piece after piece of the rows enters short rows of scratch (`clearing.py`), whose numbers and pixels
go down as `windows.rowwise` has it.
"""

from ...codegen import jit, machine
from ...codegen.borders import source_column
from ...codegen.packing import store
from ...codegen.runs import lies_flat
from ..windows.across import PIXELS, SCALE
from ..windows.beside import write_entry
from ..windows.filling import along_rows
from ..windows.places import table_of
from ..windows.results import fill_beside
from ..windows.rowwise import LEAVE, STORE, STREAM
from . import counting
from .clearing import clear, count_rowwise, means_rowwise
from .counting import WORD_BYTES, L, as_words, needed_of, numbers_of, pack
from .weighing import bytes_at

GROUP = machine.VECTOR_BYTES  # columns that are entered together


@jit.jit()
def _place(layout, scratch, base, at, size):
    """Where numbers of so many bytes lie, counted from the beginning of scratch."""
    return (base + layout[at]) * scratch.itemsize // size


@jit.jit(inline="always")
def begin(layout, scratch, base):
    """Once: a row of zeros behind those of a block, and where the short rows begin."""
    counting.begin(layout, scratch, base)
    if layout[L.reach]:
        step = layout[L.step] * (1 + layout[L.wide])
        at = _place(layout, scratch, base, L.suffix_at, 1) + layout[L.taps_y] * step
        bytes_at(scratch, 0, scratch.nbytes)[at : at + step] = 0
        for n in range(layout[L.taps_y]):
            write_entry(scratch, base + layout[L.short_at], n, n * layout[L.short])


@jit.jit()
def _alone(layout, pixel, end):
    """Whether those columns hold all that stand for the ones of them beside the image."""
    size, channels, border = layout[L.columns_in], layout[L.channels], layout[L.border_x]
    first, last = max(pixel, 0), min(end, size)
    enough = max(-pixel, end - size) <= last - first
    for column in (pixel, -1, size, end - 1):  # between them columns follow one another
        if pixel <= column < end and (column < 0 or column >= size):
            source = source_column(column, size, channels, border)
            enough = enough and (source < 0 or first <= source < last)
    return enough


@jit.jit()
def _fill_beside(taps, fill, layout, scratch, base, rows, pixel, piece):
    """What stands for columns beside the image, of those that are entered."""
    size, short, there = 1 + layout[L.wide], layout[L.short], 1 - layout[L.outside]
    constant = scratch.dtype.type(0) if layout[L.outside] else fill[0] * taps[PIXELS]
    row, table = base + layout[L.short_rows_at] + piece[0] - pixel, base + layout[L.sources_at]
    fill_beside(scratch, layout, table, (row, short), rows, pixel, piece[1], constant)
    row = _place(layout, scratch, base, L.ones_at, size) + piece[0] - pixel
    table *= scratch.itemsize // size
    if layout[L.wide]:
        fill_beside(as_words(scratch), layout, table, (row, short), rows, pixel, piece[1], there)
    else:
        every = bytes_at(scratch, 0, scratch.nbytes)
        fill_beside(every, layout, table, (row, short), rows, pixel, piece[1], there)


@jit.jit()
def _enter(f, line, taps, fill, layout, scratch, base, plane, rows, lies, pixel, piece):
    """Pixels of a block's rows under some columns, ``piece`` = (first, count), from ``pixel`` on.

    ``lies``: whether the rows lie in the image.
    """
    flags = layout[L.weighted], layout[L.omits], layout[L.wide]
    short, end, size = base + layout[L.short_at], pixel + piece[1], layout[L.columns_in]
    to = base + layout[L.short_rows_at] + piece[0]
    ones = _place(layout, scratch, base, L.ones_at, 1 + layout[L.wide]) + piece[0]
    if lies and _alone(layout, pixel, end):
        first = max(pixel, 0)
        whole = (min(end, size) - first + GROUP - 1) // GROUP * GROUP
        tables = table_of(layout, base, False), base + layout[L.truths_at], short
        clear(
            line, first, scratch, tables,
            layout[L.weights] + first, (to + first - pixel, ones + first - pixel),
            (rows[1], min(whole, size - first)), taps, flags,
        )  # fmt: skip
        if pixel < 0 or end > size:
            _fill_beside(taps, fill, layout, scratch, base, rows[1], pixel, piece)
        return
    table, source = table_of(layout, base, True), base + layout[L.packed_at]
    pack(f, fill, layout, scratch, base, plane, rows, pixel, piece[1], source)
    found = numbers_of(layout, scratch, base).ctypes.data + source - base
    clear(
        scratch, source, scratch, (table, table, short), found, (to, ones), (rows[1], piece[1]),
        taps, flags,
    )  # fmt: skip


@jit.jit(inline="always")
def _there_along(layout):
    """How numbers are added up along rows, as `along_rows` has it."""
    apart, first, second = layout[L.dilation_x], layout[L.first_there], layout[L.second_there]
    return apart, first, apart * first, second - 1, apart * first * second, layout[L.rest_there]


@jit.jit()
def fill_rowwise(
    f, line, taps, fill, out, layout, scratch, base, plane, rows, inside, part, slot, row, how,
    past,
):  # fmt: skip
    """As `windows.filling` has it; what ``out`` cannot take leaves scratch as results."""
    (x, width, off), apart, left = part, layout[L.dilation_y], part[0] - layout[L.lead_x]
    step, short, down = layout[L.step], layout[L.short], base + layout[L.down_at]
    target = down, step, LEAVE
    if layout[L.stored] and lies_flat(out, scratch):
        out_row, at = out.strides[1] // out.itemsize, plane * (out.strides[0] // out.itemsize)
        target = at + row * out_row + x - off, apart * out_row, STREAM if past else STORE
    block = layout[L.taps_y] * apart * layout[L.ahead] * inside
    ahead = block * (f.strides[1] // f.itemsize), block * layout[L.weights_row]
    tables = table_of(layout, base, False), base + layout[L.truths_at]
    total, size = scratch.dtype.type(layout[L.counts]), 1 + layout[L.wide]
    made, needed = (short, SCALE, total), needed_of(taps, SCALE, total)
    suffix = _place(layout, scratch, base, L.suffix_at, size) + slot - base
    end, unit, table = off + width, layout[L.piece], base + layout[L.short_at]
    for n in range(off // unit, (end + unit - 1) // unit):
        columns = max(n * unit, off), min((n + 1) * unit, end)
        here = columns[0] % GROUP
        piece, zero = (here, columns[1] - columns[0] + layout[L.span_x] - 1), columns[0] - here
        _enter(
            f, line, taps, fill, layout, scratch, base, plane, rows, inside,
            left - off + columns[0], piece,
        )  # fmt: skip
        counts = _place(layout, scratch, base, L.counts_at, WORD_BYTES) - zero
        count_rowwise(
            layout[L.reach_there], layout[L.wide], scratch,
            _place(layout, scratch, base, L.ones_at, size) - zero, table, (suffix, step),
            (counts, short), how, columns, _there_along(layout), needed,
        )  # fmt: skip
        means_rowwise(
            layout[L.reach], scratch, base + layout[L.short_rows_at] - zero, table, (slot, step),
            out, target, how, columns, along_rows(layout), taps, (counts, *made), line, left - off,
            tables, ahead, layout[L.weights] + left - off,
        )  # fmt: skip
    if target[2] == LEAVE and how[0] > how[1]:
        store(
            scratch, (down + off, step, 0), out, layout[L.writes], (plane,),
            (row, apart, how[0] - how[1]), (x, 1, width),
        )  # fmt: skip
