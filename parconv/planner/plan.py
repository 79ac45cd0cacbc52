"""The decision for one problem, a value that prints, explains and runs; `planner` makes it."""

from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import numpy as np

from ..methods.kernels import Taps
from ..problem import maps
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
from . import skipping
from .excerpts import excerpt, run_band
from .explain import explain
from .prediction import Prediction, usual_seconds
from .stage import Stage
from .stages import stages
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
        Rows ``[start, stop)`` of the output, counted over all planes, or the method's own units.
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
            source = arrays.planes(maps.with_channels(problem, arrays.readable(f)), *where)
            self._fill(source, taps, target)
            arrays.deliver(target, plain, *where)
        return result

    def _fill(self, source: Array, taps: Taps, target: Array) -> None:
        """Planes or maps of the result from those of the image, by the rule of zero taps."""
        self.compute(source, taps, target)
        if taps.given is not None and not skipping.is_in_order(self.problem, source, target):
            skipping.mend(self, source, taps.given, target)

    def compute(self, source: Array, taps: Taps, target: Array) -> None:
        """The same as the method's kernel has it."""
        self.stage.run(self._execute, source, taps.values, target)

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
        if g.ndim > 2:  # telling whether it is the last one takes as long
            taps = self.stage.prepare(maps.filter_of(self.problem, g))
            return taps._replace(given=g) if self._can_tell else taps
        key = key_of(g)
        for known, taps in self._last:
            if known == key:
                return taps
        taps = self.stage.prepare(maps.filter_of(self.problem, g))
        if self._can_tell and skipping.has_zeros(g):
            taps = taps._replace(given=g.copy())
        if taps.values.nbytes <= KEPT_BYTES:
            self._last[:] = [(key, taps)]
        return taps

    @lazily
    def _can_tell(self) -> bool:
        """Whether an image may show what zero taps are; banks are searched for them afterwards."""
        return skipping.can_tell(self.stage.inner, self.stage.method)

    @lazily
    def _last(self) -> list[Any]:
        """The filter prepared last, and its key: one pair, or none."""
        return []

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
            problem.map_axes == (0, 1)
            and len(problem.image) == 2
            and all(kernel_dtype(kind) is kind for kind in (problem.image_dtype, problem.dtype))
        )

    @lazily
    def stage(self) -> Stage:
        """What stands between the problem and the method."""
        return stages(self.problem)[self.method]

    @lazily
    def _summed(self) -> Problem:
        """The problem that the method sees, in the type that it sums in."""
        problem = self.stage.inner
        kind = self.stage.method.sums(problem)
        return problem if kind == real(problem.compute) else replace(problem, compute=kind)

    @lazily
    def kernels(self) -> Any:
        """The method's compiled code for the problem's types."""
        problem = self._summed
        return self.stage.method.kernels(
            kernel_dtype(problem.image_dtype), problem.compute, kernel_dtype(problem.dtype)
        )

    @lazily
    @quietly
    def _shared(self) -> tuple[Any, Work, Array, Array]:
        """What every run of this plan shares."""
        problem, method = self._summed, self.stage.method
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
            terms=self.terms,
            workspace=method.workspace(problem),
            element=self.sums,
        )
        return STRATEGIES[self.strategy].run, work, method.fill(problem), method.layout(problem)

    @property
    def terms(self) -> Terms:
        """On what terms sleeping threads help."""
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
        scratch = self.stage.method.workspace(self._summed) * self.sums.itemsize
        return int(scratch * self.threads + copies + self.stage.extra_bytes)

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
        return stages(self.problem)[method].cost if self.bands else 0.0

    def predict(self, method: str | None = None) -> Prediction | None:
        """The time of a run, from the machine's recorded ceilings; None where there are none.

        ``method``: another one, in place of the plan's.
        """
        found, cost = ceilings.load(self.threads), self.cost_of(method or self.method)
        return Prediction.of(self.problem, self.strategy, found, cost) if found else None

    def explain(self) -> str:
        """The plan in full, one fact a line."""
        return explain(self)
