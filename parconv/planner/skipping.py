"""Zero taps by one rule, whatever a method multiplies: skipped, they are none; kept, all count.

0 times NaN or infinity is NaN.  Methods leave out some zeros and multiply others, which only
pixels that are not finite betray.  So where a filter has zeros the result is searched for such, or
the image, and mended if one is found: the finite pixels are convolved alone, others are counted
under taps of either sign.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..methods import methods_for
from ..methods.kernels import Taps
from ..problem.dtypes import FLOAT32, Array, DType, quietly
from ..problem.filter import Filter
from ..problem.problem import Problem
from ..problem.store import PLAINLY, each
from ..problem.traits import PLAIN
from .stages import fastest
from .storing import beyond

SMALL = 1 << 14  # numbers that are looked at as fast as some of them
FEW = 1 << 13  # whose squares BLAS sums in half the time, and wakes no threads of its own for
MANY, UNSURE = 0.5, 0.1  # a count is an integer, to within the error of a transform


def can_tell(problem: Problem, method: Any) -> bool:
    """Whether pixels can tell what the method, which sees the problem so, does to zero taps.

    Where some are missing nobody asks: the result has NaN of its own.
    """
    if problem.missing and problem.missing.any:
        return False
    if problem.image_dtype.kind in "biu" and np.isfinite(problem.cval):
        return False
    return problem.zero_taps == "keep" or not method.selects(problem)


def compute(plan: Any, source: Array, taps: Taps, target: Array) -> None:
    """Fill the output by the rule; pixels under zero taps raise no error of a run that tells."""
    if taps.given is None:
        plan.compute(source, taps, target)
    elif plan.stage.tells and not is_in_order(plan.problem, source, target):
        mend(plan, source, taps.given, target)
    else:
        plan.compute(source, taps, target)
        hold(plan, source, taps.given, target)


def hold(plan: Any, source: Array, g: Filter, target: Array) -> None:
    """Hold what a run has filled to the rule; planes or maps, as the plan's kernel sees them."""
    if not is_in_order(plan.problem, source, target):
        mend(plan, source, g, target)


def is_in_order(problem: Problem, source: Array, target: Array) -> bool:
    """Whether all pixels are finite, or what was multiplied with zeros is."""
    shown = problem.zero_taps == "skip" and target.dtype.kind not in "biu"
    if shown:
        small = target.size <= FEW
        if all(map(_sums_to_number, (target,) if small else _samples(problem, target))):
            return True
    if not np.isfinite(problem.cval):
        return False
    return _sums_to_number(source) or bool(np.isfinite(source).all())


@quietly
def mend(plan: Any, source: Array, g: Filter, target: Array) -> None:
    """Fill the output anew by the rule."""
    weights = np.asarray(g)
    usual = bool(np.isfinite(weights).all())
    finite = g if usual else Filter(np.where(np.isfinite(weights), weights, 0))
    _convolve_finite(plan, source, finite, target)
    taken = np.ones_like(weights, bool) if plan.problem.zero_taps == "keep" else weights != 0

    def met(such: Callable[[Any], Any], chosen: Array) -> Array | bool:
        """Where such pixels meet chosen taps."""
        pixels, beyond = such(source), bool(such(plan.problem.cval))
        if not (chosen.any() and (beyond or pixels.any())):
            return False
        return _counts(plan, pixels, beyond, g, chosen, target) > MANY

    if plan.problem.compute.kind == "c":
        lost = met(_is_strange, taken) | met(_is_any, ~np.isfinite(weights))
        np.copyto(target, complex(np.nan, np.nan), where=lost)
        return
    up = met(_is_above, weights > 0) | met(_is_below, weights < 0)
    down = met(_is_above, weights < 0) | met(_is_below, weights > 0)
    neither = taken & ~(weights > 0) & ~(weights < 0)
    lost = met(np.isnan, taken) | met(np.isinf, neither)
    if not usual:  # infinite taps meet finite pixels too
        above, below = _is_above(weights), _is_below(weights)
        up = up | met(_is_positive, above) | met(_is_negative, below)
        down = down | met(_is_positive, below) | met(_is_negative, above)
        lost = lost | met(_is_zero, above | below) | met(_is_any, np.isnan(weights))
    lost = lost | (up & down)
    for places, value in ((up, np.inf), (down, -np.inf), (lost, np.nan)):
        if np.any(places):
            np.copyto(target, _as_stored(plan.problem, value, target.dtype), where=places)


# --- is anything not finite? ---------------------------------------------------------------------


def _sums_to_number(array: Array) -> bool:
    """Whether the sum of all, or of few squares, is finite: so then are all.

    Three times as fast as looking for the least and the largest (Zen 3 VM, 2026-11).
    """
    few = array.size <= FEW
    found = np.vdot(array, array) if few else np.einsum("abcd"[: array.ndim] + "->", array)
    return math.isfinite(found.real) and math.isfinite(found.imag)


