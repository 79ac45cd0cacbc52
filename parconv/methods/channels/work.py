"""Cycles of a row of output, by what pixels are read from; and so whether they are copied.

A cycle is one in which two vectors are multiplied and added.
"""

import math
from functools import lru_cache
from typing import NamedTuple

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import bank_of, inputs_apart, lanes_of, outputs_apart
from .blocks import (
    blocks_of,
    channel_lanes,
    is_few,
    is_pointwise,
    period_of,
    pixels_of,
    run_of,
)
from .copies import Copy, fitting
from .inside import is_inside, share
from .numbers import FEW as FEW_RUN, MANY, SINGLE, WIDE
from .table import LEAST, VECTORS

LATENCY = 4  # cycles between two additions to the same sum, as if a tile had so many pixels


class Work(NamedTuple):
    """What takes its time, in cycles.

    Attributes
    ----------
    product, copied : float
        Of as many products as two vectors have lanes, of pixels in place and copied ones.
    first : float
        How long a product in place takes where channels come first, where it takes 1 else.
    paged : float
        How much longer at most where these lie in more than `PAGES` pages.
    single : float
        How long a block of one vector takes, where half of a block of two takes 1.
    tile, tap : float
        Of a tile beside its products, and of each of its taps.
    placed : float
        Of each filter row and column of a tile whose rows are not one.
    turned, rest : float
        Of turning an output into rows, where channels come first; where they come last, of storing
        the outputs of a pixel that fill no whole vectors.
    near, turn, apart : float
        Of copying a number where channels are neighbours; where they come first; and where these
        fill no vector, or more than one column is left out.
    cell, run : float
        Of copying a cell where channels are neighbours, and a run of cells.
    """

    product: float
    copied: float
    first: float
    paged: float
    single: float
    tile: float
    tap: float
    placed: float
    turned: float
    rest: float
    near: float
    turn: float
    apart: float
    cell: float
    run: float


# Predictions are within 1.2 of the time.  Time of this over that of direct for one to eight images,
# filters of 3x3 unless 1x1 (Zen 5, 2026-11): 64 -> 64 @ 56 0.97, 128 @ 28 0.86, 256 @ 14 0.76,
# 512 @ 7 0.69, 16 -> 32 @ 28 0.86, 64 -> 16 @ 28 0.93, 64 -> 8 @ 28 1.31, 4 -> 16 @ 56 1.22; 1x1
# 256 -> 64 @ 56 0.82, 64 -> 64 @ 28 0.88, 16 -> 64 @ 28 1.02, 8 -> 64 @ 28 1.11.  For 16 registers
# as 220 layers drawn at random have it, the middle 90 % within 0.75 and 1.2, each in place and
# copied both ways (Zen 3 VM, AVX2, 2026-11); what copies take with 32 registers is a guess.
WORK = machine.ISA.choose({
    32: Work(1.04, 0.95, 1.1, 0, 1.3, 56, 7, 0, 0.3, 0, 0.3, 0.4, 1.73, 3.5, 8),
    16: Work(0.95, 0.85, 1.15, 0.6, 1.2, 49, 8.7, 5.1, 0.54, 11, 0.45, 0.8, 1.73, 3.5, 8),
})  # fmt: skip


# That a processor finds at once, of 64 (Zen 3) or 96.  Picoseconds of products in place of 3x3 to
# 32 filters, by pages: 24 and 30 7.9 7.5, 40 8.4, 57 9.5, 98 10.4, 128 10.2, 230 11.9, 300 12.6,
# and of copied ones everywhere 9 to 11 (Sapphire Rapids VM, AVX2, 2026-11).
PAGES = 40


class Few(NamedTuple):
    """What takes the time where outputs are few, in cycles.

    Attributes
    ----------
    tile, tap, unit : float
        Of a tile beside its taps, of each of these beside its channels, and of a unit beside its
        tiles.
    part : tuple of float
        Of as many channels as a vector has lanes, for one filter and for two.
    moved : float
        How much longer copies take, which wait for the memory.
    rest : float
        Of a tap whose channels fill no whole vectors, where they are copied.
    """

    tile: float
    tap: float
    part: tuple[float, ...]
    unit: float
    moved: float
    rest: float


