"""The kernel of the windows: pixels added up down columns, then along rows.

Two steps down the columns make a row of sums, two along it the results.  Pixels are read where they
lie, or from rows that are packed: element type converted, border applied.  Rows that a dilation
separates are walked one phase after another, so that those of a ring are neighbours in it.

`layout` describes the problem as numbers, whose names are below.
"""

from ...codegen import jit, machine
from ...codegen.borders import source_column
from ...codegen.foreign import as_line, as_sums
from ...codegen.layout import ENDS, OWN, Layout
from ...codegen.packing import aligned_after, fetch, rows_alike, store
from ...codegen.runs import convert_run, fetch_lines, has_runs
from ...codegen.simd import store_fence
from .across import across, past_caches
from .adding import add_up

L = Layout(
    *ENDS, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "dilation_y",
    "dilation_x", "taps_y", "span_x", "border_y", "border_x", "channels", "large", "lanes",
    "stored", "tile", "height", "batch", "first_y", "second_y", "rest_y", "first_x", "second_x",
    "rest_x", "step", "sums_at", "down_at", "part_at", "across_at", "sources_at", "beside", "far",
    "end",
)  # fmt: skip

# Places among the taps of the powers of two that two sums are multiplied by: of pixels, of sums
# and pixels, of sums; behind the last ones come the two numbers that scale results.
PIXELS, BOTH, SUMS = 0, 2, 4


@jit.jit()
def _add(pixels, source, others, more, taps, weights, scratch, target, size, lanes, padded):
    """Sums of ``size`` = (rows, columns); without padding the last vector is pulled back."""
    (rows, columns), (at, down, step, count) = size, source
    other, other_down, other_step, rest = more
    vectors, over = columns // lanes, columns % lanes > 0
    if padded and over:
        vectors += 1
    add_up(pixels, source, others, more, taps, weights, scratch, target, (rows, vectors))
    if over and not padded:
        last = columns - lanes
        add_up(
            pixels, (at + last, down, step, count), others,
            (other + last, other_down, other_step, rest), taps, weights, scratch,
            (target[0] + last, target[1]), (rows, 1),
        )  # fmt: skip


@jit.jit()
def _sum_rows(pixels, at, step, padded, rows, taps, layout, scratch, base, columns):
    """The first step of rows of sums, ``rows`` = (first, last), in scratch."""
    here, target = at + rows[0] * step, base + layout[L.sums_at] + rows[0] * layout[L.step]
    _add(
        pixels, (here, step, step, layout[L.first_y]), pixels, (here, step, step, 0), taps, PIXELS,
        scratch, (target, layout[L.step]), (rows[1] - rows[0], columns), layout[L.lanes], padded,
    )  # fmt: skip


@jit.jit()
def _down(pixels, at, step, padded, row, rows, taps, layout, scratch, base, target, columns):
    """Rows of sums from ``row`` on, given the first step's if there are two."""
    first, second, rest = layout[L.first_y], layout[L.second_y], layout[L.rest_y]
    here, lanes, apart, size = at + row * step, layout[L.lanes], layout[L.step], (rows, columns)
    if second == 1:
        _add(
            pixels, (here, step, step, first), pixels, (here, step, step, 0), taps, PIXELS, scratch,
            (target, apart), size, lanes, padded,
        )  # fmt: skip
        return
    sums = base + layout[L.sums_at] + row * apart, apart, first * apart, second
    more = here + first * second * step, step, step, rest
    _add(scratch, sums, pixels, more, taps, BOTH, scratch, (target, apart), size, lanes, padded)


