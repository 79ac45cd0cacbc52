"""The register tile: pixels x vectors of output channels held in registers while every tap passes.

A vector of weights, one for each channel of output, is multiplied by a pixel of the image in every
lane.  So the image is read as it lies, whatever its strides, and no lane cares for borders: a tap
that leaves the image at some pixels of the tile is left out there.

The pixels of a tile are neighbours in a row of the output, or across the ends of rows where the
image's rows follow one another at a whole number of pixels.  Which of them a tap meets inside the
image is a set of bits: those of its filter row and those of its filter column.

Per output the order of additions is: filter rows, then filter columns, then channels.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

from ...codegen import machine
from ...codegen.emitted import Value
from ...codegen.simd import I64, Code
from ...codegen.transposition import columns, transposed
from .steps import Steps
from .table import (
    AHEAD,
    AHEAD_STEP,
    ALWAYS_FETCHES,
    BITS_AT,
    CHANNELS,
    MOST,
    OUT_CHANNEL,
    OUT_PIXEL,
    OUTPUTS,
    PIXELS,
    ROWS_AT,
    SEGMENT,
    SEGMENTS,
    SEGMENTS_AT,
    STEP_CHANNEL,
    STEP_PIXEL,
    STEP_X,
    STREAMS,
    TAPS_X,
    TAPS_Y,
    WEIGHTS_AHEAD,
)


class Tile:
    """Emits a tile of some vectors of output channels."""

    def __init__(
        self, builder: Any, vectors: int, source: Value, taps: Value, table: Value, out: Value
    ) -> None:
        self.builder = builder
        self.code = Code(builder, taps.type.pointee)
        self.vectors = vectors
        self.source, self.taps, self.table, self.out = source, taps, table, out
        self.pixels = PIXELS[vectors - 1]
        self.every = (1 << self.pixels) - 1
        self.cells = list(product(range(self.pixels), range(vectors)))
        self.wide = vectors * self.code.lanes  # weights of a tap and channel
        self.steps = Steps(self.code, self.number(STEP_PIXEL))

    def number(self, name: int, *offsets: Value) -> Value:
        return self.code.read(self.table, name, *offsets)

    def emit(self) -> None:
        self.channels, self.channel_step = self.number(CHANNELS), self.number(STEP_CHANNEL)
        self.ahead_step = self.number(AHEAD_STEP)
        self.tap_step = self.weights_of_tap()
        self.bits = self.code.at(self.table, BITS_AT)
        zeros = [self.code.zero] * len(self.cells)
        self.rows = self.code.at(self.table, self.number(ROWS_AT))
        self.fetch_results()
        sums = self.code.loop(self.number(TAPS_Y), [self.taps, *zeros], self.one_row)[1:]
        self.deliver(dict(zip(self.cells, sums, strict=True)))

    def weights_of_tap(self) -> Value:
        return self.builder.mul(self.channels, I64(self.wide))

    def members(self) -> range:
        """Of the vectors of a pixel's sums."""
        return range(self.vectors)

    # --- sums ---

    def one_row(self, row: Value, taps: Value, *sums: Value) -> list[Value]:
        builder, rows = self.builder, self.number(TAPS_Y)
        row_bits = self.code.read(self.bits, row)
        last = builder.icmp_signed("==", builder.add(row, I64(1)), rows)

        def one_column(column: Value, pixel: Value, taps: Value, *sums: Value) -> list[Value]:
            bits = builder.and_(row_bits, self.code.read(self.bits, rows, column))
            if self.pixels < MOST:
                bits = builder.and_(bits, I64(self.every))
            new = builder.and_(last, self.is_new(column))
            ahead = builder.select(new, self.number(AHEAD), I64(0))
            added = self.one_tap(bits, ahead, pixel, taps, sums)
            pixel = self.code.at(pixel, self.number(STEP_X))
            return [pixel, self.code.at(taps, self.tap_step), *added]

        source = self.code.at(self.source, self.code.read(self.rows, row))
        return self.code.loop(self.number(TAPS_X), [source, taps, *sums], one_column)[1:]

    def is_new(self, column: Value) -> Value:
        """Whether pixels under the last filter row are fetched early at that column."""
        return self.builder.icmp_signed("==", column, I64(0))

    def one_tap(
        self, bits: Value, ahead: Value, source: Value, taps: Value, sums: Sequence[Value]
    ) -> list[Value]:
        """All channels under one tap; most tiles meet it with every pixel, or with all but one."""
        cases: dict[int, Any] = {0: lambda: list(sums)}
        key = self.builder.select(self.same(bits, 0), I64(0), I64(1))
        cases[1] = partial(self.all_channels, None, bits, ahead, source, taps, sums, True)
        for case, known in enumerate((self.every, self.every - 1, self.every >> 1), start=2):
            key = self.builder.select(self.same(bits, known), I64(case), key)
            cases[case] = partial(self.all_channels, known, bits, ahead, source, taps, sums)
        if not ALWAYS_FETCHES:
            fetches = self.builder.icmp_signed("!=", ahead, I64(0))
            fetches = self.builder.and_(fetches, self.same(bits, self.every))
            key = self.builder.select(fetches, I64(5), key)
            cases[5] = partial(self.all_channels, self.every, bits, ahead, source, taps, sums, True)
        return self.code.choose(key, cases)

    def same(self, bits: Value, known: int) -> Value:
        return self.builder.icmp_signed("==", bits, I64(known))

    def all_channels(
        self, known: int | None, bits: Value, ahead: Value, source: Value, taps: Value,
        sums: Sequence[Value], fetches: bool = ALWAYS_FETCHES,
    ) -> list[Value]:  # fmt: skip
        def one(_: Value, source: Value, ahead: Value, taps: Value, *sums: Value) -> list[Value]:
            # Opaque, or LLVM keeps an address for every pixel.
            source = self.code.opaque(source)
            if fetches:
                self.fetch(ahead, taps)
            added = self.one_channel(known, bits, source, taps, sums)
            ahead = self.code.at(ahead, self.ahead_step)
            source = self.code.at(source, self.channel_step)
            return [source, ahead, self.code.at(taps, self.wide), *added]

        carried = [source, self.code.at(source, ahead), taps, *sums]
        return self.code.loop(self.channels, carried, one, rolled=True)[3:]

    def fetch(self, ahead: Value, taps: Value) -> None:
        """The lines of later pixels and weights."""
        for line in range(0, self.pixels * self.code.itemsize, machine.CACHE_LINE):
            self.code.prefetch(self.code.at(ahead, line))
        for vector in range(self.vectors):
            later = self.code.at(taps, WEIGHTS_AHEAD * self.wide + vector * self.code.lanes)
            self.code.prefetch(later)

    def one_channel(
        self, known: int | None, bits: Value, source: Value, taps: Value, sums: Sequence[Value]
    ) -> list[Value]:
        code = self.code
        weights = [code.load(code.at(taps, v * code.lanes)) for v in self.members()]
        far = self.steps.far(source)

        def values(pixel: int) -> list[Value]:
            value = self.builder.load(self.pixel(source, far, pixel))
            return [code.splat(value)] * self.vectors

        return self.multiplied(known, bits, values, weights, sums)

    def multiplied(
        self, known: int | None, bits: Value, values: Callable[[int], list[Value]],
        weights: Sequence[Value], sums: Sequence[Value],
    ) -> list[Value]:  # fmt: skip
        """Sums of the pixels that the bits choose, and those products; ``values`` of a pixel."""
        code, total = self.code, dict(zip(self.cells, sums, strict=True))

        def added(pixel: int) -> list[Value]:
            pairs = zip(values(pixel), weights, strict=True)
            return [code.fma(value, w, total[pixel, v]) for v, (value, w) in enumerate(pairs)]

        for pixel in range(self.pixels):
            if known is None:
                old = [total[pixel, v] for v in self.members()]
                found = code.when(code.has(bits, 1 << pixel), old, partial(added, pixel))
            elif known >> pixel & 1:
                found = added(pixel)
            else:
                continue
            for vector, value in enumerate(found):
                total[pixel, vector] = value
        return [total[cell] for cell in self.cells]

    def pixel(self, source: Value, far: Value, pixel: int) -> Value:
        """Address of a pixel."""
        place = self.steps.place(source, far, pixel)
        return self.builder.bitcast(place, self.code.kind.as_pointer())

    # --- results ---

    def fetch_results(self) -> None:
        """The lines that the channels of each pixel go to, long before they are stored.

        A store that parts two lines waits for both.  Milliseconds without and so, out of no cache,
        5 images of 33 x 34 pixels of 4 channels to 145 at 3x3 1.24, 0.82, to 152 0.73, 0.74; with
        AVX-512 0.80, 0.69 and 0.87, 0.67.  Runs of pixels of each channel gain nothing (Zen 4 VM,
        AVX2, 2026-11).
        """
        code, size = self.code, self.vectors * machine.VECTOR_BYTES
        out = self.segment(code.at(self.table, self.number(SEGMENTS_AT)), I64(0))[1]

        def fetch() -> list[Value]:
            for pixel in range(self.pixels):
                place = code.at(out, self.builder.mul(self.number(OUT_PIXEL), I64(pixel)))
                for at in (*range(0, size, machine.CACHE_LINE), size - 1):
                    code.prefetch(code.at(place, at))
            return []

        code.choose(self.is_near(), {1: list, 0: fetch})

    def is_near(self) -> Value:
        """Whether outputs of a channel are neighbours."""
        near = self.builder.icmp_signed("==", self.number(OUT_PIXEL), I64(self.code.itemsize))
        return self.builder.zext(near, I64)

    def deliver(self, sums: dict[tuple[int, int], Value]) -> None:
        code = self.code
        segments = code.at(self.table, self.number(SEGMENTS_AT))

        def by_channels() -> list[Value]:
            for vector in range(self.vectors):
                for first in range(0, self.pixels, code.lanes):
                    self.store_transposed(sums, vector, first, segments)
            return []

        def by_pixels() -> list[Value]:
            self.store_vectors(sums, segments)
            return []

        code.choose(self.is_near(), {1: by_channels, 0: by_pixels})

    def segment(self, segments: Value, index: Value) -> tuple[Value, Value]:
        """(bits, pointer) of one of the tile's rows of output."""
        at = self.builder.mul(index, I64(SEGMENT))
        return self.code.read(segments, at), self.code.at(self.out, self.code.read(segments, at, 1))

    def store_transposed(
        self, sums: dict[tuple[int, int], Value], vector: int, first: int, segments: Value
    ) -> None:
        """Runs of pixels of each channel."""
        code, builder = self.code, self.builder
        rows = [sums.get((first + lane, vector), code.zero) for lane in range(code.lanes)]
        order = columns(code, code.lanes)
        vectors = transposed(code, rows)

        def each(bits: Value, out: Value, put: Callable[[Value, Value], None]) -> None:
            for (lane,), value in zip(order, vectors, strict=True):
                channel = I64(vector * code.lanes + lane)
                place = code.at(out, builder.mul(self.number(OUT_CHANNEL), channel))
                place = code.at(place, first * code.itemsize)
                with builder.if_then(builder.icmp_signed("<", channel, self.number(OUTPUTS))):
                    put(value, place)

        def one(index: Value) -> list[Value]:
            bits, out = self.segment(segments, index)
            with builder.if_else(self.same(bits, self.every)) as (all_pixels, some_pixels):
                with all_pixels:
                    each(bits, out, partial(self.store_known, min(code.lanes, self.pixels - first)))
                with some_pixels:
                    chosen = code.lanes_of(builder.lshr(bits, I64(first)))
                    each(bits, out, lambda value, at: code.store_some(value, at, chosen))
            return []

        code.loop(self.number(SEGMENTS), [], one, rolled=True)

    def store_known(self, count: int, value: Value, place: Value) -> None:
        """The first lanes, in plain stores where masks are dear: see `Code.store_first`."""
        code = self.code
        if machine.ISA.masks and count < code.lanes:
            return code.store_some(value, place, code.first_lanes(I64(count)))
        place = self.builder.bitcast(place, code.kind.as_pointer())
        done = 0
        while done < count:
            size = 1 << (count - done).bit_length() - 1
            piece = value if size == code.lanes else code.piece(value, done, size)
            code.store(piece, code.at(place, done))
            done += size
        return None

    def store_vectors(self, sums: dict[tuple[int, int], Value], segments: Value) -> None:
        """The channels of each pixel, which are neighbours."""
        code, builder = self.code, self.builder
        streams = builder.icmp_signed("!=", self.number(STREAMS), I64(0))

        def first(value: Value, vector: int, place: Value) -> None:
            left = builder.sub(self.number(OUTPUTS), I64(vector * code.lanes))
            code.store_first(value, place, left)

        def some(bits: Value, out: Value) -> None:
            for pixel in range(self.pixels):
                cells = [(sums[pixel, v], v, self.pixel_of(out, pixel, v)) for v in self.members()]
                with (
                    builder.if_then(code.has(bits, 1 << pixel)),
                    builder.if_else(streams) as (past, through),
                ):
                    with past:
                        for value, _, place in cells:
                            code.stream(value, place)
                    with through:
                        for cell in cells:
                            first(*cell)

        def every(out: Value) -> None:
            def put_all(put: Callable[..., None]) -> None:
                for pixel, vector in self.cells:
                    put(sums[pixel, vector], self.pixel_of(out, pixel, vector))

            code.store_either(streams, put_all)

        def one(index: Value) -> list[Value]:
            bits, out = self.segment(segments, index)
            full = builder.icmp_signed("==", self.number(OUTPUTS), I64(self.wide))
            full = builder.and_(full, self.same(bits, self.every))
            with builder.if_else(full) as (all_pixels, some_pixels):
                with all_pixels:
                    every(out)
                with some_pixels:
                    some(bits, out)
            return []

        code.loop(self.number(SEGMENTS), [], one, rolled=True)

    def pixel_of(self, out: Value, pixel: int, vector: int) -> Value:
        """Where a vector of a pixel's channels goes."""
        place = self.code.at(out, self.builder.mul(self.number(OUT_PIXEL), I64(pixel)))
        place = self.code.at(place, vector * machine.VECTOR_BYTES)
        return self.builder.bitcast(place, self.code.kind.as_pointer())
