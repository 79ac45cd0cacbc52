"""The kernel of the box method: sums of columns slide down, then those of neighbours.

`layout` describes the problem as numbers, whose names `windows.results` has.
"""

from typing import Any

import numpy as np
from numba.np.arrayobj import populate_array

from ...codegen import jit, machine
from ...codegen.blocks import BLOCK
from ...codegen.borders import source_index
from ...codegen.elements import read
from ...codegen.emitted import Items, Value, emitted
from ...codegen.layout import OWN
from ...codegen.packing import aligned_after, copy, rows_alike
from ...codegen.runs import has_runs
from ...codegen.simd import I64, store_fence
from ..windows.across import past_caches
from ..windows.results import L, deliver, number, outside
from .slide import BOTH, ENTER, LEAVE, slide

OUTSIDE, ABSENT = -1, -2  # rows that are the constant, that do not count


@jit.jit()
def _one_by_one(f, scratch, plane, rows, before, after, size):
    """What `slide` does, of any image."""
    for column in range(size):
        value = scratch[before + column]
        if rows[0] >= 0:
            value += read(f, (plane, rows[0], column), scratch)
        if rows[1] >= 0:
            value -= read(f, (plane, rows[1], column), scratch)
        scratch[after + column] = value


@jit.jit(inline="always")
def _add(scratch, at, size, constant):
    """A constant, which is whole, to sums of columns; of unsigned ones modulo a power of two."""
    change = scratch.dtype.type(np.int64(constant))
    if change != 0:
        for column in range(size):
            scratch[at + column] += change


@emitted(lambda scratch, at, f: scratch.copy(dtype=f.dtype))
def _pixels(builder: Any, scratch: Items, at: Value, f: Items) -> Value:
    """Scratch from ``at`` on as pixels of an image."""
    kind = scratch.kind.copy(dtype=f.dtype)
    found = f.context.make_array(kind)(f.context, builder)
    data, size = builder.bitcast(scratch.at(at), f.element.as_pointer()), I64(f.itemsize)
    populate_array(found, data, scratch.each("shape"), [size], size, None)
    return found._getvalue()


@jit.jit()
def _packed(f, layout, pixels, plane, row, place, held):
    """Where a row lies among ``pixels``, and which block of rows is ``held`` now.

    That is packed from ``place`` on as soon as it is not, `BLOCK` rows together: pixels below each
    other are neighbours in Fortran's order.  556 x 974 int32 at 9x9 takes 545 us so, with each
    pixel read alone 905, in NumPy's order 372 (Zen 4 VM, AVX-512, 2026-11).
    """
    block, step = row // BLOCK, layout[L.step]
    if row >= 0 and block != held:
        first = block * BLOCK
        down = first, 1, min(layout[L.rows_in] - first, BLOCK)
        copy(f, OWN, (plane,), down, (0, 1, layout[L.columns_in]), pixels, (place, step, 0))
        held = block
    return place + row % BLOCK * step, held


@jit.jit(inline="always")
def _slide(f, fill, layout, scratch, pixels, plane, rows, before, after, held):
    """Move sums of columns one row on: ``rows`` = (entering, leaving).

    ``held``: the blocks of both that lie in ``pixels``; those that lie there then come back.
    """
    size, f_at = layout[L.columns_in], plane * (f.strides[0] // f.itemsize)
    (entering, leaving), image_row = rows, f.strides[1] // f.itemsize
    how = BOTH if min(entering, leaving) >= 0 else ENTER if entering >= 0 else LEAVE
    if size < layout[L.lanes] or max(entering, leaving) < 0:
        _one_by_one(f, scratch, plane, rows, before, after, size)
    elif has_runs(f):
        enters, leaves = f_at + entering * image_row, f_at + leaving * image_row
        slide(f, enters, leaves, scratch, before, after, size, how)
    else:
        enters, first = _packed(f, layout, pixels, plane, entering, 0, held[0])
        second = BLOCK * layout[L.step]
        leaves, other = _packed(f, layout, pixels, plane, leaving, second, held[1])
        slide(pixels, enters, leaves, scratch, before, after, size, how)
        held = first, other
    _add(scratch, after, size, (int(entering == OUTSIDE) - int(leaving == OUTSIDE)) * fill[0])
    return held


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else.

    Sums of columns lie in a batch of rows, each made from the one above it.
    """
    base, zero = aligned_after(scratch, 0, machine.CACHE_LINE), scratch.dtype.type(0)
    size, apart, step = layout[L.columns_in], layout[L.dilation_y], layout[L.step]
    halo, lanes = (layout[L.taps_y] - 1) * apart, layout[L.lanes]
    constant = scratch.dtype.type(np.int64(fill[0] * layout[L.taps_y]))
    before = (outside(layout)[0] + lanes - 1) // lanes * lanes  # so that the image's lie on a line
    sums, batch, width = base + layout[L.down_at] + before, layout[L.batch], layout[L.columns_out]
    # Whatever the vectors: 3000 x 3000 to float32 at 9x9 takes so, in milliseconds of two runs, of
    # uint8 4.0 and 4.6, through the caches 4.0 and 5.3; of uint16 5.4 and 5.4, 5.8 and 5.6 (Zen 3
    # VM, AVX2, 2026-11).
    flags = past_caches(out, taps, layout[L.large] and rows_alike(out, machine.VECTOR_BYTES), 0)
    number(layout, scratch, base)
    pixels = _pixels(scratch, base + layout[L.packed_at], f)
    while start < stop:
        plane, top = start // layout[L.rows_out], start % layout[L.rows_out]
        bottom = min(layout[L.rows_out], top + stop - start)
        start += bottom - top
        held = np.int64(-1), np.int64(-1)
        for y in range(top, min(top + apart, bottom)):
            last, other, ready = sums + (batch - 1) * step, sums + (batch - 2) * step, 0
            for column in range(size):
                scratch[last + column] = zero
            for row in range(y - halo, bottom, apart):
                enters, leaves = row + halo - layout[L.lead_y], row - apart - layout[L.lead_y]
                entering = source_index(enters, layout[L.rows_in], layout[L.border_y])
                leaving = ABSENT
                if row > y:
                    leaving = source_index(leaves, layout[L.rows_in], layout[L.border_y])
                if row < y and entering == OUTSIDE:
                    _add(scratch, last, size, fill[0])
                    continue
                target = other if row < y else sums + ready * step
                held = _slide(
                    f, fill, layout, scratch, pixels, plane, (entering, leaving), last, target, held
                )
                last, other = target, last
                if row < y:
                    continue
                ready += 1
                if ready == batch or row + apart >= bottom:
                    deliver(
                        out, constant, taps, 0, layout, scratch, base, sums, (ready, width), plane,
                        row - (ready - 1) * apart, 0, flags,
                    )  # fmt: skip
                    ready = 0
    store_fence()
