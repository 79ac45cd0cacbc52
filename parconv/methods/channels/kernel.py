"""The kernel of the method of channel lanes: tiles of a block of outputs over a part of an image.

`layout` describes the problem as numbers, whose names are below.
"""

import numpy as np

from ...codegen import jit, machine
from ...codegen.layout import Layout
from . import table as t
from .tiles import tile

L = Layout(
    "rows_out", "columns_out", "lead_y", "lead_x", "stride_y", "stride_x", "dilation_y",
    "dilation_x", "taps_y", "taps_x", "channels", "filters", "group_blocks", "block_taps",
    "group_taps", "lanes", "height", "sums_at", "block_filters", "few",
    "inner_top", "inner_bottom", "inner_left", "inner_right",
    tables=("sizes", "order", "rows", "columns"),
)  # fmt: skip
BLOCK, IMAGE, PART = range(3)  # what a unit is one of
# Rows of the image by which pixels are fetched early.  % of the peak with 0, 1, 2, 3 of them, one
# core (Zen 5, 2026-11): 1 x 1 256 -> 64 @ 56 69 93 92 92, 1024 -> 256 @ 14 88 88 100 98, 3 x 3
# 64 @ 56 97 101 102 101.
ROWS_AHEAD = 2


@jit.jit()
def _unit(layout, unit):
    """(block, image, part) of a unit."""
    block, image, part = 0, 0, 0
    for place in range(2, -1, -1):
        axis = layout[layout[L.order] + place]
        size = layout[layout[L.sizes] + axis]
        index, unit = unit % size, unit // size
        if axis == BLOCK:
            block = index
        elif axis == IMAGE:
            image = index
        else:
            part = index
    return block, image, part


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
    if across > 0 and down % across == 0 and width <= down // across < width + t.PIXELS // 2:
        return down // across
    return width + t.PIXELS


@jit.jit()
def _describe(table, f, out, layout):
    """What all tiles of a call share; whether their sums can be stored at once."""
    size, line = out.itemsize, machine.CACHE_LINE
    table[t.TAPS_Y], table[t.TAPS_X] = layout[L.taps_y], layout[L.taps_x]
    table[t.CHANNELS], table[t.STEP_CHANNEL] = layout[L.channels], f.strides[1]
    table[t.STEP_Y] = layout[L.dilation_y] * f.strides[2]
    table[t.STEP_X] = layout[L.dilation_x] * f.strides[3]
    table[t.STEP_PIXEL] = layout[L.stride_x] * f.strides[3]
    # for each channel the lines of a tile, which follow one another where channels are neighbours
    lines = (t.PIXELS * size + line - 1) // line * line
    table[t.AHEAD] = ROWS_AHEAD * f.strides[2]
    table[t.AHEAD_STEP] = lines if f.strides[1] == size else f.strides[1]
    table[t.SEGMENTS_AT] = t.BITS_AT + layout[L.taps_y] + layout[L.taps_x]
    stored = out.strides[1] == size or out.strides[3] == size
    table[t.OUT_CHANNEL] = out.strides[1] if stored else size
    table[t.OUT_PIXEL] = out.strides[3] if stored else t.VECTORS * layout[L.lanes] * size
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
def _place(table, out, layout, y, stop, x, pitch, pixels, stored):
    """Which pixels of the tile at (y, x) meet the image, and where rows up to ``stop`` store them.

    Bits of filter rows and columns, and the rows of output that the tile has pixels of.
    """
    rows, columns, width = layout[L.taps_y], layout[L.taps_x], layout[L.columns_out]
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
def _is_inner(layout, y, x, pixels):
    """Whether all pixels of the tile at (y, x) lie in one row and meet the image with every tap."""
    across = layout[L.inner_left] <= x and x + pixels <= layout[L.inner_right]
    return across and layout[L.inner_top] <= y < layout[L.inner_bottom]


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill units ``[start, stop)`` of ``out``, and nothing else."""
    table, width, size = scratch.view(np.int64), layout[L.columns_out], out.itemsize
    wide, sums_at = layout[L.block_filters], layout[L.sums_at]
    stored, pitch = _describe(table, f, out, layout), _pitch(f, layout)
    joins = _joins(f, layout)
    pixels = np.int64(t.PIXELS)
    if pitch == width + pixels:  # rows apart are cut into equal tiles
        tiles = (width + pixels - 1) // pixels
        pixels = (width + tiles - 1) // tiles
    same = False  # whether the table is that of a tile like this one, but for its place
    while start < stop:
        block, image, part = _unit(layout, start)
        start += 1
        group, inside = block // layout[L.group_blocks], block % layout[L.group_blocks]
        filters = min(layout[L.filters] - inside * wide, wide)
        table[t.OUTPUTS] = filters
        channel = group * layout[L.filters] + inside * wide
        taps_at = group * layout[L.group_taps] + inside * layout[L.block_taps]
        f_at = image * f.strides[0] + group * layout[L.channels] * f.strides[1]
        f_at -= layout[L.lead_y] * f.strides[2] + layout[L.lead_x] * f.strides[3]
        out_at = image * out.strides[0] + channel * out.strides[1]
        y, x = part * layout[L.height], np.int64(0)
        y_stop = min(y + layout[L.height], layout[L.rows_out])
        while y < y_stop:
            inner = _is_inner(layout, y, x, pixels)
            if inner and same:
                place = y * out.strides[2] + x * out.strides[3]
                table[table[t.SEGMENTS_AT] + 1] = stored * place
            else:
                _place(table, out, layout, y, y_stop, x, pitch, pixels, stored)
                joined = layout[L.taps_x] if inner and joins else 1
                table[t.TAPS_X] = layout[L.taps_x] // joined
                table[t.CHANNELS] = layout[L.channels] * joined
            same = inner
            source = f_at + y * layout[L.stride_y] * f.strides[2] + x * table[t.STEP_PIXEL]
            version = 1 if filters <= layout[L.lanes] else t.VECTORS
            if layout[L.few]:
                version = t.VECTORS + filters
            if stored:
                tile(f, source, taps, taps_at, table, out, out_at, version)
            else:
                tile(f, source, taps, taps_at, table, scratch, sums_at * size, version)
                for pixel in range(pixels):
                    row, column = y + (x + pixel) // pitch, (x + pixel) % pitch
                    for n in range(filters if row < y_stop and column < width else 0):
                        value = scratch[sums_at + pixel * t.VECTORS * layout[L.lanes] + n]
                        out[image, channel + n, row, column] = value
            x += pixels
            y, x = y + x // pitch, x % pitch
            if x >= width:
                y, x = y + 1, np.int64(0)
