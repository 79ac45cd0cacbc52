"""What it costs to hand work to threads and to get the answer: each way in a process of its own.

A process can start only one of Numba's threading layers, and a pool of processes should not outlive
its measurement: ``python -m parconv.experiments.ceilings.launches '[NAME, THREADS]'`` is that one.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parconv.codegen import jit
from parconv.codegen.layout import Layout
from parconv.methods.kernels import Kernels, signature
from parconv.runtime import budget
from parconv.runtime.ceilings import ASLEEP, THREADS
from parconv.runtime.crew import Terms
from parconv.runtime.strategies import STRATEGIES
from parconv.runtime.strategies.work import Work, spare

from .. import processes

LAYERS = {
    "omp": "the OpenMP runtime is missing: install libgomp1 (Linux) or libomp (macOS)",
    "tbb": "tbb is missing or too old: `pip install tbb`",
    "workqueue": "this build of numba lacks it",
}
POOLS = (THREADS, ASLEEP, "joblib threading", "joblib loky")
WARM_UP, SAMPLES, SECONDS = 20, 2000, 0.5
BAND_STEPS = 100_000  # of a band: some 0.1 ms, or a caller would have done all before help came
ASLEEP_BANDS = 20  # bands of that many: nobody sleeps longer than one takes
PAUSE = 0.02  # seconds, in which workers fall asleep and cores halt
TIMEOUT = 60.0

Launch = Callable[[], Any]


def measure(name: str, threads: int) -> dict[str, Any]:
    """Median and 90th percentile in µs, or the reason why there are none."""
    layer = {"NUMBA_THREADING_LAYER": name} if name in LAYERS else {}
    try:
        done = processes.run(__name__, [name, threads], layer, TIMEOUT)
    except subprocess.TimeoutExpired:
        return {"absent": f"no answer within {TIMEOUT:.0f} s"}
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    if name in LAYERS and "No threading layer could be loaded" in done.stderr:
        return {"absent": LAYERS[name]}
    return {"absent": (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]}


L = Layout("first", "steps")  # of a kernel that takes a while: where it begins, and how long


def _prange(threads: int) -> Launch:
    from numba import prange

    @jit.jit(called=True, parallel=True)
    def launch(counts: Any) -> None:
        for thread in prange(counts.size):
            counts[thread] += 1

    budget.set_num_threads(threads)
    counts = np.zeros(threads, np.int64)
    return lambda: launch(counts)


def _chain(f, taps, fill, out, layout, scratch, start, stop):  # type: ignore[no-untyped-def]
    """A kernel whose rows take a while: operations that wait for one another."""
    for row in range(start, stop):
        value = layout[L.first]
        for _ in range(layout[L.steps]):
            value = (value ^ 3) + 3
        out[0, row, 0] = value


def _pool(threads: int, bands: int, steps: int) -> Launch:
    """The strategy ``threads``, with bands of so many steps."""
    kind = np.dtype(np.float32)
    kernels = Kernels(_chain, signature(kind, kind, kind))
    table = np.array([(n, n + 1) for n in range(bands)], np.int64)
    table.flags.writeable = False
    work = Work(
        kernels=kernels, remote=_chain, bands=tuple(map(tuple, table.tolist())), runs=((0, bands),),
        table=table,
        threads=threads, launch=bands * threads, terms=Terms.of(threads - 1, bands, 0, True),
        workspace=0, element=kind, spare=spare(0),
    )  # fmt: skip
    image, none = np.zeros((1, bands, 1), kind), np.zeros(0, kind)
    arrays = (image, none, none, image.copy(), L.pack(first=1, steps=steps))
    return lambda: STRATEGIES[THREADS].run(work, arrays)


def _handing(threads: int) -> NDArray[np.float64]:
    """Beyond the time of one band: a band for each thread, back to back."""
    alone = np.median(_sample(_pool(1, 1, BAND_STEPS)))
    return np.maximum(_sample(_pool(threads, threads, BAND_STEPS)) - alone, 0)


def _waking() -> NDArray[np.float64]:
    """From the call for a worker that sleeps to its coming: as much as two bands are late."""
    alone, both = (_pool(threads, 2, ASLEEP_BANDS * BAND_STEPS) for threads in (1, 2))
    band = np.median(_sample(alone, PAUSE)) / 2
    return np.maximum(_sample(both, PAUSE) - band, 0)


def _joblib(threads: int, backend: str) -> Launch:
    from joblib import Parallel, delayed

    tasks = Parallel(n_jobs=threads, backend=backend)
    return lambda: tasks(delayed(int)() for _ in range(threads))


def _microseconds(name: str, threads: int) -> NDArray[np.float64]:
    """Times of launches; the work done in them does not count."""
    if name in LAYERS:
        return _sample(_prange(threads))
    if name == THREADS:
        return _handing(threads)
    if name == ASLEEP:
        return _waking()
    return _sample(_joblib(threads, name.removeprefix("joblib ")))


def _sample(launch: Launch, pause: float = 0.0) -> NDArray[np.float64]:
    """Microseconds, back to back or each after a pause."""
    for _ in range(WARM_UP):
        launch()
    seconds: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(seconds) < SAMPLES and time.perf_counter() < end:
        if pause:
            time.sleep(pause)
        start = time.perf_counter()
        launch()
        seconds.append(time.perf_counter() - start)
    return 1e6 * np.array(seconds)


def _main(name: str, threads: int) -> None:
    found = _microseconds(name, threads)
    median, p90 = np.percentile(found, (50, 90))
    print(json.dumps({"median_us": median, "p90_us": p90, "samples": found.size}))


if __name__ == "__main__":
    _main(*json.loads(sys.argv[1]))
