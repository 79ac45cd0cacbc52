"""The kernel of the FFT method: rows of output from pairs of transformed windows.

`layout` describes the problem to compiled code as int64 numbers, indexed by the names below.
"""

import numpy as np

from ... import jit, machine
from ...borders import source_column, source_index
from ...simd import store_fence
from ..direct.elements import convert_run, has_runs, lies_flat, read, write
from .passes import FIRST, FORWARD, INVERSE, LAST, MULTIPLY, TURN, TURN_BACK, run_pass
from .rows import all_finite, correlate_window, fetch_row, stream_row
from .spectrum import BIG

FIELDS = (
    ROWS_OUT, COLUMNS_OUT, ROWS_IN, COLUMNS_IN, LEAD_Y, LEAD_X, BORDER_Y, BORDER_X, LARGE, LANES,
    SIZE, STEP_Y, STEP_X, TILES_Y, TILES_X, TILES, NEEDED_Y, NEEDED_X, GROUPS,
    ROW_STEP, WINDOW, COLUMN_AT, TURNED_AT, BLOCK_STEP, TAPS, TAPS_AT, OFFSETS_AT, PASSES,
    CHANNELS,
) = range(29)  # fmt: skip
# Then the passes but the last: radix, butterflies of a block, blocks, place of twiddle factors.
# `_transform` and `_repair` are inlined: a function of its own would compile the passes once more.
PASS, PASSES_AT = 4, len(FIELDS)
AHEAD = 8  # rows fetched ahead of the one that is copied: hardware does not foresee short rows


