"""Lanes of output channels: vectors of weights times single pixels of the image, read in place.

Wins for layers of many channels and filters: nothing is copied or padded, and taps beyond the image
are not multiplied.  Relies on an image and a result of the type of the sums, and on zeros beyond
the image.

A unit is a block of filters over some rows of one image.

Start reading at `tile.py` (the inner loop), then `kernel.py` (tiles over the rows of a unit).
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...codegen import machine
from ...codegen.layout import geometry
from ...problem.bands import split_rows
from ...problem.dtypes import Array, kernel_dtype
from ...problem.problem import Problem
from ...runtime.crew.record import MAPS
from ..kernels import Taps, kernels_of
from ..usual import (
    bank_of,
    cycle,
    error as error,
    fill as fill,
    grain as grain,
    outputs_apart,
    sums as sums,
    unasked as unasked,
)
from . import kernel as k
from .kernel import L
from .tile import BITS_AT, PIXELS, SEGMENT, VECTORS

UNIT = "blocks of filters over rows of an image"
LEAST_UNITS = 64  # so that sixteen threads end together
# Of the rows of a unit: the second-level cache holds their pixels beside the weights.  % of the
# peak with 4, 8, 16, 32, 64, one core (Zen 5, 2026-11): 1 x 1 256 -> 64 @ 56 88 89 90 90 90, with
# channels last 83 84 84 82 80.
UNIT_TILES = 16


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
WORK = {
    32: Work(1.04, 1.2, 56, 0, 7, 0, 0, 0),
    16: Work(0.95, 1.2, 32, 56, 6.8, 1.1, 1.1, 480),
}[machine.VECTOR_REGISTERS]


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    kinds = {kernel_dtype(kind) for kind in (problem.image_dtype, problem.dtype)}
    if problem.sums.kind != "f" or kinds != {problem.sums}:
        return "it reads and writes the type of its sums, a float"
    if not (_bordered_by_zeros(problem, 0) and _bordered_by_zeros(problem, 1)):
        return "it leaves out taps beyond the image, as if zeros were there"
    return None


def _bordered_by_zeros(problem: Problem, axis: int) -> bool:
    """Or by nothing, since no tap leaves the image."""
    if problem.boundary[axis] == "constant" and problem.cval == 0:
        return True
    return _met(problem, axis) == [0, problem.plane[axis]] * problem.filter[axis]


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time.

    For those of taps inside the image, in all lanes of a block, and for what goes beside them.
    """
    lanes = sum(n * (WORK.single if n == _lanes(problem) else 1) for n in _blocks(problem))
    met = [_met(problem, axis) for axis in (0, 1)]
    products = math.prod(sum(ends[1::2]) - sum(ends[::2]) for ends in met)
    inside = products / math.prod(problem.filter + problem.plane)
    own = WORK.operation * problem.flops * lanes / _filters(problem) * inside
    return own + cycle(problem) * _beside(problem, lanes)


def _beside(problem: Problem, lanes: float) -> float:
    """Cycles beside the products."""
    outputs, filters = math.prod(problem.maps), _filters(problem)
    tiles = outputs / filters * lanes / (PIXELS * VECTORS * _lanes(problem))
    each = WORK.tile + WORK.tap * math.prod(problem.filter)
    if not outputs_apart(problem):
        return tiles * each + WORK.turned * outputs + WORK.unit * units(problem)
    rest = WORK.rest * outputs if filters % _lanes(problem) else 0
    return tiles * (each + WORK.beside) + rest + WORK.unit * units(problem)


# --- the filters ---------------------------------------------------------------------------------


def _lanes(problem: Problem) -> int:
    return machine.lanes(problem.sums.itemsize)


def _filters(problem: Problem) -> int:
    """Of a group."""
    return bank_of(problem).outputs // bank_of(problem).groups


@lru_cache(maxsize=256)
def _blocks(problem: Problem) -> tuple[int, ...]:
    """Lanes of each block of a group's filters: of whole tiles, the last may be one vector."""
    lanes = _lanes(problem)
    whole, left = divmod(_filters(problem), VECTORS * lanes)
    last = () if left == 0 else (lanes if left <= lanes else VECTORS * lanes,)
    return (VECTORS * lanes,) * whole + last


def prepare(problem: Problem, g: Array) -> Taps:
    """The weights as tiles read them: of each block by rows, columns, channels and filters."""
    groups, blocks, filters = bank_of(problem).groups, _blocks(problem), _filters(problem)
    padded = np.zeros((groups, sum(blocks), *g.shape[1:]), problem.sums)
    padded[:, :filters] = g.reshape(groups, filters, *g.shape[1:])
    ordered = padded.transpose(0, 3, 4, 2, 1)
    parts = np.split(ordered, np.cumsum(blocks)[:-1], axis=4)
    values = np.concatenate([part.reshape(groups, -1) for part in parts], axis=1).ravel()
    values.flags.writeable = False
    return Taps(values)


