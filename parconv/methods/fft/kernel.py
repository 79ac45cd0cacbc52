"""The kernel of the FFT method: rows of output from pairs of transformed windows.

`layout` describes the problem as numbers, whose names are below.
"""

import numpy as np

from ...codegen import jit, machine
from ...codegen.borders import CONSTANT, source_column, source_index
from ...codegen.foreign import as_sums
from ...codegen.layout import ENDS, OWN, Layout
from ...codegen.packing import copy, store, stream_row, within
from ...codegen.runs import has_runs
from ...codegen.simd import store_fence
from ...problem.borders import WRAP
from .empty import clear_empty, count_zeros
from .passes import FIRST, FORWARD, INVERSE, LAST, MULTIPLY, TURN, TURN_BACK, run_pass
from .rows import all_finite, correlate_window, fetch_row
from .spectrum import BIG

L = Layout(
    *ENDS, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "border_y",
    "border_x", "large", "lanes", "size", "step_y", "step_x", "tiles_y", "tiles_x", "tiles",
    "needed_y", "needed_x", "groups", "row_step", "window", "column_at", "turned_at",
    "block_step", "taps", "taps_at", "parts", "pass_count", "channels", "level", "total_at",
    "counts_at", "taps_y", "taps_x", "dilation_y", "dilation_x",
    tables=("passes", "offsets"),
)  # fmt: skip
# Then the passes but the last: radix, butterflies of a block, blocks, place of twiddle factors.
# `_transform` and `_repair` are inlined: a function of its own would compile the passes once more.
PASS, PASSES_AT = 4, L.length
# Rows at a time: fetched ahead of the one that is copied, which hardware does not foresee in short
# runs, and bordered.
AHEAD = 8


@jit.jit()
def _place(layout, tile):
    """Plane, row and column of a window's first pixel; its first column in the image, and the end.

    Row and column count from the image's first pixel, which the window may not hold.
    """
    nx, ny, columns = layout[L.tiles_x], layout[L.tiles_y], layout[L.needed_x]
    row = tile // nx
    left = tile % nx * layout[L.step_x] - layout[L.lead_x]
    first, last = within((left, 1, columns, layout[L.columns_in]))
    return row // ny, row % ny * layout[L.step_y] - layout[L.lead_y], left, first, last


@jit.jit()
def _pack(f, fill, layout, scratch, base, tiles):
    """The windows of two tiles, border applied; zeros where there is no such tile.

    Row by row of both, as they mostly lie side by side: so memory is read in longer runs.
    """
    rows, columns, flat = layout[L.needed_y], layout[L.needed_x], has_runs(f)
    image_plane, image_row = f.strides[0] // f.itemsize, f.strides[1] // f.itemsize
    places = _place(layout, tiles[0]), _place(layout, tiles[1])
    wraps = _wraps(layout, places[0]), _wraps(layout, places[1])
    for y in range(rows):
        for side in range(2):
            at = base + side * layout[L.window] + y * layout[L.row_step]
            plane, top, left, first, last = places[side]
            exists = tiles[side] < layout[L.tiles]
            row = source_index(top + y, layout[L.rows_in], layout[L.border_y]) if exists else -1
            if row < 0:
                value = fill[0] if exists else scratch.dtype.type(0)
                for x in range(columns):
                    scratch[at + x] = value
            else:
                if flat and layout[L.large]:
                    source = plane * image_plane + row * image_row + left + first
                    fetch_row(f, source + AHEAD * image_row, last - first)
                for part in range(3 if wraps[side] else 1):
                    x, column, count = _run(layout, part, left, first, last)
                    columns_in, target = (column, 1, count), (at + x, 0, 0)
                    copy(f, layout[L.reads], (plane,), (row, 1, 1), columns_in, scratch, target)
    for side in range(2):
        if tiles[side] < layout[L.tiles] and not wraps[side]:
            _pack_sides(f, fill, layout, scratch, base + side * layout[L.window], places[side])


@jit.jit()
def _wraps(layout, place):
    """Whether what lies left and right of the image is another piece of its row each.

    Copied pixel by pixel, 83 x 57 uint8 at 15x15 took 42 microseconds, and 18 so, as with other
    borders; 300 x 244 at 31x31 495 and 221 (Sapphire Rapids VM, AVX-512, 2026-11).
    """
    _, _, _, first, last = place
    beside = max(first, layout[L.needed_x] - last)
    return layout[L.border_x] == WRAP and first < last and beside <= layout[L.columns_in]


@jit.jit()
def _run(layout, part, left, first, last):
    """Of a row of a window what lies in the image, left and right of it: from where on there, from
    where on in the image, and how many.
    """
    if part == 0:
        return first, left + first, last - first
    if part == 1:
        return 0, layout[L.columns_in] - first, first
    return last, 0, layout[L.needed_x] - last


