"""The methods, most special first.

A method is a module with the names below, and nothing asks whether it has one: what most of them
answer alike stands in `usual`, from where a module imports it under its own name.

* ``applicable(problem)`` why it cannot answer the problem, or None;
* ``unasked(problem)`` why only a caller who names it gets it, or None;
* ``error(problem)`` what it may err by beside the rounding of a plain sum, in units of the largest
  |f| near an output times sum |g|;
* ``sums(problem)`` the real type of its sums, taps and scratch;
* ``cost(problem)`` its time, in operations of the direct method: the least is chosen;
* ``selects(problem)`` whether it leaves out zero taps, where it does not multiply all;
* ``prepare(problem, g)`` the filter as its kernel reads it, read-only;
* ``layout(problem)``, ``fill(problem)``, ``workspace(problem)`` what else its kernel needs;
* ``kernels(image, compute, result)`` compiled code that fills units ``[start, stop)``;
* ``UNIT``, ``units(problem)`` what bands are cut from, in the plural, and how many there are;
* ``regions(problem, start, stop)`` indices of what units ``[start, stop)`` fill of the result: of a
  plane and its rows; or of an image, filters and, where it is not all of them, rows and columns;
* ``bands(problem, parts)`` about so many bands of units, cut where its tiles end;
* ``least_band(problem)`` units of a band that is worth handing to a worker;
* ``grain(problem)`` rows of output that only come together;
* ``anywhere(problem)`` whether a row has the same bits in any part, as `problem.window` cuts it.

It sees real numbers, unless its row says otherwise, and of the filter what `problem.maps.filter_of`
gives it.
"""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from ..problem import maps
from ..problem.problem import Problem
from ..runtime.crew.record import MAPS, PLANES
from . import (
    box,
    channels,
    cosines,
    depthwise,
    direct,
    dot,
    fft,
    gemm,
    layer,
    passes,
    planes,
    rows,
    separable,
    short,
    strided,
    windows,
    winograd,
)
from .usual import obstacle as obstacle


def never(problem: Problem) -> bool:
    """Of a method around which `storing` stores results by rules."""
    return False


class Row(NamedTuple):
    """The name that callers give a method, the axes of arrays that its kernel sees, and itself.

    ``complexes``: whether it knows complex numbers; ``called``: whether compiled code can call its
    kernel; ``finishes``: whether that stores a problem's results by rules other than the plain one.
    """

    name: str
    axes: int
    method: ModuleType
    complexes: bool = False
    called: bool = True
    finishes: Callable[[Problem], bool] = never


METHODS = (
    Row("box", PLANES, box, finishes=box.finishes),
    Row("windows", PLANES, windows, finishes=windows.finishes),
    Row("dot", PLANES, dot),
    Row("short", PLANES, short, finishes=short.finishes),
    Row("rows", PLANES, rows, finishes=rows.finishes),
    Row("strided", PLANES, strided),
    Row("separable", PLANES, separable, finishes=separable.finishes),
    Row("passes", PLANES, passes),
    Row("cosines", PLANES, cosines),
    Row("fft", PLANES, fft),
    Row("direct", PLANES, direct, complexes=True, finishes=direct.finishes),
    Row("depthwise", MAPS, depthwise),
    Row("planes", MAPS, planes, complexes=True, finishes=planes.finishes),
    Row("channels", MAPS, channels),
    Row("winograd", MAPS, winograd),
    Row("gemm", MAPS, gemm, called=False),
    Row("direct", MAPS, layer),
)


def methods_for(problem: Problem) -> dict[str, ModuleType]:
    """By name the methods whose kernels see what the problem is about: planes, or maps."""
    axes = len(maps.of_result(problem))
    return {row.name: row.method for row in METHODS if row.axes == axes}


def knows_complex(method: ModuleType) -> bool:
    """Whether it sees complex numbers as they are."""
    return any(row.complexes for row in METHODS if row.method is method)


def is_called(method: ModuleType) -> bool:
    """Whether compiled code can call its kernel."""
    return any(row.called for row in METHODS if row.method is method)


def finishes(method: ModuleType, problem: Problem) -> bool:
    """Whether its kernel stores results by the problem's rule."""
    return any(row.finishes(problem) for row in METHODS if row.method is method)
