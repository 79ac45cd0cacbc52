"""What most methods answer alike: a method that does imports it under its own name."""

from functools import lru_cache

import numpy as np

from ..banks import Bank
from ..dtypes import Array, DType
from ..problem import Problem


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names the method gets it; None: it may be chosen."""
    return None


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