# --- units ---------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _height(problem: Problem) -> int:
    """Rows of output of a unit: where there are many, and tiles cross their ends, whole tiles."""
    rows, width = problem.plane
    others = problem.maps[0] * len(_blocks(problem)) * bank_of(problem).groups
    shared = -(-rows // -(-LEAST_UNITS // others))
    height = min(shared, -(-UNIT_TILES * PIXELS // width))
    period = PIXELS // math.gcd(PIXELS, width)
    return height // period * period or height


@lru_cache(maxsize=256)
def _sizes(problem: Problem) -> tuple[int, int, int]:
    """How many blocks, images and parts of an image there are."""
    blocks = bank_of(problem).groups * len(_blocks(problem))
    return blocks, problem.maps[0], -(-problem.plane[0] // _height(problem))


@lru_cache(maxsize=256)
def _order(problem: Problem) -> tuple[int, int, int]:
    """Which of blocks, images and parts go by slowest, and fastest.

    The order in which the second-level cache is filled with the fewest bytes.
    """
    blocks, images, _ = _sizes(problem)
    item = problem.sums.itemsize
    image = math.prod(problem.maps_in[1:]) * item
    block = problem.taps * VECTORS * _lanes(problem) * item
    weights, pixels = blocks * block, images * image
    again = 1 if weights <= machine.L2_BYTES else images
    beside = 1 if image + block <= machine.L2_BYTES else blocks
    filled = {
        (k.IMAGE, k.PART, k.BLOCK): pixels + again * weights,
        (k.IMAGE, k.BLOCK, k.PART): beside * pixels + images * weights,
        (k.BLOCK, k.IMAGE, k.PART): blocks * pixels + weights,
    }
    return min(filled, key=lambda order: filled[order])


def units(problem: Problem) -> int:
    """Blocks of filters over parts of images."""
    return math.prod(_sizes(problem))


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands."""
    return split_rows(units(problem), parts)


def least_band(problem: Problem) -> int:
    """Units of a band that is worth handing out."""
    return 1


def regions(problem: Problem, start: int, stop: int) -> list[tuple[int, slice, slice]]:
    """Image, filters and rows of the result's maps that each of units ``[start, stop)`` fills."""
    return [_region(problem, unit) for unit in range(start, stop)]


def _region(problem: Problem, unit: int) -> tuple[int, slice, slice]:
    sizes, order = _sizes(problem), _order(problem)
    places = np.unravel_index(unit, [sizes[axis] for axis in order])
    at = dict(zip(order, map(int, places), strict=True))
    group, inside = divmod(at[k.BLOCK], len(_blocks(problem)))
    step, filters, top = VECTORS * _lanes(problem), _filters(problem), at[k.PART] * _height(problem)
    first = group * filters + inside * step
    last = group * filters + min((inside + 1) * step, filters)
    return at[k.IMAGE], slice(first, last), slice(top, top + _height(problem))


# --- the problem as numbers ----------------------------------------------------------------------


def _met(problem: Problem, axis: int) -> list[int]:
    """For each tap of an axis, first and stop of the outputs for which it is inside the image."""
    stride, outputs = problem.stride[axis], problem.plane[axis]
    found = []
    for tap in range(problem.filter[axis]):
        beyond = problem.lead[axis] - tap * problem.dilation[axis]
        ends = beyond, beyond + problem.plane_in[axis]
        found += [min(max(-(-end // stride), 0), outputs) for end in ends]
    return found


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    blocks, lanes = _blocks(problem), _lanes(problem)
    return L.pack(
        geometry(problem),
        channels=bank_of(problem).inputs,
        filters=_filters(problem),
        group_blocks=len(blocks),
        block_taps=problem.taps * VECTORS * lanes,
        group_taps=problem.taps * sum(blocks),
        lanes=lanes,
        height=_height(problem),
        sums_at=_sums_at(problem),
        sizes=_sizes(problem),
        order=_order(problem),
        rows=_met(problem, 0),
        columns=_met(problem, 1),
    )


def _sums_at(problem: Problem) -> int:
    """Where in scratch the sums of a tile lie that cannot be stored at once."""
    table = BITS_AT + sum(problem.filter) + SEGMENT * PIXELS
    lines = -(-table * np.int64().itemsize // machine.CACHE_LINE)
    return lines * machine.CACHE_LINE // problem.sums.itemsize


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return _sums_at(problem) + PIXELS * VECTORS * _lanes(problem)


kernels = kernels_of(k.kernel, MAPS)
