"""Who computes a stream's chunks where that is not the calling thread: executors and clusters.

Nothing is scheduled here: a pool runs a function for each task and answers in order, with no more
tasks under way than keep its workers busy.
"""

import pickle
import threading
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ..runtime import budget
from . import foreign

SCHEMES = ("tcp://", "tls://", "ws://", "wss://", "ucx://", "inproc://")
Tasks = Iterator[tuple[Any, ...]]
Answers = Generator[Any, None, None]


@dataclass(frozen=True)
class Pool:
    """Workers, ``near`` where they are threads of this process.

    ``run(function, job, tasks)`` yields the answer of ``function(job, *task)`` to each; when it is
    closed, no task is under way any more.
    """

    workers: int
    near: bool
    run: Callable[[Callable[..., Any], Any, Tasks], Answers]
    here: bool = True  # on this machine's cores

    @property
    def threads(self) -> int | None:
        """Of each task, where workers do not know of each other."""
        return max(1, budget.thread_budget() // self.workers) if self.here else None


@contextmanager
def pool_of(executor: Any) -> Iterator[Pool]:
    """The pool that an executor, a client, a backend's name or a scheduler's address means."""
    if isinstance(executor, str) and executor.startswith(SCHEMES):
        from distributed import Client

        with Client(executor, set_as_default=False) as client:
            yield _of_client(client)
    elif executor == "threading":  # joblib's own threads work on after an error
        with ThreadPoolExecutor(budget.thread_budget()) as threads:
            yield _of_executor(threads)
    elif isinstance(executor, str):
        yield _of_joblib(executor)
    elif foreign.library(executor) == "distributed" and hasattr(executor, "scatter"):
        yield _of_client(executor)
    elif isinstance(executor, Executor) or callable(getattr(executor, "submit", None)):
        yield _of_executor(executor)
    else:
        raise TypeError(
            f"executor={executor!r:.80}: pass a client of dask, an executor of concurrent.futures, "
            "the name of a joblib backend such as 'loky', or the address of a dask scheduler"
        )


def _of_executor(executor: Any) -> Pool:
    workers = int(getattr(executor, "_max_workers", 0)) or budget.thread_budget()
    near = isinstance(executor, ThreadPoolExecutor) and "Interpreter" not in type(executor).__name__

    def run(function: Callable[..., Any], job: Any, tasks: Tasks) -> Answers:
        sent = job if near else Shipped.of(job)
        asked = (executor.submit(function, sent, *task) for task in tasks)
        return _in_order(asked, workers + 1 if near else 2 * workers, _end)

    return Pool(workers, near, run)


def _end(future: Any) -> None:
    """Not begun, or done."""
    if not future.cancel():
        with suppress(BaseException):
            future.exception()


def _of_client(client: Any) -> Pool:
    workers = max(1, sum(client.nthreads().values()))

    def run(function: Callable[..., Any], job: Any, tasks: Tasks) -> Answers:
        sent = client.scatter(Shipped.of(job), broadcast=True, hash=False)
        asked = (client.submit(function, sent, *task, pure=False) for task in tasks)
        return _in_order(asked, 2 * workers, lambda future: future.exception())

    return Pool(workers, False, run, here=False)


def _in_order(asked: Iterator[Any], most: int, end: Callable[[Any], object]) -> Answers:
    """What futures answer, of which so many are under way."""
    waiting: deque[Any] = deque()
    try:
        for future in asked:
            waiting.append(future)
            if len(waiting) >= most:
                yield waiting[0].result()
                waiting.popleft()
        while waiting:
            yield waiting[0].result()
            waiting.popleft()
    finally:
        for future in waiting:
            with suppress(Exception):
                end(future)


def _of_joblib(name: str) -> Pool:
    import joblib

    with joblib.parallel_config(backend=name):
        workers = max(1, joblib.effective_n_jobs(-1))

    def run(function: Callable[..., Any], job: Any, tasks: Tasks) -> Answers:
        sent = Shipped.of(job)
        with joblib.parallel_config(backend=name):
            work = joblib.Parallel(n_jobs=-1, return_as="generator", pre_dispatch="2 * n_jobs")
            yield from work(joblib.delayed(function)(sent, *task) for task in tasks)

    return Pool(workers, False, run, here=name in ("loky", "multiprocessing"))


# --- jobs in other processes ---------------------------------------------------------------------


@dataclass(frozen=True)
class Shipped:
    """A job that each process makes once of its bytes, whatever the tasks."""

    token: str
    payload: bytes = field(repr=False)

    @classmethod
    def of(cls, job: Any) -> "Shipped":
        return cls(uuid.uuid4().hex, pickle.dumps(job))

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The job, for one task; what it opened is closed when no task here works on it.

        A worker may have several threads: one that closed a file would leave another reading
        nothing, or somewhere else.
        """
        with _one:
            made = _here.get(self.token) or self._make()
            made.tasks += 1
        try:
            yield made.job
        finally:
            with _one:
                made.tasks -= 1
                if not made.tasks:
                    made.job.close()

    def _make(self) -> "_Made":
        for token in [token for token, made in _here.items() if not made.tasks]:
            del _here[token]
        made = _here[self.token] = _Made(pickle.loads(self.payload))
        return made


@dataclass
class _Made:
    """A job, and how many tasks of this process work on it."""

    job: Any
    tasks: int = 0


_here: dict[str, _Made] = {}  # of this process, by token
_one = threading.Lock()  # who looks there
