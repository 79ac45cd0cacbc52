"""The part of the kernel for images and results whose channels lie side by side."""

import numpy as np

from ...codegen import jit, machine
from ...codegen.foreign import as_line
from ...codegen.runs import fetch_lines
from .across import WIDTHS as ACROSS, across_tiles
from .channels import MASK, STORE, STREAM, channel_tiles
from .numbers import L
from .pixels import pixel_tiles
from .strip import MASKED


@jit.jit()
def side_by_side(array):
    """Whether channels are runs of elements."""
    size, (b, c, y, x) = array.itemsize, array.strides
    return c == size and b % size == y % size == x % size == 0


@jit.jit()
def _streamed(out, layout):
    """Whether vectors of every pixel lie as stores past the caches need."""
    length = machine.VECTOR_BYTES
    return (
        layout[L.past_caches]
        and machine.FILLS_LINES
        and out.ctypes.data % length == out.strides[0] % length == 0
        and out.strides[2] % length == out.strides[3] % length == 0
    )


@jit.jit()
def all_channels(f, taps, out, layout, scratch, start, stop):
    """Rows of all channels ``[start, stop)``, counted over the images."""
    channels, lanes = layout[L.outputs], machine.VECTOR_BYTES // out.itemsize
    whole = STREAM if _streamed(out, layout) else STORE
    for lane in range(lanes):
        scratch[lane] = 0
    # whole vectors of channels, then the rest in one that ends with the channels
    full, rest, at = channels // lanes, channels % lanes, channels - lanes
    mask = ((1 << rest) - 1) << (lanes - rest)
    vectors = (0, full, whole, 0), (at, np.int64(rest > 0), MASK, mask)
    while start < stop:
        b, y = start // layout[L.rows_out], start % layout[L.rows_out]
        end = min(layout[L.rows_out], y + stop - start)
        start += end - y
        for top in range(y, end, layout[L.high]):
            height = min(layout[L.high], end - top)
            for first in range(0, layout[L.columns_out], layout[L.together]):
                _rows(f, taps, out, layout, scratch, b, (top, first), height, vectors)


