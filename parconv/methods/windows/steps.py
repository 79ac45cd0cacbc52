"""Sums of as many neighbours as a filter has equal taps, in up to three steps.

Sums of ``first`` neighbours, then ``second`` of those side by side, ``third`` of these, and
``rest`` neighbours more: ``first * second * third + rest`` in all.  Pure arithmetic.
"""

from functools import lru_cache
from typing import NamedTuple

# A store takes as long as two loads.
LOAD, STORE = 1, 2
MOST = 32  # in the first two steps: with more, there are more taps than anyone asks for


# As a first step: by differences of running sums, or by blocks of pixels; the second tells of how
# many.
RUNNING, BLOCKS = 0, -1


class Steps(NamedTuple):
    """How the neighbours of a row are added up; a step of 1 is none."""

    first: int
    second: int = 1
    third: int = 1
    rest: int = 0

    @property
    def work(self) -> int:
        """Of a sum, in loads."""
        found = LOAD * (self.first + self.rest) + STORE
        return found + sum(LOAD * n + STORE for n in (self.second, self.third) if n > 1)


def running_sums(taps: int) -> Steps:
    """Those of so many as the difference of two running sums, of integers."""
    return Steps(RUNNING, taps, rest=1)


def block_sums(taps: int) -> Steps:
    """Those of so many by blocks of pixels."""
    return Steps(BLOCKS, taps)


def as_numbers(steps: Steps) -> dict[str, int]:
    """Steps along rows by their names in a layout."""
    return {f"{name}_x": number for name, number in steps._asdict().items()}


@lru_cache(maxsize=256)
def steps_of(taps: int) -> Steps:
    """The cheapest steps; of equal ones the fewest, and those that leave the fewest neighbours.

    Examples
    --------
    >>> steps_of(3), steps_of(15)
    (Steps(first=3, second=1, third=1, rest=0), Steps(first=3, second=5, third=1, rest=0))
    >>> steps_of(31)
    Steps(first=5, second=6, third=1, rest=1)
    >>> steps_of(127)
    Steps(first=3, second=6, third=7, rest=1)
    """
    every = [Steps(taps)]
    for first in range(2, min(taps // 2, MOST) + 1):
        for second in range(2, min(taps // first, MOST) + 1):
            left = taps // (first * second)
            every += [Steps(first, second, n, taps - first * second * n) for n in (1, left)]
    return min(every, key=lambda steps: (steps.work, steps.third > 1, steps.rest))
