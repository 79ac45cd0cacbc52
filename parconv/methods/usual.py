"""What most methods answer alike: a method that does imports it under its own name."""

from functools import lru_cache
from types import ModuleType

import numpy as np

from ..banks import Bank
from ..dtypes import Array, DType
from ..problem import Problem


def obstacle(method: ModuleType, problem: Problem) -> str | None:
    """Why it cannot answer the problem as precisely as is asked; None where it can."""
    reason: str | None = method.applicable(problem)
    allowed = problem.tolerance
    if reason is None and allowed is not None and method.error(problem) > allowed:
        return f"its error may be {method.error(problem):.2g}, more than tolerance={allowed:.2g}"
    return reason


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names the method gets it; None: it may be chosen."""
    if problem.traits.bank and problem.rounded:
        return "the taps of a filter cancel, which it sums like all others"
    return None


def error(problem: Problem) -> float:
    """What it may err by beside the rounding of a plain sum."""
    return 0.0


def sums(problem: Problem) -> DType:
    """The real type that sums are formed in."""
    return problem.sums


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant."""
    with np.errstate(over="ignore"):
        return np.array([problem.cval.real]).astype(problem.sums)


def bank_of(problem: Problem) -> Bank:
    """The bank of a problem that has one, as those of a bank's methods do."""
    assert problem.bank
    return problem.bank
