"""A method and what it is asked: the problem itself, unless a stage stands between the two."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from ..methods import obstacle
from ..methods.kernels import Taps
from ..methods.missing import Around
from ..problem.dtypes import Array, quietly
from ..problem.filter import Filter
from ..problem.lazily import lazily
from ..problem.problem import Problem
from .excerpts import excerpt, run_band

# One run of a method: (image, taps, result), and what is done to its layout before, if anything.
Execute = Callable[..., None]
Remote = Callable[..., Any]


@dataclass(frozen=True)
class Stage:
    """A method and the problem as it is: nothing before it, and nothing after."""

    problem: Problem
    method: ModuleType | Around
    errors = 1  # so many times that of the method's result may an output be off

    @property
    def rounds(self) -> int:
        """How often the method runs."""
        return 1

    @lazily
    def inner(self) -> Problem:
        """The problem as the method sees it."""
        return self.problem

    @property
    def refusal(self) -> str | None:
        """Why the method cannot answer."""
        return obstacle(self.method, self.inner)

    @property
    def unasked(self) -> str | None:
        """Why only a caller who names the method gets it."""
        reason: str | None = self.method.unasked(self.inner)
        return reason

    @property
    def cost(self) -> float:
        """Floating-point operations, or as many as the direct method would do in the time."""
        return self.rounds * float(self.method.cost(self.inner))

    @property
    def error(self) -> float:
        """What the method may err by beside the rounding of a plain sum."""
        return self.errors * float(self.method.error(self.inner))

    @property
    def extra_bytes(self) -> int:
        """Of what `run` allocates, where image and result lie in one piece."""
        return 0

    @quietly
    def prepare(self, g: Filter | Array) -> Taps:
        """The filter as the method reads it."""
        prepared: Taps = self.method.prepare(self.inner, g)
        return prepared

    def run(self, execute: Execute, source: Array, taps: Taps, target: Array) -> None:
        """Fill the planes or maps of ``target`` from those of ``source``."""
        execute(source, taps.values, target)

    def elsewhere(self, name: str, problem: Problem) -> tuple[Remote, Remote]:
        """What fills a band in another process, and what it is sent of an image for that."""
        return partial(run_band, name, problem), partial(excerpt, name, problem)
