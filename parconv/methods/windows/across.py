"""Rows of sums added up along the rows: results, or scaled sums where others convert them."""

from typing import Any

from numba.np.arrayobj import populate_array

from ...codegen import jit, machine
from ...codegen.emitted import Items, Value, emitted
from ...codegen.packing import aligned_after
from ...codegen.simd import I64
from .adding import add_some, add_to, add_up
from .neighbours import STREAM
from .pixels import ROWS, add_pixels
from .running import add_before
from .steps import BLOCKS, RUNNING

# Places among the taps: of the power of two that pixels are multiplied by, of the numbers that
# scale results.
PIXELS, SCALE = 0, 1


@jit.jit()
def past_caches(out, scaled, large, at):
    """Columns of ``out``, from ``at`` on, to skip before those that are streamed; the flag.

    Narrower results fill no vector: one at the beginning would not reach the first aligned one.
    """
    if not (large and out.itemsize >= scaled.itemsize):
        return 0, 0
    return aligned_after(out, at, machine.VECTOR_BYTES), STREAM


@emitted(lambda scratch, at, taps: taps)
def seen_as(builder: Any, scratch: Items, at: Value, taps: Items) -> Value:
    """Scratch from ``at`` on as numbers of the type that results are scaled in."""
    found = taps.context.make_array(taps.kind)(taps.context, builder)
    data, size = builder.bitcast(scratch.at(at), taps.element.as_pointer()), I64(taps.itemsize)
    populate_array(found, data, scratch.each("shape")[:1], [size], size, None)
    return found._getvalue()


@jit.jit()
def _moved(places, columns):
    """The first place so many columns further."""
    return places[0] + columns, *places[1:]


@jit.jit(inline="always")
def by_steps(scratch, source, parts, how, rows, width):
    """Sums of all steps but the last one, which ends with what comes back.

    Where the numbers begin that it adds up, elements from one to the next, and how many these are;
    and where those begin that come after.
    """
    (at, down), (apart, first, second, third, _) = source, how
    if first == RUNNING:
        return by_running_sums(scratch, source, parts, (apart, second), rows, width)
    lanes, here, step, count = machine.VECTOR_BYTES // scratch.itemsize, at, apart, first
    more = at + first * second * third * apart
    for so_many, place in (second, parts[0]), (third, parts[1]):
        if so_many > 1:  # sums of ``count`` first, then so many of them
            columns = width + more - at - step * count + lanes - 1
            add_up(
                scratch, (here, down, step, count), (at, 0, 0), (place, down),
                (rows, columns // lanes),
            )  # fmt: skip
            here, step, count = place, step * count, so_many
    return here, step, count, more


@jit.jit(inline="always")
def by_running_sums(scratch, source, parts, how, rows, width):
    """The same of integers, so many of them: sums up to the last, less those before the first."""
    (at, down), (apart, taps), lanes = source, how, machine.VECTOR_BYTES // scratch.itemsize
    reach = (taps - 1) * apart
    add_before(scratch, apart, at, parts, down, (rows, (width + reach + lanes - 1) // lanes))
    return parts[0] + reach, 0, 1, parts[1]


@jit.jit()
def across(taps, made, scratch, source, parts, how, out, target, left, size, flags):
    """``size`` = (rows, columns) of results, from ``target`` on in ``out``, or ``left``.

    ``source`` and the first are places and elements from row to row; that in ``out`` is -1 where
    results are left: in an array, so many elements from row to row.  ``how``: from one neighbour to
    the next, the steps, and how many pixels of the first block lie left.  ``parts``: room for the
    first two steps' sums, or for those of blocks and what they need.  ``made``: see `adding`.
    ``flags``: columns before those that are streamed, and the flag.
    """
    (rows, width), down = size, source[1]
    if how[1] == BLOCKS:
        _by_blocks(taps, made, scratch, source, parts, how, out, target, left, size, flags)
        return
    here, step, count, more = by_steps(scratch, source, parts, how[:5], rows, width)
    pixels, beyond = (here, down, step, count), (more, how[0], how[4])
    _last(taps, made, scratch, pixels, beyond, out, target, left, size, flags)


@jit.jit()
def _by_blocks(taps, made, scratch, source, parts, how, out, target, left, size, flags):
    """The same by blocks of pixels, a few rows at a time."""
    (at, down), (apart, _, count, _, _, begin), (rows, width) = source, how, size
    (to, out_down), (left_at, left_down) = target, left
    for row in range(0, rows, ROWS[0]):
        some = min(rows - row, ROWS[0])
        add_pixels(
            scratch, apart, at + row * down, *parts, down, (some, width // apart), (count, begin)
        )  # fmt: skip
        _last(
            taps, _moved(made, row * down), scratch, (parts[0], down, 1, 1), (parts[0], 1, 0), out,
            (to + row * out_down if to >= 0 else to, out_down),
            (left_at[row * left_down :], left_down), (some, width), flags,
        )  # fmt: skip


@jit.jit(inline="always")
def _last(taps, made, scratch, pixels, beyond, out, target, left, size, flags):
    """The last step, whose sums are scaled: of ``pixels``, then of what is ``beyond`` them."""
    (rows, width), lanes = size, machine.VECTOR_BYTES // scratch.itemsize
    (to, out_down), (skip, streamed) = target, flags
    if to < 0:
        vectors = (width + lanes - 1) // lanes
        add_to(scratch, pixels, beyond, taps, made, left[0], (0, left[1]), (rows, vectors), 0, out)
        return
    vectors, rest = (width - skip) // lanes, (width - skip) % lanes
    if streamed:
        for column, some in (0, skip), (width - rest, rest):
            if some:
                add_some(
                    scratch, _moved(pixels, column), _moved(beyond, column), taps,
                    _moved(made, column), out, (to + column, out_down), rows, some,
                )  # fmt: skip
    elif rest:  # once more with others, the same bits again
        column = width - lanes
        add_to(
            scratch, _moved(pixels, column), _moved(beyond, column), taps, _moved(made, column),
            out, (to + column, out_down), (rows, 1), 0, out,
        )  # fmt: skip
    pixels, beyond, place = _moved(pixels, skip), _moved(beyond, skip), (to + skip, out_down)
    made = _moved(made, skip)
    add_to(scratch, pixels, beyond, taps, made, out, place, (rows, vectors), streamed, out)
