"""The stage around a method where pixels may be missing: it brings their weights along."""

from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from ..methods import methods_for
from ..methods.kernels import Taps
from ..methods.missing import around
from ..methods.missing.beside import beside
from ..problem import maps
from ..problem.dtypes import FLOAT64, Array, kernel_dtype
from ..problem.lazily import lazily
from ..problem.problem import Problem
from ..runtime import arrays
from ..runtime.crew.floats import like
from .stage import Execute, Remote, Stage

Sent = tuple[Array, Array | None]  # an image and its weights, as a kernel sees them


class _Image(np.ndarray[Any, np.dtype[Any]]):
    """An image that takes its weights along, to other processes too."""

    weights: Array | None = None


class Weighted(Stage):
    """A method that sums weights beside pixels: its own kernel does, or blocks are summed twice."""

    @classmethod
    def of(cls, problem: Problem, method: ModuleType) -> "Weighted":
        """Around that method."""
        return cls(problem, beside(method, problem) or around(method))

    @lazily
    def inner(self) -> Problem:
        """In floating point, as quotients are."""
        whole = self.problem.compute.kind == "i"
        return replace(self.problem, compute=FLOAT64) if whole else self.problem

    def run(self, execute: Execute, source: Array, taps: Taps, target: Array) -> None:
        if taps.weights is None:
            execute(source, taps.values, target)
            return
        problem = self.problem
        weights = taps.weights if taps.weights.dtype == bool else arrays.readable(taps.weights)
        weights = arrays.planes(weights, problem.map_axes, problem.channels)
        image = source.view(_Image)
        image.weights = weights
        tell = partial(self.method.given, self.inner, weights=weights)
        execute(image, taps.values, target, tell)

    def elsewhere(self, name: str) -> tuple[Remote, Remote]:
        return partial(_run_blocks, name, self.summed), _sent


def _sent(image: Array, start: int, stop: int) -> Sent:
    """Everything: blocks are many, and lie apart."""
    return np.asarray(image), getattr(image, "weights", None)


def _run_blocks(
    name: str, problem: Problem, given: Sent, taps: Array, start: int, stop: int, mode: int
) -> list[tuple[Any, Array]]:
    """The pieces ``(index, values)`` of a result that blocks are, in whatever process this is."""
    (image, weights), method = given, Weighted.of(problem, methods_for(problem)[name]).method
    kernels = method.kernels(image.dtype, problem.compute, kernel_dtype(problem.dtype))
    layout = kernels.told(method.layout(problem))
    if weights is not None:
        layout = method.given(problem, layout, weights)
    out = np.empty(maps.of_result(problem), kernel_dtype(problem.dtype))
    scratch = np.zeros(method.workspace(problem), problem.sums)
    with like(mode):
        kernels.serial(image, taps, method.fill(problem), out, layout, scratch, start, stop)
    return [(index, out[index].copy()) for index in method.regions(problem, start, stop)]
