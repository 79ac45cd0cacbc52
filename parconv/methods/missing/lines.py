"""A filter as rows of taps that holes take from sums of weights, and a column over such rows.

Products of a column and a row need one row; of all other filters each row is one, and the column
a single 1.  Dilation and channels stand as zeros between taps.
"""

from typing import NamedTuple

import numpy as np

from ...codegen.layout import up
from ...problem.dtypes import Array
from ...problem.filter import Filter, filter_of
from ...problem.problem import Problem
from ..usual import lanes_of


class Shape(NamedTuple):
    """Taps of the column, rows, and elements from one row to the next."""

    column: int
    rows: int
    step: int


def shape_of(problem: Problem) -> Shape:
    """Of a problem's filter."""
    height, width = problem.span
    single = problem.traits.rank == 1 or problem.traits.equal
    return Shape(height if single else 1, 1 if single else height, up(width, lanes_of(problem)))


def lines_of(problem: Problem, g: Filter | Array, scale: float) -> Array:
    """The column, scaled, then rows whose last tap comes first."""
    shape = shape_of(problem)
    column, rows = _factors(problem, g, shape)
    if problem.reflect:
        column, rows = column[::-1], rows[::-1, ::-1]
    down, right = problem.dilation
    tall, wide = np.zeros(shape.column), np.zeros((shape.rows, shape.step))
    tall[:: down if shape.rows == 1 else 1] = column * scale
    wide[:: 1 if shape.rows == 1 else down, : problem.span[1] : right] = rows[:, ::-1]
    return np.concatenate([tall, wide.ravel()])


def _factors(problem: Problem, g: Filter | Array, shape: Shape) -> tuple[Array, Array]:
    """A column and rows that it multiplies."""
    taps = np.asarray(g)
    if problem.traits.equal:
        return np.full(len(taps), float(taps.flat[0])), np.ones((1, taps.shape[1]))
    if shape.rows > 1:
        return np.ones(1), taps
    found = filter_of(g).factors(1, problem.sums)
    if found is None:
        raise ValueError("g is not the filter that was planned for: plan again")
    return found[0][0], found[1]
