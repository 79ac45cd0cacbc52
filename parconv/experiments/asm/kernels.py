"""The compiled kernel of the direct method: its listing, and which of its loops a filter runs.

Compiles anew: Numba cannot show the code of a kernel that comes from the cache on disk.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from parconv.codegen import jit
from parconv.methods import direct
from parconv.methods.direct import kernel
from parconv.methods.direct.beside import goes_by_lines
from parconv.methods.direct.rolling import ROLLS, SIDE
from parconv.methods.direct.rows import USUAL
from parconv.methods.direct.tile import COLUMNS, FLAT, GROUP, ROWS, VECTORS, row_groups
from parconv.problem.dtypes import check_dtype, compute_and_result, real
from parconv.problem.problem import Problem

from . import readable
from .listing import Loop, hottest, innermost_loops, straight_runs

WHOLE = ROWS * VECTORS  # multiply-adds of a whole tile with one tap


@cache
def compiled(dtype: str) -> Any:
    """``serial(f, taps, fill, out, layout, scratch, start, stop)`` for one dtype."""
    kind = np.dtype(dtype)
    dispatcher = jit.jit(called=True, **readable.RULES)(kernel.kernel)
    dispatcher.compile(direct.kernels(kind, kind, kind).signature)
    return dispatcher


def library(dtype: str) -> readable.Library:
    """Its machine code."""
    return readable.library_of(compiled(dtype))


@cache
def listing(dtype: str) -> str:
    """The kernel in assembly language."""
    return library(dtype).get_asm_str()


def kernel_dtype_of(dtype: str) -> str:
    """float32 or float64: what an image of that dtype is summed in by multiply-adds."""
    kind = check_dtype("dtype", dtype)
    compute, _ = compute_and_result(kind, kind)
    if compute.kind == "i":
        raise ValueError(
            f"dtype is {dtype!r}, summed in {compute} without multiply-adds: pass float32 or "
            "float64"
        )
    return str(real(compute))


@dataclass(frozen=True)
class Pass:
    """What the hot loop of a filter does over and over: one column of all its groups, or one step.

    Filters of several rows loop over their columns, all rows of a group at once; a single row
    goes by a few columns at a time.  ``taps`` is the filter whose passes are all alike.
    """

    taps: tuple[int, int]
    groups: tuple[int, ...]  # filter rows of each group, or columns of a step
    flat: bool

    @property
    def passes(self) -> int:
        """How many passes a tile takes under `taps`."""
        return self.taps[1] // self.groups[0] if self.flat else self.taps[1]

    @property
    def longer(self) -> tuple[int, int]:
        """A filter of more such passes and nothing else new."""
        rows, columns = self.taps
        return rows, columns * 4 if self.flat else columns + MORE

    @property
    def more(self) -> int:
        """Passes of a tile under `longer` beyond those under `taps`."""
        return 3 if self.flat else MORE

    def __str__(self) -> str:
        if self.flat:
            return f"{self.groups[0]} columns of a single filter row"
        sizes = Counter(self.groups)
        return " + ".join(
            (f"{count} x " if count > 1 else "") + f"{size} filter rows"
            for size, count in sizes.items()
        )


MORE = 14  # columns: enough for the loop to outlast the noise


def pass_of(rows: int, columns: int) -> Pass:
    """The pass of a filter; of a single row, the longest of its steps.

    Examples
    --------
    >>> pass_of(2, 5).groups, pass_of(1, 2).flat
    ((2,), True)
    """
    if rows == 1:
        longest = -(-columns // -(-columns // FLAT))
        return Pass((1, longest), (longest,), True)
    if (rows, columns) == (SIDE, SIDE):
        columns += 1  # its own tile has no loop over columns
    return Pass(
        (rows, columns), tuple(len(members) for _, members in row_groups(rows, 1, 1)), False
    )


BIGGEST = (GROUP, GROUP)  # a filter whose pass is the largest loop


def loop_of_problem(code: str, problem: Problem) -> Loop:
    """The loop that a problem whose sums are floats spends its time in.

    Single rows of few taps go by lines, 3 x 3 by a tile that has no loop over columns, taps that
    cancel in pairs by differences.
    """
    if goes_by_lines(problem):
        return _line_loop(code, problem.filter[1])
    layout = direct.layout(problem)
    key = int(layout[layout[kernel.L.steps] + COLUMNS])
    if key <= 0:
        return _loop_of_tiles(code, USUAL[key].name)
    one = pass_of(*problem.filter)
    return loop_of(code, max(one.groups), one.flat)


def square_loop(code: str, size: int) -> Loop:
    """The loop of so many rows and columns."""
    return _loop_of_tiles(code, USUAL[ROLLS].name) if size == SIDE else loop_of(code, size, False)


def _loop_of_tiles(code: str, name: str) -> Loop:
    return hottest([loop for loop in innermost_loops(code) if f".{name}." in f"{loop.function}."])


def _line_loop(code: str, columns: int) -> Loop:
    """A vector of results a turn: that which loads the fewest pixels."""
    lines = [loop for loop in innermost_loops(code) if "lines" in loop.function]
    return min((loop for loop in lines if loop.fused == columns), key=lambda loop: loop.loads)


def loop_of(code: str, size: int, flat: bool) -> Loop:
    """The loop over whole tiles of a group of ``size`` rows, or the step of so many columns."""
    every = straight_runs(code) if flat else innermost_loops(code)
    loops = [loop for loop in every if "tile" in loop.function]  # not those of differences
    inner = set() if not flat else {loop.instructions for loop in innermost_loops(code)}
    found = [
        loop for loop in loops if loop.fused == WHOLE * size and loop.instructions not in inner
    ]
    if not found:
        kind = "columns of one filter row" if flat else "filter rows"
        raise ValueError(
            f"the compiled kernel has no loop of {WHOLE * size} multiply-adds, as {size} {kind} "
            f"need: its hottest has {hottest(innermost_loops(code)).fused}"
        )
    return found[0]
