"""The call of a tile: of many outputs, or of few."""

from functools import partial
from typing import Any

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import Code
from .few import FILTERS, FewTile
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
