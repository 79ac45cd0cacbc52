"""The kernel of the method of channel lanes: tiles of a block of outputs over a part of an image.

`layout` describes the problem as numbers, whose names are below.
"""

import numpy as np

from ...codegen import jit, machine
from ...codegen.simd import store_fence
from . import table as t
from .copying import copy_unit
from .numbers import BLOCK, PART, L
from .runs import all_runs
from .tiles import tile
from .units import place_of

# Rows of the image by which pixels are fetched early.  % of the peak with 0, 1, 2, 3 of them, one
# core (Zen 5, 2026-11): 1 x 1 256 -> 64 @ 56 69 93 92 92, 1024 -> 256 @ 14 88 88 100 98, 3 x 3
# 64 @ 56 97 101 102 101.  Few outputs of images that no near cache holds, without and so, ms: 1x1 7
# of 93 x 94 of 54 channels to 1 0.89, 0.39; 3x3 22 of 91 x 92 of 39 to 2 6.7, 5.3; those of others
# 4 % longer so (Zen 4 VM, AVX-512, 2026-11).
ROWS_AHEAD = 2


@jit.jit()
def _bits(first, last, pixels):
    """Pixels ``[first, last)``, which may lie anywhere, of a tile of some pixels."""
    first, last = max(first, 0), min(last, pixels)
    return (np.int64(1) << last) - (np.int64(1) << first) if first < last else np.int64(0)


@jit.jit()
def _pitch(f, layout):
    """Pixels of a row of output from one row to the next where the image lies so, else too many.

    Tiles then go across the ends of rows, and skip the few pixels in between.
    """
    across, down = layout[L.stride_x] * f.strides[3], layout[L.stride_y] * f.strides[2]
    width = layout[L.columns_out]
    if across > 0 and down % across == 0 and width <= down // across < width + t.LEAST // 2:
        return down // across
    return width + t.MOST


@jit.jit()
def _describe(table, f, out, layout):
    """What all tiles of a call share; whether their sums can be stored at once."""
    size, line = out.itemsize, machine.CACHE_LINE
    taps_y, taps_x = layout[L.taps_y], layout[L.taps_x]
    table[t.TAPS_Y], table[t.TAPS_X] = taps_y, taps_x
    table[t.CHANNELS], table[t.STEP_CHANNEL] = layout[L.channels], f.strides[1]
    table[t.STEP_X] = layout[L.dilation_x] * f.strides[3]
    table[t.STEP_PIXEL] = layout[L.stride_x] * f.strides[3]
    # for each channel the lines of a tile, which follow one another where channels are neighbours
    lines = (t.LEAST * size + line - 1) // line * line
    far = f.size * size > machine.L2_BYTES
    fetches = far if layout[L.few] else far or t.ALWAYS_FETCHES or taps_y * taps_x == 1
    table[t.AHEAD] = ROWS_AHEAD * f.strides[2] if fetches else 0
    table[t.AHEAD_STEP] = lines if f.strides[1] == size else f.strides[1]
    table[t.ROWS_AT] = t.BITS_AT + taps_y + taps_x
    table[t.SEGMENTS_AT] = table[t.ROWS_AT] + taps_y
    for row in range(taps_y):
        table[table[t.ROWS_AT] + row] = row * layout[L.dilation_y] * f.strides[2]
    if layout[L.copied]:
        cell = layout[L.channels] * size
        table[t.STEP_CHANNEL], table[t.STEP_X] = size, layout[L.tap] * cell
        table[t.STEP_PIXEL] = layout[L.pixel] * cell
        fetches = t.ALWAYS_FETCHES and not layout[L.few]
        ahead = t.LEAST * table[t.STEP_PIXEL] if fetches else 0
        table[t.AHEAD], table[t.AHEAD_STEP] = ahead, lines
        for row in range(taps_y):
            table[table[t.ROWS_AT] + row] = layout[layout[L.rows_at] + row] * size
        for tap in range(taps_y + taps_x):
            table[t.BITS_AT + tap] = t.EVERY
        if layout[L.tap] == 1 and not layout[L.few]:
            table[t.TAPS_X], table[t.CHANNELS] = 1, taps_x * layout[L.channels]
    stored = out.strides[1] == size or out.strides[3] == size
    table[t.OUT_CHANNEL] = out.strides[1] if stored else size
    table[t.OUT_PIXEL] = out.strides[3] if stored else t.VECTORS * layout[L.lanes] * size
    steps = out.ctypes.data | out.strides[0] | out.strides[1] * layout[L.lanes] | out.strides[2]
    whole = (steps | out.strides[3]) % line == 0 and out.strides[1] == size
    table[t.STREAMS] = layout[L.streams] if whole else 0
    return stored


