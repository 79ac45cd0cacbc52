"""The kernel of the separable method: rows of output, strip by strip down a tile of columns.

New rows are packed into a ring of rows: element type converted, border applied.  From it the column
factors make a strip of sums, which is turned so that the same inner loop runs along the row
factors, turned back and stored.  Rows that a dilation separates are walked one phase after
another, so that the rows of a ring are neighbours in it.

`layout` describes the problem to compiled code as int64 numbers, indexed by the names below.
"""

from ...codegen import jit, machine
from ...codegen.borders import source_column, source_index
from ...codegen.elements import read, write
from ...codegen.runs import convert_rows, convert_run, has_runs
from ...codegen.simd import store_fence
from .line import RUN, fetch_lines, line, scale_vectors
from .turn import STREAM, deliver, turn

FIELDS = (
    ROWS_OUT, COLUMNS_OUT, ROWS_IN, COLUMNS_IN, LEAD_Y, LEAD_X, DILATION_Y, DILATION_X, TAPS_Y,
    TAPS_X, SPAN_X, BORDER_Y, BORDER_X, CHANNELS, LARGE, PRODUCTS, HALVES_Y, HALVES_X, KEPT_Y,
    KEPT_X, SCALED, LANES, PIXELS, GROUP, CHUNK, TILE, RING, FETCHED,
    BLOCK_AT, SUMS_AT, ROWS_AT, ROWS_STEP, TURNED_AT, TURNED_STEP, RING_AT, RING_STEP, END,
) = range(37)  # fmt: skip


