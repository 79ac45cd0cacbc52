"""What a band reads of an image, for a process that has only that.

A band of few rows needs these and those under the filter's reach.  The other process lays them
where they were in an image of the same shape, whose other pages nobody touches: so the kernel, its
numbers and its bits are those of the whole.
"""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..codegen.borders import source_index
from ..methods import methods_for
from ..methods.kernels import rows_of_planes
from ..methods.usual import grain
from ..problem.arguments import BOUNDARIES
from ..problem.dtypes import Array, DType, kernel_dtype
from ..problem.problem import Problem
from ..runtime.crew.floats import like

Piece = tuple[tuple[Any, ...], Array]
Lines = tuple[int, int]


class Excerpt(NamedTuple):
    """Pieces of an image as a kernel sees it: ``(index, values)`` of each."""

    shape: tuple[int, ...]
    dtype: DType
    pieces: list[Piece]

    def whole(self) -> Array:
        """The image, of zeros beside the pieces: untouched pages of them take no memory."""
        image = np.zeros(self.shape, self.dtype)
        for index, values in self.pieces:
            image[index] = values
        return image


def excerpt(name: str, problem: Problem, image: Array, start: int, stop: int) -> Excerpt:
    """What the method reads of ``image`` to fill units ``[start, stop)``."""
    needed, step = np.zeros(image.shape[:-1], bool), grain(methods_for(problem)[name], problem)
    for place, (first, last) in _filled(name, problem, start, stop):
        rows = _rows_under(problem, first // step * step, -(-last // step) * step)
        needed[(*place, rows)] = True
    pieces: list[Piece] = [(box, image[box]) for box in _boxes(needed)]
    return Excerpt(image.shape, image.dtype, pieces)


def _filled(name: str, problem: Problem, start: int, stop: int) -> Iterator[tuple[Any, Lines]]:
    """The planes (images and channels) that units read, and the rows of output they fill."""
    bank = problem.bank
    if not bank:
        for plane, rows in rows_of_planes(problem, start, stop):
            yield (slice(plane, plane + 1),), (rows.start, rows.stop)
        return
    for image, filters, *rest in methods_for(problem)[name].regions(problem, start, stop):
        images = image if isinstance(image, slice) else slice(image, image + 1)
        rows = rest[0] if rest else slice(0, problem.plane[0])
        yield (images, _channels(problem, filters)), (rows.start, min(rows.stop, problem.plane[0]))


def _channels(problem: Problem, filters: Any) -> slice:
    """What these filters of a bank sum over."""
    bank = problem.bank
    assert bank
    first, last = (filters.start, filters.stop) if isinstance(filters, slice) else (filters,) * 2
    each = bank.outputs // bank.groups
    return slice(first // each * bank.inputs, (max(last - 1, first) // each + 1) * bank.inputs)


def _rows_under(problem: Problem, start: int, stop: int) -> Array:
    """Rows of the image that rows ``[start, stop)`` of a result need, one after another."""
    size, border = problem.plane_in[0], BOUNDARIES.index(problem.boundary[0])
    first = start * problem.stride[0] - problem.lead[0]
    last = (stop - 1) * problem.stride[0] - problem.lead[0] + problem.span[0]
    beyond = itertools.chain(range(first, min(last, 0)), range(max(first, size), last))
    repeated = {source_index.py_func(row, size, border) for row in beyond} - {-1}
    return np.array([*repeated, *range(max(first, 0), min(last, size))], np.intp)


def _boxes(needed: Array) -> Iterator[tuple[Any, ...]]:
    """Indices that cover all that is true: images, then runs along the other axes."""
    for image in np.flatnonzero(needed.reshape(len(needed), -1).any(1)):
        mask = needed[image]
        sides = [mask] if mask.ndim == 1 else [mask.any(1), mask.any(0)]
        yield from ((int(image), *box) for box in itertools.product(*map(_runs, sides)))


def _runs(needed: Array) -> list[slice]:
    """Of true values.

    Examples
    --------
    >>> _runs(np.array([True, True, False, True]))
    [slice(0, 2, None), slice(3, 4, None)]
    """
    edges = np.flatnonzero(np.diff(needed, prepend=False, append=False))
    return [slice(start, stop) for start, stop in edges.reshape(-1, 2).tolist()]


def run_band(
    name: str, problem: Problem, given: Excerpt, taps: Array, start: int, stop: int, mode: int
) -> list[tuple[Any, Array]]:
    """The pieces ``(index, values)`` of a result that a band fills, in whatever process this is.

    In the floating-point mode of the caller's.

    The output is allocated whole but only touched where the band lies.
    """
    method, kind, image = methods_for(problem)[name], kernel_dtype(problem.dtype), given.whole()
    shape = problem.maps if problem.bank else (problem.planes, *problem.plane)
    out = np.empty(shape, kind)
    scratch = np.zeros(method.workspace(problem), taps.dtype)
    compiled = method.kernels(image.dtype, problem.compute, kind).serial
    arrays = image, taps, method.fill(problem), out, method.layout(problem)
    with like(mode):
        compiled(*arrays, scratch, start, stop)
    regions = method.regions if problem.bank else rows_of_planes
    return [(index, out[index].copy()) for index in regions(problem, start, stop)]
