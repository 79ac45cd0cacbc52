"""Results by a rule, `problem.store`, around any method whose kernel compiled code can call.

The method's kernel leaves the sums of some units in a worker's scratch, a piece that stays in the
caches, and from there they are scaled, shifted, rounded and stored.  So every method, border and
type has every rule, by one compiled function for each pair of types and rule.  A band is cut into
whole pieces, and there is no array of sums.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numba import types

from ...codegen import foreign, machine
from ...codegen.layout import geometry, odd_lines, up
from ...codegen.storing import writer
from ...problem import maps
from ...problem.dtypes import Array, DType, kernel_dtype, real
from ...problem.problem import Problem
from ...problem.store import Numbers, each
from ...runtime.crew.record import MAPS
from ..kernels import Kernels, signature
from ..usual import outputs_apart
from .kernel import L, kernel

Box = tuple[tuple[int, int], ...]  # images, filters, rows, columns
Bands = tuple[tuple[int, int], ...]

# Bytes of sums of a piece, and its least height in reaches of the filter, whose rows a piece reads
# beside its own.
PIECE_BYTES = machine.L2_BYTES // 2
PIECE_REACHES = 8
# Rows of so many bytes are spread over the sets of the caches; shorter ones follow one another, so
# that a plane's are stored as one.
LONG_ROW = 2048


class Asked(NamedTuple):
    """A method, the problem whose sums it leaves, the one whose results are stored, and bands."""

    method: ModuleType
    summed: Problem
    problem: Problem
    bands: Bands


class Pieces(NamedTuple):
    """Where units lie in scratch: pieces of them, the boxes of the result that each fills.

    ``steps``: bytes between images, filters, rows and columns of sums; ``nbytes``: of the largest.
    """

    units: Bands
    boxes: tuple[tuple[Box, ...], ...]
    steps: tuple[int, ...]
    nbytes: int


def kernels(problem: Problem) -> Kernels:
    """Compiled code that fills units."""
    axes = len(maps.of_result(problem))
    return Kernels(kernel, _SIGNATURES[axes])


def workspace(asked: Asked) -> int:
    """Elements of scratch, of the type that the method sums in.

    Whole cache lines: methods that keep a table of integers there see it as such, and fill nothing
    where they cannot.
    """
    size = real(asked.summed.compute).itemsize
    band = -(-(pieces_of(asked).nbytes + machine.CACHE_LINE) // size)
    return up(int(asked.method.workspace(asked.summed)) + band, machine.CACHE_LINE // size)


def layout(asked: Asked) -> Array:
    """The method's own layout, and where its sums lie and go."""
    method, summed, problem, _ = asked
    pieces, sums = pieces_of(asked), summed.dtype
    inner = method.kernels(kernel_dtype(summed.image_dtype), summed.compute, kernel_dtype(sums))
    filters = problem.bank.outputs if problem.bank else 1
    scales, biases = (
        _numbers(value, filters, sums, idle)
        for value, idle in ((problem.store.scale, 1), (problem.store.bias, -0.0))
    )
    own = max(len(scales), len(biases)) > 1
    images, each_filter, row, column = pieces.steps
    ends = np.cumsum([0, *map(len, pieces.boxes)]).tolist()
    result = problem.dtype if problem.dtype.kind == "b" else kernel_dtype(problem.dtype)
    return L.pack(
        address=inner.address,
        writes=writer(sums, result, problem.store, problem.compute.kind == "i"),
        beyond=0,
        count=len(pieces.units),
        needed=method.workspace(summed),
        image_step=images,
        filter_step=each_filter,
        row_step=row,
        column_step=column,
        itemsize=sums.itemsize,
        last=_is_last(problem),
        own=own,
        large=geometry(problem)["large"],
        pieces=[
            number
            for (start, stop), boxes, first, last in zip(
                pieces.units, pieces.boxes, ends, ends[1:], strict=False
            )
            for number in (start, stop, _origin(boxes, pieces.steps), first, last)
        ],
        boxes=[n for boxes in pieces.boxes for box in boxes for pair in box for n in pair],
        scales=_words(scales, filters if own else 1),
        biases=_words(biases, filters if own else 1),
        inner=inner.told(method.layout(summed)),
    )


def _signature(axes: int) -> tuple[Any, ...]:
    f, _, _, out, numbers, _, *ends = signature(None, np.dtype(np.int64), None, axes)
    line = types.Array(foreign.ELEMENT, 1, "A")
    return f, line, line, out, numbers, line, *ends


_SIGNATURES = {axes: _signature(axes) for axes in (MAPS - 1, MAPS)}


# --- numbers -------------------------------------------------------------------------------------


