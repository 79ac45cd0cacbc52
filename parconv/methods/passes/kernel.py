"""The kernel of the passes: a block of rows down all columns, then across them.

The rows under a block are packed into a panel of columns: element type converted, the border of the
rows applied.  From it the column factors make strips of sums, as many rows high as a vector has
lanes, turned so that a strip's column is a vector.  What lies left and right of the image is copied
from those columns, as the border says; then the row factors run along the strips, whose sums are
turned back and stored.  Rows that a dilation separates are walked one phase after another.

`layout` describes the problem to compiled code as int64 numbers, indexed by the names below.
"""

from ...codegen import jit, machine
from ...codegen.borders import CONSTANT, source_column, source_index
from ...codegen.elements import read, write
from ...codegen.runs import convert_run, has_runs
from ..separable.line import RUN, line, scale_vectors
from ..separable.turn import turn

FIELDS = (
    ROWS_OUT, COLUMNS_OUT, ROWS_IN, COLUMNS_IN, LEAD_Y, LEAD_X, DILATION_Y, DILATION_X, TAPS_Y,
    TAPS_X, BORDER_Y, BORDER_X, CHANNELS, PRODUCTS, HALVES_Y, HALVES_X, KEPT_Y, KEPT_X, SCALED,
    LANES, BLOCK, TILE, CHUNK, BEFORE, AFTER, CONSTANTS_AT, BLOCK_AT, SUMS_AT, ROWS_AT, ROWS_STEP,
    PANEL_AT, PANEL_STEP, TURNED_AT, STRIP_STEP, PRODUCT_STEP, END,
) = range(36)  # fmt: skip


