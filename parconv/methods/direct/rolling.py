"""The register tile of 3 x 3 taps, which finishes its rows one by one.

Each vector of pixels is loaded once a filter column and feeds three multiply-adds; a row of sums is
stored as soon as its last pixels passed by, while the next rows are summed: tiles that store all
their rows at the end wait there.  Sums hold the rows of the filter one after the other, from left
to right.  Nine weights, three rows of sums and what is loaded fill the registers of AVX-512.

Microseconds for float32 and uint8, one core, by the tiles of other filters, in blocks of fewer rows
where images are narrow, and so: 64 x 64 2.2 1.9, 1.8 1.7; 128 x 128 5.7 5.5, 5.0 5.0; 300 x 300
22.5 26.9, 20.5 24.4; 1024 x 1024 253 285, 212 270 (Zen 4 VM, 2026-11).
"""

from collections.abc import Sequence

from ...codegen import machine
from ...codegen.emitted import Value
from .tile import PREFETCH, ROWS, TALL, Cell, Shapes, Tile

SIDE = machine.ISA.choose({"AVX-512": 3, 16: 0})  # rows and columns of the filter; 0: no such tiles
# Rows and vectors of tiles, of three rows of which the sums are held: the fewer vectors, the more
# rows, since each tile reads its weights anew.
SHAPES: Shapes = (ROWS, 6), (2 * ROWS, 3), (TALL, 1)
ROLLS = -1  # in place of the number of columns in a pass
# What else such a pass is: input row of the first filter row, offset of each column.
ROW, OFFSETS = 1, 2


def encode_rolling(row: int, columns: Sequence[int]) -> list[int]:
    """The numbers of a pass, as `tile` has those of others."""
    return [ROLLS, row, *columns]


class RollingTile(Tile):
    """Emits tiles of one width."""

    name = "rolling"
    shapes = SHAPES
    low = False

    def one_tile(self, left: Value) -> None:
        code, builder, steps = self.code, self.builder, self.steps
        source = code.at(self.source, left, builder.mul(code.read(steps, ROW), self.row))
        places = [code.at(source, code.read(steps, OFFSETS + n)) for n in range(SIDE)]
        taps = [code.at(self.taps, row * SIDE) for row in range(SIDE + 1)]
        self.weights = [[code.splat(code.read(row, n)) for n in range(SIDE)] for row in taps[:-1]]
        self.sums = [place for place in self.sums if place[0] == 0]
        total: dict[Cell, Value] = {}
        begun = self.begun()
        for row in range(self.rows + SIDE - 1):
            if row < self.rows:
                total |= {(row, place): value for place, value in enumerate(begun)}
            self.add_row(row, places, total)
            done = row - SIDE + 1
            if done >= 0:
                self.cells = [(done, vector) for vector in range(self.vectors)]
                sums = [total.pop((done, place)) for place in range(len(begun))]
                self.store(self.finished(sums, taps[-1]), left)
        with builder.if_then(code.has(self.flags, PREFETCH)):
            self.prefetch(left)

    def add_row(self, row: int, places: Sequence[Value], total: dict[Cell, Value]) -> None:
        """A row of pixels to the sums of the rows that meet it.

        These are held: LLVM would finish one row first, and keep all that it loaded for others.
        """
        for vector in range(self.vectors):
            for column, place in enumerate(places):
                value = self.pixels(place, row, vector)
                for member in range(SIDE):
                    if (row - member, vector) in total:
                        self.add(total, (row - member, vector), value, self.weights[member][column])
        total |= {cell: self.code.held(value) for cell, value in total.items()}
