"""Pixels of a block into scratch, and its holes into rows of bits."""

from ...codegen import jit
from ...codegen.borders import source_column, source_index
from ...codegen.layout import OWN
from ...codegen.packing import copy, fetch, put
from ...codegen.runs import convert_run, has_runs
from .holes import GROUP, holes_of, mark
from .names import L
from .weighing import bytes_at


@jit.jit()
def fetch_truths(truths, plane, down, right, found, pitch):
    """Single bytes of a block, as `fetch` has numbers: 1 beyond the border.

    ``pitch``: bytes from row to row in ``found``.
    """
    (top, step, rows, height, _, border_y) = down
    (left, _, columns, width, channels, border_x) = right
    begin = min(max(-left, 0), columns)
    end = max(begin, min(columns, width - left))
    for n in range(rows if begin < end else 0):
        row, at = source_index(top + n * step, height, border_y), n * pitch + begin
        if row < 0:
            found[at : at + end - begin] = 1
            continue
        run = left + begin, 1, end - begin
        copy(truths, OWN, (plane,), (row, 1, 1), run, found, (at, pitch, 0))
    for m in range(columns - (end - begin)):  # one look at the border's rule serves a column
        column = m if m < begin else m + end - begin
        pixel = source_column(left + column, width, channels, border_x)
        for n in range(rows):
            row = top + n * step
            if row < 0 or row >= height:
                row = source_index(row, height, border_y)
            there = row < 0 or pixel < 0 or truths[plane, row, pixel]
            found[n * pitch + column] = there


@jit.jit()
def _between(f, truths, layout, right):
    """Which columns can be read where they lie, in whole groups: [begin, end)."""
    (left, _, columns, width, _, _) = right
    whole = max(GROUP, layout[L.lanes])
    runs = has_runs(f) and (truths.strides[2] == 1 or not layout[L.weighted])
    if layout[L.reads] != OWN or not runs:
        return columns, columns
    begin = min(columns, -(min(left, 0) // whole) * whole)
    if left + -(-columns // whole) * whole <= width:
        return begin, columns
    return begin, max(begin, min(columns, width - left) // whole * whole)


@jit.jit()
def _by_lines(f, truths, fill, layout, scratch, plane, down, right, target, hole):
    """Mark rows that may lie beyond the border; ``target`` = the first one, and a column.

    ``down``, ``right``: of the rows from that one on, and the columns, as `fetch` has them.  As
    many rows at a time as there is room for.  The result tells of NaN that is no hole.
    """
    (row, column), (top, _, rows, size, _, border) = target, down
    step, lines, columns, spoilt = layout[L.step], layout[L.lines_at], right[2], 0
    whole = max(GROUP, layout[L.lanes])
    pitch = min(step, (columns + 2 * whole - 1) // whole * whole)
    most = layout[L.group] * step // pitch
    found = bytes_at(scratch, lines + layout[L.group] * step, layout[L.group] * step)
    for first in range(0, rows, most):
        part = top + first, 1, min(most, rows - first), size, 1, border
        place = lines, pitch, 0
        fetch(f, layout[L.reads], (plane,), part, right, fill, scratch, place, True, True)
        if layout[L.weighted]:
            fetch_truths(truths, plane, part, right, found, pitch)
        for n in range(part[2]):
            at = row + first + n
            spoilt |= mark(
                scratch, scratch, lines + n * pitch, found, n * pitch,
                at * step + column, (layout[L.bits_at] + at * layout[L.bits_step], column),
                columns, (layout[L.weighted], layout[L.omits]), hole,
            )  # fmt: skip
    return spoilt


@jit.jit()
def marked(f, truths, fill, layout, scratch, plane, down, right, known, hole):
    """Copy a block's pixels, holes as that number: how many, and whether others are NaN.

    ``known``: rows of the block above that lie there, of which the last ones are its first.
    """
    (top, _, rows_in, size, _, border), (left, _, columns, width, channels, rule) = down, right
    step, bits, bits_step = layout[L.step], layout[L.bits_at], layout[L.bits_step]
    halo = layout[L.span_y] - 1 if known else 0
    for n in range(halo):
        above = known - halo + n
        convert_run(scratch, above * step, scratch, n * step, columns)
        convert_run(scratch, bits + above * bits_step, scratch, bits + n * bits_step, bits_step)
    begin, end = _between(f, truths, layout, right)
    word, none, spoilt = 8 // scratch.itemsize, scratch.dtype.type(0), 0
    last = bits_step - 2 * word  # where a row's bits end
    pixel = plane * (f.strides[0] // f.itemsize) + left + begin
    byte = plane * truths.strides[0] + left + begin
    for n in range(halo, rows_in):
        put(scratch, bits + n * bits_step + last, 1, word, none)
    # rows that lie within the image, and there their columns from `begin` to `end`
    first = max(halo, min(-top, rows_in)) if begin < end else rows_in
    beyond = max(first, min(rows_in, size - top))
    for n in range(first, beyond):
        spoilt |= mark(
            scratch, f, pixel + (top + n) * (f.strides[1] // f.itemsize), truths,
            byte + (top + n) * truths.strides[1], n * step + begin,
            (bits + n * bits_step, begin), end - begin, (layout[L.weighted], layout[L.omits]), hole,
        )  # fmt: skip
    for start, stop, at, to in (
        (halo, first, 0, columns), (first, beyond, 0, begin), (first, beyond, end, columns),
        (beyond, rows_in, 0, columns),
    ):  # fmt: skip
        if start < stop and at < to:
            part = top + start, 1, stop - start, size, 1, border
            across = left + at, 1, to - at, width, channels, rule
            spoilt |= _by_lines(
                f, truths, fill, layout, scratch, plane, part, across, (start, at), hole
            )
    count = 0
    for n in range(rows_in):
        count += holes_of(scratch, bits + n * bits_step, columns)
    return count, spoilt
