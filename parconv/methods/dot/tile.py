"""The register tile: R rows x one vector of outputs, as int32 sums, while every tap passes by.

One instruction multiplies the four bytes of every lane by four taps and adds the products to the
lane's sum.  So a filter row goes by in fours of taps, and every output needs a window of four bytes
in a lane of its own.  Neighbouring taps need no shuffle: of four vectors loaded one byte apart,
lane n of vector c holds the window of output ``4 n + c``.  Taps further apart (colour, dilation)
are gathered by a shuffle of bytes within 16.  Either order is undone when sums are stored.

Of a filter with one column more than fours (5, 9, 13 ...) that column goes by in fours of its rows:
the last byte of window ``c + 1`` is the pixel beyond window c, and four rows of them make a column.
That takes 7 products for an output at 5x5, where fours along rows alone take 10.

As in the direct method the loops over filter columns and over groups of filter rows run at run
time, and each group size is one unrolled body, so one compilation serves every filter.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types

from ...codegen import machine
from ...codegen.emitted import Items, Value, emitted, instruction
from ...codegen.flow import call_one_of
from ...codegen.operations import operation
from ...codegen.simd import I32, I64, Code
from ...codegen.transposition import transposed

I8, I16 = ir.IntType(8), ir.IntType(16)

# (rows, group): rows x 4 sums + weights of a group + a window must fit the register file.
# AVX-512, Zen 5, 2026-11, one core, in cache, GMAC/s of those used at 3x3 / 5x5 / 7x7 / 11x11 of a
# peak of 527: 6x7 332/464/470/479, 5x7 300/459/467/456, 4x8 293/432/464/471, 6x4 343/383/459/470;
# no vector register is spilled in any of them.  With NEON, whose weights take registers, 6x7 spills
# 14; 5x7 has 92 % of the peak, 4x7 90, 5x6 91, 5x5 89 (llvm-mca 19 for neoverse-v1).
ROWS, GROUP = machine.ISA.choose({32: (6, 7), 16: (2, 4), "NEON": (5, 7)})
CROSSED_ROWS = 4  # of a tile that also holds four columns; with 6 it spills
TOGETHER = 4  # taps that one instruction multiplies
DOT = "signed4" if machine.ISA.signed else "dot4"
WIDTH = machine.VECTOR_BYTES  # outputs of a row of a tile
WIDEST_STEP = 4  # bytes between taps: the windows of four outputs then span 16
# Taps of a row side by side, or apart; side by side and those of the last column one below another.
ADJACENT, APART, CROSSED = "adjacent", "apart", "crossed"
ORDERS = (ADJACENT, APART, CROSSED)[: machine.ISA.choose({32: 3, 16: 2})]
STREAM, PREFETCH = 1, 2  # as flags: store past the caches, fetch rows of the image

# What the tile loops over, as int64 numbers: fours of columns, bytes from a tap to the next, number
# of groups, then of each group the row of pixels it begins with and its number of rows.
FOURS, TAP_STEP, GROUPS, TABLE = range(4)


def column_ends(size: int) -> list[int]:
    """Where the fours of a column of so many taps end; the last one is pulled back."""
    return [*range(TOGETHER - 1, size - 1, TOGETHER), size - 1]


class _Tile:
    """Emits tiles; the attributes are IR values of the function's arguments."""

    def __init__(
        self, builder: Any, kind: Any, element: Any, order: str, *arguments: Value
    ) -> None:
        (self.source, self.row_step, self.taps, self.steps, self.out, self.out_row, self.ahead,
         self.ahead_row, self.flags) = arguments  # fmt: skip
        self.builder, self.kind, self.element = builder, kind, element
        self.adjacent, self.crossed = order != APART, order == CROSSED
        self.rows = CROSSED_ROWS if self.crossed else ROWS
        self.code, self.bytes = Code(builder, I32), Code(builder, I8)
        self.cells = [(row, n) for row in range(self.rows) for n in range(TOGETHER)]
        self.fours = self.code.read(self.steps, FOURS)
        self.tap_step = self.code.read(self.steps, TAP_STEP)
        self.groups = self.code.read(self.steps, GROUPS)
        self.places = None if self.adjacent else self.shuffle_places()

    def shuffle_places(self) -> Value:
        """Which byte of 16 goes where: lane n takes bytes n, n + step, n + 2 step, n + 3 step."""
        step = self.code.splat(self.builder.trunc(self.tap_step, I32))
        taps = self.builder.mul(step, self.code.constant(0x03020100))
        lanes = [0x01010101 * (n % 4) for n in range(self.code.lanes)]
        return self.builder.add(taps, ir.Constant(self.code.vector, lanes))

    def emit(self, count: Value) -> None:
        """``count`` tiles side by side, at least one.

        A loop of its own for each size of an only group: 3x3 0.93 / 0.81 ms for 4096 x 4096.
        """
        if not self.adjacent:
            self.sweep(count, 0)
            return
        group = self.code.at(self.steps, TABLE)
        alone = self.builder.icmp_signed("==", self.groups, I64(1))
        with self.builder.if_else(alone) as (one_group, many_groups):
            with one_group:
                cases = {n: partial(self.sweep, count, n) for n in range(1, GROUP + 1)}
                self.code.choose(self.code.read(group, 1), cases)
            with many_groups:
                self.sweep(count, 0)

    def sweep(self, count: Value, size: int) -> list[Value]:
        """Tiles of filters of one group of ``size`` rows or, if that is 0, of any groups.

        They come from the left half and from the right one in turn.  A load waits for a store under
        way where their addresses agree modulo 4096, and where image and output lie alike, as large
        arrays of NumPy do, the next tile's pixels begin before this one's results end.  One by one
        / in turn, milliseconds for 4096 x 4096 (Zen 5, 2026-11): 5x5 1.56 / 1.32, 7x7 2.17 / 2.13;
        not where taps lie apart: 2160 x 3840 in colour at 5x5 2.38 / 3.17.
        """
        code, builder = self.code, self.builder
        half = builder.lshr(builder.add(count, I64(1)), I64(1))

        def one(index: Value) -> list[Value]:
            if self.adjacent:
                right = builder.mul(builder.and_(index, I64(1)), half)
                index = builder.add(builder.lshr(index, I64(1)), right)
            left = builder.mul(index, I64(WIDTH))
            first = [code.splat(code.read(self.taps))] * len(self.cells)
            values = code.at(self.source, left), code.at(self.taps, 1), first
            sums = self.sized_group(size, *values)[1:] if size else self.any_groups(*values)
            self.store(sums, left)
            self.fetch(left)
            return []

        self.code.loop(count, [], one)
        return [I64(0)]

    def any_groups(self, source: Value, taps: Value, sums: Sequence[Value]) -> Sequence[Value]:
        return self.code.loop(
            self.groups,
            [taps, self.code.at(self.steps, TABLE), *sums],
            lambda _, taps, group, *sums: self.one_group(source, taps, group, sums),
        )[2:]

    def fetch(self, left: Value) -> None:
        """The rows of the image that the tiles below this one add."""
        with self.builder.if_then(self.code.has(self.flags, PREFETCH)):
            for row in range(self.rows):
                start = self.code.at(self.ahead, self.builder.mul(self.ahead_row, I64(row)), left)
                for line in range(0, WIDTH, machine.CACHE_LINE):
                    self.bytes.prefetch(self.code.at(start, line))

    def one_group(
        self, source: Value, taps: Value, group: Value, sums: Sequence[Value]
    ) -> list[Value]:
        source = self.code.at(source, self.builder.mul(self.row_step, self.code.read(group)))
        # several groups share the rows evenly, but for dilated filters', whose rows come alone
        least = (GROUP + 1) // 2 if self.adjacent else 2
        sizes = {
            n: partial(self.sized_group, n, source, taps, sums)
            for n in (1, *range(least, GROUP + 1))
        }
        taps, *sums = self.code.choose(self.code.read(group, 1), sizes)
        return [taps, self.code.at(group, 2), *sums]

    def sized_group(
        self, size: int, source: Value, taps: Value, sums: Sequence[Value]
    ) -> Sequence[Value]:
        step = self.builder.mul(self.tap_step, I64(TOGETHER))

        def one_four(_: Value, pixel: Value, taps: Value, *sums: Value) -> Sequence[Value]:
            added = self.add_four(size, pixel, taps, sums)
            return [self.code.at(pixel, step), self.code.at(taps, size), *added]

        values = [source, taps, *sums]
        if not self.crossed:
            return self.code.loop(self.fours, values, one_four)[1:]
        others, ends = self.builder.sub(self.fours, I64(1)), column_ends(size)
        pixel, taps, *sums = self.code.when(
            self.builder.icmp_signed(">", others, I64(0)),
            values,
            lambda: self.code.loop(others, values, one_four),
        )
        sums = self.add_four(size, pixel, taps, sums, ends)
        return [self.code.at(taps, size + len(ends)), *sums]

    def add_four(
        self, size: int, pixel: Value, taps: Value, sums: Sequence[Value], ends: Sequence[int] = ()
    ) -> list[Value]:
        """Four filter columns of one group, multiplied and added to every cell.

        And of the column after them, fours of taps that end at those rows of the group.
        """
        code, total = self.code, dict(zip(self.cells, sums, strict=True))
        weights = [code.splat(code.read(taps, n)) for n in range(size + len(ends))]
        across, down = [*enumerate(weights[:size])], [*zip(ends, weights[size:], strict=True)]
        columns: list[Value] = [None] * TOGETHER
        for row in range(self.rows + size - 1):
            start = code.at(pixel, self.builder.mul(self.row_step, I64(row)))
            window = self.window(start, 0)
            for n in range(TOGETHER):
                self.add(total, (row, n), window, across)
                if down or n + 1 < TOGETHER:
                    window = self.window(start, n + 1)
                if down:  # the window's last byte is the pixel after the window before
                    columns[n] = self.longer(columns[n], window) if row else window
                    self.add(total, (row, n), columns[n], down)
        return [total[cell] for cell in self.cells]

    def add(
        self, total: dict[Any, Value], place: tuple[int, int], pixels: Value, weights: Any
    ) -> None:
        """Products of a row's pixels, to the cells above it that have them under a tap."""
        for member, weight in weights:
            cell = place[0] - member, place[1]
            if cell in total:
                total[cell] = self.dot(total[cell], pixels, weight)

    def longer(self, column: Value, window: Value) -> Value:
        """A column of four pixels moved by one: the window's last byte goes below the others.

        A shift and a blend have ports of their own on Zen 5; a funnel shift takes the products'.
        """
        shifted = self.builder.lshr(column, self.code.constant(8))
        others, last = (self.builder.bitcast(v, self.bytes.vector) for v in (shifted, window))
        order = [n + (WIDTH if n % TOGETHER == TOGETHER - 1 else 0) for n in range(WIDTH)]
        return self.builder.bitcast(self.bytes.shuffle(others, last, order), self.code.vector)

    def window(self, pixel: Value, n: int) -> Value:
        """The bytes under four taps for every fourth output, or for every fourth four of them."""
        if self.adjacent:
            found = self.bytes.load(self.code.at(pixel, n))
            return self.builder.bitcast(found, self.code.vector)
        found = self.bytes.load(self.code.at(pixel, TOGETHER * n))
        places = self.builder.bitcast(self.places, found.type)
        found = operation(self.builder, "bytes", found.type, found, places)
        return self.builder.bitcast(found, self.code.vector)

    def dot(self, total: Value, window: Value, weight: Value) -> Value:
        return operation(self.builder, DOT, total.type, total, window, weight)

    # --- results ---

    def store(self, sums: Sequence[Value], left: Value) -> None:
        self.code.store_either(self.code.has(self.flags, STREAM), partial(self.put, sums, left))

    def put(self, sums: Sequence[Value], left: Value, how: Any) -> None:
        for row in range(self.rows):
            at = self.code.at(self.out, self.builder.mul(self.out_row, I64(row)))
            at = self.code.at(self.builder.bitcast(at, self.element.as_pointer()), left)
            for value in self.results(sums[TOGETHER * row : TOGETHER * (row + 1)]):
                how(value, at)
                at = self.code.at(at, value.type.count)

    def results(self, sums: Sequence[Value]) -> list[Value]:
        """The sums of a row of the tile as elements of the result, in order."""
        if self.kind.bitwidth == 8:
            return [self.packed(sums)]
        if self.kind.bitwidth == 16 and self.kind.signed:
            return self.words(sums)
        sums = self.in_order(sums)
        if self.kind.bitwidth == 16:  # whole vectors, which may be stored past the caches
            sums = [self.code.joined(sums[:2]), self.code.joined(sums[2:])]
        return [self.converted(value) for value in sums]

    def halves(self, sums: Sequence[Value]) -> list[Value]:
        """Two vectors of int16, saturated: the machine packs within 16 bytes."""
        first, second, third, fourth = sums
        pairs = ((first, third), (second, fourth)) if self.adjacent else (sums[:2], sums[2:])
        words = ir.VectorType(I16, 2 * self.code.lanes)
        return [operation(self.builder, "words", words, *pair) for pair in pairs]

    def words(self, sums: Sequence[Value]) -> list[Value]:
        """As int16, saturated.

        Microseconds for 512 x 512 at 3x3, one core: 44 by `in_order`, 29 so (Sapphire Rapids VM,
        AVX-512, 2026-11).
        """
        (left, right), adjacent, places = self.halves(sums), self.adjacent, []
        for output in range(WIDTH):
            block, n = divmod(output, 16)
            half, upper, lane = (
                (n % 2, n // 2 % 2, n // 4) if adjacent else (n // 8, n // 4 % 2, n % 4)
            )
            places.append(half * WIDTH // 2 + 8 * block + 4 * upper + lane)
        code, count = Code(self.builder, I16), WIDTH // 2
        return [code.shuffle(left, right, places[at : at + count]) for at in (0, count)]

    def packed(self, sums: Sequence[Value]) -> Value:
        """As bytes, saturated."""
        halves = self.halves(sums)
        name = "signed" if self.kind.signed else "unsigned"
        found = operation(self.builder, name, self.bytes.vector, *halves)
        if not self.adjacent:
            return found
        order = [n // 16 * 16 + (0, 8, 4, 12)[n % 4] + n % 16 // 4 for n in range(WIDTH)]
        return self.bytes.shuffle(found, found, order)

    def in_order(self, sums: Sequence[Value]) -> list[Value]:
        """As vectors of neighbouring outputs."""
        if self.adjacent:
            sums = transposed(self.code, sums)
        parts = self.code.lanes // 4
        pieces = [self.code.piece(value, 4 * n, 4) for n in range(parts) for value in sums]
        return [self.code.joined(pieces[at : at + parts]) for at in range(0, len(pieces), parts)]

    def converted(self, value: Value) -> Value:
        """int32 sums as the nearest numbers of the result's type."""
        builder, kind, count = self.builder, self.kind, value.type.count
        if isinstance(kind, types.Float):
            element = {32: ir.FloatType(), 64: ir.DoubleType()}[kind.bitwidth]
            return builder.sitofp(value, ir.VectorType(element, count))
        for name, limit in (("smax", kind.minval), ("smin", kind.maxval)):
            if types.int32.minval < limit < types.int32.maxval:
                bound = ir.Constant(value.type, [limit] * count)
                value = instruction(builder, f"llvm.{name}.v{count}i32", value.type, value, bound)
        if kind.bitwidth == 32:
            return value
        vector = ir.VectorType(ir.IntType(kind.bitwidth), count)
        return (builder.trunc if kind.bitwidth < 32 else builder.sext)(value, vector)


@emitted()
def tile_row(
    builder: Any, cells: Items, taps: Items, layout: Items, steps_at: Value, target: Items,
    out: Items, f: Items, places: Sequence[Value], count: Value, how: Sequence[Value],
) -> None:  # fmt: skip
    """Emit a call that computes a row of ``count`` tiles side by side.

    ``places`` are bytes: of the source in ``cells`` or ``f`` and from row to row of it, of
    ``target`` and from row to row of that, of the rows of ``f`` to fetch and from row to row of
    those.  Results have the type of ``out``, whatever the target's.  ``how`` = the order of taps,
    the flags, and whether the source is ``f``.
    """
    source_at, row_step, out_at, out_row, ahead_at, ahead_row = places
    order, flags, direct = how
    direct = builder.icmp_signed("!=", direct, I64(0))
    source = builder.select(direct, f.at(source_at, I8), cells.at(source_at, I8))
    values = [source, row_step, taps.at(), layout.at(steps_at), target.at(out_at, I8), out_row,
              f.at(ahead_at, I8), ahead_row, flags, count]  # fmt: skip

    def emit(name: str, inner: Any, *values: Value) -> None:
        _Tile(inner, out.dtype, out.element, name, *values[:-1]).emit(values[-1])

    variants = {(name, out.dtype): partial(emit, name) for name in ORDERS}
    call_one_of(builder, order, "dot", variants, values)
