"""What the method costs, in floating-point operations of the direct one."""

import math

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import bank_of, cycle, inputs_apart, outputs_apart
from .shape import (
    cycles,
    inside,
    lines_of,
    panels_pay,
    runs_of,
    shape_of,
    streaks,
)
from .words import element

# To stage a pixel and to deliver an output by itself, where channels lie between columns, by 140
# layers of 1 to 200 channels to 1 to 9 (Zen 4 VM, 2026-11).
GATHER_CYCLES, SCATTER_CYCLES = machine.ISA.choose({32: (2.4, 0.9), 16: (5.0, 3.1)})
# To stage a channel's map at all, and a pixel by itself, where a stride leaves rows too short for
# vectors.  With AVX-512 the mean and the 99th percentile of
# regret among 330 dense layers drawn at random are 1.009 and 1.20 by all of these and 1.1 for
# `channels.cost.SLOW`, and were 1.024 and 1.67 by 6.6, 7.9, 0, 1, 0, 0 and 1 (Sapphire Rapids VM,
# 2026-11).  Under AVX2 there the largest regret of 100 layers and banks is 3.0 by 0, 1.4 by 80.
MAP_CYCLES, ALONE_CYCLES = machine.ISA.choose({32: (20, 2), 16: (80, 0)})
# To stage a row of the last unit of images in place: 42 channels to 11 of 8 x 9, 3 images, 8.0
# microseconds, 4.4 by `channels`, whose cost was 1.3 times this one's; under AVX2, where vectors
# end with the image, 3.9 (Zen 4 VM, 2026-11).
LAST_ROW_CYCLES = machine.ISA.choose({32: 30, 16: 0})

# Operations of an output that no near cache holds; and more for each filter from the first number
# on, up to the second: maps that are written together keep the memory waiting, but where planes are
# whole lines.  Milliseconds of this, the best method, and the costs' quotient without and so: 45
# filters of 5x5 over 743 x 746 pixels 37, 16, 0.93, 1.9; 3 channels to 382 at 3x3, 10 of 97 x 98,
# 60, 29, 0.96, 1.9; but 64 to 256 of 56 x 56 at 1x1, 8 images, 9.1, 9.1, 1.0 and 0.7 (Zen 4 VM,
# AVX2, 2026-11).  With AVX-512 by least squares of the times of 60 banks (there).
FAR_OPERATIONS, MAP_OPERATIONS = machine.ISA.choose({32: (7.0, 0.86), 16: (0.0, 2.0)})
FROM_MAPS, MOST_MAPS = 12, 42


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    staged = runs_of(problem) * bank_of(problem).groups * shape_of(problem).staged(problem)
    apart = inputs_apart(problem) * GATHER_CYCLES * staged + _staging(problem, staged)
    products, outputs = cycles(problem), math.prod(problem.maps)
    apart += outputs_apart(problem) * SCATTER_CYCLES * outputs
    return cycle(problem) * (products + apart) + _waiting(problem)


def _waiting(problem: Problem) -> float:
    """Operations of outputs that leave the caches, of many maps together."""
    lines = math.prod(problem.plane) * problem.sums.itemsize % machine.CACHE_LINE == 0
    if lines or outputs_apart(problem) or problem.passing <= machine.STREAM_BYTES // 2:
        return 0
    maps = max(min(bank_of(problem).filters, MOST_MAPS) - FROM_MAPS, 0)
    return (FAR_OPERATIONS + MAP_OPERATIONS * maps) * math.prod(problem.maps)


def _staging(problem: Problem, staged: float) -> float:
    """Cycles beside those of vectors, of so many pixels where not all can be read in place.

    None for streaks, which always can.
    """
    if streaks(problem):
        return 0
    shape, lanes = shape_of(problem), machine.lanes(element(problem).itemsize)
    stride, columns = problem.stride[1], problem.plane_in[1]
    short = stride > 1 and min(shape.x.length, -(-columns // stride)) <= lanes
    maps = runs_of(problem) * shape.images * bank_of(problem).groups * bank_of(problem).inputs
    # of images in place the last one is staged where vectors would reach beyond it
    share = 1 / problem.maps[0] if inside(problem) and problem.maps[0] else 1
    return share * (MAP_CYCLES * maps + short * ALONE_CYCLES * staged) + _last(problem)


def _last(problem: Problem) -> float:
    """Cycles of the rows of the last unit, where others are read in place."""
    shape, (rows, columns) = shape_of(problem), problem.plane
    pixels = (rows % shape.rows or shape.rows) * columns
    if not inside(problem) or panels_pay(shape):
        return 0
    if pixels % machine.lanes(element(problem).itemsize) == 0:
        return 0
    return LAST_ROW_CYCLES * bank_of(problem).groups * lines_of(problem, shape)
