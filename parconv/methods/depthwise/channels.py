"""Channels in lanes: for images whose channels lie side by side, and results that do.

A tile is a few rows of output, one pixel of each, for as many channels as a vector has lanes; it
moves along the row.  So the loads of one instruction lie a pixel apart, which the machine's own
prefetching follows, and not a row.  32 maps, one core, milliseconds of tiles of four pixels of a
row / four pixels that move down / these (Zen 5, 2026-11): 144 x 56 x 56 5.0 2.4 2.4, every second
output of them 2.9 2.6 2.0, of 96 x 112 x 112 7.4 7.4 5.5.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.flow import call_one_of
from ...codegen.simd import I64, Code
from .sweep import KEPT, SIZES, STRIDES, Kind, Products

# Rows of output of a tile, for strides of 1 and 2: sums, taps that are kept and a pixel fit the
# registers.  Of every second output 32 x 144 x 56 x 56 with 2, 3, 4 rows: 2.3 2.1 2.05 ms.
HIGH = machine.ISA.choose({
    32: {3: (7, 4), 5: (4, 4), 7: (2, 2)},
    16: {3: (3, 2), 5: (2, 2), 7: (1, 1)},
})  # fmt: skip
STORE, STREAM, MASK = range(3)  # all lanes, past the caches, some lanes


def ways(code: Code, lanes: Value) -> dict[int, Callable[[Value, Value], None]]:
    """How to store vectors: all lanes, past the caches, or those ``lanes``."""
    return {
        STORE: code.store,
        STREAM: code.stream,
        MASK: lambda value, pointer: code.store_some(value, pointer, lanes),
    }


def rows_of_tile(kind: Kind) -> int:
    """Rows of output of a filter's tiles."""
    return HIGH[kind.size][kind.stride - 1]


class Tile(NamedTuple):
    """What is compiled: the side of a filter, stride, and whether columns may lie outside."""

    size: int
    stride: int
    border: bool

    @property
    def high(self) -> int:
        """Rows of output."""
        return HIGH[self.size][self.stride - 1]

    @property
    def rows(self) -> int:
        """Of the image."""
        return (self.high - 1) * self.stride + self.size


# Tiles of large filters look at every column: half a second less to compile.
TILES = [
    Tile(size, stride, border)
    for size in SIZES
    for stride in STRIDES
    for border in ((False, True) if size <= KEPT else (True,))
]


