"""What channel lanes, channels of few outputs and runs take, in cycles: measured numbers.

A cycle is one in which two vectors are multiplied and added.
"""

from typing import NamedTuple

from ...codegen import machine
from .numbers import FEW as FEW_RUN, MANY, SINGLE, WIDE

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
    skipped : float
        Of a product that a pixel takes which a tile across rows' ends leaves out.
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
    skipped: float
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
# Pixels that are skipped with 32 registers, and the last tile of copies, by 87 layers drawn at
# random, each in place and copied both ways: what is chosen takes 1.014 of the better, without them
# up to 1.9.  Milliseconds copied, in place: 60 -> 167 channels of 8 x 9 at 5x5, every second
# output, 1.31, 0.70; 125 -> 380 of 5 x 6 0.76, 0.50 (Zen 4 VM, AVX-512, 2026-11).  Pages cost
# nothing there: of 80 layers of 16 to 490 channels to 9 to 240 at 3x3 and 5x5, planes of 6 x 6 to
# 91 x 91, all but one are faster in place, 450 -> 29 of 19 x 20 at 5x5, every second output, 5.1
# for 7.7; 442 -> 30 of 82 x 82 13.3, 12.4 copied (2026-12).  There a single vector of filters takes
# 1.1 for 1.3, a tile and a tap 30 and 4 cycles for 56 and 7: of 60 layers to 3 to 9 filters, last.
WORK = machine.ISA.choose({
    32: Work(1.04, 0.95, 1.1, 0, 0.6, 1.1, 30, 4, 0, 0.3, 0, 0.3, 0.4, 1.73, 3.5, 8),
    16: Work(0.95, 0.85, 1.15, 0.6, 0.6, 1.2, 49, 8.7, 5.1, 0.54, 11, 0.45, 0.8, 1.73, 3.5, 8),
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
    near : float
        How much longer tiles take where channels come last, pixels of no whole lines.
    moved : float
        How much longer copies take, which wait for the memory.
    rest : float
        Of a tap whose channels fill no whole vectors, where they are copied.
    """

    tile: float
    tap: float
    part: tuple[float, ...]
    unit: float
    near: float
    moved: float
    rest: float


# Of 60 layers drawn at random, the middle half within 0.76 and 1.12 of the time (Zen 3 VM, AVX2,
# 2026-11).  Of torch, channels last, to this, in ms: 3x3 255
# -> 1 @ 28 10.5, 3.5 (14.6 with outputs in lanes), 7x7 46 -> 1 @ 72 65, 14 (86), 5x5 220 -> 2 @ 20
# 1.3, 0.39 (3.0), 1x1 61 -> 1 @ 88 0.21, 0.34 (0.64).
# With 32 registers a tile has 14 pixels for 6, and as many lanes more to sum up.  By least squares
# of the times of layers of 3 to 200 channels to 1 to 9 filters, first and last, the middle half
# within 0.95 and 1.06, under AVX2 of copied ones within 0.95 and 1.06 (Zen 4 VM, 2026-11).
FEW = machine.ISA.choose({
    32: Few(45, 0.5, (11, 14.5), 1000, 1.25, 0.75, 2),
    16: Few(75, 5.8, (8.4, 5.7), 400, 1.25, 0.56, 0),
})  # fmt: skip
# A vector of outputs that go as a run, and each of its channels; 4 images of 130 x 133 pixels of 1
# and 3 channels to 2, last, 10 and 17 microseconds (there, AVX-512).
RUN = machine.ISA.choose({
    32: {FEW_RUN: (1.5, 0.8), MANY: (4, 1.5), SINGLE: (2, 0.45), WIDE: (3.5, 0.55)},
    16: {MANY: (4, 1), SINGLE: (1, 0.55), WIDE: (1.75, 0.5)},
})  # fmt: skip
