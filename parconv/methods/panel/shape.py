"""What a unit of work is and where its pixels lie in a worker's scratch.  Pure arithmetic.

A unit is a run of whole output rows of one image, or all rows of a few small images, under a block
of filters.  What it reads is staged: copied into scratch with the border applied and the element
type converted, unless it can be read as it lies.
"""

from dataclasses import dataclass
from functools import lru_cache

from ... import machine
from ...banks import Bank
from ...problem import Problem
from .tile import ROWS, VECTORS

# Staged maps of a unit: beyond that they leave the second-level cache before they are read.
STAGE_BYTES = machine.L2_BYTES
# A problem has at least so many runs of outputs for workers to share, unless a run would have fewer
# vectors than the second number, and none has more than the third.
RUNS, FEWEST_VECTORS, MOST_VECTORS = 32, 4 * VECTORS, 64 * VECTORS
STAGE_CYCLES = 4  # to stage a vector


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

    parts: int  # units of one image, or
    images: int  # images of one unit
    rows: int  # of output in a unit, at most
    y: Axis
    x: Axis
    channel_step: int  # from one staged channel to the next
    blocks: int  # of filters in a group
    filters: int  # in a block
    whole: int  # blocks that have as many; the others have one less

    def staged(self, problem: Problem) -> int:
        """Elements."""
        return self.images * bank_of(problem).inputs * self.channel_step


def bank_of(problem: Problem) -> Bank:
    assert problem.bank
    return problem.bank


def _odd_lines(elements: int, itemsize: int) -> int:
    """Rounded up to an odd number of cache lines, so that steps spread over a cache's sets."""
    return (-(-elements * itemsize // machine.CACHE_LINE) | 1) * machine.CACHE_LINE // itemsize


def _shape(problem: Problem, parts: int, images: int) -> Shape:
    bank, rows = bank_of(problem), -(-problem.plane[0] // parts)
    facts = zip(problem.filter, problem.stride, problem.dilation, strict=True)
    y, x = (_axis(n, *fact) for n, fact in zip((rows, problem.plane[1]), facts, strict=True))
    channel = _odd_lines(y.size * x.size, problem.sums.itemsize)
    filters = bank.outputs // bank.groups
    blocks = -(-filters // ROWS)
    most = -(-filters // blocks)
    return Shape(parts, images, rows, y, x, channel, blocks, most, filters - blocks * (most - 1))


@lru_cache(maxsize=256)
def shape_of(problem: Problem) -> Shape:
    """The units that lose the fewest lanes and stage the fewest rows twice."""
    found = _shapes(problem)
    size = problem.sums.itemsize
    fitting = [shape for shape in found if shape.staged(problem) * size <= STAGE_BYTES]
    return min(fitting or found[:1], key=lambda shape: _cycles(problem, shape))


def _shapes(problem: Problem) -> list[Shape]:
    """Those worth considering, the smallest first."""
    batch, _, rows, columns = problem.maps
    least, most = (n * machine.lanes(problem.sums.itemsize) for n in (FEWEST_VECTORS, MOST_VECTORS))
    pixels = min(max(batch * rows * columns // RUNS, least), most)
    height = max(1, pixels // max(columns, 1))
    if height <= rows:
        parts = dict.fromkeys(-(-rows // n) for n in range(1, height + 1))
        return [_shape(problem, n, 1) for n in parts]
    return [_shape(problem, 1, n) for n in range(1, min(batch, -(-height // max(rows, 1))) + 1)]


def _cycles(problem: Problem, shape: Shape) -> float:
    """For an output pixel under all filters: products, lost lanes included, and staging."""
    lanes = machine.lanes(problem.sums.itemsize)
    pixels = max(1, shape.images * problem.plane[0] * problem.plane[1] // shape.parts)
    filters = bank_of(problem).outputs // bank_of(problem).groups
    products = -(-pixels // lanes) * filters * problem.taps / 2
    return (products + shape.staged(problem) / lanes * STAGE_CYCLES) / pixels


def cycles(problem: Problem) -> float:
    return float(problem.flops)
