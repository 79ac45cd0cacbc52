"""The methods, most special first.

A method is a module with these names; nothing outside these tables compares them:

* ``applicable(problem)`` why it cannot answer the problem, or None;
* ``unasked(problem)`` why only a caller who names it gets it, or None;
* ``error(problem)`` what it may err by beside the rounding of a plain sum, in units of the largest
  |f| near an output times sum |g|;
* ``sums(problem)`` the real type of its sums, taps and scratch;
* ``cost(problem)`` its time, in operations of the direct method: the least is chosen;
* ``prepare(problem, g)`` the filter as its kernel reads it, read-only; ``FACTORED = True`` where it
  takes an `Outer` as it is;
* ``layout(problem)``, ``fill(problem)``, ``workspace(problem)`` what else its kernel needs;
* ``kernels(image, compute, result)`` compiled code that fills rows ``[start, stop)`` of the output;
* ``bands(problem, parts)`` about so many bands of rows, cut where its tiles end;
* ``least_band(problem)`` rows of a band that is worth handing to a worker;
* ``grain(problem)`` rows of output that only come together, where it is not 1.

A method for banks counts in units of its own instead of rows:

* ``units(problem)`` how many there are;
* ``regions(problem, start, stop)`` indices of what units ``[start, stop)`` fill of the result's
  maps.

It sees correlations of real numbers only: ``prepare`` gets filters (filters, channels, rows,
columns), reflected where a convolution is asked.
"""

from types import ModuleType

from ..problem.problem import Problem
from . import (
    box,
    channels,
    depthwise,
    direct,
    dot,
    fft,
    gemm,
    layer,
    passes,
    planes,
    separable,
    winograd,
)
from .usual import obstacle as obstacle

METHODS: dict[str, ModuleType] = {
    "box": box,
    "dot": dot,
    "separable": separable,
    "passes": passes,
    "fft": fft,
    "direct": direct,
}
BANK_METHODS: dict[str, ModuleType] = {
    "depthwise": depthwise,
    "planes": planes,
    "channels": channels,
    "winograd": winograd,
    "gemm": gemm,
    "direct": layer,
}


def methods_for(problem: Problem) -> dict[str, ModuleType]:
    """The methods that may answer: those for one filter, or for several and sums over channels."""
    return BANK_METHODS if problem.bank else METHODS
