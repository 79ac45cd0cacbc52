"""A filter or two of one tap each: sums wait in the output while runs of channels go past.

Such a layer waits for the memory, which gives runs of many lines from a few places sooner than a
line or two of every channel.  Of torch, tiles and these, in us: 26 channels to 1 of 151 x 152,
batch 10, 960, 2160, 1190; 241 to 1 of 35 x 36, batch 12, 520, 1350, 650; 31 to 2 of 121 x 122,
batch 7, 750, 1160, 860; 64 to 1 of 200 x 200 270, 970, 320 (Zen 3 VM, AVX2, 2026-11).

The order of additions is that of tiles: channel after channel.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code

FILTERS = 2  # at most
CHANNELS = 8  # that are added at once; then half as many, then one
OUTPUTS = 4096  # of a run, whose sums stay in the first-level cache


class _Streak:
    """Emits the sums; the attributes are IR values of the function's arguments."""

    def __init__(self, builder: Any, *arguments: Value) -> None:
        (self.source, self.next_image, self.step, self.taps, self.images, self.channels,
         self.filters, self.size, self.out, self.next_result, self.jump) = arguments  # fmt: skip
        self.builder, self.code = builder, Code(builder, self.source.type.pointee)

    def emit(self) -> None:
        def one(_: Value, source: Value, out: Value) -> list[Value]:
            self.image(source, out)
            return [self.code.at(source, self.next_image), self.code.at(out, self.next_result)]

        self.code.loop(self.images, [self.source, self.out], one, rolled=True)

    def image(self, source: Value, out: Value) -> None:
        """Run by run."""
        builder, most = self.builder, I64(OUTPUTS)

        def one(index: Value, source: Value, out: Value) -> list[Value]:
            left = builder.sub(self.size, builder.mul(index, most))
            short = builder.icmp_signed("<", left, most)
            self.run(source, out, builder.select(short, left, most))
            return [self.code.at(place, most) for place in (source, out)]

        runs = builder.sdiv(builder.add(self.size, I64(OUTPUTS - 1)), most)
        self.code.loop(runs, [source, out], one, rolled=True)

    def run(self, source: Value, out: Value, size: Value) -> None:
        """All channels of a run of outputs: several at once, then those that are left."""
        builder, code, done = self.builder, self.code, I64(0)
        for width in (CHANNELS, CHANNELS // 2, 1):
            count = builder.sdiv(builder.sub(self.channels, done), I64(width))

            def one(channel: Value, width: int = width) -> list[Value]:
                self.every_filter(width, channel, source, out, size)
                return [builder.add(channel, I64(width))]

            (done,) = code.repeat(count, [done], one)

    def every_filter(
        self, width: int, channel: Value, source: Value, out: Value, size: Value
    ) -> None:
        code, builder = self.code, self.builder
        places = [code.at(source, builder.mul(channel, self.step))]
        for _ in range(1, width):
            places.append(code.at(places[-1], self.step))
        fresh = builder.icmp_signed("==", channel, I64(0))

        def one(index: Value, out: Value) -> list[Value]:
            taps = code.at(self.taps, builder.mul(channel, self.filters), index)
            weights = []
            for _ in range(width):
                weights.append(code.splat(code.read(taps)))
                taps = code.at(taps, self.filters)
            self.add(places, weights, fresh, out, size)
            return [code.at(out, self.jump)]

        code.loop(self.filters, [out], one, rolled=True)

    def add(
        self, places: Sequence[Value], weights: Sequence[Value], fresh: Value, out: Value,
        size: Value,
    ) -> None:  # fmt: skip
        """Those channels to the sums, which begin with zeros where ``fresh``."""
        code, builder = self.code, self.builder
        whole, left = (how(size, I64(code.lanes)) for how in (builder.sdiv, builder.srem))

        def vector(at: Value, load: Any, store: Any) -> None:
            total = builder.select(fresh, code.zero, load(code.at(out, at)))
            for place, weight in zip(places, weights, strict=True):
                total = code.fma(load(code.at(place, at)), weight, total)
            store(total, code.at(out, at))

        def one(at: Value) -> list[Value]:
            vector(at, code.load, code.store)
            return [builder.add(at, I64(code.lanes))]

        (at,) = code.repeat(whole, [I64(0)], one)
        with builder.if_then(builder.icmp_signed(">", left, I64(0))):
            load = partial(code.load_first, count=left)
            vector(at, load, lambda value, place: code.store_first(value, place, left))


@emitted()
def streak(
    builder: Any, f: Items, source: Value, steps: Sequence[Value], taps: Items, taps_at: Value,
    sizes: Sequence[Value], out: Items, target: Value, jumps: Sequence[Value],
) -> None:  # fmt: skip
    """Neighbouring outputs of some filters from neighbouring pixels of all channels.

    ``sizes``: images, channels, filters and outputs of each.  From element ``source`` of ``f``,
    and ``steps`` further for each image and channel, to element ``target`` of ``out``, and
    ``jumps`` further for each image and filter.
    """
    values = [
        f.at(source), *steps, taps.at(taps_at), *sizes, out.at(target), *jumps,
    ]  # fmt: skip

    def body(inner: Any, *values: Value) -> None:
        _Streak(inner, *values).emit()

    call_once(builder, "layer.streak", body, values)
