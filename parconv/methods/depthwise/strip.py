"""Pixels in lanes: a strip of output columns, for planes that follow one another.

Rows of an image are read in place, under masks at their ends.  Results go straight to their places,
or into scratch and from there in whole lines (`lines`).  Where a row of results fills at most half
a vector, two planes share it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.flow import call_one_of
from ...codegen.simd import I1, I64, Code
from .lines import drain, line_of
from .sweep import SIZES, STRIDES, VECTORS, Kind, Sweep

# Whether vectors are loaded and stored under masks, which keep them inside the rows.
MASKED = machine.ISA.masks
NEVER = 1 << 62  # elements that scratch never holds
KINDS = [
    Kind(size, stride, vectors) for size in SIZES for stride in STRIDES for vectors in VECTORS[size]
]
if MASKED:
    KINDS += [Kind(size, stride, 1, 2) for size in SIZES[:2] for stride in STRIDES]


def loads(kind: Kind) -> int:
    """For one vector of outputs and one input row."""
    return kind.size if kind.stride == 1 else 2


def outputs(kind: Kind, lanes: int) -> int:
    """Of a vector: with a stride those that two vectors of input hold all pixels for."""
    return lanes if kind.stride == 1 else lanes - (kind.size - 1) // 2


class _Strip(Sweep):
    """One plane after another; the attributes are IR values of the function's arguments."""

    def __init__(self, builder: Any, kind: Kind, *arguments: Value) -> None:
        (self.sources, self.plane, self.row, self.first, self.rows, self.ahead, self.across,
         self.filters, self.height, self.planes, self.table, self.last, self.outs, self.at,
         self.out_row, self.out_plane, self.limit, self.target, self.skip,
         self.large) = arguments  # fmt: skip
        super().__init__(builder, kind, self.sources)
        self.outputs = outputs(kind, self.code.lanes)
        self.order = _order(self.code) if kind.stride == 2 else list(range(self.code.lanes))

    def emit(self) -> None:
        code, builder = self.code, self.builder
        self.read_table()
        self.gap = builder.sub(self.out_plane, builder.mul(self.height, self.out_row))
        source = code.at(self.sources, builder.mul(self.first, self.row))
        start = [source, self.filters, self.at, self.target, self.skip]
        place = code.loop(self.count(), start, self.planes_together, rolled=True)[2:]
        scratch = builder.icmp_signed("<", self.limit, I64(NEVER))
        line = builder.icmp_signed(">=", place[0], I64(line_of(code)))
        code.when(builder.and_(scratch, line), place, partial(self.drain, place))

    def drain(self, place: Sequence[Value]) -> list[Value]:
        return drain(self.code, self.outs, self.large, place)

    def drained(self, place: Sequence[Value]) -> list[Value]:
        """The place after what is done has left, if it is time."""
        full = self.builder.icmp_signed(">=", place[0], self.limit)
        return self.code.when(full, place, partial(self.drain, place))

    def bits(self, index: int, lanes: int = 0) -> Value:
        return self.code.lanes_of(self.code.read(self.table, index), lanes)

    # --- one plane in a vector ---

    def count(self) -> Value:
        return self.planes

    def read_table(self) -> None:
        """Lanes that lie inside the image, of the outer vectors' loads, and the last store's."""
        if MASKED:
            count = loads(self.kind) * min(2, self.kind.vectors)
            self.lanes = [self.bits(index) for index in range(count)]
            self.tail = self.bits(count)

    def planes_together(self, _: Value, source: Value, taps: Value, *place: Value) -> list[Value]:
        code = self.code
        self.taps = taps
        self.keep_weights()
        at, *others = self.run(source, place)
        at = self.builder.add(at, self.gap)
        return [code.at(source, self.plane), code.at(taps, self.kind.size**2), at, *others]

    def read_weight(self, row: int, column: int) -> Value:
        return self.code.splat(self.code.read(self.taps, row * self.kind.size + column))

    def place(self, vector: int) -> Value:
        """Of a vector in its row, in outputs."""
        outer = 0 < vector == self.kind.vectors - 1
        return self.last if outer else I64(vector * self.outputs)

    def columns(self, pixels: Value, vector: int) -> list[Value]:
        code, kind = self.code, self.kind
        start = code.at(pixels, self.builder.mul(I64(kind.stride), self.place(vector)))
        if kind.stride == 1:
            offsets = [self.builder.mul(self.across, I64(n)) for n in range(kind.size)]
            return [self.load(start, at, vector, n) for n, at in enumerate(offsets)]
        first, second = (
            self.load(start, I64(half * code.lanes), vector, half) for half in range(2)
        )
        last = 2 * code.lanes - 1
        return [
            code.shuffle(first, second, [min(column + 2 * n, last) for n in self.order])
            for column in range(kind.size)
        ]

    def load(self, start: Value, offset: Value, vector: int, mask: int) -> Value:
        """A vector of a row; of the strip's outer ones only what lies inside the image."""
        code, pointer = self.code, self.code.at(start, offset)
        if not MASKED or 0 < vector < self.kind.vectors - 1:
            return code.load(pointer)
        return code.load_some(pointer, self.lanes[mask + (loads(self.kind) if vector else 0)])

    def leave(self, sums: Sequence[Value], place: Sequence[Value]) -> list[Value]:
        """Vectors overlap: a later one overwrites what an earlier one stores beyond its outputs."""
        code, lanes = self.code, self.code.lanes
        out = code.at(self.outs, place[0])
        for vector, value in enumerate(sums):
            pointer = code.at(out, self.place(vector))
            if self.kind.stride == 2:
                value = code.shuffle(value, value, [self.order.index(n) for n in range(lanes)])
            self.store(value, pointer, vector == len(sums) - 1)
        return self.drained([self.builder.add(place[0], self.out_row), *place[1:]])

    def store(self, value: Value, pointer: Value, last: bool) -> None:
        """The vector's outputs alone where those of the strip on the right may lie beyond them."""
        code, lanes = self.code, self.code.lanes
        if MASKED and (last or self.outputs < lanes):
            code.store_some(value, pointer, self.tail)
        elif last and self.outputs < lanes:
            code.store_first(value, pointer, I64(self.outputs))
        else:
            code.store(value, pointer)

    def prefetch(self, pixels: Value) -> None:
        """As much of what comes later as the row holds."""
        start = self.code.at(pixels, self.ahead)
        width = self.kind.stride * self.kind.vectors * self.code.lanes
        for at in range(0, width, line_of(self.code)):
            self.code.prefetch(self.code.at(start, at))


