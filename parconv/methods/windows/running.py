"""Sums of all numbers of a row up to each: the difference of two is that of those between them.

Of integers that count modulo a power of two, so that no sum is too large and each difference is
exact.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import Code
from .neighbours import plus

APART = 1, 3, 4  # elements from one number of a sum to the next: as many kernels


class _Running:
    """Emits those of one row; ``apart`` elements from one number of a sum to the next."""

    def __init__(self, code: Code, apart: int) -> None:
        self.code, self.apart = code, apart

    def vector(self, value: Value, before: Value) -> tuple[Value, Value]:
        """Sums of a vector's lanes, ``before`` added; what is before the next one.

        One addition from vector to vector: all else waits for nothing.
        """
        code, lanes, apart = self.code, self.code.lanes, self.apart
        shift = apart
        while shift < lanes:
            moved = code.shuffle(code.zero, value, range(lanes - shift, 2 * lanes - shift))
            value, shift = plus(code.builder, value, moved), 2 * shift
        last = code.shuffle(value, value, [lanes - apart + n % apart for n in range(lanes)])
        return plus(code.builder, value, before), self.following(last, before)

    def following(self, last: Value, before: Value) -> Value:
        """What a vector adds to what is before it.

        Its lanes are those of the same place among those ``apart``, counted from its first one.
        """
        code, lanes, apart = self.code, self.code.lanes, self.apart
        turned = [(lanes + n) % apart for n in range(lanes)]
        here = before if lanes % apart == 0 else code.shuffle(before, before, turned)
        return plus(code.builder, last, here)


def _emit(
    builder: Any, apart: int, source: Value, sums: Value, less: Value, down: Value, rows: Value,
    vectors: Value,
) -> None:  # fmt: skip
    code = Code(builder, source.type.pointee)
    running = _Running(code, apart)

    def one(source: Value, sums: Value, less: Value, before: Value) -> Sequence[Value]:
        value = code.load(source)
        total, following = running.vector(value, before)
        code.store(total, sums)
        code.store(builder.sub(value, total), less)
        return [*(code.at(each, code.lanes) for each in (source, sums, less)), following]

    def row(*places: Value) -> Sequence[Value]:
        code.repeat(vectors, [*places, code.zero], one)
        return [code.at(place, down) for place in places]

    code.repeat(rows, [source, sums, less], row)


@emitted()
def add_before(
    builder: Any, scratch: Items, apart: Value, source: Value, target: Sequence[Value],
    down: Value, size: Sequence[Value],
) -> None:  # fmt: skip
    """Emit a call that leaves rows of such sums in scratch; of floats nothing.

    ``target``: where those up to each number go, and where those of the numbers before it, negated;
    ``down``: elements from row to row of all; ``size``: rows and vectors.
    """
    if not isinstance(scratch.element, ir.IntType):  # which never ask
        return
    places = scratch.at(source), *map(scratch.at, target), down, *size
    code = Code(builder, scratch.element)

    def case(apart: int) -> Sequence[Value]:
        def body(inner: Any, *arguments: Value) -> None:
            _emit(inner, apart, *arguments)

        call_once(builder, f"windows.running.{apart}", body, places)
        return []

    code.choose(apart, {n: partial(case, n) for n in APART})
