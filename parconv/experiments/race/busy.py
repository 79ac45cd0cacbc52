"""Processes that keep cores busy beside a measurement, and end with it.  Knows no convolution."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

# A process announces itself once it has had so much time of a core: that it has started tells
# little, as an interpreter takes longer to load than a whole cell of quick calls takes.
BEGUN_SECONDS = 0.05
# Its standard input ends when its parent does, however that dies, so no orphan keeps on spinning.
# Ctrl-C reaches every process of a terminal; the parent alone decides what comes then.
SPIN = f"""
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
def spin():
    total = 0
    for number in range(100000):
        total += number * number
while time.process_time() < {BEGUN_SECONDS}:
    spin()
os.write(1, b"!")
while True:
    spin()
"""


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[tuple[int, ...]]:
    """So many processes that compute without pause; their ids.

    They run when the block begins and are gone when it ends, however it does.  `ChildProcessError`
    where one cannot start or has not lasted: what was measured then was measured beside fewer.
    """
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(_spinning()) for _ in range(count)]
        for process in started:
            _await(process)
        yield tuple(process.pid for process in started)
        for process in started:
            _check(process)


@contextlib.contextmanager
def _spinning() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", SPIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:  # closes the pipes and waits
        try:
            yield process
        finally:
            process.kill()


def _await(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    if not process.stdout.read(1):
        process.wait()
    _check(process)


def _check(process: subprocess.Popen[bytes]) -> None:
    if (status := process.poll()) is not None:
        raise ChildProcessError(
            f"a busy process (id {process.pid}) ended with status {status} before its time: "
            "measure again, or with a smaller busy"
        )
