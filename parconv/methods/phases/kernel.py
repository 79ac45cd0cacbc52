"""The kernel of transposed layers: pieces of the result, of which all phases are computed at once.

A piece's maps and results stay in the caches while one phase after another meets them.  Phases are
layers, computed by the kernels of any method, whose addresses the layout has.
"""

from typing import Any

from numba.np.arrayobj import populate_array

from ...codegen import jit
from ...codegen.emitted import Items, Value, emitted
from ...codegen.places import BYTE
from ...codegen.simd import store_fence
from ...codegen.storing import line_after
from ...runtime.crew.record import MAPS, call
from ..kernels import kernels_of
from . import numbers as n
from .carrying import copy_out, turn_in, turn_out, weave
from .numbers import L


@emitted(lambda like, *_: like)
def view(
    builder: Any, like: Items, base: Items, away: Value, shape: list[Value], steps: list[Value]
) -> Value:
    """An array of that kind whose first element lies so many bytes behind the other's first."""
    found = like.context.make_array(like.kind)(like.context, builder)
    data = builder.gep(builder.bitcast(base.fields.data, BYTE), [away])
    data = builder.bitcast(data, like.fields.data.type)
    populate_array(found, data, shape, steps, like.fields.itemsize, None)
    return found._getvalue()


@jit.jit()
def _blank(layout, piece, at, fill, target):
    """Outputs of a phase that meets no tap: the biases."""
    first, last = layout[at + n.FILL], layout[at + n.FILL_END]
    rows = min(layout[piece + n.ROWS_END], layout[at + n.ROWS])
    for b in range(layout[piece + n.IMAGE], layout[piece + n.IMAGES_END]):
        for o in range(layout[piece + n.FILTER], layout[piece + n.FILTERS_END]):
            value = fill[first + o] if last > first else fill.dtype.type(0)
            for y in range(layout[piece + n.ROW], rows):
                for x in range(layout[at + n.COLUMNS]):
                    target[b, o, y, x] = value


@jit.jit(inline="always")
def _maps(f, scratch, away, layout, piece, at):
    """The maps that a phase meets: as they are, or in scratch, a piece's from ``away`` on."""
    shape = f.shape[0], f.shape[1], layout[at + n.HIGH], layout[at + n.WIDE]
    y, x, size = layout[at + n.SKIP_Y], layout[at + n.SKIP_X], f.itemsize
    if layout[L.way] != n.TURNED:
        steps = f.strides[0], f.strides[1], f.strides[2], f.strides[3]
        return view(f, f, y * steps[2] + x * steps[3], shape, steps)
    pixel = f.shape[1] * size
    row = f.shape[3] * pixel
    image = 0 if layout[L.turned] == 1 else f.shape[2] * row  # of one at a time all are the same
    begin = away - layout[piece + n.IMAGE] * image
    return view(f, scratch, begin + y * row + x * pixel, shape, (image, size, row, pixel))


@jit.jit(inline="always")
def _results(out, scratch, away, layout, piece, at):
    """Where a phase's results go: their place, or scratch, where the piece's begin at ``away``."""
    shape = out.shape[0], out.shape[1], layout[at + n.ROWS], layout[at + n.COLUMNS]
    y, x, size = layout[at + n.FIRST_Y], layout[at + n.FIRST_X], out.itemsize
    steps_y, steps_x = layout[L.steps_y], layout[L.steps_x]
    if layout[L.way] == n.STRIDED:
        steps = out.strides[0], out.strides[1], steps_y * out.strides[2], steps_x * out.strides[3]
        return view(out, out, y * out.strides[2] + x * out.strides[3], shape, steps)
    filters = layout[piece + n.FILTERS_END] - layout[piece + n.FILTER]
    if layout[L.way] == n.TURNED or layout[L.way] == n.COPIED:
        pixel = filters * size
        row = out.shape[3] * pixel
        image = steps_y * (layout[piece + n.ROWS_END] - layout[piece + n.ROW]) * row
        steps, begin = (image, size, steps_y * row, steps_x * pixel), y * row + x * pixel
    else:
        row = layout[L.part_columns] * size
        plane = layout[L.part_rows] * row
        steps = layout[L.parts] * filters * plane, plane, row, size
        begin = layout[at + n.PART] * filters * plane
    before = layout[piece + n.IMAGE] * steps[0] + layout[piece + n.FILTER] * steps[1]
    before += layout[piece + n.ROW] * steps[2]
    return view(out, scratch, away + begin - before, shape, steps)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill pieces ``[start, stop)``."""
    size, way = out.itemsize, layout[L.way]
    maps_at = line_after(scratch, layout[L.needed])
    held = layout[L.turned] * f.shape[1] * f.shape[2] * f.shape[3]
    sums_at = line_after(scratch, maps_at // size + held)
    for number in range(start, stop):
        piece = layout[L.pieces] + number * n.PIECE
        if way == n.TURNED:
            turn_in(f, layout, piece, scratch, maps_at // size)
        for job in range(layout[piece + n.JOB], layout[piece + n.JOBS_END]):
            word = layout[L.jobs] + job * n.WORDS
            at = layout[L.phases] + layout[word + n.PHASE] * n.NUMBERS
            target = _results(out, scratch, sums_at, layout, piece, at)
            if layout[at + n.KERNEL] == 0:
                _blank(layout, piece, at, fill, target)
                continue
            inner = layout[L.inner]
            call(
                layout[at + n.KERNEL], _maps(f, scratch, maps_at, layout, piece, at),
                taps[layout[at + n.TAPS] : layout[at + n.TAPS_END]],
                fill[layout[at + n.FILL] : layout[at + n.FILL_END]], target,
                layout[inner + layout[at + n.INNER] : inner + layout[at + n.INNER_END]], scratch,
                layout[word + n.START], layout[word + n.STOP],
            )  # fmt: skip
        first = layout[piece + n.ROW] * layout[L.steps_y]
        rows = min(layout[piece + n.ROWS_END] * layout[L.steps_y], out.shape[2]) - first
        if way == n.TURNED:
            turn_out(scratch, sums_at, layout, piece, out, first, rows)
        elif way == n.COPIED:
            copy_out(scratch, sums_at, layout, piece, out, first, rows)
        elif way == n.WOVEN:
            weave(scratch, sums_at, layout, piece, out, first, rows)
    store_fence()


kernels = kernels_of(kernel, axes=MAPS)
