"""How the pixels of a unit are copied, so that those of neighbouring outputs lie at even steps.

A cell is a pixel's channels, of one group, side by side.  Copied rows of cells follow one another
so that tiles go across their ends, whatever the stride, and zeros stand for what is beyond the
image: no tap of any pixel is left out.  Either each output has cells of its own for every filter
column, or columns are copied as they lie.  Pure arithmetic.
"""

from typing import NamedTuple

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import bank_of

# Of the copied pixels of a unit, which are read little later than they are written.  Where rows are
# wide, fewer would be copied again for every other row of output: 490 -> 49 channels of 56 x 56 at
# 3x3, every second output, by 256 KB to 2 MB: 0.78, 0.84, 0.83, 0.67 of the time in place; 140 ->
# 82 of 18 x 19 at 5x5, dilated, 1.62, 1.70, 1.34, 1.14 (Zen 3 VM, AVX2, 2026-11).
COPY_BYTES = 4 * machine.L2_BYTES


class Copy(NamedTuple):
    """How rows are copied, in cells unless said otherwise.

    Attributes
    ----------
    pixel : int
        From an output's first cell to that of the next in its row.
    tap : int
        From one filter column's to the next's.
    pitch : int
        Outputs from one row to the next, those included that there are not.
    run, step : int
        Copied runs have so many cells, whose columns in the image are so many apart.
    runs : int
        Runs of a row, one for each filter column or just one.
    phases : tuple of int
        Rows are copied that have these remainders by the stride, from the first row on.
    depths : tuple of int
        So many more rows of each than there are rows of output.
    places : tuple of (int, int)
        Of each filter row: the phase that it lies in, and how many rows down there.
    """

    pixel: int
    tap: int
    pitch: int
    run: int
    step: int
    runs: int
    phases: tuple[int, ...]
    depths: tuple[int, ...]
    places: tuple[tuple[int, int], ...]

    @property
    def cells(self) -> int:
        """Of a row."""
        return self.pitch * self.pixel

    def starts(self, height: int) -> list[int]:
        """Rows before each phase, and all of them, under so many rows of output."""
        found = [0]
        for depth in self.depths:
            found.append(found[-1] + height + depth)
        return found


def copies(problem: Problem) -> list[Copy]:
    """By outputs, and by columns."""
    (taps_y, taps_x), (stride_y, stride_x) = problem.filter, problem.stride
    (dilation_y, dilation_x), width = problem.dilation, problem.plane[1]
    offsets = [tap * dilation_y for tap in range(taps_y)]
    phases = sorted({offset % stride_y for offset in offsets})
    places = tuple((phases.index(offset % stride_y), offset // stride_y) for offset in offsets)
    depths = tuple(max(down for at, down in places if at == n) for n in range(len(phases)))
    rows = tuple(phases), depths, places
    pitch = width + -(-(taps_x - 1) * dilation_x // stride_x)
    whole = pitch * stride_x
    return [
        Copy(taps_x, 1, width, width, stride_x, taps_x, *rows),
        Copy(stride_x, dilation_x, pitch, whole, 1, 1, *rows),
    ]


def row_bytes(problem: Problem, copy: Copy) -> int:
    """Of a copied row."""
    return copy.cells * bank_of(problem).inputs * problem.sums.itemsize


def fitting(problem: Problem) -> list[Copy]:
    """Those by which what a single row of output needs may be copied."""
    return [
        copy
        for copy in copies(problem)
        if copy.starts(1)[-1] * row_bytes(problem, copy) <= COPY_BYTES
    ]
