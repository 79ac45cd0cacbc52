"""What the method costs, in floating-point operations of the direct one."""

import math
from typing import NamedTuple

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import bank_of, cycle, lanes_of, outputs_apart
from .shape import blocks_of, channel_lanes, is_few, met, sizes_of
from .table import PIXELS, VECTORS


class Work(NamedTuple):
    """What takes its time.

    Attributes
    ----------
    operation : float
        How long one of its operations takes, where one of the direct method takes 1.
    single : float
        How long a block of one vector takes, where half of a block of two takes 1.
    tile : float
        Cycles of a tile beside its products.
    beside : float
        Cycles more where channels lie between columns.
    tap : float
        Cycles more of a tile for each of its taps.
    turned : float
        Cycles of turning an output into rows, where channels come first.
    rest : float
        Cycles of an output where filters fill no whole vector, and channels come last.
    unit : float
        Cycles of a unit beside its tiles.
    """

    operation: float
    single: float
    tile: float
    beside: float
    tap: float
    turned: float
    rest: float
    unit: float


# Predictions are within 1.2 of the time.  Time of this over that of direct for one to eight images,
# filters of 3x3 unless 1x1 (Zen 5, 2026-11): 64 -> 64 @ 56 0.97, 128 @ 28 0.86, 256 @ 14 0.76,
# 512 @ 7 0.69, 16 -> 32 @ 28 0.86, 64 -> 16 @ 28 0.93, 64 -> 8 @ 28 1.31, 4 -> 16 @ 56 1.22; 1x1
# 256 -> 64 @ 56 0.82, 64 -> 64 @ 28 0.88, 16 -> 64 @ 28 1.02, 8 -> 64 @ 28 1.11.  For 16 registers
# as 240 layers drawn at random have it, the middle 90 % within 0.6 and 1.4 (Zen 3, AVX2, 2026-11).
WORK = machine.ISA.choose({
    32: Work(1.04, 1.2, 56, 0, 7, 0, 0, 0),
    16: Work(0.95, 1.2, 32, 56, 6.8, 1.1, 1.1, 480),
})  # fmt: skip


class Few(NamedTuple):
    """The same where outputs are few, in cycles.

    Attributes
    ----------
    tile, tap, unit : float
        Of a tile beside its taps, of each of these beside its channels, and of a unit.
    part : tuple of float
        Of as many channels as a vector has lanes, for one filter and for two.
    """

    tile: float
    tap: float
    part: tuple[float, ...]
    unit: float


# Of 60 layers drawn at random, the middle half within 0.76 and 1.12 of the time; those of other
# registers are a guess (Zen 3 VM, AVX2, 2026-11).  Of torch, channels last, to this, in ms: 3x3 255
# -> 1 @ 28 10.5, 3.5 (14.6 with outputs in lanes), 7x7 46 -> 1 @ 72 65, 14 (86), 5x5 220 -> 2 @ 20
# 1.3, 0.39 (3.0), 1x1 61 -> 1 @ 88 0.21, 0.34 (0.64).
FEW = Few(18, 3, (4.1, 4.7), 1260)


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time.

    For those of taps inside the image, in all lanes of a block, and for what goes beside them.
    """
    if is_few(problem):
        return cycle(problem) * _few(problem)
    lanes = sum(n * (WORK.single if n == lanes_of(problem) else 1) for n in blocks_of(problem))
    own = WORK.operation * problem.flops * lanes / bank_of(problem).filters
    return own * _inside(problem) + cycle(problem) * _beside(problem, lanes)


def _inside(problem: Problem) -> float:
    """The share of taps that meet the image."""
    ends = [met(problem, axis) for axis in (0, 1)]
    products = math.prod(sum(of[1::2]) - sum(of[::2]) for of in ends)
    return products / math.prod(problem.filter + problem.plane)


def _few(problem: Problem) -> float:
    """Cycles where outputs are few."""
    tiles = math.prod(problem.maps) / bank_of(problem).filters / PIXELS
    taps, parts = _inside(problem) * math.prod(problem.filter), channel_lanes(problem)
    parts //= lanes_of(problem)
    each = (FEW.tile + taps * (FEW.tap + parts * FEW.part[n - 1]) for n in blocks_of(problem))
    return tiles * sum(each) + FEW.unit * math.prod(sizes_of(problem))


def _beside(problem: Problem, lanes: float) -> float:
    """Cycles beside the products."""
    outputs, filters = math.prod(problem.maps), bank_of(problem).filters
    tiles = outputs / filters * lanes / (PIXELS * VECTORS * lanes_of(problem))
    each = WORK.tile + WORK.tap * math.prod(problem.filter)
    if not outputs_apart(problem):
        return tiles * each + WORK.turned * outputs + WORK.unit * math.prod(sizes_of(problem))
    rest = WORK.rest * outputs if filters % lanes_of(problem) else 0
    return tiles * (each + WORK.beside) + rest + WORK.unit * math.prod(sizes_of(problem))