@jit.jit()
def _pack(f, fill, layout, scratch, at, plane, y, rows, x, columns, inside):
    """``rows`` rows from row ``y`` on, a dilation apart, of ``columns`` pixels from ``x`` on.

    ``inside``: only those pixels that lie outside the image.
    """
    size, step = layout[COLUMNS_IN], layout[DILATION_Y]
    first = min(max(-x, 0), columns)
    last = max(min(size - x, columns), first)
    flat = has_runs(f)
    plane_at, image_row = plane * (f.strides[0] // f.itemsize), f.strides[1] // f.itemsize
    for n in range(0 if inside else rows):
        row = source_index(y + n * step, layout[ROWS_IN], layout[BORDER_Y])
        target = at + n * layout[RING_STEP]
        if row < 0:
            for column in range(columns):
                scratch[target + column] = fill[0]
        elif flat:
            source = plane_at + row * image_row + x + first
            convert_run(f, source, scratch, target + first, last - first)
        else:
            for column in range(first, last):
                scratch[target + column] = read(f, (plane, row, x + column), 0, scratch)
    # column by column: one look at the border's rule serves a whole column
    for outside in range(columns - (last - first)):
        column = outside if outside < first else outside + last - first
        pixel = source_column(x + column, size, layout[CHANNELS], layout[BORDER_X])
        for n in range(rows):
            row = source_index(y + n * step, layout[ROWS_IN], layout[BORDER_Y])
            if row >= 0:
                value = fill[0] if pixel < 0 else read(f, (plane, row, pixel), 0, scratch)
                scratch[at + n * layout[RING_STEP] + column] = value


@jit.jit()
def _finish(out, layout, scratch, base, plane, y, height, x, width):
    """Convert and store rows of sums."""
    flat = has_runs(out)
    out_at, out_row = plane * (out.strides[0] // out.itemsize) + x, out.strides[1] // out.itemsize
    for n in range(height):
        at, row = base + layout[ROWS_AT] + n * layout[ROWS_STEP], y + n * layout[DILATION_Y]
        if flat:
            convert_run(scratch, at, out, out_at + row * out_row, width)
        else:
            for column in range(width):
                value = scratch[at + column]
                write(out, (plane, row, x + column), value, scratch.dtype.type(0))


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    base = -(scratch.ctypes.data // scratch.itemsize) % (machine.CACHE_LINE // scratch.itemsize)
    lanes, chunk, group = layout[LANES], layout[CHUNK], layout[GROUP]
    step, spread, run = layout[DILATION_Y], layout[DILATION_X], min(RUN, lanes)
    block, sums = base + layout[BLOCK_AT], base + layout[SUMS_AT]
    turned, ring = base + layout[TURNED_AT], base + layout[RING_AT]
    halo, both = layout[TAPS_Y] - 1, layout[KEPT_Y] + layout[KEPT_X]
    image_row, out_row = f.strides[1] // f.itemsize, out.strides[1] // out.itemsize
    rows_alike = (
        out.strides[0] % machine.VECTOR_BYTES == 0 and out.strides[1] % machine.VECTOR_BYTES == 0
    )
    # whole vectors of results begin `skip` columns further on
    vector = machine.VECTOR_BYTES // out.itemsize
    skip = -(out.ctypes.data // out.itemsize) % vector if rows_alike else 0
    streamed = STREAM if layout[LARGE] and rows_alike and machine.FILLS_LINES else 0
    stored, flat = layout[PIXELS] > 0 and has_runs(out), has_runs(f)
    while start < stop:
        plane, top = start // layout[ROWS_OUT], start % layout[ROWS_OUT]
        bottom = min(layout[ROWS_OUT], top + stop - start)
        start += bottom - top
        f_at = plane * (f.strides[0] // f.itemsize)
        out_at = plane * (out.strides[0] // out.itemsize)
        for x in range(0, layout[COLUMNS_OUT], layout[TILE]):
            width = min(layout[TILE], layout[COLUMNS_OUT] - x)
            left, columns = x - layout[LEAD_X], width + layout[SPAN_X] - 1
            first_in = min(max(-left, 0), columns)
            last_in = max(min(layout[COLUMNS_IN] - left, columns), first_in)
            for y in range(top, min(top + step, bottom)):
                count = (bottom - y + step - 1) // step
                packed, place = 0, 0
                for first in range(0, count, lanes):
                    height = min(lanes, count - first)
                    if place == layout[RING]:
                        for n in range(halo):
                            source = ring + (n + place) * layout[RING_STEP]
                            target = ring + n * layout[RING_STEP]
                            convert_run(scratch, source, scratch, target, columns)
                        place = 0
                    row, missing = (
                        y + packed * step - layout[LEAD_Y],
                        first + height + halo - packed,
                    )
                    at = ring + (packed - first + place) * layout[RING_STEP]
                    inside = flat and row >= 0 and row + (missing - 1) * step < layout[ROWS_IN]
                    if not inside or first_in > 0 or last_in < columns:
                        _pack(
                            f, fill, layout, scratch, at, plane, row, missing, left, columns, inside
                        )
                    packed += missing
                    source = f_at + row * image_row + left
                    if inside:
                        convert_rows(
                            f, source + first_in, step * image_row, scratch, at + first_in,
                            layout[RING_STEP], missing, last_in - first_in,
                        )  # fmt: skip
                    ahead = source + missing * step * image_row
                    fetches = layout[LARGE] and flat and packed < halo + count
                    # the column factors over the strip, turned
                    under = ring + place * layout[RING_STEP]
                    place += lanes
                    for vector in range((columns + lanes - 1) // lanes):
                        if fetches and vector % layout[FETCHED] == 0:
                            fetch_lines(f, ahead + vector * lanes, step * image_row, lanes)
                        for product in range(layout[PRODUCTS]):
                            line(
                                scratch, under + vector * lanes, layout[RING_STEP],
                                taps, (product * both, layout[TAPS_Y], layout[HALVES_Y]),
                                block, lanes, 0, lanes // run,
                            )  # fmt: skip
                            target = turned + product * layout[TURNED_STEP]
                            turn(scratch, block, target + vector * lanes * lanes, lanes)
                    # the row factors, a chunk of columns after another, turned back
                    row = y + first * step
                    whole = stored and height == lanes and width >= skip + chunk
                    begin = skip if whole else 0
                    inner = (width - begin) // chunk
                    rest = (width - begin) % chunk > 0
                    for n in range(-(begin > 0), inner + rest):
                        column, flags = begin + n * chunk, streamed
                        if whole and (n < 0 or n == inner):  # the edges end where the tile does
                            column, flags = 0 if n < 0 else width - chunk, 0
                        for phase in range(spread):
                            target = sums + phase * lanes
                            for product in range(layout[PRODUCTS]):
                                source = turned + product * layout[TURNED_STEP]
                                line(
                                    scratch, source + (column + phase) * lanes, spread * lanes,
                                    taps, (product * both + layout[KEPT_Y], layout[TAPS_X],
                                           layout[HALVES_X]),
                                    target, spread * lanes, product, group // run,
                                )  # fmt: skip
                        if layout[SCALED]:
                            scale_vectors(scratch, sums, chunk, taps, layout[PRODUCTS] * both)
                        if whole:
                            target = out_at + row * out_row + x + column
                            for part in range(0, chunk, group):
                                deliver(
                                    scratch, sums + part * lanes, out, target + part,
                                    step * out_row, flags,
                                )  # fmt: skip
                        else:
                            target = base + layout[ROWS_AT] + column
                            for part in range(0, chunk, lanes):
                                turn(scratch, sums + part * lanes, target + part, layout[ROWS_STEP])
                    if not whole:
                        _finish(out, layout, scratch, base, plane, row, height, x, width)
    store_fence()
