"""The kernel of the FFT method: rows of output from pairs of transformed windows.

`layout` describes the problem to compiled code as int64 numbers, indexed by the names below.
"""

import numpy as np

from ...codegen import jit, machine
from ...codegen.borders import source_column, source_index
from ...codegen.elements import read, write
from ...codegen.runs import convert_run, has_runs, lies_flat
from ...codegen.simd import store_fence
from .empty import clear_empty, count_zeros
from .passes import FIRST, FORWARD, INVERSE, LAST, MULTIPLY, TURN, TURN_BACK, run_pass
from .rows import all_finite, correlate_window, fetch_row, stream_row
from .spectrum import BIG

FIELDS = (
    ROWS_OUT, COLUMNS_OUT, ROWS_IN, COLUMNS_IN, LEAD_Y, LEAD_X, BORDER_Y, BORDER_X, LARGE, LANES,
    SIZE, STEP_Y, STEP_X, TILES_Y, TILES_X, TILES, NEEDED_Y, NEEDED_X, GROUPS,
    ROW_STEP, WINDOW, COLUMN_AT, TURNED_AT, BLOCK_STEP, TAPS, TAPS_AT, OFFSETS_AT, PARTS, PASSES,
    CHANNELS, LEVEL, TOTAL_AT, COUNTS_AT, TAPS_Y, TAPS_X, DILATION_Y, DILATION_X,
) = range(37)  # fmt: skip
# Then the passes but the last: radix, butterflies of a block, blocks, place of twiddle factors.
# `_transform` and `_repair` are inlined: a function of its own would compile the passes once more.
PASS, PASSES_AT = 4, len(FIELDS)
# Rows at a time: fetched ahead of the one that is copied, which hardware does not foresee in short
# runs, and bordered.
AHEAD = 8


@jit.jit()
def _place(layout, tile):
    """Plane, row and column of a window's first pixel; its first column in the image, and the end.

    Row and column count from the image's first pixel, which the window may not hold.
    """
    nx, ny, columns = layout[TILES_X], layout[TILES_Y], layout[NEEDED_X]
    row = tile // nx
    left = tile % nx * layout[STEP_X] - layout[LEAD_X]
    first = min(max(-left, 0), columns)
    last = max(min(layout[COLUMNS_IN] - left, columns), first)
    return row // ny, row % ny * layout[STEP_Y] - layout[LEAD_Y], left, first, last


@jit.jit()
def _pack(f, fill, layout, scratch, base, tiles):
    """The windows of two tiles, border applied; zeros where there is no such tile.

    Row by row of both, as they mostly lie side by side: so memory is read in longer runs.
    """
    rows, columns, flat = layout[NEEDED_Y], layout[NEEDED_X], has_runs(f)
    image_plane, image_row = f.strides[0] // f.itemsize, f.strides[1] // f.itemsize
    places = _place(layout, tiles[0]), _place(layout, tiles[1])
    for y in range(rows):
        for side in range(2):
            at = base + side * layout[WINDOW] + y * layout[ROW_STEP]
            plane, top, left, first, last = places[side]
            exists = tiles[side] < layout[TILES]
            row = source_index(top + y, layout[ROWS_IN], layout[BORDER_Y]) if exists else -1
            if row < 0:
                value = fill[0] if exists else scratch.dtype.type(0)
                for x in range(columns):
                    scratch[at + x] = value
            elif flat:
                source = plane * image_plane + row * image_row + left + first
                if layout[LARGE]:
                    fetch_row(f, source + AHEAD * image_row, last - first)
                convert_run(f, source, scratch, at + first, last - first)
            else:
                for x in range(first, last):
                    scratch[at + x] = read(f, (plane, row, left + x), 0, scratch)
    for side in range(2):
        if tiles[side] < layout[TILES]:
            _pack_sides(f, fill, layout, scratch, base + side * layout[WINDOW], places[side])


@jit.jit()
def _pack_sides(f, fill, layout, scratch, window, place):
    """The columns of a window that lie outside the image, after all others.

    Column by column of a few rows: one look at the border's rule serves them all.
    """
    plane, top, left, first, last = place
    row_step, outside = layout[ROW_STEP], layout[NEEDED_X] - (last - first)
    for start in range(0, layout[NEEDED_Y] if outside else 0, AHEAD):
        stop = min(start + AHEAD, layout[NEEDED_Y])
        for n in range(outside):
            x = n if n < first else n + last - first
            pixel = source_column(left + x, layout[COLUMNS_IN], layout[CHANNELS], layout[BORDER_X])
            inside = first <= pixel - left < last
            for y in range(start, stop):
                at = window + y * row_step
                if pixel < 0:
                    scratch[at + x] = fill[0]
                elif inside:
                    scratch[at + x] = scratch[at + pixel - left]
                else:
                    row = source_index(top + y, layout[ROWS_IN], layout[BORDER_Y])
                    if row >= 0:
                        scratch[at + x] = read(f, (plane, row, pixel), 0, scratch)


