"""The decision for one problem, a value that prints, explains and runs; `planner` makes it."""

from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike

from ..methods.kernels import Taps
from ..problem.door import as_array
from ..problem.dtypes import Array, DType, quietly, real
from ..problem.filter import Filter, filter_of
from ..problem.lazily import lazily
from ..problem.problem import Problem
from ..runtime import ceilings
from ..runtime.crew import Terms
from ..runtime.telling import told
from . import looking, ready
from .bound import Bound
from .explain import as_table, as_text, facts
from .keepers import keeper_of
from .prediction import Prediction, usual_seconds
from .stage import Stage
from .stages import stages
from .studied import Studied
from .wisdom import Wisdom


@dataclass(frozen=True, repr=False)
class Plan(Studied):
    """How one convolution is computed.

    Made by `parconv.plan2d`; ``plan(f)`` runs it, ``plan.bind(f, out)`` is a call without
    arguments, ``print(plan)`` one line, ``plan.explain()`` tells all, ``plan.measure()`` times it.

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

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> g = np.arange(9.0).reshape(3, 3)
    >>> plan = parconv.plan2d(((64, 64), "float32"), g, mode="same", threads=1)
    >>> plan.method, plan.strategy, plan.threads
    ('direct', 'serial', 1)
    >>> f, out = np.ones((64, 64), np.float32), np.empty((64, 64), np.float32)
    >>> call = plan.bind(f, out)
    >>> call() is out
    True
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
    filter: Filter | None = field(default=None, repr=False, compare=False)  # where it is known
    looks_first: ClassVar[bool] = False  # whether a run asks what pixels are before it begins
    _ran: ClassVar[bool] = False  # the look is compiled for a plan that runs again

    def __getstate__(self) -> dict[str, Any]:
        """What was decided, and the filter: compiled code and prepared taps are found again."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    # --- run ---

    def __call__(self, f: ArrayLike, out: Array | None = None) -> Array:
        """Convolve an image with the plan's filter.

        Parameters
        ----------
        f : array_like
            An image of the planned shape and dtype.
        out : ndarray, optional
            Where to put the result, of the planned shape and dtype; it may overlap ``f``.

        Returns
        -------
        ndarray
            The result: ``out`` where it was given.
        """
        taps = self.taps
        if taps is None:
            raise ValueError("the plan was made from a filter's shape: pass the filter to plan2d")
        if type(f) is np.ndarray:
            return self.run(f, taps, out)
        keeper = keeper_of(f)
        if keeper is not None:
            return cast(Array, keeper.applied(self, f, out))
        return self.run(as_array("f", f, self.problem.axes), taps, out)

    def bind(self, f: Array, out: Array) -> Bound:
        """The call ``plan(f, out)`` without arguments, for one that is made again and again.

        Parameters
        ----------
        f : ndarray
            An image of the planned shape and dtype.  Each call reads what it holds by then.
        out : ndarray
            Where each call puts the result.

        Returns
        -------
        callable
            ``bound()`` fills ``out`` and returns it.  Arrays are checked here, once: it keeps both
            alive, and neither may change its shape, strides or dtype.  As a plan it may be called
            by several threads, all of which fill ``out``; it cannot be pickled.

        Examples
        --------
        >>> import numpy as np
        >>> import parconv
        >>> f, out = np.ones((4, 4), np.float32), np.empty((2, 2), np.float32)
        >>> call = parconv.plan2d(f, np.ones((3, 3))).bind(f, out)
        >>> float(call().sum())
        36.0
        >>> f *= 2
        >>> float(call().sum())
        72.0
        """
        return ready.bind(self, f, out)

    @told
    def run(self, f: Array, taps: Taps, out: Array | None) -> Array:
        """Fill the output by compiled code alone where that looks, and finds all in order."""
        if self._ran and self._looks:
            look = taps.look or looking.look_of(self, taps)
            if look:
                result = look.run(look.words, f, out)
                if result is not None:
                    return result
        self.__dict__["_ran"] = True
        return ready.run(self, f, taps, out)

    def compute(self, source: Array, taps: Taps, target: Array) -> None:
        """Fill planes or maps as the method's kernel has it, whatever it does to zero taps."""
        self.stage.run(self._execute, source, taps, target)

    def with_filter(self, g: Any) -> "Plan":
        """The plan with its filter, prepared: ready to be called."""
        plan = replace(self, filter=filter_of(g))
        assert plan.taps is not None  # refused here, not in the first call, if it must be
        return plan

    @lazily
    def taps(self) -> Taps | None:
        """The filter as the method's kernel reads it; None for a plan without."""
        return None if self.filter is None else self.prepare(self.filter)

    def prepare(self, g: Any) -> Taps:
        """A filter as the method's kernel reads it, once for all plans of one problem."""
        if not self.bands:
            return Taps(np.empty(0))
        found = filter_of(g)
        return found.form((self.method, self.problem), partial(ready.prepared, self, found))

    def _execute(self, source: Array, taps: Array, target: Array, tell: Any = None) -> None:
        ready.execute(self, source, taps, target, tell)

    @lazily
    def ends(self) -> ready.Ends:
        return ready.ends(self)

    @lazily
    def stage(self) -> Stage:
        """What stands between the problem and the method."""
        return stages(self.problem)[self.method]

    @lazily
    def summed(self) -> Problem:
        """The problem that the method sees, in the type that it sums in."""
        return self.stage.summed

    @lazily
    def kernels(self) -> Any:
        """The compiled code for the problem's types."""
        return self.stage.kernels

    @lazily
    @quietly
    def shared(self) -> ready.Shared:
        return ready.shared(self)

    @lazily
    def _looks(self) -> bool:
        return looking.looks(self)

    @property
    def terms(self) -> Terms:
        """On what terms sleeping threads help."""
        pace, alone = max(1, self.launch // self.threads), usual_seconds(self.problem, self.cost)
        return Terms.of(self.threads - 1, pace, alone, self.eager)

    # --- tell ---

    @property
    def sums(self) -> DType:
        """The real type that sums are formed in."""
        return real(self.summed.compute)

    @property
    def workspace(self) -> int:
        """Bytes beyond image and output: the scratch of all threads, and float16 as float32."""
        return ready.workspace(self) if self.bands else 0

    def __repr__(self) -> str:
        return f"<Plan: {self}>"

    def _repr_html_(self) -> str:
        """A table of what `explain` tells, for notebooks."""
        return as_table(facts(self))

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

        Parameters
        ----------
        method : str, optional
            Another one, in place of the plan's.

        Returns
        -------
        Prediction or None
            Seconds of ``arithmetic``, ``memory`` and ``overhead``.
        """
        found, cost = ceilings.load(self.threads), self.cost_of(method or self.method)
        return Prediction.of(self.problem, self.strategy, found, cost) if found else None

    def explain(self) -> str:
        """The plan in full, one fact a line.

        Returns
        -------
        str
            Lines of a word and what it is.
        """
        return as_text(facts(self))
