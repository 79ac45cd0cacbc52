"""Stages by which results are stored by a rule, `problem.store`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..codegen.rules import stored
from ..methods import is_called, storing
from ..methods.kernels import Kernels, Taps
from ..methods.storing.kernel import L
from ..problem.dtypes import Array, kernel_dtype, quietly
from ..problem.filter import Filter
from ..problem.lazily import lazily
from ..problem.problem import Problem
from ..problem.store import each
from .stage import Bands, Execute, Stage

BLOCK = 1 << 15  # complex numbers that are finished at a time, in the nearest caches


class Ruled(Stage):
    """Around a method whose kernel stores by the rule itself."""

    @property
    def kernels(self) -> Kernels:
        problem = self.summed
        image, result = map(kernel_dtype, (problem.image_dtype, problem.dtype))
        rule = stored(result, problem.store, exact=False)  # int32 holds exact sums in float32
        method: Any = self.method  # itself: where pixels are missing there is no rule
        found: Kernels = method.kernels(image, problem.compute, result, rule)
        return found


class Stored(Stage):
    """Around a method whose sums wait in scratch: `methods.storing` stores them, band by band."""

    @lazily
    def asked(self) -> Problem:
        """The sums, in a type that holds them."""
        problem = self.problem
        store = problem.store.left(exact=problem.compute.kind == "i")
        return replace(problem, dtype=problem.sums, store=store)

    @property
    def refusal(self) -> str | None:
        """Nor can a method whose kernel Python must call."""
        method: Any = self.method
        return super().refusal if is_called(method) else "it stores sums as they are"

    @property
    def tells(self) -> bool:  # type: ignore[override]
        """Whether a run tells of results that their type does not hold."""
        return self.problem.store.overflow == "raise"

    @property
    def kernels(self) -> Kernels:
        return storing.kernels(self.problem)

    def layout(self, bands: Bands) -> Array:
        return storing.layout(self._with(bands))

    def workspace(self, bands: Bands) -> int:
        return storing.workspace(self._with(bands))

    def _with(self, bands: Bands) -> storing.Asked:
        method: Any = self.method
        return storing.Asked(method, self.summed, self.problem, bands)

    def check(self, layout: Array) -> None:
        """ValueError where the type of the results does not hold one."""
        if self.tells and layout[L.beyond]:
            raise beyond(self.problem)


def beyond(problem: Problem) -> ValueError:
    """What to raise where the type of the results does not hold one."""
    return ValueError(
        f"overflow='raise': {problem.dtype} does not hold all results; pass a wider dtype, or "
        "overflow='saturate' or 'wrap'"
    )


@dataclass(frozen=True)
class Finished(Stage):
    """Around another stage, of complex results: NumPy scales and shifts them, block by block."""

    plain: Stage

    @lazily
    def inner(self) -> Problem:
        return self.plain.inner

    @property
    def rounds(self) -> int:
        return self.plain.rounds

    @property
    def refusal(self) -> str | None:
        return self.plain.refusal

    @property
    def unasked(self) -> str | None:
        return self.plain.unasked

    @property
    def cost(self) -> float:
        return self.plain.cost

    @property
    def error(self) -> float:
        return self.plain.error

    @property
    def extra_bytes(self) -> int:
        return self.plain.extra_bytes

    def prepare(self, g: Filter | Array) -> Taps:
        return self.plain.prepare(g)

    @quietly
    def run(self, execute: Execute, source: Array, taps: Taps, target: Array) -> None:
        """As the other stage, then finished."""
        self.plain.run(execute, source, taps, target)
        store, kind = self.problem.store, target.dtype
        for numbers, apply in ((store.scale, np.multiply), (store.bias, np.add)):
            if numbers is not None:
                _each_filter(np.array(each(numbers), kind), apply, target)


def _each_filter(numbers: Array, apply: Callable[..., Any], target: Array) -> None:
    """Of planes or maps; one number for all filters, or one for each."""
    high = max(1, BLOCK // target[0, ..., 0, :].size)
    for start in range(0, target.shape[-2], high):
        for each_image in target[..., start : start + high, :]:
            apply(each_image, numbers.reshape(-1, *[1] * (target.ndim - 2)), each_image)
