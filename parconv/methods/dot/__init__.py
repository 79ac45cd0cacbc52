"""Dot products of bytes: four taps in one instruction, exact sums of 8-bit images in int32.

Wins for integer filters on 8-bit images where the machine has the instruction (`vpdpbusd`: AVX-512
VNNI or AVX-VNNI), which multiplies 256 pairs of bytes in a cycle where 64 floats would be.  Relies
on taps that fit int8 and sums that fit int32, stride 1, and taps at most four bytes apart.

Start reading at `tile.py` (the inner loop), then `kernel.py` (rows of output from packed bytes).
"""

import itertools
import math
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.layout import geometry, odd_lines, up
from ...problem.bands import split_rows
from ...problem.dtypes import FLOAT32, Array, DType, kernel_dtype
from ...problem.filter import Filter
from ...problem.problem import Problem
from ...problem.traits import UNSEEN
from ..kernels import Taps, kernels_of
from ..usual import (
    UNIT as UNIT,
    anywhere as anywhere,
    error as error,
    grain as grain,
    regions as regions,
    selects as selects,
    unasked as unasked,
    units as units,
)
from . import kernel as k
from .kernel import L
from .tile import (
    ADJACENT,
    APART,
    CROSSED,
    CROSSED_ROWS,
    GROUP,
    ORDERS,
    ROWS,
    TOGETHER,
    WIDEST_STEP,
    WIDTH,
    column_ends,
)

INT32: DType = np.dtype(np.int32)
BLOCK = 8 * ROWS  # rows of output for which rows are packed: the halo is packed again
LONGEST = 69 * machine.CACHE_LINE  # packed row: one of 4096 outputs fits
BAND_TILES = 10  # least height of a band, in rows of tiles
# In operations of the direct method in float32, which take as long: four products with neighbouring
# taps (an instruction does 16 such, and takes as long as one of 16 multiply-adds); four with taps
# that lie apart; what a call does before them.  A group of fewer filter rows than LEAST_ROWS takes
# as long as one of so many, for its windows.
# Microseconds of direct / this for uint8 to uint8, one core (Zen 5, 2026-11): 28 x 28 at 3x3
# 2.3 / 2.4, 64 x 64 at 5x5 4.0 / 3.5, 256 x 256 at 3x3 11.1 / 8.8, 1024 x 1024 at 3x3 142 / 68,
# 7x7 451 / 153, 11x11 1015 / 308, 9x1 135 / 102, 1x9 179 / 106; colour, 2160 x 3840 at 5x5, 2250.
# On a Sapphire Rapids VM 27 x 45 at 5x5 take 1.9 / 3.2, 64 x 48 3.2 / 4.4 (2026-11).
FOUR_COST, FOUR_APART_COST, LEAST_ROWS = 2.0, 2.4, 3
# Of a row of results, for its tiles' windows and what is packed, and of a call.  Regret of 7000
# images of 16 x 16 to 100 x 100 bytes, gray and colour, at 3x3 to 15x15 beside the direct method,
# with 200,000 of a call and so: results int64 mean 1.026, 1.009, 99th percentile 1.39, 1.22; of
# 4900 to bytes and int32 1.029, 1.008, 1.38, 1.16 (Zen 4 VM, 2026-11).
ROW_COST, CALL_COST = machine.ISA.choose({"AVX-512": (4500, 15_000), 16: (0, 100_000)})
MOST_BITS = 31 - 8  # of sum |g|: sums of bytes fit int32
SCRATCH_BYTES = 8 * machine.L2_BYTES
OFFSET = 1 << 7  # what pixels differ by when a bit is flipped, for the instruction


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    traits, cval = problem.traits, problem.cval
    if not machine.HAS_DOT:
        return "the machine has no dot products of bytes"
    if problem.image_dtype.char not in "?bB":
        return "it is for 8-bit images"
    if problem.compute.kind != "i" or problem.dtype.kind == "c":
        return "it sums integers"
    if not traits.int8 or traits.bits > MOST_BITS:
        unfit = "the filter's taps do not fit int8, or their sums int32"
        return unfit if traits.known else UNSEEN
    if problem.stride != (1, 1):
        return "it would compute every output, of which a stride keeps few"
    if _tap_step(problem) > WIDEST_STEP:
        return f"neighbouring taps lie more than {WIDEST_STEP} bytes apart"
    low, high = (-OFFSET, OFFSET - 1) if problem.image_dtype.kind == "i" else (0, 255)
    if not low <= cval.real <= high:
        return f"cval={cval} is no 8-bit pixel"
    if _beyond(problem) > LONGEST // 2 or (BLOCK + problem.span[0]) * LONGEST > SCRATCH_BYTES:
        return "the filter spans more than fits its scratch"
    return None


