"""Depthwise method: each filter sees one channel, and planes are small.

Every output plane is swept once, row by row, with its sums in registers (`sweep`).  Wins where a
plane is a few vectors wide, so that a border is a large part of it: rows are read in place, under
masks at their ends.  Relies on square filters of 3, 5 or 7 taps a side, at most every second
output, and a border of zeros.

A unit is an output plane, counted over all images.  Start reading at `sweep.py`, then `kernel.py`.
"""

import itertools
import math
from functools import cache, lru_cache

import numpy as np

from ... import machine
from ...bands import split_rows
from ...dtypes import FLOAT32, FLOAT64, Array, DType
from ...problem import Problem
from ..kernels import Kernels, Taps, signature
from ..usual import bank_of, error as error, fill as fill, sums as sums, unasked as unasked
from . import kernel as k
from .channels import PIXELS, TILES, Tile
from .sweep import KINDS, MASKED, SIZES, STRIDES, Kind

# Of output in scratch.  32 x 32 x 112 x 112 with 4, 8, 12, 32 KiB: 2.8 3.3 3.4 4.5 ms; smaller
# planes do not care (3x3, one core, Zen 5, 2026-11).
BLOCK_BYTES = 1 << 13
BLOCK_REST = 6  # rows of a block for each that it computes again, at least
# From a row that is read to what is prefetched.  32 x 96 x 56 x 56 with 0, 4, 8, 16, 32, 64 KiB:
# 2.2 2.0 1.8 2.2 2.3 2.4 ms.
AHEAD_BYTES = 1 << 13
# Of the time that the peak allows for the products of a vector and an input row, and the work of a
# plane beside.  What memory takes comes on top; the sweep hides behind it.  Milliseconds for 32
# images on one core, of which memory: 96 x 56 x 56 1.9, 1.3; 144 x 56 x 56 with every second output
# 1.7, 1.2; 576 x 14 x 14 0.67, 0.48; 960 x 7 x 7 0.45, 0.20 (Zen 5, 2026-11).
VECTOR_SHARE, PLANE_WORK = {3: 0.8, 5: 0.8, 7: 1.0}, 1000
FEW = 4  # of the bands that are asked for one is enough
WIDEST = 16  # vectors in a row of output


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    bank, (sy, sx), rows = bank_of(problem), problem.stride, problem.filter[0]
    if bank.inputs > 1:
        return f"each filter sums over {bank.inputs} channels"
    if not problem.image_dtype == problem.compute == problem.dtype in (FLOAT32, FLOAT64):
        return "it computes in the type of the image and of the result, float32 or float64"
    if problem.filter != (rows, rows) or rows not in SIZES:
        return f"it has filters of {', '.join(map(str, SIZES))} taps a side"
    if sy != sx or sx not in STRIDES or problem.dilation != (1, 1):
        return "it has strides of 1 or 2, the same on both axes, and no dilation"
    if problem.boundary != ("constant", "constant") or problem.cval != 0:
        return "it has a border of zeros"
    if _kind(problem).outputs(_lanes(problem)) < _lanes(problem) // 2:
        return "vectors of this machine are too short for the filter"
    if problem.plane[1] > WIDEST * _lanes(problem):
        return f"it has rows of at most {WIDEST} vectors"
    return None


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    lanes, (rows, columns) = _lanes(problem), problem.plane
    vectors = -(-columns // _kind(problem).outputs(lanes))
    kind, block = _kind(problem), _block(problem)
    swept = rows * (kind.stride + 1) / 2 * (1 + (kind.under_way - 1) / block)
    products = 2 * kind.size**2 * swept * vectors * lanes
    return units(problem) * (VECTOR_SHARE[kind.size] * products + PLANE_WORK)


def prepare(problem: Problem, g: Array) -> Taps:
    """The filters one after another, then their taps, each of all filters; read-only."""
    with np.errstate(over="ignore"):
        filters = g.astype(problem.sums).reshape(len(g), -1)
    values = np.concatenate([filters.ravel(), filters.T.ravel()])
    values.flags.writeable = False
    return Taps(values)


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

    A band of fewer channels than a vector has lanes is slow where channels lie side by side.
    """
    planes, lanes = units(problem), _lanes(problem)
    return split_rows(planes, parts, lanes if FEW * planes >= parts * lanes else 1)


def least_band(problem: Problem) -> int:
    """Planes of a band that is worth handing out."""
    return -(-4096 // max(1, problem.plane[0] * problem.plane[1]))


def _lanes(problem: Problem) -> int:
    return machine.lanes(problem.sums.itemsize)


def _kind(problem: Problem, vectors: int = 1) -> Kind:
    return Kind(problem.filter[0], problem.stride[0], vectors)


def _strips(problem: Problem) -> list[list[int]]:
    """The places of vectors in a row of output, strip by strip, the last one first.

    So what a vector stores beyond its row is overwritten by the first strip.  Vectors between a
    strip's outer ones are read without masks, so they must lie inside the image.
    """
    kind, lanes, columns = _kind(problem), _lanes(problem), problem.plane[1]
    outputs = kind.outputs(lanes)
    last = max(columns - outputs, 0)
    places = [*range(0, last, outputs), last]
    safe = all(_inside(problem, place) for place in places[1:-1])
    sizes = [n for n in range(1, len(places) + 1) if (safe or n < 3) and _kind(problem, n) in KINDS]
    strips = []
    while places:
        size = max(n for n in sizes if n <= len(places))
        strips.append(places[:size])
        places = places[size:]
    return strips[::-1]


def _inside(problem: Problem, place: int) -> bool:
    """Whether all that a vector of outputs reads lies inside the row."""
    first = place * problem.stride[1] - problem.lead[1]
    return 0 <= first <= problem.plane_in[1] - _reach(problem)


def _reach(problem: Problem) -> int:
    """Columns from the first to the last that are read for a vector of outputs."""
    kind, lanes = _kind(problem), _lanes(problem)
    return lanes + kind.size - 1 if kind.stride == 1 else 2 * lanes


def _masks(problem: Problem, places: list[int]) -> list[int]:
    """Lanes inside the image, as bits: for the loads of a strip's first and last vector."""
    kind, lanes = _kind(problem), _lanes(problem)
    step = 1 if kind.stride == 1 else lanes
    first = [place * kind.stride - problem.lead[1] for place in (places[0], places[-1])]
    return [_bits(problem, at + n * step, lanes) for at in first for n in range(kind.loads)]


def _bits(problem: Problem, first: int, count: int) -> int:
    """Which of so many columns exist, as bits."""
    columns = range(problem.plane_in[1])
    return sum(1 << n for n in range(count) if first + n in columns)


def _block(problem: Problem) -> int:
    """Rows of output that are computed at a time."""
    rows, columns = problem.plane
    fitting = BLOCK_BYTES // max(1, columns * problem.sums.itemsize)
    least = BLOCK_REST * (_kind(problem).under_way - 1)
    return max(1, min(rows, max(fitting, least)))


def _together(problem: Problem) -> int:
    """Planes that are computed at a time."""
    rows, columns = problem.plane
    bank = bank_of(problem)
    if bank.outputs > bank.channels or _block(problem) < rows or len(_strips(problem)) > 1:
        return 1
    return max(1, BLOCK_BYTES // (rows * columns * problem.sums.itemsize))


def _buffer(problem: Problem) -> int:
    """Elements of scratch for results: those that wait for their line, a block, and a vector."""
    block = _together(problem) * _block(problem) * problem.plane[1]
    line = machine.CACHE_LINE // problem.sums.itemsize
    size = line + block + _lanes(problem)
    return -(-size // line) * line


def _copy_row(problem: Problem) -> int:
    """Elements of a row that is copied: between zeros where vectors are read without masks."""
    if MASKED:
        return problem.plane_in[1]
    last = _strips(problem)[0][-1] * problem.stride[1]
    return max(last + _reach(problem), problem.lead[1] + problem.plane_in[1])


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    bank, kind, itemsize = bank_of(problem), _kind(problem), problem.sums.itemsize
    strips = _strips(problem)
    masks = [_masks(problem, places) for places in strips]
    masks_at = k.HEADER + len(strips) * k.STRIP
    table = [
        (KINDS.index(_kind(problem, len(s))), s[0], s[-1], masks_at + n * len(masks[0]))
        for n, s in enumerate(strips)
    ]
    numbers = [
        bank.outputs, bank.outputs // bank.channels, *problem.plane, *problem.plane_in,
        *problem.lead, kind.size, kind.stride, _block(problem),
        math.prod(problem.shape) * itemsize > machine.STREAM_BYTES, AHEAD_BYTES // itemsize,
        _buffer(problem), _copy_row(problem),
        0 if MASKED else problem.lead[1], _together(problem), bank.outputs * kind.size**2,
        TILES.index(Tile(PIXELS, kind.stride, kind.size)), len(strips),
    ]  # fmt: skip
    result = np.array([*numbers, *itertools.chain(*table, *masks)], np.int64)
    result.flags.writeable = False
    return result


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    line = machine.CACHE_LINE // problem.sums.itemsize
    kind = _kind(problem)
    rows = (_block(problem) - 1 + kind.under_way) * kind.stride  # the sweep reads whole steps
    return _buffer(problem) + rows * _copy_row(problem) + _lanes(problem) + line


@cache
def kernels(image: DType, compute: DType, result: DType) -> Kernels:
    """The kernel for the dtypes as compiled code sees them."""
    return Kernels(k.kernel, signature(image, compute, result, axes=4))
