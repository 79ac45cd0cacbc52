"""What a unit of work is and where its pixels lie in a worker's scratch.  Pure arithmetic.

A unit is a run of whole output rows of one image, or all rows of a few small images, under a block
of filters.  What it reads is staged: copied into scratch with the border applied and the element
type converted, unless it can be read as it lies.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from ...codegen import machine
from ...codegen.layout import odd_lines
from ...problem.dtypes import kernel_dtype
from ...problem.problem import Problem
from ..usual import bank_of
from .streak import FILTERS
from .tile import ROWS, VECTORS
from .words import element, summands, words

# Pixels of a unit that tiles read in place: the next unit's are fetched to the second-level cache
# meanwhile.  1x1 256 -> 64 channels of 56 x 56: 340 KB 92 % of peak, 1.7 MB 83 (Zen 5, 2026-11).
IN_PLACE_BYTES = machine.L2_BYTES
# Staged maps are read little later than they are written, from whatever cache: 3x3, stride 2, 128
# channels of 56 x 56, 370 KB 71 % of peak, 1.7 MB 78.
STAGE_BYTES = 8 * machine.L2_BYTES
PACKED_BLOCKS = 32  # of filters, see `panels_pay`
BAND_BLOCKS = 8  # of filters under one run of outputs: below that, staging it again shows
BAND_RUNS = 8  # of a band that is cut between runs
# A problem has at least so many runs of outputs for workers to share, unless a run would have fewer
# vectors than the second number, and none has more than the third.
RUNS, FEWEST_VECTORS, MOST_VECTORS = 16, 8 * VECTORS, 64 * VECTORS
# Units of several images waste less of their last tiles: at most so many vectors, and an even share
# of the batch for so many workers.  17 x 17, 48 -> 72 channels, batch 16, by 1 and 4 images: 85 and
# 88 % of the peak, two threads 80 and 83 (Zen 5, 2026-11).
JOINED_VECTORS, SHARES = 26 * VECTORS, 4
# Cycles of the model by which a unit's size is chosen, by least squares of the times of layers of 1
# to 200 channels of 14 x 14 to 258 x 258 to 1 to 3 filters and of 25 usual ones; the middle half
# within 0.94 and 1.04, under AVX2 within 0.88 and 1.09 (Zen 4 VM, 2026-11).
STAGE_CYCLES, LINE_CYCLES = machine.ISA.choose({32: (2.5, 14), 16: (3.5, 13)})  # a vector, a row
PIECE_CYCLES = machine.ISA.choose({32: 2.5, 16: 4})  # to pack a piece of a vector
# To begin and to deliver one filter's row of a tile; and how much longer a tap takes where sums are
# of one channel, and of several (likewise).
ROW_CYCLES = machine.ISA.choose({32: 7, "NEON": 0})
SINGLE_CHANNEL, CHANNELS = machine.ISA.choose(
    {32: (1.05, 1.0), 16: (1.25, 1.15), "NEON": (1.0, 1.0)}
)
UNIT_CYCLES = machine.ISA.choose({32: 850, 16: 1100})  # to begin a run
# To deliver a filter's row of a tile whose outputs lie in two images.  Microseconds by one image
# and by as many as were taken: 22 channels to 43 of 6 x 7 at 1x1, 8 images, 11, 24; 30 to 10 of
# 9 x 10, 7 images, 9.2, 16.8; but 16 to 64 of 7 x 8 at 3x3, 16 images, 204, 184 (Zen 4 VM,
# AVX-512, 2026-11).
PARTED_CYCLES = 40
# How much longer a tap takes there if planes are read as they lie: two pieces a vector, not one.
# 422 channels to 24 of 6 x 7, 31 images, by 1, 2, 4, 8 of them 296, 301, 347, 460 us, where the
# model without it took 8; under AVX2 by 1, 2, 4 318, 399, 447, where it took 4 (likewise).
TWO_PIECES = 1.5
LATENCY = 8  # of a multiply-add, in multiply-adds
SINGLE_COST = 1.4  # of a tile of one vector, in those of a vector of a whole tile


@dataclass(frozen=True)
class Axis:
    """How one axis of the maps is staged: as tracks, each of every stride-th index.

    So neighbouring outputs meet neighbouring pixels.  A track for each remainder that some tap
    meets; one for each tap where that is less.
    """

    starts: tuple[int, ...]  # of each track, from the first output's first tap
    length: int  # of each track
    places: tuple[int, ...]  # of each tap: track * length + index in it

    @property
    def size(self) -> int:
        return len(self.starts) * self.length


def _axis(outputs: int, taps: int, stride: int, dilation: int) -> Axis:
    offsets = range(0, taps * dilation, dilation)
    starts = sorted({offset % stride for offset in offsets})
    length = outputs + offsets[-1] // stride
    if taps * outputs <= len(starts) * length:
        return Axis(tuple(offsets), outputs, tuple(tap * outputs for tap in range(taps)))
    found = (starts.index(offset % stride) * length + offset // stride for offset in offsets)
    return Axis(tuple(starts), length, tuple(found))


@dataclass(frozen=True)
class Shape:
    """Sizes and steps in elements."""

    rows: int  # of output in a unit, of one image, or
    images: int  # so many whole images
    y: Axis
    x: Axis
    channel_step: int  # from one staged channel to the next
    blocks: int  # of filters in a group
    filters: int  # in a block
    whole: int  # blocks that have as many; the others have one less

    def staged(self, problem: Problem) -> int:
        """Elements of the maps, and of the words of their pixels."""
        maps = bank_of(problem).inputs + words(problem) * summands(problem)
        return self.images * maps * self.channel_step


def taps_of(problem: Problem) -> int:
    """Those of a filter that a tile passes, two in a lane as one."""
    return summands(problem) * math.prod(problem.filter)


def _shape(problem: Problem, rows: int, images: int) -> Shape:
    bank = bank_of(problem)
    facts = zip(problem.filter, problem.stride, problem.dilation, strict=True)
    y, x = (_axis(n, *fact) for n, fact in zip((rows, problem.plane[1]), facts, strict=True))
    channel = odd_lines(y.size * x.size, element(problem).itemsize)
    blocks = -(-bank.filters // ROWS)
    most = -(-bank.filters // blocks)
    return Shape(rows, images, y, x, channel, blocks, most, bank.filters - blocks * (most - 1))


def panels_pay(shape: Shape) -> bool:
    """Whether pixels are packed even where rows, or planes, hold a vector.

    Many filters read each panel, and most vectors straddle images: 512 -> 2048 channels of
    7 x 7, batch 32, one core: 16.1 ms without, 14.9 so (Zen 5, 2026-11).
    """
    return shape.images > 1 and shape.blocks >= PACKED_BLOCKS


def packs(problem: Problem, shape: Shape) -> bool:
    """Whether pixels may be packed before tiles read them."""
    return panels_pay(shape) or problem.plane[1] < machine.lanes(element(problem).itemsize)


@lru_cache(maxsize=256)
def shape_of(problem: Problem) -> Shape:
    """The units that take the least time."""
    if streaks(problem):
        rows, columns = problem.plane
        height = max(1, -(-rows // max(1, RUNS // max(1, problem.maps[0]))))
        short = (rows % height or height) * columns < machine.lanes(element(problem).itemsize)
        return _shape(problem, rows if short else height, 1)  # less than a vector is not in place
    found = _shapes(problem)
    fitting = [shape for shape in found if _fits(problem, shape)]
    return min(fitting or found[:1], key=lambda shape: _cycles(problem, shape))


def streaks(problem: Problem) -> bool:
    """Whether it waits for the memory: see `streak`."""
    few = bank_of(problem).filters <= FILTERS and problem.filter == problem.stride == (1, 1)
    return few and inside(problem) and problem.plane == problem.plane_in and not words(problem)


def _fits(problem: Problem, shape: Shape) -> bool:
    in_place = inside(problem) and not packs(problem, shape)
    most = IN_PLACE_BYTES if in_place else STAGE_BYTES
    return shape.staged(problem) * element(problem).itemsize <= most


def _shapes(problem: Problem) -> list[Shape]:
    """Those worth considering, the smallest first."""
    batch, outputs, rows, columns = (max(1, n) for n in problem.maps)
    least, most = (
        n * machine.lanes(element(problem).itemsize) for n in (FEWEST_VECTORS, MOST_VECTORS)
    )
    runs = max(1, RUNS * BAND_BLOCKS * ROWS // outputs)
    pixels = min(max(batch * rows * columns // min(runs, RUNS), least), most)
    height = -(-pixels // columns)
    joined = JOINED_VECTORS * machine.lanes(element(problem).itemsize)
    images = max(
        min(batch, pixels // (rows * columns)), min(batch // SHARES, joined // (rows * columns))
    )
    parts = [_shape(problem, n, 1) for n in range(1, min(height, rows) + 1)]
    return parts + [_shape(problem, rows, 1 << n) for n in range(1, images.bit_length())]


def _cycles(problem: Problem, shape: Shape) -> float:
    """Of the whole problem on one core: products, lost lanes included, and staging."""
    batch, _, rows, columns = (max(1, n) for n in problem.maps)
    bank, lanes = bank_of(problem), machine.lanes(element(problem).itemsize)
    last = rows % shape.rows
    units = [(shape.images * shape.rows * columns, batch // shape.images * (rows // shape.rows))]
    units += [(last * columns, batch), (batch % shape.images * rows * columns, 1)]
    # a tile loads two pieces for each vector and waits for its additions where it has few
    tap = max(shape.filters * VECTORS, 2 * VECTORS + shape.filters + 1, LATENCY) / 2
    tap *= SINGLE_CHANNEL if bank.inputs == 1 else CHANNELS
    tap *= TWO_PIECES if shape.images > 1 and _lies(problem) and not _packed(problem, shape) else 1
    taps = bank.groups * taps_of(problem) * max(1, words(problem))
    products = shape.blocks * taps * tap / VECTORS
    if _packed(problem, shape):
        products += taps * PIECE_CYCLES * (lanes / min(columns, lanes) + 1)
    elif shape.images > 1:
        products += bank.groups * shape.blocks * shape.filters * _parted(problem) / VECTORS
    products += bank.groups * shape.blocks * shape.filters * ROW_CYCLES / VECTORS
    staging = 0 if inside(problem) else _staging(problem, shape)
    total = 0.0
    for pixels, count in (unit for unit in units if unit[0]):
        tiles, rest = divmod(-(-pixels // lanes), VECTORS)
        vectors = tiles * VECTORS + rest * SINGLE_COST
        total += count * (vectors * products + bank.groups * (staging + UNIT_CYCLES))
    return total


def _packed(problem: Problem, shape: Shape) -> bool:
    """Whether pixels of dense images are packed: planes that are read as they lie are one run."""
    run = math.prod(problem.plane) if _lies(problem) else problem.plane[1]
    return panels_pay(shape) or run < machine.lanes(element(problem).itemsize)


def _lies(problem: Problem) -> bool:
    """Whether outputs of an image meet pixels in one run, as they lie."""
    return inside(problem) and problem.plane == problem.plane_in


def _parted(problem: Problem) -> float:
    """Cycles of a filter's row of a tile, as far as tiles end in another image."""
    tile = VECTORS * machine.lanes(element(problem).itemsize)
    return PARTED_CYCLES * min(1, tile / max(1, math.prod(problem.plane)))