# Of 60 layers drawn at random, the middle half within 0.76 and 1.12 of the time (Zen 3 VM, AVX2,
# 2026-11).  Of torch, channels last, to this, in ms: 3x3 255
# -> 1 @ 28 10.5, 3.5 (14.6 with outputs in lanes), 7x7 46 -> 1 @ 72 65, 14 (86), 5x5 220 -> 2 @ 20
# 1.3, 0.39 (3.0), 1x1 61 -> 1 @ 88 0.21, 0.34 (0.64).
# With 32 registers a tile has 14 pixels for 6, and as many lanes more to sum up: the choice between
# this and `direct` among 102 layers drawn at random, channels first, of two seeds took 1.017 of the
# better one's time so, at most 1.28 but for one, 1.025 and 1.34 by the numbers for 16 (Sapphire
# Rapids VM, AVX-512, 2026-11).
FEW = machine.ISA.choose({
    32: Few(80, 5, (6, 12), 1260, 1.5, 10), 16: Few(24, 4, (8.5, 6.3), 1260, 0.9, 10),
})  # fmt: skip
# A vector of outputs that go as a run, and each of its channels.
RUN = machine.ISA.choose({
    32: {FEW_RUN: (4, 1.5), MANY: (4, 1.5), SINGLE: (6, 0.7), WIDE: (3.5, 0.55)},
    16: {MANY: (4, 1), SINGLE: (4, 0.8), WIDE: (1.75, 0.5)},
})  # fmt: skip
# Copies must pay by so much, for what they do to the caches.
MARGIN = 0.95
# How long products take where each output has cells of its own for every filter column and the
# weights fill much of the second-level cache: 107 -> 104 channels of 12 x 13 at 5x5 took 1.25 of
# the time in place so (Zen 3 VM, AVX2, 2026-11).
CROWDED = 1.2
HALO = 1.25  # rows copied for each that is needed where the filter has more rows than the stride


@lru_cache(maxsize=256)
def copy_of(problem: Problem) -> Copy | None:
    """The copy that pays most; None: pixels are read in place.

    By what bands, and windows of rows, have in common with the whole problem: how many rows there
    are does not matter, so that a part has the bits of the whole.
    """
    if is_pointwise(problem) or (is_few(problem) and inputs_apart(problem)):
        return None
    halo = HALO if problem.filter[0] > problem.stride[0] else 1.0
    able = {copy: copied(problem, copy, halo) for copy in fitting(problem)}
    best = min(able, key=lambda copy: able[copy], default=None)
    inside = share(problem, 1) ** (2 if problem.filter[0] > 1 else 1)  # as if rows were alike
    pays = best and (is_few(problem) or able[best] < MARGIN * in_place(problem, inside))
    return best if pays else None


