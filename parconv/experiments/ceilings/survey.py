"""All of this machine's ceilings in one record, kept for later processes."""

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import parconv
from parconv.runtime import budget, ceilings, records

from .. import steadiness
from ..screen import Announce, silent
from . import caches, launches, pages, pipes
from .arithmetic import DOT_PRODUCTS, FLOAT32, MULTIPLY_ADDS, obstacle
from .caches import Cache
from .moves import MOVES
from .rates import STEPS, Arrays, Team, giga_operations, gigahertz, team, thread_counts

MEMORY = "memory"
CROWDED = 0.85  # of the peak of a core for each thread; a shared clock costs less
# Each array: beyond every cache, yet small enough for the machine.
LEAST_BYTES, MOST_BYTES = 128 * 2**20, 512 * 2**20
LAUNCHES = (*launches.LAYERS, *launches.POOLS)
# The best of several looks, seconds apart: on a shared machine bandwidth comes and goes (two
# threads reached 60 or 105 GB/s, for some tens of milliseconds at a time; Zen 5, 2026-11).
LOOKS = 3

Record = records.Record


def recorded() -> Record | None:
    """What the last survey of this machine found; None without one that is believed."""
    return ceilings.recorded()


def survey(
    counts: Sequence[int] | None = None,
    *,
    steps: int = STEPS,
    nbytes: int | None = None,
    force: bool = False,
    announce: Announce = silent,
) -> Record:
    """Measure everything and record it where `parconv.runtime.ceilings.load` finds it.

    Parameters
    ----------
    counts : sequence of int, optional
        Numbers of threads; by default one to eight, powers of two, and all.
    steps, nbytes : int
        Multiply-adds per chain and bytes per array in memory: smaller is faster and less exact.
    force : bool
        Record what was measured on a busy machine too, and let predictions rest on it.
    announce : callable
        Told what runs next, the steps done, and their number.

    Raises
    ------
    UnsteadyError
        Where the machine stayed too busy, or one thread reaches another rate than its core has;
        nothing is recorded then.

    Examples
    --------
    >>> survey()["threads"][0]["gflops32"] > 0  # doctest: +SKIP
    True
    """
    start = time.perf_counter()
    cores = budget.thread_budget()
    counts = tuple(counts or thread_counts(cores))
    levels, guess = caches.sizes()
    tasks: dict[Any, tuple[int, Callable[[], Any]]] = {
        **{
            (n, look): (n, partial(row, n, levels, steps=steps, nbytes=nbytes))
            for look in range(LOOKS)
            for n in counts
        },
        "fresh pages": (1, partial(pages.measure, nbytes or pages.NBYTES)),
        **{name: (cores, partial(launches.measure, name, cores)) for name in LAUNCHES},
    }
    found, spread = {}, 0.0
    for done, (name, (threads, task)) in enumerate(tasks.items()):
        announce(name if isinstance(name, str) else f"{name[0]} threads", done, len(tasks))
        found[name], around = steadiness.steadily(task, threads, force)
        spread = max(spread, around)
    rows = [_joined([found[n, look] for look in range(LOOKS)]) for n in counts]
    doubts = list(_doubts(rows, [found[counts[0], look] for look in range(LOOKS)]))
    if doubts and not force:
        raise steadiness.UnsteadyError(
            f"nothing is recorded: {'; '.join(doubts)}; stop what runs beside it, or pass --force"
        )
    record = {
        "fingerprint": records.fingerprint(),
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "spread": spread,
        "forced": force,
        "seconds": round(time.perf_counter() - start, 1),
        "versions": _versions(),
        "caches": [vars(cache) for cache in levels],
        "notes": [*([guess] if guess else []), *_crowded(rows), *_forced(spread), *doubts],
        "absent": {kind.name: reason for kind in DOT_PRODUCTS if (reason := obstacle(kind))},
        "threads": rows,
        "pages": found["fresh pages"],
        "launch_threads": cores,
        "launches": {name: found[name] for name in LAUNCHES},
    }
    records.write(ceilings.path(), record)
    return record


