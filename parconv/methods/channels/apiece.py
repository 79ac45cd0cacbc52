"""Filters of one tap over channels that come last: outputs as a run, whole vectors of each pixel.

Vectors hold outputs of one pixel each, and are stored whole: what the last one of a pixel has
beyond its outputs is overwritten by the first one of the next pixel, which comes after it.  So a
tile asks for no masks, and nothing of borders and rows.  A result that leaves the caches goes there
line by line, from scratch that holds a tile's outputs.

Per output the order of additions is that of tiles: channel after channel.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from ...codegen import machine
from ...codegen.emitted import Value
from ...codegen.runs import pulled_back
from ...codegen.simd import I64
from .pointwise import Run
from .steps import Steps
from .table import PIXELS

# Where a tile begins in the image and in the result, and how many outputs there are from there on.
Place = tuple[Value, Value, Value]
ENDLESS = 1 << 62


class Single(Run):
    """Emits the outputs of a run of pixels, of at most a vector each."""

    pixels_of_tile = PIXELS[0]

    def __init__(self, builder: Any, *arguments: Value) -> None:
        super().__init__(builder, *arguments)
        self.steps = Steps(self.code, self.channels)
        self.line = machine.CACHE_LINE // self.code.itemsize

    def emit(self) -> None:
        pulled_back(self.builder, self.pixels, (self.pixels_of_tile, 1), self.in_place)

    def in_place(self, first: Value, pixels: int) -> None:
        """So many pixels from that one on."""
        before = self.builder.mul(first, self.outputs)
        left = self.builder.sub(self.builder.mul(self.pixels, self.outputs), before)
        self.tile((self.pixel(first), self.code.at(self.out, before), left), pixels)

    def pixel(self, index: Value) -> Value:
        return self.code.at(self.source, self.builder.mul(index, self.channels))

    def tile(self, place: Place, pixels: int) -> None:
        """So many pixels."""
        self.last(1, I64(0), place, pixels)

    def last(self, vectors: int, done: Value, place: Place, pixels: int) -> list[Value]:
        """The last vectors of each pixel, behind ``done`` outputs.

        Those of the run's last pixels end where it ends.
        """
        code, builder, (source, at, left) = self.code, self.builder, place
        sums = self.summed(vectors, done, source, pixels)
        at = code.at(at, done)
        reach = builder.add(builder.mul(self.outputs, I64(pixels - 1)), done)
        reach = builder.add(reach, I64(vectors * code.lanes))
        with builder.if_else(builder.icmp_signed("<=", reach, left)) as (inside, at_end):
            with inside:
                self.put(at, sums, lambda value, place, _: code.store(value, place))
            with at_end:
                self.put(at, sums, code.store_first, builder.sub(self.outputs, done))
        return []

    def put(self, at: Value, sums: list[list[Value]], store: Any, outputs: Any = None) -> None:
        """The vectors of each pixel, of so many outputs."""
        code, lanes = self.code, self.code.lanes
        outputs = self.outputs if outputs is None else outputs
        for pixel in sums:
            for n, value in enumerate(pixel):
                count = self.builder.sub(outputs, I64(n * lanes))
                store(value, code.at(at, n * lanes), count)
            at = code.at(at, self.outputs)

    def summed(self, vectors: int, done: Value, source: Value, pixels: int) -> list[list[Value]]:
        """So many vectors of each pixel, behind ``done`` outputs, whose weights come before."""
        code, wide = self.code, vectors * self.code.lanes
        taps = code.at(self.taps, self.builder.mul(done, self.channels))

        def channel(_: Value, source: Value, taps: Value, *sums: Value) -> list[Value]:
            source = code.opaque(source)  # or LLVM keeps an address for every pixel
            weights = [code.load(code.at(taps, n * code.lanes)) for n in range(vectors)]
            far, added = self.steps.far(source), []
            for pixel in range(pixels):
                value = code.splat(code.read(self.steps.place(source, far, pixel)))
                old = sums[pixel * vectors : (pixel + 1) * vectors]
                added += [code.fma(value, w, s) for w, s in zip(weights, old, strict=True)]
            return [code.at(source, 1), code.at(taps, wide), *added]

        begin = [source, taps, *[code.zero] * (pixels * vectors)]
        sums = code.loop(self.channels, begin, channel, rolled=True)[2:]
        return [sums[n : n + vectors] for n in range(0, len(sums), vectors)]


class Wide(Single):
    """The same of more than a vector each: two vectors of all pixels of a tile at once.

    From the last ones to the first, of which those of the next pixel so overwrite what is beyond.
    """

    pixels_of_tile = PIXELS[1]

    def emit(self) -> None:
        with self.builder.if_else(self.streams) as (past, through):
            with past:
                self.past_caches()
            with through:
                super().emit()

    def tile(self, place: Place, pixels: int) -> None:
        code, builder, (source, at, _) = self.code, self.builder, place
        wide = I64(2 * code.lanes)
        whole = builder.sdiv(self.outputs, wide)
        done = builder.mul(whole, wide)
        rest = builder.sub(self.outputs, done)
        vectors = builder.sdiv(builder.add(rest, I64(code.lanes - 1)), self.lanes)
        ways = {n: partial(self.last, n, done, place, pixels) for n in (1, 2)}
        code.choose(vectors, {0: list, **ways})

        def two(done: Value) -> list[Value]:
            done = builder.sub(done, wide)
            sums = self.summed(2, done, source, pixels)
            self.put(code.at(at, done), sums, lambda value, at, _: code.store(value, at))
            return [done]

        code.repeat(whole, [done], two)

    # --- past the caches, which take whole lines in order ---

    def past_caches(self) -> None:
        """Tiles go to ``room`` and whole lines from there, all but the first pixel's."""
        code, builder = self.code, self.builder
        self.in_place(I64(0), 1)
        out = code.at(self.out, self.outputs)
        number = builder.sdiv(builder.ptrtoint(out, I64), I64(code.itemsize))
        held = builder.srem(number, I64(self.line))
        out = code.at(out, builder.neg(held))
        self.move_line(out, self.room, code.store)
        rest, each = builder.sub(self.pixels, I64(1)), I64(self.pixels_of_tile)
        state = [self.pixel(I64(1)), out, held]
        for pixels, count in (
            (self.pixels_of_tile, builder.sdiv(rest, each)),
            (1, builder.srem(rest, each)),
        ):
            state = code.repeat(count, state, partial(self.gathered, pixels))

        def one(room: Value, out: Value) -> list[Value]:
            builder.store(builder.load(room), out)
            return [code.at(room, 1), code.at(out, 1)]

        code.repeat(state[2], [self.room, state[1]], one)

    def gathered(self, pixels: int, source: Value, out: Value, held: Value) -> list[Value]:
        """So many pixels behind what is held of a line; of the last one the beginning is kept."""
        code, builder = self.code, self.builder
        self.tile((source, code.at(self.room, held), I64(ENDLESS)), pixels)
        every = builder.add(held, builder.mul(self.outputs, I64(pixels)))

        def one(room: Value, out: Value) -> list[Value]:
            self.move_line(room, out, code.stream)
            return [code.at(room, self.line), code.at(out, self.line)]

        room, out = code.repeat(builder.sdiv(every, I64(self.line)), [self.room, out], one)
        self.move_line(room, self.room, code.store)
        source = code.at(source, builder.mul(self.channels, I64(pixels)))
        return [source, out, builder.srem(every, I64(self.line))]

    def move_line(self, source: Value, target: Value, put: Callable[..., None]) -> None:
        values = [
            self.code.load(self.code.at(source, n)) for n in range(0, self.line, self.code.lanes)
        ]
        for n, value in enumerate(values):
            put(value, self.code.at(target, n * self.code.lanes))
