"""What plans find out about themselves: `Plan.measure`, `Plan.tune`, `Plan.asm`.

Thin over what the commands ``race``, ``tune`` and ``asm`` use.
"""

import contextlib
import pickle
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from parconv.codegen import jit
from parconv.methods import direct, separable
from parconv.methods.kernels import Kernels
from parconv.methods.separable import line
from parconv.methods.separable.shape import halves_of
from parconv.planner.choice import arrange
from parconv.planner.plan import Plan
from parconv.planner.wisdom import Wisdom
from parconv.problem.dtypes import Array
from parconv.runtime.ceilings import Ceilings
from parconv.runtime.outputs import new_output
from parconv.runtime.records import STEADY

from . import ceilings, steadiness
from .inputs import uniform
from .screen import by, milliseconds
from .timing import SETTLE_SECONDS, Timing, calls_of, sample_seconds, seconds_per_call

if TYPE_CHECKING:
    from .asm.listing import Loop
    from .asm.readable import Library

LEAST_ROUNDS = 9
TRIES, PAUSE = 2, 0.5  # nothing is recorded: whoever asks sees whether to ask again


# --- measure -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measurement:
    """How long a call takes, and how near that is to what the machine allows.

    Attributes
    ----------
    median, quartile1, quartile3 : float
        Seconds of a call, over ``rounds`` samples of ``calls`` calls each.
    gflops, gbytes : float
        1e9 operations of the definition, and bytes of image and output, per second.
    share : float
        The shortest time that the machine allows, for the method's operations and for images in
        memory, over the median; those that stay in a cache may exceed 1.
    bound : str
        What allows no more: multiply-adds or memory bandwidth.
    spread : float
        How much the times of work that is always the same differed, before and after.
    """

    median: float
    quartile1: float
    quartile3: float
    rounds: int
    calls: int
    gflops: float
    gbytes: float
    share: float
    bound: str
    spread: float

    @property
    def steady(self) -> bool:
        """Whether it is to be relied on."""
        return self.spread <= STEADY

    def __str__(self) -> str:
        low, middle, high = map(milliseconds, (self.quartile1, self.median, self.quartile3))
        doubt = "" if self.steady else f"; the machine is busy: {steadiness.told(self.spread)}"
        return (
            f"{middle} ms ({low} to {high}), {self.gflops:.3g} GFLOP/s, {self.gbytes:.3g} GB/s, "
            f"{100 * self.share:.0f} % of the limit ({self.bound}){doubt}"
        )


def measure(plan: Any, f: ArrayLike | None, seconds: float) -> Measurement:
    """As `Plan.measure` tells."""
    if not seconds > 0:
        raise ValueError(f"seconds is {seconds}: pass more than 0")
    call, threads = _bound(plan, f), plan.threads
    call()

    def measured() -> tuple[Timing, Ceilings]:
        before, timing = ceilings.measure(threads), _timed(call, seconds, threads)
        return timing, before.mean(ceilings.measure(threads))

    (timing, limits), spread = steadiness.watched(measured, threads, TRIES, PAUSE)
    return _measurement(plan, timing, limits, spread)


def _bound(plan: Any, f: ArrayLike | None) -> Callable[[], Array]:
    """The call, on an image of its own and one output."""
    problem = plan.problem
    image = uniform(problem.image, problem.image_dtype.name) if f is None else np.asarray(f)
    out = new_output(problem.shape, problem.dtype)
    if plan.filter is None:
        plan(image, out)  # which says what is missing
    call: Callable[[], Array] = plan.bind(image, out)
    return call


def _timed(call: Callable[[], Array], seconds: float, threads: int) -> Timing:
    def run(_: Array | None) -> Array:
        return call()

    estimate = sample_seconds(run, call())
    calls = calls_of(estimate)
    end, samples = time.perf_counter() + seconds, list[float]()
    while len(samples) < LEAST_ROUNDS or time.perf_counter() < end:
        if threads > 1:
            time.sleep(SETTLE_SECONDS)
            run(None)
        samples.append(seconds_per_call(run, None, calls))
    return Timing.of(samples, calls)