def _numbers(value: Numbers, filters: int, sums: DType, idle: float) -> Array:
    """One for all filters, or one for each."""
    found = each(value) or (0 if sums.kind == "i" and not idle else idle,)
    return np.array([n.real for n in found], dtype=sums)


def _words(numbers: Array, count: int) -> list[int]:
    """So many numbers as a table of a layout."""
    raw = np.broadcast_to(numbers, count).tobytes()
    words: list[int] = np.frombuffer(raw + bytes(-len(raw) % 8), np.int64).tolist()
    return words


# --- pieces --------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def pieces_of(asked: Asked) -> Pieces:
    """The method's units, so many at a time that their sums stay in the caches."""
    problem, size = asked.summed, asked.summed.dtype.itemsize
    units = tuple(pairwise(_edges(asked)))
    boxes = tuple(tuple(_joined(_boxes(asked, start, stop))) for start, stop in units)
    sizes = [
        max(max(end for _, end in ends) - min(start for start, _ in ends) for ends in axis)
        for axis in zip(*(zip(*those, strict=True) for those in boxes), strict=True)
    ]
    order = (0, 2, 3, 1) if _is_last(problem) else (0, 1, 2, 3)
    steps, step = [0] * 4, size
    for place, axis in enumerate(reversed(order)):
        steps[axis] = step
        step *= sizes[axis]
        if place == (1 if _is_last(problem) else 0) and step >= LONG_ROW:
            step = odd_lines(step // size, size) * size
    # Methods store past the caches where images begin alike on lines, and sums must not go there:
    # 4096 x 4096 float32 at 3x3 16.3 ms, 11.2 so (one core, Sapphire Rapids VM, AVX-512, 2026-11).
    steps[0] += size
    return Pieces(units, boxes, tuple(steps), step + sizes[0] * size)


def _edges(asked: Asked) -> list[int]:
    """Where pieces begin and end: where bands do, and between at the method's own cuts."""
    problem = asked.summed
    shape = _as_maps(maps.of_result(problem))
    parts = -(-math.prod(shape) * problem.dtype.itemsize // PIECE_BYTES)
    high = math.prod(shape[:3]) // (PIECE_REACHES * problem.span[0])
    cuts = [start for start, _ in asked.method.bands(problem, max(1, min(parts, high)))]
    apart = (cuts[1] - cuts[0]) // 2 if len(cuts) > 1 else 0
    edges = sorted({place for band in asked.bands for place in band})
    for start, stop in asked.bands:
        edges += [cut for cut in cuts if start + apart < cut < stop - apart]
    return sorted(edges)


def _is_last(problem: Problem) -> bool:
    """Whether filters lie between the columns of the result."""
    return problem.bank is not None and outputs_apart(problem)


def _as_maps(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if len(shape) == MAPS else (shape[0], 1, *shape[1:])


def _origin(boxes: tuple[Box, ...], steps: tuple[int, ...]) -> int:
    """Bytes that the first sum of a piece would lie behind that of the whole result."""
    firsts = [min(start for start, _ in ends) for ends in zip(*boxes, strict=True)]
    return sum(first * step for first, step in zip(firsts, steps, strict=True))


def _boxes(asked: Asked, start: int, stop: int) -> Iterator[Box]:
    """What units fill of the result, as the method's `regions` tell."""
    shape = maps.of_result(asked.summed)
    for region in asked.method.regions(asked.summed, start, stop):
        indices = [*region, *[slice(None)] * (len(shape) - len(region))]
        box = tuple(_ends(index, size) for index, size in zip(indices, shape, strict=True))
        yield box if len(box) == MAPS else (box[0], (0, 1), *box[1:])


def _ends(index: Any, size: int) -> tuple[int, int]:
    if isinstance(index, slice):
        start, stop, _ = index.indices(size)
        return start, stop
    return index, index + 1


def _joined(boxes: Iterator[Box]) -> Iterator[Box]:
    """Those that follow one another along one axis, and agree on the others, as one.

    Examples
    --------
    >>> list(_joined(iter([((0, 1), (0, 9)), ((1, 2), (0, 9)), ((2, 3), (0, 4))])))
    [((0, 2), (0, 9)), ((2, 3), (0, 4))]
    """
    last: Box | None = None
    for box in boxes:
        together = _union(last, box) if last else None
        if last and together is None:
            yield last
        last = together or box
    if last:
        yield last


def _union(box: Box, other: Box) -> Box | None:
    axes = [axis for axis, pair in enumerate(box) if pair != other[axis]]
    if len(axes) != 1 or box[axes[0]][1] != other[axes[0]][0]:
        return None
    (axis,) = axes
    return (*box[:axis], (box[axis][0], other[axis][1]), *box[axis + 1 :])
