"""What the method costs, in floating-point operations of the direct one, and so its tiles."""

import math
from functools import lru_cache

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import bank_of, cycle, inputs_apart, lanes_of, outputs_apart
from .able import (
    NARROW,
    across_of,
    has_pairs,
    kind_of,
    pixels_can,
    sift_of,
    sifted,
    strips_cannot,
    turned_of,
)
from .level import FlatWork, flat_of, flat_work
from .strip import outputs

# Of the time that the peak allows for the products of a vector and an input row, and the work of
# a plane beside.  What memory takes comes on top; most of the sweep hides behind it.  Milliseconds
# for 32 images on one core, of which memory: 144 x 56 x 56 2.2, 1.9; 240 x 14 x 14 at 5x5 0.51,
# 0.20; 96 x 28 x 28 at 7x7 1.34, 0.33 (Zen 5, 2026-11).  For 16 registers, where many taps and sums
# do not fit, as planes of 5 x 6 to 36 x 37 have it, within 0.85 and 1.2 (Sapphire Rapids VM, AVX2,
# 2026-11).
VECTOR_SHARE = machine.ISA.choose({
    32: {3: 0.4, 5: 0.7, 7: 0.8}, 16: {3: 2.0, 5: 1.37, 7: 1.16},
})  # fmt: skip
PLANE_WORK = machine.ISA.choose({32: 300, 16: 7000})
# And of one that does not go together with the next ones, where others do: one of two filters, or
# copied, 3x3 on 5 x 6 pixels, 60 and 75 ns, else 16 (Sapphire Rapids VM, AVX-512, 2026-11).
ALONE_WORK = machine.ISA.choose({32: 12500, 16: 0, "NEON": 0})
# Cycles of a vector of channels of one output, where channels lie side by side; with AVX-512 on a
# Zen 4 VM (2026-11; on a Sapphire Rapids VM 13, 42 and 110, on Zen 5 5, 18 and 40).
SIDE_CYCLES = machine.ISA.choose({
    32: {3: 9.5, 5: 26.0, 7: 72.0}, 16: {3: 11.5, 5: 38.0, 7: 75.0},
})  # fmt: skip
# The same by tiles of pixels, of a tap and beside them; and where outputs share pixels along rows.
# Microseconds without that and so, 3x3 dilated: 24 images of 14 x 15 pixels of 22 channels 121, 55;
# 7 of 8 x 9 of 423 172, 80 (Sapphire Rapids VM, AVX-512, 2026-11).
# Under AVX2 there so, and without it: 4 images of 63 x 64 of 122, dilated, every second output 290,
# 585; 4 of 40 x 41 of 100 446, 624; 5x5 4 of 28 x 29 of 96 267, 365 (Zen 4 VM, 2026-11).  The costs
# of several filters are those of turned planes and these, the mean (there, AVX-512).  By
# the first numbers 13 images of 122 x 123 of 17 channels at 7x7 take 6.0 ms, `planes` 11.3; 2 of
# 95 x 96 of 153, two filters each, 12.0 and 29.3; by (2.0, 12.0) and (1.5, 9.0) `planes` seemed to
# take less (there, AVX-512).
TAP_CYCLES, STORE_CYCLES = machine.ISA.choose({32: (1.3, 8.0), 16: (0.65, 4.0)})
SEVERAL_TAP_CYCLES, SEVERAL_STORE_CYCLES = machine.ISA.choose({32: (1.1, 7.0), 16: (0.65, 4.0)})
ACROSS_TAP_CYCLES, ACROSS_STORE_CYCLES = 0.9, 6.0
# Filters from this size on have tiles of pixels first, where those of rows could do it, too: these
# want registers.  Microseconds so and by rows for 32 x 64 pixels of 96 channels: 3x3 113, 144, 5x5
# 215, 494; for 17 x 18 pixels at 3x3 17, 12; 20 x 22 x 23 of 283 5800, 1900 (Zen 3 VM, 2026-11).
# With NEON, by llvm-mca's model of neoverse-v1, 0.5 cycles for a product and 1.3.
PIXELS_FROM = machine.ISA.choose({32: 7, 16: 5, "NEON": 5})
# And smaller ones, where outputs share pixels, of rows of so many outputs that no near cache holds.
# Microseconds by rows and so: 4 images of 90 x 91 pixels of 187 channels 3060, 2410, 20 of 27 x 28
# of 362 2800, 2430, 7 of 70 x 71 of 22 376, 288; but one of 52 x 53 of 22 21, 27, 27 of 9 x 10 of
# 273 266, 340 (Sapphire Rapids VM, AVX-512, 2026-11).  With 16 registers never: 4 images of 90 x 91
# of 187 5510, 8800; every second output of 64 x 65 of 326 295, 427 (Zen 4 VM, AVX2, 2026-11).
LONG_ROW, FAR_BYTES = machine.ISA.choose({32: (14, 2 * machine.L2_BYTES), 16: (14, math.inf)})
# Of a pixel that is read, and an output that is written, by itself (1.4 and 1.1 ns there; with
# AVX-512 as `layer.work` has it); and what is left of the first where a line has the pixels of many
# columns: of 2 and 5 channels this costs 0.6 and 0.95 of what it would (Zen 4 VM, AVX2, 2026-11).
GATHER_CYCLES, SCATTER_CYCLES = machine.ISA.choose({32: (2.4, 0.9), 16: (2.5, 1.9)})
NEAR = 0.4
# Of a pixel that is read between others of its row.  Time over that of `direct`, the next best, for
# 3x3 of every second output dilated by 2: 382 channels of 19 x 20 0.44, 181 of 14 x 15 0.42, 315 of
# 118 x 119 0.65 (Sapphire Rapids VM, AVX-512, 2026-11); under AVX2 there 0.56, 0.46, 0.49.
# With AVX-512, too: 191 channels of 58 x 59, two filters each, 0.13 ms, 0.28 (Zen 4 VM, 2026-11).
SIFT_CYCLES = 0.4
# Of a pixel of planes that are turned, a result that is turned back, and a row of results of all
# channels as are turned at a time; then of a tap and beside them for one and for several filters.
# Within 0.75 and 1.25 of the time of planes of 5 x 6 to 36 x 37.  Nanoseconds a plane by strips and
# so: 3x3 on 5 x 6 88, 35, 8 x 9 106, 77, 11 x 12 124, 139; of every second output 81 13, 79 31, 101
# 58, of 24 x 25 221, 297; 5x5 on 5 x 6 110, 52, every second output 106, 19; 7x7 of 24 x 25 of
# every second 661, 468 (Sapphire Rapids VM, AVX2, 2026-11).  With AVX-512 16, 30 for 3x3 on 5 x 6,
# but 136, 47 for two filters each and 78, 18 for every second output dilated by 2.
TURN_CYCLES, BACK_CYCLES, TURNED_ROW_CYCLES = machine.ISA.choose({
    32: (0.5, 0.8, 150.0), 16: (0.57, 1.1, 150.0),
})  # fmt: skip
TURNED_CYCLES = machine.ISA.choose({
    32: ((0.9, 6.0), (1.1, 12.0)), 16: ((0.65, 3.0), (0.65, 3.0)),
})  # fmt: skip
# Of flat rows, so many cycles for each: the 10th and 90th percentile of what is predicted of 60
# layers of 2 to 39 channels, by their time, are 0.71 and 1.12.  Microseconds by strips or pixels
# and so, 3x3: 24 images of 41 x 42 of 4 channels 207, 82, 4 of 52 x 53 of 3, dilated, 44, 22, 2 of
# 126 x 127 of 3 of every second output 63, 37; 7x7 15 of 51 x 52 of 4 380, 217; with AVX-512 220,
# 80, 63, 19 (Zen 4 VM, AVX2, 2026-11).
FLAT = machine.ISA.choose({
    32: FlatWork(tap=1.1, move=3.0, run=3.6, row=65.0),
    16: FlatWork(tap=0.88, move=3.9, run=3.4, row=106.0),
})  # fmt: skip
# The same where several filters share an image: little is read that the sweep could hide behind,
# and under AVX2 each copies its rows.  Cycles of a vector as predicted with 1.75 and 1, and found:
# 3x3 6.5, 13; AVX2 3x3 9, 12.5, 5x5 17, 22, 7x7 28, 45 (Zen 4 VM, 2026-11).
SHARED: dict[int, float] = machine.ISA.choose({
    32: {3: 3.5, 5: 1.75, 7: 1.75}, 16: {3: 1.4, 5: 1.3, 7: 1.55},
    "NEON": {3: 1.75, 5: 1.75, 7: 1.75},
})  # fmt: skip
# And what an output of those takes that no near cache holds, of rows of several strips: with 3 of
# 3x3 over 37 images of 134 x 137 22 cycles a vector, where others take 13; with 10 of 5x5 over 11
# of 191 x 194 39, 28 (there, AVX-512).
FAR_OUTPUT, STRIPS = machine.ISA.choose({32: 25, 16: 15}), 4


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    return _flat_cost(problem) if by_flat(problem) else _other_cost(problem)


