"""Small faults put into the source one at a time: which of them does no test notice?

Of all faults that could be made in `problem`, `planner` and `runtime` some are drawn at random.
For each, fast tests that run its line are run, cheapest first; which tests those are is recorded
once before by ``coverage``, which needs ``pip install coverage``.  Every run is a fork of this
process, which has imported all but parconv, in a copy of the tree.

Kernels come from the cache.  Faults in sources that kernels are hashed by would compile all of them
anew, so the copy keeps the hash as it was.  It may, since no fault is put into compiled code (the
modules of `runtime.crew` but for its ``__init__``), whose tests would compile for minutes.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import children, copies, recording
from .faults import Fault, possible

ROOT = Path(__file__).parent.parent.parent


def measure(number: int, seed: int, root: Path = ROOT) -> list[tuple[Fault, str]]:
    """So many faults drawn, and the test that noticed each, "" where none did; tells them."""
    if "parconv" in sys.modules:
        raise ValueError("parconv is imported: its forks would not import the faulty one")
    every = possible(root)
    drawn = random.Random(seed).sample(every, min(number, len(every)))
    with tempfile.TemporaryDirectory() as folder:
        copy = copies.made(root, Path(folder))
        children.preload()
        record = recording.recorded(copy)
        print(f"{len(record.seconds)} tests; {len(drawn)} of {len(every)} faults", flush=True)
        return list(_each(drawn, copy, record))


def _each(drawn: list[Fault], copy: Path, record: recording.Record) -> Iterator[tuple[Fault, str]]:
    steady: set[str] = set()
    for fault in drawn:
        began, (few, others) = time.perf_counter(), record.chosen(fault)
        with copies.faulty(copy, fault):
            by = children.failing(copy, few) or children.failing(copy, others)
        if "::" in by and by not in steady:  # on a busy machine a test may fail without a fault
            if children.failing(copy, [by]):
                by = ""
            else:
                steady.add(by)
        told = f"killed   {by}" if by else f"SURVIVED {len(few)} tests, {len(others)} functions"
        print(f"{time.perf_counter() - began:5.1f} s  {fault}  {told}", flush=True)
        yield fault, by


def told(found: list[tuple[Fault, str]]) -> str:
    """How many were noticed, and the others."""
    others = [str(fault) for fault, by in found if not by]
    head = f"{len(found) - len(others)} of {len(found)} faults were noticed"
    return "\n  ".join([f"{head}; these were not:" if others else head, *others])
