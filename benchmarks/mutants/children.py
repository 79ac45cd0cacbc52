"""Forks of this process that run tests in the copy, within limits of time and memory."""

import gc
import importlib
import os
import signal
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

PRELOADED = (
    "coverage hypothesis joblib numba numpy pytest pytest_timeout scipy.signal threadpoolctl"
)
MEMORY = 12 << 30  # bytes of addresses
SECONDS = 120.0  # of processors, for the tests of one fault
IDLE = 120.0  # seconds without any of them: it waits for what does not come
LATE = "status None"
STEP, EACH = 0.02, 50  # seconds between two looks at a fork, and looks between two at its time
OPTIONS = (
    "-q", "-x", "--tb=no", "-p", "no:cacheprovider", "-p", "pytest_timeout",
    "-m", "not slow and not soak and not site", "--doctest-modules",
    "-o", "addopts=", "-o", "timeout=0", "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip


def preload() -> None:
    """Import what takes long once for all forks; threads of it are there anew in each."""
    for name in PRELOADED.split():
        importlib.import_module(name)
    gc.freeze()  # or each fork's pytest looks through it three times: 0.3 of 0.7 s (Zen 4, 2026-11)


def function_of(test: str) -> str:
    """Its name without its parameters."""
    return test.partition("[")[0]


class Chosen:
    """A plugin of pytest that runs tests and whole functions in the order given.

    It writes which one failed.
    """

    def __init__(self, tests: Sequence[str], failed: Path, without: Container[str]) -> None:
        self.tests, self.failed, self.without = tests, failed, without
        self.functions = {function_of(name).rpartition("::")[2] for name in tests}

    def pytest_pycollect_makeitem(self, collector: Any, name: str) -> list[Any] | None:
        """No items of other functions: thousands take longer than the tests."""
        return [] if name.startswith("test") and name not in self.functions else None

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Those chosen."""
        by_name = defaultdict(list)
        for item in items:
            if item.nodeid in self.without:
                continue
            by_name[item.nodeid].append(item)
            if function_of(item.nodeid) != item.nodeid:
                by_name[function_of(item.nodeid)].append(item)
        items[:] = [item for name in self.tests for item in by_name[name]]

    def pytest_runtest_logreport(self, report: Any) -> None:
        """The first that failed."""
        if report.failed and not self.failed.exists():
            self.failed.write_text(report.nodeid, encoding="utf-8")


def failing(
    copy: Path, tests: Sequence[str], seconds: float = SECONDS, without: Container[str] = ()
) -> str:
    """The first test that fails, or what else became of the process; "" where all pass.

    `LATE` where they took longer.
    """
    failed = copy.parent / "failed"
    failed.unlink(missing_ok=True)
    files = list(dict.fromkeys(name.partition("::")[0] for name in tests))

    def run() -> int:
        import pytest

        return int(pytest.main([*OPTIONS, *files], [Chosen(tests, failed, without)]))

    status = forked(run, copy, seconds) if tests else 0
    if failed.exists():
        return failed.read_text(encoding="utf-8")
    return "" if status in (0, 5) else f"status {status}"  # 5: nothing to run


def forked(
    run: Callable[[], int], copy: Path, seconds: float = SECONDS, idle: float = IDLE
) -> int | None:
    """The exit status of a fork that runs a function in the copy; None where it did not end.

    Time is that of processors, for beside other work a second may take a minute; and looks are
    counted, for what stops this process stops the fork.
    """
    child = os.fork()
    if not child:
        _begin(run, copy)
    spent, still = 0.0, 0
    try:
        while spent < seconds and still * STEP < idle:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            still += 1
            time.sleep(STEP)
            if still % EACH == 0 and (now := _spent(child)) > spent:
                spent, still = now, 0
        return None
    finally:
        with suppress(ProcessLookupError):  # it, and what it has left behind
            os.killpg(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)


def _spent(session: int) -> float:
    """Seconds of processors that a session had, and what ended in it; 0 where nobody tells."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            numbers = file.read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(numbers[3]) == session:
                ticks += sum(map(int, numbers[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _begin(run: Callable[[], int], copy: Path) -> None:
    """Never returns."""
    import resource  # which Windows has not, nor forks

    status = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.chdir(copy)
        output = os.open(copy.parent / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(output, stream)
        for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
            del sys.modules[name]  # the copy's own are asked for
        sys.path.insert(0, str(copy))
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # looking for them takes a second
        status = run()
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)
