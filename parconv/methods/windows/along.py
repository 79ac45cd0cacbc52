"""How neighbours of a row of sums are added up: in steps, or by blocks of pixels."""

from functools import lru_cache

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import lanes_of
from .rowwise import REACHES, SIDES
from .steps import BLOCKS, Steps, block_sums, steps_of

# By bytes of a sum and channels, where all taps from these on take less by blocks of pixels: ns a
# pixel by steps and by blocks at 25 taps: AVX-512 of 3 and 4 float32 0.53 0.61, 0.58 0.50, of 3 and
# 4 float64 1.24 1.03, 1.09 0.91; AVX2 0.60 0.57, 0.57 0.49, 1.20 0.98, 1.16 0.93; SSE 1.16 0.77,
# 0.86 0.70, 1.80 1.57, 1.85 1.46 (Zen 4 VM, 300 x 300 and 300 x 400 pixels, 2026-11).
BLOCKS_FROM = machine.ISA.choose({
    "AVX-512": {(4, 3): 27, (4, 4): 23, (8, 3): 17, (8, 4): 13},
    "AVX2": {(4, 3): 19, (4, 4): 15, (8, 3): 11, (8, 4): 11},
    16: {(4, 3): 9, (4, 4): 11, (8, 3): 11, (8, 4): 9},
})  # fmt: skip

# Cycles of the processor that a vector's load which crosses a line takes, and additions and shifts;
# and of a load of the steps in memory, which steps in registers must not exceed.
LOAD_CYCLES, OTHER_CYCLES, MOST_CYCLES = 2.0, 0.7, 1.5


def along(problem: Problem) -> Steps:
    """How neighbours of a row of sums are added up."""
    taps, least = problem.filter[1], _least_taps(problem)
    if least and taps >= least:
        return block_sums(taps)
    found = shifted_steps(taps, problem.dilation[1], lanes_of(problem))
    return found if found and machine.FILLS_LINES else steps_of(taps)


@lru_cache(maxsize=256)
def shifted_steps(taps: int, apart: int, lanes: int) -> Steps | None:
    """Two steps, the second of which is made in registers; None where none reaches so far."""

    def cycles(steps: Steps) -> float:
        """Of what goes down together: loads and all else, of which the processor waits for one."""
        hops, group = steps.second - 1, SIDES[0]
        found = steps.first * (group + reach_by(steps, apart, lanes)) + group * steps.rest
        return max(LOAD_CYCLES * found, OTHER_CYCLES * (found + (2 * hops + 3) * group))

    pairs = [(n, taps // n) for n in range(1, taps // 2 + 1)]
    every = [Steps(first, second, rest=taps - first * second) for first, second in pairs]
    most = MOST_CYCLES * SIDES[0] * steps_of(taps).work
    every = [steps for steps in every if reach_by(steps, apart, lanes) and cycles(steps) <= most]
    return min(every, key=cycles, default=None)


def reach_by(steps: Steps, apart: int, lanes: int) -> int:
    """By how many vectors of so many lanes a second step shifts sums; 0 where it does not."""
    vectors = -(-(steps.second - 1) * steps.first * apart // lanes)
    return min((reach for reach in REACHES if reach >= vectors > 0), default=0)


def _least_taps(problem: Problem) -> int:
    """From how many taps on blocks of pixels win; 0: never."""
    if problem.dilation[1] != problem.channels:
        return 0
    return BLOCKS_FROM.get((problem.sums.itemsize, problem.channels), 0)


def work_of(problem: Problem) -> int:
    """Of a sum along its row, in loads; by blocks as where they begin to win."""
    taps, least = problem.filter[1], _least_taps(problem)
    return steps_of(min(taps, least or taps)).work


def reach_of(problem: Problem) -> int:
    """By how many vectors the second step shifts sums in registers; 0 where it does not."""
    steps = along(problem)
    if not machine.FILLS_LINES or steps.first == BLOCKS or steps.third > 1:
        return 0
    return reach_by(steps, problem.dilation[1], lanes_of(problem))
