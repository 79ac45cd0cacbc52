"""The calls of a tile, of many outputs or of few, and of a run of pixels."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from .apiece import Single, Wide
from .few import FILTERS, FewTile
from .numbers import FEW, MANY, SINGLE, WIDE
from .pointwise import POSSIBLE, Few, Many
from .table import I8, VECTORS
from .tile import Tile


@emitted()
def tile(
    builder: Any, f: Items, scratch: Items, in_place: Value, source: Value, taps: Items,
    taps_at: Value, table: Items, out: Items, out_at: Value, version: Value,
) -> None:  # fmt: skip
    """Compute the tile that ``table`` describes; it begins at bytes of the arrays.

    Its pixels are those of ``f``, where ``in_place``, or of scratch.
    ``version``: so many vectors of outputs, or `VECTORS` and so many outputs where they are few.

    At its first pixel under the first tap and channel, at its weights, and in the result at the
    first row and column of its first channel.
    """
    pixels = builder.select(in_place, f.at(source, I8), scratch.at(source, I8))
    pointers = [pixels, taps.at(taps_at), table.at(), out.at(out_at, I8)]

    def call(version: int) -> list[Value]:
        how, size = (Tile, version) if version <= VECTORS else (FewTile, version - VECTORS)

        def body(inner: Any, *values: Value) -> None:
            how(inner, size, *values).emit()

        call_once(builder, "channels", body, pointers, (taps.element, version))
        return []

    cases = {n: partial(call, n) for n in range(1, VECTORS + FILTERS + 1)}
    Code(builder, taps.element).choose(version, cases)


RUNS: dict[int, Any] = {FEW: Few, MANY: Many, SINGLE: Single, WIDE: Wide}


@emitted()
def run_of_pixels(
    builder: Any, how: Value, f: Items, scratch: Items, in_place: Sequence[Value], source: Value,
    taps: Items, out: Items, target: Value, sizes: Sequence[Value], table: Items, table_at: Value,
    room: Value, streams: Value,
) -> None:  # fmt: skip
    """All outputs of a run of pixels.

    From element ``source`` of ``f``, or of scratch, to element ``target`` of ``out``, or of it, as
    ``in_place`` says of both.  ``sizes``: pixels, channels, outputs and a period; see `pointwise`.
    """
    if not POSSIBLE:  # never reached
        return
    pixels = builder.select(in_place[0], f.at(source), scratch.at(source))
    results = builder.select(in_place[1], out.at(target), scratch.at(target))
    streams = builder.icmp_signed("!=", streams, I64(0))
    values = [pixels, taps.at(), results, *sizes, table.at(table_at), scratch.at(room), streams]

    def call(key: int) -> list[Value]:
        def body(inner: Any, *values: Value) -> None:
            RUNS[key](inner, *values).emit()

        call_once(builder, "channels.run", body, values, (taps.element, key))
        return []

    Code(builder, taps.element).choose(how, {key: partial(call, key) for key in POSSIBLE})
