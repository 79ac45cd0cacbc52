"""The part of the kernel for small planes: channels turned into lanes, some planes at a time.

A vector of pixels would be wider than a row of such a plane.  So the planes of some channels are
copied with their channels side by side, between columns of zeros, go by tiles of pixels, and the
results are turned back: what is stored are whole planes.

Rows of results have at least as many columns as a narrow tile, and what one has beyond its own is
overwritten by the next row.
"""

import numpy as np

from ...codegen import jit, machine
from ...codegen.foreign import as_line
from ...codegen.packing import put
from ..channels.copying import copy_cells
from .channels import STORE
from .last import channels_of, row_of_tiles
from .numbers import L


@jit.jit()
def turned_planes(f, taps, out, layout, scratch, start, stop):
    """Planes ``[start, stop)``, counted over the images."""
    each, outputs, wide = layout[L.multiplier], layout[L.outputs], layout[L.turned]
    at = machine.VECTOR_BYTES // out.itemsize
    put(scratch, 0, 1, at + layout[L.rows_in] * layout[L.copy_row] * wide, scratch.dtype.type(0))
    while start < stop:
        b, first = start // outputs, start % outputs
        begin = first // each
        last = min(outputs, first + stop - start, (begin + wide) * each)
        end = (last - 1) // each + 1
        # at least as many channels as a vector has lanes, whose planes may be others'
        begin = min(begin, max(end - layout[L.lanes], 0))
        end = max(end, begin + layout[L.lanes])
        target = _turn_in(f, layout, scratch, at, b, begin, end)
        pitch = out.shape[3] * wide * each
        for y in range(layout[L.rows_out]):
            _row(taps, layout, scratch, at, target + y * pitch, y, begin, end)
        _turn_out(out, layout, scratch, target + first - begin * each, b, first, last)
        start += last - first


@jit.jit()
def _turn_in(f, layout, scratch, at, b, begin, end):
    """Pixels of channels ``[begin, end)``, side by side; where there is room behind them."""
    wide, pitch, lead = layout[L.turned], layout[L.copy_row], layout[L.copy_lead]
    step, first = layout[L.sift], layout[L.first_x]
    count = min((f.shape[3] - first + step - 1) // step, pitch - lead)  # which outputs meet
    for row in range(layout[L.rows_in]):
        source = b * f.strides[0] + begin * f.strides[1] + first * f.strides[3]
        source += (layout[L.first_y] + row * step) * f.strides[2]
        place, channels = at + (row * pitch + lead) * wide, end - begin
        copy_cells(
            f, source, f.strides[1], step * f.strides[3], scratch, place, wide, channels, count
        )
    return at + layout[L.rows_in] * pitch * wide


@jit.jit()
def _row(taps, layout, scratch, at, target, y, begin, end):
    """A row of results of those channels, all filters of each."""
    dilation, wide, each = layout[L.dilation_y], layout[L.turned], layout[L.multiplier]
    pitch, top = layout[L.copy_row] * wide, y * layout[L.stride_y] - layout[L.lead_y]
    # rows of taps [low, high) that lie in the image
    low = min(max(-(top // dilation), 0), layout[L.size])
    high = max(min((layout[L.rows_in] - 1 - top) // dilation + 1, layout[L.size]), low)
    source, first, last = at + (top + low * dilation) * pitch - begin, begin * each, end * each
    maps = first, last, *channels_of(layout, first, last)
    row_of_tiles(
        scratch, source, (dilation * pitch, wide), (high - low, low), scratch, taps, layout, maps,
        scratch, (target - first, wide * each, np.int64(STORE)),
    )  # fmt: skip


@jit.jit()
def _turn_out(out, layout, scratch, source, b, first, last):
    """The results of planes ``[first, last)``, which lie side by side from there on."""
    size, rows, columns = out.itemsize, out.shape[2], out.shape[3]
    pixel, steps = layout[L.turned] * layout[L.multiplier], out.strides
    dense = steps[3] == size and (rows == 1 or steps[2] == columns * size)
    if dense and steps[1] % size == steps[0] % size == 0:
        at = (b * steps[0] + first * steps[1]) // size
        copy_cells(
            scratch, source * size, pixel * size, size, as_line(out, scratch), at,
            steps[1] // size, rows * columns, last - first,
        )  # fmt: skip
        return
    for index in range(rows * columns):
        for n in range(last - first):
            place = source + index * pixel + n
            out[b, first + n, index // columns, index % columns] = scratch[place]
