"""What the method costs: down columns and along rows, or both at once, and beside them."""

from ...codegen import machine
from ...codegen.layout import up
from ...problem.problem import Problem
from ..usual import far, lanes_of

# Operations of the direct method that take as long, of a pixel: to begin a column, each of its
# taps, and the same of a row; to convert or to pack it; of a row and of a call; and of as many
# bytes as a sum has that no cache holds; by the size of sums.  From times of 20 x 24 to 1000 x 1000
# pixels at 3x3 to 9x9 and 3x1 to 9x1: ns a pixel of 1000 x 1000 float32 so, by the best of the
# others: 3x3 0.20 0.20, 5x5 0.24 0.41, 9x9 0.34 0.62, 3x1 0.10 0.11; uint8 0.18 0.27, 0.23 0.41,
# 0.36 0.58, 0.11 0.17; under AVX2 float32 0.20 0.22, 0.27 0.41, 0.50 0.60, 0.11 0.12 (Zen 4 VM,
# 2026-11).
Works = dict[int, tuple[float, float]]
WORKS: dict[str | int, tuple[Works, Works]] = {
    "AVX-512": ({4: (8, 2.3), 8: (13, 2.4)}, {4: (9.5, 2.3), 8: (10, 2.4)}),
    16: ({4: (3.5, 1.2), 8: (3.5, 1.2)}, {4: (10, 2.4), 8: (10, 2.4)}),
}
COLUMN_WORK, ROW_WORK = machine.ISA.choose(WORKS)
# The same of a column alone, whose taps all differ.  By this and `direct` under AVX2 858 x 1759
# float32 at 5x1 take 0.61 and 0.45 ms, 1406 x 750 at 3x1 0.39 and 0.35, 275 x 390 float64 0.027 and
# 0.031, of which `COLUMN_WORK` said two thirds (Zen 4 VM, 2026-11).
ALONE_WORK: Works = machine.ISA.choose({"AVX2": {4: (5.6, 1.9), 8: (5.6, 1.9)}, 16: COLUMN_WORK})
CONVERT_WORK, PACK_WORK, EACH_WORK, CALL_WORK = machine.ISA.choose(
    {"AVX-512": (4, 8, 700, 18_000), 16: (6, 9, 600, 5000)}
)
# More of a pixel of colours under a derivative.  Microseconds by this and `direct`: Sobel's filter
# on 193 x 251 x 4 float32 43.5 and 37.6, 337 x 699 x 3 202 and 143, of gray 246 x 123 8.7 and 10.0,
# 22 x 41 2.07 and 1.79, which 10,000 of a call took for less (Zen 4 VM, AVX-512, 2026-11).
OPPOSITE_WORK = machine.ISA.choose({"AVX-512": 5, 16: 0})
FAR_WORK = machine.ISA.choose({"AVX-512": {4: 8, 8: 14}, 16: {4: 8, 8: 20}})
# The same of a pixel whose column and row are summed at once, which waits for little: `both` has
# times.  Regret of 504 boxes and products of 3 to 7 taps, gray and colour: mean 1.01, 95th
# percentile 1.08 (Zen 4 VM, AVX-512, 2026-11).
WHOLE_WORK: Works = {4: (4.5, 3.1), 8: (7, 3.4)}
WHOLE_FAR_WORK = 1


def operations(problem: Problem, alike: bool, whole: bool) -> float:
    """Those of the direct method that take as long.

    ``alike``: pixels that become another type are read as they lie; ``whole``: rows are summed at
    once.
    """
    (rows, columns), size = problem.plane, problem.sums.itemsize
    pixel = _whole(problem) if whole else _passes(problem)
    if problem.image_dtype != problem.sums:
        pixel += CONVERT_WORK if alike else PACK_WORK
    work = rows * problem.planes * (up(columns, lanes_of(problem)) * pixel + EACH_WORK)
    memory = WHOLE_FAR_WORK if whole else FAR_WORK[size]
    return float(CALL_WORK + work + memory * far(problem))


def _whole(problem: Problem) -> float:
    """Of a pixel."""
    begin, tap = WHOLE_WORK[problem.sums.itemsize]
    return begin + tap * sum(problem.filter)


def _passes(problem: Problem) -> float:
    """The same down columns, then along rows."""
    (taps, across), size = problem.filter, problem.sums.itemsize
    begin, tap = (COLUMN_WORK if across > 1 else ALONE_WORK)[size]
    begin_row, tap_row = ROW_WORK[size]
    row = begin_row + tap_row * across
    row += OPPOSITE_WORK if problem.channels > 1 and any(problem.traits.odd) else 0
    return begin + tap * taps + (row if across > 1 else 0)
