"""The process that is measured: one implementation, warmed up, then called so many times.

``python -m parconv.experiments.perf.child ORDER`` with an `Order` as JSON; the answer goes to the
file that it names.  Counters run only around the measured calls.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import baselines, own, processes
from . import usage

MODULE = "parconv.experiments.perf.child"  # not __name__, which is __main__ when it runs
MEASURED_SECONDS = 0.25  # of calls, where nobody says how many
MOST_CALLS = 100_000
Control = tuple[int, int, int, int]


@dataclass(frozen=True)
class Order:
    """What to measure, and how.

    ``directory`` holds the arrays, ``study`` the record of what is asked (`own.record_of`).
    ``control`` are the four ends of two pipes to ``perf stat``:
    its commands (read, write) and its acknowledgements (read, write).  ``result``: a file for what
    it computes, in place of measuring.
    """

    directory: str
    study: dict[str, Any]
    implementation: str
    threads: int
    answer: str
    calls: int | None = None
    control: Control | None = None
    simulated: bool = False
    result: str | None = None

    def command(self) -> list[str]:
        """The command line that carries it out."""
        return processes.command(MODULE, asdict(self))


def main(order: Order) -> None:
    """Prepare, warm up, measure, answer."""
    directory = Path(order.directory)
    f, g = (np.load(directory / f"{name}.npy") for name in "fg")
    study = replace(own.row_of(order.study), image=f.shape)
    (baseline,) = baselines.chosen([order.implementation])
    run = baseline.prepare(study, f, g, order.threads)
    if run is None:
        raise ValueError(f"{baseline.name} cannot run {study.name}: {baseline.obstacle(study)}")
    found = run()
    if order.result:
        np.save(order.result, _array(baseline.name, found))
        return
    enough = _enough(run)  # a second call in any case: a plan's makes what looks at later arrays
    calls = order.calls or enough
    before = usage.read()
    with counting(order.control, order.simulated, run):
        start = time.perf_counter()
        for _ in range(calls):
            run()
        seconds = time.perf_counter() - start
    used = usage.since(before, usage.read())
    answer = {"calls": calls, "seconds": seconds, "usage": used}
    Path(order.answer).write_text(json.dumps(answer), encoding="utf-8")


def _array(name: str, found: Any) -> Any:
    """The result, of which numbers are wanted."""
    if found is None or np.asarray(found).dtype.kind not in "buifc":
        raise ValueError(f"{name} returned {type(found).__name__}: it must return its result")
    return np.asarray(found)


def _enough(run: Callable[[], Any]) -> int:
    """Calls that last `MEASURED_SECONDS`."""
    start = time.perf_counter()
    run()
    seconds = max(time.perf_counter() - start, 1e-9)
    return min(MOST_CALLS, max(1, round(MEASURED_SECONDS / seconds)))


@contextlib.contextmanager
def counting(control: Control | None, simulated: bool, run: Callable[[], Any]) -> Iterator[None]:
    """Whatever counts, counts inside."""
    if simulated:
        from . import requests

        requests.request(requests.START)
        run()  # fills the caches that are simulated
        requests.request(requests.ZERO)
        yield
        requests.request(requests.STOP)
    elif control:
        switch = _Switch(*control)
        switch("enable")
        yield
        switch("disable")
    else:
        yield


class _Switch:
    """Our ends of the pipes to ``perf stat``; it closes the others, so that a dead one is seen."""

    def __init__(self, command_in: int, command_out: int, ack_in: int, ack_out: int) -> None:
        os.close(command_in)
        os.close(ack_out)
        self._command, self._acknowledged = command_out, ack_in

    def __call__(self, command: str) -> None:
        answer = b""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._command, f"{command}\n".encode())
            answer = os.read(self._acknowledged, 16)
        if not answer.startswith(b"ack"):
            raise OSError(f"perf stat did not acknowledge {command!r}")


if __name__ == "__main__":
    main(Order(**json.loads(sys.argv[1])))
