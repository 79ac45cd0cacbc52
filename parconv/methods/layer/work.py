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

# Operations of a byte in and out where no cache holds them, and filters from which on they are as
# many.  Mean and 99th percentile of the regret of 103 layers of 1 to 290 channels to 1 to 360 at
# 1x1 and 3x3, of 17 to 120 MB: 1.012, 1.23 by 0 to 3, whose lines leave as wholes, 1.10 and 1.78
# by 6; under AVX2 of 930 of 0 to 120 MB 1.049, 1.66 by 0, 1.030 and 1.41 by 6 (Zen 4 VM, 2026-12).
FAR_BYTE, FAR_FILTERS = machine.ISA.choose({32: 2, 16: 6}), 24


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    staged = runs_of(problem) * bank_of(problem).groups * shape_of(problem).staged(problem)
    apart = inputs_apart(problem) * GATHER_CYCLES * staged + _staging(problem, staged)
    products, outputs = cycles(problem), math.prod(problem.maps)
    apart += outputs_apart(problem) * SCATTER_CYCLES * outputs
    return cycle(problem) * (products + apart) + _waiting(problem)


def _waiting(problem: Problem) -> float:
    """Operations of bytes that leave the caches."""
    if outputs_apart(problem) or problem.passing <= 2 * machine.STREAM_BYTES:
        return 0
    share = min(1, bank_of(problem).filters / FAR_FILTERS)
    return FAR_BYTE * share * problem.passing


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
