"""Sums of columns: of the rows of a window that lie in one block, and of those in the next.

Blocks are as many rows as the filter has taps.  A window that begins within one ends within the
next: its sum is that of the rows from its first to the block's end, a suffix, which are added up
from below once the block is complete, and a prefix of the next block, which grows by the row that
enters.  So each pixel is added three times, whatever the filter's size (van Herk; Gil and Werman),
and no sum holds a pixel of another window.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code

SIDES = (4, 1)  # vectors of columns side by side: loads first, since stores might change them


def across_columns(code: Code, columns: Value, body: Callable[[Value, int], None]) -> None:
    """``body(column, vectors)`` for all columns, one vector of them at least.

    The last vector is pulled back to end with them, over columns that were dealt with before.
    """
    builder, done = code.builder, I64(0)
    for vectors in SIDES:
        size = I64(vectors * code.lanes)
        turns = builder.sdiv(builder.sub(columns, done), size)

        def one(at: Value, vectors: int = vectors, size: Value = size) -> Sequence[Value]:
            body(at, vectors)
            return [builder.add(at, size)]

        [done] = code.repeat(turns, [done], one)
    with builder.if_then(builder.icmp_signed("<", done, columns)):
        body(builder.sub(columns, I64(code.lanes)), 1)


def loads(code: Code, start: Value, at: Value, vectors: int) -> list[Value]:
    place = code.at(start, at)
    return [code.load(code.at(place, n * code.lanes)) for n in range(vectors)]


def stores(code: Code, values: Sequence[Value], start: Value, at: Value) -> None:
    place = code.at(start, at)
    for n, value in enumerate(values):
        code.store(value, code.at(place, n * code.lanes))


def growing(
    code: Code,
    weight: Value,
    places: Sequence[Value],
    sift: Callable[..., list[Value]] | None = None,
) -> Callable[..., None]:
    """``body(column, vectors)`` of columns in which a pixel enters the block.

    It may be told how many elements ahead of the pixels to prefetch.

    ``places``: of the pixels, of their row in the block, of the prefix before it and with it; and,
    where windows end there, of the suffix before it and of where to leave the sum of both.
    ``sift(column, pixels)``: what enters of the pixels that are there.
    """
    pixels, slot, before, after, *window = places
    scale, builder = code.splat(weight), code.builder

    def body(at: Value, vectors: int, ahead: int = 0) -> None:
        for n in range(vectors if ahead else 0):
            code.prefetch(code.at(pixels, at, ahead + n * code.lanes))
        found = loads(code, pixels, at, vectors)
        found = [builder.fmul(value, scale) for value in (sift(at, found) if sift else found)]
        sums = loads(code, before, at, vectors)
        sums = [builder.fadd(total, value) for total, value in zip(sums, found, strict=True)]
        if window:
            others = loads(code, window[0], at, vectors)
            totals = [builder.fadd(*pair) for pair in zip(others, sums, strict=True)]
            stores(code, totals, window[1], at)
        stores(code, found, slot, at)
        stores(code, sums, after, at)

    return body


def _grow(
    builder: Any, pixels: Value, weight: Value, slot: Value, before: Value, after: Value,
    columns: Value, *window: Value,
) -> None:  # fmt: skip
    """A row enters its block; ``window``: the suffix before it, and where to leave their sum."""
    code = Code(builder, pixels.type.pointee)
    places = pixels, slot, before, after, *window
    across_columns(code, columns, growing(code, weight, places))


@emitted()
def enter(
    builder: Any, pixels: Items, at: Value, weight: Value, scratch: Items,
    places: Sequence[Value], columns: Value,
) -> None:  # fmt: skip
    """A row of ``pixels`` enters its block.

    ``places`` in scratch: of the row in the block, of the prefix before it and with it.  A column
    may be dealt with twice: pixels may lie at the first place only where vectors fill the columns.
    """
    arguments = pixels.at(at), weight, *map(scratch.at, places), columns
    call_once(builder, "block.enter", _grow, arguments)


@emitted()
def enter_and_sum(
    builder: Any, pixels: Items, at: Value, weight: Value, scratch: Items,
    places: Sequence[Value], columns: Value, suffix: Value, target: Value,
) -> None:  # fmt: skip
    """The same, and the sums of the windows that end there."""
    window = scratch.at(suffix), scratch.at(target)
    arguments = pixels.at(at), weight, *map(scratch.at, places), columns, *window
    call_once(builder, "block.sum", _grow, arguments)


@emitted()
def add_upwards(
    builder: Any, scratch: Items, last: Value, step: Value, rows: Value, columns: Value
) -> None:
    """To each of ``rows`` rows above the ``last`` one those below it; they lie ``step`` apart."""
    arguments = scratch.at(last), step, rows, columns
    call_once(builder, "block.up", _add_upwards, arguments)


def _add_upwards(builder: Any, last: Value, step: Value, rows: Value, columns: Value) -> None:
    code, up = Code(builder, last.type.pointee), builder.sub(I64(0), step)

    def one(at: Value, vectors: int) -> None:
        def add(place: Value, *sums: Value) -> Sequence[Value]:
            place = code.at(place, up)
            found = loads(code, place, I64(0), vectors)
            found = [builder.fadd(*pair) for pair in zip(sums, found, strict=True)]
            stores(code, found, place, I64(0))
            return [place, *found]

        start = code.at(last, at)
        code.repeat(rows, [start, *loads(code, start, I64(0), vectors)], add)

    across_columns(code, columns, one)
