"""Complex images and filters as real ones, for the methods of one filter that know real ones alone.

The real and imaginary parts of an image are two channels that follow its columns, as they lie in
memory.  A complex filter is two real ones, whose results are joined.  Errors of both parts, and of
both halves of a filter, add up to no more than `ERRORS` times those of one.
"""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from ..methods.kernels import Taps
from ..problem.dtypes import Array, real
from ..problem.problem import Problem
from . import complexes

ERRORS = 2


def is_complex(problem: Problem) -> bool:
    """Whether the image is: a filter alone may be, too."""
    return problem.image_dtype.kind == "c"


def as_real(problem: Problem) -> Problem:
    """The real problem that computes a complex one, or each half of one whose filter is complex."""
    parts = 2 if is_complex(problem) else 1
    image = problem.image
    if parts == 2:
        wide = problem.channels > 1
        image = (*image[:-1], 2 * image[-1]) if wide else (*image, 2)
    (top, left), (rows, columns), (dy, dx) = problem.lead, problem.plane, problem.dilation
    return replace(
        problem,
        image=image,
        image_dtype=real(problem.image_dtype),
        filter_dtype=real(problem.filter_dtype),
        compute=real(problem.compute),
        dtype=real(problem.dtype),
        lead=(top, parts * left),
        plane=(rows, parts * columns),
        dilation=(dy, parts * dx),
        channels=parts * problem.channels,
        tolerance=None if problem.tolerance is None else problem.tolerance / ERRORS,
    )


def question_for(problem: Problem, method: ModuleType) -> Problem:
    """The problem as the method sees it: of complex numbers often one of real ones."""
    if problem.compute.kind != "c":
        return problem
    if problem.bank:
        return complexes.as_reals(problem)
    return as_real(problem) if _is_answered_as_real(problem, method) else problem


def cost_of(problem: Problem, method: ModuleType) -> float:
    """Floating-point operations, or as many as the direct method would do in the time."""
    question = question_for(problem, method)
    times = 1 if problem.bank or question is problem else rounds(problem)
    return times * float(method.cost(question))


def error_of(problem: Problem, method: ModuleType) -> float:
    """What the method may err by beside the rounding of a plain sum."""
    question = question_for(problem, method)
    times = 1 if problem.bank or question is problem else ERRORS
    return times * float(method.error(question))


def _is_answered_as_real(problem: Problem, method: ModuleType) -> bool:
    """Whether a method is asked for real numbers: where it knows no others, or they are faster.

    Not with a border of complex numbers, of which real and imaginary parts would need constants of
    their own; nor beside infinity or NaN, nor with a stride, which counts pixels.
    """
    if not np.isfinite(problem.cval) or problem.stride[1] != 1:
        return False
    if is_complex(problem) and problem.cval:
        return False
    return problem.filter_dtype.kind != "c" or method.applicable(problem) is not None


def rounds(problem: Problem) -> int:
    """How often the real problem is computed."""
    return 2 if problem.filter_dtype.kind == "c" else 1


def extra_bytes(problem: Problem) -> int:
    """Of what `run` allocates."""
    result = int(np.prod(problem.shape)) * problem.dtype.itemsize
    return result // (1 if is_complex(problem) else 2) if rounds(problem) == 2 else 0


def prepare(problem: Problem, g: Any, make: Callable[[Any], Taps]) -> Taps:
    """The filter's halves as the method reads them, a line each."""
    halves = [g]
    if rounds(problem) == 2:
        whole = np.asarray(g) if problem.reflect else np.conj(np.asarray(g))
        halves = [whole.real, whole.imag]
    values = np.stack([make(half).values for half in halves])
    values.flags.writeable = False
    return Taps(values)


def run(
    problem: Problem, execute: Callable[..., Any], source: Array, taps: Taps, target: Array
) -> None:
    """Fill the complex planes of ``target`` from those of ``source``."""
    if not is_complex(problem):
        half = np.empty(target.shape, real(problem.dtype))
        for name, line in zip(("real", "imag"), taps.values, strict=True):
            execute(source, line, half)
            setattr(target, name, half)
        return
    image = _flat(source).view(real(source.dtype))
    result = target if _is_flat(target) else np.empty(target.shape, target.dtype)
    execute(image, taps.values[0], result.view(real(target.dtype)))
    for line in taps.values[1:]:
        other = np.empty(result.shape, result.dtype)
        execute(image, line, other.view(real(target.dtype)))
        result.real -= other.imag
        result.imag += other.real
    if result is not target:
        target[...] = result


def _is_flat(array: Array) -> bool:
    """Whether the pixels of a row follow one another."""
    return array.strides[-1] == array.itemsize


def _flat(array: Array) -> Array:
    return array if _is_flat(array) else np.ascontiguousarray(array)
