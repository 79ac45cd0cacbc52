"""Pixels of a row in a tile, each loaded once for all taps of a row of the filter.

As `pixels`, with the same bits, but taps of a row are unrolled: a pixel is multiplied by those of
every output that it meets.  A load takes a cycle unless the vector begins with a cache line, as few
do where channels are no whole vectors, and a product half a cycle.  Under a dilation the outputs of
a tile lie as far apart as taps do.

A tile looks at run time whether pixels lie beside the image.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.flow import call_one_of
from ...codegen.simd import I64
from .pixels import PixelTile
from .sweep import SIZES, STRIDES

# Pixels of a tile, whose sums fit the registers beside the taps of a row; and columns of filters.
# Microseconds for 16 images of 22 x 23 of 10 channels, every second output, 7x7, by `pixels` and so
# 116, 69 (Zen 4 VM, AVX2, 2026-11).
WIDTHS = (8, 4)
SIDES: tuple[int, ...] = machine.ISA.choose({32: SIZES, 16: SIZES, "NEON": ()})
POSSIBLE = bool(SIDES)


class Tile(NamedTuple):
    """What is compiled: columns of a filter, pixels from an output to the next, and outputs."""

    size: int
    stride: int
    width: int
    filters: int = 1

    @property
    def pixels(self) -> int:
        """Of a row of taps."""
        return self.stride * (self.width - 1) + self.size


KINDS = [(size, stride) for size in SIDES for stride in STRIDES]
TILES = [Tile(*kind, width) for kind in KINDS for width in WIDTHS]


class _Across(PixelTile):
    """Emits tiles along a row, each for vector after vector of channels."""

    def __init__(self, builder: Any, tile: Tile, *arguments: Value) -> None:
        (self.source, self.row, self.pixel, self.rows, self.first, self.column, self.dilation,
         self.in_row, self.zeros, self.taps, self.tap, self.out, self.out_pixel, self.tiles,
         self.last, self.vectors, self.mode, self.skipped, self.shown,
         self.channels) = arguments  # fmt: skip
        self.stride = self.dilation
        self.begin_with(builder, tile)

    def emit(self) -> None:
        self.begin = self.first_sums()
        self.code.repeat(self.tiles, [I64(0)], self.one_tile)

    def one_tile(self, first: Value) -> Sequence[Value]:
        """From that output on, or as far before as its last one needs, with the same bits."""
        code, builder, tile = self.code, self.builder, self.tile
        over = builder.icmp_signed(">", first, self.last)
        at = builder.select(over, self.last, first)
        pixels = builder.mul(at, I64(tile.stride))
        self.begins = builder.add(self.column, builder.mul(pixels, self.dilation))
        reach = builder.mul(self.dilation, I64(tile.pixels - 1))
        ends = builder.icmp_signed("<", builder.add(self.begins, reach), self.in_row)
        starts = builder.icmp_signed(">=", self.begins, I64(0))
        self.inner = builder.zext(builder.and_(starts, ends), I64)
        source = code.at(self.source, builder.mul(pixels, self.pixel))
        self.every_vector(source, code.at(self.out, builder.mul(at, self.out_pixel)))
        return [builder.add(first, I64(tile.width))]

    def summed(self, source: Value, taps: Value) -> Sequence[Value]:
        """By a loop of its own where all pixels are inside."""

        def some(border: bool) -> Sequence[Value]:
            self.border = border
            return super(_Across, self).summed(source, taps)

        return self.code.choose(self.inner, {0: partial(some, True), 1: partial(some, False)})

    def one_row(self, source: Value, taps: Value, *sums: Value) -> Sequence[Value]:
        code, tile, weights, total = self.code, self.tile, [], list(sums)
        for _ in range(tile.size):
            weights.append(code.load(taps))
            taps = code.at(taps, self.tap)
        # Opaque, or LLVM keeps which pixels are inside, and an address for each.
        pixel, column = code.opaque(source), [code.opaque(self.begins)] * self.border
        for n in range(tile.pixels):
            value = self.load(self.inside(pixel, n, column))
            for out in range(tile.width):
                if 0 <= n - out * tile.stride < tile.size:
                    total[out] = code.fma(value, weights[n - out * tile.stride], total[out])
            pixel = code.at(pixel, self.pixel)
        return [code.at(source, self.row), taps, *total]


def _emit(builder: Any, key: Value, *arguments: Value) -> None:
    """A function that chooses among tiles, each a function of its own."""

    def body(tile: Tile) -> Any:
        return lambda inner, *values: _Across(inner, tile, *values).emit()

    call_one_of(builder, key, "across", {tile: body(tile) for tile in TILES}, arguments)


@emitted()
def across_tiles(
    builder: Any, key: Value, image: Items, at: Value, steps: Sequence[Value],
    rows: Sequence[Value], columns: Sequence[Value], scratch: Items, zeros: Value, taps: Items,
    filters: Sequence[Value], out: Items, result: Sequence[Value], tiles: Sequence[Value],
    vectors: Value, channels: Value,
) -> None:  # fmt: skip
    """Emit a call that computes tiles along a row for so many vectors of channels.

    As `pixels.pixel_tiles`, with one filter for each channel.  ``steps`` = elements from one row of
    taps and one pixel to the next.  ``columns`` = the column of ``at``, columns between pixels, and
    of the image.  ``tiles`` = how many, and the first output of the last one.
    """
    if not POSSIBLE:  # never reached, and no tile is compiled
        return
    (first, tap), (target, step, *how) = filters, result
    arguments = [
        key, image.at(at), *steps, *rows, *columns, scratch.at(zeros), taps.at(first), tap,
        out.at(target), step, *tiles, vectors, *how, channels,
    ]  # fmt: skip
    call_once(builder, "across", _emit, arguments)
