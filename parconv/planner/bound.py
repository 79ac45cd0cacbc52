"""A plan's call whose arrays are chosen: nothing is left to check but that it ends."""

from collections.abc import Callable
from typing import Any, NoReturn

from ..problem.dtypes import Array


class Bound:
    """What `Plan.bind` makes: ``bound()`` fills ``bound.out`` from ``bound.f`` and returns it."""

    __slots__ = ("__weakref__", "_run", "f", "out")

    def __init__(self, run: Callable[[], Any], f: Array, out: Array) -> None:
        self._run, self.f, self.out = run, f, out

    def __call__(self) -> Array:
        """Convolve once more."""
        self._run()
        return self.out

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a bound call cannot be pickled, as it is one with its arrays: pickle the plan, and "
            "bind it where it arrives"
        )
