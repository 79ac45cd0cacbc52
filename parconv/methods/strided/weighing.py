"""Sums along a row of sums that are sorted: for each tap a table tells where they lie."""

from collections.abc import Sequence
from typing import Any

from numba import types

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64
from ..rows.weighing import Weighing


class _Placed(Weighing):
    """Of pixels that lie where a table, ``step``, says for each tap: those of a strided row."""

    def sums(self, start: Value, vectors: int) -> Sequence[Value]:
        code = self.code

        def one(places: Value, taps: Value, *sums: Value) -> Sequence[Value]:
            tap = code.splat(code.read(taps))
            pixels = self.loaded(code.at(start, code.read(places)), vectors)
            added = [code.fma(p, tap, s) for p, s in zip(pixels, sums, strict=True)]
            return [code.at(places, 1), code.at(taps, 1), *added]

        tap, others = code.splat(code.read(self.taps)), self.builder.sub(self.count, I64(1))
        pixels = self.loaded(code.at(start, code.read(self.step)), vectors)
        begun = [self.builder.fmul(value, tap) for value in pixels]
        return code.repeat(others, [code.at(self.step, 1), code.at(self.taps, 1), *begun], one)[2:]


@emitted()
def weigh_sorted(
    builder: Any, scratch: Items, source: Sequence[Value], layout: Items, places: Value,
    taps: Items, line: Sequence[Value], out: Items, target: Sequence[Value],
    size: Sequence[Value], flags: Value,
) -> None:  # fmt: skip
    """Emit a call that leaves rows of sums in ``out``; nothing where it cannot store them.

    ``source``: where the first sums lie, and elements from row to row; ``places``: where the layout
    tells how far behind them each tap's lie.  The others are those of `rows.weighing.weigh`.
    """
    kinds = scratch.dtype, out.dtype
    narrow = isinstance(out.dtype, types.Integer) and out.dtype.bitwidth < 32
    if kinds[0] != kinds[1] and not (narrow and isinstance(kinds[0], types.Float)):
        return
    (at, down), (taps_at, count), (to, below) = source, line, target

    def body(inner: Any, *values: Value) -> None:
        _Placed(inner, kinds, *values).emit()

    arguments = [
        scratch.at(at), down, layout.at(places), taps.at(taps_at), count, out.at(to), below, *size,
        flags,
    ]  # fmt: skip
    call_once(builder, "strided", body, arguments, kinds)
