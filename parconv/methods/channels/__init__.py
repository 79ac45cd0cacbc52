"""Lanes of output channels: vectors of weights times single pixels of the image, read in place.

Wins for layers of many channels and filters: nothing is copied or padded, and taps beyond the image
are not multiplied.  Relies on an image and a result of the type of the sums, and on zeros beyond
the image.

A unit is a block of filters over some rows of one image.

Start reading at `tile.py` (the inner loop), then `kernel.py` (tiles over the rows of a unit) and
`shape.py` (what a unit is).
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...codegen import machine
from ...codegen.layout import geometry, up
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
    lanes_of,
    outputs_apart,
    selects as selects,
    sums as sums,
    unasked as unasked,
)
from . import kernel as k
from .kernel import L
from .shape import blocks_of, bordered_by_zeros, height_of, met, order_of, region, sizes_of
from .tile import BITS_AT, PIXELS, SEGMENT, VECTORS

UNIT = "blocks of filters over rows of an image"


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


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    kinds = {kernel_dtype(kind) for kind in (problem.image_dtype, problem.dtype)}
    if problem.sums.kind != "f" or kinds != {problem.sums}:
        return "it reads and writes the type of its sums, a float"
    if not (bordered_by_zeros(problem, 0) and bordered_by_zeros(problem, 1)):
        return "it leaves out taps beyond the image, as if zeros were there"
    return None


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time.

    For those of taps inside the image, in all lanes of a block, and for what goes beside them.
    """
    lanes = sum(n * (WORK.single if n == lanes_of(problem) else 1) for n in blocks_of(problem))
    ends = [met(problem, axis) for axis in (0, 1)]
    products = math.prod(sum(of[1::2]) - sum(of[::2]) for of in ends)
    inside = products / math.prod(problem.filter + problem.plane)
    own = WORK.operation * problem.flops * lanes / bank_of(problem).filters * inside
    return own + cycle(problem) * _beside(problem, lanes)


def _beside(problem: Problem, lanes: float) -> float:
    """Cycles beside the products."""
    outputs, filters = math.prod(problem.maps), bank_of(problem).filters
    tiles = outputs / filters * lanes / (PIXELS * VECTORS * lanes_of(problem))
    each = WORK.tile + WORK.tap * math.prod(problem.filter)
    if not outputs_apart(problem):
        return tiles * each + WORK.turned * outputs + WORK.unit * units(problem)
    rest = WORK.rest * outputs if filters % lanes_of(problem) else 0
    return tiles * (each + WORK.beside) + rest + WORK.unit * units(problem)


# --- the filters ---------------------------------------------------------------------------------


def prepare(problem: Problem, g: Array) -> Taps:
    """The weights as tiles read them: of each block by rows, columns, channels and filters."""
    bank, blocks = bank_of(problem), blocks_of(problem)
    groups, filters = bank.groups, bank.filters
    padded = np.zeros((groups, sum(blocks), *g.shape[1:]), problem.sums)
    padded[:, :filters] = g.reshape(groups, filters, *g.shape[1:])
    ordered = padded.transpose(0, 3, 4, 2, 1)
    parts = np.split(ordered, np.cumsum(blocks)[:-1], axis=4)
    values = np.concatenate([part.reshape(groups, -1) for part in parts], axis=1).ravel()
    return Taps(values)


# --- units ---------------------------------------------------------------------------------------


def units(problem: Problem) -> int:
    """Blocks of filters over parts of images."""
    return math.prod(sizes_of(problem))


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands."""
    return split_rows(units(problem), parts)


def least_band(problem: Problem) -> int:
    """Units of a band that is worth handing out."""
    return 1


def regions(problem: Problem, start: int, stop: int) -> list[tuple[int, slice, slice]]:
    """Image, filters and rows of the result's maps that each of units ``[start, stop)`` fills."""
    return [region(problem, unit) for unit in range(start, stop)]


# --- the problem as numbers ----------------------------------------------------------------------


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    blocks, lanes = blocks_of(problem), lanes_of(problem)
    return L.pack(
        geometry(problem),
        channels=bank_of(problem).inputs,
        filters=bank_of(problem).filters,
        group_blocks=len(blocks),
        block_taps=problem.taps * VECTORS * lanes,
        group_taps=problem.taps * sum(blocks),
        lanes=lanes,
        height=height_of(problem),
        sums_at=_sums_at(problem),
        sizes=sizes_of(problem),
        order=order_of(problem),
        rows=met(problem, 0),
        columns=met(problem, 1),
    )


def _sums_at(problem: Problem) -> int:
    """Where in scratch the sums of a tile lie that cannot be stored at once."""
    table = BITS_AT + sum(problem.filter) + SEGMENT * PIXELS
    return up(table * np.int64().itemsize, machine.CACHE_LINE) // problem.sums.itemsize


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return _sums_at(problem) + PIXELS * VECTORS * lanes_of(problem)


kernels = kernels_of(k.kernel, axes=MAPS)
