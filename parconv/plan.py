"""The decision: method, strategy, bands and threads for one problem; a value that prints and runs."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np

from . import arrays, machine
from .arrays import Array
from .bands import split_rows
from .dtypes import real
from .methods import METHODS
from .problem import Problem
from .strategies import STRATEGIES, Work

# Below this much work (operations + 8 per byte) one thread is as fast as two: a launch costs 1 to 3
# microseconds and wakes threads whose caches are cold.  Zen 5, 2 cores, 2026-11: break-even between
# 64 x 64 and 128 x 128 pixels at 5x5.
SERIAL_WORK = 1_500_000
# Work of one thread between two looks at the signals, so that Ctrl-C is served within 0.1 s even on
# a core a fifth as fast as its vectors suggest.  20 ms on Zen 5 (250 GFLOP/s): each launch ends in
# a barrier, which a busy machine makes expensive.
LAUNCH_WORK = 80_000_000 * machine.VECTOR_BYTES
INTEGER_SLOWNESS = 8  # 64-bit integer multiplications against floating ones
# Bands for each thread: the next free one takes the next band, so a core that the system borrows
# for a while delays the end by a fraction of its share.
BANDS_PER_THREAD = 8
BAND_TILES = 10  # least height of a band, in rows of tiles


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
    """

    problem: Problem
    method: str
    strategy: str
    asked: int | None
    threads: int
    bands: tuple[tuple[int, int], ...]
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
            out = arrays.new_output(problem.shape, problem.dtype)
        else:
            f = arrays.check_output(out, f, problem.shape, problem.dtype)
        if taps.limit is not None:
            arrays.check_range(f, taps.limit)
        if self._planar and arrays.is_plain(f, out):
            self._execute(f[None], taps.values, out[None])
        else:
            target = arrays.writable(out, problem.axes)
            self._execute(arrays.planes(arrays.readable(f), problem.axes), taps.values, target)
            arrays.deliver(target, out, problem.axes)
        return out

    def _execute(self, source: Array, taps: Array, target: Array) -> None:
        strategy, serial, parallel, remote, fill, layout, table, launch, workspace = self._constants
        strategy(
            Work(
                serial, parallel, remote, (source, taps, fill, target, layout),
                self.bands, table, self.threads, launch, workspace,
            )
        )  # fmt: skip

    @cached_property
    def _planar(self) -> bool:
        """Whether image and output are single planes of types that compiled code knows."""
        problem = self.problem
        return problem.axes == (0, 1) and len(problem.image) == 2 and all(
            arrays.kernel_dtype(kind) is kind for kind in (problem.image_dtype, problem.dtype)
        )

    @cached_property
    def _method(self) -> ModuleType:
        return METHODS[self.method]

    @cached_property
    def _constants(self) -> tuple[Any, ...]:
        """What every run of this plan shares; compiles the kernel or loads it from the cache."""
        problem, method = self.problem, self._method
        kernels = method.kernels(
            arrays.kernel_dtype(problem.image_dtype), problem.compute,
            arrays.kernel_dtype(problem.dtype),
        )  # fmt: skip
        bands = np.array(self.bands, np.int64).reshape(-1, 2)
        bands.flags.writeable = False
        launches = _launches(problem, self.threads)
        return (
            STRATEGIES[self.strategy], kernels.serial, kernels.parallel,
            partial(method.run_band, problem),
            method.fill(problem), method.layout(problem), bands,
            max(self.threads, math.ceil(len(bands) / launches)), method.workspace(problem),
        )  # fmt: skip

    # --- tell ---

    @property
    def workspace(self) -> int:
        """Bytes of scratch beyond image and output, all threads together."""
        itemsize = real(self.problem.compute).itemsize
        return int(self._method.workspace(self.problem)) * itemsize * self.threads

    def __str__(self) -> str:
        bands = f"{len(self.bands)} band{'s' * (len(self.bands) > 1)}"
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.problem}: {self.method}, {self.strategy}, {bands}, {threads}"

    def explain(self) -> str:
        """The plan in full, one fact a line."""
        problem = self.problem
        rows = [stop - start for start, stop in self.bands]
        lines = {
            "problem": str(problem),
            "output": f"{'x'.join(map(str, problem.shape))} {problem.dtype}",
            "sums in": str(problem.compute),
            "method": f"{self.method}: {(self._method.__doc__ or '').splitlines()[0].rstrip('.')}",
            "strategy": f"{self.strategy}: {_first_line(STRATEGIES[self.strategy])}{self._caveat}",
            "threads": self._threads_told,
            "bands": f"{len(rows)} of {min(rows)} to {max(rows)} rows" if rows else "none",
            "work": f"{problem.flops:,} operations, {problem.bytes:,} bytes in and out "
            f"({problem.flops / max(problem.bytes, 1):.1f} operations per byte)",
            "workspace": f"{self.workspace:,} bytes beyond image and output",
            "machine": f"{8 * machine.VECTOR_BYTES}-bit vectors, {machine.VECTOR_REGISTERS} registers"
            f"{'' if machine.HAS_FMA else ', no fused multiply-add'}",
        }
        return "\n".join(f"{name:<10} {text}" for name, text in lines.items())

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


# --- decide --------------------------------------------------------------------------------------


def _work_of(problem: Problem) -> int:
    return problem.flops + 8 * problem.bytes


def _launches(problem: Problem, threads: int) -> int:
    """How often a run of the plan looks at the signals."""
    slowness = INTEGER_SLOWNESS if problem.compute.kind == "i" else 1
    return max(1, math.ceil(_work_of(problem) * slowness / (threads * LAUNCH_WORK)))


def is_small(problem: Problem) -> bool:
    """Whether one thread is enough, so that nobody need count cores."""
    return _work_of(problem) < SERIAL_WORK


def make_plan(
    problem: Problem, threads: int | None, budget: int, strategy: str, method: str
) -> Plan:
    """The plan for a problem: by rule, the same for the same arguments on the same machine."""
    chosen = _choose_method(problem, method)
    who = _choose_strategy(problem, budget, strategy)
    used = 1 if who == "serial" else budget
    rows = problem.planes * problem.plane[0]
    tile = METHODS[chosen].ROWS
    parts = max(
        _launches(problem, 1),
        min(used * BANDS_PER_THREAD, max(used, rows // (tile * BAND_TILES))) if used > 1 else 1,
    )
    bands = split_rows(rows, parts, tile) if 0 not in problem.shape else ()
    return Plan(problem, chosen, who, threads, max(1, min(used, len(bands))), bands)


def _known(name: str, value: Any, table: dict[str, Any]) -> None:
    if value != "auto" and (not isinstance(value, str) or value not in table):
        raise ValueError(f"{name}={value!r} is unknown: pass one of auto, {', '.join(table)}")


def _choose_method(problem: Problem, method: str) -> str:
    _known("method", method, METHODS)
    able = {
        name: module.cost(problem)
        for name, module in METHODS.items()
        if method in ("auto", name) and module.applicable(problem) is None
    }
    if not able:
        raise ValueError(f"method={method!r} cannot: {METHODS[method].applicable(problem)}")
    return min(able, key=lambda name: able[name])


def _choose_strategy(problem: Problem, budget: int, strategy: str) -> str:
    _known("strategy", strategy, STRATEGIES)
    if strategy != "auto":
        return strategy
    if budget == 1 or is_small(problem):
        return "serial"
    return "threads" if machine.prange_obstacle() else "prange"


def with_filter(plan: Plan, g: Array) -> Plan:
    """The plan with its filter prepared."""
    return replace(plan, taps=METHODS[plan.method].prepare(plan.problem, g))
