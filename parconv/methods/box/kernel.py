"""The kernel of the box method: rows of output, each from the sums of columns above it.

`layout` describes the problem as numbers, whose names are below.
"""

from ...codegen import jit, machine
from ...codegen.borders import source_column, source_index
from ...codegen.elements import read
from ...codegen.layout import OWN, Layout
from ...codegen.packing import aligned_after, store
from ...codegen.runs import has_runs
from ...codegen.simd import store_fence
from ..windows.across import across, past_caches
from .window import BOTH, ENTER, LEAVE, slide, windows

L = Layout(
    "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "border_y",
    "border_x", "dilation_y", "dilation_x", "taps_y", "taps_x", "channels", "large", "lanes",
    "stored", "first_x", "second_x", "rest_x", "part_at", "rows_at", "sums_at", "sums_step", "end",
)  # fmt: skip

# A load waits for an earlier store to an address that is equal in the bits below a page's size:
# windows are stored where they are loaded, or as far into a page (4096 x 4096 uint8 at 15x15, one
# core, Zen 5, 2026-11: up to 4.4 ms elsewhere, 1.4 so).
PAGE = 4096
OUTSIDE, ABSENT = -1, -2  # rows that are the constant, that do not count


@jit.jit()
def _deliver(out, taps, layout, scratch, base, source, plane, row):
    """Windows of the row of sums at ``source``, scaled, converted and stored."""
    flat, lanes, width = has_runs(out), layout[L.lanes], layout[L.columns_out]
    spare = base + layout[L.rows_at]
    sums = spare + (source - spare) % (PAGE // scratch.itemsize)
    line = max(lanes, machine.CACHE_LINE // out.itemsize)
    target = plane * (out.strides[0] // out.itemsize) + row * (out.strides[1] // out.itemsize)
    begin, end = 0, 0
    if flat and layout[L.large]:
        begin = min(aligned_after(out, target, machine.CACHE_LINE), width)
        end = begin + (width - begin) // line * line
    # Edges come last, since their stores wait for memory: 15x15 10 ms the other way round, 8 so.
    for first, last, past in ((begin, end, target + begin), (0, begin, -1), (end, width, -1)):
        if first == last:
            continue
        windows(
            scratch, source + first, sums + first, last - first, layout[L.taps_x], lanes, taps,
            out, past, (last - first) // line,
        )  # fmt: skip
        if past >= 0:
            continue
        windowed, across = (sums + first, 0, 0), (first, 1, last - first)
        store(scratch, windowed, out, OWN, (plane,), (row, 1, 1), across)


@jit.jit()
def _deliver_apart(out, taps, layout, scratch, base, source, plane, row):
    """The same of neighbours that lie apart: channels between them, or holes."""
    width, lanes = layout[L.columns_out], layout[L.lanes]
    how = layout[L.dilation_x], layout[L.first_x], layout[L.second_x], layout[L.rest_x]
    sums, part, target, flags = base + layout[L.rows_at], base + layout[L.part_at], -1, (0, 0)
    if layout[L.stored] and has_runs(out) and width >= 2 * lanes:
        target = plane * (out.strides[0] // out.itemsize) + row * (out.strides[1] // out.itemsize)
        flags = past_caches(out, scratch, layout[L.large], target)
    across(
        taps, 0, scratch, (source, 0), part, how, out, (target, 0), (sums, 0), (1, width), flags,
    )  # fmt: skip
    if target < 0:
        store(scratch, (sums, 0, 0), out, OWN, (plane,), (row, 1, 1), (0, 1, width))


@jit.jit()
def _slide(f, fill, layout, scratch, sums, plane, entering, leaving):
    """Move sums of columns one row on: add a row, take one away; `ABSENT` where there is none."""
    size, f_at = layout[L.columns_in], plane * (f.strides[0] // f.itemsize)
    image_row, flat = f.strides[1] // f.itemsize, has_runs(f)
    enters, leaves = f_at + entering * image_row, f_at + leaving * image_row
    if flat and entering >= 0 and leaving >= 0:
        slide(f, enters, leaves, scratch, sums, size, BOTH)
        return
    for row, start, how in ((entering, enters, ENTER), (leaving, leaves, LEAVE)):
        sign = scratch.dtype.type(1 if how == ENTER else -1)
        if row == OUTSIDE:
            for column in range(size):
                scratch[sums + column] += sign * fill[0]
        elif row != ABSENT and flat:
            slide(f, start, start, scratch, sums, size, how)
        elif row != ABSENT:
            for column in range(size):
                scratch[sums + column] += sign * read(f, (plane, row, column), scratch)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else.

    Columns outside the image copy their sum, or sum the constant.  Which, is the same for all rows
    and kept in scratch, as numbers of the type of the sums.
    """
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    size, step, left = layout[L.columns_in], layout[L.dilation_y], -layout[L.lead_x]
    halo, zero = (layout[L.taps_y] - 1) * step, scratch.dtype.type(0)
    first, channels = min(left, 0), layout[L.channels]
    last = max(size, left + layout[L.columns_out] + (layout[L.taps_x] - 1) * layout[L.dilation_x])
    sums = base + layout[L.sums_at] + -(first // layout[L.lanes]) * layout[L.lanes]  # on a line
    sources = sums + layout[L.sums_step]
    for column in range(first, last):
        scratch[sources + column] = source_column(column, size, channels, layout[L.border_x])
    constant = fill[0] * layout[L.taps_y]
    while start < stop:
        plane, top = start // layout[L.rows_out], start % layout[L.rows_out]
        bottom = min(layout[L.rows_out], top + stop - start)
        start += bottom - top
        for y in range(top, min(top + step, bottom)):
            for column in range(first, last):
                scratch[sums + column] = zero
            for row in range(y - halo, bottom, step):
                enters, leaves = row + halo - layout[L.lead_y], row - step - layout[L.lead_y]
                entering = source_index(enters, layout[L.rows_in], layout[L.border_y])
                leaving = ABSENT
                if row > y:
                    leaving = source_index(leaves, layout[L.rows_in], layout[L.border_y])
                _slide(f, fill, layout, scratch, sums, plane, entering, leaving)
                if row < y:
                    continue
                for begin, end in ((first, 0), (size, last)):
                    for column in range(begin, end):
                        source = int(scratch[sources + column])
                        scratch[sums + column] = constant if source < 0 else scratch[sums + source]
                if layout[L.dilation_x] == 1:
                    _deliver(out, taps, layout, scratch, base, sums + left, plane, row)
                else:
                    _deliver_apart(out, taps, layout, scratch, base, sums + left, plane, row)
    store_fence()
