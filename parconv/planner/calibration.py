"""What methods' times say of their costs here, as `parconv tune --methods` measured them.

One record for a machine beside its wisdom; ``PARCONV_WISDOM=off`` turns both off.  Where there is
none, costs stand as they are shipped, with what is known of the processor.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..codegen import jit, machine
from ..problem.problem import Problem
from ..runtime import records
from . import wisdom

# A factor beyond is no measurement: costs are no more than some times wrong.
LEAST, MOST = 1 / 16, 16.0
# Costs were fitted to one processor for each kind of vectors, and these have other proportions:
# Zen 4 takes two turns for vectors of 64 bytes, but adds some while it multiplies others.  99th
# percentiles of the regret of two times 60 random images, and of 80 that took no part in the fit:
# 1.31, 1.42, 1.26 without, 1.26, 1.16, 1.21 so (Zen 4 VM, 2026-11).
# `channels` by 90 banks and layers: 1.52 without, 1.36 so; `depthwise` by 60 banks.  `box` and
# `windows` by 144 boxes.
SHIPPED = {
    "znver4": {
        "fft": 0.76,
        "separable": 0.85,
        "windows": 0.8,
        "box": 0.8,
        "channels": 0.9,
        "depthwise": 0.9,
    }
}


def key(problem: Problem, method: str) -> str:
    """What has a factor of its own: a method of planes or of maps, by the type of its sums.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> key(parconv.plan2d(((9, 9), "uint8"), np.ones((3, 3))).problem, "direct")
    'planes float32 direct'
    """
    return f"{'maps' if problem.bank else 'planes'} {problem.sums} {method}"


def factor(problem: Problem, method: str) -> float:
    """By which the method's cost is multiplied before costs are compared."""
    return shipped(method) * factors().get(key(problem, method), 1.0)


def shipped(method: str) -> float:
    """The same where nothing was measured, of the processor."""
    return SHIPPED.get(machine.target(), {}).get(method, 1.0)


@cache
def factors() -> Mapping[str, float]:
    """Those of this machine; empty where none were measured, or for other kernels."""
    found = recorded()
    numbers = found.get("factors") if found else None
    if not isinstance(numbers, dict) or not all(map(_is_factor, numbers.values())):
        return {}
    return numbers


def _is_factor(value: Any) -> bool:
    return type(value) is float and LEAST <= value <= MOST


def recorded() -> records.Record | None:
    """The whole record, where it is of these kernels and was measured on a steady machine."""
    base = wisdom.directory()
    found = records.read(_path(base)) if base else None
    if not found or found.get("kernels") != jit.source_hash() or not records.is_steady(found):
        return None
    return found


def remember(found: Mapping[str, Any]) -> Path:
    """Record factors, with the spread that `runtime.records.is_steady` judges."""
    path = _path(wisdom.place())
    records.write(path, {"kernels": jit.source_hash(), **found})
    factors.cache_clear()
    return path


def _path(base: Path) -> Path:
    return records.local(base) / "methods.json"
