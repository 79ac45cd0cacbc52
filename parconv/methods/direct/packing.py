"""Where packed pixels lie in a worker's scratch.  Pure arithmetic: no arrays, no pixels.

A block of `block` x `panel` outputs is packed at a time.  An axis is packed densely (every input
index under the filter) or, where stride or dilation would leave most of that unused, gathered: for
each tap, the inputs that the block's outputs meet it with.
"""

from dataclasses import dataclass
from functools import lru_cache

from ...codegen import machine
from ...codegen.layout import odd_lines, up
from ...problem.dtypes import real
from ...problem.problem import Problem
from .tile import ROWS, TALL, VECTORS

# Rows and columns of output packed at a time: scratch stays in the second-level cache while the
# halo copied with each block stays small.  Columns of an image in Fortran's order are read in runs
# as long.  Milliseconds at 3x3 with 18, 36, 60, 120 rows: Sobel's filter on 1985 x 1500 float32 in
# that order 3.2 1.9 1.4 1.6, under AVX2 with 18 and 60 2.3 1.3; in NumPy's order 1000 x 1500 uint8
# with 18 and 60 0.39 0.37, int16 0.44 0.42, under AVX2 0.51 0.48, 0.51 0.49 (Zen 4 VM, 2026-11).
BLOCK_ROWS = 10 * ROWS
# Rows of a strip beside columns that are read in place: whole tall tiles.  Microseconds for 256 x
# 256 float32 at 3x3 / 7x7 with 54, 60, 72, 90 rows: 10.6 32.7, 11.1 33.1, 10.6 32.1, 10.4 32.0
# (Zen 5, 2026-11).
STRIP_ROWS = 5 * TALL
# Elements that a strip may have at least: what a call for some rows computes first takes as long as
# 20 or 30 vectors.  Cycles for 16 pixels of 16 columns at 3x3 by rows of 18 and 90: 17.3, 11.5 (Zen
# 4 VM, 2026-11).
STRIP_SIZE = 1 << 13
# Rows of results left in scratch where a result's columns are runs: it is stored block by block,
# of others each tile's rows are.  Milliseconds for 1000 x 1500 at 3x3, element by element and so:
# float32 3.2, 1.0, float64 3.9, 3.0 (Zen 4 VM, 2026-11).
RESULT_ROWS = 3 * ROWS
# Of a row of output of one panel, in vectors' bytes: a guess, no other value was ever measured.
PANEL_BYTES = 1 << 11
SCRATCH_BYTES = machine.L2_BYTES  # wide strides and filters shrink the block until it fits


@dataclass(frozen=True)
class Packing:
    """Sizes and steps in elements of the type computed in."""

    block: int  # rows of output
    panel: int  # columns of output
    gather_rows: bool
    gather_columns: bool
    rows: int  # packed
    row_step: int  # from one packed row to the next
    phase_step: int  # densely packed with a stride s, a row is s phases, this far apart
    part_step: int  # from real parts to imaginary ones, or from one plane to the next

    @property
    def size(self) -> int:
        """Elements of a packed block."""
        return self.rows * self.row_step

    def strip(self, outputs: int, problem: Problem) -> tuple[int, int, int]:
        """(rows of output, row step, elements) packed at a time of a strip as wide as that.

        A narrow strip leaves room for more rows, each with the cost of a block shared by more.
        """
        if self.gather_rows or self.gather_columns:
            return self.block, self.row_step, self.size
        columns, stride = min(outputs, self.panel) + problem.span[1] - 1, problem.stride[0]
        step = min(self.row_step, odd_lines(columns, real(problem.compute).itemsize))
        rows = (max(self.size, STRIP_SIZE) // step - problem.span[0]) // stride + 1
        most = min(STRIP_ROWS, up(problem.plane[0], ROWS))
        block = max(self.block, min(most, rows // ROWS * ROWS))
        return block, step, ((block - 1) * stride + problem.span[0]) * step

    def row_of_tap(self, offset: int, dilation: int) -> int:
        """Packed row that output row 0 meets a filter row with, ``offset`` input rows down."""
        return offset // dilation * self.block if self.gather_rows else offset

    def column_of_tap(self, offset: int, stride: int, dilation: int) -> int:
        """The same for columns."""
        if self.gather_columns:
            return offset // dilation * self.panel
        return offset // stride + offset % stride * self.phase_step


def _axis(outputs: int, taps: int, stride: int, dilation: int) -> tuple[bool, int]:
    """(gathered, packed inputs) of one axis."""
    dense, gathered = (outputs - 1) * stride + (taps - 1) * dilation + 1, taps * outputs
    return (True, gathered) if 2 * gathered < dense else (False, dense)


def _packing(problem: Problem, block: int, panel: int) -> Packing:
    (taps_y, taps_x), (sy, sx), (dy, dx) = problem.filter, problem.stride, problem.dilation
    gather_rows, rows = _axis(block, taps_y, sy, dy)
    gather_columns, part = _axis(panel, taps_x, sx, dx)
    phase = part
    if not gather_columns:
        phase = panel + (problem.span[1] - 1) // sx + 1
        part = sx * phase
    parts = 2 if problem.image_dtype.kind == "c" else problem.deep
    row = odd_lines(parts * part, real(problem.compute).itemsize)
    return Packing(block, panel, gather_rows, gather_columns, rows, row, phase, part)


@lru_cache(maxsize=256)
def packing_of(problem: Problem) -> Packing:
    """The largest block whose inputs fit the scratch, or the smallest there is."""
    itemsize = real(problem.compute).itemsize
    vector = machine.lanes(itemsize)
    block, panel = _block(problem, vector)
    while True:
        found = _packing(problem, block, panel)
        if found.rows * found.row_step * itemsize <= SCRATCH_BYTES:
            return found
        if block > ROWS:
            block = max(ROWS, block // 2 // ROWS * ROWS)
        elif panel > vector:
            panel = max(vector, panel // 2 // vector * vector)
        else:
            return found


def _block(problem: Problem, vector: int) -> tuple[int, int]:
    """(rows, columns) of output that are packed at a time where scratch is no limit."""
    rows, columns = problem.plane
    vectors = -(-columns // vector)
    widest = PANEL_BYTES // machine.VECTOR_BYTES // VECTORS * VECTORS
    panels = max(1, -(-vectors // widest))
    wide = -(-vectors // panels)
    if panels > 1:
        wide = up(wide, VECTORS)
    return min(BLOCK_ROWS, up(rows, ROWS)), wide * vector
