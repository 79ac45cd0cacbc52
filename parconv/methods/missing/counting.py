"""What `windowed` does with a block's rows: they enter it, results are made of sums.

Pixels enter as 0 where they are holes, and those that are there are counted (`entering.py`).  Their
numbers are added up along the row in steps of their own, of 8 bits where no sum needs more, and
divide the pixels' sums where these become results.
"""

import math
from typing import Any

from numba import types
from numba.np.arrayobj import populate_array

from ...codegen import jit, machine
from ...codegen.borders import source_index
from ...codegen.emitted import Items, Value, emitted
from ...codegen.layout import Layout
from ...codegen.simd import I64
from ..windows import kernel as alone
from ..windows.across import by_steps
from ..windows.beside import write_entry
from ..windows.means import NUMBER
from ..windows.places import number_rows as number_pixels, pack as pack_pixels, table_of
from ..windows.results import L as ALONE, fill_beside, make, steps_along
from .entering import add_numbers, address_of, count_block, widen
from .marking import fetch_truths
from .names import GIVEN
from .weighing import bytes_at, truths_at

WORDS, WORD_BYTES = types.Array(types.uint16, 1, "C"), 2
KINDS = 4  # of rows of 16 bits: of results, of columns, of both steps
# Behind the names of the method's own layout: how many taps there are, and whether their numbers
# need 16 bits; how many rows of results are made together; where in scratch numbers lie, a byte
# each, and so many bytes further those of steps along rows; where those of 16 bits lie; and the
# table of where rows of booleans do.  Then, rows first: how many columns enter together, elements
# from one short row to the next, the table of these, where their pixels are, what is known of them,
# numbers of results, and suffixes of numbers; and in which steps these are added up along rows.
ROWS_FIRST = (
    "piece", "short", "short_at", "short_rows_at", "ones_at", "counts_at", "suffix_at",
    "reach_there", "first_there", "second_there", "rest_there",
)  # fmt: skip
L = Layout(
    *ALONE.names, *GIVEN, "weighted", "omits", "outside", "bits", "counts", "wide", "group",
    "there_at", "spare", "numbers_at", "truths_at", *ROWS_FIRST,
)  # fmt: skip


