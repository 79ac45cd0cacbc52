"""Depthwise method: each filter sees one channel, and planes are small.

Every output plane is swept once, row by row, with its sums in registers (`sweep`).  Wins where a
plane is a few vectors wide, so that a border is a large part of it: rows are read in place, under
masks at their ends (`strip`).  Images whose channels lie side by side have tiles of their own
(`channels`), and where there are as many as a vector holds, any filter, stride and dilation have
(`pixels`).  Relies else on square filters of 3, 5 or 7 taps a side and at most every second output,
and on a border of zeros.

Its bound is memory.  32 x 144 x 56 x 56 float32 take 2.0 / 1.75 ms with one / two threads, where a
loop of loads and non-temporal stores takes 1.8 / 1.7; every second output of them 1.1 / 0.87, the
loop 1.4 / 0.88 (Zen 5, 2026-11).

A unit is an output plane, counted over all images.  Start reading at `sweep.py`, then `strip.py`
and `kernel.py`.
"""

import math

import numpy as np

from ...codegen import machine
from ...problem.bands import split_rows
from ...problem.dtypes import FLOAT32, FLOAT64, Array
from ...problem.problem import Problem
from ...runtime.crew.record import MAPS
from ..kernels import Taps, kernels_of
from ..usual import (
    anywhere as anywhere,
    bank_of,
    cycle,
    error as error,
    fill as fill,
    grain as grain,
    inputs_apart,
    lanes_of,
    outputs_apart,
    selects as selects,
    sums as sums,
    unasked as unasked,
)
from . import kernel as k
from .able import by_pixels, kind_of, pixels_can, strips_cannot
from .numbers import has_pairs, layout as layout, workspace as workspace
from .strip import outputs

UNIT = "planes"
# Of the time that the peak allows for the products of a vector and an input row, and the work of
# a plane beside.  What memory takes comes on top; most of the sweep hides behind it.  Milliseconds
# for 32 images on one core, of which memory: 144 x 56 x 56 2.2, 1.9; 240 x 14 x 14 at 5x5 0.51,
# 0.20; 96 x 28 x 28 at 7x7 1.34, 0.33 (Zen 5, 2026-11).  For 16 registers as 73 layers drawn at
# random have it, the middle 90 % within 0.6 and 1.3 (Zen 3, AVX2, 2026-11): many taps and sums do
# not fit there.
VECTOR_SHARE = machine.ISA.choose({
    32: {3: 0.4, 5: 0.7, 7: 0.8}, 16: {3: 2.3, 5: 1.25, 7: 1.1},
})  # fmt: skip
PLANE_WORK = machine.ISA.choose({32: 300, 16: 3900})
# Cycles of a vector of channels of one output, where channels lie side by side.
SIDE_CYCLES = machine.ISA.choose({
    32: {3: 5.0, 5: 18.0, 7: 40.0}, 16: {3: 11.5, 5: 38.0, 7: 75.0},
})  # fmt: skip
# The same by tiles of pixels: of a tap, and beside them.
TAP_CYCLES, STORE_CYCLES = 0.65, 4.0
# Of a pixel that is read, and an output that is written, by itself (1.4 and 1.1 ns there).
GATHER_CYCLES, SCATTER_CYCLES = 2.5, 1.9
# The same where several filters share an image: little is read that the sweep could hide behind.
# Milliseconds for 512 images of 28 x 28 under 32 filters, and predicted without / so: 5x5 3.5,
# 2.3 / 3.6; 7x7 6.6, 4.0 / 6.5 (Zen 5, 2026-11).
SHARED = machine.ISA.choose({32: 1.75, 16: 1.0})
FEW = 4  # of the bands that are asked for one is enough


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    bank = bank_of(problem)
    if bank.inputs > 1:
        return f"each filter sums over {bank.inputs} channels"
    if not problem.image_dtype == problem.compute == problem.dtype in (FLOAT32, FLOAT64):
        return "it computes in the type of the image and of the result, float32 or float64"
    if problem.boundary != ("constant", "constant") or problem.cval != 0:
        return "it has a border of zeros"
    return None if pixels_can(problem) else strips_cannot(problem)


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    if by_pixels(problem):
        taps, bank = math.prod(problem.filter), bank_of(problem)
        vectors = bank.filters * -(-bank.channels // lanes_of(problem))
        tiles = math.prod(problem.plane) * problem.maps[0] * vectors
        return cycle(problem) * (TAP_CYCLES * taps + STORE_CYCLES) * tiles
    if outputs_apart(problem) and _side_by_side(problem):
        channels = -(-problem.maps[1] // lanes_of(problem))
        vectors = math.prod(problem.plane) * problem.maps[0] * channels
        return cycle(problem) * SIDE_CYCLES[kind_of(problem).size] * vectors
    each = _plane_work(problem) + PLANE_WORK
    if inputs_apart(problem):
        each += cycle(problem) * GATHER_CYCLES * math.prod(problem.plane_in)
    if outputs_apart(problem):
        each += cycle(problem) * SCATTER_CYCLES * math.prod(problem.plane)
    return units(problem) * each


def _plane_work(problem: Problem) -> float:
    """Of the products of a plane."""
    kind, lanes, (rows, columns) = kind_of(problem), lanes_of(problem), problem.plane
    vectors = 0.5 if has_pairs(problem) else -(-columns // outputs(kind, lanes))
    swept = rows * (kind.stride + 1) / 2
    products = 2 * kind.size**2 * swept * vectors * lanes
    share = VECTOR_SHARE[kind.size] * (SHARED if bank_of(problem).filters > 1 else 1)
    return share * products


def _side_by_side(problem: Problem) -> bool:
    """Whether `last` serves it."""
    channels = problem.maps[1]
    return bank_of(problem).filters == 1 and channels >= lanes_of(problem)


def prepare(problem: Problem, g: Array) -> Taps:
    """The filters one after another, then their taps, each of all filters; read-only.

    There the first filters of all channels come first, then the second ones, and so on.
    """
    filters, each = g.astype(problem.sums).reshape(len(g), -1), bank_of(problem).filters
    taps = filters.reshape(-1, each, filters.shape[1]).transpose(2, 1, 0)
    return Taps(np.concatenate([filters.ravel(), taps.ravel()]))


# --- the problem as numbers ----------------------------------------------------------------------


def units(problem: Problem) -> int:
    """Output planes."""
    batch, outputs, _, _ = problem.maps
    return batch * outputs


def regions(problem: Problem, start: int, stop: int) -> list[tuple[int, int]]:
    """Where planes ``[start, stop)`` lie in the result's maps."""
    return [divmod(unit, bank_of(problem).outputs) for unit in range(start, stop)]


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """About so many bands of whole planes: vectors of them, where there are enough.

    A band of fewer channels than a vector has lanes is slow where channels lie side by side, or
    one that parts the filters of a channel.
    """
    planes, each = units(problem), bank_of(problem).filters if by_pixels(problem) else 1
    vector = each * lanes_of(problem)
    return split_rows(planes, parts, vector if FEW * planes >= parts * vector else each)


def least_band(problem: Problem) -> int:
    """Planes of a band that is worth handing out."""
    return -(-4096 // max(1, problem.plane[0] * problem.plane[1]))


kernels = kernels_of(k.kernel, axes=MAPS)
