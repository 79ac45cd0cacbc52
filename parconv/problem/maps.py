"""What a method's kernel sees of a problem: planes where there is one filter, maps where several.

Planes are arrays (planes, rows, columns), maps (batch, channels, rows, columns): of the image with
its channels, of the result with its filters.
"""

from typing import Any

import numpy as np

from .banks import Shape, weights
from .dtypes import Array
from .filter import Filter
from .problem import Problem


def of_result(problem: Problem) -> Shape:
    """Shape of the result's planes or maps."""
    return problem.maps if problem.bank else (problem.planes, *problem.plane)


def with_channels(problem: Problem, f: Array) -> Array:
    """An image that has an axis of channels where the problem is about maps."""
    bank = problem.bank
    return np.expand_dims(f, bank.axes[0]) if bank and not bank.summed else f


def filter_of(problem: Problem, g: Filter) -> Filter | Array:
    """The caller's filter as methods are given it: the part of one that counts.

    Several are (filters, channels, rows, columns), as a correlation multiplies with them.
    """
    if problem.bank:
        return weights(np.asarray(g), problem.reflect)
    found: Filter = problem.part.of(g)
    return found


def sources(problem: Problem, *place: Any) -> tuple[slice, ...]:
    """Which of the image's planes, or (images, channels), make those of the result at ``place``.

    Indices are integers or slices.

    Examples
    --------
    >>> import parconv
    >>> stack = parconv.plan2d(((9, 64, 64), "f4"), ((3, 3), "f4"))
    >>> sources(stack.problem, 4)
    (slice(4, 5, None),)
    >>> layer = parconv.plan2d(((2, 6, 64, 64), "f4"), ((8, 3, 3, 3), "f4"), groups=2)
    >>> sources(layer.problem, 0, slice(4, 6))
    (slice(0, 1, None), slice(3, 6, None))
    """
    bank = problem.bank
    if not bank:
        return tuple(map(_run, place))
    images, filters = map(_run, place)
    each = bank.filters
    groups = filters.start // each, max(filters.stop - 1, filters.start) // each + 1
    return images, slice(groups[0] * bank.inputs, groups[1] * bank.inputs)


def _run(index: Any) -> slice:
    return index if isinstance(index, slice) else slice(index, index + 1)
