"""Sums of as many neighbours as a filter has equal taps, in two steps.

Sums of ``first`` neighbours, then ``second`` of those side by side and ``rest`` neighbours more:
``first * second + rest`` in all.  Pure arithmetic.
"""

from functools import lru_cache
from typing import NamedTuple

# A store takes as long as two loads.
LOAD, STORE = 1, 2


class Steps(NamedTuple):
    """How the neighbours of one axis are added up; ``second`` is 1 where one step does it."""

    first: int
    second: int
    rest: int

    @property
    def work(self) -> int:
        """Of a sum, in loads."""
        loads, stores = self.first, 1
        if self.second > 1:
            loads, stores = loads + self.second + self.rest, 2
        return LOAD * loads + STORE * stores


@lru_cache(maxsize=256)
def steps_of(taps: int) -> Steps:
    """The cheapest steps; of equal ones those that leave the fewest neighbours over.

    Examples
    --------
    >>> steps_of(3), steps_of(15)
    (Steps(first=3, second=1, rest=0), Steps(first=3, second=5, rest=0))
    >>> steps_of(31)
    Steps(first=5, second=6, rest=1)
    """
    every = [Steps(taps, 1, 0)]
    every += [Steps(n, taps // n, taps % n) for n in range(2, taps // 2 + 1)]
    return min(every, key=lambda steps: (steps.work, steps.rest))