@jit.jit()
def _rows(f, taps, out, layout, scratch, b, place, height, vectors):
    """So many rows of a tile, from ``place`` on as far as pixels go together, of some channels."""
    element, stride, (y, first) = out.itemsize, layout[L.stride], place
    last = min(first + layout[L.together], layout[L.columns_out])
    row, pixel = f.strides[2] // element, f.strides[3] // element
    steps = out.strides[2] // element, out.strides[3] // element
    top = y * stride - layout[L.lead_y]
    source = (b * f.strides[0] + top * f.strides[2]) // element
    target = b * out.strides[0] // element + y * steps[0]
    left, right = _whole(layout)
    border, inner = layout[L.border_tile], layout[L.tile]
    for begin, end, tile in ((0, left, border), (left, right, inner), (right, last, border)):
        start, stop = max(begin, first), min(end, last)
        column = start * stride - layout[L.lead_x]
        image = row, pixel, top, layout[L.rows_in], column, layout[L.columns_in]
        for at, count, how, mask in vectors:
            below = layout[L.high] * stride * row - count * (machine.VECTOR_BYTES // element)
            if count and start < stop:
                channel_tiles(
                    tile, f, source + column * pixel + at, image,
                    scratch, 0, taps, (layout[L.taps_at] + at, layout[L.outputs]), out,
                    (height, stop - start, target + start * steps[1] + at, *steps, how, mask),
                    (layout[L.last_ahead], below), count,
                )  # fmt: skip


# --- by tiles of pixels --------------------------------------------------------------------------


@jit.jit()
def all_pixels(f, taps, out, layout, scratch, start, stop, near):
    """Rows of all channels ``[start, stop)``, counted over the images.

    ``near``: whether channels of the image, of the result are runs.
    """
    outputs, lanes = layout[L.outputs], machine.VECTOR_BYTES // out.itemsize
    for lane in range(lanes):
        scratch[lane] = 0
    maps = np.int64(0), outputs, *channels_of(layout, np.int64(0), outputs)
    for unit in range(start, stop):
        where = unit // layout[L.rows_out], unit % layout[L.rows_out]
        _pixel_row(f, taps, out, layout, scratch, where, maps, near)


@jit.jit()
def channels_of(layout, first, last):
    """The channels [begin, end) that maps ``[first, last)`` of output see, and how many vectors.

    Whole ones, whose results are all stored, or, where masks are cheap, all; and others: one that
    ends with the channels, or all of them where some results of a vector are not.
    """
    each, lanes = layout[L.multiplier], layout[L.lanes]
    begin, end = first // each, (last - 1) // each + 1
    if MASKED:
        return begin, end, (end - begin + lanes - 1) // lanes, 0, layout[L.outputs] // each
    full, rest = (end - begin) // lanes, min((end - begin) % lanes, 1)
    if full == 0 or first % each or last % each:
        full, rest = 0, (end - begin + lanes - 1) // lanes
    return begin, end, full, rest, layout[L.outputs] // each


@jit.jit()
def _pixel_row(f, taps, out, layout, scratch, where, maps, near):
    """A row of output: of some channels of an image."""
    (b, y), (first, last, start, stop, _, _, channels) = where, maps
    element, lanes = out.itemsize, machine.VECTOR_BYTES // out.itemsize
    dilation, size = layout[L.dilation_y], layout[L.size]
    top = y * layout[L.stride_y] - layout[L.lead_y]
    # rows of taps [begin, end) that lie in the image
    begin = min(max(-(top // dilation), 0), size)
    end = max(min((layout[L.rows_in] - 1 - top) // dilation + 1, size), begin)
    row_out = lanes + layout[L.outputs] * layout[L.columns_out]
    image, pixel = as_line(f, scratch), f.strides[3] // element
    down = dilation * f.strides[2] // element
    at = (b * f.strides[0] + (top + begin * dilation) * f.strides[2]) // element
    if not near[0]:  # its rows, copied so that they are
        image, down, pixel, at = scratch, channels * layout[L.columns_in], channels, row_out
        for n in range(begin, end):
            for x in range(layout[L.columns_in]):
                for c in range(start, stop):
                    place = at + (n - begin) * down + x * pixel + c
                    scratch[place] = f[b, c, top + n * dilation, x]
    result, step = as_line(out, scratch), out.strides[3] // element
    target = (b * out.strides[0] + y * out.strides[2]) // element
    if not near[1]:
        result, step, target = scratch, layout[L.outputs], lanes
    ways = STREAM if near[1] and first % lanes == 0 and _streamed(out, layout) else STORE
    steps, rows, place = (down, pixel), (end - begin, begin), (target, step, ways)
    row_of_tiles(image, at, steps, rows, scratch, taps, layout, maps, result, place)
    if not near[1]:
        for x in range(layout[L.columns_out]):
            for c in range(first, last):
                out[b, c, y, x] = scratch[target + x * step + c]


@jit.jit()
def row_of_tiles(image, at, steps, rows, scratch, taps, layout, maps, out, result):
    """All tiles of a row of output, whose pixels may be shared along it."""
    if layout[L.phases]:
        _across(image, at, steps, rows, scratch, taps, layout, maps, out, result)
    else:
        _tiles(image, at, steps, rows, scratch, taps, layout, maps, out, result)


@jit.jit()
def _across(image, at, steps, rows, scratch, taps, layout, maps, out, result):
    """Tiles along a row whose outputs lie as far apart as taps do, from each such column on."""
    (down, pixel), (target, step, how) = steps, result
    phases, unit, outputs = layout[L.phases], layout[L.unit], layout[L.outputs]
    filters = layout[L.taps_at] + rows[1] * layout[L.size_x] * outputs
    for turn in range(phases * _parts(maps)):
        phase, part = turn // _parts(maps), turn % _parts(maps)
        place, vectors, way, skipped, shown = _part(layout, maps, part, how)
        count = (layout[L.columns_out] - phase + phases - 1) // phases
        narrow = count < ACROSS[0]
        width = ACROSS[1] if narrow else ACROSS[0]
        column = phase * layout[L.stride_x] - layout[L.lead_x]
        across_tiles(
            layout[L.across_tile] + narrow, image, at + column * pixel + place,
            (down, unit * pixel), rows, (column, unit, layout[L.columns_in]), scratch, 0, taps,
            (filters + place, outputs), out, (target + phase * step + place, phases * step, way,
            skipped, shown), ((count + width - 1) // width, count - width), vectors,
            maps[3] - place,
        )  # fmt: skip


@jit.jit(inline="always")
def _parts(maps):
    """How many calls serve all channels: of whole vectors, and of others."""
    return min(maps[4], 1) + maps[5]


@jit.jit(inline="always")
def _part(layout, maps, number, how):
    """The first channel of a call, vectors, how to store them, and which results are stored."""
    first, last, begin, end, full, _, channels = maps
    lanes, each = layout[L.lanes], layout[L.multiplier]
    if full == 0:
        place = min(begin + number * lanes, channels - lanes)
        skipped, shown = max(first - place * each, 0), min(last - place * each, lanes * each)
        return place, np.int64(1), np.int64(STORE), skipped, shown
    if number == 0:
        return begin, full, np.int64(how), first - begin * each, last - begin * each
    return end - lanes, np.int64(1), np.int64(STORE), np.int64(0), lanes * each


@jit.jit()
def _tiles(image, at, steps, rows, scratch, taps, layout, maps, out, result):
    """Tiles along a row; the last of each part is pulled back, which stores the same bits again."""
    columns, most = layout[L.columns_out], layout[L.widest]
    left, right = _inner(layout)
    for part in range(3):
        start, stop = 0, left
        if part > 0:
            start, stop = (left, right) if part == 1 else (right, columns)
        # of those next to the border as narrow tiles as can be
        room, needed = (stop - start, most) if part == 1 else (columns, stop - start)
        width, key = most, layout[L.pixel_tile]
        if most == 8 and (room < 8 or needed <= 4):
            width, key = 4, key + 2
        if room < width or needed <= 1:
            width, key = 1, layout[L.last_tile]
        for tile in range(start, stop, width):
            if width == 8 and stop - tile <= 4:
                width, key = 4, key + 2
            x = min(tile, (stop if part == 1 else columns) - width)
            _tile(
                key + (part != 1), x, image, at, steps, rows, scratch, taps, layout,
                maps, out, result,
            )  # fmt: skip


@jit.jit()
def _inner(layout):
    """Columns of output whose taps lie inside the rows, from first to last; none of few."""
    stride, size, columns = layout[L.stride_x], layout[L.size_x], layout[L.columns_out]
    left = min(-(-max(layout[L.lead_x], 0) // stride), columns)
    over = layout[L.columns_in] + layout[L.lead_x] - (size - 1) * layout[L.dilation_x] - 1
    right = min(over // stride + 1, columns) if over >= 0 else 0
    if right - left < 4:
        return columns, columns
    return left, right


@jit.jit()
def _tile(key, x, image, at, steps, rows, scratch, taps, layout, maps, out, result):
    """A tile of pixels from ``x`` on; ``maps``: of output, and what `channels_of` tells of them."""
    (down, pixel), (target, step, how) = steps, result
    stride, dilation, size = layout[L.stride_x], layout[L.dilation_x], layout[L.size_x]
    outputs, each, channels = layout[L.outputs], layout[L.multiplier], maps[6]
    column = x * stride - layout[L.lead_x]
    if not layout[L.near] and key % 2 == 0:  # the columns of the next tile, of the last rows
        across = layout[L.widest] * stride * pixel
        line, following = machine.CACHE_LINE // image.itemsize, at + column * pixel + across
        for row in range(max(rows[0] - layout[L.stride_y], 0), rows[0]):
            fetch_lines(image, following + row * down, line, (across + line - 1) // line)
    for n in range(_parts(maps)):
        place, vectors, way, skipped, shown = _part(layout, maps, n, how)
        pixel_tiles(
            key, image, at + column * pixel + place, (down, dilation * pixel, stride * pixel),
            rows, (size, column, dilation, stride, layout[L.columns_in]), scratch, 0, taps,
            (layout[L.taps_at] + rows[1] * size * outputs + place, outputs, channels), out,
            (target + x * step + place * each, step, way, skipped, shown), vectors, maps[3] - place,
        )  # fmt: skip


@jit.jit()
def _whole(layout):
    """The columns of output whose filters lie inside the rows, from first to last."""
    stride, columns = layout[L.stride], layout[L.columns_out]
    left = min(-(-max(layout[L.lead_x], 0) // stride), columns)
    right = (layout[L.columns_in] + layout[L.lead_x] - layout[L.size]) // stride + 1
    return left, max(min(right, columns), left)
