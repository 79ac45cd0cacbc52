"""What the method costs: down columns, along rows, and beside both."""

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import far
from .along import work_of

OTHER_ROWS = 3  # of a block, beside those of the filter
# Operations of the direct method that take as long, of a pixel: adding it to its column's sums,
# where the rows of a block fit the first-level cache and where not, a load of what is added up
# along the row; and of a row, more of one that is converted; by the size of sums.  AVX2: least
# squares of the times of 40 x 50 to 600 x 800 pixels and 3 to 31 taps, nine of ten within -24 and
# +17 % (Zen 3 VM, 2026-11; of a row half of it, as `box` tells).  AVX-512: of 40 x 50 to
# 1000 x 1500, gray and colour, what makes the fewest wrong choices: one of 126 takes more than 1.1
# times as long as the best, 1.13 (Sapphire Rapids VM, 2026-11); then in the operations that
# `direct.PIXEL_WORK` tells of, with what the memory adds; of a row as `box.ROW_WORK` tells, then
# less: 130 x 65 float64 at 7x7 take 10.9 us so, 15.0 by `passes`, which 6000 took; under AVX2 more:
# 17 x 18 float32 at 7x7 2.5 us so, 2.0 by `passes`, which 1050 did not take (Zen 4 VM, 2026-11).
NEAR_BYTES = 3 << 14
WORKS: dict[str | int, tuple[dict[int, float], ...]] = {
    "AVX-512": ({4: 22, 8: 25}, {4: 34, 8: 50}, {4: 6, 8: 6.7}, {4: 5500, 8: 4000}),
    "AVX2": ({4: 11, 8: 16}, {4: 21, 8: 16}, {4: 5.1, 8: 3.9}, {4: 2000, 8: 1200}),
    16: ({4: 9.5, 8: 12.3}, {4: 9.5, 8: 12.3}, {4: 3.4, 8: 3.1}, {4: 1400, 8: 600}),
}
NEAR_WORK, FAR_WORK, LOAD_WORK, ROW_WORK = machine.ISA.choose(WORKS)
CONVERT_WORK, MEMORY_WORK = machine.ISA.choose({"AVX-512": (6500, 25), "AVX2": (0, 7), 16: (0, 0)})
# The same where rows come first, which only AVX-512 does: of a pixel, a load along its row and what
# the memory adds, all of rows of the halo, too; and of a pixel that is converted.  Least squares of
# the logarithms of 165 times: rms 0.13 float32, 0.18 float64.  Regret of 456 boxes of 3 to 25 taps,
# 40 x 40 to 4096 x 4096, five types, 1, 3 and 4 channels, with the costs of columns first, and so:
# mean 1.040, 1.007, 95th percentile 1.16, 1.05, 99th 2.08, 1.15 (Zen 4 VM, 2026-11; with what
# `calibration.SHIPPED` has).
ROWWISE_WORK, ROWWISE_LOAD_WORK = {4: 31, 8: 32}, {4: 2.6, 8: 3.8}
ROWWISE_MEMORY_WORK, CONVERT_PIXEL_WORK = 2.5, 12


def operations(problem: Problem, tile: int, rows_first: bool) -> float:
    """Those of the direct method that take as long, by tiles of so many columns."""
    rows, columns = problem.plane
    wide = columns + (-(-columns // tile) - 1) * (problem.span[1] - 1)
    all_rows = rows + problem.span[0] - 1
    down, along, memory = _rows_first(problem) if rows_first else _columns_first(problem, tile)
    row = ROW_WORK[problem.sums.itemsize] + CONVERT_WORK * _converts(problem)
    plane = (wide * down + row) * all_rows + columns * along * rows
    return float(plane * problem.planes + memory * far(problem))


def _rows_first(problem: Problem) -> tuple[float, float, float]:
    """Of a pixel on the way down, more of a result, and what the memory adds."""
    size, converts = problem.sums.itemsize, _converts(problem)
    pixel = ROWWISE_WORK[size] + ROWWISE_LOAD_WORK[size] * work_of(problem)
    memory = MEMORY_WORK if converts else ROWWISE_MEMORY_WORK
    return pixel + CONVERT_PIXEL_WORK * converts, 0, memory


def _columns_first(problem: Problem, tile: int) -> tuple[float, float, float]:
    """The same."""
    size = problem.sums.itemsize
    block = (problem.filter[0] + OTHER_ROWS) * min(problem.plane[1], tile) * size
    down = NEAR_WORK if block <= NEAR_BYTES else FAR_WORK
    return down[size], LOAD_WORK[size] * work_of(problem), MEMORY_WORK


def _converts(problem: Problem) -> bool:
    """Whether pixels become another type before they are added up."""
    return problem.image_dtype != problem.sums
