"""What a band reads of an image, for a process that has only that.

A band of few rows needs these and those under the filter's reach.  The other process lays them
where they were in an image of the same shape, whose other pages nobody touches: so the kernel, its
numbers and its bits are those of the whole.
"""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..problem import maps
from ..problem.dtypes import Array, DType, kernel_dtype, real
from ..problem.problem import Problem
from ..problem.window import Range, window_of
from ..runtime.crew.floats import like
from .stages import stage_of

Piece = tuple[tuple[Any, ...], Array]


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


def elsewhere(name: str, problem: Problem) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """What fills a band in another process, and what it is sent of an image for that."""
    return partial(run_band, name, problem), partial(excerpt, name, problem)


def excerpt(name: str, problem: Problem, image: Array, start: int, stop: int) -> Excerpt:
    """What the method reads of ``image`` to fill units ``[start, stop)``."""
    stage = stage_of(problem, name)
    method, summed = stage.method, stage.summed
    needed, step = np.zeros(image.shape[:-1], bool), method.grain(summed)
    place: Any
    for region in method.regions(summed, start, stop):
        place, (first, last) = _filled(problem, region)
        outputs = first // step * step, -(-last // step) * step
        for run in window_of(problem, 0, outputs).runs:
            needed[(*place, slice(*run))] = True
    pieces: list[Piece] = [(box, image[box]) for box in _boxes(needed)]
    return Excerpt(image.shape, image.dtype, pieces)


def _filled(problem: Problem, region: tuple[Any, ...]) -> tuple[tuple[slice, ...], Range]:
    """The planes (images and channels) of which a region is made, and its rows."""
    axes, most = len(maps.of_result(problem)) - 2, problem.plane[0]
    rows = region[axes] if len(region) > axes else slice(0, most)
    return maps.sources(problem, *region[:axes]), (rows.start, min(rows.stop, most))


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
    stage, kind, image = stage_of(problem, name), kernel_dtype(problem.dtype), given.whole()
    out = np.empty(maps.of_result(problem), kind)
    bands, summed = ((start, stop),), stage.summed
    scratch = np.zeros(stage.workspace(bands), real(summed.compute))
    layout = stage.layout(bands).copy()
    arrays = image, taps, stage.method.fill(summed), out, layout
    with like(mode):
        stage.kernels.serial(*arrays, scratch, start, stop)
    stage.check(layout)
    return [(index, out[index].copy()) for index in stage.method.regions(summed, start, stop)]
