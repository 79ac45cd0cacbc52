"""The methods, most special first.

A method is a module with these names; nothing outside this table compares them:

* ``applicable(problem)`` why it cannot answer the problem, or None;
* ``unasked(problem)`` why only a caller who names it gets it, or None;
* ``sums(problem)`` the real type of its sums, taps and scratch;
* ``cost(problem)`` its time, in operations of the direct method: the least is chosen;
* ``prepare(problem, g)`` the filter as its kernel reads it, read-only;
* ``layout(problem)``, ``fill(problem)``, ``workspace(problem)`` what else its kernel needs;
* ``kernels(image, compute, result)`` compiled code that fills rows ``[start, stop)`` of the output;
* ``bands(problem, parts)`` about so many bands of rows, cut where its tiles end;
* ``least_band(problem)`` rows of a band that is worth handing to a worker.
"""

from types import ModuleType

from . import box, direct, dot, fft, separable

METHODS: dict[str, ModuleType] = {
    "box": box,
    "dot": dot,
    "separable": separable,
    "fft": fft,
    "direct": direct,
}
