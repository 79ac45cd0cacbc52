"""The tile of layers of few outputs: channels of the image in the lanes, summed up at the end.

A vector of weights has one output's for as many channels; it is multiplied by those channels of a
pixel, which lie side by side.  So no lane is without an output, however few there are.

Per output the order of additions is: filter rows, then filter columns, then channels a vector's
lanes apart; then the lanes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ...codegen import machine
from ...codegen.emitted import Value
from ...codegen.simd import I32, I64
from ...codegen.transposition import columns, transposed
from . import table as t
from .tile import Tile

# Filters of a block: their sums, weights and pixels fill 16 registers.  More filters go block by
# block, up to `SOME`, or `MANY` where an output has so many products that summing its lanes is
# little; but for those that fill more than a share of a vector, of which tiles have more pixels.
# Time of this over that of outputs in lanes, 3x3 for 3 to 8 and 10 filters: of 16 channels, which
# come first, 0.68 0.84 1.04 1.18 1.35 1.57 1.29, of 64 0.50 0.70 0.73 0.82 0.96 1.05 0.93, of 266
# 0.57 0.57 0.80 0.92 1.09 1.10 0.88; which come last 0.69 0.84 1.13 1.26 1.57 1.73 1.50, 0.48 0.55
# 0.81 0.86 1.12 1.14 0.91, 0.51 0.54 0.79 0.84 1.19 1.13 0.85 (Sapphire Rapids VM, AVX2, 2026-11).
FILTERS, FULL = 2, 0.75
SOME, MANY, PRODUCTS = machine.ISA.choose({32: (6, 10, 600), 16: (4, 10, 500)})


class Cycles(NamedTuple):
    """Of a tile and block of filters, a tap, a vector of channels, and one that is not full."""

    block: float
    tap: float
    part: float
    rest: float


# With AVX-512, where a vector has 16 lanes to sum up: channels last in place, and copied where
# they come first; and with outputs in lanes a tile, a tap, a channel.  For 1, 2, 3, 4, 6, 8 and 10
# filters of time of this over that, 26 x 27 pixels: 1x1 of 16 0.72 0.99 1.27 1.68 2.16 2.95 2.21,
# of 64 0.47 0.59 0.79 1.01 1.27 1.56 1.81, of 300 0.38 0.52 0.66 0.66 0.81 1.13 1.37; 3x3 of 16
# 0.28 0.39 0.67 0.72 1.06 1.36 1.66, of 128 0.17 0.16 0.37 0.40 0.61 0.84 0.98; channels first 3x3
# of 21 0.37 0.45 0.72 0.84 1.21 1.46 1.83, 5x5 of 39 0.23 0.30 0.46 0.53 0.75 0.96 1.25 (Sapphire
# Rapids VM, AVX-512, 2026-11).
LAST, FIRST = Cycles(200, 15, 33, 0), Cycles(100, 11, 27, 18)
LANES = 60, 8, 10.8
ALONE = 0.75  # of a block's cycles one of a single filter takes
BY_CYCLES = machine.ISA.choose({32: True, 16: False, "NEON": False})


def pays(filters: int, channels: int, taps: int, lanes: int, near: bool, inside: float) -> bool:
    """Whether it is faster than outputs in lanes.

    ``near``: channels come last; ``inside``: the share of products whose taps are in the image,
    which outputs in lanes leave out, and copies do not.
    """
    if not BY_CYCLES:
        if channels < lanes:
            return False
        full = t.PIXELS[0] > t.PIXELS[1] and FULL * lanes < filters <= lanes
        most = MANY if channels * taps >= PRODUCTS else SOME
        return not full and filters <= most * (1 if near else inside)
    if filters > lanes:
        return False
    cycles, (tile, tap, channel) = LAST if near else FIRST, LANES
    parts, rest = -(-channels // lanes), cycles.rest if channels % lanes else 0
    each = cycles.block + taps * (cycles.tap + rest + cycles.part * parts)
    blocks = filters // FILTERS + filters % FILTERS * ALONE
    met = taps * (1 if near else inside)
    return blocks * each <= tile + met * (tap + channel * channels)


Load = Callable[[Value], Value]  # of a vector of channels


class FewTile(Tile):
    """Emits a tile of some outputs."""

    def __init__(
        self, builder: Any, outputs: int, source: Value, taps: Value, table: Value, out: Value
    ) -> None:
        super().__init__(builder, outputs, source, taps, table, out)
        lanes = I64(self.code.lanes)
        channels = self.number(t.CHANNELS)
        self.whole, self.rest = builder.sdiv(channels, lanes), builder.srem(channels, lanes)
        rest = builder.zext(builder.icmp_signed(">", self.rest, I64(0)), I64)
        self.parts = builder.add(self.whole, rest)
        self.near = builder.icmp_signed("==", self.number(t.STEP_CHANNEL), I64(self.code.itemsize))

    def weights_of_tap(self) -> Value:
        return self.builder.mul(self.parts, I64(self.wide))

    def one_tap(
        self, bits: Value, ahead: Value, source: Value, taps: Value, sums: Sequence[Value]
    ) -> list[Value]:
        """All channels under one tap; those that lie apart are put together one by one."""
        cases: dict[int, Any] = {0: lambda: list(sums)}
        near = self.builder.select(self.near, I64(2), I64(1))
        key = self.builder.select(self.same(bits, 0), I64(0), near)
        for case, how in ((1, self.apart), (2, self.neighbours)):
            cases[case] = partial(self.parts_of_channels, None, bits, how, source, taps, sums)
        every = self.builder.and_(self.near, self.same(bits, self.every))
        key = self.builder.select(every, I64(3), key)
        arguments = self.every, bits, self.neighbours, source, taps, sums
        cases[3] = partial(self.parts_of_channels, *arguments)
        fetches = self.builder.and_(every, self.builder.icmp_signed("!=", ahead, I64(0)))
        key = self.builder.select(fetches, I64(4), key)
        cases[4] = partial(self.parts_of_channels, *arguments, ahead)
        return self.code.choose(key, cases)

    def is_new(self, column: Value) -> Value:
        """Of every pixel under the last filter row, which lie between those of outputs, too."""
        moved = self.builder.mul(column, self.number(t.STEP_X))
        return self.builder.icmp_signed("<", moved, self.number(t.STEP_PIXEL))

    def parts_of_channels(
        self, known: int | None, bits: Value, how: Any, source: Value, taps: Value,
        sums: Sequence[Value], ahead: Value | None = None,
    ) -> list[Value]:  # fmt: skip
        code, builder = self.code, self.builder
        step = builder.mul(self.number(t.STEP_CHANNEL), I64(code.lanes))

        def part(count: Value | None, source: Value, taps: Value, sums: Any) -> list[Value]:
            source = code.opaque(source)
            if ahead is not None:
                self.fetch_pixels(code.opaque(code.at(source, ahead)))
            return self.one_part(known, bits, partial(how, count), source, taps, sums)

        def one(_: Value, source: Value, taps: Value, *sums: Value) -> list[Value]:
            added = part(None, source, taps, sums)
            return [code.at(source, step), code.at(taps, self.wide), *added]

        carried = [source, taps, *sums]
        any_whole = builder.icmp_signed(">", self.whole, I64(0))
        source, taps, *sums = code.when(
            any_whole, carried, lambda: code.loop(self.whole, carried, one, rolled=True)
        )
        left = builder.icmp_signed(">", self.rest, I64(0))
        return code.when(left, list(sums), lambda: part(self.rest, source, taps, sums))

    def one_part(
        self, known: int | None, bits: Value, load: Load, source: Value, taps: Value,
        sums: Sequence[Value],
    ) -> list[Value]:  # fmt: skip
        """As many channels as a vector has lanes, or the rest."""
        weights = [self.code.load(self.code.at(taps, v * self.code.lanes)) for v in self.members()]
        far = self.steps.far(source)

        def values(pixel: int) -> list[Value]:
            value = load(self.pixel(source, far, pixel))
            return [value] * len(weights)

        return self.multiplied(known, bits, values, weights, sums)

    def fetch_pixels(self, source: Value) -> None:
        """The lines of as many later pixels."""
        far = self.steps.far(source)
        for pixel in range(self.pixels):
            self.code.prefetch(self.steps.place(source, far, pixel))

    def fetch_results(self) -> None:
        """None: a line holds those of many pixels."""

    def neighbours(self, count: Value | None, place: Value) -> Value:
        return self.code.load(place) if count is None else self.code.load_first(place, count)

    def apart(self, count: Value | None, place: Value) -> Value:
        """Lane by lane, of those that there are."""
        code, builder = self.code, self.builder
        step, place = self.number(t.STEP_CHANNEL), builder.bitcast(place, t.I8.as_pointer())

        def one(lane: Value, place: Value, value: Value) -> list[Value]:
            pixel = builder.load(builder.bitcast(place, code.kind.as_pointer()))
            lane = builder.trunc(lane, I32)
            return [code.at(place, step), builder.insert_element(value, pixel, lane)]

        count = I64(code.lanes) if count is None else count
        found: Value = code.loop(count, [place, code.zero], one, rolled=True)[1]
        return found

    # --- results ---

    def deliver(self, sums: dict[tuple[int, int], Value]) -> None:
        code = self.code
        segments = code.at(self.table, self.number(t.SEGMENTS_AT))
        firsts = range(0, self.pixels, code.lanes)
        found = {
            (v, first): self.totals(sums, v, first) for v in self.members() for first in firsts
        }

        def one(index: Value) -> list[Value]:
            bits, out = self.segment(segments, index)
            for (output, first), value in found.items():
                place = code.at(out, self.builder.mul(self.number(t.OUT_CHANNEL), I64(output)))
                self.store_pixels(value, place, bits, first)
            return []

        code.loop(self.number(t.SEGMENTS), [], one, rolled=True)

    def totals(self, sums: dict[tuple[int, int], Value], output: int, first: int) -> Value:
        """The sums of lanes of some pixels, a lane each."""
        code = self.code
        rows = [sums.get((first + lane, output), code.zero) for lane in range(code.lanes)]
        order = (lane for (lane,) in columns(code, code.lanes))
        parts = dict(zip(order, transposed(code, rows), strict=True))
        vectors = [parts[lane] for lane in range(code.lanes)]
        while len(vectors) > 1:
            half = len(vectors) // 2
            pairs = zip(vectors[:half], vectors[half:], strict=True)
            vectors = [self.builder.fadd(one, other) for one, other in pairs]
        return vectors[0]

    def store_pixels(self, value: Value, out: Value, bits: Value, first: int) -> None:
        code, builder = self.code, self.builder
        for lane in range(min(code.lanes, self.pixels - first)):
            with builder.if_then(code.has(bits, 1 << (first + lane))):
                place = code.at(out, builder.mul(self.number(t.OUT_PIXEL), I64(first + lane)))
                number = builder.extract_element(value, I32(lane))
                builder.store(number, builder.bitcast(place, code.kind.as_pointer()))
