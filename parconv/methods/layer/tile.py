"""The register tile of layers: R filters x V vectors of neighbouring outputs, held in registers.

One loop runs over all taps of a filter, channels included: R weights are broadcast, V vectors of
pixels are loaded.  The pixels of one tap lie

* one after another, the taps a constant step apart (``pieces`` 1: a packed panel, or maps as they
  lie under a filter of one tap), or
* in two places each vector, lanes before a row's end here and those behind it there, the taps as a
  table of offsets says (``pieces`` 2: maps as they lie, or a copy of them with its border).

So outputs count as one run whatever the width of their rows, and no lane is lost at a row's end.

Per output the order of additions is: channels, then filter rows, then columns.
"""

import math
from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

from llvmlite import ir

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I32, I64, Code

# rows x vectors accumulators + the vectors of one tap + one weight fit the register file.  Masks of
# NEON's pieces take registers of vectors, too: 8 x 3 in two pieces takes 39.5 cycles, 52 of its 102
# instructions moves, 7 x 3 14 (llvm-mca 19 for neoverse-n1).
ROWS, VECTORS = machine.ISA.choose({32: (8, 3), 16: (6, 2), "NEON": (7, 3)})

# Vectors of sums beside which masks have no registers: LLVM then kept sums in memory, each of which
# waits for its own store.  Nanoseconds of an output so, and with the masks in memory, 60x63: 12
# filters of 5x5 1.10, 0.72; 8 channels to 12 and 18 at 3x3 3.0, 1.9 and 2.8, 1.8; 32 to 60 of 28x29
# 11.3, 6.9 (Zen 4 VM, AVX2, 2026-11).
CROWDED = machine.ISA.choose({32: math.inf, 16: ROWS * VECTORS})

# Filters of a tile that loads bind: vectors in one place are loaded once, by a branch.  Time of
# this over that of two loads, 16 channels at 3x3, for 1 to 5 filters: planes of 256 x 256 0.72 0.70
# 0.77 0.92 1.01, of 60 x 60 0.79 0.78 0.87 0.96 1.00, of 30 x 30 0.84 0.86 0.91 0.97 1.00; under
# AVX2 0.96 0.79 0.96 0.88 1.00, 1.03 0.88 1.01 0.93 1.00, 0.95 0.88 0.96 0.93 1.00 (Zen 4 VM,
# 2026-11).
FEW = 4

I8 = ir.IntType(8)

STREAM, PARTED = 1, 2  # as flags: store past the caches, store to two places
PLACE = 3  # numbers of a vector's place: first piece, second piece, lanes of the first


class Shape(NamedTuple):
    """What is unrolled in one version of the tile."""

    rows: int
    vectors: int
    pieces: int


SHAPES = [
    Shape(*shape) for shape in product(range(1, ROWS + 1), dict.fromkeys((1, VECTORS)), (1, 2))
]


