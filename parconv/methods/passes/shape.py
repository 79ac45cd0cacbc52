"""How a problem is cut into blocks of rows and panels of columns, and what that costs.

Pure arithmetic: no arrays, no pixels.  Results do not depend on it.
"""

from dataclasses import dataclass
from functools import lru_cache

from ...codegen import machine
from ...codegen.layout import up
from ...problem.problem import Problem
from ..separable.shape import STORE_WORK, TAP_WORKS, TURN_WORK, TapWorks, tap_works
from .fold import shortened

# Milliseconds for 2048 x 2048 float32 and 1201, 2001 taps, for 1024 x 1024 float64 and 481 with
# panels of 64, 256, 512 KiB and strips of 4 MiB: 268 464 58, 283 432 50, 307 515 52; with strips of
# 1 MiB: 310 570 60, 325 518 65, 301 536 51 (one core, Zen 3 VM, 2026-11).
PANEL_BYTES = machine.L2_BYTES // 2
TURNED_BYTES = 1 << 22
LEAST_STRIPS = 8
# Operations of the direct method that take as long (one core, Zen 3 VM, 2026-11): to pack a
# pixel for one of the blocks whose rows meet it, to copy a column beside the image; and of each
# pixel beyond what `separable` does, of the strips in memory, or in a nearer cache.  The
# same taps take a share of the time of those of `separable`, whose tiles compute some columns
# twice.  Milliseconds for 2048 x 2048 float32, separable and so: 9 taps 5.8 12.5, 33 13.9 17.1,
# 129 42.7 36.5, 193 69.4 48.6; fft there 29.9, 16.3, 25.4, 42.6, and for 321 taps 77.1 where this
# takes 70.2.  AVX-512, with works of a row and of taps: least squares of the times of 600 random
# images (Sapphire Rapids VM, 2026-11), see `fft.EMPTY_SHARE`.  Strips of up to 128 KiB cost little
# there: 41 x 113 int16 at 15x15 take 5.7 microseconds so, 7.2 by `separable`, which went before.
PACK_WORK, COPY_WORK, ROW_WORK = machine.ISA.choose(
    {"AVX-512": (24, 46, 580), "AVX2": (12, 5, 0), 16: (12, 8, 0)}
)
L2_HALF = machine.L2_BYTES // 2
NEAR_BYTES, NEAR_WORK, STRIP_WORK = machine.ISA.choose(
    {"AVX-512": (1 << 17, 6, 120), "AVX2": (L2_HALF, 17, 100), 16: (L2_HALF, 12, 60)}
)
TAP_SHARE = 0.85
SHARED: TapWorks = (TAP_SHARE * TAP_WORKS[0], TAP_SHARE * TAP_WORKS[1], TAP_SHARE * TAP_WORKS[2])
WORKS: TapWorks = machine.ISA.choose({"AVX-512": (12, 2.5, 1.35), 16: SHARED})
ALL_WORK = machine.ISA.choose(
    {"AVX-512": {4: 1.0, 8: 1.35}, "AVX2": {4: 1.0, 8: 1.5}, 16: {4: 1.0, 8: 1.0}}
)


@dataclass(frozen=True)
class Shape:
    """Sizes in elements of the type of the sums."""

    lanes: int
    line: int  # of the caches
    chunk: int  # columns of results that are finished at a time
    before: int  # columns left of the image
    after: int  # and right of it
    room: int  # columns of a strip
    block: int  # rows of output
    tile: int  # columns of a panel

    @property
    def strips(self) -> int:
        """Of a block."""
        return self.block // self.lanes


@lru_cache(maxsize=256)
def shape_of(problem: Problem) -> Shape:
    """The highest block whose strips stay in the cache, and the widest panel."""
    short, itemsize = shortened(problem), problem.sums.itemsize
    lanes, line = machine.lanes(itemsize), machine.CACHE_LINE // itemsize
    chunk = lanes * problem.dilation[1]
    (rows, columns), (_, width) = problem.plane, problem.plane_in
    before = max(0, short.lead[1])
    after = max(0, columns + short.span[1] - 1 - short.lead[1] - width)
    reached = up(columns, chunk) + short.span[1] - 1 - min(0, short.lead[1])
    room = max(before + up(width, lanes), before + width + after, reached) + lanes
    strip = problem.traits.rank * room * lanes * itemsize
    strips = max(LEAST_STRIPS, TURNED_BYTES // strip)
    block = min(strips * lanes, up(-(-rows // problem.dilation[0]), lanes))
    high = (short.filter[0] - 1 + block) * itemsize
    tile = min(max(line, PANEL_BYTES // high // line * line), up(max(1, width), line))
    return Shape(lanes, line, chunk, before, after, room, block, tile)


def work_of(problem: Problem) -> float:
    """Operations of the direct method that take as long."""
    shape, short, products = shape_of(problem), shortened(problem), problem.traits.rank
    (rows, columns), (_, width), (step, _) = problem.plane, problem.plane_in, problem.dilation
    height = step * up(-(-rows // step), shape.lanes) * problem.planes
    tap_y, tap_x = tap_works(problem, short.filter, WORKS)
    packed = PACK_WORK * (shape.block + short.filter[0] - 1) / shape.block
    down = up(width, shape.lanes) * (packed + products * (TURN_WORK + tap_y))
    around = COPY_WORK * products * (shape.before + shape.after)
    strips = products * shape.block * shape.room * problem.sums.itemsize
    strip = NEAR_WORK if strips <= NEAR_BYTES else STRIP_WORK
    across = up(columns, shape.chunk) * (products * (tap_x + strip) + STORE_WORK)
    return ALL_WORK[problem.sums.itemsize] * height * (down + around + across + ROW_WORK)
