"""``parconv perf``: implementations side by side, by the clock and by the machine's counters.

Each implementation is a process of its own: first timed by itself, then under ``perf stat`` with
a few events at a time.  What cannot be counted here is named, with the reason; `simulate` counts
instructions and cache misses on any x86-64 Linux.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from parconv.problem.dtypes import Array

from .. import baselines
from ..baselines import Baseline
from ..screen import Announce, silent
from ..studies import Study
from . import rounds, simulate
from .child import Order
from .report import Report, Work
from .subjects import Command, Implementation

# A simulated call of more flops is shortened: callgrind runs 30 million instructions a second
# (Zen 5, 2026-11), and the naive loops need two for a flop.
SIMULATED_FLOPS = 5e7


def measure(
    study: Study,
    implementations: Sequence[Baseline],
    *,
    threads: int = 1,
    calls: int | None = None,
    repeats: int = 3,
    simulated: bool = False,
    announce: Announce = silent,
) -> Report:
    """Time and count implementations of one study, once their results are known to be equal.

    Parameters
    ----------
    study : Study
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
    announce : callable
        Told each step before it runs, the steps done, and their number.

    Examples
    --------
    >>> from parconv.experiments import studies
    >>> measure(studies.chosen("photo3x3"), baselines.chosen(["gather"]))  # doctest: +SKIP
    """
    _check(repeats, simulated, threads=threads, calls=1 if calls is None else calls)
    f, g = study.arrays()
    baselines.check(study, f, g, implementations, threads)
    short = study.shortened(SIMULATED_FLOPS)
    with tempfile.TemporaryDirectory(prefix="parconv-perf-") as name:
        folder = Path(name)
        orders = _orders(folder, study, f, g, implementations, threads, calls)
        found = rounds.run([Implementation(order) for order in orders], repeats, announce)
        if simulated:
            announce("simulating", 0, 1)
            np.save(folder / "f.npy", f[: short.image[0]])
        counts = simulate.implementations(orders, folder) if simulated else None
    what, works = f"{study.name}, {study.summary}", (Work.of(study.problem), Work.of(short.problem))
    return found.report(what, threads, counts, _what(study, short), works)


def measure_command(
    arguments: Sequence[str],
    *,
    repeats: int = 3,
    simulated: bool = False,
    announce: Announce = silent,
) -> Report:
    """Time and count any command from its start to its end.

    Examples
    --------
    >>> measure_command(["true"], repeats=1).results[0].calls
    1
    """
    _check(repeats, simulated)
    found, counts = rounds.run([Command(arguments)], repeats, announce), None
    if simulated:
        announce("simulating", 0, 1)
        with tempfile.TemporaryDirectory(prefix="parconv-perf-") as name:
            counts = [simulate.command(arguments, Path(name))]
    what = "AVX2, from start to end, without child processes"
    return found.report(" ".join(arguments), None, counts, what)


def _check(repeats: int, simulated: bool, **counts: int) -> None:
    for name, value in {"repeats": repeats, **counts}.items():
        if value < 1:
            raise ValueError(f"{name} is {value}: pass at least 1")
    reason = simulate.obstacle() if simulated else None
    if reason:
        raise ValueError(f"--simulate cannot run: {reason}; without it the rest still works")


def _orders(
    directory: Path,
    study: Study,
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
            study=study.name,
            implementation=baseline.name,
            threads=threads,
            answer=str(directory / f"{n}.json"),
            calls=calls,
        )
        for n, baseline in enumerate(implementations)
    ]


def _what(study: Study, short: Study) -> str:
    """What was simulated."""
    part = ""
    if short.image != study.image:
        unit = "planes" if len(study.image) > 2 else "rows"
        part = f" on {short.image[0]} of {study.image[0]} {unit}"
    return f"AVX2, 1 thread, per call{part}"