@jit.jit()
def _level(layout, scratch, base):
    """What is taken from both windows where equal pixels must leave no rounding: their first pixel.

    The transform of zeros is zeros.
    """
    zero = scratch.dtype.type(0)
    first, second = scratch[base], scratch[base + layout[WINDOW]]
    first = first if layout[LEVEL] and first - first == 0 else zero  # not infinity, not NaN
    second = second if layout[LEVEL] and second - second == 0 else zero
    _add(layout, scratch, base, layout[NEEDED_Y], -first)
    _add(layout, scratch, base + layout[WINDOW], layout[NEEDED_Y], -second)
    return first, second


@jit.jit()
def _restore(taps, layout, scratch, base, taken):
    """Add to both results what the pixels that were taken make of them."""
    total = taps[layout[TOTAL_AT]]
    _add(layout, scratch, base, layout[STEP_Y], total * taken[0])
    _add(layout, scratch, base + layout[WINDOW], layout[STEP_Y], total * taken[1])


@jit.jit()
def _add(layout, scratch, window, rows, value):
    for y in range(rows if value != 0 else 0):
        at = window + y * layout[ROW_STEP]
        for x in range(layout[NEEDED_X]):
            scratch[at + x] += value


@jit.jit()
def _geometry(layout):
    """Distance of rows, rows and columns of a window, of the filter, and its steps."""
    sizes = layout[NEEDED_Y], layout[NEEDED_X]
    taps, steps = (layout[TAPS_Y], layout[TAPS_X]), (layout[DILATION_Y], layout[DILATION_X])
    return layout[ROW_STEP], sizes, taps, steps


@jit.jit()
def _find_empty(layout, scratch, base, tiles):
    """Which of two tiles may have windows of zeros alone, before a transform."""
    row, sizes, taps, steps = _geometry(layout)
    window, counts, room = layout[WINDOW], base + layout[COUNTS_AT], sizes[0] * sizes[1]
    one, two = tiles[0] < layout[TILES], tiles[1] < layout[TILES]
    if one:
        one = count_zeros(scratch, base, counts, row, sizes, taps, steps)
    if two:
        two = count_zeros(scratch, base + window, counts + room, row, sizes, taps, steps)
    return one, two


@jit.jit()
def _clear_empty(layout, scratch, base, empty):
    """Their results, after the transform."""
    row, sizes, taps, steps = _geometry(layout)
    results = layout[STEP_Y], layout[STEP_X]
    for side in range(2):
        if empty[side]:
            window = side * layout[WINDOW]
            counts = base + layout[COUNTS_AT] + side * sizes[0] * sizes[1]
            clear_empty(scratch, base + window, counts, row, sizes, results, taps, steps)