def _samples(problem: Problem, target: Array) -> Iterator[Array]:
    """Rows of which a pixel that is not finite, and met multiplied zero taps, spoils one.

    It does that to as many rows as the filter has, if the output has them.  Methods of lines that
    change sign leave out the row in the middle: there two of them are looked at.  All filters of a
    group see the same pixels, and leave out no zeros where none has taps that cancel.
    """
    bank = problem.bank
    if bank and not problem.traits.bank:
        target = target[:, :: bank.outputs // bank.groups]
    every, firsts, lasts = _rows(problem, target.size)
    for first in range(firsts):
        yield target[..., first::every, :]
    if lasts:
        yield target[..., -lasts:, :]


def _rows(problem: Problem, size: int) -> tuple[int, int, int]:
    """Every so manieth row, so many of them, and so many at the end."""
    odd, dense = problem.traits.odd[0], problem.stride[0] == problem.dilation[0] == 1
    every = problem.filter[0] if dense and size > SMALL else 1
    return every, min(1 + odd, every), 1 + odd if every > 1 else 0


def rows_of(problem: Problem) -> tuple[int, int, int] | None:
    """The same of planes, where the result tells all; None where it takes more than to look."""
    if problem.bank or problem.zero_taps != "skip" or problem.dtype.kind not in "fc":
        return None
    return _rows(problem, math.prod(problem.shape))


def pixels_tell(problem: Problem) -> bool:
    """Whether a look at all pixels of the image is enough, and is no more than that."""
    known = not problem.bank and problem.image_dtype.kind in "fc"
    return known and bool(np.isfinite(problem.cval))


# --- what is put there ---------------------------------------------------------------------------


def _is_above(pixels: Any) -> Any:
    return pixels == np.inf


def _is_below(pixels: Any) -> Any:
    return pixels == -np.inf


def _is_strange(pixels: Any) -> Any:
    return ~np.isfinite(pixels)


def _is_positive(pixels: Any) -> Any:
    return pixels > 0


def _is_negative(pixels: Any) -> Any:
    return pixels < 0


def _is_zero(pixels: Any) -> Any:
    return pixels == 0


def _is_any(pixels: Any) -> Any:
    return np.ones_like(pixels, bool)


def _convolve_finite(plan: Any, source: Array, g: Filter, target: Array) -> None:
    """The other pixels as zeros."""
    finite, beyond = source.copy(order="K"), plan.problem.cval
    finite[~np.isfinite(finite)] = 0
    problem = replace(plan.problem, cval=beyond if np.isfinite(beyond) else 0)
    clean = replace(plan, problem=problem, filter=None)
    clean.compute(finite, clean.prepare(g), target)


def _counts(
    plan: Any, pixels: Array, beyond: bool, g: Filter, chosen: Array, target: Array
) -> Array:
    """How many of these pixels each output's chosen taps meet, in an array that lies alike."""
    problem = replace(
        plan.problem.whole, image_dtype=FLOAT32, filter_dtype=FLOAT32, compute=FLOAT32,
        dtype=FLOAT32, cval=float(beyond), traits=PLAIN, tolerance=UNSURE / chosen.sum(),
        zero_taps="keep", store=PLAINLY,
    )  # fmt: skip
    counts = np.empty_like(target, FLOAT32)
    own = _by_whom(plan, problem)
    asked = own.method, problem, chosen.tobytes()
    taps = g.form(asked, lambda: own.prepare(chosen.astype(FLOAT32)))
    own.compute(pixels.astype(FLOAT32), taps, counts)
    return counts


def _by_whom(plan: Any, problem: Problem) -> Any:
    """The fastest plan for a problem, by the same threads."""
    method = fastest(problem)
    bands = methods_for(problem)[method].bands(problem, max(len(plan.bands), plan.threads))
    threads = min(plan.threads, len(bands))
    own = replace(plan, problem=problem, method=method, threads=threads, bands=bands)
    return replace(own, launch=threads, filter=None)


def _as_stored(problem: Problem, value: float, kind: DType) -> Array:
    """Infinity or NaN as the problem's rule stores it, for each filter where those differ."""
    store, real = problem.store, np.array(value)
    for numbers, apply in ((store.scale, np.multiply), (store.bias, np.add)):
        if numbers is not None:
            real = apply(real, np.reshape(each(numbers), (-1, 1, 1) if problem.bank else ()))
    if problem.dtype.kind == "b":
        return np.array(1, kind)
    if kind.kind not in "iu":
        return real.astype(kind)
    if store.overflow == "raise":
        raise beyond(problem)
    limits = np.iinfo(kind)
    if store.overflow == "saturate":
        return np.select([np.isnan(real), real > 0], [0, limits.max], limits.min).astype(kind)
    if kind == np.uint64:
        return np.where(np.isnan(real), np.uint64(1 << 63), np.uint64(0))
    return np.full(real.shape, limits.min if kind.itemsize > 2 and kind.kind == "i" else 0, kind)
