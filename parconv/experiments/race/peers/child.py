"""The other end of `apart`: one peer, one workload; answers orders until nobody sends any."""

import contextlib
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from ... import timing
from ..layers import Layer
from ..memory import warm
from ..workloads import Array, Workload
from . import PEERS, Run

# ONNX Runtime's threads spin for 60 ms after a call, OpenBLAS's for 100 (Zen 3 VM, 2026-11): longer
# than the pause between competitors.
LOOKS, LOOK_SECONDS = 100, 5e-3

Like = tuple[tuple[int, ...], str] | None


def attempt(function: Callable[..., Any], *arguments: Any) -> tuple[bool, Any]:
    """Whether it failed, and its value or how it failed."""
    try:
        return False, function(*arguments)
    except Exception as error:
        return True, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def prepare(name: str, workload: Workload | Layer, threads: int) -> Run | str:
    """What answers the workload, or why nothing does."""
    (peer,) = (peer for peer in PEERS if peer.name == name)
    return peer.here(workload, *workload.arrays(), threads)


@dataclass
class Course:
    """A prepared peer, the array that it writes into, and the memory that it has."""

    run: Run
    out: Array | None = None
    kept: bool = False  # freed memory, as where outputs are reused
    memory: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def obey(self, how: str, like: Like, *arguments: Any) -> Any:
        """The answer to an order."""
        self._keep(like is not None)
        out = self._out(like)
        if how == "answer":
            found = np.asarray(self.run(out))
            return found, out is not None and np.may_share_memory(found, out)
        function: Callable[..., Any] = getattr(timing, how)
        found = function(self.run, out, *arguments)
        settle()
        return found

    def _out(self, like: Like) -> Array | None:
        if like is None:
            return None
        shape, dtype = like
        if self.out is None or (self.out.shape, self.out.dtype.str) != like:
            self.out = np.zeros(shape, dtype)
        return self.out

    def _keep(self, kept: bool) -> None:
        if kept != self.kept:
            self.memory.close()
            self.memory.enter_context(warm(kept))
            self.kept = kept


def settle() -> None:
    """Wait for threads that spin, so that no other competitor meets them."""
    for _ in range(LOOKS):
        before = time.process_time()
        time.sleep(LOOK_SECONDS)
        if time.process_time() - before < LOOK_SECONDS / 10:
            return


def serve(orders: BinaryIO, answers: BinaryIO) -> None:
    """Prepare what the first order names, then answer the others."""
    failed, made = attempt(prepare, *pickle.load(orders))
    ready = not failed and not isinstance(made, str)
    _tell(answers, failed, "" if ready else made)
    course = Course(made)
    with contextlib.suppress(EOFError):
        while ready:
            _tell(answers, *attempt(course.obey, *pickle.load(orders)))


def _tell(answers: BinaryIO, failed: bool, found: Any) -> None:
    pickle.dump((failed, found), answers, protocol=5)
    answers.flush()


def main() -> None:
    """Ctrl-C reaches every process of a terminal: the parent decides what comes then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries greet
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