class _Tile:
    """Emits one version of the tile; the attributes are IR values of the function's arguments."""

    def __init__(self, builder: Any, shape: Shape, *arguments: Value) -> None:
        (self.source, self.step, self.offsets, self.places, self.taps, self.count, self.target,
         self.row, self.jump, self.blocks, self.flags, self.near, self.size, self.ahead,
         self.step_ahead, self.rows_ahead, self.lines_ahead) = arguments  # fmt: skip
        self.builder, self.shape = builder, shape
        self.code = Code(builder, self.source.type.pointee)
        self.cells = list(product(range(shape.rows), range(shape.vectors)))
        self.pieces = [self.piece(n) for n in range(shape.vectors)] if shape.pieces == 2 else []

    def piece(self, n: int) -> tuple[Value, Value, Value]:
        """The two places of a vector, and which lanes come from the first, or where that stands."""
        code = self.code
        first, second, count = (code.read(self.places, PLACE * n + i) for i in range(PLACE))
        mask = code.first_lanes(self.builder.trunc(count, I32))
        mask = self.put_away(mask) if len(self.cells) >= CROWDED else mask
        return code.at(self.source, first), code.at(self.source, second), mask

    def put_away(self, mask: Value) -> Value:
        """Where a mask stands in memory."""
        lanes = ir.VectorType(ir.IntType(8 * self.code.itemsize), self.code.lanes)
        place = self.builder.alloca(lanes)
        self.builder.store(self.builder.sext(mask, lanes), place)
        return place

    def mask(self, known: Value, turn: Value) -> Value:
        """A mask, read in each turn if it stands in memory: as if the place were another."""
        if not known.type.is_pointer:
            return known
        kind = ir.FunctionType(known.type, [known.type, turn.type])
        place = self.builder.call(ir.InlineAsm(kind, "", "=r,0,r"), [known, turn])
        lanes = self.builder.load(place)
        return self.builder.icmp_signed("<", lanes, ir.Constant(lanes.type, None))

    def emit(self) -> None:
        """``blocks`` tiles, one under another, from the same pixels."""
        self.code.loop(self.blocks, [self.taps, self.target, self.ahead], self.one_tile)

    def one_tile(self, _: Value, taps: Value, target: Value, ahead: Value) -> list[Value]:
        builder, zeros = self.builder, [self.code.zero] * len(self.cells)
        part = builder.sdiv(self.count, self.rows_ahead)
        rest = builder.srem(self.count, self.rows_ahead)

        def one_part(index: Value, tap: Value, ahead: Value, *carried: Value) -> list[Value]:
            """Some of the taps, and a row of what is fetched meanwhile."""
            with builder.if_then(builder.icmp_signed(">", self.lines_ahead, I64(0))):
                self.code.loop(self.lines_ahead, [ahead], self.prefetch)
            more = builder.zext(builder.icmp_signed("<", index, rest), I64)
            count = builder.add(part, more)
            tap, *sums = self.code.loop(count, [tap, *carried], self.one_tap)
            return [tap, self.code.at(ahead, self.step_ahead), *sums]

        carried = [I64(0), ahead, taps, self.source, *zeros]
        _, ahead, taps, _, *sums = self.code.loop(self.rows_ahead, carried, one_part)
        rows = [target]
        for _ in range(self.shape.rows):
            rows.append(self.code.at(rows[-1], self.row))
        cases = {
            0: partial(self.put, sums, rows, self.code.store),
            STREAM: partial(self.put, sums, rows, self.code.stream),
        }
        if self.shape.pieces == 1:
            cases[PARTED] = partial(self.put_parted, sums, rows)
        self.code.choose(self.flags, cases)
        return [taps, rows[-1], ahead]

    def prefetch(self, _: Value, line: Value) -> list[Value]:
        self.code.prefetch(line)
        return [self.code.at(line, machine.CACHE_LINE)]

    def one_tap(
        self, _: Value, index: Value, taps: Value, pixel: Value, *sums: Value
    ) -> list[Value]:
        code, total = self.code, dict(zip(self.cells, sums, strict=True))
        vectors = self.pixels(index, pixel)
        for row in range(self.shape.rows):
            weight = code.splat(code.read(taps, row))
            for n, pixels in enumerate(vectors):
                total[row, n] = code.fma(pixels, weight, total[row, n])
        index = self.builder.add(index, I64(1), flags=("nuw", "nsw"))
        return [index, code.at(taps, self.shape.rows), code.at(pixel, self.step), *total.values()]

    def pixels(self, index: Value, pixel: Value) -> list[Value]:
        """The vectors of one tap."""
        code = self.code
        if not self.pieces:
            return [code.load(code.at(pixel, n * code.lanes)) for n in range(self.shape.vectors)]
        offset = code.read(self.offsets, index)
        how = self.either if self.shape.rows <= FEW else self.joined
        return [how(index, offset, *piece) for piece in self.pieces]

    def joined(self, turn: Value, offset: Value, *piece: Value) -> Value:
        """A vector of two pieces."""
        *places, known = piece
        vectors = (self.code.load(self.code.at(place, offset)) for place in places)
        return self.builder.select(self.mask(known, turn), *vectors)

    def either(self, turn: Value, offset: Value, *piece: Value) -> Value:
        """The same by one load, where both lie in one place."""
        first, second, _ = piece
        alone = self.builder.icmp_unsigned("==", first, second)
        cases = {
            0: lambda: [self.joined(turn, offset, *piece)],
            1: lambda: [self.code.load(self.code.at(first, offset))],
        }
        return self.code.choose(self.builder.zext(alone, I64), cases)[0]

    def put(self, sums: Sequence[Value], rows: Sequence[Value], how: Any) -> list[Value]:
        for (row, n), value in zip(self.cells, sums, strict=True):
            how(value, self.code.at(rows[row], n * self.code.lanes))
        return []

    def put_parted(self, sums: Sequence[Value], rows: Sequence[Value]) -> list[Value]:
        """The first ``near`` outputs, and those up to ``size`` a jump further."""
        code, builder = self.code, self.builder
        masks = []
        for n in range(self.shape.vectors):
            near, size = (
                code.first_lanes(builder.sub(count, I64(n * code.lanes)))
                for count in (self.near, self.size)
            )
            masks.append((near, builder.and_(size, builder.not_(near))))
        for (row, n), value in zip(self.cells, sums, strict=True):
            place = code.at(rows[row], n * code.lanes)
            code.store_some(value, place, masks[n][0])
            code.store_some(value, code.at(place, self.jump), masks[n][1])
        return []