@jit.jit(inline="always")
def _joins(f, layout):
    """Whether the pixels under a filter row follow one another, channel after channel.

    Then a row of taps is one of as many channels: of the time that 3 channels to 138 at 3x3 take
    0.94, 2 to 17 at 5x5 0.83, 64 to 64 at 3x3 1.01 (Zen 3 VM, AVX2, 2026-11).
    """
    pixel = layout[L.channels] * f.itemsize
    near = f.strides[1] == f.itemsize and f.strides[3] == pixel
    return near and layout[L.dilation_x] == 1 and not layout[L.few]


# In line: by a call, 3 x 3 64 -> 64 @ 56 takes a twentieth longer (Zen 5, 2026-11).
@jit.jit(inline="always")
def _place(table, out, layout, y, stop, x, width, pitch, pixels, stored):
    """Which pixels of the tile at (y, x) meet the image, and where rows up to ``stop`` store them.

    Bits of filter rows and columns, and the rows of output that the tile has pixels of.
    """
    rows, columns = layout[L.taps_y], layout[L.taps_x]
    rows, columns = (0, 0) if layout[L.copied] else (rows, columns)
    for row in range(rows):
        at = layout[L.rows] + 2 * row
        first, last = (layout[at] - y) * pitch - x, (layout[at + 1] - y) * pitch - x
        table[t.BITS_AT + row] = _bits(first, last, pixels)
    columns_at, segment = t.BITS_AT + rows, table[t.SEGMENTS_AT]
    for column in range(columns):
        table[columns_at + column] = 0
    begin = -x  # of the row, in the tile
    while begin < pixels and y < stop:
        if begin + width > 0:
            table[segment] = _bits(begin, begin + width, pixels)
            table[segment + 1] = stored * (y * out.strides[2] - begin * out.strides[3])
            segment += t.SEGMENT
            for column in range(columns):
                at = layout[L.columns] + 2 * column
                bits = _bits(begin + layout[at], begin + layout[at + 1], pixels)
                table[columns_at + column] |= bits
        y, begin = y + 1, begin + pitch
    table[t.SEGMENTS] = (segment - table[t.SEGMENTS_AT]) // t.SEGMENT


@jit.jit(inline="always")
def _place_flat(table, out, layout, y, x, line, pixels, stored):
    """The same of a tile in rows that are one, whose taps are all inside."""
    bits, segment = _bits(0, line - x, pixels), table[t.SEGMENTS_AT]
    if not layout[L.copied]:
        for tap in range(layout[L.taps_y] + layout[L.taps_x]):
            table[t.BITS_AT + tap] = bits
    table[segment], table[t.SEGMENTS] = bits, 1
    table[segment + 1] = stored * (y * out.strides[2] + x * out.strides[3])


@jit.jit(inline="always")
def _is_inner(layout, y, x, pixels):
    """Whether all pixels of the tile at (y, x) lie in one row and meet the image with every tap."""
    across = layout[L.inner_left] <= x and x + pixels <= layout[L.inner_right]
    return across and layout[L.inner_top] <= y < layout[L.inner_bottom]


@jit.jit(inline="always")
def _deliver(out, layout, scratch, image, channel, filters, y, stop, x, pitch, pixels):
    """The sums of a tile, which lie in scratch, one by one."""
    sums_at, step = layout[L.sums_at], t.VECTORS * layout[L.lanes]
    for pixel in range(pixels):
        row, column = y + (x + pixel) // pitch, (x + pixel) % pitch
        for n in range(filters if row < stop and column < layout[L.columns_out] else 0):
            out[image, channel + n, row, column] = scratch[sums_at + pixel * step + n]


