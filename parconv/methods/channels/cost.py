"""What the method costs, in floating-point operations of the direct one."""

import math
from typing import NamedTuple

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import bank_of, cycle, lanes_of
from .blocks import blocks_of, channel_lanes, is_few
from .copies import Copy
from .inside import share
from .shape import height_of, sizes_of
from .table import PIXELS
from .work import copied, copy_of, in_place

UNIT = machine.ISA.choose({32: 0, 16: 330})  # cycles of a unit beside its tiles


class Few(NamedTuple):
    """What takes the time where outputs are few, in cycles.

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

    For those of taps inside the image, or of all where pixels are copied, in all lanes of a block,
    and for what goes beside them.
    """
    units = math.prod(sizes_of(problem))
    if is_few(problem):
        return cycle(problem) * (_few(problem) + FEW.unit * units)
    rows = problem.maps[0] * problem.plane[0] * _row(problem)
    return cycle(problem) * (rows + UNIT * units)


def _row(problem: Problem) -> float:
    """Cycles of a row of output."""
    copy = copy_of(problem)
    if copy is None:
        return in_place(problem, _share(problem))
    return copied(problem, copy, _halo(problem, copy))


def _share(problem: Problem) -> float:
    """Of products, those of taps inside the image."""
    return share(problem, 0) * share(problem, 1)


def _halo(problem: Problem, copy: Copy) -> float:
    """Rows copied for each that one worker would copy at once."""
    rows, height = problem.plane[0], height_of(problem)
    units = -(-rows // height)
    return 1 + units * sum(copy.depths) / (len(copy.phases) * rows)


def _few(problem: Problem) -> float:
    """Cycles of tiles where outputs are few."""
    tiles = math.prod(problem.maps) / bank_of(problem).filters / PIXELS
    taps, parts = _share(problem) * math.prod(problem.filter), channel_lanes(problem)
    parts //= lanes_of(problem)
    each = (FEW.tile + taps * (FEW.tap + parts * FEW.part[n - 1]) for n in blocks_of(problem))
    return tiles * sum(each)
