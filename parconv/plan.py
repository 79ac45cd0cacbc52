"""The decision for one problem, a value that prints, explains and runs; `planner` makes it."""

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np

from . import arrays, ceilings, machine
from .dtypes import Array, kernel_dtype, real
from .methods import METHODS
from .outputs import new_output
from .prediction import Prediction
from .problem import Problem
from .strategies import STRATEGIES, Work
from .wisdom import Wisdom


@dataclass(frozen=True)
class Plan:
    """How one convolution is computed.

    Made by `parconv.plan2d`; ``plan(f)`` runs it, ``print(plan)`` is one line, ``plan.explain()``
    tells all.

    Attributes
    ----------
    problem : Problem
        What is asked.
    method, strategy : str
        The algorithm, and who computes which band.
    asked : int or None
        Threads the caller named; None means the budget of the machine.
    threads : int
        Threads used at most.
    bands : tuple of (int, int)
        Rows ``[start, stop)`` of the output, counted over all planes.
    launch : int
        Bands between two looks at the signals.
    wisdom : Wisdom or None
        The measurement that chose strategy, threads and bands; None where rules did.
    """

    problem: Problem
    method: str
    strategy: str
    asked: int | None
    threads: int
    bands: tuple[tuple[int, int], ...]
    launch: int
    wisdom: Wisdom | None = None
    taps: Any = field(default=None, repr=False, compare=False)

    # --- run ---

    def __call__(self, f: Any, out: Array | None = None) -> Array:
        """Convolve ``f``, an image of the planned shape and dtype, with the plan's filter."""
        if self.taps is None:
            raise ValueError("the plan was made from a filter's shape: pass the filter to plan2d")
        return self.run(f if type(f) is np.ndarray else arrays.as_array("f", f), self.taps, out)

    def run(self, f: Array, taps: Any, out: Array | None) -> Array:
        """Check the arrays against the problem, then let the strategy fill the output."""
        problem = self.problem
        if f.shape != problem.image or f.dtype != problem.image_dtype:
            f = arrays.check_image(f, problem.image, problem.image_dtype)
        if out is None:
            out = new_output(problem.shape, problem.dtype)
        else:
            f = arrays.check_output(out, f, problem.shape, problem.dtype)
        if taps.limit is not None:
            arrays.check_range(f, taps.limit)
        if self._planar and arrays.is_plain(f, out):
            self._execute(f[None], taps.values, out[None])
        else:
            where = problem.axes, problem.channels
            target = arrays.writable(out, *where)
            self._execute(arrays.planes(arrays.readable(f), *where), taps.values, target)
            arrays.deliver(target, out, *where)
        return out

    def with_filter(self, g: Array) -> "Plan":
        """The plan with its filter prepared, ready to be called."""
        return replace(self, taps=self.prepare(g))

    def prepare(self, g: Array) -> Any:
        """The filter as the method's kernel reads it."""
        return self._method.prepare(self.problem, self.problem.part.of(g))

    def _execute(self, source: Array, taps: Array, target: Array) -> None:
        run, work, fill, layout = self._shared
        run(work, (source, taps, fill, target, layout))

    @cached_property
    def _planar(self) -> bool:
        """Whether image and output are single planes of types that compiled code knows."""
        problem = self.problem
        return (
            problem.axes == (0, 1)
            and len(problem.image) == 2
            and all(kernel_dtype(kind) is kind for kind in (problem.image_dtype, problem.dtype))
        )

    @cached_property
    def _method(self) -> ModuleType:
        return METHODS[self.method]

    @cached_property
    def _summed(self) -> Problem:
        """The problem in the type that the method sums in."""
        problem, kind = self.problem, self._method.sums(self.problem)
        return problem if kind == real(problem.compute) else replace(problem, compute=kind)

    @cached_property
    def _shared(self) -> tuple[Any, Work, Array, Array]:
        """What every run of this plan shares."""
        problem, method = self._summed, self._method
        table = np.array(self.bands, np.int64).reshape(-1, 2)
        table.flags.writeable = False
        work = Work(
            kernels=method.kernels(
                kernel_dtype(problem.image_dtype), problem.compute, kernel_dtype(problem.dtype)
            ),
            remote=partial(run_band, self.method, problem),
            bands=self.bands,
            table=table,
            threads=self.threads,
            launch=self.launch,
            workspace=method.workspace(problem),
            element=real(problem.compute),
        )
        return STRATEGIES[self.strategy], work, method.fill(problem), method.layout(problem)

    # --- tell ---

    @property
    def workspace(self) -> int:
        """Bytes beyond image and output: the scratch of all threads, and float16 as float32."""
        problem = self.problem
        copies = arrays.copied_bytes(problem.image, problem.image_dtype)
        copies += arrays.copied_bytes(problem.shape, problem.dtype)
        scratch = self._method.workspace(self._summed) * real(self._summed.compute).itemsize
        return int(scratch * self.threads + copies)

    def __str__(self) -> str:
        bands = f"{len(self.bands)} band{'s' * (len(self.bands) > 1)}"
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        source = ", by wisdom" if self.wisdom else ""
        return f"{self.problem}: {self.method}, {self.strategy}, {bands}, {threads}{source}"

    @property
    def cost(self) -> float:
        """Floating-point operations, or as many as the direct method would do in the time."""
        return float(self._method.cost(self.problem))

    def predict(self) -> Prediction | None:
        """The time of a run, from the machine's recorded ceilings; None where there are none."""
        return self._prediction(self._method)

    def _prediction(self, method: ModuleType) -> Prediction | None:
        """The time of this plan by another method."""
        found, cost = ceilings.load(self.threads), method.cost(self.problem)
        return Prediction.of(self.problem, self.strategy, found, cost) if found else None

    def explain(self) -> str:
        """The plan in full, one fact a line."""
        problem = self.problem
        rows = [stop - start for start, stop in self.bands]
        lines = {
            "problem": str(problem),
            "output": f"{'x'.join(map(str, problem.shape))} {problem.dtype}",
            "sums in": f"{real(self._summed.compute)}{self._exactly}",
            "method": f"{self.method}: {_first_line(self._method)}",
            "considered": self._considered,
            "strategy": f"{self.strategy}: {_first_line(STRATEGIES[self.strategy])}{self._caveat}",
            "threads": self._threads_told,
            "bands": f"{len(rows)} of {min(rows)} to {max(rows)} rows" if rows else "none",
            "chosen by": self._chooser,
            "work": f"{problem.flops:,} operations, {problem.bytes:,} bytes in and out "
            f"({problem.flops / max(problem.bytes, 1):.1f} operations per byte)",
            "predicted": str(self.predict() or "unknown: `parconv ceilings` measures this machine"),
            "workspace": f"{self.workspace:,} bytes beyond image and output",
            "machine": f"{8 * machine.VECTOR_BYTES}-bit vectors, {machine.VECTOR_REGISTERS} of them"
            f"{'' if machine.HAS_FMA else ', no fused multiply-add'}",
        }
        return "\n".join(f"{name:<10} {text}" for name, text in lines.items())

    @property
    def _chooser(self) -> str:
        found = self.wisdom
        if found is None:
            return "rule"
        return (
            f"wisdom of {found.measured}: {1e3 * found.seconds:.3g} ms, by rule "
            f"{1e3 * found.default_seconds:.3g}"
        )

    @property
    def _considered(self) -> str:
        """Every other method, and why it is not this plan's."""
        others = {name: method for name, method in METHODS.items() if name != self.method}
        return "; ".join(f"{name}: {self._why_not(other)}" for name, other in others.items())

    def _why_not(self, other: ModuleType) -> str:
        reason = other.applicable(self.problem) or other.unasked(self.problem)
        if reason:
            return str(reason)
        own, its = self.predict(), self._prediction(other)
        if own is None or its is None:
            return f"{other.cost(self.problem) / max(self.cost, 1):.2g} times the work"
        return f"{1e3 * its.seconds:.3g} ms, {its.seconds / own.seconds:.2g} times as long"

    @property
    def _exactly(self) -> str:
        return ", exactly" if self.problem.compute.kind == "i" else ""

    @property
    def _threads_told(self) -> str:
        asked = "the machine's budget" if self.asked is None else f"{self.asked} asked"
        return f"{self.threads} used, {asked}"

    @property
    def _caveat(self) -> str:
        obstacle = machine.prange_obstacle() if self.strategy == "prange" else None
        return f" (now as threads: {obstacle})" if obstacle else ""


def _first_line(thing: Any) -> str:
    return (thing.__doc__ or "").splitlines()[0].rstrip(".")


def run_band(
    name: str, problem: Problem, image: Array, taps: Array, start: int, stop: int
) -> Array:
    """Rows ``[start, stop)`` of a method's result, computed in whatever process this is.

    The output is allocated whole but only touched where the band lies.
    """
    method, kind = METHODS[name], kernel_dtype(problem.dtype)
    out = np.empty((problem.planes, *problem.plane), kind)
    scratch = np.zeros(method.workspace(problem), taps.dtype)
    compiled = method.kernels(image.dtype, problem.compute, kind).serial
    compiled(image, taps, method.fill(problem), out, method.layout(problem), scratch, start, stop)
    return out.reshape(-1, problem.plane[1])[start:stop].copy()
