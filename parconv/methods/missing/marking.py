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
def _fetch_truths(truths, plane, down, right, found, pitch):
    """Single bytes of a block, as `fetch` has numbers: 1 beyond the border."""
    (top, _, rows, height, _, border_y) = down
    (left, _, columns, width, channels, border_x) = right
    begin = min(max(-left, 0), columns)
    end = max(begin, min(columns, width - left))
    for n in range(rows):
        row, at = source_index(top + n, height, border_y), n * pitch
        if row >= 0 and begin < end:
            run = left + begin, 1, end - begin
            copy(truths, OWN, (plane,), (row, 1, 1), run, found, (at + begin, pitch, 0))
        inside = end - begin if row >= 0 else 0
        for m in range(columns - inside):
            column = m if m < begin or row < 0 else m + inside
            pixel = source_column(left + column, width, channels, border_x)
            there = row >= 0 and pixel >= 0
            found[at + column] = truths[plane, row, pixel] if there else 1


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
def _by_lines(f, truths, fill, layout, scratch, plane, rows, right, target):
    """Mark so many rows that may lie beyond the border; ``target`` = the first one, and a column.

    ``right``: of the columns from that one on.
    """
    (row, column), step, lines = target, layout[L.step], layout[L.lines_at]
    beside = lines + layout[L.group] * step  # as many bytes a row as pixels
    found = bytes_at(scratch, beside, layout[L.group] * step)
    place = lines, step, 0
    fetch(f, layout[L.reads], (plane,), rows, right, fill, scratch, place, True, True)
    if layout[L.weighted]:
        _fetch_truths(truths, plane, rows, right, found, step)
    for n in range(rows[2]):
        bits = layout[L.bits_at] + (row + n) * layout[L.bits_step]
        mark(
            scratch, scratch, lines + n * step, found, n * step, (row + n) * step + column,
            (bits, column), right[2], (layout[L.weighted], layout[L.omits]),
        )  # fmt: skip


@jit.jit()
def marked(f, truths, fill, layout, scratch, plane, down, right, known):
    """Copy a block's pixels, and find its holes; the result is their number.

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
    word, none = 8 // scratch.itemsize, scratch.dtype.type(0)
    last = bits_step - 2 * word  # where a row's bits end
    pixel = plane * (f.strides[0] // f.itemsize) + left
    byte = plane * truths.strides[0] + left
    for first in range(halo, rows_in, layout[L.group]):
        rows = min(layout[L.group], rows_in - first)
        row = top + first
        for n in range(rows):
            put(scratch, bits + (first + n) * bits_step + last, 1, word, none)
        inside = row >= 0 and row + rows <= size and begin < end
        for n in range(rows if inside else 0):
            mark(
                scratch, f, pixel + begin + (row + n) * (f.strides[1] // f.itemsize), truths,
                byte + begin + (row + n) * truths.strides[1], (first + n) * step + begin,
                (bits + (first + n) * bits_step, begin), end - begin,
                (layout[L.weighted], layout[L.omits]),
            )  # fmt: skip
        part = row, 1, rows, size, 1, border
        for side in range(2):
            start, stop = (end if inside else 0, columns) if side else (0, begin if inside else 0)
            if start < stop:
                across = left + start, 1, stop - start, width, channels, rule
                target = first, start
                _by_lines(f, truths, fill, layout, scratch, plane, part, across, target)
    count = 0
    for n in range(rows_in):
        count += holes_of(scratch, bits + n * bits_step, columns)
    return count
