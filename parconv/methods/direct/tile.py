"""The register tile: R rows x C vectors of output held in registers while every tap passes by.

The loop over filter columns runs at run time, the rows of the filter come in groups of up to
`GROUP`, each group size being one unrolled loop body: one compilation serves every filter.  A
group's weights are broadcast once per filter column; each input vector is loaded once (unaligned)
and feeds up to `GROUP` multiply-adds.  A single filter row goes by up to `FLAT` columns instead,
which share the vectors of an input row by shifting them.

Per output pixel the order of additions is: groups of filter rows, then filter columns, then the
rows of the group.  It depends on the filter's shape alone, which is what makes results identical
for every tile position, band, thread count and layout.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...codegen import machine
from ...codegen.emitted import Value
from ...codegen.rules import by_rule
from ...codegen.simd import I64, Code
from ...problem.dtypes import DType

# (rows, vectors, group): rows x vectors accumulators + group weights + one input vector must fit
# the register file, and at least 8 accumulators must hide the latency of the multiply-add.
# AVX-512, Zen 5, 2026-11, one core, 256 x 256 in cache, GFLOP/s at 5x5 / 7x7 / 11x11 / 15x15 of a
# peak of 270: 6x3x7 261/263/267/270, 8x2x8 248/251/252/256, 6x4x5 242/241/250/251,
# 4x4x8 226/231/236/239; no vector register is spilled in any of them.
# `flat`: columns of a single filter row taken together; their weights and a row's vectors must fit
# beside the accumulators.  Milliseconds for 4096 x 4096 at 1x15 / 1x31 with 6, 5, 4, 3 columns: 4.6
# 10.1, 4.6 8.5, 4.7 8.6, 4.8 8.8; stack accesses in the loop 110, 8, 6, 4.
# AVX2 with FMA, Zen 3, 2026-11, one core, GFLOP/s of 4x2x4x4 / 6x2x3x5, 250 x 250: 3x3 48 / 53, 5x5
# 65 / 70, 7x7 79 / 79, 15x15 87 / 95, 1x15 43 / 40, 1x31 49 / 43; with 2 columns of a single row
# 1x15 35, 1x31 38, though weights spill with 5.  Without FMA products need registers, too.
_LOW = (4, 2, 4, 4)
SHAPES: dict[int | str, tuple[int, int, int, int]] = {
    32: (6, 3, 7, 5),
    16: (6, 2, 3, 5),
    "AVX": _LOW,
    "SSE": _LOW,
}
ROWS, VECTORS, GROUP, FLAT = machine.ISA.choose(SHAPES)
# Rows of a low tile, of as many sums, for images whose rows evict each other (`kernel._crowded`),
# and the most filter rows that it takes together; 0 where no processor was seen to want it.  Cycles
# of Zen 4 for 16 pixels of float32 at 3x3 / 5x5 / 7x7, 1024 x 1024 pixels: by other tiles in place
# 23 39 89, packed 17 33 57, by low tiles 15 31 63; with 1104 columns 12 28 52 (2026-11).
LOW_ROWS, LOW_GROUP = (ROWS // 2, 5) if machine.WAYS == 8 and VECTORS == 3 else (0, 0)
TALL = ROWS * VECTORS  # rows of a tile that is one vector wide
# Whether what a tile stores of a row fills lines.  Past the caches so, and through them, ns a pixel
# of float32 at 3x3: 3000 x 4000 0.34 / 0.46, 4096 x 4112 0.34 / 0.52 (Zen 3 VM, AVX2, 2026-11).
# Not where tiles read rows that are crowded (`kernel`): 4096 x 4096 2.0 / 1.1.
FILLS_LINES = VECTORS * machine.VECTOR_BYTES % machine.CACHE_LINE == 0


Cell = tuple[int, int]  # row and vector of a tile
Group = tuple[int, list[int]]  # input row of the first of some filter rows, and the rows


def row_groups(taps: int, stride: int, dilation: int) -> list[Group]:
    """The rows of a filter in groups.

    The rows of a group lie ``stride`` input rows apart, as the rows of a tile do, so that one input
    row serves several of them.

    Examples
    --------
    >>> row_groups(3, 1, 1)
    [(0, [0, 1, 2])]
    >>> row_groups(3, 2, 1)
    [(0, [0, 2]), (1, [1])]
    >>> row_groups(2, 1, 5)
    [(0, [0]), (5, [1])]
    """
    runs: list[list[int]] = []
    for row in sorted(range(taps), key=lambda row: (row * dilation % stride, row)):
        if runs and (row - runs[-1][-1]) * dilation == stride:
            runs[-1].append(row)
        else:
            runs.append([row])
    groups = []
    for run in runs:
        for part in np.array_split(run, -(-len(run) // GROUP)):
            groups.append((int(part[0]) * dilation, part.tolist()))
    return groups


# A pass is what the tile loops over, as int64 numbers:
#   number of columns, number of steps, offset of each column (one more, read but not used), then
#   input row, kind and column of each step.  Kind n <= GROUP: all columns of n filter rows; kind
#   GROUP + n: n neighbouring columns of one filter row.
COLUMNS, GROUPS, TABLE = 0, 1, 2


def encode_pass(columns: Sequence[int], groups: Sequence[Group]) -> list[int]:
    """The numbers of one pass over groups of filter rows with taps in all ``columns``.

    Those of a single row go by a loop, too, where they lie apart and share no vectors: colour of
    91 x 197 x 4 at 1x11 takes 0.79 of the time (Zen 3 VM, 2026-11).
    """
    steps: list[int] = []
    for first, rows in groups:
        apart = len(rows) == 1 and len(columns) > 1 and columns[1] - columns[0] > 1
        whole = len(rows) > 1 or apart
        steps += [first, len(rows), 0] if whole else _flat_steps(first, columns)
    return [len(columns), len(steps) // 3, *columns, 0, *steps]


def encode_sparse_pass(rows: Sequence[tuple[int, Sequence[int]]]) -> list[int]:
    """The numbers of one pass over filter rows: ``(input row, offsets of its taps)`` of each."""
    steps = [number for row, columns in rows for number in _flat_steps(row, columns)]
    return [1, len(steps) // 3, 0, 0, *steps]


def _flat_steps(row: int, columns: Sequence[int]) -> list[int]:
    return [n for at, count in _neighbours(columns) for n in (row, GROUP + count, at)]


def _neighbours(columns: Sequence[int]) -> list[tuple[int, int]]:
    """``(offset of the first, count)`` of runs of neighbouring columns, at most `FLAT` long."""
    ends = [n for n in range(1, len(columns)) if columns[n] != columns[n - 1] + 1]
    chunks = []
    for run in np.split(np.asarray(columns), ends):
        for part in np.array_split(run, -(-len(run) // FLAT)):
            chunks.append((int(part[0]), len(part)))
    return chunks


# What to do with memory, as flags: store past the caches, fetch the rows of a later tile, store
# sums as elements of the result, go by low tiles.
STREAM, PREFETCH, CONVERT, LOW = 1, 2, 4, 8


class Conversion(NamedTuple):
    """From the type of the sums to that of the results, and the latter as LLVM knows it."""

    kinds: tuple[Any, Any]
    element: Any


def stores(element: DType, result: DType) -> bool:
    """Whether tiles store such results of such sums themselves, in a kernel of its own.

    Milliseconds for 3000 x 3000 at 3x3 and 7x7 so, and with sums left in scratch for others to
    convert: uint8 to uint8 3.8, 4.6 and 11.4, 12.5; uint16 3.9, 5.4 and 11.8, 13.3 (Zen 3 VM,
    2026-11).  Nanoseconds a pixel of 16 x 512 x 512 uint16, sums in double, 5 taps along axes 0, 1,
    2 on two threads 0.31, 0.28, 0.31 and 0.46, 0.64, 0.37; 17 taps along 0, 1 0.54, 0.45 and 0.71,
    0.80 (Sapphire Rapids VM, AVX-512, 2026-11).  Other types are rare.
    """
    narrow = result.kind in "iu" and result.itemsize < 4
    return element == result or (element.kind == "f" and narrow)


Shapes = tuple[tuple[int, int], ...]  # rows and vectors of tiles, wide ones first


class Part(NamedTuple):
    """Tiles of one shape side by side: rows, vectors, the vector column of the first, how many.

    Lower ones stand in for those that are higher than what is asked.
    """

    rows: int
    vectors: int
    first: Value
    count: Value


def shapes_of(rows: int, vectors: int) -> Shapes:
    """Rows and vectors of tiles that go side by side, and of those for the vectors left.

    Tiles of one vector have as many sums, to hide the latency.  Microseconds at 3x3, with lower
    ones alone and so: 256 x 256 12.0 -> 11.5, 258 x 290 9.8 -> 9.3 (Zen 5, 2026-11).
    """
    return (rows, vectors), (rows * vectors, 1)


class Tile:
    """Emits tiles of one width; the attributes are IR values of the function's arguments."""

    name = "tile"
    shapes = shapes_of(ROWS, VECTORS)
    low = LOW_ROWS > 0  # whether there are low tiles of its kind

    def __init__(
        self, builder: Any, convert: Any, rows: int, vectors: int, *arguments: Value
    ) -> None:
        (self.source, self.row, self.step, self.taps, self.steps, self.out, self.out_row,
         self.ahead, self.ahead_row, self.pixel, self.flags) = arguments  # fmt: skip
        self.builder, self.convert = builder, convert
        self.code = Code(builder, self.source.type.pointee)
        self.rows, self.vectors = rows, vectors
        self.cells = [(row, vector) for row in range(rows) for vector in range(vectors)]
        self.sums = self.cells  # places of what is summed
        self.columns = self.code.read(self.steps, COLUMNS)
        self.groups = self.code.read(self.steps, GROUPS)
        self.offsets = self.code.at(self.steps, TABLE)
        self.members = self.code.at(self.offsets, self.columns, 1)

    @classmethod
    def parts(cls, code: Code, vectors: Value, low: Value) -> list[Part]:
        """The tiles that so many vectors of a row go by; ``low``: by low ones, if there are any."""
        builder, shapes, done = code.builder, cls.shapes, I64(0)
        if cls.low:
            shapes = ((LOW_ROWS, 2 * shapes[0][1]), *shapes)
        found = []
        for rows, wide in shapes:
            count = builder.sdiv(builder.sub(vectors, done), I64(wide))
            if cls.low and rows == LOW_ROWS:
                count = builder.select(low, count, I64(0))
            found.append(Part(rows, wide, done, count))
            done = builder.add(done, builder.mul(count, I64(wide)))
        return found

    def emit(self, first: Value, count: Value) -> None:
        """``count`` tiles side by side from vector column ``first`` on; none where it is 0."""

        def one(index: Value) -> list[Value]:
            vector = self.builder.add(first, self.builder.mul(index, I64(self.vectors)))
            self.one_tile(self.builder.mul(vector, I64(self.code.lanes)))
            return []

        with self.builder.if_then(self.builder.icmp_signed(">", count, I64(0))):
            self.code.loop(count, [], one)

    def one_tile(self, left: Value) -> None:
        source = self.code.at(self.source, left)
        taps, _, *sums = self.code.loop(
            self.groups,
            [self.taps, self.members, *self.begun()],
            lambda _, taps, group, *sums: self.one_group(source, taps, group, sums),
        )
        self.store(self.finished(sums, taps), left)
        with self.builder.if_then(self.code.has(self.flags, PREFETCH)):
            self.prefetch(left)

    def begun(self) -> list[Value]:
        """What the sums begin with."""
        return [self.code.zero] * len(self.sums)

    def finished(self, sums: list[Value], taps: Value) -> list[Value]:
        """What the sums become before they are stored, given what follows the taps."""
        return sums

    def one_group(
        self, source: Value, taps: Value, group: Value, sums: Sequence[Value]
    ) -> list[Value]:
        source = self.code.at(source, self.builder.mul(self.code.read(group), self.row))
        is_low = self.rows == LOW_ROWS
        sizes = range(2, LOW_GROUP + 1) if is_low else range(1, GROUP + 1)
        kinds = {size: self.sized_group(size, source, taps, sums) for size in sizes}
        pixel = self.code.at(source, self.code.read(group, 2))
        for count in range(1, 1 if is_low else FLAT + 1):
            kinds[GROUP + count] = partial(self.flat_group, count, pixel, taps, sums)
        taps, *sums = self.code.choose(self.code.read(group, 1), kinds)
        return [taps, self.code.at(group, 3), *sums]

    def flat_group(
        self, count: int, pixel: Value, taps: Value, sums: Sequence[Value]
    ) -> list[Value]:
        """Neighbouring columns of one filter row, which share no input row with another.

        Shifting vectors in registers replaces most loads: one across cache lines costs two.
        4096 x 4096 at 1x15, one core: 6.1 ms with loads alone, 4.1 to 4.6 so (Zen 5, 2026-11).
        """
        code, total = self.code, dict(zip(self.sums, sums, strict=True))
        weights = [code.splat(code.read(taps, column)) for column in range(count)]
        for row in range(self.rows):
            start = code.at(pixel, self.builder.mul(self.step, I64(row)))
            loaded = [code.load(code.at(start, v * code.lanes)) for v in range(self.vectors)]
            for column, weight in enumerate(weights):
                for vector in range(self.vectors):
                    whole, lanes = divmod(vector * code.lanes + column, code.lanes)
                    if lanes == 0 and whole < self.vectors:
                        pixels = loaded[whole]
                    elif whole + 1 < self.vectors:
                        pixels = code.shift(loaded[whole], loaded[whole + 1], lanes)
                    else:  # the neighbour may lie outside the image
                        pixels = code.load(code.at(start, vector * code.lanes + column))
                    self.add(total, (row, vector), pixels, weight)
        return [code.at(taps, count), *(total[place] for place in self.sums)]

    def sized_group(self, size: int, source: Value, taps: Value, sums: Sequence[Value]) -> Any:
        def first_pixel(column: Value) -> Value:
            # Opaque: LLVM would fold the look-ahead back into a load at the top of the loop, whose
            # latency then makes its scheduler delay the additions and spill a dozen registers.
            return self.code.opaque(self.code.at(source, self.code.read(self.offsets, column)))

        def one_column(column: Value, pixel: Value, taps: Value, *sums: Value) -> Sequence[Value]:
            added = self.add_column(size, pixel, taps, sums)
            following = self.builder.add(column, I64(1))
            return [first_pixel(following), self.code.at(taps, size), *added]

        return lambda: self.code.loop(self.columns, [first_pixel(I64(0)), taps, *sums], one_column)[
            1:
        ]

    def add_column(
        self, size: int, pixel: Value, taps: Value, sums: Sequence[Value]
    ) -> list[Value]:
        """One filter column of one group, multiplied and added to every cell."""
        return self.add_rows(size, taps, sums, partial(self.pixels, pixel))

    def add_rows(
        self, size: int, taps: Value, sums: Sequence[Value], pixels: Callable[[int, int], Value]
    ) -> list[Value]:
        """``size`` weights times the values of rows that the tile's rows share, added to all."""
        code, total = self.code, dict(zip(self.sums, sums, strict=True))
        weights = [code.splat(code.read(taps, member)) for member in range(size)]
        for row in range(self.rows + size - 1):
            for vector in range(self.vectors):
                value = pixels(row, vector)
                for member, weight in enumerate(weights):
                    cell = row - member, vector
                    if cell in total:
                        self.add(total, cell, value, weight)
        return [total[place] for place in self.sums]

    def add(self, total: dict[Cell, Value], cell: Cell, value: Value, weight: Value) -> None:
        """A vector of pixels times a weight to what a cell sums."""
        total[cell] = self.code.fma(value, weight, total[cell])

    def pixels(self, pixel: Value, row: int, vector: int) -> Value:
        """The vector of the tile's row and column, given the tile's first one."""
        down = self.builder.mul(self.step, I64(row))
        return self.code.load(self.code.at(pixel, down, vector * self.code.lanes))

    def store(self, sums: Sequence[Value], left: Value) -> None:
        """Past the caches if asked: vectors of results that are narrower than sums never are.

        uint8 results so, 16 bytes at a time, gain nothing on one core (Zen 5, 2026-11).
        """
        code = self.code
        if self.convert is None:
            put = partial(self.put, sums, left, None)
            code.store_either(code.has(self.flags, STREAM), put)
            return
        with self.builder.if_else(code.has(self.flags, CONVERT)) as (as_results, as_sums):
            with as_results:
                self.put(sums, left, self.convert, code.store)
            with as_sums:
                self.put(sums, left, None, code.store)

    def put(self, sums: Sequence[Value], left: Value, convert: Any, how: Any) -> None:
        out = self.out
        if convert:
            sums = [by_rule(self.builder, value, *convert.kinds) for value in sums]
            out = self.builder.bitcast(out, convert.element.as_pointer())
        out = self.code.at(out, left)
        for (row, vector), value in zip(self.cells, sums, strict=True):
            start = self.code.at(out, self.builder.mul(self.out_row, I64(row)))
            how(value, self.code.at(start, vector * self.code.lanes))

    def prefetch(self, left: Value) -> None:
        """The rows a later tile will read: short rows of a wide image defeat the hardware.

        Here and not where rows are packed: memory works while the tile computes.  4096 x 4096 uint8
        to uint8 at 3x3, one core, 3.4 -> 2.9 ms, uint16 5.2 -> 3.8 (Zen 5, 2026-11).  Pixels have
        any size: of small ones neighbouring tiles ask for the same lines.

        And the lines that the tiles below will store to, where results are narrower than sums: rows
        of those fill some lines in part, past which nothing is stored.  Nanoseconds a pixel without
        and so, one and two threads: 4096 x 4096 uint16 at 3x3 0.41 and 0.37, 0.28 and 0.22, uint8
        0.29 and 0.29, 0.19 and 0.16; 256 x 512 x 512 uint16, sums in double, at 3, 5, 9 taps along
        the last axis, two threads 0.35, 0.35, 0.47 and 0.30, 0.33, 0.43 (Zen 4 VM, 2026-11).
        """
        builder, width = self.builder, self.vectors * self.code.lanes
        start = builder.gep(self.ahead, [builder.mul(left, self.pixel)])
        lines = max(1, width * self.code.itemsize // machine.CACHE_LINE)
        for row in range(self.rows):
            place = builder.gep(start, [builder.mul(self.ahead_row, I64(row))])
            for line in range(lines):
                self.code.prefetch(builder.gep(place, [I64(line * machine.CACHE_LINE)]))
        if self.convert:
            out = builder.bitcast(self.out, self.convert.element.as_pointer())
            out = self.code.at(out, left)
            for row in range(self.rows, 2 * self.rows):
                self.code.prefetch(
                    self.code.at(out, builder.mul(self.out_row, I64(row))), write=True
                )
