"""Strategies: who computes which band.  Each runs the same kernel over the same bands.

Every strategy has finished or stopped all its bands when it returns or raises, so an output never
changes after the call.  No strategy knows what the kernel computes.  What is known of one stands in
its row: a new one is a function and a row.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ..crew import Terms
from .joblib import joblib
from .prange import launches_or_not, prange
from .serial import bound, serial
from .threads import threads, wakes_or_not
from .work import Arrays, Work


def _nothing(kernels: Any, terms: Terms) -> str:
    return ""


class Strategy(NamedTuple):
    """A function that fills all bands, and what is known of it.

    Attributes
    ----------
    run : function
        Called with a plan's work and the arrays of a call; its docstring says who computes.
    overhead : float
        Seconds of a run beside arithmetic and memory, of two threads (Zen 5, 2026-11).
    axes : tuple of str
        What its time depends on beside bands: the number of ``threads`` (else it is one), Numba's
        threading ``layer``, joblib's ``backend``.
    automatic : bool
        Whether "auto" may take it: not where a call waits for threads that sleep, which takes
        milliseconds beside other processes.
    caveat : function
        Of kernels and terms: what a run here and now may do otherwise, to be told in a plan.
    bound : function or None
        Of work and arrays: a run of both without arguments, for one caller at a time.
    """

    run: Callable[[Work, Arrays], None]
    overhead: float
    axes: tuple[str, ...] = ("threads",)
    automatic: bool = False
    caveat: Callable[[Any, Terms], str] = _nothing
    bound: Callable[[Work, Arrays], Callable[[], object]] | None = None

    @property
    def threaded(self) -> bool:
        """Whether more than the calling thread computes."""
        return "threads" in self.axes

    def bind(self, work: Work, arrays: Arrays) -> Callable[[], object]:
        """``run(work, arrays)`` without arguments."""
        return partial(self.run, work, arrays) if self.bound is None else self.bound(work, arrays)


STRATEGIES = {
    "serial": Strategy(serial, 2e-6, axes=(), automatic=True, bound=bound),
    "prange": Strategy(prange, 8e-6, ("threads", "layer"), caveat=launches_or_not),
    "threads": Strategy(threads, 8e-6, automatic=True, caveat=wakes_or_not),
    "joblib": Strategy(joblib, 10e-3, ("threads", "backend")),
}


def is_automatic(name: str) -> bool:
    """Whether "auto" may take the strategy of that name, if there is one."""
    return name in STRATEGIES and STRATEGIES[name].automatic


def automatic(threaded: bool) -> str:
    """The strategy that "auto" takes, of several threads or of one."""
    return next(
        name for name, row in STRATEGIES.items() if row.automatic and row.threaded == threaded
    )
