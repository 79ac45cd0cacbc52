"""Seconds per call, from samples long enough for the clock.  Knows no competitor."""

import contextlib
import functools
import gc
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, runtime_checkable

import numpy as np

from parconv.problem.dtypes import Array

Run = Callable[[Array | None], object]

SAMPLE_SECONDS = 5e-3  # calls are batched until a sample lasts this long
# OpenMP workers spin for a few milliseconds after a parallel region: the next competitor must not
# share its cores with them.
SETTLE_SECONDS = 5e-3
# Shorter calls run once more, untimed, before each sample: the previous competitor has filled the
# caches, and after a pause this machine needs milliseconds to reach its memory bandwidth again.
WARM_SECONDS = 0.1
# Before a competitor's single calls, which the threads of the one before must not meet: GNU's
# OpenMP and OpenCV let theirs spin for some milliseconds.
BETWEEN_SECONDS = 0.05
UNTIMED_CALLS = 3
# A turn of single calls ends after this much beside its pauses: that bounds a whole race.
TURN_SECONDS = 3.0

Competitor = TypeVar("Competitor")
Rest = ParamSpec("Rest")
Found = TypeVar("Found")


@runtime_checkable
class Elsewhere(Protocol):
    """A competitor in another process, which measures there: no message is part of its time."""

    def timed(self, how: str, *arguments: Any, **options: Any) -> Any:
        """What the function of that name in this module finds."""


def _where_it_runs(
    function: Callable[Concatenate[Run, Rest], Found],
) -> Callable[Concatenate[Run, Rest], Found]:
    @functools.wraps(function)
    def timed(run: Run, /, *arguments: Rest.args, **options: Rest.kwargs) -> Found:
        place: object = run
        if isinstance(place, Elsewhere):
            found: Found = place.timed(function.__name__, *arguments, **options)
            return found
        return function(run, *arguments, **options)

    return timed


@dataclass(frozen=True)
class Timing:
    """Seconds per call: quartiles over rounds, each round the mean of ``calls`` calls."""

    median: float
    quartile1: float
    quartile3: float
    rounds: int
    calls: int

    @classmethod
    def of(cls, samples: Iterable[float], calls: int) -> "Timing":
        values = list(samples)
        low, middle, high = (float(q) for q in np.percentile(values, (25, 50, 75)))
        return cls(middle, low, high, len(values), calls)


def in_turn(competitors: Sequence[Competitor], turn: int) -> list[Competitor]:
    """In another order every turn, the same in every race.

    Whoever runs first after a library that fills the caches loses some percent.
    """
    return random.Random(turn).sample(competitors, len(competitors))


@_where_it_runs
def sample(run: Run, out: Array | None, estimate: float, threads: int) -> float:
    """Seconds per call, after the pause and the untimed call that a change of turns needs."""
    if threads > 1:
        time.sleep(SETTLE_SECONDS)
    if estimate < WARM_SECONDS:
        run(out)
    return seconds_per_call(run, out, calls_of(estimate))


def calls_of(estimate: float) -> int:
    """How many calls fill a sample."""
    return max(1, round(SAMPLE_SECONDS / max(estimate, 1e-7)))


@_where_it_runs
def sample_seconds(run: Run, out: Array) -> float:
    """Seconds per call, from as many calls as fill a sample.

    First ones may compile or load what all others find, as our own second call does: the least of
    some counts, or of two that take long.
    """
    with _without_collector():
        calls, seconds = 1, seconds_per_call(run, out, 1)
        for turn in range(UNTIMED_CALLS):
            if turn == 0 or seconds < WARM_SECONDS:
                seconds = min(seconds, seconds_per_call(run, out, 1))
        while seconds * calls < SAMPLE_SECONDS:
            calls *= 2
            seconds = seconds_per_call(run, out, calls)
    return seconds


def seconds_per_call(run: Run, out: Array | None, calls: int) -> float:
    """Mean time of a call, of so many together."""
    start = time.perf_counter()
    for _ in range(calls):
        run(out)
    return (time.perf_counter() - start) / calls


# --- single calls --------------------------------------------------------------------------------


@_where_it_runs
def single_calls(run: Run, out: Array | None, pause: float, calls: int) -> list[float]:
    """Seconds of each of so many calls, every one after a pause; at least one, within bounds."""
    time.sleep(BETWEEN_SECONDS)
    for _ in range(UNTIMED_CALLS):
        run(out)
    samples: list[float] = []
    end = time.perf_counter() + calls * pause + TURN_SECONDS
    with _without_collector():
        while len(samples) < calls and (not samples or time.perf_counter() < end):
            samples.append(_single(run, out, pause))
    return samples


def _single(run: Run, out: Array | None, pause: float) -> float:
    if pause:  # even a sleep of 0 would give the core away
        time.sleep(pause)
    start = time.perf_counter()
    run(out)
    return time.perf_counter() - start


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """It walks all of Numba's objects now and then: 50 ms that no competitor has deserved."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
