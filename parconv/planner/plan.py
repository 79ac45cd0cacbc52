"""The decision for one problem, a value that prints, explains and runs; `planner` makes it."""

import math
from dataclasses import dataclass, field, fields, replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from ..methods import methods_for
from ..methods.kernels import Taps
from ..problem import banks
from ..problem.bands import joined
from ..problem.door import as_array
from ..problem.dtypes import Array, DType, kernel_dtype, quietly, real
from ..problem.lazily import lazily
from ..problem.outer import Filter
from ..problem.problem import Problem
from ..problem.traits import key_of
from ..runtime import arrays, ceilings
from ..runtime.crew import Terms
from ..runtime.outputs import new_output
from ..runtime.strategies import STRATEGIES
from ..runtime.strategies.work import Work
from . import complex_planes, complexes, skipping
from .excerpts import excerpt, run_band
from .explain import explain
from .prediction import Prediction, usual_seconds
from .wisdom import Wisdom

KEPT_BYTES = 1 << 12  # of a prepared filter that a plan keeps: there may be hundreds of plans


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
    eager : bool
        Whether sleeping threads of ours are woken whatever that costs, as for a caller who names
        the strategy; else where it pays, which is seen when the plan runs.
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
    eager: bool = True
    wisdom: Wisdom | None = None
    g: Any = field(default=None, repr=False, compare=False)  # the caller's filter, if it is known

    def __getstate__(self) -> dict[str, Any]:
        """What was decided, and the filter: compiled code and prepared taps are found again."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    # --- run ---

    def __call__(self, f: Any, out: Array | None = None) -> Array:
        """Convolve ``f``, an image of the planned shape and dtype, with the plan's filter."""
        if self.taps is None:
            raise ValueError("the plan was made from a filter's shape: pass the filter to plan2d")
        return self.run(
            f if type(f) is np.ndarray else as_array("f", f, self.problem.axes),
            self.taps,
            out,
        )

    def run(self, f: Array, taps: Any, out: Array | None) -> Array:
        """Check the arrays against the problem, then let the strategy fill the output."""
        problem = self.problem
        if f.shape != problem.image or f.dtype != problem.image_dtype:
            f = arrays.check_image(f, problem.image, problem.image_dtype)
        if out is None:
            result = plain = new_output(problem.shape, problem.dtype)
        else:
            result, (f, plain) = out, arrays.check_output(out, f, problem.shape, problem.dtype)
        if taps.limit is not None:
            arrays.check_range(f, taps.limit)
        if self._planar and arrays.is_plain(f, plain):
            self._fill(f[None], taps, plain[None])
        else:
            where = problem.map_axes, problem.channels
            target = arrays.writable(plain, *where)
            source = arrays.readable(f)
            if problem.bank and not problem.bank.summed:
                source = np.expand_dims(source, problem.bank.axes[0])
            self._fill(arrays.planes(source, *where), taps, target)
            arrays.deliver(target, plain, *where)
        return result

    def _fill(self, source: Array, taps: Taps, target: Array) -> None:
        """Planes or maps of the result from those of the image, by the rule of zero taps."""
        self.compute(source, taps, target)
        if taps.given is not None and not skipping.is_in_order(self.problem, source, target):
            skipping.mend(self, source, taps.given, target)

    def compute(self, source: Array, taps: Taps, target: Array) -> None:
        """The same as the method's kernel has it."""
        question = self.question
        if question is self.problem:
            return self._execute(source, taps.values, target)
        if not self.problem.bank:
            return complex_planes.run(self.problem, self._execute, source, taps, target)
        parts = new_output(question.maps, question.dtype)
        self._execute(complexes.split(self.problem, source), taps.values, parts)
        target[...] = complexes.join(self.problem, parts)
        return None

    def with_filter(self, g: Filter) -> "Plan":
        """The plan with a copy of its filter, prepared: ready to be called."""
        kept = g.copy()
        if isinstance(kept, np.ndarray):
            kept.flags.writeable = False
        plan = replace(self, g=kept)
        assert plan.taps is not None  # refused here, not in the first call, if it must be
        return plan

    @lazily
    def taps(self) -> Any:
        """The filter as the method's kernel reads it; None for a plan without."""
        if self.g is None:
            return None
        taps = self.prepare(self.g)
        return taps if skipping.has_zeros(self.g) else taps._replace(given=None)

    def prepare(self, g: Filter) -> Any:
        """The filter as the method's kernel reads it; a small one is kept for the next call."""
        if not self.bands:
            return Taps(np.empty(0))
        if self.problem.bank:
            taps = self._prepare_bank(banks.weights(np.asarray(g), self.problem.reflect))
            return Taps(taps.values, taps.limit, g) if self._can_tell else taps
        key = key_of(g)
        for known, taps in self._last:
            if known == key:
                return taps
        taps = self._prepare_one(self.problem.part.of(g))
        if self._can_tell and skipping.has_zeros(g):
            taps = taps._replace(given=g.copy())
        if taps.values.nbytes <= KEPT_BYTES:
            self._last[:] = [(key, taps)]
        return taps

    @lazily
    def _can_tell(self) -> bool:
        """Whether an image may show what zero taps are; banks are searched for them afterwards."""
        return skipping.can_tell(self.question, self._method)

    @lazily
    def _last(self) -> list[Any]:
        """The filter prepared last, and its key: one pair, or none."""
        return []

    @quietly
    def _prepare_one(self, g: Filter) -> Any:
        make = partial(self._method.prepare, self.question)
        if not getattr(self._method, "FACTORED", False):
            g = np.asarray(g)
        if self.question is self.problem:
            return make(g)
        return complex_planes.prepare(self.problem, g, make)

    @quietly
    def _prepare_bank(self, weights: Array) -> Any:
        if self.question is not self.problem:
            weights = complexes.weights(self.problem, weights)
        return self._method.prepare(self.question, weights)

    def _execute(self, source: Array, taps: Array, target: Array) -> None:
        if not self.bands:
            return
        run, work, fill, layout = self._shared
        run(work, (source, taps, fill, target, layout))

    @lazily
    def _planar(self) -> bool:
        """Whether image and output are single planes of types that compiled code knows."""
        problem = self.problem
        return (
            problem.bank is None
            and problem.axes == (0, 1)
            and len(problem.image) == 2
            and all(kernel_dtype(kind) is kind for kind in (problem.image_dtype, problem.dtype))
        )

    @lazily
    def _method(self) -> ModuleType:
        return methods_for(self.problem)[self.method]

    @lazily
    def question(self) -> Problem:
        """The problem as its method sees it: of complex numbers often one of real ones."""
        return complex_planes.question_for(self.problem, self._method)

    @lazily
    def _summed(self) -> Problem:
        """The question in the type that the method sums in."""
        problem, kind = self.question, self._method.sums(self.question)
        return problem if kind == real(problem.compute) else replace(problem, compute=kind)

    @lazily
    def kernels(self) -> Any:
        """The method's compiled code for the problem's types."""
        problem = self._summed
        return self._method.kernels(
            kernel_dtype(problem.image_dtype), problem.compute, kernel_dtype(problem.dtype)
        )

    @lazily
    @quietly
    def _shared(self) -> tuple[Any, Work, Array, Array]:
        """What every run of this plan shares."""
        problem, method = self._summed, self._method
        table = np.array(self.bands, np.int64).reshape(-1, 2)
        table.flags.writeable = False
        work = Work(
            kernels=self.kernels,
            remote=partial(run_band, self.method, problem),
            excerpt=partial(excerpt, self.method, problem),
            bands=self.bands,
            runs=joined(self.bands),
            table=table,
            threads=self.threads,
            launch=self.launch,
            terms=self._terms,
            workspace=method.workspace(problem),
            element=self.sums,
        )
        return STRATEGIES[self.strategy], work, method.fill(problem), method.layout(problem)

    @property
    def _terms(self) -> Terms:
        pace, alone = max(1, self.launch // self.threads), usual_seconds(self.problem, self.cost)
        return Terms.of(self.threads - 1, pace, alone, self.eager)

    # --- tell ---

    @property
    def sums(self) -> DType:
        """The real type that sums are formed in."""
        return real(self._summed.compute)

    @property
    def workspace(self) -> int:
        """Bytes beyond image and output: the scratch of all threads, and float16 as float32."""
        problem = self.problem
        if not self.bands:
            return 0
        copies = arrays.copied_bytes(problem.image, problem.image_dtype)
        copies += arrays.copied_bytes(problem.shape, problem.dtype)
        scratch = self._method.workspace(self._summed) * self.sums.itemsize
        return int(scratch * self.threads + copies + self._parts)

    @property
    def _parts(self) -> int:
        """Bytes of the real maps and planes that stand in for complex ones."""
        if self.question is self.problem:
            return 0
        if not self.problem.bank:
            return complex_planes.extra_bytes(self.problem)
        shapes = (self.question.maps_in, self.question.maps)
        return sum(map(math.prod, shapes)) * self.question.dtype.itemsize

    def __str__(self) -> str:
        bands = f"{len(self.bands)} band{'s' * (len(self.bands) > 1)}"
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        source = ", by wisdom" if self.wisdom else ""
        return f"{self.problem}: {self.method}, {self.strategy}, {bands}, {threads}{source}"

    @property
    def cost(self) -> float:
        """Floating-point operations, or as many as the direct method would do in the time."""
        return self.cost_of(self.method)

    def cost_of(self, method: str) -> float:
        """Those of another method."""
        module = methods_for(self.problem)[method]
        return complex_planes.cost_of(self.problem, module) if self.bands else 0.0

    def predict(self, method: str | None = None) -> Prediction | None:
        """The time of a run, from the machine's recorded ceilings; None where there are none.

        ``method``: another one, in place of the plan's.
        """
        found, cost = ceilings.load(self.threads), self.cost_of(method or self.method)
        return Prediction.of(self.problem, self.strategy, found, cost) if found else None

    def explain(self) -> str:
        """The plan in full, one fact a line."""
        return explain(self)