def in_place(problem: Problem, inside: float) -> float:
    """Where that share of the products are of taps inside the image."""
    if is_pointwise(problem):
        return _pointwise(problem)
    width, taps = problem.plane[1], math.prod(problem.filter)
    if is_few(problem):
        return bank_of(problem).groups * width * _few(problem, taps * inside)
    pitch = problem.plane_in[1] * problem.stride[0] / problem.stride[1]
    across = pitch.is_integer() and width <= pitch < width + LEAST // 2  # tiles go on to next rows
    flat = pitch == width and is_inside(problem, 0) and is_inside(problem, 1)
    product = WORK.product * (1 if inputs_apart(problem) else _first(problem))
    if flat and inputs_apart(problem):  # pixels lie as copied ones do
        product = WORK.copied
    placed = 0 if flat else WORK.placed * sum(problem.filter)
    product *= taps * bank_of(problem).inputs * inside
    beside, total = WORK.tile + WORK.tap * taps + placed, 0.0
    for weights in blocks_of(problem):
        most = pixels_of(problem, weights)
        tiles = pitch / most if across else -(-width // most)
        pixels = most if across else max(LATENCY, -(-width // tiles))
        total += tiles * _share(problem, weights) * (product * pixels + beside)
    return bank_of(problem).groups * total + _turned(problem)


def _first(problem: Problem) -> float:
    """How long a product takes where channels' pixels lie in pages of their own.

    As if images were square: see `copy_of`.
    """
    plane = problem.plane_in[1] ** 2 * problem.sums.itemsize
    pages = bank_of(problem).inputs * min(1, plane / machine.PAGE_BYTES)
    return WORK.first + WORK.paged * max(0, 1 - PAGES / max(1, pages))


def _pointwise(problem: Problem) -> float:
    """Where outputs go as a run."""
    bank, lanes, how = bank_of(problem), lanes_of(problem), run_of(problem)
    vectors = bank.outputs / lanes if how == MANY else -(-bank.outputs // lanes)
    vector, channel = RUN[how]
    each = vectors / (period_of(problem) if how == FEW_RUN else 1)
    copied = WORK.cell + WORK.near * bank.inputs if problem.stride[1] > 1 else 0
    return problem.plane[1] * (each * (vector + channel * bank.inputs) + copied)


def copied(problem: Problem, copy: Copy, halo: float) -> float:
    """Where as many rows are copied as that, times those of the image that it needs."""
    bank, (rows, columns) = bank_of(problem), problem.filter
    loops, blocks = rows if copy.tap == 1 else rows * columns, blocks_of(problem)
    weights = rows * columns * bank.inputs * VECTORS * machine.VECTOR_BYTES
    crowded = copy.runs > 1 and weights > machine.L2_BYTES // 4
    product = WORK.copied * (CROWDED if crowded else 1)
    each, beside = product * rows * columns * bank.inputs, WORK.tile + WORK.tap * loops
    shares = {n: _share(problem, n) * (each + beside / pixels_of(problem, n)) for n in set(blocks)}
    every = _few(problem, rows * columns) if is_few(problem) else sum(shares[n] for n in blocks)
    runs = len(copy.phases) * halo * copy.runs * (FEW.moved if is_few(problem) else 1)
    moved = runs * (WORK.run * _vectors(problem) + copy.run * _cell(problem, copy))
    return bank.groups * (copy.pitch * every + moved) + _turned(problem)


def _few(problem: Problem, taps: float) -> float:
    """Of a pixel of tiles, where outputs are few, of so many taps inside the image."""
    parts, rest = channel_lanes(problem) // lanes_of(problem), 0.0
    if not inputs_apart(problem) and bank_of(problem).inputs % lanes_of(problem):
        rest = FEW.rest
    tap = FEW.tap + rest
    return sum(
        (FEW.tile + taps * (tap + parts * FEW.part[n - 1])) / pixels_of(problem, n)
        for n in blocks_of(problem)
    )


def _share(problem: Problem, weights: int) -> float:
    """What a block of so many weights takes of one of two vectors."""
    lanes = lanes_of(problem)
    return weights * (WORK.single if weights == lanes else 1) / (VECTORS * lanes)


def _turned(problem: Problem) -> float:
    """Of turning a row's outputs, or of storing the last ones of each pixel."""
    if is_few(problem):
        return 0
    if outputs_apart(problem):
        rest = bank_of(problem).filters % lanes_of(problem) != 0
        return rest * WORK.rest * bank_of(problem).groups * problem.plane[1]
    return WORK.turned * problem.maps[1] * problem.plane[1]


def _vectors(problem: Problem) -> int:
    """Of channels that are turned one after another."""
    return 1 if inputs_apart(problem) else -(-bank_of(problem).inputs // lanes_of(problem))


def _cell(problem: Problem, copy: Copy) -> float:
    """Of copying a cell."""
    inputs = bank_of(problem).inputs
    if inputs_apart(problem):
        return WORK.cell + WORK.near * inputs
    turns = inputs >= lanes_of(problem) and copy.step <= VECTORS
    return (WORK.turn if turns else WORK.apart) * inputs
