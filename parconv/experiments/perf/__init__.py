"""``parconv perf``: implementations side by side, by the clock and by the machine's counters.

Each implementation is a process of its own: first timed by itself, then under ``perf stat`` with
a few events at a time.  What cannot be counted here is named, with the reason; `simulate` counts
instructions and cache misses on any x86-64 Linux.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from parconv.problem.dtypes import Array

from .. import baselines, processes
from ..baselines import Baseline, foreign
from ..baselines.ready import Asked
from ..own import record_of
from ..screen import Announce, silent
from . import rounds, simulate
from .child import Order
from .report import Report, Work
from .subjects import Command, Implementation

# A simulated call of more flops is shortened: callgrind runs 30 million instructions a second
# (Zen 5, 2026-11), and the naive loops need two for a flop.
SIMULATED_FLOPS = 5e7


def measure(
    study: Asked,
    implementations: Sequence[Baseline],
    *,
    threads: int = 1,
    calls: int | None = None,
    repeats: int = 3,
    simulated: bool = False,
    cache: int | None = None,
    announce: Announce = silent,
) -> Report:
    """Time and count implementations of one study, once their results are known to be equal.

    Of a function of the user's it is told how its result differs: nobody knows which one is meant.

    Parameters
    ----------
    study : Study or Own
    implementations : sequence of Baseline
        The ratios are to the first one.
    threads : int
        How many those implementations use that use several.
    calls : int, optional
        Calls of each process; by default as many as last a quarter of a second.
    repeats : int
        Processes for each group of counters.
    simulated : bool
        Also count instructions and cache misses under valgrind, with one thread.
    cache : int, optional
        Bytes of the last-level cache that is simulated; by default one that holds half of the
        image, so that what goes through memory is seen.
    announce : callable
        Told each step before it runs, the steps done, and their number.

    Examples
    --------
    >>> from parconv.experiments import studies
    >>> measure(studies.chosen("photo3x3"), baselines.chosen(["gather"]))  # doctest: +SKIP
    """
    _check(repeats, simulated, cache, threads=threads, calls=1 if calls is None else calls)
    f, g = study.arrays()
    known = [baseline for baseline in implementations if not baseline.is_users]
    baselines.check(study, f, g, known, threads)
    short = study.shortened(SIMULATED_FLOPS)
    with tempfile.TemporaryDirectory(prefix="parconv-perf-") as name:
        folder = Path(name)
        orders = _orders(folder, study, f, g, implementations, threads, calls)
        remarks = list(_remarks(orders, study, f, g))
        found = rounds.run([Implementation(order) for order in orders], repeats, announce)
        if simulated:
            announce("simulating", 0, 1)
            np.save(folder / "f.npy", f[: short.image[0]])
        last = cache or simulate.last_level(f[: short.image[0]].nbytes)
        counts = simulate.implementations(orders, folder, last) if simulated else None
    what, works = f"{study.name}, {study.summary}", (Work.of(study.problem), Work.of(short.problem))
    told = _what(study, short, simulate.told(last) + " (half of the image)" * (cache is None))
    report = found.report(what, threads, counts, told, works)
    return replace(report, notes=(*remarks, *report.notes))


def measure_command(
    arguments: Sequence[str],
    *,
    repeats: int = 3,
    simulated: bool = False,
    cache: int | None = None,
    announce: Announce = silent,
) -> Report:
    """Time and count any command from its start to its end.

    Examples
    --------
    >>> measure_command(["true"], repeats=1).results[0].calls
    1
    """
    _check(repeats, simulated, cache)
    found, counts = rounds.run([Command(arguments)], repeats, announce), None
    if simulated:
        announce("simulating", 0, 1)
        with tempfile.TemporaryDirectory(prefix="parconv-perf-") as name:
            counts = [simulate.command(arguments, Path(name), cache)]
    last = "of this machine" if cache is None else simulate.told(cache)
    what = f"AVX2, last-level cache {last}, from start to end, without child processes"
    return found.report(" ".join(arguments), None, counts, what)


def _check(repeats: int, simulated: bool, cache: int | None, **counts: int) -> None:
    for name, value in {"repeats": repeats, **counts}.items():
        if value < 1:
            raise ValueError(f"{name} is {value}: pass at least 1")
    reason = simulate.obstacle() if simulated else None
    if reason:
        raise ValueError(f"--simulate cannot run: {reason}; without it the rest still works")
    if cache is not None and not simulated:
        raise ValueError("--cache is of the machine that --simulate simulates: pass both")
    simulate.check_last(cache)


def _remarks(orders: Sequence[Order], study: Asked, f: Array, g: Array) -> Iterator[str]:
    """On the results of functions of the user's."""
    for order in orders:
        if foreign.MARK in order.implementation:
            asked = replace(order, result=f"{order.answer}.npy")
            processes.finish(order.implementation, asked.command(), processes.environment())
            yield foreign.remark(order.implementation, study, f, g, np.load(f"{order.answer}.npy"))


def _orders(
    directory: Path,
    study: Asked,
    f: Array,
    g: Array,
    implementations: Sequence[Baseline],
    threads: int,
    calls: int | None,
) -> list[Order]:
    """One for each implementation, on arrays that are saved once."""
    np.save(directory / "f.npy", f)
    np.save(directory / "g.npy", g)
    return [
        Order(
            directory=str(directory),
            study=record_of(study),
            implementation=baseline.name,
            threads=threads,
            answer=str(directory / f"{n}.json"),
            calls=calls,
        )
        for n, baseline in enumerate(implementations)
    ]


def _what(study: Asked, short: Asked, last: str) -> str:
    """What was simulated, with which last-level cache."""
    part = ""
    if short.image != study.image:
        unit = "planes" if len(study.image) > 2 else "rows"
        part = f" on {short.image[0]} of {study.image[0]} {unit}"
    return f"AVX2, 1 thread, last-level cache {last}, per call{part}"
