"""Between images, whose pixels lie side by side, and vectors of neighbouring channels.

As many pixels as a vector has lanes are turned at once, so that a channel's line is touched once:
planes of 64 x 64 pixels share the sets of the nearest cache.  What is left of a row goes by in
squares of 16 bytes, four pixels of four channels (two of two in float64); rows shorter than that
are somebody else's.  64 channels, 8 images of 64 x 64, one core: 5.0 ms in squares alone, 4.5 so
(Zen 5, 2026-11).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from numba import types
from numba.core import cgutils

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I1, I64, Code
from ...codegen.transposition import transposed

SQUARE_BYTES = 16  # of a row


def side(code: Code) -> int:
    """Pixels of a square."""
    return SQUARE_BYTES // code.itemsize


def _wholly_turned(code: Code, rows: Sequence[Value]) -> list[Value]:
    """As many vectors as each has lanes, turned: squares first, then the matrix of squares."""
    size, parts = side(code), code.lanes // side(code)
    squares = [transposed(code, rows[at : at + size]) for at in range(0, code.lanes, size)]
    found = [_parts_turned(code, column) for column in zip(*squares, strict=True)]
    return [found[n % size][n // size] for n in range(size * parts)]


def _parts_turned(code: Code, rows: Sequence[Value]) -> list[Value]:
    """As many vectors as each has 16 bytes, those turned: one, two or four."""

    def picked(pair: Sequence[Value], parts: Sequence[int]) -> Value:
        size = side(code)
        return code.shuffle(
            pair[0], pair[1], [part * size + n for part in parts for n in range(size)]
        )

    if len(rows) == 1:
        return list(rows)
    pairs: list[Sequence[Value]] = [rows]
    if len(rows) == 4:
        halves = (0, 1, 4, 5), (2, 3, 6, 7)
        pairs = [[picked(rows[n : n + 2], half) for n in (0, 2)] for half in halves]
    every = range(2 * len(rows))
    return [picked(pair, every[first::2]) for pair in pairs for first in (0, 1)]


def _each_square(
    code: Code, count: Value, whole: Callable[[Value], None], square: Callable[[Value], None]
) -> None:
    """``whole(first pixel)``, then ``square(first pixel)`` over what is left of ``count`` pixels.

    The last square is pulled back to end with them.
    """
    builder, size = code.builder, side(code)
    wide = builder.sdiv(count, I64(code.lanes))
    with cgutils.for_range(builder, wide, intp=I64) as loop:
        whole(builder.mul(loop.index, I64(code.lanes)))
    done, last = builder.mul(wide, I64(code.lanes)), builder.sub(count, I64(size))
    squares = builder.sdiv(builder.sub(builder.add(count, I64(size - 1)), done), I64(size))
    with cgutils.for_range(builder, squares, intp=I64) as loop:
        at = builder.add(done, builder.mul(loop.index, I64(size)))
        square(builder.select(builder.icmp_signed("<", at, last), at, last))


def _channels(code: Code, start: Value, step: Value) -> list[Value]:
    """Pointers to the same pixel of every channel of a vector."""
    found = []
    for channel in range(code.lanes):
        if channel % 4 == 0:  # few enough bases to stay in registers
            base = code.at(start, code.builder.mul(step, I64(channel)))
        found.append(code.at(base, code.builder.mul(step, I64(channel % 4))))
    return found


def load_turned(code: Code, start: Value, step: Value) -> list[Value]:
    """Neighbouring pixels from ``start`` on, each as a vector of channels ``step`` apart."""
    size, places = side(code), _channels(code, start, step)
    loaded = [code.load(place, size) for place in places]
    return transposed(code, [code.joined(loaded[n::size]) for n in range(size)])


def _emit_turn_in(builder: Any, count: Value, source: Value, step: Value, target: Value) -> None:
    code = Code(builder, source.type.pointee)

    def stored(at: Value, pixels: Sequence[Value]) -> None:
        start = code.at(target, builder.mul(at, I64(code.lanes)))
        for n, pixel in enumerate(pixels):
            code.store(pixel, code.at(start, n * code.lanes))

    def whole(at: Value) -> None:
        rows = [code.load(place) for place in _channels(code, code.at(source, at), step)]
        stored(at, _wholly_turned(code, rows))

    def square(at: Value) -> None:
        stored(at, load_turned(code, code.at(source, at), step))

    _each_square(code, count, whole, square)


def _emit_turn_out(builder: Any, count: Value, target: Value, step: Value, source: Value) -> None:
    code = Code(builder, source.type.pointee)
    size = side(code)

    def pixels(at: Value, count: int) -> list[Value]:
        start = code.at(source, builder.mul(at, I64(code.lanes)))
        return [code.load(code.at(start, n * code.lanes)) for n in range(count)]

    def whole(at: Value) -> None:
        places = _channels(code, code.at(target, at), step)
        rows = _wholly_turned(code, pixels(at, code.lanes))
        for row, place in zip(rows, places, strict=True):
            code.store(row, place)

    def square(at: Value) -> None:
        places = _channels(code, code.at(target, at), step)
        for n, row in enumerate(transposed(code, pixels(at, size))):
            for part, place in enumerate(places[n::size]):
                code.store(code.piece(row, part * size, size), place)

    _each_square(code, count, whole, square)


def _emit_copy(
    inwards: bool, builder: Any, count: Value, outside: Value, step: Value, inside: Value
) -> None:
    code = Code(builder, inside.type.pointee)

    def pixel(index: Value) -> list[Value]:
        places = [
            code.at(start, builder.mul(index, apart))
            for start, apart in ((outside, step), (inside, I64(code.lanes)))
        ]
        source, target = places if inwards else places[::-1]
        code.store(code.load(source), target)
        return []

    code.loop(count, [], pixel)


def _mover(name: str, emit: Callable[..., None]) -> Any:
    @emitted()
    def move(
        builder: Any, array: Items, at: Value, step: Value, count: Value, scratch: Items,
        scratch_at: Value,
    ) -> None:  # fmt: skip
        """Move ``count`` pixels of ``array`` from or to as many vectors of ``scratch``.

        ``step`` = elements from a channel to the next where pixels are neighbours (turn), from a
        pixel to the next where channels are (copy).  Emits nothing where the types differ: never
        reached.
        """
        if array.dtype == scratch.dtype:
            arguments = [count, array.at(at), step, scratch.at(scratch_at)]
            call_once(builder, f"winograd.{name}", emit, arguments)

    return move


turn_in, turn_out = _mover("turn.in", _emit_turn_in), _mover("turn.out", _emit_turn_out)
copy_in = _mover("copy.in", partial(_emit_copy, True))
copy_out = _mover("copy.out", partial(_emit_copy, False))


@emitted(types.boolean)
def same_kind(_: Any, array: Items, scratch: Items) -> Value:
    """Whether two arrays hold elements of one type."""
    return I1(array.dtype == scratch.dtype)
