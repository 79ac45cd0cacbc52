"""Cycles of a row of output, by what pixels are read from; and so whether they are copied.

A cycle is one in which two vectors are multiplied and added.
"""

import math
from functools import lru_cache

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
from .copies import Copy, fitting, row_bytes
from .inside import is_inside, square_share
from .numbers import FEW as FEW_RUN, MANY
from .rates import FEW, LATENCY, PAGES, RUN, WORK
from .table import LEAST, MOST, VECTORS

# Copies must pay by so much, for what they do to the caches.
MARGIN = 0.95
# How long products take where each output has cells of its own for every filter column and the
# weights fill much of the second-level cache: 107 -> 104 channels of 12 x 13 at 5x5 took 1.25 of
# the time in place so (Zen 3 VM, AVX2, 2026-11).
CROWDED = machine.ISA.choose({32: 1.05, 16: 1.2})
# How long products of few outputs take where such cells fill that cache, from which each block of
# filters reads them again: 239 -> 9 channels of 11 x 12 at 5x5, dilated, by cells and by columns as
# they lie, which are 1.67 times as many pixels, 3.48 and 2.82 ms, under AVX2 3.54 and 2.75 (Zen 4
# VM, 2026-11).
FAR = 2.0
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
    able = {copy: copied(problem, copy, halo, problem.plane[1]) for copy in fitting(problem)}
    best = min(able, key=lambda copy: able[copy], default=None)
    near = MARGIN * in_place(problem, square_share(problem))
    pays = best and (is_few(problem) or able[best] < near)
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
    beside, total = WORK.tile + WORK.tap * _loops(problem) + placed, 0.0
    for weights in blocks_of(problem):
        most = pixels_of(problem, weights)
        tiles = pitch / most if across else -(-width // most)
        pixels = max(LATENCY, -(-width // tiles))
        if across:
            pixels = (width + WORK.skipped * (pitch - width)) / tiles
        total += tiles * _share(problem, weights) * (product * pixels + beside)
    return bank_of(problem).groups * total + _turned(problem)


def _loops(problem: Problem) -> float:
    """Taps of a tile; filter rows where channels of neighbours follow one another inside."""
    rows, columns = problem.filter
    joins = inputs_apart(problem) and problem.dilation[1] == 1
    inner = joins * max(0, 1 - 2 * MOST / problem.plane[1])
    return rows * (inner + (1 - inner) * columns)


def _first(problem: Problem) -> float:
    """How long a product takes where channels' pixels lie in pages of their own.

    As if images were square: see `copy_of`.  Those of one tap are fetched early.
    """
    if math.prod(problem.filter) == 1:
        return WORK.first
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


def copied(problem: Problem, copy: Copy, halo: float, height: int) -> float:
    """Where as many rows are copied as that, times those of the image that it needs.

    ``height``: rows of output that tiles go across.
    """
    bank, (rows, columns) = bank_of(problem), problem.filter
    loops, blocks = rows if copy.tap == 1 else rows * columns, blocks_of(problem)
    weights = rows * columns * bank.inputs * VECTORS * machine.VECTOR_BYTES
    crowded = copy.runs > 1 and weights > machine.L2_BYTES // 4
    product = WORK.copied * (CROWDED if crowded else 1)
    if math.prod(problem.filter) == 1 and not inputs_apart(problem):  # nor do copies save a miss
        product *= _first(problem)
    each, beside = product * rows * columns * bank.inputs, WORK.tile + WORK.tap * loops
    area, shares = max(1, height * copy.pitch), {}
    for n in set(blocks):
        pixels = pixels_of(problem, n)
        tiles = -(-area // pixels)  # the last one is computed as if it were full
        shares[n] = _share(problem, n) * (each * pixels + beside) * tiles / area
    every = sum(shares[n] for n in blocks)
    if is_few(problem):
        far = copy.runs > 1 and height * row_bytes(problem, copy) > machine.L2_BYTES
        every = _few(problem, rows * columns) * (FAR if far else 1)
    runs = len(copy.phases) * halo * copy.runs * (FEW.moved if is_few(problem) else 1)
    moved = runs * (WORK.run * _vectors(problem) + copy.run * _cell(problem, copy))
    return bank.groups * (copy.pitch * every + moved) + _turned(problem)


def _few(problem: Problem, taps: float) -> float:
    """Of a pixel of tiles, where outputs are few, of so many taps inside the image."""
    parts, rest = channel_lanes(problem) // lanes_of(problem), 0.0
    if not inputs_apart(problem) and bank_of(problem).inputs % lanes_of(problem):
        rest = FEW.rest
    tap = FEW.tap + rest
    cycles = sum(
        (FEW.tile + taps * (tap + parts * FEW.part[n - 1])) / pixels_of(problem, n)
        for n in blocks_of(problem)
    )
    return cycles * (FEW.near if inputs_apart(problem) else 1)


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