def _measurement(plan: Any, timing: Timing, limits: Ceilings, spread: float) -> Measurement:
    problem, middle = plan.problem, timing.median
    flops, nbytes = problem.flops / middle / 1e9, problem.bytes / middle / 1e9
    sums, cost = getattr(plan, "sums", problem.dtype), getattr(plan, "cost", problem.flops)
    arithmetic, memory = cost / limits.gflops(sums) / 1e9, problem.bytes / limits.gbytes / 1e9
    return Measurement(
        middle, timing.quartile1, timing.quartile3, timing.rounds, timing.calls,
        flops, nbytes, max(arithmetic, memory) / middle,
        "multiply-adds" if arithmetic > memory else "memory bandwidth", spread,
    )  # fmt: skip


# --- tune ----------------------------------------------------------------------------------------


def tune(plan: Plan, seconds: float, save: bool, force: bool) -> Plan:
    """As `Plan.tune` tells."""
    from .tune import sweep
    from .tune.subjects import Planned, Subject

    if type(plan) is not Plan or plan.filter is None or not plan.bands:
        raise ValueError("pass a filter, and images without missing pixels: that plan is tuned")
    with tempfile.TemporaryDirectory(prefix="parconv-tune-") as name:
        file = Path(name, "plan")
        file.write_bytes(pickle.dumps(plan))
        subject, options = Subject(Planned(str(file))), sweep.Options(seconds=seconds)
        sweep.check([subject], options, save)
        (outcome,) = sweep.sweep([subject], options, Path(name)).outcomes
        if outcome.doubtful and not force:
            steadiness.check(outcome.spread)
        if outcome.doubt and save and not force:
            raise steadiness.UnsteadyError(f"nothing is saved: {outcome.doubt}")
        if save:
            outcome.save(force)
        found = outcome.wisdom
    return plan if found is None else _following(plan, found)


def _following(plan: Plan, found: Wisdom) -> Plan:
    """The plan as it was measured."""
    asked = found.strategy, plan.asked, found.threads, found.bands, found
    return replace(arrange(plan.problem, plan.method, *asked), filter=plan.filter)


# --- asm -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Code:
    """A kernel in assembly language, and the loop in which it spends its time."""

    method: str
    listing: str
    loop: "Loop"
    library: "Library" = field(repr=False)

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {kind}" for kind, n in self.loop.counts.most_common())
        spills = len(self.loop.spills)
        return (
            f"{self.method}: a loop of {len(self.loop.instructions)} instructions ({counts}); "
            f"{spills or 'no'} vectors go to the stack"
        )


def asm(plan: Plan) -> Code:
    """As `Plan.asm` tells."""
    if not plan.bands or type(plan.kernels) is not Kernels:
        raise ValueError(f"{plan.method} on this problem has no code of its own to be read")
    from .asm import readable

    dispatcher = jit.jit(called=True, **readable.RULES)(plan.kernels.kernel)
    dispatcher.compile(plan.kernels.signature)
    library = readable.library_of(dispatcher)
    code = library.get_asm_str()
    return Code(plan.method, code, _hot(plan, code), library)


def _hot(plan: Plan, code: str) -> "Loop":
    """The loop as `asm` finds it for the method and the filter; else the one of most sums."""
    from .asm import kernels as loops
    from .asm.hot import HOT, within

    module = plan.stage.method
    if module is direct and plan.sums.kind == "f":
        return loops.loop_of_problem(code, plan.problem)
    if module is separable:
        halves, taps = halves_of(plan.problem)[1], plan.problem.filter[1]
        return within(rf"parconv\.line\.\w+\.{re.escape(line.variant(halves, taps))}")(code)
    rows = {name: row for name, row in HOT.items() if row.method is module and row.exists}
    size = by(plan.problem.given[-2:])
    for _, row in sorted(rows.items(), key=lambda item: not item[0].endswith(size)):
        with contextlib.suppress(ValueError):
            return row.find(code)
    return within(r"parconv\..*")(code)
