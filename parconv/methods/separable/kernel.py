"""The kernel of the separable method: rows of output, strip by strip down a tile of columns.

New rows are packed into a ring of rows: element type converted, border applied.  From it the column
factors make a strip of sums, which is turned so that the same inner loop runs along the row
factors, turned back and stored.  Rows that a dilation separates are walked one phase after
another, so that the rows of a ring are neighbours in it.

`layout` describes the problem as numbers, whose names are below.
"""

import numpy as np

from ...codegen import jit, machine
from ...codegen.foreign import as_sums
from ...codegen.layout import Layout
from ...codegen.packing import aligned_after, fetch, rows_alike, store
from ...codegen.runs import convert_run, fetch_lines, has_runs
from ...codegen.simd import store_fence
from ..finishing import finish_rows
from .along import NAMES, along_columns, along_rows
from .turn import STREAM, deliver, turn

L = Layout(
    *NAMES, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x",
    "dilation_y", "span_x", "border_y", "border_x", "large", "pixels", "group", "tile", "ring",
    "fetched", "fetches", "block_at", "sums_at", "rows_at", "rows_step", "turned_at", "turned_step",
    "ring_at", "ring_step", "beside", "end",
)  # fmt: skip


@jit.jit(inline="always")
def pack(f, fill, layout, scratch, plane, down, across, at, whole):
    """Rows of the extended image from ``at`` on in the ring, border applied.

    ``whole``: rows that lie there in which no pixel is missing, up to the last; so many are then.
    """
    target = at, layout[L.ring_step], 0
    fetch(f, layout[L.reads], (plane,), down, across, fill, scratch, target, True, True)
    return whole + down[2]


@jit.jit(inline="always")
def sum_columns(taps, layout, scratch, under, block, target, whole):
    """The column factors over a vector of columns of a strip, turned; ``whole``: if none lacks."""
    lanes = layout[L.lanes]
    for product in range(layout[L.products]):
        along_columns(taps, layout, scratch, under, layout[L.ring_step], product, block)
        turn(scratch, block, target + product * layout[L.turned_step], lanes)


@jit.jit(inline="always")
def sum_rows(taps, fill, layout, scratch, at, sums, whole):
    """The row factors over a chunk of columns that begins at ``at``."""
    along_rows(taps, layout, scratch, at, layout[L.turned_step], layout[L.group], sums)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    lanes, chunk, group, kept = layout[L.lanes], layout[L.chunk], layout[L.group], np.int64(0)
    step, halo, rows = layout[L.dilation_y], layout[L.taps_y] - 1, base + layout[L.rows_at]
    block, sums = base + layout[L.block_at], base + layout[L.sums_at]
    turned, ring = base + layout[L.turned_at], base + layout[L.ring_at]
    image_row, out_row = f.strides[1] // f.itemsize, out.strides[1] // out.itemsize
    alike = rows_alike(out, machine.VECTOR_BYTES)
    # whole vectors of results begin `skip` columns further on
    skip = aligned_after(out, 0, machine.VECTOR_BYTES) if alike else 0
    streamed = STREAM if layout[L.large] and alike and machine.FILLS_LINES else 0
    stored, writes = layout[L.pixels] > 0 and has_runs(out), layout[L.writes]
    flat = has_runs(f)
    while start < stop:
        plane, top = start // layout[L.rows_out], start % layout[L.rows_out]
        bottom = min(layout[L.rows_out], top + stop - start)
        start += bottom - top
        f_at = plane * (f.strides[0] // f.itemsize)
        out_at = plane * (out.strides[0] // out.itemsize)
        for x in range(0, layout[L.columns_out], layout[L.tile]):
            width = min(layout[L.tile], layout[L.columns_out] - x)
            left, columns = x - layout[L.lead_x], width + layout[L.span_x] - 1
            across = left, 1, columns, layout[L.columns_in], layout[L.channels], layout[L.border_x]
            for y in range(top, min(top + step, bottom)):
                count = (bottom - y + step - 1) // step
                packed, place, kept = 0, 0, np.int64(0)
                for first in range(0, count, lanes):
                    height = min(lanes, count - first)
                    if place == layout[L.ring]:
                        for n in range(halo):
                            source = ring + (n + place) * layout[L.ring_step]
                            target = ring + n * layout[L.ring_step]
                            convert_run(
                                scratch, source, scratch, target, layout[L.beside] + columns
                            )
                        place = 0
                    row = y + packed * step - layout[L.lead_y]
                    missing = first + height + halo - packed
                    at = ring + (packed - first + place) * layout[L.ring_step]
                    down = row, step, missing, layout[L.rows_in], 1, layout[L.border_y]
                    kept = pack(f, fill, layout, scratch, plane, down, across, at, kept)
                    packed += missing
                    whole = kept >= height + halo
                    source = f_at + row * image_row + left
                    ahead = source + missing * step * image_row
                    fetches = layout[L.fetches] and flat and packed < halo + count
                    # the column factors over the strip, turned
                    under = ring + place * layout[L.ring_step]
                    place += lanes
                    for vector in range((columns + lanes - 1) // lanes):
                        if fetches and vector % layout[L.fetched] == 0:
                            fetch_lines(f, ahead + vector * lanes, step * image_row, lanes)
                        sum_columns(
                            taps, layout, scratch, under + vector * lanes, block,
                            turned + vector * lanes * lanes, whole,
                        )  # fmt: skip
                    # the row factors, a chunk of columns after another, turned back
                    row = y + first * step
                    fills = stored and height == lanes and width >= skip + chunk
                    begin = skip if fills else 0
                    inner = (width - begin) // chunk
                    rest = (width - begin) % chunk > 0
                    for n in range(-(begin > 0), inner + rest):
                        column, flags = begin + n * chunk, streamed
                        if fills and (n < 0 or n == inner):  # the edges end where the tile does
                            column, flags = 0 if n < 0 else width - chunk, 0
                        sum_rows(
                            taps, fill, layout, scratch, turned + column * lanes, sums, whole
                        )  # fmt: skip
                        if fills:
                            target = out_at + row * out_row + x + column
                            for part in range(0, chunk, group):
                                deliver(
                                    scratch, sums + part * lanes, out, target + part,
                                    step * out_row, flags, taps,
                                )  # fmt: skip
                        else:
                            for part in range(0, chunk, lanes):
                                target = rows + column + part
                                turn(scratch, sums + part * lanes, target, layout[L.rows_step])
                    if not fills:
                        left_here, below = (rows, layout[L.rows_step], 0), (row, step, height)
                        vectors = (width + lanes - 1) // lanes
                        finish_rows(scratch, left_here[:2], (height, vectors), taps, out)
                        store(scratch, left_here, out, writes, (plane,), below, (x, 1, width))
    store_fence()
