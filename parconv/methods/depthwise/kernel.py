"""The kernel of the depthwise method: planes of output, or channels side by side.

Images whose rows lie flat are read in place where the machine loads under masks; else a block's
rows are first copied between zeros.  Results are written in place likewise.  Large ones, which go
past the caches, and those of other machines are computed in scratch, where rows follow one another
as in a dense result, and leave it in runs of cache lines.  Images and results whose channels lie
side by side take `last` instead.

`layout` describes the problem to compiled code as int64 numbers, indexed by the names below.
"""

import numpy as np

from ... import jit, machine
from ...simd import store_fence
from ..direct.runs import convert_run
from .last import all_channels, side_by_side
from .numbers import (
    AHEAD, BLOCK, COLUMN, COLUMNS, COLUMNS_IN, COPY_AT, COPY_LEAD, COPY_ROW, HEADER, KIND, LARGE, LAST,
    LEAD_X, LEAD_Y, LEFT, LIMIT, MULTIPLIER, OUTPUTS, PAIR, ROWS, ROWS_IN, SIZE, STRIDE, STRIP,
    STRIPS, TABLE,
)  # fmt: skip
from .lines import leave
from .strip import MASKED, NEVER, sweep_strip


@jit.jit()
def _flat(array):
    """Whether rows are runs of elements."""
    size, (b, c, y, x) = array.itemsize, array.strides
    return x == size and b % size == c % size == y % size == 0


@jit.jit()
def _dense(out):
    """Whether all planes are one run of elements."""
    (images, planes, rows, columns), size = out.shape, out.itemsize
    return (
        out.strides[3] == size
        and (rows == 1 or out.strides[2] == columns * size)
        and (planes == 1 or out.strides[1] == rows * columns * size)
        and (images == 1 or out.strides[0] == planes * rows * columns * size)
    )


@jit.jit()
def _copy(f, flat, layout, scratch, at, b, c, first, rows):
    """Rows ``[first, first + rows)`` of a plane, as far as they exist, between zeros."""
    for row in range(max(first, 0), min(first + rows, layout[ROWS_IN])):
        target = at + (row - first) * layout[COPY_ROW] + layout[COPY_LEAD]
        if flat:
            source = (b * f.strides[0] + c * f.strides[1] + row * f.strides[2]) // f.itemsize
            convert_run(f, source, scratch, target, layout[COLUMNS_IN])
        else:
            for x in range(layout[COLUMNS_IN]):
                scratch[target + x] = f[b, c, row, x]


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Planes ``[start, stop)``, counted over all images."""
    if layout[MULTIPLIER] == 1 and side_by_side(f, layout) and side_by_side(out, layout):
        all_channels(f, taps, out, layout, scratch, start, stop)
        store_fence()
        return
    size, stride, columns, element = layout[SIZE], layout[STRIDE], layout[COLUMNS], out.itemsize
    flat, dense = _flat(f), _dense(out)
    in_place, one = MASKED and flat, layout[STRIPS] == 1
    direct = MASKED and _flat(out) and not (dense and layout[LARGE])
    whole = in_place and one and (direct or dense)
    image_row = f.strides[2] // element if in_place else layout[COPY_ROW]
    line = machine.CACHE_LINE // element
    base = -(scratch.ctypes.data // element) % line
    copy_at = base + layout[COPY_AT]
    # elements from the base on wait to leave for a run of `out`, but for some that are not ours;
    # the base stands for a line of `out`
    run = start * layout[ROWS] * columns
    waiting = (out.ctypes.data // element + run) % line if dense and not direct else 0
    run -= waiting
    others = waiting
    unit = start
    while unit < stop:
        b, o = unit // layout[OUTPUTS], unit % layout[OUTPUTS]
        c = o // layout[MULTIPLIER]
        together = whole and layout[MULTIPLIER] == 1
        planes = min(stop - unit, layout[OUTPUTS] - o) if together else 1
        y = 0
        while y < layout[ROWS]:
            height = layout[ROWS] if whole else min(layout[BLOCK], layout[ROWS] - y)
            first = y * stride - layout[LEAD_Y]
            if not in_place:
                rows = (height - 1) * stride + size
                _copy(f, flat, layout, scratch, copy_at, b, c, first, rows)
            for n in range(layout[STRIPS]):
                strip = layout[PAIR] if layout[PAIR] and planes > 1 else HEADER + n * STRIP
                left, column = layout[strip + LEFT], layout[strip + COLUMN]
                if in_place:
                    at = (b * f.strides[0] + c * f.strides[1]) // element + column
                else:
                    at = copy_at + layout[COPY_LEAD] + column - first * image_row
                image = in_place, at, f.strides[1] // element, image_row, first, layout[ROWS_IN]
                if direct:
                    to = (b * out.strides[0] + o * out.strides[1] + y * out.strides[2]) // element
                    steps = out.strides[2] // element, out.strides[1] // element
                else:
                    to, steps = waiting, (columns, height * columns)
                limit = layout[LIMIT] if one and dense and not direct else NEVER
                sweep_strip(
                    layout[strip + KIND], f, scratch, (*image, layout[AHEAD]),
                    taps, o * size * size, (height, planes),
                    layout, (layout[strip + TABLE], layout[strip + LAST] - left), out,
                    (direct, to + left, *steps, base, limit, run, others, layout[LARGE]),
                )  # fmt: skip
            if dense and not direct:
                waiting += planes * height * columns
                if not one:
                    leave(scratch, base, out, run, (waiting, others), layout[LARGE])
                if waiting >= line:
                    run, waiting, others = run + waiting // line * line, waiting % line, 0
            elif not direct:
                at = base
                for row in range(y, y + height):
                    for x in range(columns):
                        out[b, o, row, x] = scratch[at + x]
                    at += columns
            y += height
        unit += planes
    convert_run(scratch, base + others, out, run + others, waiting - others)
    store_fence()
