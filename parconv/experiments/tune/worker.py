"""The process that runs settings: one for each threading layer, told what to run over a pipe.

Requests and replies are lines of JSON; the end of its input ends the process.  Chooses nothing.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from parconv.runtime import budget
from parconv.runtime.outputs import new_output

from .. import baselines
from ..race.agreement import difference, tolerance
from ..race.peers import Run
from ..timing import SETTLE_SECONDS, sample_seconds
from .settings import Setting, plan_of
from .subjects import Subject

FOLDER = "JOBLIB_TEMP_FOLDER"  # of this process alone: it is removed with the process


class Bench:
    """A subject's arrays, and how each setting answers it."""

    def __init__(self, subject: Subject, implementation: str) -> None:
        self._subject, self._implementation = subject, implementation
        f, g = subject.row.arrays()
        self._f, self._g = f, g
        self._out = new_output(subject.problem.shape, subject.problem.dtype)
        self._expected = subject.plan.with_filter(self._g)(self._f)
        self._runs: dict[Setting, Run] = {}

    def sample(self, setting: Setting) -> float:
        """Seconds per call; the first time the result is checked."""
        with _joblib(setting):
            if setting not in self._runs:
                self._runs[setting] = self._checked(setting)
            run = self._runs[setting]
            time.sleep(SETTLE_SECONDS)
            run(self._out)
            return sample_seconds(run, self._out)

    def _checked(self, setting: Setting) -> Run:
        run = self._prepared(setting)
        self._out.fill(0)
        found = np.asarray(run(self._out))
        error = difference(found, self._expected)
        if not error <= self._allowed:
            raise ArithmeticError(f"its result is wrong by {error:.3g}")
        return run

    @property
    def _allowed(self) -> float:
        """By how much a result may differ: parconv's own not at all."""
        exact = self._implementation == "parconv" or self._expected.dtype.kind in "iu"
        return 0.0 if exact else tolerance(self._f, self._g)

    def _prepared(self, setting: Setting) -> Run:
        if self._implementation == "parconv":
            plan, f = plan_of(self._subject, setting).with_filter(self._g), self._f
            return lambda out: plan(f, out)
        baseline, study = baselines.BASELINES[self._implementation], self._subject.study
        run = baseline.prepare(study, self._f, self._g, setting.threads)
        if run is None:
            raise ValueError(str(baseline.obstacle(study)))
        return lambda out: run()


@contextlib.contextmanager
def _joblib(setting: Setting) -> Iterator[None]:
    """Under the setting's backend, if it has one."""
    if setting.backend is None:
        yield
        return
    from joblib import parallel_config

    with parallel_config(backend=setting.backend, n_jobs=setting.threads):
        yield


class Service:
    """Answers requests: ``{"subject": ..., "implementation": ...}`` and ``{"setting": ...}``."""

    def __init__(self) -> None:
        self._bench: Bench | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._answer(request)
        except Exception as error:  # whatever a setting raises is its result
            return {"error": f"{type(error).__name__}: {error}"}

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "subject" in request:
            self._bench = None  # its arrays go before the next ones come
            subject = Subject.of_record(request["subject"])
            self._bench = Bench(subject, request["implementation"])
            return {}
        if self._bench is None:
            raise ValueError("no subject was named")
        return {"seconds": self._bench.sample(Setting(**request["setting"]))}


def main() -> None:
    """Serve standard input; nothing but replies goes to what was standard output."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    def reply(content: dict[str, Any]) -> None:
        print(json.dumps(content), file=replies, flush=True)

    service = Service()
    try:
        reply(_started())
        for line in sys.stdin:
            reply(service.answer(json.loads(line)))
    except BrokenPipeError:
        pass  # nobody listens any more
    finally:
        _stop_processes()
        shutil.rmtree(os.environ.get(FOLDER, ""), ignore_errors=True)


def _started() -> dict[str, Any]:
    """The threading layer that runs here, or why it does not."""
    reason, layer = budget.layer_obstacle(), budget.threading_layer()
    if reason:
        return {"error": reason}
    if layer == "workqueue":  # its danger is a second thread that enters it: here is none
        budget.prange_obstacle = lambda: None
    return {"layer": layer}


def _stop_processes() -> None:
    """End joblib's processes, if there are any."""
    executors = sys.modules.get("joblib.externals.loky.reusable_executor")
    if executors is not None and getattr(executors, "_executor", None) is not None:
        executors.get_reusable_executor().shutdown(wait=True, kill_workers=True)
