"""How a layer is cut into units, and which outputs a tap meets.  Pure arithmetic.

A unit is a block of filters over a part of an image.
"""

import math
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.layout import up
from ...problem.problem import Problem
from ..usual import bank_of, inputs_apart, lanes_of
from .few import FILTERS, MOST
from .kernel import BLOCK, IMAGE, PART
from .table import PIXELS, VECTORS

LEAST_UNITS = 64  # so that sixteen threads end together
# Of the rows of a unit: the second-level cache holds their pixels beside the weights.  % of the
# peak with 4, 8, 16, 32, 64, one core (Zen 5, 2026-11): 1 x 1 256 -> 64 @ 56 88 89 90 90 90, with
# channels last 83 84 84 82 80.
UNIT_TILES = 16


def is_few(problem: Problem) -> bool:
    """Whether outputs are so few, and channels so many and side by side, that these fill lanes."""
    bank = bank_of(problem)
    return bank.filters <= MOST and bank.inputs >= lanes_of(problem) and inputs_apart(problem)


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


@lru_cache(maxsize=256)
def height_of(problem: Problem) -> int:
    """Rows of output of a unit: where there are many, and tiles cross their ends, whole tiles."""
    rows, width = problem.plane
    others = problem.maps[0] * len(blocks_of(problem)) * bank_of(problem).groups
    shared = -(-rows // -(-LEAST_UNITS // others))
    height = min(shared, -(-UNIT_TILES * PIXELS // width))
    period = PIXELS // math.gcd(PIXELS, width)
    return height // period * period or height


@lru_cache(maxsize=256)
def sizes_of(problem: Problem) -> tuple[int, int, int]:
    """How many blocks, images and parts of an image there are."""
    blocks = bank_of(problem).groups * len(blocks_of(problem))
    return blocks, problem.maps[0], -(-problem.plane[0] // height_of(problem))


@lru_cache(maxsize=256)
def order_of(problem: Problem) -> tuple[int, int, int]:
    """Which of blocks, images and parts go by slowest, and fastest.

    The order in which the second-level cache is filled with the fewest bytes.
    """
    blocks, images, _ = sizes_of(problem)
    item = problem.sums.itemsize
    image = math.prod(problem.maps_in[1:]) * item
    block = problem.taps * block_filters(problem) * item
    weights, pixels = blocks * block, images * image
    again = 1 if weights <= machine.L2_BYTES else images
    beside = 1 if image + block <= machine.L2_BYTES else blocks
    filled = {
        (IMAGE, PART, BLOCK): pixels + again * weights,
        (IMAGE, BLOCK, PART): beside * pixels + images * weights,
        (BLOCK, IMAGE, PART): blocks * pixels + weights,
    }
    return min(filled, key=lambda order: filled[order])


def region(problem: Problem, unit: int) -> tuple[int, slice, slice]:
    """Image, filters and rows of the result's maps that a unit fills."""
    sizes, order, height = sizes_of(problem), order_of(problem), height_of(problem)
    places = np.unravel_index(unit, [sizes[axis] for axis in order])
    at = dict(zip(order, map(int, places), strict=True))
    group, inside = divmod(at[BLOCK], len(blocks_of(problem)))
    step, filters, top = block_filters(problem), bank_of(problem).filters, at[PART] * height
    first = group * filters + inside * step
    last = group * filters + min((inside + 1) * step, filters)
    return at[IMAGE], slice(first, last), slice(top, top + height)


def met(problem: Problem, axis: int) -> list[int]:
    """For each tap of an axis, first and stop of the outputs for which it is inside the image."""
    stride, outputs = problem.stride[axis], problem.plane[axis]
    found = []
    for tap in range(problem.filter[axis]):
        beyond = problem.lead[axis] - tap * problem.dilation[axis]
        ends = beyond, beyond + problem.plane_in[axis]
        found += [min(max(-(-end // stride), 0), outputs) for end in ends]
    return found


def bordered_by_zeros(problem: Problem, axis: int) -> bool:
    """Whether zeros lie beyond the ends of an axis, or nothing does, since no tap leaves it."""
    if problem.boundary[axis] == "constant" and problem.cval == 0:
        return True
    return met(problem, axis) == [0, problem.plane[axis]] * problem.filter[axis]