@jit.jit()
def _pack(f, fill, layout, scratch, at, plane, y, rows, x, columns):
    """``rows`` rows from row ``y`` on, a dilation apart, of ``columns`` pixels from ``x`` on."""
    flat, image_row = has_runs(f), f.strides[1] // f.itemsize
    first = plane * (f.strides[0] // f.itemsize) + x
    for n in range(rows):
        row = source_index(y + n * layout[DILATION_Y], layout[ROWS_IN], layout[BORDER_Y])
        target = at + n * layout[PANEL_STEP]
        if row < 0:
            for column in range(columns):
                scratch[target + column] = fill[0]
        elif flat:
            convert_run(f, first + row * image_row, scratch, target, columns)
        else:
            for column in range(columns):
                scratch[target + column] = read(f, (plane, row, x + column), 0, scratch)


@jit.jit()
def _column_sums(taps, layout, scratch, at, product, target):
    """The column factor of a product over a strip of one vector's columns."""
    lanes, both = layout[LANES], layout[KEPT_Y] + layout[KEPT_X]
    factor = product * both, layout[TAPS_Y], layout[HALVES_Y]
    blocks = lanes // min(RUN, lanes)
    line(scratch, at, layout[PANEL_STEP], taps, factor, target, lanes, 0, blocks)


@jit.jit()
def _set_constants(taps, fill, layout, scratch, base):
    """What the column factors make of the border's constant, wherever it lies."""
    panel, block = base + layout[PANEL_AT], base + layout[BLOCK_AT]
    for n in range(layout[TAPS_Y] - 1 + layout[LANES]):
        for lane in range(layout[LANES]):
            scratch[panel + n * layout[PANEL_STEP] + lane] = fill[0]
    for product in range(layout[PRODUCTS]):
        _column_sums(taps, layout, scratch, panel, product, block)
        scratch[base + layout[CONSTANTS_AT] + product] = scratch[block]


@jit.jit()
def _down(f, taps, fill, layout, scratch, base, plane, y, height):
    """The column factors over ``height`` rows of all columns, turned."""
    lanes = layout[LANES]
    block, panel = base + layout[BLOCK_AT], base + layout[PANEL_AT]
    first = base + layout[TURNED_AT] + layout[BEFORE] * lanes
    rows = height + layout[TAPS_Y] - 1
    for x in range(0, layout[COLUMNS_IN], layout[TILE]):
        columns = min(layout[TILE], layout[COLUMNS_IN] - x)
        _pack(f, fill, layout, scratch, panel, plane, y - layout[LEAD_Y], rows, x, columns)
        for column in range(0, columns, lanes):
            for strip in range((height + lanes - 1) // lanes):
                for product in range(layout[PRODUCTS]):
                    at = panel + strip * lanes * layout[PANEL_STEP] + column
                    target = first + strip * layout[STRIP_STEP] + product * layout[PRODUCT_STEP]
                    _column_sums(taps, layout, scratch, at, product, block)
                    turn(scratch, block, target + (x + column) * lanes, lanes)


@jit.jit()
def _around(layout, scratch, base, height):
    """What lies left and right of the image, of each strip and product."""
    lanes, size = layout[LANES], layout[COLUMNS_IN]
    strips = (height + lanes - 1) // lanes
    for outside in range(layout[BEFORE] + layout[AFTER]):
        place = outside if outside < layout[BEFORE] else outside + size
        column = source_column(place - layout[BEFORE], size, layout[CHANNELS], layout[BORDER_X])
        for product in range(layout[PRODUCTS]):
            constant = scratch[base + layout[CONSTANTS_AT] + product]
            for strip in range(strips):
                at = base + layout[TURNED_AT] + strip * layout[STRIP_STEP]
                at += product * layout[PRODUCT_STEP]
                if column < 0:
                    for lane in range(lanes):
                        scratch[at + place * lanes + lane] = constant
                else:
                    source = at + (layout[BEFORE] + column) * lanes
                    convert_run(scratch, source, scratch, at + place * lanes, lanes)


@jit.jit()
def _across(taps, layout, scratch, base, strip):
    """The row factors over a strip, turned back to rows."""
    lanes, chunk, spread = layout[LANES], layout[CHUNK], layout[DILATION_X]
    sums, rows = base + layout[SUMS_AT], base + layout[ROWS_AT]
    both, blocks = layout[KEPT_Y] + layout[KEPT_X], lanes // min(RUN, lanes)
    first = base + layout[TURNED_AT] + strip * layout[STRIP_STEP]
    first += (layout[BEFORE] - layout[LEAD_X]) * lanes
    for column in range(0, layout[COLUMNS_OUT], chunk):
        for phase in range(spread):
            for product in range(layout[PRODUCTS]):
                source = first + product * layout[PRODUCT_STEP] + (column + phase) * lanes
                line(
                    scratch, source, spread * lanes, taps,
                    (product * both + layout[KEPT_Y], layout[TAPS_X], layout[HALVES_X]),
                    sums + phase * lanes, spread * lanes, product, blocks,
                )  # fmt: skip
        if layout[SCALED]:
            scale_vectors(scratch, sums, chunk, taps, layout[PRODUCTS] * both)
        for part in range(0, chunk, lanes):
            turn(scratch, sums + part * lanes, rows + column + part, layout[ROWS_STEP])


@jit.jit()
def _store(out, layout, scratch, base, plane, y, height):
    """Convert and store rows of sums."""
    flat, width = has_runs(out), layout[COLUMNS_OUT]
    first, out_row = plane * (out.strides[0] // out.itemsize), out.strides[1] // out.itemsize
    for n in range(height):
        at, row = base + layout[ROWS_AT] + n * layout[ROWS_STEP], y + n * layout[DILATION_Y]
        if flat:
            convert_run(scratch, at, out, first + row * out_row, width)
        else:
            for column in range(width):
                value = scratch[at + column]
                write(out, (plane, row, column), value, scratch.dtype.type(0))


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    base = -(scratch.ctypes.data // scratch.itemsize) % (machine.CACHE_LINE // scratch.itemsize)
    lanes, step = layout[LANES], layout[DILATION_Y]
    if layout[BORDER_X] == CONSTANT:
        _set_constants(taps, fill, layout, scratch, base)
    while start < stop:
        plane, top = start // layout[ROWS_OUT], start % layout[ROWS_OUT]
        bottom = min(layout[ROWS_OUT], top + stop - start)
        start += bottom - top
        for phase in range(top, min(top + step, bottom)):
            for y in range(phase, bottom, layout[BLOCK] * step):
                height = min(layout[BLOCK], (bottom - y + step - 1) // step)
                _down(f, taps, fill, layout, scratch, base, plane, y, height)
                _around(layout, scratch, base, height)
                for strip in range((height + lanes - 1) // lanes):
                    _across(taps, layout, scratch, base, strip)
                    first = strip * lanes
                    rows = min(lanes, height - first)
                    _store(out, layout, scratch, base, plane, y + first * step, rows)
