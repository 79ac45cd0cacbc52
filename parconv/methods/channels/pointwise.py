"""Filters of one tap over few channels, all side by side: outputs of neighbouring pixels as a run.

A tile of `PIXELS` pixels would have most lanes empty where outputs are few, and store parts of
cache lines where they are many.  So vectors hold the outputs as they lie in memory: those of
several pixels, whose channels are looked up in two vectors of the image (`Few`), or some of
a pixel's and the first of the next one's (`Many`), which begin with a cache line.  `apiece` has
tiles of whole vectors of each pixel.

Microseconds of torch's better order, of tiles and so: 7 -> 2 channels of 125 x 126 14, 52, 17; 17
images of 4 -> 1 of 151 x 152 578, 932, 336; 6 of 2 -> 414 of 31 x 32 438, 1047, 473 (Sapphire
Rapids VM, AVX-512, 2026-11).

Per output the order of additions is that of tiles: channel after channel.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from ...codegen import machine
from ...codegen.emitted import Value
from ...codegen.simd import I64, Code
from .numbers import FEW, MANY, SINGLE, WIDE

# What is fast: `Few` where lanes of two vectors can be looked up, and masked stores are cheap.
POSSIBLE = machine.ISA.choose({32: (FEW, MANY, SINGLE, WIDE), 16: (MANY, SINGLE, WIDE), "NEON": ()})
TOGETHER = 4  # vectors that see a channel's weights, or a pixel's channel, at once


class Run:
    """Emits the outputs of some pixels; the attributes are IR values of the function's arguments.

    ``pixels``: how many there are; ``taps``: the weights; ``channels``, ``outputs``: of a pixel.
    """

    def __init__(self, builder: Any, *arguments: Value) -> None:
        (self.source, self.taps, self.out, self.pixels, self.channels, self.outputs, self.period,
         self.table, self.room, self.streams) = arguments  # fmt: skip
        self.builder, self.code = builder, Code(builder, self.taps.type.pointee)
        self.lanes = I64(self.code.lanes)

    def less(self, one: Value, other: Value) -> Value:
        """The difference, at least 0."""
        rest = self.builder.sub(one, other)
        return self.builder.select(self.builder.icmp_signed("<", rest, I64(0)), I64(0), rest)


class Few(Run):
    """Vectors of the outputs of ``period`` pixels each.

    ``table``: in which lane of two vectors the first channel of each output's pixel is.
    """

    def emit(self) -> None:
        code, builder = self.code, self.builder
        self.order = code.integers(self.table)
        self.step = builder.mul(self.period, self.channels)
        self.count = builder.mul(self.period, self.outputs)
        read = builder.mul(self.pixels, self.channels)
        reach = builder.add(builder.mul(self.step, I64(TOGETHER - 1)), I64(2 * code.lanes))
        group = builder.mul(self.step, I64(TOGETHER))
        # groups whose vectors all lie inside the run
        groups = builder.sdiv(
            builder.add(self.less(read, reach), builder.sub(group, I64(1))), group
        )
        mask = code.first_lanes(self.count)

        def several(at: Value, to: Value) -> Sequence[Value]:
            ends = [(None, mask)] * TOGETHER
            return self.vectors(at, to, ends)

        at, to = code.repeat(groups, [I64(0), I64(0)], several)
        every = builder.mul(self.pixels, self.outputs)
        left = self.less(every, to)
        rest = builder.sdiv(builder.add(left, builder.sub(self.count, I64(1))), self.count)

        def one(at: Value, to: Value) -> Sequence[Value]:
            left = builder.sub(every, to)
            short = builder.icmp_signed("<", left, self.count)
            stored = code.first_lanes(builder.select(short, left, self.count))
            return self.vectors(at, to, [(builder.sub(read, at), stored)])

        code.repeat(rest, [at, to], one)

    def vectors(
        self, at: Value, to: Value, ends: Sequence[tuple[Value | None, Value]]
    ) -> Sequence[Value]:
        """Of pixels from element ``at`` on; each may read so many, and stores some lanes."""
        code, builder, pairs, places = self.code, self.builder, [], []
        for left, _ in ends:
            place = code.at(self.source, at)
            second = code.at(place, code.lanes)
            if left is None:
                pairs.append((code.load(place), code.load(second)))
            else:
                rest = builder.sub(left, self.lanes)
                pairs.append((code.load_first(place, left), code.load_first(second, rest)))
            places.append(code.at(self.out, to))
            at, to = builder.add(at, self.step), builder.add(to, self.count)
        one = ir.Constant(self.order.type, [1] * code.lanes)

        def channel(_: Value, taps: Value, order: Value, *sums: Value) -> Sequence[Value]:
            weights = code.load(taps)
            found = [code.lookup(first, order, second) for first, second in pairs]
            added = (code.fma(f, weights, s) for f, s in zip(found, sums, strict=True))
            return [code.at(taps, code.lanes), builder.add(order, one), *added]

        begin = [self.taps, self.order, *[code.zero] * len(pairs)]
        sums = code.loop(self.channels, begin, channel, rolled=True)[2:]
        for value, place, (_, stored) in zip(sums, places, ends, strict=True):
            code.store_some(value, place, stored)
        return [at, to]


class Many(Run):
    """Vectors of the run of outputs, from a cache line on; ``period`` weights of each channel.

    Those of a channel are repeated, so that the next pixel's first ones follow.
    """

    def emit(self) -> None:
        code, builder = self.code, self.builder
        bytes_before = builder.and_(builder.ptrtoint(self.out, I64), I64(machine.VECTOR_BYTES - 1))
        before = builder.sdiv(bytes_before, I64(code.itemsize))
        ahead = builder.srem(builder.sub(self.lanes, before), self.lanes)
        every = builder.mul(self.pixels, self.outputs)
        short = builder.icmp_signed("<", ahead, every)
        ahead = builder.select(short, ahead, every)
        with builder.if_then(builder.icmp_signed(">", ahead, I64(0))):
            self.crossing(self.source, I64(0), self.out, ahead, every)

        def one(index: Value, source: Value, first: Value) -> Sequence[Value]:
            """A pixel's, from output ``first`` on."""
            at = code.at(self.out, builder.add(builder.mul(index, self.outputs), first))
            whole = builder.sdiv(builder.sub(self.outputs, first), self.lanes)
            groups = builder.sdiv(whole, I64(TOGETHER))
            several, single = (partial(self.inside, source, n) for n in (TOGETHER, 1))
            first, at = code.repeat(groups, [first, at], several)
            rest = builder.srem(whole, I64(TOGETHER))
            first, at = code.repeat(rest, [first, at], single)
            end = builder.mul(builder.add(index, I64(1)), self.outputs)
            left = builder.sub(every, builder.sub(end, builder.sub(self.outputs, first)))
            crosses = builder.icmp_signed("<", first, self.outputs)
            with builder.if_then(crosses):
                self.crossing(source, first, at, self.lanes, left)
            behind = builder.sub(builder.add(first, self.lanes), self.outputs)
            following = builder.select(crosses, behind, I64(0))
            return [code.at(source, self.channels), following]

        code.loop(self.pixels, [self.source, ahead], one, rolled=True)

    def inside(self, source: Value, count: int, first: Value, at: Value) -> Sequence[Value]:
        """So many vectors of a pixel."""
        code, builder = self.code, self.builder
        places = [code.at(self.taps, first, n * code.lanes) for n in range(count)]
        sums = self.summed(source, places, code.splat)

        def put_all(put: Callable[..., None]) -> None:
            for n, value in enumerate(sums):
                put(value, code.at(at, n * code.lanes))

        code.store_either(self.streams, put_all)
        moved = I64(count * code.lanes)
        return [builder.add(first, moved), code.at(at, moved)]

    def crossing(self, source: Value, first: Value, at: Value, most: Value, left: Value) -> None:
        """A vector of this pixel and the next one, of which ``left`` outputs exist."""
        code, builder = self.code, self.builder
        own = builder.sub(self.outputs, first)
        here = code.first_lanes(own)
        # the last pixel has none behind it
        more = builder.icmp_signed(">", left, own)
        behind = builder.select(more, self.channels, I64(0))

        def both(value: Value, place: Value) -> Value:
            other = code.read(place, behind)
            return builder.select(here, code.splat(value), code.splat(other))

        def spread(place: Value) -> Value:
            return both(code.read(place), place)

        (total,) = self.summed(source, [code.at(self.taps, first)], spread, True)
        count = builder.select(builder.icmp_signed("<", left, most), left, most)
        whole = builder.icmp_signed("==", count, self.lanes)
        with builder.if_else(builder.and_(whole, self.streams)) as (past, through):
            with past:
                code.stream(total, at)
            with through:
                code.store_first(total, at, count)

    def summed(
        self, source: Value, places: Sequence[Value], spread: Callable[[Value], Value],
        by_place: bool = False,
    ) -> Sequence[Value]:  # fmt: skip
        """The sums of vectors whose first channel's weights lie at those places."""
        code = self.code

        def channel(index: Value, source: Value, *carried: Value) -> Sequence[Value]:
            taps, sums = carried[: len(places)], carried[len(places) :]
            value = spread(source if by_place else code.read(source))
            added = [code.fma(value, code.load(t), s) for t, s in zip(taps, sums, strict=True)]
            return [code.at(source, 1), *(code.at(t, self.period) for t in taps), *added]

        begin = [source, *places, *[code.zero] * len(places)]
        return code.loop(self.channels, begin, channel, rolled=True)[1 + len(places) :]