@jit.jit(inline="always")
def _transform(taps, fill, layout, scratch, base):
    """Both windows correlated: forward along columns, along rows and back, back along columns.

    After the first pass the parts of a transform are transforms of their own: each goes through
    all further passes while it is in the nearest cache.

    False where a result is NaN or infinite: it is, whatever the frequency, if a pixel or a sum on
    the way was.
    """
    size, groups, row, window = layout[SIZE], layout[GROUPS], layout[ROW_STEP], layout[WINDOW]
    lanes, block, cells = layout[LANES], layout[BLOCK_STEP], base + layout[COLUMN_AT]
    turned, cell, none = base + layout[TURNED_AT], 2 * layout[LANES], np.int64(0)
    radix, count, table = layout[PASSES_AT], layout[PASSES_AT + 1], layout[PASSES_AT + 3]
    second, end = PASSES_AT + PASS, PASSES_AT + PASS * layout[PASSES]
    parts = layout[PARTS]
    part = size // parts
    for group in range(groups):
        strip, target = base + group * lanes, turned + group * lanes * cell
        run_pass(FIRST, radix, scratch, strip, cells, fill, table, (count, row, window, none))
        for first in range(0, size, part):
            at = cells + first * cell
            for n in range(second, end, PASS):
                sizes = (layout[n + 1], layout[n + 2] // parts, none, none)
                run_pass(FORWARD, layout[n], scratch, at, at, fill, layout[n + 3], sizes)
            run_pass(TURN, BIG, scratch, at, target, fill, none, (part, block, first, none))
    for group in range(groups):
        start = turned + group * block
        whole = (count, np.int64(1), none, none)
        run_pass(FORWARD, radix, scratch, start, start, fill, table, whole)
        for first in range(0, size, part):
            at = start + first * cell
            for n in range(second, end, PASS):
                sizes = (layout[n + 1], layout[n + 2] // parts, none, none)
                run_pass(FORWARD, layout[n], scratch, at, at, fill, layout[n + 3], sizes)
            spectrum = (group * size + first) * cell
            run_pass(MULTIPLY, BIG, scratch, at, at, taps, spectrum, (part, none, none, none))
            for n in range(end - PASS, second - 1, -PASS):
                sizes = (layout[n + 1], layout[n + 2] // parts, none, none)
                run_pass(INVERSE, layout[n], scratch, at, at, fill, layout[n + 3], sizes)
        run_pass(INVERSE, radix, scratch, start, start, fill, table, whole)
    for lane in range(lanes):
        scratch[cells - lanes + lane] = 0
    for group in range((layout[STEP_X] + lanes - 1) // lanes):
        strip, source = base + group * lanes, turned + group * lanes * cell
        for first in range(0, size, part):
            at = cells + first * cell
            run_pass(TURN_BACK, BIG, scratch, source, at, fill, none, (part, block, first, none))
            for n in range(end - PASS, second - 1, -PASS):
                sizes = (layout[n + 1], layout[n + 2] // parts, none, none)
                run_pass(INVERSE, layout[n], scratch, at, at, fill, layout[n + 3], sizes)
        sizes = (count, row, window, layout[STEP_Y])
        run_pass(LAST, radix, scratch, cells, strip, fill, table, sizes)
    return all_finite(scratch, cells - lanes, lanes, 1, lanes)


@jit.jit()
def _share(out, layout, tile, start, stop):
    """Where a tile's results go: plane, row, column, columns, and which of its rows are wanted."""
    nx, ny, height = layout[TILES_X], layout[TILES_Y], layout[STEP_Y]
    row = tile // nx
    plane, y, x = row // ny, row % ny * height, tile % nx * layout[STEP_X]
    above = plane * layout[ROWS_OUT] + y
    last = min(height, layout[ROWS_OUT] - y, stop - above) if tile < layout[TILES] else 0
    return plane, y, x, min(layout[STEP_X], layout[COLUMNS_OUT] - x), max(start - above, 0), last


@jit.jit()
def _deliver(out, layout, scratch, base, tiles, start, stop):
    """The rows of two tiles' results that lie in the band, row by row of both."""
    out_plane, out_row = out.strides[0] // out.itemsize, out.strides[1] // out.itemsize
    runs, stream = has_runs(out), layout[LARGE] != 0 and lies_flat(out, scratch)
    shares = (
        _share(out, layout, tiles[0], start, stop), _share(out, layout, tiles[1], start, stop)
    )  # fmt: skip
    for index in range(layout[STEP_Y]):
        for side in range(2):
            plane, y, x, width, first, last = shares[side]
            if not first <= index < last:
                continue
            at = base + side * layout[WINDOW] + index * layout[ROW_STEP]
            target = plane * out_plane + (y + index) * out_row + x
            if stream:
                stream_row(scratch, at, out, target, width, AHEAD * out_row)
            elif runs:
                convert_run(scratch, at, out, target, width)
            else:
                for column in range(width):
                    value = scratch[at + column]
                    write(out, (plane, y + index, x + column), value, scratch.dtype.type(0))


@jit.jit()
def _is_finite(layout, scratch, window):
    return all_finite(scratch, window, layout[ROW_STEP], layout[NEEDED_Y], layout[NEEDED_X])


@jit.jit(inline="always")
def _repair(f, taps, fill, out, layout, scratch, base, pair, start, stop):
    """A pair whose transform is not finite, tile by tile.

    A window that holds NaN or infinity is correlated by definition, in the direct method's order
    of additions, and its partner transformed beside zeros.
    """
    window, none = layout[WINDOW], layout[TILES]
    vectors = (layout[STEP_X] + layout[LANES] - 1) // layout[LANES]
    one, two = 2 * pair, 2 * pair + 1
    _pack(f, fill, layout, scratch, base, (one, two))
    finite = _is_finite(layout, scratch, base), _is_finite(layout, scratch, base + window)
    if finite[0] != finite[1]:
        good = (one, none) if finite[0] else (none, two)
        _pack(f, fill, layout, scratch, base, good)
        empty = _find_empty(layout, scratch, base, good)
        taken = _level(layout, scratch, base)
        if _transform(taps, fill, layout, scratch, base):
            _restore(taps, layout, scratch, base, taken)
            _clear_empty(layout, scratch, base, empty)
            _deliver(out, layout, scratch, base, good, start, stop)
            one, two = (none, two) if finite[0] else (one, none)
    _pack(f, fill, layout, scratch, base, (one, two))
    for side in range(2):
        if (one, two)[side] < none:
            correlate_window(
                scratch, base + side * window, taps, layout[TAPS_AT], layout, layout[OFFSETS_AT],
                (layout[TAPS], layout[ROW_STEP], layout[STEP_Y], vectors),
            )  # fmt: skip
    _deliver(out, layout, scratch, base, (one, two), start, stop)


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
        tiles = 2 * pair, 2 * pair + 1
        _pack(f, fill, layout, scratch, base, tiles)
        empty = _find_empty(layout, scratch, base, tiles)
        taken = _level(layout, scratch, base)
        if _transform(taps, fill, layout, scratch, base):
            _restore(taps, layout, scratch, base, taken)
            _clear_empty(layout, scratch, base, empty)
            _deliver(out, layout, scratch, base, tiles, start, stop)
        else:
            _repair(f, taps, fill, out, layout, scratch, base, pair, start, stop)
    store_fence()
