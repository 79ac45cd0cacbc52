"""In which order results leave tiles.  Pure arithmetic."""

import math

from ...codegen import machine
from ...codegen.layout import up
from ...problem.problem import Problem
from .shape import shape_of, taps_of
from .tile import VECTORS
from .words import element, words

# Blocks of filters that see the pixels of a tile before the next tile's are looked at, where taps
# are few and results many: else rows of all filters are written by turns, each in a page of its
# own.  Microseconds of all and of 1, 2, 4 blocks: 24 images of 2 channels of 104 x 105 to 105 at
# 3x3 43600 12700 10900 12600; 2 of 1 of 121 x 122 to 267 3030 1910 1890 1710; 3 of 7 of 51 x 52 to
# 173 at 1x1 441 343 290 295; 27 of 8 of 48 x 49 to 147 1650 2190 1830 1720 (Sapphire Rapids VM,
# AVX-512, 2026-11).  Under AVX2 there, of all and of 2, 4, 8: 69400 21700 21000 24800; 4 of 2 of
# 131 x 132 to 99 at 3x3 3600 3900 3900 3580; the last two 514 482 418 416 and 2900 3280 2730 2670.
TOGETHER = machine.ISA.choose({32: 4, 16: 8})
FEW_TAPS, MANY_BYTES = 64, 2 * machine.L2_BYTES
LARGE = 2.5  # of what the caches hold: results that are gathered, see there


def together(problem: Problem) -> int:
    """Blocks of filters that see the same pixels one after another."""
    written = math.prod(problem.maps) * problem.dtype.itemsize
    apart = taps_of(problem) <= FEW_TAPS and written > MANY_BYTES
    return TOGETHER if apart else shape_of(problem).blocks


def gathered(problem: Problem) -> int:
    """Elements from filter to filter of a unit's sums that leave it as whole lines; 0: none do.

    Those of results that no cache holds, however planes lie.  Milliseconds by tiles and so, at 1x1
    unless said: 6 channels to 373 of 43 x 44, 20 images, 6.4, 4.4; 3 to 64 of 112 x 112, 16 images,
    4.9, 3.3, at 3x3 of 101 x 103, 24 images, 13.7, 10.8; 100 to 129 of 74 x 75, 5 images, 8.2, 7.3.
    Of 1 to 288 of 56 x 57, again and again, 5, 6, 7 images of 18, 22, 26 MB 0.6, 1.0, 1.4 and 0.9,
    1.2, 1.3; of 17 to 25 MB beside other arrays as many take 0.7 to 0.9 of the time (Zen 4 VM,
    AVX-512, 2026-12).  Under AVX2 24 to 141 of 107 x 108, 4 images, took 5.9, 6.1.
    """
    shape, lanes = shape_of(problem), machine.lanes(element(problem).itemsize)
    large = problem.passing > LARGE * machine.STREAM_BYTES
    if words(problem) or not (machine.FILLS_LINES and large):
        return 0
    return up(shape.images * shape.rows * problem.plane[1], lanes) + VECTORS * lanes
