"""A peer in a process of its own, as those need that do not get along with others in one.

Some set threads for a whole process once, some let them spin for a tenth of a second, and heaps
have been seen corrupted where several inference runtimes met.  There, a crash costs a row.  The
calls are timed where they run; what travels is a verdict's array, and seconds.
"""

import contextlib
import pickle
import subprocess
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from ...processes import command, environment
from ..layers import Layer
from ..volumes import Volume
from ..workloads import Array, Workload

if TYPE_CHECKING:
    from .peer import Run

CHILD = "parconv.experiments.race.peers.child"


def prepare_apart(name: str, workload: Workload | Layer | Volume, threads: int) -> "Run | str":
    """A process in which the peer of that name has prepared the workload; or why it cannot."""
    found = Apart(name)
    reason: str = found.ask(name, workload, threads)
    return reason or found


class Apart:
    """What answers a workload in another process, which ends with this object."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            command(CHILD, name), env=environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        weakref.finalize(self, _end, self._process)

    def __call__(self, out: Array | None) -> Array:
        """The result, in ``out`` where the peer wrote into an array that it was given there."""
        found: Array
        found, given = self.ask("answer", _like(out))
        if out is None or not given:
            return found
        np.copyto(out, found, casting="no")
        return out

    def timed(self, how: str, out: Array | None, *arguments: Any) -> Any:
        """What that function of `timing` finds there."""
        return self.ask(how, _like(out), *arguments)

    def ask(self, *order: Any) -> Any:
        """The answer to an order; ChildProcessError where the process fails or has ended."""
        orders, answers = self._process.stdin, self._process.stdout
        assert orders is not None
        assert answers is not None
        try:
            pickle.dump(order, orders)
            orders.flush()
            failed, found = pickle.load(answers)
        except (OSError, EOFError, pickle.UnpicklingError):
            status = self._process.wait()
            raise ChildProcessError(f"its process ended with status {status}") from None
        if failed:
            raise ChildProcessError(found)
        return found


def _like(out: Array | None) -> tuple[tuple[int, ...], str] | None:
    return None if out is None else (out.shape, out.dtype.str)


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(BrokenPipeError), process:  # closes the pipes and waits
        process.kill()
