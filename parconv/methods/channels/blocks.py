"""Which filters go together, and whether they or channels fill the lanes.  Pure arithmetic."""

import math
from functools import lru_cache

from ...codegen.layout import up
from ...problem.problem import Problem
from ..usual import bank_of, inputs_apart, lanes_of
from .copies import fitting
from .few import FILTERS, MANY, MOST, PRODUCTS
from .table import VECTORS


@lru_cache(maxsize=256)
def is_few(problem: Problem) -> bool:
    """Whether outputs are so few, and channels so many, that these fill lanes.

    Where they lie apart they are copied, which filters of one tap would not pay for.
    """
    bank = bank_of(problem)
    near = inputs_apart(problem) or (problem.filter != (1, 1) and any(fitting(problem)))
    most = MANY if bank.inputs * math.prod(problem.filter) >= PRODUCTS else MOST
    return bank.filters <= most and bank.inputs >= lanes_of(problem) and near


def block_filters(problem: Problem) -> int:
    """Filters of a block; the last may have fewer."""
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
    whole, left = divmod(bank_of(problem).filters, block_filters(problem))
    last = () if left == 0 else (lanes if left <= lanes else VECTORS * lanes,)
    last = (left,) if left and is_few(problem) else last
    return (block_filters(problem),) * whole + last