@emitted()
def tile(
    builder: Any, f: Items, scratch: Items, in_place: Value, source: Sequence[Value],
    numbers: Sequence[Value], taps: Items, taps_at: Value, count: Value, out: Items, direct: Value,
    target: Sequence[Value], how: Sequence[Value], ahead: Sequence[Value],
) -> None:  # fmt: skip
    """Emit a call that computes tiles of the same pixels, one under another.

    ``source`` = element of ``f``, where ``in_place``, or of ``scratch``, and elements from tap to
    tap.  ``numbers`` = where in scratch, counted in int64, the tables of offsets and of places
    begin.  ``target`` = element of ``out``, where ``direct``, or of ``scratch``, elements from
    filter to filter, and from where outputs would lie to where those beyond the first part do.
    ``how`` = rows and vectors of the tile, pieces of a vector, tiles, flag, outputs of the first
    part and of both.
    ``ahead`` = what to fetch for later: first byte of ``f``, bytes from row to row, rows for each
    tile, at least one, and lines of a row.
    """

    def chosen(array: Items, condition: Value, at: Value) -> Value:
        """In that array where the condition holds, else in scratch."""
        return builder.select(condition, array.at(at), scratch.at(at))

    (source_at, *steps), (target_at, *jumps), (fetched, *fetches) = source, target, ahead
    rows, vectors, pieces, *others = how
    values = [
        chosen(f, in_place, source_at), *steps, *(scratch.at(at, I64) for at in numbers),
        taps.at(taps_at), count, chosen(out, direct, target_at), *jumps, *others,
        f.at(fetched, I8), *fetches,
    ]  # fmt: skip
    many, two = (
        builder.zext(builder.icmp_signed(">", number, I64(1)), I64) for number in (vectors, pieces)
    )
    key = builder.add(builder.mul(rows, I64(4)), builder.add(builder.mul(many, I64(2)), two))

    def emit(shape: Shape, inner: Any, *values: Value) -> None:
        _Tile(inner, shape, *values).emit()

    def call(shape: Shape) -> list[Value]:
        # LLVM would unroll the loops and copy them for every flag: 1.9 s for all versions of the
        # tile, 0.7 so, equally fast (Zen 5, 2026-11)
        call_once(builder, "layer", partial(emit, shape), values, shape, ["optsize"])
        return []

    cases = {4 * s.rows + 2 * (s.vectors > 1) + (s.pieces > 1): partial(call, s) for s in SHAPES}
    Code(builder, scratch.element).choose(key, cases)
