"""Distrusts promises of memory: what a plan says beforehand, limits, and what is never given back.

Memory is what Linux tells of a process of its own.
"""

import json
import sys
from typing import Any

import pytest
from conftest import RunPython, soak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is told by Linux")
PRELUDE = """
import json, os, resource, sys, threading
import numpy as np, parconv

def told(name):
    with open("/proc/self/status") as lines:
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))

def asked(what):
    shape, taps, dtype, method = what
    rng = np.random.default_rng(1)
    f = (100 * rng.random(shape)).astype(dtype)
    return f, (9 * rng.random(taps)).astype("f4" if f.dtype.kind == "f" else "i1"), method
"""
QUESTIONS = (
    ((3000, 3000), (7, 7), "float32", "direct"), ((2500, 2500), (40, 40), "float32", "fft"),
    ((3000, 3000), (5, 5), "uint8", "direct"), ((2000, 2000), (9, 9), "float16", "direct"),
    ((1, 16, 500, 500), (16, 16, 3, 3), "float32", "auto"),
    ((4000, 2000), (3, 3), "float64", "auto"),
)  # fmt: skip
PEAK = (
    PRELUDE
    + """
found = []
for what in json.loads(sys.argv[1]):
    f, g, method = asked(what)
    plan = parconv.plan2d(f, g, method=method, threads=2)
    taps = plan.prepare(g)
    out = np.ones(plan.problem.shape, plan.problem.dtype)
    small = f[..., : 2 * g.shape[-2] + 9, :].copy()
    parconv.conv2d(small, g, method=method, threads=1)  # kernels are loaded
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = told("VmRSS")
    plan.run(f, taps, out)
    found.append([plan.workspace, told("VmHWM") - before])
    del f, g, out, plan, taps
print(json.dumps(found))
"""
)


@pytest.mark.parametrize("questions", [QUESTIONS[:3], *soak((QUESTIONS,))])
def test_the_peak_is_as_told(questions: Any, run_python: RunPython, ledger: Any) -> None:
    found = json.loads(run_python(PEAK, json.dumps(questions), timeout=300).stdout)
    for question, (said, peak) in zip(questions, found, strict=True):
        assert peak <= said + (2 << 20), f"{question}: {peak:,} bytes, not {said:,}"
    most = max((peak - said) / 2**20 for said, peak in found)
    ledger("memory", f"{len(found)} calls, at most {most:+.1f} MiB of what was told")


LIMITED = (
    PRELUDE
    + """
steps, questions = json.loads(sys.argv[1])
outcomes = {"right": 0, "MemoryError": 0}
for what in questions:
    f, g, method = asked(what)
    words = {"method": method, "threads": 2, "mode": "same"} if g.ndim == 2 else {"threads": 2}
    # All threads are there: CPython 3.11 waits for ever for one that has no memory to begin with.
    for _ in range(6):
        right = parconv.conv2d(f, g, **words)
    out = np.zeros_like(right)
    need = out.nbytes + f.nbytes // 2 + (64 << 20)
    for step in range(steps):
        room = told("VmSize") + (step - 3) * need // steps
        out[...] = 77
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        try:
            own = parconv.conv2d(f, g, out=out if step % 2 else None, **words)
            outcome = "right"
        except MemoryError:
            own, outcome = None, "MemoryError"
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        if own is None:
            assert (out == 77).all(), "half an output"
        else:
            assert own.tobytes() == right.tobytes()
        del own
        outcomes[outcome] += 1
print(json.dumps(outcomes))
"""
)


@pytest.mark.parametrize(("steps", "questions"), [(10, QUESTIONS[:2]), *soak((50, QUESTIONS))])
def test_under_a_limit(steps: int, questions: Any, run_python: RunPython, ledger: Any) -> None:
    """The right bits or MemoryError, and then nothing was written."""
    found = json.loads(run_python(LIMITED, json.dumps([steps, questions]), timeout=600).stdout)
    assert found["right"] + found["MemoryError"] == steps * len(questions)
    assert found["MemoryError"]
    ledger("limits", f"{found['right']} right, {found['MemoryError']} MemoryError, 0 half done")


SMALL = (
    PRELUDE
    + """
import time
amount, seconds = json.loads(sys.argv[1])
rng = np.random.default_rng(2)
calls = []
for dtype in ("float32", "float64", "uint8"):
    for size in (8, 28, 61):
        f = (99 * rng.random((size, size))).astype(dtype)
        for taps in ((3, 3), (5, 4)):
            g = (9 * rng.random(taps)).astype("f4" if f.dtype.kind == "f" else "i1")
            plan = parconv.plan2d(f, g, mode="same")
            calls += [lambda f=f, g=g: parconv.conv2d(f, g, mode="same"), lambda f=f, p=plan: p(f)]
calls.append(lambda: parconv.conv2d(rng.random((20, 20)), rng.random((3, 3))))  # new each time
calls.append(lambda: parconv.gaussian(rng.random((30, 30)), float(rng.uniform(0.5, 2))))
if seconds:
    big = rng.random((700, 800), np.float32)
    calls += [lambda n=n: parconv.conv2d(big, np.ones((n, n)), method=m, threads=2)
              for n in (3, 9) for m in ("auto", "direct", "fft")]

def look():
    return [told("VmRSS"), len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))]

looks, count, start = [], 0, time.monotonic()
while count < amount or time.monotonic() - start < seconds:
    for call in calls:
        call()
    count += len(calls)
    if not looks and (count > amount // 5 and time.monotonic() - start > seconds / 5):
        looks, since = [look()], time.monotonic()
looks.append(look())
print(json.dumps([looks, time.monotonic() - since, count]))
"""
)


@pytest.mark.parametrize(
    ("row", "amount", "seconds", "most"),
    soak(("calls", 1_000_000, 0, 1), ("load", 0, 1800, 1)),
)
def test_nothing_is_kept(
    row: str, amount: int, seconds: int, most: float, run_python: RunPython, ledger: Any
) -> None:
    """Memory in MB, an hour where it is a load, of the last four fifths."""
    given = json.dumps([amount, seconds])
    looks, took, count = json.loads(run_python(SMALL, given, timeout=seconds + 1200).stdout)
    (before, *threads), (after, *later) = looks
    grown = (after - before) / 1e6 * (3600 / took if seconds else 1)
    assert threads == later
    assert grown < most, f"{grown:.2f} MB"
    ledger(row, f"{count:,} calls, {grown:+.2f} MB{' an hour' if seconds else ''}, "
           f"{threads[0]} threads, {threads[1]} descriptors")  # fmt: skip
