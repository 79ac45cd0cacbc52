"""Pixels of a row in a tile, channels in lanes: filters of any size, stride and dilation.

A tile is some pixels of a row of output for as many channels as a vector has lanes; taps pass by in
loops, row after row, each loaded once for all pixels.  So one compilation serves every filter, and
its bits are those of `channels` and `strip`: rows outside the image add nothing, columns outside
count as zeros.  Cycles of a vector of one output of 3, 5, 7 taps a side, tiles of `channels` and
these: 11.5 38 75, 7 18 33 (Zen 3 VM, AVX2, 2026-11).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from llvmlite import ir

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.flow import call_one_of
from ...codegen.simd import I64, Code
from .channels import ways

# Pixels of a tile: as many sums hide the latency of a multiply-add.  Narrower rows have fewer.
WIDTHS = (8, 4, 1)


class Tile(NamedTuple):
    """What is compiled: pixels, and whether columns may lie outside."""

    width: int
    border: bool


TILES = [Tile(width, border) for width in WIDTHS for border in (False, True)]


class _Pixels:
    """Emits a tile for vector after vector of channels; the attributes are IR values."""

    def __init__(self, builder: Any, tile: Tile, *arguments: Value) -> None:
        (self.source, self.row, self.across, self.pixel, self.rows, self.first, self.columns,
         self.column, self.dilation, self.stride, self.in_row, self.zeros, self.taps, self.tap,
         self.out, self.out_pixel, self.vectors, self.mode, self.mask) = arguments  # fmt: skip
        self.builder, self.tile = builder, tile
        self.code = Code(builder, self.source.type.pointee)

    def emit(self) -> None:
        code, builder = self.code, self.builder
        # the product of the very first tap stands alone: added to -0 it keeps its sign
        first = builder.icmp_signed("==", self.first, I64(0))
        none = [ir.Constant(code.kind, zero) for zero in (-0.0, 0.0)]
        self.begin = code.splat(builder.select(first, *none))
        self.lanes = code.lanes_of(self.mask)
        code.repeat(self.vectors, [self.source, self.taps, self.out], self.one_vector)

    def one_vector(self, source: Value, taps: Value, out: Value) -> Sequence[Value]:
        code = self.code
        sums = [self.begin] * self.tile.width
        _, _, *sums = code.repeat(self.rows, [source, taps, *sums], self.one_row)
        self.store(sums, out)
        return [code.at(place, code.lanes) for place in (source, taps, out)]

    def one_row(self, source: Value, taps: Value, *sums: Value) -> Sequence[Value]:
        code, carried = self.code, [source, taps, *sums]
        if self.tile.border:
            carried.append(self.column)
        _, taps, *found = code.loop(self.columns, carried, self.one_tap)
        return [code.at(source, self.row), taps, *found[: len(sums)]]

    def one_tap(self, _: Value, pixels: Value, taps: Value, *carried: Value) -> Sequence[Value]:
        code, weight = self.code, self.code.load(taps)
        # Opaque, or LLVM makes a single chain of the addresses of all pixels and taps.
        pixels = code.opaque(pixels)
        sums, column = carried[: self.tile.width], carried[self.tile.width :]
        found, place = [], pixels
        for n, total in enumerate(sums):
            found.append(code.fma(code.load(self.inside(place, n, column)), weight, total))
            place = code.at(place, self.pixel)
        following = [self.builder.add(at, self.dilation) for at in column]
        return [code.at(pixels, self.across), code.at(taps, self.tap), *found, *following]

    def inside(self, place: Value, number: int, column: Sequence[Value]) -> Value:
        """Where a pixel lies, or zeros in place of one beside the image."""
        if not column:
            return place
        builder = self.builder
        at = builder.add(column[0], builder.mul(self.stride, I64(number)))
        return builder.select(builder.icmp_unsigned("<", at, self.in_row), place, self.zeros)

    def store(self, sums: Sequence[Value], out: Value) -> None:
        code = self.code

        def put(how: Any) -> list[Value]:
            pointer = out
            for value in sums:
                how(value, pointer)
                pointer = code.at(pointer, self.out_pixel)
            return [I64(0)]

        code.choose(self.mode, {
            key: partial(put, how) for key, how in ways(code, self.lanes).items()
        })  # fmt: skip


def _emit(builder: Any, key: Value, *arguments: Value) -> None:
    """A function that chooses among tiles, each a function of its own."""

    def body(tile: Tile) -> Any:
        return lambda inner, *values: _Pixels(inner, tile, *values).emit()

    call_one_of(builder, key, "pixels", {tile: body(tile) for tile in TILES}, arguments)


@emitted()
def pixel_tiles(
    builder: Any, key: Value, image: Items, at: Value, steps: Sequence[Value],
    rows: Sequence[Value], columns: Sequence[Value], scratch: Items, zeros: Value, taps: Items,
    filters: Sequence[Value], out: Items, result: Sequence[Value], vectors: Value,
) -> None:  # fmt: skip
    """Emit a call that computes a tile of pixels for so many vectors of channels.

    ``key`` counts through `TILES`.  ``at``: where the first pixel meets the first tap; ``steps`` =
    elements from one row of taps, one tap and one pixel of output to the next.  ``rows`` = of taps,
    and the first one's number.  ``columns`` = of taps, the column of ``at``, columns between taps
    and between pixels, and of the image.  ``filters`` = the first tap, and elements from one to the
    next.  ``result`` = the first pixel, elements to the next, how to store, and the lanes to store.
    """
    (first, step), (target, *ways) = filters, result
    arguments = [
        key, image.at(at), *steps, *rows, *columns, scratch.at(zeros), taps.at(first), step,
        out.at(target), ways[0], vectors, *ways[1:],
    ]  # fmt: skip
    call_once(builder, "pixels", _emit, arguments)
