"""Which filters go together, and whether they or channels fill the lanes.  Pure arithmetic."""

import math
from functools import lru_cache
from typing import NamedTuple

from ...codegen import machine
from ...codegen.layout import geometry, up
from ...problem.problem import Problem
from ..usual import bank_of, inputs_apart, lanes_of, outputs_apart
from .copies import fitting
from .few import FILTERS, pays
from .inside import is_inside, square_share
from .numbers import FEW, MANY, SINGLE, WIDE
from .pointwise import POSSIBLE
from .table import MOST as MOST_PIXELS, PIXELS, VECTORS


class Most(NamedTuple):
    """Channels, at most, of what `pointwise` and `apiece` serve.

    Attributes
    ----------
    several, alone : int
        Of several pixels to a vector, and of one, where lanes can be looked up.
    single, each : int
        Of one pixel to a vector where they cannot, and of those for each output.
    many, large : int
        Of outputs that fill as many vectors as `MANY_VECTORS`, and of results past the caches.
    wide : int
        Of more than a vector of a pixel, where results do not go past the caches.
    """

    several: int
    alone: int
    single: int
    each: int
    many: int
    large: int
    wide: int


# Time of tiles over that of `pointwise`: 8 -> 8 channels 1.7, 15 -> 2 1.4, 4 -> 12 and 16 1.2, 2 ->
# 17 0.7, 8 -> 24 0.5, 4 -> 64 of 1 MB 0.8, 8 -> 100 of 1.6, 12 and 34 MB 1.0, 1.2, 2.0.  Time of
# `apiece` over that of tiles, or of channels in lanes: 4, 16, 33, 64 and 128 channels -> 4 0.62
# 0.73 0.75 0.97 1.61, -> 16 0.66 0.81 0.83 0.91 1.05, -> 100 0.61 0.76 0.91 0.94 0.96; past the
# caches 14, 40 and 80 -> 270 0.56 0.61 0.82, and over that of `Many` 2, 8 and 14 -> 270 1.25 1.16
# 0.75 (Sapphire Rapids VM, AVX-512, 2026-11).  For 16 registers 8, 33, 64 and 128 -> 1 0.77 1.37
# 2.25 2.68, -> 2 0.64 0.98 1.57 2.08, -> 4 0.44 0.64 0.81 0.94, -> 8 0.65 0.75 0.80 0.96, -> 20
# 0.54 0.91 0.94 1.00, -> 100 0.62 0.85 0.88 0.97; past the caches 14 and 40 -> 270 0.51 0.66, and
# over that of `Many` 4, 8 and 14 -> 270 1.28 0.95 0.83 (there, under AVX2).
MOST = machine.ISA.choose({
    32: Most(15, 4, 64, 15, 3, 8, 32), 16: Most(0, 0, 128, 15, 0, 4, 1 << 16),
})  # fmt: skip
MANY_VECTORS = 3
# And where a stride has pixels copied first.  Microseconds of tiles and so, every second pixel: 2
# -> 349 channels of 16 images of 108 x 109 15300, 2900; 20 -> 60 of 8 of 40 x 41 130, 113; 64 ->
# 128 of 4 of 56 x 57 688, 615; 200 -> 150 of 40 x 41 253, 271 (Sapphire Rapids VM, AVX2, 2026-11).
STRIDED = 128


@lru_cache(maxsize=256)
def run_of(problem: Problem) -> int:
    """How outputs of neighbouring pixels go as a run, if few channels of one tap allow that."""
    bank = bank_of(problem)
    plain = problem.filter == (1, 1) and is_inside(problem, 0) and is_inside(problem, 1)
    near = all(
        count == 1 or apart
        for count, apart in (
            (bank.inputs, inputs_apart(problem)),
            (bank.outputs, outputs_apart(problem)),
        )
    )
    if not (plain and near and bank.groups == 1 and bank.inputs * bank.outputs > 1):
        return 0
    narrow = bank.outputs <= lanes_of(problem)
    found = _narrow_run(problem) if narrow else _wide_run(problem)
    return found if found in POSSIBLE else 0


