"""Pixels of a block into scratch, and its holes into rows of bits."""

from ...codegen import jit
from ...codegen.borders import source_column, source_index
from ...codegen.layout import OWN
from ...codegen.packing import copy, fetch
from .holes import mark
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
def marked(f, truths, fill, layout, scratch, plane, down, right):
    """Copy a block's pixels, and find its holes; the result is their number."""
    (top, stride, rows_in, size, _, border), columns_in, count = down, right[2], 0
    step, group, lines = layout[L.step], layout[L.group], layout[L.lines_at]
    beside = lines + group * step  # as many bytes a row as pixels
    pitch, words = step // scratch.itemsize, layout[L.bits_step] * scratch.itemsize // 8 - 1
    found = bytes_at(scratch, beside, group * step)
    for first in range(0, rows_in, group):
        rows = min(group, rows_in - first)
        part = top + first, stride, rows, size, 1, border
        place = lines, step, 0
        fetch(f, layout[L.reads], (plane,), part, right, fill, scratch, place, True, True)
        if layout[L.weighted]:
            _fetch_truths(truths, plane, part, right, found, step)
        for n in range(rows):
            bits = layout[L.bits_at] + (first + n) * layout[L.bits_step]
            count += mark(
                scratch, lines + n * step, beside + n * pitch, (first + n) * step, bits,
                (columns_in, words), (layout[L.weighted], layout[L.omits]),
            )  # fmt: skip
    return count
