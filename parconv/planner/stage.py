"""A method and what it is asked: the problem itself, unless a stage stands between the two."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from ..methods import obstacle
from ..methods.kernels import Taps
from ..methods.missing import Around
from ..methods.missing.beside import Beside
from ..problem.dtypes import Array, kernel_dtype, quietly, real
from ..problem.filter import Filter
from ..problem.lazily import lazily
from ..problem.problem import Problem

Bands = tuple[tuple[int, int], ...]
# One run of a method: (image, taps, result), and what is done to its layout before, if anything.
Execute = Callable[..., None]
Remote = Callable[..., Any]


@dataclass(frozen=True)
class Stage:
    """A method and the problem as it is: nothing before it, and nothing after."""

    problem: Problem
    method: ModuleType | Around | Beside
    tells = False  # whether a run tells by the layout what went wrong
    errors = 1  # so many times that of the method's result may an output be off

    @property
    def rounds(self) -> int:
        """How often the method runs."""
        return 1

    @lazily
    def inner(self) -> Problem:
        """The problem as the method sees it."""
        return self.problem

    @lazily
    def asked(self) -> Problem:
        """What the method is asked about the same arrays."""
        return self.inner

    @lazily
    def summed(self) -> Problem:
        """The same, in the type that the method sums in."""
        kind = self.method.sums(self.asked)
        return self.asked if kind == real(self.asked.compute) else replace(self.asked, compute=kind)

    @property
    def refusal(self) -> str | None:
        """Why the method cannot answer."""
        return obstacle(self.method, self.asked)

    @property
    def unasked(self) -> str | None:
        """Why only a caller who names the method gets it."""
        reason: str | None = self.method.unasked(self.asked)
        return reason

    @property
    def cost(self) -> float:
        """Floating-point operations, or as many as the direct method would do in the time."""
        return self.rounds * float(self.method.cost(self.asked))

    @property
    def error(self) -> float:
        """What the method may err by beside the rounding of a plain sum."""
        return self.errors * float(self.method.error(self.asked))

    @property
    def extra_bytes(self) -> int:
        """Of what `run` allocates, where image and result lie in one piece."""
        return 0

    @quietly
    def prepare(self, g: Filter | Array) -> Taps:
        """The filter as the method reads it."""
        prepared: Taps = self.method.prepare(self.asked, g)
        return prepared

    def run(self, execute: Execute, source: Array, taps: Taps, target: Array) -> None:
        """Fill the planes or maps of ``target`` from those of ``source``."""
        execute(source, taps.values, target)

    def elsewhere(self, name: str) -> tuple[Remote, Remote] | None:
        """What fills a band in another process, and what it is sent of an image for that.

        None: what does for most, see `excerpts`.
        """
        return None

    # --- compiled code ---

    @property
    def kernels(self) -> Any:
        """The method's for the problem's types."""
        problem = self.summed
        image, result = map(kernel_dtype, (problem.image_dtype, problem.dtype))
        return self.method.kernels(image, problem.compute, result)

    def layout(self, bands: Bands) -> Array:
        """What the kernel knows of the problem, whose result is cut into such bands."""
        found: Array = self.kernels.told(self.method.layout(self.summed))
        return found

    def workspace(self, bands: Bands) -> int:
        """Elements of scratch of a worker."""
        return int(self.method.workspace(self.summed))

    def check(self, layout: Array) -> None:
        """Raise what the run that had this layout tells."""