def _narrow_run(problem: Problem) -> int:
    """Of outputs that fill no more than a vector."""
    bank = bank_of(problem)
    several = bank.outputs <= lanes_of(problem) // 2
    if bank.inputs <= (MOST.several if several else MOST.alone):
        return FEW
    return SINGLE * (bank.inputs <= min(MOST.single, MOST.each * bank.outputs))


def _wide_run(problem: Problem) -> int:
    """Of more: all weights must stay in the second-level cache."""
    bank, lanes = bank_of(problem), lanes_of(problem)
    large = bool(geometry(problem)["large"])
    past = large and problem.stride == (1, 1)  # else a window of rows would be added up otherwise
    many = bank.outputs >= MANY_VECTORS * lanes and problem.bytes > machine.L2_BYTES
    if many and bank.inputs <= (MOST.large if large else MOST.many):
        return MANY
    weights = bank.inputs * bank.outputs * problem.sums.itemsize
    most = MOST.wide if problem.stride == (1, 1) else min(MOST.wide, STRIDED)
    return WIDE * (weights <= machine.L2_BYTES // 2 and (past or bank.inputs <= most))


def is_pointwise(problem: Problem) -> bool:
    """Whether they do."""
    return run_of(problem) != 0


@lru_cache(maxsize=256)
def is_few(problem: Problem) -> bool:
    """Whether outputs are so few, and channels so many, that these fill lanes.

    Where they lie apart they are copied, which filters of one tap would not pay for.
    """
    bank = bank_of(problem)
    if is_pointwise(problem):
        return False
    lanes, near = lanes_of(problem), inputs_apart(problem)
    copies = bank.inputs >= lanes and problem.filter != (1, 1) and any(fitting(problem))
    if not (near or copies):
        return False
    inside = square_share(problem)
    return pays(bank.filters, bank.inputs, math.prod(problem.filter), lanes, near, inside)


def block_filters(problem: Problem) -> int:
    """Filters of a block; the last may have fewer."""
    if is_pointwise(problem):
        return bank_of(problem).filters
    return FILTERS if is_few(problem) else VECTORS * lanes_of(problem)


def channel_lanes(problem: Problem) -> int:
    """Channels of a group as weights have them: where they are in lanes, whole vectors."""
    lanes = lanes_of(problem) if is_few(problem) else 1
    return up(bank_of(problem).inputs, lanes)


@lru_cache(maxsize=256)
def blocks_of(problem: Problem) -> tuple[int, ...]:
    """Weights of each block of a group's filters for a tap and channel.

    Of whole tiles, the last may be one vector; one for each filter where they are few; all of them
    where outputs go as a run.
    """
    if is_pointwise(problem):
        return (bank_of(problem).filters,)
    if is_few(problem):
        whole, left = divmod(bank_of(problem).filters, FILTERS)
        return (FILTERS,) * whole + (left,) * (left > 0)
    return tile_blocks(problem)


def tile_blocks(problem: Problem) -> tuple[int, ...]:
    """The same as tiles of many outputs read them."""
    lanes = lanes_of(problem)
    whole, left = divmod(bank_of(problem).filters, VECTORS * lanes)
    last = () if left == 0 else (lanes if left <= lanes else VECTORS * lanes,)
    return (VECTORS * lanes,) * whole + last


def pixels_of(problem: Problem, weights: int) -> int:
    """Of a tile of a block of so many weights for a tap and channel."""
    size = weights if is_few(problem) else min(-(-weights // lanes_of(problem)), VECTORS)
    return PIXELS[size - 1]


def period_of(problem: Problem) -> int:
    """Of `pointwise`: pixels whose outputs a vector has, or weights of a channel where these go on.

    Two vectors hold the channels of those pixels.
    """
    lanes, bank = lanes_of(problem), bank_of(problem)
    if run_of(problem) != FEW:
        return 1 if run_of(problem) != MANY else bank.outputs + lanes
    return min(lanes // bank.outputs, 2 * lanes // bank.inputs)


def run_room(problem: Problem) -> int:
    """Elements of scratch for outputs that go as a run: those of a row, or of a tile and lines."""
    outputs, line = bank_of(problem).outputs, machine.CACHE_LINE // problem.sums.itemsize
    return max(problem.plane[1] * outputs, MOST_PIXELS * outputs + 4 * line)
