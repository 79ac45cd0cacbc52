"""How fast some threads run the loops, together: operations, bytes and cycles per second.

On plain Python threads, so that no threading layer is started or disturbed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from parconv.runtime.ceilings import Ceilings
from parconv.runtime.outputs import on_page

from .arithmetic import CHAINS, FLOAT32, FLOAT64, LINKS, Arithmetic, chains, clock_chain
from .gate import Gate, new_gate
from .moves import MOVES, STEP, Floats

STEPS = 4_000_000  # of multiply-adds: 7 ms, against which the start of a thread is nothing
REPEATS = 6
STREAM_BYTES = 64 * 2**20  # each array: a 4096 x 4096 float32 image, as raced
CACHED_SECONDS = 4e-3  # a loop over a cache is repeated until it lasts that long


def thread_counts(budget: int) -> tuple[int, ...]:
    """All counts up to eight; beyond that powers of two and the budget itself."""
    small = range(1, min(budget, 8) + 1)
    return tuple(sorted({*small, *(2**i for i in range(4, 12) if 2**i < budget), budget}))


class Team:
    """Threads that start at the same moment, the same one always with the same piece of work."""

    def __init__(self, pools: Sequence[ThreadPoolExecutor]) -> None:
        self.threads = len(pools)
        self._pools = pools

    def each(self, work: Callable[..., Any], pieces: Sequence[tuple[Any, ...]]) -> float:
        """Run ``work(gate, *piece)`` on every thread; seconds from the gate to the last end."""
        gate = new_gate(self.threads)

        def timed(piece: tuple[Any, ...]) -> tuple[float, float]:
            start = time.perf_counter()
            work(gate, *piece)
            return start, time.perf_counter()

        tasks = [pool.submit(timed, piece) for pool, piece in zip(self._pools, pieces, strict=True)]
        starts, ends = zip(*(task.result() for task in tasks), strict=True)
        return float(max(ends) - max(starts))

    def best(self, work: Callable[..., Any], pieces: Sequence[tuple[Any, ...]]) -> float:
        """The shortest of several times."""
        return min(self.each(work, pieces) for _ in range(REPEATS))


@contextmanager
def team(threads: int) -> Iterator[Team]:
    """So many threads, gone at the end."""
    if threads < 1:
        raise ValueError(f"threads is {threads}: pass at least 1")
    with ExitStack() as stack:
        yield Team([stack.enter_context(ThreadPoolExecutor(1)) for _ in range(threads)])


def giga_operations(crew: Team, kind: Arithmetic, steps: int = STEPS) -> float:
    """Multiplications and additions by one instruction, in 1e9 per second."""
    pieces = [(kind.operands(), steps) for _ in range(crew.threads)]
    seconds = crew.best(chains(kind), pieces)
    return crew.threads * steps * CHAINS * kind.operations / seconds / 1e9


def gigahertz(crew: Team, steps: int = STEPS // 8) -> float:
    """The clock, from a chain of operations that take one cycle each."""
    seconds = crew.best(clock_chain(), [(n, 0x5DEECE66D, steps) for n in range(crew.threads)])
    return steps * LINKS / seconds / 1e9


class Arrays:
    """A pair of arrays cut into pieces of whole steps, one for each thread, which touched it first.

    Parameters
    ----------
    crew : Team
    nbytes : int
        Size of each array, all pieces together.
    """

    def __init__(self, crew: Team, nbytes: int) -> None:
        self._crew = crew
        self.steps = max(1, nbytes // 4 // STEP // crew.threads)
        size = self.steps * STEP
        whole = [on_page(4 * size * crew.threads).view("f4") for _ in range(2)]
        self.pieces: list[tuple[Floats, Floats]] = [
            (whole[0][i * size : (i + 1) * size], whole[1][i * size : (i + 1) * size])
            for i in range(crew.threads)
        ]
        crew.each(_touch, self.pieces)

    def gbytes(self, move: str, cached: bool = False) -> float:
        """Bytes read and written by one kind of move, in 1e9 per second."""
        loop, arrays = MOVES[move]
        loop(new_gate(1), *self.pieces[0], 1, 1)  # compiled outside the clock
        passes = self._passes(loop) if cached else 1
        pieces = [(*piece, self.steps, passes) for piece in self.pieces]
        seconds = self._crew.best(loop, pieces)
        return arrays * passes * sum(x.nbytes for x, _ in self.pieces) / seconds / 1e9

    def _passes(self, loop: Callable[..., None]) -> int:
        """As many as last CACHED_SECONDS."""
        passes, seconds = 1, 0.0
        while seconds < CACHED_SECONDS / 4:
            passes *= 4
            seconds = self._crew.each(loop, [(*p, self.steps, passes) for p in self.pieces])
        return max(1, round(passes * CACHED_SECONDS / seconds))


def _touch(gate: Gate, x: Floats, out: Floats) -> None:
    x.fill(1)
    out.fill(1)


def measure(threads: int, *, steps: int = STEPS, nbytes: int = STREAM_BYTES) -> Ceilings:
    """Measure the FMA peak and the stream bandwidth (bytes read + written) of ``threads`` threads.

    Parameters
    ----------
    threads : int
        Threads that compute at the same time.
    steps, nbytes : int
        FMAs per chain and bytes per array: smaller values are faster and less exact.

    Examples
    --------
    >>> measure(1, steps=1000, nbytes=2**20).gbytes > 0
    True
    """
    with team(threads) as crew:
        arrays = Arrays(crew, nbytes)
        return Ceilings(
            threads,
            giga_operations(crew, FLOAT32, steps),
            giga_operations(crew, FLOAT64, steps),
            max(arrays.gbytes(move) for move in ("copy", "stream")),
        )