class _Pair(_Strip):
    """Two planes in a vector, each in a half; the last of an odd number twice.

    Cycles a plane in the caches, one by one and so (Zen 5, 2026-11): 7 x 7 51, 29; 14 x 14 with
    every second output 77, 58.
    """

    def count(self) -> Value:
        return self.builder.ashr(self.builder.add(self.planes, I64(1)), I64(1))

    def read_table(self) -> None:
        """Lanes of a row, of a row of results, and which lanes of two rows each column meets."""
        code, kind, lanes = self.code, self.kind, self.code.lanes
        self.inside, self.tail = self.bits(0), self.bits(1, lanes // 2)
        tables = [code.at(self.table, 2 + n * lanes) for n in range(kind.size)]
        self.lookup = [code.integers(table) for table in tables]

    def planes_together(
        self, index: Value, source: Value, taps: Value, *place: Value
    ) -> list[Value]:
        code, builder = self.code, self.builder
        other = builder.add(builder.shl(index, I64(1)), I64(1))
        more = builder.icmp_signed("<", other, self.planes)
        size = self.kind.size**2
        self.other, self.other_taps, self.other_out = (
            builder.select(more, step, I64(0)) for step in (self.plane, I64(size), self.out_plane)
        )
        self.taps = taps
        self.keep_weights()
        at, *others = self.run(source, place)
        at = builder.add(builder.add(at, self.gap), self.other_out)
        source = code.at(source, builder.shl(self.plane, I64(1)))
        return [source, code.at(taps, 2 * size), *self.drained([at, *others])]

    def read_weight(self, row: int, column: int) -> Value:
        code = self.code
        tap = code.at(self.taps, row * self.kind.size + column)
        both = [code.splat(code.read(pointer)) for pointer in (tap, code.at(tap, self.other_taps))]
        half = code.lanes // 2
        lower = ir.Constant(ir.VectorType(I1, code.lanes), [n < half for n in range(code.lanes)])
        return self.builder.select(lower, *both)

    def columns(self, pixels: Value, _: int) -> list[Value]:
        code = self.code
        rows = [code.load_some(p, self.inside) for p in (pixels, code.at(pixels, self.other))]
        return [code.lookup(rows[0], order, rows[1]) for order in self.lookup]

    def leave(self, sums: Sequence[Value], place: Sequence[Value]) -> list[Value]:
        code, half = self.code, self.code.lanes // 2
        out = code.at(self.outs, place[0])
        for plane, pointer in enumerate([out, code.at(out, self.other_out)]):
            code.store_some(code.piece(sums[0], plane * half, half), pointer, self.tail)
        return [self.builder.add(place[0], self.out_row), *place[1:]]

    def prefetch(self, pixels: Value) -> None:
        for start in (pixels, self.code.at(pixels, self.other)):
            self.code.prefetch(self.code.at(start, self.ahead))


def _order(code: Code) -> list[int]:
    """In which lanes every second output is summed: as shuffles within 16 bytes leave them.

    Those cost a quarter of a cycle, across 16 bytes half a cycle (Zen 5, 2026-11).
    """
    group = 16 // code.itemsize
    half = group // 2
    return [
        lane // group * half + lane % half + (code.lanes // 2 if lane % group >= half else 0)
        for lane in range(code.lanes)
    ]


def _emit(builder: Any, key: Value, *arguments: Value) -> None:
    """A function that chooses among the kinds, each a function of its own."""

    def body(kind: Kind) -> Callable[..., None]:
        made = _Strip if kind.planes == 1 else _Pair
        return lambda inner, *values: made(inner, kind, *values).emit()

    call_one_of(builder, key, "strip", {kind: body(kind) for kind in KINDS}, arguments)


@emitted()
def sweep_strip(
    builder: Any, key: Value, f: Items, scratch: Items, image: Sequence[Value], taps: Items,
    taps_at: Value, size: Sequence[Value], layout: Items, strip: Sequence[Value], out: Items,
    result: Sequence[Value],
) -> None:  # fmt: skip
    """Emit a call that computes ``size`` = rows of one strip and planes, which follow one another.

    ``key`` counts through `KINDS`.  ``image`` = whether it is ``f`` (else in scratch), where the
    strip's first output meets its row 0, elements from one plane and from one row to the next, the
    first row, how many there are, how far on to prefetch, and from one tap to the next.  ``strip``
    = where its masks are, and where its last vector begins.  ``result`` = whether it is ``out``,
    the place of the first element there or in scratch, from one row and from one plane to the next;
    and of scratch: its base, how many elements leave it together, for which element of ``out``, how
    many of them are not ours, and whether they go past the caches.
    """
    in_place, at, *steps = image
    direct, to, out_row, out_plane, base, limit, run, skip, large = result
    table, last = strip
    source = builder.select(_true(builder, in_place), f.at(at), scratch.at(at))
    outs = builder.select(_true(builder, direct), out.at(), scratch.at(base))
    arguments = [
        key, source, *steps, taps.at(taps_at), *size, layout.at(table), last, outs, to, out_row,
        out_plane, limit, out.at(run), skip, large,
    ]  # fmt: skip
    call_once(builder, "strip", _emit, arguments)


def _true(builder: Any, number: Value) -> Value:
    return builder.icmp_signed("!=", number, number.type(0))