def sums(problem: Problem) -> DType:
    """The type that sums are formed in."""
    return INT32


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time.

    A group of few filter rows waits for its windows rather than for its products, and windows of
    taps apart take longer.
    """
    sizes = [len(group) for group in _groups(problem)]
    fours = sum(max(size, LEAST_ROWS) for size in sizes) * _fours(problem)
    if _order(problem) == CROSSED:
        fours += sum(len(column_ends(size)) for size in sizes)
    four = FOUR_COST if _tap_step(problem) == 1 else FOUR_APART_COST
    single = four * fours * math.prod(problem.shape) + ROW_COST * problem.planes * problem.plane[0]
    single += CALL_COST
    return single * FLOAT32.itemsize / problem.sums.itemsize


# --- the filter ----------------------------------------------------------------------------------


def _groups(problem: Problem) -> list[list[int]]:
    """Filter rows that go by together: neighbours, which share the rows of the image."""
    rows = np.arange(problem.filter[0])
    parts = len(rows) if problem.dilation[0] > 1 else -(-len(rows) // GROUP)
    return [part.tolist() for part in np.array_split(rows, parts)]


def _tap_step(problem: Problem) -> int:
    """Bytes from one tap of a row to the next."""
    return problem.dilation[1] if problem.filter[1] > 1 else 1


def _order(problem: Problem) -> str:
    """Which taps go by together."""
    rows, columns = problem.filter
    if _tap_step(problem) > 1:
        return APART
    one_left = columns > TOGETHER and columns % TOGETHER == 1
    shared = rows > 1 and problem.dilation[0] == 1
    return CROSSED if one_left and shared and CROSSED in ORDERS else ADJACENT


def _height(problem: Problem) -> int:
    """Rows of a tile."""
    return CROSSED_ROWS if _order(problem) == CROSSED else ROWS


def _fours(problem: Problem) -> int:
    """Fours of filter columns, but for a column that goes by in fours of its rows."""
    columns = problem.filter[1]
    return columns // TOGETHER if _order(problem) == CROSSED else -(-columns // TOGETHER)


def _flip(problem: Problem) -> int:
    """The bit of pixels that is flipped where the instruction wants the other kind of bytes."""
    signed = problem.image_dtype.kind == "i"
    return OFFSET if signed != machine.ISA.signed else 0


def _column(taps: Array) -> Array:
    """Fours of a group's last column, each of the taps that the one before has not."""
    ends = column_ends(len(taps))
    fours = np.zeros((len(ends), TOGETHER), np.int8)
    for four, (last, end) in zip(fours, itertools.pairwise([-1, *ends]), strict=True):
        four[last - end :] = taps[last + 1 : end + 1]
    return fours.view(np.int32).ravel()


def prepare(problem: Problem, g: Filter | Array) -> Taps:
    """What every sum begins with, then the taps, four in a number, as the tile reads them."""
    given = np.asarray(g)[::-1, ::-1] if problem.reflect else np.asarray(g)
    columns = TOGETHER * _fours(problem)
    taps = np.zeros((len(given), max(columns, given.shape[1])), np.int8)
    taps[:, : given.shape[1]] = given
    fours = np.ascontiguousarray(taps[:, :columns]).view(np.int32)
    offset = _flip(problem) if machine.ISA.signed else -_flip(problem)
    words = [np.array([offset * taps.sum(dtype=np.int64)], np.int32)]
    for group in _groups(problem):
        words.append(fours[group].T.ravel())
        if _order(problem) == CROSSED:
            words.append(_column(taps[group, -1]))
    values = np.concatenate(words)
    return Taps(values)


# --- the problem as numbers ----------------------------------------------------------------------


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands of whole tiles."""
    return split_rows(units(problem), parts, _height(problem))


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return ROWS * BAND_TILES


def _beyond(problem: Problem) -> int:
    """Bytes of a packed row that tiles read beyond those as many as their outputs."""
    return TOGETHER * (_fours(problem) * _tap_step(problem) + 3)


def _panel(problem: Problem) -> int:
    """Columns of output that are packed at a time, some more where one panel holds them all."""
    columns, room = problem.plane[1] + WIDTH, (LONGEST - _beyond(problem)) // WIDTH * WIDTH
    return up(-(-columns // -(-columns // room)), WIDTH)


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    groups, panel = _groups(problem), _panel(problem)
    row, block = odd_lines(panel + _beyond(problem), 1), min(BLOCK, up(problem.plane[0], ROWS))
    places = [(group[0] * problem.dilation[0], len(group)) for group in groups]
    sizes = _fours(problem), _tap_step(problem), len(groups)
    return L.pack(
        geometry(problem),
        channels=problem.channels,
        block=block,
        panel=panel,
        order=ORDERS.index(_order(problem)),
        height=_height(problem),
        results_at=(max(block, ROWS) + problem.span[0] - 1) * row,
        row_step=row,
        right=problem.plane_in[1] + problem.lead[1] - _beyond(problem),
        steps=[*sizes, *itertools.chain(*places)],
    )


def workspace(problem: Problem) -> int:
    """Numbers of scratch that one worker needs."""
    numbers = layout(problem)
    results = ROWS * numbers[L.panel] * kernel_dtype(problem.dtype).itemsize
    return int(numbers[L.results_at] + results) // INT32.itemsize


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant and the bits to flip, as bytes of pixels."""
    flip = _flip(problem)
    return np.array([int(problem.cval.real) % 256 ^ flip, flip], INT32)


kernels = kernels_of(k.kernel)
