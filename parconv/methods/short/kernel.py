"""The kernel of short filters: a column down rows of pixels, then a row along their sums.

Pixels are read where they lie, of the sums' type or of the result's, or from rows that are packed:
element type converted, border applied.  Some rows of sums are made at a time, few enough for a
cache; what lies beside the image is filled with the sums of the columns that it stands for.

`layout` describes the problem as numbers, whose names are below.
"""

from ...codegen import jit, machine
from ...codegen.foreign import as_sums
from ...codegen.layout import ENDS, OWN, Layout
from ...codegen.packing import aligned_after, fetch, put, rows_alike, store
from ...codegen.runs import has_runs
from ...codegen.simd import store_fence
from ..finishing import finish_rows
from ..windows.beside import copy_beside, number_columns
from .across import sum_across
from .both import sum_both
from .down import JOIN, LOW, PREFETCH, STREAM, TALL, sum_down

L = Layout(
    *ENDS, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "taps_y",
    "taps_x", "dilation_y", "dilation_x", "span_y", "span_x", "halves_y", "halves_x", "border_y",
    "border_x", "channels", "large", "far", "lanes", "stored", "alike", "before", "after", "tile",
    "height", "batch", "step", "sums_at", "rows_at", "table_at", "end", "row_taps",
    "whole", tables=("ends",),
)  # fmt: skip

LEAST = 8  # vectors of a row at least that goes past the caches: its ends do not
# Bytes of a result for each tap of a row at least where lines are joined of two vectors: 2000 x
# 2115 float32 at 5x5 0.25 ns a pixel through the caches, so 0.35; float64 0.56, 0.47 (Zen 4 VM,
# AVX-512, 2026-11).
JOINED = 1.3
NEAR = 16  # bytes from whole pages by which rows differ that are as crowded


@jit.jit(inline="always")
def column_of(layout):
    """The column's taps, what their halves are to each other, and rows from one to the next."""
    return layout[L.taps_y], layout[L.halves_y], layout[L.dilation_y]


@jit.jit()
def prepare(taps, fill, layout, scratch, base):
    """Tell which columns those beside the image stand for.

    Returns the sum of one where there is no pixel, made as all others are.
    """
    outside, place = (layout[L.before], layout[L.after]), base + layout[L.sums_at]
    number_columns(
        scratch, base + layout[L.table_at], layout[L.columns_in], outside, layout[L.channels],
        layout[L.border_x],
    )  # fmt: skip
    put(scratch, base, 1, layout[L.lanes], fill[0])
    source, target = (base, 0), (place, 0)
    sum_down(scratch, scratch, source, taps, column_of(layout), scratch, target, (1, 1), 0)
    return scratch[place]


