"""How a layer is cut into units.  Pure arithmetic.

A unit is a block of filters over a part of an image.
"""

import math
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import bank_of, outputs_apart
from .blocks import block_filters, blocks_of, pixels_of
from .copies import COPY_BYTES, Copy, row_bytes
from .numbers import BLOCK, IMAGE, PART
from .work import copy_of

LEAST_UNITS = 64  # so that sixteen threads end together
# Of the rows of a unit: the second-level cache holds their pixels beside the weights.  % of the
# peak with 4, 8, 16, 32, 64, one core (Zen 5, 2026-11): 1 x 1 256 -> 64 @ 56 88 89 90 90 90, with
# channels last 83 84 84 82 80.  A unit of fewer than the second number is mostly a tile that is not
# full: 3 images of 6 x 7 of 338 channels to 7 at 1 x 1 17.4, 13.8 microseconds with it (Zen 4 VM,
# AVX-512, 2026-11).
UNIT_TILES, LEAST_TILES = 16, 2
# Of results of copied pixels: where channels come last each block of filters writes a part of every
# pixel, and these leave the cache as whole lines.
RESULT_BYTES = machine.L2_BYTES // 4


@lru_cache(maxsize=256)
def height_of(problem: Problem) -> int:
    """Rows of output of a unit: where there are many, and tiles cross their ends, whole tiles."""
    rows, width = problem.plane
    others = problem.maps[0] * len(blocks_of(problem)) * bank_of(problem).groups
    shared = -(-rows // -(-LEAST_UNITS // others))
    copy = copy_of(problem)
    if copy:
        return _copied_height(problem, copy, shared)
    pixels = pixels_of(problem, blocks_of(problem)[0])
    least, most = (-(-tiles * pixels // width) for tiles in (LEAST_TILES, UNIT_TILES))
    height = min(max(shared, least), most, max(rows, 1))
    period = pixels // math.gcd(pixels, width)
    return height // period * period or height


def _copied_height(problem: Problem, copy: Copy, shared: int) -> int:
    """So many that what two units both copy is little, as far as the cache holds them."""
    rows, most = problem.plane[0], COPY_BYTES // row_bytes(problem, copy)
    most = (most - sum(copy.depths)) // len(copy.phases)
    tiles = UNIT_TILES * pixels_of(problem, blocks_of(problem)[0])
    least = max(2 * (max(copy.depths) + 1), -(-tiles // copy.pitch))
    height = max(1, min(rows, max(shared, least), most, _results_height(problem)))
    return -(-rows // -(-rows // height))


def _results_height(problem: Problem) -> int:
    """Rows of output whose results the cache holds beside the weights, if these are few."""
    blocks, row = len(blocks_of(problem)), math.prod(problem.maps[1::2]) * problem.sums.itemsize
    weights = blocks * problem.taps * block_filters(problem) * problem.sums.itemsize
    if not outputs_apart(problem) or blocks == 1 or weights > machine.L2_BYTES // 2:
        return problem.plane[0]
    return max(1, RESULT_BYTES // max(1, row))


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
    if copy_of(problem):
        return IMAGE, PART, BLOCK
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