@jit.jit()
def _fetch_rows(pixels, at, step, rows, columns):
    """Ask for so many rows: short ones of a wide image defeat the machine's own prefetching."""
    line = machine.CACHE_LINE // pixels.itemsize
    for row in range(rows):
        fetch_lines(pixels, at + row * step, line, (columns + line - 1) // line)


@jit.jit()
def _outside(layout):
    """How many columns left of the image outputs need, and the column after the last one."""
    last = layout[L.columns_out] + layout[L.span_x] - 1 - layout[L.lead_x]
    return max(layout[L.lead_x], 0), max(last, layout[L.columns_in])


@jit.jit()
def _number_columns(layout, scratch, base):
    """Which columns of the image those beside it stand for, as numbers of the sums' type."""
    size, at = layout[L.columns_in], base + layout[L.sources_at]
    before, last = _outside(layout)
    for n in range(before + last - size):
        column = n - before if n < before else n - before + size
        scratch[at + n] = source_column(column, size, layout[L.channels], layout[L.border_x])


@jit.jit()
def _beside(layout, scratch, base, row, left, columns, constant):
    """Sums of those columns, from those of the image in the row, whose column 0 is at ``row``."""
    size, at = layout[L.columns_in], base + layout[L.sources_at]
    before = _outside(layout)[0]
    for begin, end in ((left, min(0, left + columns)), (max(size, left), left + columns)):
        for column in range(begin, end):
            n = column + before if column < 0 else column - size + before
            source = int(scratch[at + n])
            scratch[row + column] = constant if source < 0 else scratch[row + source]


@jit.jit()
def _pack(f, fill, layout, scratch, base, where, first, rows, columns):
    """``rows`` of the extended image from row ``first`` on, border applied, in the ring."""
    plane, place, left = where
    border = left, 1, columns, layout[L.columns_in], layout[L.channels], layout[L.border_x]
    down = first, layout[L.dilation_y], rows, layout[L.rows_in], 1, layout[L.border_y]
    target = base + place * layout[L.step], layout[L.step], 0
    fetch(f, layout[L.reads], (plane,), down, border, fill, scratch, target, True, True)


@jit.jit()
def _rise(layout, scratch, base, rows, columns, packed):
    """The rows that the next ones want, too, to the top of the ring."""
    sums, step = base + layout[L.sums_at], layout[L.step]
    for row in range(layout[L.taps_y] - 1):
        here, there = row * step, (row + rows) * step
        if packed:
            convert_run(scratch, base + there, scratch, base + here, columns)
        if not packed or sums != base:
            convert_run(scratch, sums + there, scratch, sums + here, columns)


@jit.jit()
def _deliver(out, fill, taps, layout, scratch, base, row_at, size, plane, line, x, flags):
    """``size`` = (rows, columns) of results from rows of sums, which begin at ``row_at``."""
    (rows, width), apart, lanes = size, layout[L.dilation_y], layout[L.lanes]
    left, step = x - layout[L.lead_x], layout[L.step]
    if layout[L.beside]:
        constant = fill[0] * taps[PIXELS] * layout[L.taps_y]
        for row in range(rows):
            columns = width + layout[L.span_x] - 1
            _beside(layout, scratch, base, row_at + row * step, left, columns, constant)
    how = layout[L.dilation_x], layout[L.first_x], layout[L.second_x], layout[L.rest_x]
    part, result = base + layout[L.part_at], base + layout[L.across_at]
    out_row, target = out.strides[1] // out.itemsize, -1
    if layout[L.stored] and has_runs(out) and width >= lanes + flags[0]:
        target = plane * (out.strides[0] // out.itemsize) + line * out_row + x
    across(
        taps, SUMS, scratch, (row_at + left, step), part, how, lanes, out,
        (target, apart * out_row), (result, step), size, flags,
    )  # fmt: skip
    if target < 0:
        left_here, down = (result, step, 0), (line, apart, rows)
        store(scratch, left_here, out, layout[L.writes], (plane,), down, (x, 1, width))


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    apart, halo, step = layout[L.dilation_y], layout[L.taps_y] - 1, layout[L.step]
    image_row, size, line = f.strides[1] // f.itemsize, layout[L.columns_in], as_line(f, scratch)
    alike = rows_alike(out, machine.VECTOR_BYTES)
    flags = past_caches(out, scratch, layout[L.large] and alike, 0)
    if layout[L.beside]:  # tiles add up the image's columns, whose sums stand for those beside it
        _number_columns(layout, scratch, base)
    while start < stop:
        plane, top = start // layout[L.rows_out], start % layout[L.rows_out]
        bottom = min(layout[L.rows_out], top + stop - start)
        start += bottom - top
        for x in range(0, layout[L.columns_out], layout[L.tile]):
            width = min(layout[L.tile], layout[L.columns_out] - x)
            left, columns = x - layout[L.lead_x], width + layout[L.span_x] - 1
            first, row_at = left, base + layout[L.down_at] - left  # of column 0 of the image
            if layout[L.beside]:
                first = max(left, 0)
                columns = max(min(left + columns, size) - first, 0)
            lies = layout[L.reads] == OWN and has_runs(f) and columns >= layout[L.lanes]
            lies = lies and first >= 0 and first + columns <= size
            for y in range(top, min(top + apart, bottom)):
                outputs, above = (bottom - y + apart - 1) // apart, layout[L.lead_y] - y
                # outputs [begin, end) whose rows lie in the image
                begin = min(max((above + apart - 1) // apart, 0), outputs)
                end = min((layout[L.rows_in] - 1 + above) // apart - halo + 1, outputs)
                if not lies or end - begin < 2 * (halo + 1):
                    begin = end = outputs
                n, ready, summed = 0, 0, 0
                while n < outputs:
                    in_place = begin <= n < end
                    limit = begin if n < begin else end if in_place else outputs
                    height, row = min(layout[L.height], limit - n), y + n * apart
                    pixels, at, down = scratch, base, step
                    if in_place:
                        pixels, down = line, apart * image_row
                        at = plane * (f.strides[0] // f.itemsize) + first
                        at += (row - layout[L.lead_y]) * image_row
                    else:
                        where = plane, ready, first
                        above_row = row + ready * apart - layout[L.lead_y]
                        _pack(
                            f, fill, layout, scratch, base, where, above_row, height + halo - ready,
                            columns,
                        )  # fmt: skip
                    for each in range(0, height, layout[L.batch]):
                        rows_here = min(layout[L.batch], height - each)
                        if in_place and layout[L.far]:  # rows that the next ones want first
                            later = at + (each + rows_here + halo) * down
                            _fetch_rows(pixels, later, down, rows_here, columns)
                        if layout[L.second_y] > 1:
                            wanted = each + rows_here + (layout[L.second_y] - 1) * layout[L.first_y]
                            _sum_rows(
                                pixels, at, down, not in_place, (summed, wanted), taps, layout,
                                scratch, base, columns,
                            )  # fmt: skip
                            summed = wanted
                        _down(
                            pixels, at, down, not in_place, each, rows_here, taps, layout, scratch,
                            base, row_at + first, columns,
                        )  # fmt: skip
                        _deliver(
                            out, fill, taps, layout, scratch, base, row_at, (rows_here, width),
                            plane, row + each * apart, x, flags,
                        )  # fmt: skip
                    n += height
                    ready, summed = halo, max(summed - height, 0)
                    if n in (begin, end):
                        ready, summed = 0, 0
                    elif n < outputs:
                        _rise(layout, scratch, base, height, columns, not in_place)
    store_fence()