class _Tiles(Products):
    """Emits a tile for vector after vector of channels, and for pixel after pixel of each.

    The attributes are IR values of the function's arguments.
    """

    def __init__(self, builder: Any, tile: Tile, *arguments: Value) -> None:
        (self.source, self.row, self.pixel, self.first, self.rows, self.column, self.in_row,
         self.zeros, self.taps, self.tap, self.height, self.width, self.out, self.out_row,
         self.out_pixel, self.mode, self.mask, self.ahead, self.below, self.count,
        ) = arguments  # fmt: skip
        super().__init__(Code(builder, self.source.type.pointee), tile.size)
        self.tile = tile

    def emit(self) -> None:
        code, builder = self.code, self.builder
        rows = [builder.add(self.first, I64(n)) for n in range(self.tile.rows)]
        self.inside = [builder.icmp_unsigned("<", row, self.rows) for row in rows]
        self.lanes = code.lanes_of(self.mask)
        start = [self.source, self.taps, self.out]
        code.loop(self.count, start, self.one_vector, rolled=True)

    def one_vector(self, index: Value, *pointers: Value) -> list[Value]:
        code, builder = self.code, self.builder
        source, self.filters, out = pointers
        self.keep_weights()
        later = builder.icmp_signed("<", builder.add(index, self.ahead), self.count)
        vectors = builder.mul(self.ahead, I64(code.lanes))
        self.needed = builder.add(vectors, builder.select(later, I64(0), self.below))
        code.loop(self.width, [source, out, self.column], self.one_pixel, rolled=True)
        return [code.at(pointer, code.lanes) for pointer in pointers]

    def read_weight(self, row: int, column: int) -> Value:
        index = self.builder.mul(self.tap, I64(row * self.tile.size + column))
        return self.code.load(self.code.at(self.filters, index))

    def one_pixel(self, _: Value, source: Value, out: Value, column: Value) -> list[Value]:
        code, builder, tile = self.code, self.builder, self.tile
        sums, pixels = [code.zero] * tile.high, code.opaque(source)
        for row in range(tile.rows):
            add = partial(self.add_row, row, pixels, column, sums)
            inside = builder.zext(self.inside[row], I64)
            sums = code.choose(inside, {1: add, 0: partial(list, sums)})
            pixels = code.at(pixels, self.row)
        self.store(sums, out)
        step = builder.mul(self.pixel, I64(tile.stride))
        column = builder.add(column, I64(tile.stride))
        return [code.at(source, step), code.at(out, self.out_pixel), column]

    def add_row(self, row: int, pixels: Value, column: Value, sums: Sequence[Value]) -> list[Value]:
        """One row of the image, added to the outputs that it meets."""
        (size, stride, _), sums = self.tile, list(sums)
        self.prefetch(row, pixels)
        for tap, value in enumerate(self.columns(pixels, column)):
            for out in range(self.tile.high):
                tap_row = row - out * stride
                if 0 <= tap_row < size:
                    sums[out] = self.added(sums[out], value, tap_row, tap)
        return sums

    def columns(self, pixels: Value, column: Value) -> list[Value]:
        """What each filter column meets."""
        code, builder, found = self.code, self.builder, []
        for _ in range(self.tile.size):
            inside = builder.icmp_unsigned("<", column, self.in_row)
            place = builder.select(inside, pixels, self.zeros) if self.tile.border else pixels
            found.append(code.load(place))
            column = builder.add(column, I64(1))
            pixels = code.at(pixels, self.pixel)
        return found

    def prefetch(self, row: int, pixels: Value) -> None:
        """Channels that follow, of rows that the tile above did not read."""
        if row >= self.tile.size - self.tile.stride:
            for column in range(self.tile.stride):
                pixel = self.builder.mul(self.pixel, I64(column))
                self.code.prefetch(self.code.at(pixels, self.needed, pixel))

    def store(self, sums: Sequence[Value], out: Value) -> None:
        code, builder = self.code, self.builder

        def put(how: Any) -> list[Value]:
            pointer = out
            for n, value in enumerate(sums):
                with builder.if_then(builder.icmp_signed(">", self.height, I64(n))):
                    how(value, pointer)
                pointer = code.at(pointer, self.out_row)
            return [I64(0)]

        code.choose(self.mode, {
            key: partial(put, how) for key, how in ways(code, self.lanes).items()
        })  # fmt: skip


def _emit(builder: Any, key: Value, *arguments: Value) -> None:
    """A function that chooses among tiles, each a function of its own."""

    def body(tile: Tile) -> Callable[..., None]:
        return lambda inner, *values: _Tiles(inner, tile, *values).emit()

    call_one_of(builder, key, "maps", {tile: body(tile) for tile in TILES}, arguments)


@emitted()
def channel_tiles(
    builder: Any, key: Value, f: Items, at: Value, image: Sequence[Value], scratch: Items,
    zeros: Value, taps: Items, filters: Sequence[Value], out: Items, result: Sequence[Value],
    ahead: Sequence[Value], count: Value,
) -> None:  # fmt: skip
    """Emit a call that computes a tile's rows of pixels for ``count`` vectors of channels.

    ``key`` counts through `TILES`.  ``at`` is where the first output meets the first row;
    ``image`` = elements from one row and from one pixel to the next, the first row, how many there
    are, the column of ``at``, and how many there are.  ``filters`` = the first tap, and elements
    from one to the next.  ``result`` = rows and pixels to store, the first one, elements from one
    row and from one pixel to the next, how to store, and the lanes to store.  ``ahead`` = how many
    vectors of channels on to prefetch, and elements from there to where the next tiles begin.
    """
    first, step = filters
    rows, pixels, target, *ways = result
    arguments = [
        key, f.at(at), *image, scratch.at(zeros), taps.at(first), step, rows, pixels,
        out.at(target), *ways, *ahead, count,
    ]  # fmt: skip
    call_once(builder, "maps", _emit, arguments)
