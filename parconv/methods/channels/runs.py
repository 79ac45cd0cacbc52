"""Units whose outputs go as a run: see `pointwise`."""

import numpy as np

from ...codegen import jit
from .copying import copy_cells
from .numbers import L
from .tiles import run_of_pixels
from .units import place_of


@jit.jit(inline="always")
def _dense(array, count):
    """Whether pixels of so many neighbouring channels follow one another in a row."""
    size = array.itemsize
    near = (count == 1 or array.strides[1] == size) and array.strides[3] == count * size
    return near and array.strides[2] % size == 0 and array.strides[0] % size == 0


@jit.jit(inline="always")
def _joined(f, out):
    """Whether images follow one another as rows do: then so do the units of a band.

    Microseconds by rows of units and so: 7 images of 4 x 5 of 461 channels to 16 31, 22, to 17
    under AVX2 132, 32; 4 of 6 x 7 of 244 to 96 118, 69 (Zen 4 VM, 2026-11).
    """
    images = f.strides[0] == f.shape[2] * f.strides[2]
    return images and out.strides[0] == out.shape[2] * out.strides[2]


@jit.jit()
def all_runs(f, taps, out, layout, scratch, start, stop):
    """Units of outputs that go as a run: row by row, or all rows at once."""
    size, width = out.itemsize, layout[L.columns_out]
    inputs, outputs = layout[L.channels], layout[L.filters]
    ways = layout[L.stride_x] == 1 and _dense(f, inputs), _dense(out, outputs)
    flat = ways[0] and ways[1] and f.strides[2] == width * f.strides[3]
    flat = flat and layout[L.stride_y] == 1
    flat = flat and out.strides[2] == width * out.strides[3]
    streams, whole = ways[1] and layout[L.large], flat and _joined(f, out)
    step = stop - start if whole else 1
    for unit in range(start, stop, step):
        _, image, part = place_of(layout, unit)
        y = part * layout[L.height]
        y_stop = min(y + layout[L.height], layout[L.rows_out])
        if whole:
            _, last, part = place_of(layout, stop - 1)
            y_stop = min((part + 1) * layout[L.height], layout[L.rows_out])
            y_stop += (last - image) * layout[L.rows_out]
        pixels = width * (y_stop - y) if flat else width
        while y < y_stop:
            source = image * f.strides[0] - layout[L.lead_x] * f.strides[3]
            source += (y * layout[L.stride_y] - layout[L.lead_y]) * f.strides[2]
            target = image * out.strides[0] + y * out.strides[2]
            if not ways[0]:
                copy_cells(
                    f, source, f.strides[1], layout[L.stride_x] * f.strides[3], scratch,
                    layout[L.copy_at], inputs, inputs, width,
                )  # fmt: skip
                source = layout[L.copy_at] * size
            if not ways[1]:
                target = layout[L.room_at] * size
            run_of_pixels(
                layout[L.run_of], f, scratch, ways, source // size, taps, out, target // size,
                (pixels, inputs, outputs, layout[L.period]), layout, layout[L.lookup],
                layout[L.room_at], np.int64(streams),
            )  # fmt: skip
            if not ways[1]:
                _spread(out, scratch, target // size, image, y)
            y = y_stop if flat else y + 1


@jit.jit()
def _spread(out, scratch, at, image, y):
    """A row of outputs to wherever they lie."""
    for x in range(out.shape[3]):
        for n in range(out.shape[1]):
            out[image, n, y, x] = scratch[at]
            at += 1
