"""Small faults put into the source one at a time: which of them does no test notice?

Of all faults that could be made in `PACKAGES` some are drawn at random.  For each, fast tests that
run its line are run, cheapest first; which tests those are is recorded once before by ``coverage``,
which needs ``pip install coverage``.  Every run is a fork of a process that has imported all but
parconv, in a copy of the tree; as many such processes work beside each other as are asked for.
With a folder to keep it in, what was found before a run was ended is not asked again.

Kernels come from the cache, and what is compiled is kept for no other fault.  Faults in sources
that kernels are hashed by would compile all of them anew, so the copies keep the hash as it was.
They may, since no fault is put into compiled code: not into the modules of `runtime.crew` but for
its ``__init__``, and of `methods` only where the interpreter was seen to run the line.  Those that
no test noticed, such as in a number that kernels are made with, are tried without kernels too.
"""

import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from . import children, copies, recording, suite
from .faults import Fault, possible
from .kept import Kept
from .recording import PATIENCE

ROOT = Path(__file__).parent.parent.parent
COMPILING = 5  # seconds for tests that find no kernels, for each of patience


class Task(NamedTuple):
    """A fault, tests that run its line, and whole functions that run its file."""

    fault: Fault
    few: list[str]
    others: list[str]
    patience: float


def measure(
    number: int,
    seed: int,
    root: Path = ROOT,
    jobs: int = 1,
    keep: Path | None = None,
    patience: float = PATIENCE,
) -> list[tuple[Fault, str]]:
    """So many faults drawn, and the test that noticed each, "" where none did; tells them."""
    if "parconv" in sys.modules:
        raise ValueError("parconv is imported: its forks would not import the faulty one")
    children.preload()
    kept, faults, files = Kept.of(keep, root), possible(root), suite.files(root)
    with tempfile.TemporaryDirectory() as name, _workers(root, Path(name), jobs) as pool:
        record = recording.merged(kept.records(files, partial(pool.map, _recorded)))
        every = [fault for fault in faults if record.interpreted(fault)]
        drawn = random.Random(seed).sample(every, min(number, len(every)))
        print(f"{len(record.seconds)} tests; {len(drawn)} of {len(every)} faults", flush=True)
        tasks = [Task(fault, *record.chosen(fault, patience), patience) for fault in drawn]
        return list(_each(tasks, pool, kept, patience))


@contextmanager
def _workers(root: Path, folder: Path, jobs: int) -> Iterator[ProcessPoolExecutor]:
    copies.copy_kernels(root, folder / "kernels")
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, fork, _Worker.begin, (root, folder)) as pool:
        yield pool


def _each(
    tasks: list[Task], pool: ProcessPoolExecutor, kept: Kept, patience: float
) -> Iterator[tuple[Fault, str]]:
    found = kept.found(patience)
    judged = pool.map(_judged, [task for task in tasks if task.fault.key not in found])
    for task in tasks:
        by, seconds = found.get(task.fault.key) or next(judged)
        if task.fault.key not in found:
            kept.add(task.fault, by, seconds, patience)
        failed = f"SURVIVED {len(task.few)} tests, {len(task.others)} functions"
        print(f"{seconds:5.1f} s  {task.fault}  {f'killed   {by}' if by else failed}", flush=True)
        yield task.fault, by


class _Worker:
    """What each process has of its own: a copy of the tree, and what is known of its tests.

    Attributes
    ----------
    copy, kernels : Path
        The tree, and where the kernels lie that every fault begins with.
    steady, unsteady : set of str
        Tests that pass without a fault, and that do not.
    """

    copy: Path
    kernels: Path
    steady: set[str]
    unsteady: set[str]

    @classmethod
    def begin(cls, root: Path, folder: Path) -> None:
        cls.copy = copies.made(root, Path(tempfile.mkdtemp(dir=folder)))
        cls.kernels, cls.steady, cls.unsteady = folder / "kernels", set(), set()


def _recorded(file: str) -> recording.Record:
    copies.renew(_Worker.copy, _Worker.kernels)
    return recording.recorded(_Worker.copy, file)


def _judged(task: Task) -> tuple[str, float]:
    """Which test noticed, and the seconds that it took to find out."""
    began = time.perf_counter()
    while not _is_steady(by := _noticed(task)):
        _Worker.unsteady.add(by)
    return by, time.perf_counter() - began


def _noticed(task: Task) -> str:
    copies.renew(_Worker.copy, _Worker.kernels)
    with copies.faulty(_Worker.copy, task.fault):
        by = _failing(task.few) or _failing(task.others)
        if by or not task.fault.in_kernels:
            return by
        copies.renew(_Worker.copy, None)
        by = _failing(task.few, COMPILING * task.patience)
        return "" if by == children.LATE else by


def _failing(tests: list[str], seconds: float = children.SECONDS) -> str:
    return children.failing(_Worker.copy, tests, seconds, _Worker.unsteady)


def _is_steady(test: str) -> bool:
    """Whether it passes without a fault: on a busy machine one may fail."""
    if "::" not in test or test in _Worker.steady:
        return True
    copies.renew(_Worker.copy, _Worker.kernels)
    if _failing([test]):
        return False
    _Worker.steady.add(test)
    return True


def told(found: list[tuple[Fault, str]]) -> str:
    """How many were noticed, and the others."""
    others = [str(fault) for fault, by in found if not by]
    head = f"{len(found) - len(others)} of {len(found)} faults were noticed"
    return "\n  ".join([f"{head}; these were not:" if others else head, *others])