@jit.jit()
def _tiles(f, taps, out, layout, scratch, stored, at, rows, pitch, line, pixels, row_step):
    """All tiles of a unit, from the same weights.

    ``at``: where its pixels, its weights and its outputs begin; image, channel and filters.
    """
    table, size = scratch.view(np.int64), out.itemsize
    f_at, taps_at, out_at, image, channel, filters = at
    joins, copied = _joins(f, layout), layout[L.copied]
    same, flat = False, line > layout[L.columns_out]
    # `same`: whether the table is that of a tile like this one, but for its place
    version = 1 if filters <= layout[L.lanes] else t.VECTORS
    if layout[L.few]:
        version = t.VECTORS + filters
    (y, y_stop), x = rows, np.int64(0)
    while y < y_stop:
        within = x + pixels <= line
        inner = within if copied or flat else _is_inner(layout, y, x, pixels)
        if inner and same:
            place = y * out.strides[2] + x * out.strides[3]
            table[table[t.SEGMENTS_AT] + 1] = stored * place
        elif flat:
            _place_flat(table, out, layout, y, x, line, pixels, stored)
        else:
            _place(table, out, layout, y, y_stop, x, line, pitch, pixels, stored)
        if not (copied or (inner and same)):
            joined = layout[L.taps_x] if inner and joins else 1
            table[t.TAPS_X] = layout[L.taps_x] // joined
            table[t.CHANNELS] = layout[L.channels] * joined
        same = inner
        source = f_at + y * row_step + x * table[t.STEP_PIXEL]
        if stored:
            tile(f, scratch, not copied, source, taps, taps_at, table, out, out_at, version)
        else:
            sums_at = layout[L.sums_at] * size
            tile(f, scratch, not copied, source, taps, taps_at, table, scratch, sums_at, version)
            _deliver(out, layout, scratch, image, channel, filters, y, y_stop, x, pitch, pixels)
        x += pixels
        y, x = y + x // pitch, x % pitch
        if x >= line:
            y, x = y + 1, np.int64(0)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill units ``[start, stop)`` of ``out``, and nothing else."""
    if layout[L.run_of]:
        all_runs(f, taps, out, layout, scratch, start, stop)
        store_fence()
        return
    table, width, wide = scratch.view(np.int64), layout[L.columns_out], layout[L.block_filters]
    stored, pitch = _describe(table, f, out, layout), _pitch(f, layout)
    latest, copied = np.int64(-1), layout[L.copied]
    apart = not copied and pitch == width + t.MOST
    row_step = layout[L.stride_y] * f.strides[2]
    if copied:
        pitch, row_step = layout[L.pitch], layout[L.pitch] * table[t.STEP_PIXEL]
    # whether rows follow one another, all taps of all pixels inside the image
    flat = pitch == width and stored and out.strides[2] == width * out.strides[3]
    flat = flat and (copied or layout[L.inside])
    while start < stop:
        block, image, part = place_of(layout, start)
        start += 1
        group, inside = block // layout[L.group_blocks], block % layout[L.group_blocks]
        filters = min(layout[L.filters] - inside * wide, wide)
        table[t.OUTPUTS] = filters
        pixels = t.PIXELS[(filters if layout[L.few] else 1 + (filters > layout[L.lanes])) - 1]
        if apart:  # rows are cut into equal tiles
            tiles = (width + pixels - 1) // pixels
            pixels = (width + tiles - 1) // tiles
        channel = group * layout[L.filters] + inside * wide
        taps_at = group * layout[L.group_taps] + inside * layout[L.block_taps]
        f_at = image * f.strides[0] + group * layout[L.channels] * f.strides[1]
        f_at -= layout[L.lead_y] * f.strides[2] + layout[L.lead_x] * f.strides[3]
        out_at = image * out.strides[0] + channel * out.strides[1]
        y = part * layout[L.height]
        y_stop = min(y + layout[L.height], layout[L.rows_out])
        line, across = width, pitch
        if copied:
            source = image * layout[layout[L.sizes] + PART] + part
            source = source * layout[layout[L.sizes] + BLOCK] + group  # whose pixels they are
            if source != latest:
                first = group * layout[L.channels]
                copy_unit(f, fill, layout, scratch, image, first, y, y_stop - y)
            latest = source
            f_at = layout[L.copy_at] * out.itemsize - y * row_step
        if flat:
            line = width * (y_stop - y)
            y_stop, across = y + 1, line + pixels
        at = f_at, taps_at, out_at, image, channel, filters
        rows = y, y_stop
        _tiles(f, taps, out, layout, scratch, stored, at, rows, across, line, pixels, row_step)
    if layout[L.streams]:
        store_fence()
