"""The kernel of the method of dot products: rows of output, tile by tile, from rows of bytes.

Tiles read the image itself where all their taps lie within it.  Elsewhere every row they read is
copied into the worker's scratch, border applied, shortly before it is needed, and stays there for
the rows of output that share it.

`layout` describes the problem as numbers, whose names are below.
"""

import numpy as np

from ...codegen import jit
from ...codegen.borders import source_column, source_index
from ...codegen.elements import read
from ...codegen.layout import Layout
from ...codegen.packing import aligned_after, rows_alike, within
from ...codegen.runs import has_runs
from ...codegen.simd import store_fence
from .rows import copy_bytes, deliver
from .tile import PREFETCH, STREAM, WIDTH, tile_row

L = Layout(
    "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "span_y", "span_x",
    "border_y", "border_x", "channels", "large", "far", "block", "panel", "order", "height",
    "results_at", "row_step", "right",
    tables=("steps",),
)  # fmt: skip
CONSTANT, FLIP = 0, 1  # in `fill`, as bytes
# Rows so many bytes apart share a set of the first-level cache, which holds so many of their lines
# (Zen 4 and 5, Intel since 2019).  Milliseconds for 4096 x 4096 at 15x15 from the image itself 9.6,
# packed 8.3; at 7x7 2.1 and 2.25 (Zen 5, 2026-11).
ALIAS, WAYS = 4096, 12
NARROW = 512  # columns whose rows are packed all at once, long before tiles read what was stored


@jit.jit()
def _inner(f, fill, layout, skip):
    """Columns ``[left, right)`` whose tiles may read the image itself, from ``skip`` on."""
    left = skip + max(layout[L.lead_x] - skip + WIDTH - 1, 0) // WIDTH * WIDTH
    right = left + (min(layout[L.right], layout[L.columns_out]) - left) // WIDTH * WIDTH
    crowded = f.strides[1] % ALIAS == 0 and layout[L.height] + layout[L.span_y] - 1 > WAYS
    if right <= left or crowded or fill[FLIP] or not has_runs(f):
        return 0, 0
    return left, right


@jit.jit()
def _pack(f, fill, layout, cells, plane, y, first, last, x, width):
    """Rows ``[first, last)`` of those under outputs from (y, x) on, ``width`` of them a row.

    Apart from `packing.fetch`: pixels stay bytes, and signed ones are flipped on the way.
    """
    size, border, rows = layout[L.columns_in], layout[L.border_x], layout[L.rows_in]
    top, left = y - layout[L.lead_y], x - layout[L.lead_x]
    columns = width + layout[L.span_x] - 1
    begin, end = within((left, 1, columns, size))
    constant, flip = np.uint8(fill[CONSTANT]), np.uint8(fill[FLIP])
    image_row, flat, step = f.strides[1] // f.itemsize, has_runs(f), layout[L.row_step]
    plane_at = plane * (f.strides[0] // f.itemsize) + left + begin
    for n in range(first, last):
        at, row = n * step, source_index(top + n, rows, layout[L.border_y])
        if row < 0:
            cells[at : at + columns] = constant
        elif flat:
            source = plane_at + row * image_row
            copy_bytes(f, source, cells, at + begin, end - begin, flip)
        else:
            for column in range(begin, end):
                cells[at + column] = read(f, (plane, row, left + column), cells) ^ flip
    # column by column: where a pixel comes from is the same in all rows
    for outside in range(columns - (end - begin)):
        column = outside if outside < begin else outside + end - begin
        pixel = source_column(left + column, size, layout[L.channels], border)
        for n in range(first, last):
            row = source_index(top + n, rows, layout[L.border_y])
            if row >= 0:
                value = read(f, (plane, row, max(pixel, 0)), cells) ^ flip
                cells[n * step + column] = value if pixel >= 0 else constant


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    columns, order, results = layout[L.columns_out], layout[L.order], layout[L.results_at]
    tile_rows, row_step, halo = layout[L.height], layout[L.row_step], layout[L.span_y] - 1
    lead_y, lead_x, image_row = layout[L.lead_y], layout[L.lead_x], f.strides[1]
    cells, flat, size, line = scratch.view(np.uint8), has_runs(out), out.itemsize, WIDTH
    plane_bytes, row_bytes, panel_bytes = out.strides[0], out.strides[1], layout[L.panel] * size
    # aligned stores begin `skip` columns further on
    stream = STREAM if layout[L.large] and rows_alike(out, line) else 0
    prefetch = PREFETCH if layout[L.far] else 0
    skip = aligned_after(out, 0, line) if stream else 0
    misaligned = line // size - skip if skip else 0
    left, right = _inner(f, fill, layout, skip) if flat else (0, 0)
    while start < stop:
        plane, y = start // layout[L.rows_out], start % layout[L.rows_out]
        y_stop = min(layout[L.rows_out], y + stop - start)
        start += y_stop - y
        while y < y_stop:
            height, x = min(layout[L.block], y_stop - y), np.int64(0)
            while x < columns:
                # panels but the first begin where stores are aligned; inner ones hold whole tiles
                inner = left <= x < right
                limit = right if inner else left if x < left else columns
                width = min(layout[L.panel] - (0 if x else misaligned), limit - x)
                begin, packed = (0 if x else skip), np.int64(0)
                tiles = max(width - begin, 0) // WIDTH if flat and height >= tile_rows else 0
                end = begin + tiles * WIDTH if tiles else 0
                for first in range(0, height, tile_rows):
                    # the last tiles of a block are pulled back: the same bits again
                    row, rows = min(first, max(height - tile_rows, 0)), min(tile_rows, height)
                    needed, source = row + rows + halo, row * row_step
                    top, bottom = y + row - lead_y, y + needed - lead_y
                    direct = inner and tiles and top >= 0 and bottom <= layout[L.rows_in]
                    if not direct and packed < needed:
                        ready = height + halo if width <= NARROW else needed
                        packed = max(packed, row)
                        _pack(f, fill, layout, cells, plane, y, packed, ready, x, width)
                        packed = ready
                    if tiles:
                        target = plane * plane_bytes + (y + row) * row_bytes + (x + begin) * size
                        pixel = plane * f.strides[0] + (x + begin - lead_x) * f.itemsize
                        ahead, origin = pixel + bottom * image_row, pixel + top * image_row
                        tile_row(
                            cells, taps, layout, L.length, out, out, f,
                            (origin if direct else source + begin,
                             image_row if direct else row_step,
                             target, row_bytes, ahead, image_row),
                            tiles, (order, stream + prefetch, np.int64(direct)),
                        )  # fmt: skip
                    # what fills no tile, or would touch a line that is stored past the caches
                    for at, stop_at in ((0, begin if tiles else 0), (end, width)):
                        if at < stop_at:
                            tile_row(
                                cells, taps, layout, L.length, cells, out, f,
                                (source + at, row_step, results, panel_bytes, 0, 0),
                                (stop_at - at + WIDTH - 1) // WIDTH, (order, 0, 0),
                            )  # fmt: skip
                        parts, run = (1, stop_at - at) if flat else (stop_at - at, 1)
                        for n in range(rows if stop_at > at else 0):
                            for part in range(parts):
                                found = results + n * panel_bytes + part * size
                                deliver(cells, found, out, (plane, y + row + n, x + at + part), run)
                x += width
            y += height
    store_fence()