def _other_cost(problem: Problem) -> float:
    """By other ways than flat rows."""
    if by_pixels(problem):
        return _pixels_cost(problem)
    if by_turns(problem):
        return _turned_cost(problem)
    if outputs_apart(problem) and _side_by_side(problem):
        channels = -(-problem.maps[1] // lanes_of(problem))
        vectors = math.prod(problem.plane) * problem.maps[0] * channels
        return cycle(problem) * SIDE_CYCLES[kind_of(problem).size] * vectors
    return _strips_cost(problem)


@lru_cache(maxsize=256)
def by_flat(problem: Problem) -> bool:
    """Whether flat rows do it."""
    if not flat_of(problem):
        return False
    others = pixels_can(problem) or not strips_cannot(problem)
    return not others or _flat_cost(problem) < _other_cost(problem)


def by_pixels(problem: Problem) -> bool:
    """Whether tiles of pixels do it where channels are runs in memory, too."""
    if not pixels_can(problem):
        return False
    if strips_cannot(problem) or problem.dilation != (1, 1):
        return True
    bank, shared = bank_of(problem), across_of(problem)
    if bank.channels < lanes_of(problem):
        return _pixels_cost(problem) < _strips_cost(problem)
    far = problem.bytes > FAR_BYTES and problem.plane[1] >= LONG_ROW
    return bank.filters > 1 or problem.filter[0] >= PIXELS_FROM or bool(far and shared)


def by_rows(problem: Problem) -> bool:
    """Whether a unit is a row of all channels, which lie side by side.

    Bands of channels go through all of the image, a vector or two of each pixel: of one image they
    took two threads twice the time of one.  Microseconds on two by those and by these: 96 channels
    of 112 x 112, every second output, 462, 224; 144 of 56 x 56 465, 169; 192 of 28 x 28 129, 79
    (Sapphire Rapids VM, AVX-512, 2026-11).
    """
    apart = inputs_apart(problem) and outputs_apart(problem)
    return apart and (by_flat(problem) or by_pixels(problem) or _side_by_side(problem))


def _flat_cost(problem: Problem) -> float:
    """By flat rows."""
    cycles = sum(n * each for n, each in zip(flat_work(problem), FLAT, strict=True))
    return cycle(problem) * cycles


def _pixels_cost(problem: Problem) -> float:
    """By tiles of pixels."""
    bank, taps = bank_of(problem), math.prod(problem.filter)
    tap, store = TAP_CYCLES, STORE_CYCLES
    if bank.filters > 1:
        tap, store = SEVERAL_TAP_CYCLES, SEVERAL_STORE_CYCLES
    if across_of(problem):
        tap, store = ACROSS_TAP_CYCLES, ACROSS_STORE_CYCLES
    vectors = bank.filters * -(-bank.channels // lanes_of(problem))
    tiles = math.prod(problem.plane) * problem.maps[0] * vectors
    return cycle(problem) * (tap * taps + store) * tiles


def by_turns(problem: Problem) -> bool:
    """Whether tiles of pixels do it, of planes whose channels are turned into lanes."""
    if not turned_of(problem):
        return False
    return bool(strips_cannot(problem)) or _turned_cost(problem) < _strips_cost(problem)


def _turned_cost(problem: Problem) -> float:
    """By planes that are turned."""
    turned, problem = turned_of(problem), sifted(problem)
    bank, lanes, (rows, columns) = bank_of(problem), lanes_of(problem), problem.plane
    assert turned
    moved = TURN_CYCLES * math.prod(problem.plane_in) + BACK_CYCLES * bank.filters * rows * columns
    tap, store = TURNED_CYCLES[bank.filters > 1]
    outputs = rows * -(-columns // NARROW) * NARROW * bank.filters
    tile = (tap * math.prod(problem.filter) + store) / lanes
    each = moved + outputs * tile + TURNED_ROW_CYCLES * rows / turned.wide
    return cycle(problem) * problem.maps[0] * bank.channels * each


def _strips_cost(problem: Problem) -> float:
    """Plane by plane."""
    seen = sifted(problem)
    each = _plane_work(seen) + PLANE_WORK
    if sift_of(problem) > 1 or bank_of(problem).filters > 1:
        each += ALONE_WORK
    if sift_of(problem) > 1:
        each += cycle(problem) * SIFT_CYCLES * math.prod(seen.plane_in)
    if inputs_apart(problem):
        each += cycle(problem) * GATHER_CYCLES * _lines(problem) * math.prod(seen.plane_in)
    if outputs_apart(problem):
        each += cycle(problem) * SCATTER_CYCLES * math.prod(problem.plane)
    return problem.maps[0] * problem.maps[1] * each


def _lines(problem: Problem) -> float:
    """Of what a pixel between those of many channels takes, that between so few."""
    size = bank_of(problem).channels * problem.sums.itemsize
    return NEAR + (1 - NEAR) * min(1, 3 * size / machine.CACHE_LINE)


def _plane_work(problem: Problem) -> float:
    """Of the products of a plane."""
    kind, lanes, (rows, columns) = kind_of(problem), lanes_of(problem), problem.plane
    vectors = 0.5 if has_pairs(problem) else -(-columns // outputs(kind, lanes))
    swept = rows * (kind.stride + 1) / 2
    products = 2 * kind.size**2 * swept * vectors * lanes
    work = VECTOR_SHARE[kind.size] * products
    if bank_of(problem).filters == 1:
        return work
    far = problem.passing > machine.STREAM_BYTES // 2 and columns > STRIPS * lanes
    return work * SHARED[kind.size] + far * FAR_OUTPUT * rows * columns


def _side_by_side(problem: Problem) -> bool:
    """Whether `last` serves it."""
    channels = problem.maps[1]
    return bank_of(problem).filters == 1 and channels >= lanes_of(problem)