@emitted(WORDS)
def as_words(builder: Any, scratch: Items) -> Value:
    """All of scratch as numbers of 16 bits."""
    found, size = scratch.context.make_array(WORDS)(scratch.context, builder), I64(WORD_BYTES)
    count = builder.mul(scratch.each("shape")[0], I64(scratch.itemsize // WORD_BYTES))
    populate_array(found, scratch.at(0, NUMBER), [count], [size], size, None)
    return found._getvalue()


@jit.jit(inline="always")
def numbers_of(layout, scratch, base):
    """A byte for each element of scratch from ``base`` on: how many pixels its sum is of."""
    count = (layout[L.numbers_at] - layout[L.there_at]) * scratch.itemsize
    return bytes_at(scratch, base + layout[L.there_at], count)


@jit.jit(inline="always")
def begin(layout, scratch, base):
    """Once: a row of zeros behind those of a block, of sums and of numbers."""
    alone.begin(layout, scratch, base)
    step = layout[L.step]
    numbers_of(layout, scratch, base)[layout[L.taps_y] * step : (layout[L.taps_y] + 1) * step] = 0


# --- down columns --------------------------------------------------------------------------------


@jit.jit()
def number_rows(layout, scratch, base, plane, rows, image):
    """As `windows.kernel` has it; rows of booleans, too, which must be runs of them."""
    inside = number_pixels(layout, scratch, base, plane, rows, image)
    for n in range(rows[1] if layout[L.weighted] else 0):
        row = rows[0] + n * layout[L.dilation_y]
        source = source_index(row, layout[L.rows_in], layout[L.border_y])
        there = plane * layout[L.weights_plane] + source * layout[L.weights_row]
        write_entry(scratch, base + layout[L.truths_at], n, there)
    return inside and (not layout[L.weighted] or layout[L.weights_column] == 1)


@jit.jit()
def pack(f, fill, layout, scratch, base, plane, rows, left, columns, target):
    """Rows of the extended image, border applied, and bytes that tell of their holes."""
    pack_pixels(f, fill, layout, scratch, base, plane, rows, left, columns, target)
    if layout[L.weighted]:
        truths, found = truths_at(layout, L.weights, scratch), numbers_of(layout, scratch, base)
        down = rows[0], layout[L.dilation_y], rows[1], layout[L.rows_in], 1, layout[L.border_y]
        border = left, 1, columns, layout[L.columns_in], layout[L.channels], layout[L.border_x]
        fetch_truths(truths, plane, down, border, found[target - base :], layout[L.step])


@jit.jit(inline="always")
def enter(pixels, at, packed, layout, scratch, base, weight, places, how, columns, ahead, off):
    """Rows of a block, in the image or ``packed``, and numbers of pixels that are there."""
    numbers = numbers_of(layout, scratch, base)
    table = there_at = table_of(layout, base, packed)
    there, below = address_of(numbers, at - base), 0
    if not packed:
        there, there_at = layout[L.weights] + at, base + layout[L.truths_at]
        below = layout[L.taps_y] * layout[L.dilation_y] * layout[L.weights_row]
    count_block(
        pixels, at, scratch, table, weight, places, how, (columns, ahead, off),
        (layout[L.weighted], layout[L.omits]), numbers, -base, (there, there_at, below),
    )  # fmt: skip


# --- along rows ----------------------------------------------------------------------------------


@jit.jit(inline="always")
def _add_up(layout, numbers, source, parts, wide, target, size, needed):
    """Numbers of columns added up along rows, as wide ones, some more than those asked for."""
    (rows, width), lanes = size, machine.VECTOR_BYTES // numbers.itemsize
    how = layout[L.dilation_x], *steps_along(layout)
    here, hop, count, more = by_steps(numbers, source, parts, how, rows, width)
    places, rest = (here, source[1], hop, count), (more, how[0], how[4])
    vectors = (width + lanes - 1) // lanes
    add_numbers(numbers, places, rest, wide, target, (rows, vectors), needed)


@jit.jit()
def _count(layout, scratch, base, at, size, needed):
    """Numbers of pixels under some rows' results; the place of the first one, in 16 bits.

    ``at``: elements from ``base`` to the sums that these are of.
    """
    step, (rows, width), words = layout[L.step], size, as_words(scratch)
    kind = layout[L.group] * step
    numbers = numbers_of(layout, scratch, base)
    found = (base + layout[L.numbers_at]) * scratch.itemsize // WORD_BYTES
    spare = found + kind  # of rows of columns, then of both steps
    if layout[L.wide]:
        columns = width + layout[L.span_x] - 1
        widen(numbers, at, words, spare, step, (rows, columns))
        parts = spare + kind, spare + 2 * kind
        _add_up(layout, words, (spare, step), parts, words, (found, step), size, needed)
        return found
    parts = layout[L.spare], layout[L.spare] + kind
    _add_up(layout, numbers, (at, step), parts, words, (found, step), size, needed)
    return found


@jit.jit()
def needed_of(taps, scale, total):
    """How many pixels must be there of the ``total`` that the taps are."""
    least = taps[scale + 4] / abs(taps[scale + 2])
    return math.ceil(least * total) if least > 0 else 0


@jit.jit()
def deliver(
    out, constant, taps, scale, layout, scratch, base, row_at, size, plane, row, x, flags
):  # fmt: skip
    """Results from rows of sums as `windows.results` delivers them, over what is there."""
    (rows, width), left, step = size, x - layout[L.lead_x], layout[L.step]
    beyond, there, total = constant, layout[L.taps_y], scratch.dtype.type(layout[L.counts])
    if layout[L.outside]:  # what lies beyond the border is missing
        beyond, there = scratch.dtype.type(0), 0
    if layout[L.beside]:
        columns, table = width + layout[L.span_x] - 1, layout[L.sources_at]
        place = row_at, step
        fill_beside(scratch, layout, base + table, place, rows, left, columns, beyond)
        table = (table - layout[L.there_at]) * scratch.itemsize
        numbers, place = numbers_of(layout, scratch, base), (row_at - base, step)
        fill_beside(numbers, layout, table, place, rows, left, columns, there)
    needed = needed_of(taps, scale, total)
    for n in range(0, rows, layout[L.group]):
        some, at = (min(rows - n, layout[L.group]), width), row_at + n * step
        found = _count(layout, scratch, base, at + left - base, some, needed)
        made, below = (found, scale, total), row + n * layout[L.dilation_y]
        make(out, taps, made, layout, scratch, base, at, some, plane, below, x, flags)