@jit.jit()
def _down(f, like, source, taps, layout, out, target, size, flags):
    """``size`` = (rows, columns) of sums, a vector at least, or of results.

    ``like``: of the pixels' type; ``flags``: columns before those that are streamed, and flags.
    """
    (at, down), (to, below), (rows, width), (skip, flag) = source, target, size, flags
    lanes, column = layout[L.lanes], column_of(layout)
    # both ends are made once more with others, the same bits again
    for x, vectors, how in (
        (0, (skip + lanes - 1) // lanes, 0),
        (skip, (width - skip) // lanes, flag),
        (width - lanes, min((width - skip) % lanes, 1), 0),
    ):
        if vectors:
            place, end = (at + x, down), (to + x, below)
            sum_down(f, like, place, taps, column, out, end, (rows, vectors), how)


@jit.jit(inline="always")
def along(taps, layout, scratch, source, out, target, size, flag):
    """Rows of results, of sums from ``source`` = (place, elements from row to row) on."""
    line = layout[L.row_taps], layout[L.taps_x], layout[L.halves_x]
    place = source[0], source[1], layout[L.dilation_x]
    sum_across(scratch, place, taps, line, out, target, size, flag)


def across(taps, layout, scratch, sums, left, out, target, size, streams):
    """Rows of results, from ``target`` on in ``out``, or ``left`` in scratch.

    Past the caches all whole lines come first: the ends of rows, which do not fill lines, would
    wait for the memory one after another.  Nanoseconds a pixel of 2000 x 2000 float32 at 5x5 row by
    row 0.49, so 0.27, through the caches 0.47 (Zen 4 VM, 2026-11).
    """
    (to, below), (rows, width), step = target, size, layout[L.step]
    lanes = layout[L.lanes]
    if to < 0:
        size = rows, (width + lanes - 1) // lanes
        along(taps, layout, scratch, (sums, step), scratch, (left, step), size, 0)
        finish_rows(scratch, (left, step), size, taps, out)
        return
    some = 1 if streams else rows  # that begin alike on lines
    for part in range(3):  # lines, then both ends, once more with others: the same bits again
        for row in range(0, rows, some):
            at, end = sums + row * step, to + row * below
            skip = aligned_after(out, end, machine.CACHE_LINE) if streams else 0
            column, vectors = skip, (width - skip) // lanes
            if part == 1:
                column, vectors = 0, (skip + lanes - 1) // lanes
            elif part == 2:
                column, vectors = width - lanes, min((width - skip) % lanes, 1)
            if vectors:
                along(
                    taps, layout, scratch, (at + column, step), out, (end + column, below),
                    (some, vectors), STREAM if streams and part == 0 else 0,
                )  # fmt: skip


_across = jit.jit()(across)


@jit.jit(inline="always")
def pack(f, fill, layout, scratch, base, plane, down, across):
    """Rows of the extended image."""
    target = base, layout[L.step], 0
    fetch(f, layout[L.reads], (plane,), down, across, fill, scratch, target, True, True)


@jit.jit(inline="always")
def fill_beside(scratch, layout, base, row, rows, left, columns, constant):
    """Sums of the columns beside the image among [left, left + columns), from those of the image.

    ``row``: where column 0 of the first of the rows is.
    """
    table, step, size = base + layout[L.table_at], layout[L.step], layout[L.columns_in]
    before, end, first = layout[L.before], left + columns, max(layout[L.columns_in], left)
    if left < 0:
        copy_beside(
            scratch, table, before + left, row, (left, min(0, end)), rows, step, constant
        )  # fmt: skip
    if end > first:
        place = before + first - size
        copy_beside(scratch, table, place, row, (first, end), rows, step, constant)


@jit.jit()
def _sum_columns(
    f, out, taps, layout, scratch, packed, lying, inside, corner, sums, target, size, flags
):  # fmt: skip
    """Rows of sums in ``sums``, of pixels that are packed, or inside the image as they lie.

    ``corner``: plane, row and column of the first of these.
    """
    if not inside:
        _down(scratch, scratch, (packed, layout[L.step]), taps, layout, sums, target, size, flags)
    elif layout[L.reads] == OWN:
        ahead = PREFETCH if layout[L.far] else 0
        flags = flags[0], flags[1] + ahead
        _down(f, scratch, lying, taps, layout, sums, target, size, flags)
    else:
        _down(f, out, lying, taps, layout, sums, target, size, flags)


@jit.jit(inline="always")
def _crowded(f, layout):
    """Whether rows that lie a page apart, read and stored side by side, evict each other.

    1024 x 1024 float32 at 3x1 four rows at a time 0.16 ns a pixel, two 0.11 (Zen 4 VM, 2026-11).
    """
    page, rows = machine.PAGE_BYTES, layout[L.taps_y] - 1 + 2 * TALL
    return (f.strides[1] + NEAR) % page <= 2 * NEAR and rows > machine.WAYS


@jit.jit(inline="always")
def _ending(layout, y, bottom, here):
    """Whether rows from ``y`` on read pixels of the image alone, as they lie; where those end.

    ``here``: whether any may.
    """
    above = layout[L.lead_y]
    below = above + layout[L.rows_in] - layout[L.span_y] + 1
    inside = here and above <= y < below
    end = min(bottom, below if inside else above) if here and y < below else bottom
    return inside, min(end, y + layout[L.height])


def fill_rows(f, taps, fill, out, layout, scratch, base, constant, plane, top, bottom):
    """Rows ``[top, bottom)`` of a plane, by panels."""
    if bottom <= top:
        return
    line, halo, step, lanes = (
        machine.CACHE_LINE, layout[L.span_y] - 1, layout[L.step], layout[L.lanes]
    )  # fmt: skip
    image_row, out_row = f.strides[1] // f.itemsize, out.strides[1] // out.itemsize
    lies = _lies(f, layout)
    alone, size_in, stored = layout[L.taps_x] == 1, layout[L.columns_in], layout[L.stored]
    streams = _streams(out, layout, scratch)
    least = 3 * line // out.itemsize if streams else lanes
    # a column alone stores several rows side by side
    alike = streams and rows_alike(out, line)
    skip, stream = (aligned_after(out, 0, line), STREAM) if alike else (0, 0)
    flags = skip, stream + (LOW if _crowded(f, layout) else 0)
    beside = layout[L.before] + layout[L.after] > 0
    f_at = plane * (f.strides[0] // f.itemsize) - layout[L.lead_y] * image_row
    out_at = plane * (out.strides[0] // out.itemsize)
    for x in range(0, layout[L.columns_out], layout[L.tile]):
        width = min(layout[L.tile], layout[L.columns_out] - x)
        left, columns = x - layout[L.lead_x], width + layout[L.span_x] - 1
        first, last = left, left + columns
        if beside:
            first, last = max(left, 0), min(last, size_in)
        inner = last - first
        here = lies and inner >= lanes and first >= 0 and last <= size_in
        across = first, 1, inner, size_in, layout[L.channels], layout[L.border_x]
        results = stored and has_runs(out) and width >= least
        # the image's columns begin with a line
        sums = base + layout[L.sums_at] + (first - left + lanes - 1) // lanes * lanes
        y = top
        while y < bottom:
            inside, end = _ending(layout, y, bottom, here)
            if not inside:
                row, count = y - layout[L.lead_y], end - y + halo
                down = row, 1, count, layout[L.rows_in], 1, layout[L.border_y]
                pack(f, fill, layout, scratch, base, plane, down, across)
            for n in range(y, end, layout[L.batch]):
                rows, place = min(layout[L.batch], end - n), -1
                if results:
                    place = out_at + n * out_row + x
                packed, lying = base + (n - y) * step, (f_at + n * image_row + first, image_row)
                corner = plane, n - layout[L.lead_y], first
                if alone and results:
                    _sum_columns(
                        f, out, taps, layout, scratch, packed, lying, inside, corner, out,
                        (place, out_row), (rows, width), flags,
                    )  # fmt: skip
                    continue
                vectors = inner if inside else (inner + lanes - 1) // lanes * lanes
                _sum_columns(
                    f, out, taps, layout, scratch, packed, lying, inside, corner, scratch,
                    (sums, step), (rows, vectors), (0, 0),
                )  # fmt: skip
                begin, waiting = sums + left - first, base + layout[L.rows_at]
                if beside:
                    row = sums - first
                    fill_beside(scratch, layout, base, row, rows, left, columns, constant)
                if alone:
                    waiting = begin
                    finish_rows(
                        scratch, (begin, step), (rows, (width + lanes - 1) // lanes), taps, out
                    )  # fmt: skip
                else:
                    _across(
                        taps, layout, scratch, begin, waiting, out, (place, out_row),
                        (rows, width), streams,
                    )  # fmt: skip
                if place < 0:
                    store(
                        scratch, (waiting, step, 0), out, layout[L.writes], (plane,),
                        (n, 1, rows), (x, 1, width),
                    )  # fmt: skip
            y = end


_rows = jit.jit()(fill_rows)


@jit.jit(inline="always")
def _lies(f, layout):
    """Whether pixels are read as they lie."""
    return (layout[L.reads] == OWN or layout[L.alike]) and has_runs(f)


@jit.jit(inline="always")
def _streams(out, layout, scratch):
    """Whether results go past the caches."""
    return layout[L.large] and out.itemsize == scratch.itemsize


@jit.jit()
def _whole_rows(f, taps, out, layout, constant, plane, top, bottom):
    """Rows ``[top, bottom)``, all of whose pixels lie in the image or beside its rows."""
    image_row, out_row = f.strides[1] // f.itemsize, out.strides[1] // out.itemsize
    line, width = machine.CACHE_LINE, layout[L.columns_out]
    large = layout[L.large] and width >= LEAST * layout[L.lanes]
    to = plane * (out.strides[0] // out.itemsize) + top * out_row
    at = plane * (f.strides[0] // f.itemsize) + (top - layout[L.lead_y]) * image_row
    skip, flag = 0, PREFETCH if layout[L.far] else 0
    if large and rows_alike(out, line):
        skip, flag = aligned_after(out, to, line), flag + STREAM
    elif large and out.itemsize >= JOINED * layout[L.taps_x]:
        flag += JOIN
    sum_both(
        f, (at, image_row), taps, (layout[L.row_taps], layout[L.taps_x], layout[L.halves_x]),
        layout[L.dilation_x], out, (to, out_row), (bottom - top, width), layout,
        (layout[L.columns_in], layout[L.lead_x], layout[L.ends]), constant, (skip, flag),
    )  # fmt: skip


@jit.jit(inline="always")
def _inside(f, out, layout, top, bottom):
    """Of these rows of results those that are made at once, perhaps none."""
    above = layout[L.lead_y]
    first = max(top, above)
    last = max(first, min(bottom, above + layout[L.rows_in] - layout[L.span_y] + 1))
    every = layout[L.whole] and last - first >= TALL and _lies(f, layout) and has_runs(out)
    return (first, last) if every else (bottom, bottom)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    constant = prepare(taps, fill, layout, scratch, base)
    while start < stop:
        plane, top = start // layout[L.rows_out], start % layout[L.rows_out]
        bottom = min(layout[L.rows_out], top + stop - start)
        start += bottom - top
        first, last = _inside(f, out, layout, top, bottom)
        if last > first:
            _whole_rows(f, taps, out, layout, constant, plane, first, last)
        for begin, end in ((top, first), (last, bottom)):
            _rows(f, taps, fill, out, layout, scratch, base, constant, plane, begin, end)
    store_fence()
