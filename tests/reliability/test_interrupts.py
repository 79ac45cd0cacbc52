"""Distrusts patience: Ctrl-C at any moment of calls that take long, by each strategy."""

import json
import signal
from typing import Any

import pytest
from conftest import RunPython, soak

SCRIPT = """
import json, signal, sys, time
import numpy as np, parconv
amount, strategies = json.loads(sys.argv[1])
rng = np.random.default_rng(3)
f = rng.random((1500, 1500), np.float32)
fired, waits = [], []

def handler(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, handler)
cases = []
for strategy in strategies:
    for method, taps in (("direct", 25), ("fft", 101), ("separable", 31)):
        g = np.outer(*np.ones((2, taps), np.float32) * 0.01)
        g[0, 0] += method != "separable"
        plan = parconv.plan2d(f, g, method=method, strategy=strategy, threads=2)
        start = time.monotonic()
        whole = plan(f)
        cases.append((plan, whole, time.monotonic() - start))
for number in range(amount):
    plan, whole, usual = cases[number % len(cases)]
    out = np.full_like(whole, np.nan)
    delay = float(rng.uniform(0.001, max(0.002, usual)))
    signal.setitimer(signal.ITIMER_REAL, delay)
    due = time.monotonic() + delay
    try:
        while True:
            plan(f, out)
    except KeyboardInterrupt:
        waits.append(time.monotonic() - due)
    seen = out.copy()
    if number % 10 == 0:
        time.sleep(0.01)
        assert seen.tobytes() == out.tobytes(), "written after the interrupt"
for plan, whole, _ in cases:
    assert plan(f).tobytes() == whole.tobytes()
print(json.dumps(waits))
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("amount", [24, *soak(400)])
def test_a_call_ends_soon(amount: int, run_python: RunPython, ledger: Any) -> None:
    """How soon is a figure of a quiet machine; here only that it does, and writes no more."""
    given = json.dumps([amount, ["serial", "threads", "auto"]])
    waits = sorted(json.loads(run_python(SCRIPT, given, timeout=600).stdout))
    assert len(waits) == amount
    half, most = (1000 * waits[int(share * (amount - 1))] for share in (0.5, 0.99))
    ledger("interrupts", f"{amount}: half within {half:.0f} ms, 99 of 100 within {most:.0f} ms")
