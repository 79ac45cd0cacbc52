"""Pixels of a row in a tile, channels in lanes: filters of any size, stride and dilation.

A tile is some pixels of a row of output for as many channels as a vector has lanes; taps pass by in
loops, row after row, each loaded once for all pixels.  So one compilation serves every filter, and
its bits are those of `channels` and `strip`: rows outside the image add nothing, columns outside
count as zeros.  Cycles of a vector of one output of 3, 5, 7 taps a side, tiles of `channels` and
these: 11.5 38 75, 7 18 33 (Zen 3 VM, AVX2, 2026-11).

Where several filters share a channel each has sums of its own, so that a pixel is loaded once for
all of them, and what they leave is dealt out in turn when it is stored.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from llvmlite import ir

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.flow import call_one_of
from ...codegen.simd import I64, Code
from .channels import ways

# Pixels of a tile, by filters of a channel: as many sums hide the latency of a multiply-add, and
# fit 16 registers.  Narrower rows have fewer.
WIDTHS = {1: (8, 4, 1), 2: (4, 1), 3: (2, 1), 4: (2, 1)}


class Tile(NamedTuple):
    """What is compiled: filters of a channel, pixels, and whether columns may lie outside."""

    filters: int
    width: int
    border: bool


TILES = [
    Tile(filters, width, border)
    for filters, widths in WIDTHS.items()
    for width in widths
    for border in (False, True)
]


class _Pixels:
    """Emits a tile for vector after vector of channels; the attributes are IR values."""

    def __init__(self, builder: Any, tile: Tile, *arguments: Value) -> None:
        (self.source, self.row, self.across, self.pixel, self.rows, self.first, self.columns,
         self.column, self.dilation, self.stride, self.in_row, self.zeros, self.taps, self.tap,
         self.filter, self.out, self.out_pixel, self.vectors, self.mode,
         self.shown) = arguments  # fmt: skip
        self.builder, self.tile = builder, tile
        self.code = Code(builder, self.source.type.pointee)

    def emit(self) -> None:
        code, builder = self.code, self.builder
        # the product of the very first tap stands alone: added to -0 it keeps its sign
        first = builder.icmp_signed("==", self.first, I64(0))
        none = [ir.Constant(code.kind, zero) for zero in (-0.0, 0.0)]
        self.begin = code.splat(builder.select(first, *none))
        code.repeat(self.vectors, [self.source, self.taps, self.out], self.one_vector)

    def one_vector(self, source: Value, taps: Value, out: Value) -> Sequence[Value]:
        code = self.code
        sums = [self.begin] * (self.tile.width * self.tile.filters)
        _, _, *sums = code.repeat(self.rows, [source, taps, *sums], self.one_row)
        self.store(sums, out)
        following = [code.at(place, code.lanes) for place in (source, taps)]
        return [*following, code.at(out, self.tile.filters * code.lanes)]

    def one_row(self, source: Value, taps: Value, *sums: Value) -> Sequence[Value]:
        code, carried = self.code, [source, taps, *sums]
        if self.tile.border:
            carried.append(self.column)
        _, taps, *found = code.loop(self.columns, carried, self.one_tap)
        return [code.at(source, self.row), taps, *found[: len(sums)]]

    def one_tap(self, _: Value, pixels: Value, taps: Value, *carried: Value) -> Sequence[Value]:
        code, filters, weights, place = self.code, self.tile.filters, [], taps
        for _ in range(filters):
            weights.append(code.load(place))
            place = code.at(place, self.filter)
        # Opaque, or LLVM makes a single chain of the addresses of all pixels and taps.
        pixels = code.opaque(pixels)
        column = carried[self.tile.width * filters :]
        found, place = [], pixels
        for n in range(self.tile.width):
            value, sums = code.load(self.inside(place, n, column)), carried[n * filters :]
            found += [code.fma(value, w, total) for w, total in zip(weights, sums, strict=False)]
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
        code, filters = self.code, self.tile.filters
        pixels = [self.dealt(sums[n : n + filters]) for n in range(0, len(sums), filters)]
        shown = [self.builder.lshr(self.shown, I64(n * code.lanes)) for n in range(filters)]
        how = [ways(code, code.lanes_of(bits)) for bits in shown]

        def put(key: int) -> list[Value]:
            pointer = out
            for vectors in pixels:
                for n, value in enumerate(vectors):
                    how[n][key](value, code.at(pointer, n * code.lanes))
                pointer = code.at(pointer, self.out_pixel)
            return [I64(0)]

        code.choose(self.mode, {key: partial(put, key) for key in how[0]})

    def dealt(self, sums: Sequence[Value]) -> list[Value]:
        """The results of a pixel: of each channel in turn those of all its filters."""
        code, count, found = self.code, len(sums), []
        for first in range(0, count * code.lanes, code.lanes):
            channels, filters = zip(
                *(divmod(at, count) for at in range(first, first + code.lanes)), strict=True
            )
            value, place = sums[0], channels
            for n, other in enumerate(sums[1:], start=1):
                order = [
                    code.lanes + channel if filter_ == n else here
                    for channel, filter_, here in zip(channels, filters, place, strict=True)
                ]
                value, place = code.shuffle(value, other, order), tuple(range(code.lanes))
            found.append(value)
        return found


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
    and between pixels, and of the image.  ``filters`` = the first tap, elements from one to the
    next, and from one filter of a channel to the next.  ``result`` = the first pixel, elements to
    the next, how to store, and which of them, as bits.
    """
    (first, *apart), (target, *ways) = filters, result
    arguments = [
        key, image.at(at), *steps, *rows, *columns, scratch.at(zeros), taps.at(first), *apart,
        out.at(target), ways[0], vectors, *ways[1:],
    ]  # fmt: skip
    call_once(builder, "pixels", _emit, arguments)
