"""What it costs to hand work to threads and to get the answer: each way in a process of its own.

A process can start only one of Numba's threading layers, and a pool of processes should not outlive
its measurement.  ``python -m parconv.experiments.ceilings.launches NAME THREADS`` is that process.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parconv import budget, jit
from parconv.strategies import STRATEGIES
from parconv.strategies.work import Work

from .arithmetic import clock_chain
from .gate import new_gate

LAYERS = {
    "omp": "the OpenMP runtime is missing: install libgomp1 (Linux) or libomp (macOS)",
    "tbb": "tbb is missing or too old: `pip install tbb`",
    "workqueue": "this build of numba lacks it",
}
POOLS = ("threads", "joblib threading", "joblib loky")
WARM_UP, SAMPLES, SECONDS = 20, 2000, 0.5
TIMEOUT = 60.0

Launch = Callable[[], Any]


def measure(name: str, threads: int) -> dict[str, Any]:
    """Median and 90th percentile in µs, or the reason why there are none."""
    command = [sys.executable, "-m", __name__, name, str(threads)]
    layer = {"NUMBA_THREADING_LAYER": name} if name in LAYERS else {}
    try:
        done = subprocess.run(
            command, env={**os.environ, **layer}, capture_output=True, text=True, timeout=TIMEOUT,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"absent": f"no answer within {TIMEOUT:.0f} s"}
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    if name in LAYERS and "No threading layer could be loaded" in done.stderr:
        return {"absent": LAYERS[name]}
    return {"absent": (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]}


def _prange(threads: int) -> Launch:
    from numba import prange

    @jit.jit(parallel=True)
    def launch(counts: Any) -> None:
        for thread in prange(counts.size):
            counts[thread] += 1

    budget.set_num_threads(threads)
    counts = np.zeros(threads, np.int64)
    return lambda: launch(counts)


def _pool(threads: int) -> Launch:
    """The strategy ``threads``, a band for each."""
    bands = tuple((n, n + 1) for n in range(threads))
    busy = SimpleNamespace(serial=lambda *_: _work())
    work = Work(
        kernels=busy, remote=busy.serial, bands=bands, table=np.array(bands), threads=threads,
        launch=threads, workspace=0, element=np.dtype(np.float32),
    )  # fmt: skip
    return lambda: STRATEGIES["threads"](work, ())


def _work() -> None:
    """A band of 0.1 ms: the caller would have done idle ones before any helper woke up."""
    clock_chain()(new_gate(1), 1, 3, 7000)


def _joblib(threads: int, backend: str) -> Launch:
    from joblib import Parallel, delayed

    tasks = Parallel(n_jobs=threads, backend=backend)
    return lambda: tasks(delayed(int)() for _ in range(threads))


def _microseconds(name: str, threads: int) -> NDArray[np.float64]:
    """Of launches; the work done in them does not count."""
    if name in LAYERS:
        return _sample(_prange(threads))
    if name == "threads":
        return np.maximum(_sample(_pool(threads)) - np.median(_sample(_work)), 0)
    return _sample(_joblib(threads, name.removeprefix("joblib ")))


def _sample(launch: Callable[[], Any]) -> NDArray[np.float64]:
    """Microseconds, back to back."""
    for _ in range(WARM_UP):
        launch()
    seconds: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(seconds) < SAMPLES and time.perf_counter() < end:
        start = time.perf_counter()
        launch()
        seconds.append(time.perf_counter() - start)
    return 1e6 * np.array(seconds)


def _main(name: str, threads: int) -> None:
    found = _microseconds(name, threads)
    median, p90 = np.percentile(found, (50, 90))
    print(json.dumps({"median_us": median, "p90_us": p90, "samples": found.size}))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