def _joined(looks: Sequence[Record]) -> Record:
    """The best of each number; the rate of a cycle is that of the best clock."""
    found: Record = _best(looks)
    slots = found["threads"] * found["gigahertz"] * FLOAT32.operations
    return {**found, "fmas_per_cycle": found["gflops32"] / slots}


def _doubts(rows: Sequence[Record], looks: Sequence[Record]) -> Iterator[str]:
    """What a machine with all of itself would not have: another rate, a clock that comes and goes.

    Of one thread: several may share a core by right.
    """
    facts = records.fingerprint()
    if rows[0]["threads"] == 1:
        told = pipes.doubt(rows[0]["fmas_per_cycle"], pipes.host(), int(facts["vector_bits"]))
        yield from filter(None, [told])
    clocks = [look["gigahertz"] for look in looks]
    if max(clocks) > (1 + records.STEADY) * min(clocks):
        yield f"the clock was {min(clocks):.2f} to {max(clocks):.2f} GHz, seconds apart"


def _best(looks: Sequence[Any]) -> Any:
    """The highest of each number in records of the same form."""
    if isinstance(looks[0], dict):
        return {name: _best([look[name] for look in looks]) for name in looks[0]}
    return None if looks[0] is None else max(looks)


def _crowded(rows: Sequence[Record]) -> Iterator[str]:
    """Whether some number of threads did not get a core each."""
    for found in rows:
        gain = found["gflops32"] / (rows[0]["gflops32"] / rows[0]["threads"])
        if gain < CROWDED * found["threads"]:
            yield (
                f"{found['threads']} threads reach {gain:.1f} times the FMA peak of one: other "
                "processes, hyper-threads or a lower clock; `--fresh` measures again"
            )


def _forced(spread: float) -> Iterator[str]:
    """Whether the machine was too busy to be believed."""
    if spread > records.STEADY:
        yield f"measured on a busy machine, by force: {steadiness.told(spread)}"


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in ("numpy", "numba", "llvmlite", "joblib")}
    return {"python": platform.python_version(), "parconv": parconv.__version__, **libraries}


def row(
    threads: int, levels: Sequence[Cache], *, steps: int = STEPS, nbytes: int | None = None
) -> Record:
    """Everything that depends on the number of threads."""
    with team(threads) as crew:
        clock = gigahertz(crew, max(1, steps // 8))
        able = [kind for kind in (*MULTIPLY_ADDS, *DOT_PRODUCTS) if not obstacle(kind)]
        rates = {kind.name: giga_operations(crew, kind, steps) for kind in able}
        bandwidth = dict(_bandwidths(crew, levels, nbytes or memory_bytes(levels)))
    slots = threads * clock * FLOAT32.operations
    return {
        "threads": threads,
        "gflops32": rates["float32"],
        "gflops64": rates["float64"],
        "gbytes": max(bandwidth[MEMORY][move] for move in ("copy", "stream")),
        "gigahertz": clock,
        "fmas_per_cycle": rates["float32"] / slots,
        "gops": {kind.name: rates.get(kind.name) for kind in (*MULTIPLY_ADDS, *DOT_PRODUCTS)},
        "bandwidth": bandwidth,
    }


def memory_bytes(levels: Sequence[Cache]) -> int:
    """Size of an array that lies in memory: four times the last cache."""
    return min(max(LEAST_BYTES, 4 * levels[-1].nbytes), MOST_BYTES)


def _bandwidths(
    crew: Team, levels: Sequence[Cache], nbytes: int
) -> Iterator[tuple[str, dict[str, float]]]:
    """GB/s of every move, for each cache that can be told from the one before, and for memory."""
    inner = 0
    for cache in levels:
        share = cache.share(crew.threads)
        piece = share // 4  # two arrays, which leave half of the cache to others
        if piece >= 2 * inner:
            arrays = Arrays(crew, piece * crew.threads)
            yield cache.level, {move: arrays.gbytes(move, cached=True) for move in MOVES}
        inner = share
    arrays = Arrays(crew, nbytes)
    yield MEMORY, {move: arrays.gbytes(move) for move in MOVES}
