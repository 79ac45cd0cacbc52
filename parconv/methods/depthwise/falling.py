"""Sweeps down a copy whose rows are flat: vectors of neighbouring numbers, of several channels.

Taps are vectors, too, and lie as they are met: a tap after another of each vector of a row.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.flow import call_one_of
from ...codegen.simd import I64
from .sweep import SIZES, STRIDES, Kind, Sweep

KINDS = [Kind(size, stride, 1) for size in SIZES for stride in STRIDES]


class _Falling(Sweep):
    """One vector after another; the attributes are IR values of the function's arguments."""

    def __init__(self, builder: Any, kind: Kind, *arguments: Value) -> None:
        (self.source, self.row, self.second, self.third, self.first, self.rows, self.filters,
         self.height, self.out, self.out_row, self.vectors) = arguments  # fmt: skip
        super().__init__(builder, kind, self.source)

    def emit(self) -> None:
        self.code.repeat(self.vectors, [self.source, self.filters, self.out], self.one_vector)

    def one_vector(self, source: Value, taps: Value, out: Value) -> list[Value]:
        code, self.taps = self.code, taps
        self.keep_weights()
        self.run(source, [out])
        steps = 1, self.kind.size**2, 1
        places = zip((source, taps, out), steps, strict=True)
        return [code.at(place, step * code.lanes) for place, step in places]

    def read_weight(self, row: int, column: int) -> Value:
        return self.code.load(self.code.at(self.taps, (row * self.size + column) * self.code.lanes))

    def columns(self, pixels: Value, _: int) -> list[Value]:
        code, found = self.code, []
        for column in range(self.size):
            away = self.builder.mul(self.third, I64(column // 2))
            away = self.builder.add(away, self.second) if column % 2 else away
            found.append(code.load(code.at(pixels, away)))
        return found

    def leave(self, sums: Sequence[Value], place: Sequence[Value]) -> list[Value]:
        self.code.store(sums[0], place[0])
        return [self.code.at(place[0], self.out_row)]

    def prefetch(self, pixels: Value) -> None:
        """Nothing: the copy is near."""


def _emit(builder: Any, key: Value, *arguments: Value) -> None:
    """A function that chooses among the kinds, each a function of its own."""

    def body(kind: Kind) -> Callable[..., None]:
        return lambda inner, *values: _Falling(inner, kind, *values).emit()

    call_one_of(builder, key, "falling", {kind: body(kind) for kind in KINDS}, arguments)


@emitted()
def fall(
    builder: Any, key: Value, scratch: Items, at: Value, steps: Sequence[Value],
    rows: Sequence[Value], taps: Items, first: Value, out: Items, result: Sequence[Value],
    vectors: Value,
) -> None:  # fmt: skip
    """Emit a call that computes rows of results for so many vectors side by side.

    ``key`` counts through `KINDS`.  ``at``: where the first output meets the first row; ``steps`` =
    elements from one row to the next, from the first tap of a row to the second and to the third,
    and so on by turns.  ``rows`` = the first row, and how many there are.  ``first``: the first
    tap.  ``result`` = rows of output, where the first one begins, elements to the next.
    """
    height, target, step = result
    arguments = [
        key, scratch.at(at), *steps, *rows, taps.at(first), height, out.at(target), step, vectors,
    ]  # fmt: skip
    call_once(builder, "falling", _emit, arguments)