@jit.jit()
def _pack_sides(f, fill, layout, scratch, window, place):
    """The columns of a window that lie outside the image, after all others.

    Column by column of a few rows: one look at the border's rule serves them all.
    """
    plane, top, left, first, last = place
    row_step, outside = layout[L.row_step], layout[L.needed_x] - (last - first)
    size, border = layout[L.columns_in], layout[L.border_x]
    for start in range(0, layout[L.needed_y] if outside else 0, AHEAD):
        stop = min(start + AHEAD, layout[L.needed_y])
        for n in range(outside):
            x = n if n < first else n + last - first
            pixel = source_column(left + x, size, layout[L.channels], border)
            inside = first <= pixel - left < last
            for y in range(start, stop):
                at = window + y * row_step
                if pixel < 0:
                    scratch[at + x] = fill[0]
                elif inside:
                    scratch[at + x] = scratch[at + pixel - left]
                else:
                    row = source_index(top + y, layout[L.rows_in], layout[L.border_y])
                    if row >= 0:
                        one, target = (pixel, 1, 1), (at + x, 0, 0)
                        copy(f, layout[L.reads], (plane,), (row, 1, 1), one, scratch, target)


@jit.jit()
def _level(layout, scratch, base):
    """What is taken from both windows where equal pixels must leave no rounding: their first pixel.

    The transform of zeros is zeros.
    """
    zero = scratch.dtype.type(0)
    first, second = scratch[base], scratch[base + layout[L.window]]
    first = first if layout[L.level] and first - first == 0 else zero  # not infinity, not NaN
    second = second if layout[L.level] and second - second == 0 else zero
    _add(layout, scratch, base, layout[L.needed_y], -first)
    _add(layout, scratch, base + layout[L.window], layout[L.needed_y], -second)
    return first, second


@jit.jit()
def _restore(taps, layout, scratch, base, taken):
    """Add to both results what the pixels that were taken make of them."""
    total = taps[layout[L.total_at]]
    _add(layout, scratch, base, layout[L.step_y], total * taken[0])
    _add(layout, scratch, base + layout[L.window], layout[L.step_y], total * taken[1])


@jit.jit()
def _add(layout, scratch, window, rows, value):
    for y in range(rows if value != 0 else 0):
        at = window + y * layout[L.row_step]
        for x in range(layout[L.needed_x]):
            scratch[at + x] += value


@jit.jit()
def _geometry(layout):
    """Distance of rows, rows and columns of a window, of the filter, and its steps."""
    sizes = layout[L.needed_y], layout[L.needed_x]
    taps, steps = (layout[L.taps_y], layout[L.taps_x]), (layout[L.dilation_y], layout[L.dilation_x])
    return layout[L.row_step], sizes, taps, steps


@jit.jit()
def _axes(layout, tile):
    """Both axes of a tile, as `empty` asks for them."""
    _, sizes, taps, steps = _geometry(layout)
    _, top, left, first, last = _place(layout, tile)
    above, below = within((top, 1, sizes[0], layout[L.rows_in]))
    if layout[L.border_y] != CONSTANT:
        above, below = 0, sizes[0]
    if layout[L.border_x] != CONSTANT:
        first, last = 0, sizes[1]
    rows = min(layout[L.step_y], layout[L.rows_out] - top - layout[L.lead_y])
    columns = min(layout[L.step_x], layout[L.columns_out] - left - layout[L.lead_x])
    return (taps[0], steps[0], above, below, rows), (taps[1], steps[1], first, last, columns)


@jit.jit()
def _find_empty(layout, scratch, base, tiles):
    """Which of two tiles may have windows of zeros alone, before a transform."""
    row, sizes, _, _ = _geometry(layout)
    window, counts, room = layout[L.window], base + layout[L.counts_at], sizes[0] * sizes[1]
    one, two = tiles[0] < layout[L.tiles], tiles[1] < layout[L.tiles]
    if one:
        one = count_zeros(scratch, base, counts, row, sizes, _axes(layout, tiles[0]))
    if two:
        at, counts = base + window, counts + room
        two = count_zeros(scratch, at, counts, row, sizes, _axes(layout, tiles[1]))
    return one, two


@jit.jit()
def _clear_empty(layout, scratch, base, empty):
    """Their results, after the transform."""
    row, sizes, taps, steps = _geometry(layout)
    results = layout[L.step_y], layout[L.step_x]
    for side in range(2):
        if empty[side]:
            window = side * layout[L.window]
            counts = base + layout[L.counts_at] + side * sizes[0] * sizes[1]
            clear_empty(scratch, base + window, counts, row, sizes, results, taps, steps)


