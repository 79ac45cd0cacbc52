"""Rows of sums added up along the rows: results, or scaled sums where others convert them."""

from ...codegen import jit, machine
from ...codegen.packing import aligned_after
from .adding import STREAM, add_to, add_up


@jit.jit()
def past_caches(out, scratch, large, at):
    """Columns of ``out``, from ``at`` on, to skip before those that are streamed; the flag.

    Narrower results fill no vector: one at the beginning would not reach the first aligned one.
    """
    if not (large and machine.FILLS_LINES and out.itemsize >= scratch.itemsize):
        return 0, 0
    return aligned_after(out, at, machine.VECTOR_BYTES), STREAM


@jit.jit()
def across(taps, weights, scratch, source, part, how, lanes, out, target, left, size, flags):
    """``size`` = (rows, columns) of results, from ``target`` on in ``out`` or ``left`` in scratch.

    ``source`` and these two are places and elements from row to row; the one in ``out`` is -1 where
    results are left.  ``how``: from one neighbour to the next, and the steps.  ``part``: room for
    the first step's sums.  ``flags``: columns to skip before those that are streamed, and the flag:
    both ends are stored once more with others, the same bits again.
    """
    (at, down), (apart, first, second, rest), (rows, width) = source, how, size
    (to, out_down), (skip, streamed), here = target, flags, at
    step, count, others, more = apart, first, 0, at
    if second > 1:
        reach = (second - 1) * first * apart
        pixels, none = (at, down, apart, first), (at, down, apart, 0)
        vectors = (width + reach + lanes - 1) // lanes
        add_up(
            scratch, pixels, scratch, none, taps, weights, scratch, (part, down), (rows, vectors)
        )
        here, step, count, others = part, first * apart, second, rest
        more = at + reach + first * apart
    if to < 0:
        add_to(
            scratch, (here, down, step, count), (more, down, apart, others), taps, weights, scratch,
            left, (rows, (width + lanes - 1) // lanes), 0,
        )  # fmt: skip
        return
    for column, vectors, flag in (
        (0, min(skip, 1), 0),
        (skip, (width - skip) // lanes, streamed),
        (width - lanes, min((width - skip) % lanes, 1), 0),
    ):
        if vectors:
            pixels = here + column, down, step, count
            add_to(
                scratch, pixels, (more + column, down, apart, others), taps, weights, out,
                (to + column, out_down), (rows, vectors), flag,
            )  # fmt: skip
