"""Which filters go together, and whether they or channels fill the lanes.  Pure arithmetic."""

import math
from functools import lru_cache

from ...codegen import machine
from ...codegen.layout import up
from ...problem.problem import Problem
from ..usual import bank_of, inputs_apart, lanes_of, outputs_apart
from .copies import fitting
from .few import FILTERS, pays
from .pointwise import POSSIBLE
from .table import VECTORS

# Channels, at most, of what `pointwise` serves: of several pixels to a vector, of one, and of
# outputs that fill as many vectors and, all together, more than the second-level cache.  Time of
# tiles over that of runs: 8 -> 8 channels 1.7, 15 -> 2 1.4, 4 -> 12 and 16 1.2, 2 -> 17 0.7, 8 ->
# 24 0.5, 4 -> 64 of 1 MB 0.8, 8 -> 100 of 1.6, 12 and 34 MB 1.0, 1.2, 2.0 (Sapphire Rapids VM,
# AVX-512, 2026-11).
SEVERAL, SINGLE, MANY_CHANNELS, MANY_VECTORS = 15, 4, 8, 3


@lru_cache(maxsize=256)
def is_pointwise(problem: Problem) -> bool:
    """Whether outputs of neighbouring pixels go as a run, which few channels of one tap allow."""
    bank, lanes = bank_of(problem), lanes_of(problem)
    plain = problem.filter == problem.stride == (1, 1) and problem.plane == problem.plane_in
    near = all(
        count == 1 or apart
        for count, apart in (
            (bank.inputs, inputs_apart(problem)),
            (bank.outputs, outputs_apart(problem)),
        )
    )
    if not (POSSIBLE and plain and near and bank.groups == 1 and bank.inputs * bank.outputs > 1):
        return False
    if bank.outputs > lanes:
        many = bank.outputs >= MANY_VECTORS * lanes and problem.bytes > machine.L2_BYTES
        return many and bank.inputs <= MANY_CHANNELS
    return bank.inputs <= (SEVERAL if bank.outputs <= lanes // 2 else SINGLE)


@lru_cache(maxsize=256)
def is_few(problem: Problem) -> bool:
    """Whether outputs are so few, and channels so many, that these fill lanes.

    Where they lie apart they are copied, which filters of one tap would not pay for.
    """
    bank = bank_of(problem)
    if is_pointwise(problem):
        return False
    lanes, near = lanes_of(problem), inputs_apart(problem)
    if bank.inputs < lanes or not (near or (problem.filter != (1, 1) and any(fitting(problem)))):
        return False
    return pays(bank.filters, bank.inputs, math.prod(problem.filter), lanes, near)


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

    Of whole tiles, the last may be one vector; one for each filter where they are few.
    """
    lanes = lanes_of(problem)
    if is_pointwise(problem):
        return (bank_of(problem).filters,)
    whole, left = divmod(bank_of(problem).filters, block_filters(problem))
    last = () if left == 0 else (lanes if left <= lanes else VECTORS * lanes,)
    last = (left,) if left and is_few(problem) else last
    return (block_filters(problem),) * whole + last


def period_of(problem: Problem) -> int:
    """Of `pointwise`: pixels whose outputs a vector has, or weights of a channel where these go on.

    Two vectors hold the channels of those pixels.
    """
    lanes, bank = lanes_of(problem), bank_of(problem)
    if bank.outputs > lanes:
        return bank.outputs + lanes
    return min(lanes // bank.outputs, 2 * lanes // bank.inputs)