@jit.jit(inline="always")
def _transform(taps, fill, layout, scratch, base):
    """Both windows correlated: forward along columns, along rows and back, back along columns.

    After the first pass the parts of a transform are transforms of their own: each goes through
    all further passes while it is in the nearest cache.

    False where a result is NaN or infinite: it is, whatever the frequency, if a pixel or a sum on
    the way was.
    """
    size, groups = layout[L.size], layout[L.groups]
    row, window = layout[L.row_step], layout[L.window]
    lanes, block, cells = layout[L.lanes], layout[L.block_step], base + layout[L.column_at]
    turned, cell, none = base + layout[L.turned_at], 2 * layout[L.lanes], np.int64(0)
    radix, count, table = layout[PASSES_AT], layout[PASSES_AT + 1], layout[PASSES_AT + 3]
    second, end = PASSES_AT + PASS, PASSES_AT + PASS * layout[L.pass_count]
    parts = layout[L.parts]
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
    for group in range((layout[L.step_x] + lanes - 1) // lanes):
        strip, source = base + group * lanes, turned + group * lanes * cell
        for first in range(0, size, part):
            at = cells + first * cell
            run_pass(TURN_BACK, BIG, scratch, source, at, fill, none, (part, block, first, none))
            for n in range(end - PASS, second - 1, -PASS):
                sizes = (layout[n + 1], layout[n + 2] // parts, none, none)
                run_pass(INVERSE, layout[n], scratch, at, at, fill, layout[n + 3], sizes)
        sizes = (count, row, window, layout[L.step_y])
        run_pass(LAST, radix, scratch, cells, strip, fill, table, sizes)
    return all_finite(scratch, cells - lanes, lanes, 1, lanes)


@jit.jit()
def _share(out, layout, tile, start, stop):
    """Where a tile's results go: plane, row, column, columns, and which of its rows are wanted."""
    nx, ny, height = layout[L.tiles_x], layout[L.tiles_y], layout[L.step_y]
    row = tile // nx
    plane, y, x = row // ny, row % ny * height, tile % nx * layout[L.step_x]
    above = plane * layout[L.rows_out] + y
    last = min(height, layout[L.rows_out] - y, stop - above) if tile < layout[L.tiles] else 0
    width = min(layout[L.step_x], layout[L.columns_out] - x)
    return plane, y, x, width, max(start - above, 0), last


@jit.jit()
def _deliver(out, layout, scratch, base, tiles, start, stop):
    """The rows of two tiles' results that lie in the band, row by row of both."""
    out_plane, out_row = out.strides[0] // out.itemsize, out.strides[1] // out.itemsize
    writes = layout[L.writes]
    stream = layout[L.large] != 0 and writes == OWN and has_runs(out)
    shares = (
        _share(out, layout, tiles[0], start, stop), _share(out, layout, tiles[1], start, stop)
    )  # fmt: skip
    for index in range(layout[L.step_y]):
        for side in range(2):
            plane, y, x, width, first, last = shares[side]
            if not first <= index < last:
                continue
            at = base + side * layout[L.window] + index * layout[L.row_step]
            target = plane * out_plane + (y + index) * out_row + x
            if stream:
                stream_row(scratch, at, out, target, width, AHEAD * out_row)
            else:
                down, across = (y + index, 1, 1), (x, 1, width)
                store(scratch, (at, 0, 0), out, writes, (plane,), down, across)


@jit.jit()
def _is_finite(layout, scratch, window):
    return all_finite(scratch, window, layout[L.row_step], layout[L.needed_y], layout[L.needed_x])


@jit.jit(inline="always")
def _repair(f, taps, fill, out, layout, scratch, base, pair, start, stop):
    """A pair whose transform is not finite, tile by tile.

    A window that holds NaN or infinity is correlated by definition, in the direct method's order
    of additions, and its partner transformed beside zeros.
    """
    window, none = layout[L.window], layout[L.tiles]
    vectors = (layout[L.step_x] + layout[L.lanes] - 1) // layout[L.lanes]
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
                scratch, base + side * window, taps, layout[L.taps_at], layout, layout[L.offsets],
                (layout[L.taps], layout[L.row_step], layout[L.step_y], vectors),
            )  # fmt: skip
    _deliver(out, layout, scratch, base, (one, two), start, stop)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else.

    Tiles are numbered through all rows of tiles and planes; two neighbours make a pair, whatever
    the band.
    """
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    base = -(scratch.ctypes.data // scratch.itemsize) % (machine.CACHE_LINE // scratch.itemsize)
    rows, nx, ny = layout[L.rows_out], layout[L.tiles_x], layout[L.tiles_y]
    first = start // rows * ny + start % rows // layout[L.step_y]
    last = (stop - 1) // rows * ny + (stop - 1) % rows // layout[L.step_y] + 1
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
