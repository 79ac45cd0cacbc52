"""A function of the user's beside ours: ``module:function`` or ``file.py:function``.

It is called as ``function(f, g)`` and returns the result.  Nothing of it is trusted to be right.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import threadpoolctl

import parconv
from parconv.problem.dtypes import Array
from parconv.runtime import budget

from ..screen import by
from .ready import Asked, Run

MARK = ":"


def load(name: str) -> Callable[[Array, Array], Any]:
    """The function; modules are looked for beside where the command runs, too.

    Examples
    --------
    >>> load("numpy:convolve").__name__
    'convolve'
    """
    place, _, function = name.rpartition(MARK)
    found = getattr(module_of(place), function, None)
    if not callable(found):
        raise ValueError(f"implementation {name!r}: {place} has no function {function!r}")
    return found  # type: ignore[no-any-return]


def module_of(place: str) -> ModuleType:
    """What a name or a file leads to, imported."""
    return _from_file(Path(place)) if place.endswith(".py") else _by_name(place)


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ValueError(f"implementation: there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # Numba looks its functions' module up
    spec.loader.exec_module(module)
    return module


def _by_name(name: str) -> ModuleType:
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"implementation: {error}: pass module:function or file.py:function"
        ) from None


def prepare(name: str, study: Asked, f: Array, g: Array, threads: int) -> Run:
    """The call, with Numba's, BLAS's and OpenMP's threads limited to so many."""
    function = load(name)
    budget.set_num_threads(budget.usable_threads(threads))
    threadpoolctl.threadpool_limits(threads)
    return lambda: function(f, g)


def remark(name: str, study: Asked, f: Array, g: Array, found: Array) -> str:
    """How its result compares with ours, in one sentence."""
    from ..race.agreement import difference, tolerance

    expected = _ours(study, f, g, study.correlation)
    if found.shape != expected.shape:
        return (
            f"{name} differs: its result is {by(found.shape) or 'a number'}, parconv's "
            f"{by(expected.shape)}: --mode, --axes or --stride may mend that"
        )
    values = found.astype(expected.dtype)
    largest = difference(values, expected)
    allowed = 0.5 if expected.dtype.kind in "iu" else tolerance(f, g)
    if largest <= allowed:
        kind = "" if found.dtype == expected.dtype else f", as {found.dtype} for {expected.dtype}"
        return f"{name} gives parconv's result, within {largest:.2g}{kind}"
    told = f"{name} differs from parconv by up to {largest:.3g}, {allowed:.2g} is rounding"
    other = _ours(study, f, g, not study.correlation)
    if difference(values, other) <= allowed:
        word = "reflects" if study.correlation else "does not reflect"
        return f"{told}: it {word} the filter"
    return told


def _ours(study: Asked, f: Array, g: Array, correlate: bool) -> Array:
    plan = parconv.plan2d(f, g, correlate=correlate, threads=1, **study.question)
    return np.asarray(plan(f))