@jit.jit()
def _pack(f, fill, layout, scratch, window, tile):
    """The window of a tile, border applied; zeros where there is no such tile."""
    nx, ny, row_step = layout[TILES_X], layout[TILES_Y], layout[ROW_STEP]
    rows, columns, size = layout[NEEDED_Y], layout[NEEDED_X], layout[COLUMNS_IN]
    row, plane = tile // nx, tile // (nx * ny)
    top = row % ny * layout[STEP_Y] - layout[LEAD_Y]
    left = tile % nx * layout[STEP_X] - layout[LEAD_X]
    exists = tile < layout[TILES]
    first = min(max(-left, 0), columns)
    last = max(min(size - left, columns), first)
    flat = has_runs(f)
    image_row = f.strides[1] // f.itemsize
    source = plane * (f.strides[0] // f.itemsize) + left + first
    prefetch = exists and layout[LARGE] != 0
    for y in range(rows):
        at = window + y * row_step
        pixel = source_index(top + y, layout[ROWS_IN], layout[BORDER_Y]) if exists else -1
        if prefetch:
            fetch_row(f, source + (top + y + AHEAD) * image_row, last - first)
        if pixel < 0:
            value = fill[0] if exists else scratch.dtype.type(0)
            for x in range(columns):
                scratch[at + x] = value
            continue
        if flat:
            convert_run(f, source + pixel * image_row, scratch, at + first, last - first)
        else:
            for x in range(first, last):
                scratch[at + x] = read(f, (plane, pixel, left + x), 0, scratch)
    if not exists:
        return
    for outside in range(columns - (last - first)):
        x = outside if outside < first else outside + last - first
        pixel = source_column(left + x, size, layout[CHANNELS], layout[BORDER_X])
        for y in range(rows):
            row = source_index(top + y, layout[ROWS_IN], layout[BORDER_Y])
            if row >= 0:
                at = window + y * row_step + x
                if pixel >= 0:
                    scratch[at] = read(f, (plane, row, pixel), 0, scratch)
                else:
                    scratch[at] = fill[0]


@jit.jit(inline="always")
def _transform(taps, fill, layout, scratch, base):
    """Both windows correlated: forward along columns, along rows and back, back along columns.

    False where a result is NaN or infinite: it is, whatever the frequency, if a pixel or a sum on
    the way was.
    """
    size, groups, row, window = layout[SIZE], layout[GROUPS], layout[ROW_STEP], layout[WINDOW]
    lanes, block, cells = layout[LANES], layout[BLOCK_STEP], base + layout[COLUMN_AT]
    turned, cell, none = base + layout[TURNED_AT], 2 * layout[LANES], np.int64(0)
    radix, count, table = layout[PASSES_AT], layout[PASSES_AT + 1], layout[PASSES_AT + 3]
    second, end = PASSES_AT + PASS, PASSES_AT + PASS * layout[PASSES]
    for group in range(groups):
        strip, target = base + group * lanes, turned + group * lanes * cell
        run_pass(FIRST, radix, scratch, strip, cells, fill, table, (count, row, window, none))
        for n in range(second, end, PASS):
            sizes = (layout[n + 1], layout[n + 2], none, none)
            run_pass(FORWARD, layout[n], scratch, cells, cells, fill, layout[n + 3], sizes)
        run_pass(TURN, BIG, scratch, cells, target, fill, none, (size, block, none, none))
    for group in range(groups):
        at, spectrum = turned + group * block, group * size * cell
        for n in range(PASSES_AT, end, PASS):
            sizes = (layout[n + 1], layout[n + 2], none, none)
            run_pass(FORWARD, layout[n], scratch, at, at, fill, layout[n + 3], sizes)
        run_pass(MULTIPLY, BIG, scratch, at, at, taps, spectrum, (size, none, none, none))
        for n in range(end - PASS, PASSES_AT - 1, -PASS):
            sizes = (layout[n + 1], layout[n + 2], none, none)
            run_pass(INVERSE, layout[n], scratch, at, at, fill, layout[n + 3], sizes)
    for lane in range(lanes):
        scratch[cells - lanes + lane] = 0
    for group in range((layout[STEP_X] + lanes - 1) // lanes):
        strip, source = base + group * lanes, turned + group * lanes * cell
        run_pass(TURN_BACK, BIG, scratch, source, cells, fill, none, (size, block, none, none))
        for n in range(end - PASS, second - 1, -PASS):
            sizes = (layout[n + 1], layout[n + 2], none, none)
            run_pass(INVERSE, layout[n], scratch, cells, cells, fill, layout[n + 3], sizes)
        sizes = (count, row, window, layout[STEP_Y])
        run_pass(LAST, radix, scratch, cells, strip, fill, table, sizes)
    return all_finite(scratch, cells - lanes, lanes, 1, lanes)


@jit.jit()
def _deliver(out, layout, scratch, window, tile, start, stop):
    """The rows of a tile's result that lie in the band."""
    nx, ny, rows = layout[TILES_X], layout[TILES_Y], layout[ROWS_OUT]
    if tile >= layout[TILES]:
        return
    plane, top, x = tile // (nx * ny), tile // nx % ny * layout[STEP_Y], tile % nx * layout[STEP_X]
    before = plane * rows
    bottom = min(top + layout[STEP_Y], rows, stop - before)
    width = min(layout[STEP_X], layout[COLUMNS_OUT] - x)
    out_row, runs = out.strides[1] // out.itemsize, has_runs(out)
    stream = layout[LARGE] != 0 and lies_flat(out, scratch)
    for y in range(max(top, start - before), bottom):
        at = window + (y - top) * layout[ROW_STEP]
        target = plane * (out.strides[0] // out.itemsize) + y * out_row + x
        if stream:
            stream_row(scratch, at, out, target, width)
        elif runs:
            convert_run(scratch, at, out, target, width)
        else:
            for column in range(width):
                value = scratch[at + column]
                write(out, (plane, y, x + column), value, scratch.dtype.type(0))


@jit.jit()
def _is_finite(layout, scratch, window):
    return all_finite(scratch, window, layout[ROW_STEP], layout[NEEDED_Y], layout[NEEDED_X])


@jit.jit(inline="always")
def _repair(f, taps, fill, out, layout, scratch, base, pair, start, stop):
    """A pair whose transform is not finite, tile by tile.

    A window that holds NaN or infinity is correlated by definition, in the direct method's order
    of additions, and its partner transformed beside zeros.
    """
    step = layout[WINDOW]
    vectors = (layout[STEP_X] + layout[LANES] - 1) // layout[LANES]
    good = -1
    for side in range(2):
        window = base + side * step
        _pack(f, fill, layout, scratch, window, 2 * pair + side)
        if _is_finite(layout, scratch, window):
            good = side if good < 0 else 2
    if good == 0 or good == 1:
        _pack(f, fill, layout, scratch, base + (1 - good) * step, layout[TILES])
        if _transform(taps, fill, layout, scratch, base):
            _deliver(out, layout, scratch, base + good * step, 2 * pair + good, start, stop)
        else:
            good = -1
    for side in range(2):
        if side != good:
            window = base + side * step
            _pack(f, fill, layout, scratch, window, 2 * pair + side)
            correlate_window(
                scratch, window, taps, layout[TAPS_AT], layout, layout[OFFSETS_AT],
                (layout[TAPS], layout[ROW_STEP], layout[STEP_Y], vectors),
            )  # fmt: skip
            _deliver(out, layout, scratch, window, 2 * pair + side, start, stop)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else.

    Tiles are numbered through all rows of tiles and planes; two neighbours make a pair, whatever
    the band.
    """
    base = -(scratch.ctypes.data // scratch.itemsize) % (machine.CACHE_LINE // scratch.itemsize)
    rows, nx, ny = layout[ROWS_OUT], layout[TILES_X], layout[TILES_Y]
    first = start // rows * ny + start % rows // layout[STEP_Y]
    last = (stop - 1) // rows * ny + (stop - 1) % rows // layout[STEP_Y] + 1
    for pair in range(first * nx // 2, (last * nx + 1) // 2):
        for side in range(2):
            window = base + side * layout[WINDOW]
            _pack(f, fill, layout, scratch, window, 2 * pair + side)
        if _transform(taps, fill, layout, scratch, base):
            for side in range(2):
                window = base + side * layout[WINDOW]
                _deliver(out, layout, scratch, window, 2 * pair + side, start, stop)
        else:
            _repair(f, taps, fill, out, layout, scratch, base, pair, start, stop)
    store_fence()
