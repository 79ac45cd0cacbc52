"""The kernel of the method of dot products: rows of output, tile by tile, from packed bytes.

Every row the tiles read is copied into the worker's scratch, border applied, shortly before it is
needed, and stays there for the rows of output that share it.

`layout` describes the problem to compiled code as int64 numbers, indexed by the names below.
"""

import numpy as np

from ... import jit
from ...borders import source_column, source_index
from ...simd import store_fence
from ..direct.elements import read
from ..direct.runs import has_runs
from .rows import copy_bytes, deliver
from .tile import PREFETCH, ROW_STEP, ROWS, STREAM, WIDTH, tile_row

FIELDS = (
    ROWS_OUT, COLUMNS_OUT, ROWS_IN, COLUMNS_IN, LEAD_Y, LEAD_X, SPAN_Y, SPAN_X, BORDER_Y, BORDER_X,
    CHANNELS, LARGE, BLOCK, PANEL, ADJACENT, RESULTS_AT,
) = range(16)  # fmt: skip
# Then what the tile loops over.
STEPS_AT = len(FIELDS)
CONSTANT, FLIP = 0, 1  # in `fill`, as bytes


@jit.jit()
def _pack(f, fill, layout, cells, plane, y, first, last, x, width):
    """Rows ``[first, last)`` of those under outputs from (y, x) on, ``width`` of them a row."""
    size, border, rows = layout[COLUMNS_IN], layout[BORDER_X], layout[ROWS_IN]
    top, left = y - layout[LEAD_Y], x - layout[LEAD_X]
    columns = width + layout[SPAN_X] - 1
    begin = min(max(-left, 0), columns)
    end = max(min(size - left, columns), begin)
    constant, flip = np.uint8(fill[CONSTANT]), np.uint8(fill[FLIP])
    image_row, flat = f.strides[1] // f.itemsize, has_runs(f)
    plane_at = plane * (f.strides[0] // f.itemsize) + left + begin
    for n in range(first, last):
        at, row = n * layout[STEPS_AT + ROW_STEP], source_index(top + n, rows, layout[BORDER_Y])
        if row < 0:
            cells[at : at + columns] = constant
            continue
        if flat:
            source = plane_at + row * image_row
            copy_bytes(f, source, cells, at + begin, end - begin, flip)
        else:
            for column in range(begin, end):
                cells[at + column] = read(f, (plane, row, left + column), 0, cells) ^ flip
        for outside in range(columns - (end - begin)):
            column = outside if outside < begin else outside + end - begin
            pixel = source_column(left + column, size, layout[CHANNELS], border)
            if pixel < 0:
                cells[at + column] = constant
            else:
                cells[at + column] = read(f, (plane, row, pixel), 0, cells) ^ flip


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    columns, adjacent, results = layout[COLUMNS_OUT], layout[ADJACENT], layout[RESULTS_AT]
    row_step = layout[STEPS_AT + ROW_STEP]
    cells, flat, size, line = scratch.view(np.uint8), has_runs(out), out.itemsize, WIDTH
    plane_bytes, row_bytes, panel_bytes = out.strides[0], out.strides[1], layout[PANEL] * size
    # aligned stores begin `skip` columns further on
    alike = plane_bytes % line == 0 and row_bytes % line == 0
    stream = STREAM if layout[LARGE] and alike else 0
    prefetch = PREFETCH if layout[LARGE] else 0
    misaligned = out.ctypes.data % line // size if stream else 0
    skip = line // size - misaligned if misaligned else 0
    while start < stop:
        plane, y = start // layout[ROWS_OUT], start % layout[ROWS_OUT]
        y_stop = min(layout[ROWS_OUT], y + stop - start)
        start += y_stop - y
        while y < y_stop:
            height, x = min(layout[BLOCK], y_stop - y), np.int64(0)
            while x < columns:
                # all panels but the first begin where stores are aligned
                width = min(layout[PANEL] - (0 if x else misaligned), columns - x)
                begin, packed = (0 if x else skip), np.int64(0)
                tiles = max(width - begin, 0) // WIDTH if flat and height >= ROWS else 0
                end = begin + tiles * WIDTH if tiles else 0
                for first in range(0, height, ROWS):
                    # the last tiles of a block are pulled back: the same bits again
                    row, rows = min(first, max(height - ROWS, 0)), min(ROWS, height)
                    needed, source = row + rows + layout[SPAN_Y] - 1, row * row_step
                    _pack(f, fill, layout, cells, plane, y, packed, needed, x, width)
                    packed = needed
                    if tiles:
                        target = plane * plane_bytes + (y + row) * row_bytes + (x + begin) * size
                        ahead = plane * f.strides[0] + (x + begin - layout[LEAD_X]) * f.itemsize
                        ahead += (y + needed - layout[LEAD_Y]) * f.strides[1]
                        tile_row(
                            cells, taps, layout, STEPS_AT, out, out, f,
                            (source + begin, target, row_bytes, ahead, f.strides[1]),
                            tiles, (adjacent, stream + prefetch),
                        )  # fmt: skip
                    # what fills no tile, or would touch a line that is stored past the caches
                    for left, right in ((0, begin if tiles else 0), (end, width)):
                        if left < right:
                            tile_row(
                                cells, taps, layout, STEPS_AT, cells, out, f,
                                (source + left, results, panel_bytes, 0, 0),
                                (right - left + WIDTH - 1) // WIDTH, (adjacent, 0),
                            )  # fmt: skip
                        parts, run = (1, right - left) if flat else (right - left, 1)
                        for n in range(rows if right > left else 0):
                            for part in range(parts):
                                at = results + n * panel_bytes + part * size
                                deliver(cells, at, out, (plane, y + row + n, x + left + part), run)
                x += width
            y += height
    store_fence()
