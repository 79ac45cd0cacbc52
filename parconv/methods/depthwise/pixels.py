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
from .channels import MASK, ways
from .strip import MASKED

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


class PixelTile:
    """Emits a tile for vector after vector of channels; the attributes are IR values."""

    def __init__(self, builder: Any, tile: Tile, *arguments: Value) -> None:
        (self.source, self.row, self.across, self.pixel, self.rows, self.first, self.columns,
         self.column, self.dilation, self.stride, self.in_row, self.zeros, self.taps, self.tap,
         self.filter, self.out, self.out_pixel, self.vectors, self.mode, self.skipped,
         self.shown, self.channels) = arguments  # fmt: skip
        self.begin_with(builder, tile)

    def begin_with(self, builder: Any, tile: Any) -> None:
        self.builder, self.tile = builder, tile
        self.code = Code(builder, self.source.type.pointee)

    def emit(self) -> None:
        self.begin = self.first_sums()
        self.every_vector(self.source, self.out)

    def first_sums(self) -> Value:
        """The product of the very first tap stands alone: added to -0 it keeps its sign."""
        first = self.builder.icmp_signed("==", self.first, I64(0))
        none = [ir.Constant(self.code.kind, zero) for zero in (-0.0, 0.0)]
        return self.code.splat(self.builder.select(first, *none))

    def every_vector(self, source: Value, out: Value) -> None:
        start = [source, self.taps, out, self.channels, self.skipped, self.shown]
        self.code.repeat(self.vectors, start, self.one_vector)

    def one_vector(
        self, source: Value, taps: Value, out: Value, channels: Value, *ends: Value
    ) -> Sequence[Value]:
        """``channels``: that are left; ``ends``: results before those to store, and with them."""
        code, stored = self.code, I64(self.tile.filters * self.code.lanes)
        self.met, self.ends = self.lanes_met(channels), ends
        self.store(self.summed(source, taps), out)
        following = [code.at(place, code.lanes) for place in (source, taps)]
        left = [self.builder.sub(end, stored) for end in ends]
        channels = self.builder.sub(channels, I64(code.lanes))
        return [*following, code.at(out, stored), channels, *left]

    def lanes_met(self, channels: Value) -> Value:
        """As bits that are known: LLVM would compare numbers of lanes again for every row."""
        code, builder = self.code, self.builder
        beyond = builder.icmp_signed(">=", channels, I64(code.lanes))
        some = builder.sub(builder.shl(I64(1), channels), I64(1))
        return code.lanes_of(code.opaque(builder.select(beyond, I64((1 << code.lanes) - 1), some)))

    def summed(self, source: Value, taps: Value) -> Sequence[Value]:
        """The sums of a vector of channels."""
        sums = [self.begin] * (self.tile.width * self.tile.filters)
        _, _, *sums = self.code.repeat(self.rows, [source, taps, *sums], self.one_row)
        return sums

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
            value, sums = self.load(self.inside(place, n, column)), carried[n * filters :]
            found += [code.fma(value, w, total) for w, total in zip(weights, sums, strict=False)]
            place = code.at(place, self.pixel)
        following = [self.builder.add(at, self.dilation) for at in column]
        return [code.at(pixels, self.across), code.at(taps, self.tap), *found, *following]

    def load(self, place: Value) -> Value:
        """Of the last channels no more than there are, where masks are cheap."""
        return self.code.load_some(place, self.met) if MASKED else self.code.load(place)

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
        how = [ways(code, self.stored(n * code.lanes)) for n in range(filters)]

        def put(key: int) -> list[Value]:
            pointer = out
            for vectors in pixels:
                for n, value in enumerate(vectors):
                    how[n][key](value, code.at(pointer, n * code.lanes))
                pointer = code.at(pointer, self.out_pixel)
            return [I64(0)]

        code.choose(self.way(), {key: partial(put, key) for key in how[0]})

    def way(self) -> Value:
        """As the caller has it where all results of the vectors are stored."""
        (skipped, shown), builder = self.ends, self.builder
        count = I64(self.tile.filters * self.code.lanes)
        first = builder.icmp_signed("<=", skipped, I64(0))
        every = builder.and_(first, builder.icmp_signed(">=", shown, count))
        return builder.select(every, self.mode, I64(MASK))

    def stored(self, first: int) -> Value:
        """Which lanes of the vector of results from the ``first`` on."""
        builder = self.builder
        skipped, shown = (self.code.first_lanes(builder.sub(end, I64(first))) for end in self.ends)
        return builder.and_(shown, builder.not_(skipped))

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
        return lambda inner, *values: PixelTile(inner, tile, *values).emit()

    call_one_of(builder, key, "pixels", {tile: body(tile) for tile in TILES}, arguments)


@emitted()
def pixel_tiles(
    builder: Any, key: Value, image: Items, at: Value, steps: Sequence[Value],
    rows: Sequence[Value], columns: Sequence[Value], scratch: Items, zeros: Value, taps: Items,
    filters: Sequence[Value], out: Items, result: Sequence[Value], vectors: Value,
    channels: Value,
) -> None:  # fmt: skip
    """Emit a call that computes a tile of pixels for so many vectors of channels.

    ``key`` counts through `TILES`.  ``at``: where the first pixel meets the first tap; ``steps`` =
    elements from one row of taps, one tap and one pixel of output to the next.  ``rows`` = of taps,
    and the first one's number.  ``columns`` = of taps, the column of ``at``, columns between taps
    and between pixels, and of the image.  ``filters`` = the first tap, elements from one to the
    next, and from one filter of a channel to the next.  ``result`` = the first pixel, elements to
    the next, how to store whole vectors, how many results of a pixel come before those to store,
    and how many there are with them; ``channels``: how many vectors may read.
    """
    (first, *apart), (target, step, *how) = filters, result
    arguments = [
        key, image.at(at), *steps, *rows, *columns, scratch.at(zeros), taps.at(first), *apart,
        out.at(target), step, vectors, *how, channels,
    ]  # fmt: skip
    call_once(builder, "pixels", _emit, arguments)
