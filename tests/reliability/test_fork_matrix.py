"""Distrusts children: by every way to start one, warm or cold, on every threading layer."""

import os
from typing import Any

import pytest
from conftest import soak

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

SCRIPT = """
import concurrent.futures as futures, faulthandler, json, multiprocessing as mp, os, signal, sys
import threading, time, warnings
faulthandler.dump_traceback_later(200, exit=True)
warnings.filterwarnings("ignore", "This process", DeprecationWarning)
import numpy as np, parconv

F, G = np.arange(120_000.0).reshape(300, 400).astype("f4") % 7, np.ones((3, 3), np.float32)

def compute(strategy):
    '''The right answer of a large image, or False.'''
    rows = F[:-2] + F[1:-1] + F[2:]
    right = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return bool((parconv.conv2d(F, G, threads=2, strategy=strategy) == right).all())

def forked(work):
    '''Its exit status; killed after 20 s.'''
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0

def orphan(strategy):
    '''A grandchild whose parent is gone; tells by a pipe.'''
    read, write = os.pipe()
    if not os.fork():
        if not os.fork():
            signal.alarm(20)
            time.sleep(0.05)
            try:
                os.write(write, b"1" if compute(strategy) else b"0")
            finally:
                os._exit(0)
        os._exit(0)
    os.close(write)
    os.wait()
    return os.read(read, 1) == b"1"

def mapped(pool, strategy):
    with pool:
        return all(pool.map_async(compute, [strategy] * 4).get(20))

def submitted(executor, strategy):
    with executor:
        return all(f.result(20) for f in [executor.submit(compute, strategy) for _ in range(4)])

def in_thread(strategy):
    with futures.ThreadPoolExecutor(2) as pool:
        return all(pool.map(lambda _: forked(lambda: compute(strategy)), range(2)))

def by_joblib(backend, strategy):
    import joblib
    run = joblib.Parallel(n_jobs=2, backend=backend, timeout=20)
    return all(run(joblib.delayed(compute)(strategy) for _ in range(4)))

def by_dask(scheduler, strategy):
    import dask
    tasks = [dask.delayed(compute)(strategy) for _ in range(4)]
    return all(dask.compute(*tasks, scheduler=scheduler, num_workers=2))

WAYS = {
    "child": lambda s: forked(lambda: compute(s)),
    "grandchild": lambda s: forked(lambda: forked(lambda: compute(s))),
    "child that has computed, and its child": lambda s: forked(
        lambda: compute(s) and forked(lambda: compute(s))),
    "orphan": orphan,
    "child of a thread": in_thread,
    "pool, fork": lambda s: mapped(mp.get_context("fork").Pool(2), s),
    "pool, forkserver": lambda s: mapped(mp.get_context("forkserver").Pool(2), s),
    "pool, spawn": lambda s: mapped(mp.get_context("spawn").Pool(2), s),
    "executor, fork": lambda s: submitted(
        futures.ProcessPoolExecutor(2, mp.get_context("fork")), s),
    "executor, forkserver": lambda s: submitted(
        futures.ProcessPoolExecutor(2, mp.get_context("forkserver")), s),
    "loky": lambda s: by_joblib("loky", s),
    "multiprocessing of joblib": lambda s: by_joblib("multiprocessing", s),
    "processes of dask": lambda s: by_dask("processes", s),
}

if __name__ == "__main__":
    warm, strategies, ways = json.loads(sys.argv[1])
    if warm:
        for name in ("prange", "threads"):
            assert compute(name)
    told = {}
    for way in ways or WAYS:
        for strategy in strategies:
            start = time.monotonic()
            fine = WAYS[way](strategy)
            told[f"{way}, {strategy}"] = fine, round(time.monotonic() - start, 1)
    assert all(compute(s) for s in strategies)
    print(json.dumps(told))
"""
FEW = ["child", "grandchild", "orphan", "pool, fork", "executor, forkserver"]


@pytest.mark.parametrize(
    ("strategies", "ways"),
    [(["auto"], FEW), *soak((["auto", "threads", "prange"], []))],
)
@pytest.mark.parametrize("layer", ["any", *soak("tbb", "workqueue")])
@pytest.mark.parametrize("warm", [True, *soak(False)])
def test_every_way(
    warm: bool, layer: str, strategies: Any, ways: Any, tmp_path: Any, ledger: Any
) -> None:
    """Each way within 20 s, and right."""
    import json
    import subprocess
    import sys

    script = tmp_path / "ways.py"  # a file, which children by spawn can read
    script.write_text(SCRIPT)
    env = {**os.environ, "NUMBA_THREADING_LAYER": layer} if layer != "any" else {**os.environ}
    asked = json.dumps([warm, strategies, ways])
    done = subprocess.run(
        [sys.executable, script, asked], env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert all(fine for fine, _ in told.values()), told
    slowest = max(seconds for _, seconds in told.values())
    part = f"{layer} {'warm' if warm else 'cold'}"
    ledger("forks", f"{part}: {len(told)} cases, at most {slowest} s, 0 hang", part)
