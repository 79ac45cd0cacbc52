"""A plan's call whose arrays are chosen: nothing is left to check but that it ends."""

from collections.abc import Callable
from typing import Any, NoReturn

from ..problem.dtypes import Array

Run = Callable[[], Any]


class Bound:
    """What `Plan.bind` makes: ``bound()`` fills ``bound.out`` from ``bound.f`` and returns it.

    ``make`` gives a call without arguments, for one caller at a time: each has scratch of its own.
    There are as many as were ever under way at once, of several threads or in signals' handlers.
    """

    __slots__ = ("__weakref__", "_idle", "_make", "f", "out")

    def __init__(self, make: Callable[[], Run], f: Array, out: Array) -> None:
        self._make, self.f, self.out = make, f, out
        self._idle = [make()]

    def __call__(self) -> Array:
        """Convolve once more."""
        try:
            run = self._idle.pop()  # at one stroke
        except IndexError:
            run = None
        run = run or self._make()
        run()
        self._idle.append(run)
        return self.out

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a bound call cannot be pickled, as it is one with its arrays: pickle the plan, and "
            "bind it where it arrives"
        )
