"""Experiments of threads: how many bands, and claiming them against fixed segments."""

from collections.abc import Iterator, Sequence

import numpy as np

from parconv import plan2d
from parconv.planner import choice
from parconv.planner.plan import Plan
from parconv.runtime import budget

from ..inputs import mnist_bytes, study_weights
from ..screen import counted
from .experiment import Experiment, Row, Setting, best, compared, fastest_against_first

SIDE, TAPS = 2052, (5, 5)
SHARES = (1, 2, 4, 8, 16, 64)  # bands for each thread


def _settings(ways: Sequence[tuple[str, str, int]]) -> Iterator[Setting]:
    """(name, strategy, bands of each thread), on all threads that may be had."""
    threads = budget.thread_budget()
    f, g = mnist_bytes((SIDE, SIDE)), study_weights(TAPS)
    alone = plan2d(f, g, threads=1, strategy="serial", method="direct")
    out = np.empty(alone.problem.shape, np.float32)
    for name, strategy, share in ways:
        plan = choice.arrange(alone.problem, alone.method, strategy, None, threads,
                              share * threads, eager=True).with_filter(g)  # fmt: skip
        yield _ready(f"{name}, {counted(len(plan.bands), 'band')}", plan.bind(f, out), plan)


def _ready(name: str, run: object, plan: Plan) -> Setting:
    told = {"threads": plan.threads, "rows of a band": plan.problem.shape[-2] / len(plan.bands)}
    return Setting(name, run, told)  # type: ignore[arg-type]


def _band_settings() -> list[Setting]:
    return list(_settings([("claimed", "threads", share) for share in SHARES]))


def _stealing_settings() -> list[Setting]:
    fixed = [("segments", "prange", 1), ("prange, chunks", "prange", 16)]
    return list(_settings([*fixed, *(("claimed", "threads", share) for share in SHARES)]))


def _conclude_stealing(rows: Sequence[Row]) -> str:
    segments, _, one, *chunks = rows
    return f"{compared(best(chunks), segments)}; {compared(chunks[-1], one)}."


BANDS = Experiment(
    "bands of rows", f"5x5 on {SIDE}x{SIDE}, threads that claim bands from a counter",
    "the best number against one for each thread", _band_settings, fastest_against_first,
    threads=2,
)  # fmt: skip
STEALING = Experiment(
    "fixed segments, or chunks that whoever is free claims", f"5x5 on {SIDE}x{SIDE}",
    "claimed chunks against fixed segments, the smallest chunks against the largest",
    _stealing_settings, _conclude_stealing, threads=2,
)  # fmt: skip
