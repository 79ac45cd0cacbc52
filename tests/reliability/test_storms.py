"""Distrusts company: many threads, each calling as it likes, beside the threads of others."""

import json
from typing import Any

import pytest
from conftest import RunPython, soak

SCRIPT = """
import faulthandler, json, os, random, sys, threading, time
faulthandler.enable()
callers, each, others = json.loads(sys.argv[1])
import numba, numpy as np, parconv
from parconv.runtime import budget

rng = np.random.default_rng(1)
calls = []
for dtype in ("float32", "float64", "uint8", "int32"):
    for shape, taps in (((64, 80), (3, 3)), ((150, 200), (7, 7)), ((2, 90, 70), (5, 4))):
        f = (100 * rng.random(shape)).astype(dtype)
        g = (9 * rng.random(taps)).astype("float32" if dtype[0] == "f" else "int8")
        for strategy in ("auto", "serial", "threads", "prange"):
            words = {"mode": "same", "strategy": strategy, "threads": 1 + len(calls) % 4}
            calls.append(lambda f=f, g=g, words=words: parconv.conv2d(f, g, **words))

@numba.njit(parallel=True)
def squares(x):
    out = np.empty_like(x)
    for i in numba.prange(x.shape[0]):
        out[i] = x[i] * x[i]
    return out

one, lock = rng.random((300, 300)), threading.Lock()
def theirs():
    if budget.threading_layer() == "none":  # numba's own loops cannot run
        return one * one
    if budget.threading_layer() == "workqueue":  # which two threads must never enter
        with lock:
            return squares(one)
    return squares(one)
calls += [theirs, lambda: one @ one]
if "torch" in others:
    import torch
    x, w = torch.from_numpy(one.astype("f4"))[None, None], torch.ones(1, 1, 3, 3)
    calls.append(lambda: torch.nn.functional.conv2d(x, w).numpy())
if "cv2" in others:
    import cv2
    calls.append(lambda: cv2.filter2D(one, -1, np.ones((3, 3))))
right = [call() for call in calls]
tasks = lambda: len(os.listdir("/proc/self/task"))
barrier, wrong, peak = threading.Barrier(callers + 1), [], [0]

def storm(seed):
    order = random.Random(seed)
    barrier.wait()
    for _ in range(each):
        index = order.randrange(len(calls))
        try:
            if calls[index]().tobytes() != right[index].tobytes():
                wrong.append(index)
        except BaseException as error:
            wrong.append(repr(error))

threads = [threading.Thread(target=storm, args=(seed,)) for seed in range(callers)]
[t.start() for t in threads]
barrier.wait()
while any(t.is_alive() for t in threads):
    peak[0] = max(peak[0], tasks())
    time.sleep(0.005)
[t.join() for t in threads]
ours = [t for t in threading.enumerate() if "parconv" in t.name]
print(json.dumps([wrong, peak[0], len(ours), budget.threading_layer(), os.cpu_count()]))
"""
SIZES = pytest.mark.parametrize(("callers", "each"), [(16, 12), *soak((64, 200))])


@SIZES
@pytest.mark.parametrize("layer", ["any", *soak("omp", "tbb", "workqueue", "nonsense")])
def test_many_threads(
    callers: int, each: int, layer: str, run_python: RunPython, ledger: Any
) -> None:
    """No call dies or differs by a bit, on each threading layer and where none can be loaded."""
    env = {"NUMBA_THREADING_LAYER": None if layer == "any" else layer}
    given = json.dumps([callers, each, ["torch", "cv2"] if callers > 16 else []])
    wrong, peak, ours, found, cores = json.loads(
        run_python(SCRIPT, given, env=env, timeout=900).stdout
    )
    assert not wrong
    assert ours <= cores
    ledger("storm", f"{callers} x {each} calls on {found}, peak {peak} threads, 0 differ", layer)