def _staging(problem: Problem, shape: Shape) -> float:
    """Cycles of a unit's pixels."""
    lanes = machine.lanes(element(problem).itemsize)
    return shape.staged(problem) / lanes * STAGE_CYCLES + lines_of(problem, shape) * LINE_CYCLES


def lines_of(problem: Problem, shape: Shape) -> int:
    """Rows of a unit's staged pixels."""
    return shape.images * bank_of(problem).inputs * shape.y.size * len(shape.x.starts)


def inside(problem: Problem) -> bool:
    """Whether the image's elements can be read as they lie, no tap of any output beyond it."""
    facts = zip(
        problem.lead, problem.plane, problem.stride, problem.span, problem.plane_in, strict=True
    )
    covered = all(
        lead <= 0 and (outputs - 1) * stride - lead + span <= size
        for lead, outputs, stride, span, size in facts
    )
    whole = kernel_dtype(problem.image_dtype) == problem.sums and not words(problem)
    return covered and whole and problem.stride[1] == 1


def cycles(problem: Problem) -> float:
    """Of the whole problem, on one core."""
    return _cycles(problem, shape_of(problem))


def runs_of(problem: Problem) -> int:
    """Runs of outputs."""
    shape, batch, rows = shape_of(problem), problem.maps[0], problem.plane[0]
    return -(-batch // shape.images) * -(-rows // shape.rows)
