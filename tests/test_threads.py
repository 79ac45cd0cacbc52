"""Distrusts concurrency: failures, interrupts, forks, nesting, budgets and callers in parallel.

Whatever can kill or hang a process runs in one of its own.
"""

import itertools
import os
import random
import signal
import sysconfig
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import joblib
import numba
import numpy as np
import pytest
from conftest import METHODS, ROWS, Poisoned, RunPython, example, soak
from oracle import assert_same_bits

import parconv
from parconv.methods import direct
from parconv.planner.plan import Plan
from parconv.runtime import budget
from parconv.runtime.strategies import STRATEGIES

F = np.random.default_rng(1).standard_normal((400, 500), np.float32)
G = np.random.default_rng(2).standard_normal((5, 5), np.float32)
POOLED = [name for name in STRATEGIES if name in ("threads", "joblib")]
PRELUDE = """
    import faulthandler, os, sys, threading, time
    import numpy as np
    import parconv
    faulthandler.dump_traceback_later(60, exit=True)
    f = np.random.default_rng(1).standard_normal((400, 500), np.float32)
    g = np.random.default_rng(2).standard_normal((5, 5), np.float32)
    def right(result):
        return result.tobytes() == answer.tobytes()
    answer = parconv.conv2d(f, g, threads=1, strategy="serial")
"""


# --- failures ------------------------------------------------------------------------------------


class FailureError(Exception):
    """What an injected failure raises."""


Kernel = Callable[..., None]


def plan_with_kernel(
    monkeypatch: pytest.MonkeyPatch, strategy: str, workers: int, wrap: Callable[[Kernel], Kernel]
) -> Plan:
    """A plan of one-tile bands whose compiled kernel is wrapped in Python."""
    real = direct.kernels(F.dtype, F.dtype, F.dtype)
    fake = SimpleNamespace(
        obstacle=None if strategy == "prange" else "it is written in Python",
        serial=wrap(real.serial),
        parallel=wrap(real.parallel),
        told=real.told,
    )
    monkeypatch.setattr(direct, "kernels", lambda *_: fake)
    plan = parconv.plan2d(F, G, strategy=strategy, method="direct")
    rows = plan.problem.plane[0]
    edges = [*range(0, rows, 5 * ROWS), rows]
    return replace(plan, threads=workers, bands=tuple(itertools.pairwise(edges)))


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("strategy", ["serial", *POOLED])
def test_nothing_is_written_after_a_band_failed(
    strategy: str, workers: int, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow bands are under way when one fails: the call raises only when all have stopped."""
    running, lock = 0, threading.Lock()
    plans: list[Plan] = []

    def wrap(real: Kernel) -> Kernel:
        def kernel(*arguments: Any) -> None:
            nonlocal running
            bands = plans[0].bands
            bad = bands[{"first": 0, "middle": len(bands) // 2, "last": -1}[place]]
            with lock:
                running += 1
            try:
                if arguments[-2:] == bad:
                    raise FailureError(str(bad))
                time.sleep(0.004)
                real(*arguments)
            finally:
                with lock:
                    running -= 1

        return kernel

    plans.append(plan_with_kernel(monkeypatch, strategy, workers, wrap))
    given = Poisoned(plans[0].problem.shape, np.float32)
    for _ in range(3):
        with pytest.raises(FailureError):
            plans[0](F, given.out)
        assert running == 0
        written = given.out.copy()
        time.sleep(0.03)
        assert_same_bits(given.out, written, "after the call had raised")
        given.check()
    monkeypatch.undo()
    assert_same_bits(
        parconv.conv2d(F, G, strategy=strategy, threads=2),
        parconv.conv2d(F, G, threads=1, strategy="serial"),
    )


@pytest.mark.parametrize("strategy", POOLED)
def test_each_thread_has_scratch_of_its_own(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one writes there another would compute on."""
    users: dict[int, set[int]] = {}
    together = threading.Barrier(3, timeout=20)

    def wrap(real: Kernel) -> Kernel:
        def kernel(*arguments: Any) -> None:
            mine = users.setdefault(arguments[-3].ctypes.data, set())
            if threading.get_ident() not in mine:
                mine.add(threading.get_ident())
                together.wait()
            real(*arguments)

        return kernel

    plan_with_kernel(monkeypatch, strategy, 3, wrap)(F)
    assert [len(threads) for threads in users.values()] == [1, 1, 1]


@pytest.mark.parametrize("error", [MemoryError, IndexError, SystemExit])
@pytest.mark.parametrize("strategy", ["serial", *POOLED])
def test_errors_of_other_threads_are_raised(
    strategy: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    main = threading.get_ident()

    def wrap(real: Kernel) -> Kernel:
        def kernel(*arguments: Any) -> None:
            if threading.get_ident() != main or strategy == "serial":
                raise error("worker")
            time.sleep(0.01)
            real(*arguments)

        return kernel

    plan = plan_with_kernel(monkeypatch, strategy, 3, wrap)
    with pytest.raises(error, match="worker"):
        plan(F)


def test_a_failing_launch_gives_the_gate_and_the_thread_count_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrap(real: Kernel) -> Kernel:
        def kernel(*arguments: Any) -> None:
            raise FailureError

        return kernel

    before = numba.get_num_threads()
    plan = plan_with_kernel(monkeypatch, "prange", 1, wrap)
    with pytest.raises(FailureError):
        plan(F)
    assert numba.get_num_threads() == before
    assert not budget.prange_gate.locked()


INTERRUPTS = (
    PRELUDE
    + """
    import random, signal
    strategy, = sys.argv[1:]
    plan = parconv.plan2d(f, g, threads=2, strategy=strategy)
    shape = plan.problem.shape
    import dataclasses
    from parconv.problem.bands import split_rows
    plan = dataclasses.replace(plan, threads=2, bands=split_rows(shape[0], 16))
    assert right(plan(f))
    start = time.perf_counter()
    for _ in range(20):
        plan(f)
    usual = (time.perf_counter() - start) / 20
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    out = np.empty(shape, np.float32)

    def interrupted(delay):
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                while True:
                    plan(f, out)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            pass

    random = random.Random(3)
    for _ in range(250):
        out[...] = np.nan
        interrupted(random.uniform(1e-5, min(10 * usual, 0.02)))
        written = out.copy()
        time.sleep(0.002)
        assert written.tobytes() == out.tobytes(), "written after the interrupt"
    assert right(plan(f)) and right(parconv.conv2d(f, g, threads=2, strategy=strategy))
    assert not parconv.runtime.budget.prange_gate.locked(), "an interrupt kept the gate"
"""
)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("strategy", ["threads", *soak("serial", "prange")])
def test_interrupts_at_random_times(strategy: str, run_python: RunPython) -> None:
    """KeyboardInterrupt 250 times: the output stays as it is, later calls are right."""
    run_python(INTERRUPTS, strategy)


INTERRUPT_AMID = (
    PRELUDE
    + """
    import signal
    big, wide = np.tile(f, (8, 8)), np.ones((15, 15), np.float32)
    plan = parconv.plan2d(big, wide, threads=2, strategy=sys.argv[1])
    whole = plan(big)
    start = time.perf_counter()
    plan(big)
    usual = time.perf_counter() - start
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    out = np.empty_like(whole)
    for part in range(10):
        out[...] = np.nan
        signal.setitimer(signal.ITIMER_REAL, usual * (part + 2) / 20)
        try:
            while True:
                plan(big, out)
        except KeyboardInterrupt:
            written = out.copy()
        time.sleep(0.02)
        assert written.tobytes() == out.tobytes(), "written after the interrupt"
    assert plan(big).tobytes() == whole.tobytes()
"""
)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("strategy", ["prange", *soak("serial", "threads", "joblib")])
def test_interrupts_amid_the_bands(strategy: str, run_python: RunPython) -> None:
    run_python(INTERRUPT_AMID, strategy)


INTERRUPT_AGAIN = (
    PRELUDE
    + """
    import dataclasses, signal
    from parconv.problem.bands import split_rows
    big, wide = np.tile(f, (8, 8)), np.ones((15, 15), np.float32)
    plan = parconv.plan2d(big, wide, threads=2, strategy=sys.argv[1])
    plan = dataclasses.replace(plan, threads=2, bands=split_rows(plan.problem.shape[0], 6))
    whole = plan(big)
    raised = 0

    def handler(number, frame):
        global raised
        while frame is not None and "strategies" not in frame.f_code.co_filename:
            frame = frame.f_back
        if frame is not None and raised < 4:
            raised += 1
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, handler)
    out = np.empty_like(whole)
    for part in range(12):
        out[...] = np.nan
        raised = 0
        signal.setitimer(signal.ITIMER_REAL, 0.002 + part * 0.001, 0.001)
        try:
            while True:
                plan(big, out)
        except KeyboardInterrupt:
            written = out.copy()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert raised
        time.sleep(0.03)
        assert written.tobytes() == out.tobytes(), "written after the interrupt"
    assert plan(big).tobytes() == whole.tobytes()
"""
)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("strategy", ["threads", *soak("serial", "prange")])
def test_impatient_interrupts(strategy: str, run_python: RunPython) -> None:
    """A second, third and fourth interrupt while the first is being served."""
    run_python(INTERRUPT_AGAIN, strategy)


# --- callers in parallel -------------------------------------------------------------------------


def mixed_calls() -> list[Callable[[], np.ndarray]]:
    """Some of everything: shapes, dtypes, modes, strategies, thread counts."""
    rng = np.random.default_rng(5)
    calls = []
    for index, (strategy, dtype) in enumerate(
        itertools.product(STRATEGIES, ["float32", "float64", "uint8"])
    ):
        for shape, taps in (((61, 83), (3, 3)), ((2, 150, 140), (5, 4)), ((7, 9), (11, 3))):
            f = (rng.random(shape) * 200).astype(dtype)
            g = (rng.random(taps) * 9).astype(dtype)
            options: dict[str, Any] = {
                "mode": ("same", "full")[index % 2], "boundary": ("wrap", "mirror")[index % 2],
                "threads": 1 + index % 4, "strategy": strategy,
            }  # fmt: skip
            calls.append(lambda f=f, g=g, options=options: parconv.conv2d(f, g, **options))
    return calls


def test_eight_threads_of_mixed_calls() -> None:
    calls = mixed_calls()
    answers = [call() for call in calls]
    barrier = threading.Barrier(8)

    def storm(seed: int) -> int:
        order = list(range(len(calls))) * 3
        random.Random(seed).shuffle(order)
        barrier.wait()
        for index in order:
            assert_same_bits(calls[index](), answers[index], f"call {index}")
        return len(order)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(storm, range(8))) == 8 * 3 * len(calls)


def test_one_plan_shared_by_eight_threads() -> None:
    for strategy in STRATEGIES:
        plan = parconv.plan2d(F, G, strategy=strategy, threads=2)
        right = plan(F)
        with ThreadPoolExecutor(8) as pool:
            for result in pool.map(plan, [F] * 32):
                assert_same_bits(result, right, strategy)


def test_first_call_from_eight_threads_at_once(run_python: RunPython) -> None:
    """Lazy import and compilation meet in eight threads."""
    run_python(
        """
        import threading
        import numpy as np
        import parconv
        f, results = np.arange(90000, dtype=np.float32).reshape(300, 300), []
        barrier = threading.Barrier(8)
        def first():
            barrier.wait()
            results.append(parconv.conv2d(f, [[1, 2], [3, 4]], threads=2).tobytes())
        threads = [threading.Thread(target=first) for _ in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert len(results) == 8 and len(set(results)) == 1
        """
    )


CALLERS = (
    PRELUDE
    + """
    strategy = sys.argv[1]
    barrier, wrong = threading.Barrier(6), []
    def many():
        barrier.wait()
        for _ in range(40):
            if not right(parconv.conv2d(f, g, threads=2, strategy=strategy)):
                wrong.append(1)
    threads = [threading.Thread(target=many) for _ in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong
    import numba
    from parconv.runtime import budget
    layer = budget.threading_layer()
    assert layer == sys.argv[2] or sys.argv[2] == "any", layer
    if layer == "workqueue":
        assert "workqueue" in budget.prange_obstacle()
        plan = parconv.plan2d(f, g, threads=2, strategy="prange")
        assert "workqueue" in plan.explain()
        assert parconv.plan2d(f, g, threads=2).strategy in ("serial", "threads")
"""
)


@pytest.mark.parametrize(
    ("layer", "strategy"),
    [("workqueue", "prange"), ("any", "auto"), *soak(("workqueue", "auto"), ("any", "prange"))],
)
def test_six_callers_never_abort(layer: str, strategy: str, run_python: RunPython) -> None:
    """Numba's workqueue layer aborts the process when two threads enter it."""
    env = {"NUMBA_THREADING_LAYER": layer if layer != "any" else None}
    run_python(CALLERS, strategy, layer, env=env)


# --- forks ---------------------------------------------------------------------------------------

FORK = (
    PRELUDE
    + """
    import signal
    strategy, warm = sys.argv[1:]
    if warm == "warm":
        for name in ("prange", "threads"):
            assert right(parconv.conv2d(f, g, threads=2, strategy=name))

    def fork(work):
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            status = 1
            try:
                work()
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0, "child"

    def compute():
        for _ in range(3):
            assert right(parconv.conv2d(f, g, threads=2, strategy=strategy))
        assert parconv.plan2d(f, g, threads=2).strategy in ("serial", "threads")

    def compute_and_fork():
        compute()
        fork(compute)

    fork(compute)                       # a child
    fork(compute_and_fork)              # a child and its child
    fork(lambda: fork(compute))         # a grandchild of an idle child
    assert right(parconv.conv2d(f, g, threads=2, strategy=strategy))
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("strategy", "warm"),
    [
        ("auto", "warm"), ("prange", "warm"), ("threads", "cold"),
        *soak(*((name, "warm") for name in STRATEGIES if name != "prange"), ("auto", "cold"),
              *((name, "cold") for name in STRATEGIES if name != "threads")),
    ],
)  # fmt: skip
def test_forked_children(strategy: str, warm: str, run_python: RunPython) -> None:
    """GNU OpenMP kills a forked child and hangs its child."""
    run_python(FORK, strategy, warm)


POOL = (
    PRELUDE
    + """
    import multiprocessing

    def compute(_):
        result = parconv.conv2d(f, g)
        plan = parconv.plan2d(np.broadcast_to(f, (50, 400, 500)), g)
        return right(result), plan.threads

    if __name__ == "__main__":
        assert right(parconv.conv2d(f, g, threads=2, strategy="prange"))
        with multiprocessing.get_context("fork").Pool(2) as pool:
            answers = pool.map_async(compute, range(8)).get(timeout=90)
        assert answers == [(True, 1)] * 8, answers
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_pool(run_python: RunPython) -> None:
    run_python(POOL)


# --- nesting -------------------------------------------------------------------------------------

NESTED = (
    PRELUDE
    + """
    from joblib import Parallel, delayed

    backend = sys.argv[1]
    big = np.broadcast_to(f, (50, 400, 500))

    def inside():
        plan = parconv.plan2d(big, g)
        explicit = parconv.conv2d(f, g, threads=2, strategy="prange")
        return plan.threads, plan.strategy, explicit.tobytes()

    with Parallel(n_jobs=2, backend=backend) as parallel:
        for threads, strategy, bits in parallel(delayed(inside)() for _ in range(6)):
            assert (threads, strategy) == (1, "serial")
            assert bits == answer.tobytes()
    assert parconv.plan2d(big, g).threads == parconv.runtime.budget.thread_budget()
"""
)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_one_thread_inside_joblib(backend: str, run_python: RunPython) -> None:
    run_python(NESTED, backend)


BACKENDS = (
    PRELUDE
    + """
    import dataclasses
    import joblib
    from parconv.problem.bands import split_rows
    big = np.broadcast_to(f, (3, 400, 500))
    for image, options in (
        (f, {}), (big, {"mode": "same", "boundary": "wrap"}), (f.astype("float16"), {}),
        (f > 0, {"mode": "full"}), (f + 1j * f[::-1], {"axes": (1, 0)}),
    ):
        plan = parconv.plan2d(image, g, strategy="joblib", **options)
        rows = plan.problem.planes * plan.problem.plane[0]
        plan = dataclasses.replace(plan, threads=2, bands=split_rows(rows, 5))
        serial = dataclasses.replace(plan, strategy="serial")(image)
        with joblib.parallel_config(backend=sys.argv[1]):
            assert plan(image).tobytes() == serial.tobytes(), plan
        assert plan(image).tobytes() == serial.tobytes(), plan
"""
)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_joblib_strategy_under_the_callers_backend(backend: str, run_python: RunPython) -> None:
    run_python(BACKENDS, backend)


def test_joblib_strategy_under_a_caller_who_prefers_threads() -> None:
    with joblib.parallel_config(prefer="threads", n_jobs=2):
        result = parconv.conv2d(F, G, strategy="joblib", threads=2)
    assert_same_bits(result, parconv.conv2d(F, G, strategy="serial"))


# --- budgets -------------------------------------------------------------------------------------

BIG = ((64, 512, 512), "float32"), ((5, 5), "float32")


@pytest.mark.parametrize("strategy", ["prange", "threads", "joblib"])
def test_more_threads_than_cores(strategy: str) -> None:
    """Allowed, clamped, and the plan says so."""
    plan = parconv.plan2d(F, G, threads=64, strategy=strategy)
    cores = joblib.cpu_count()
    assert plan.asked == 64
    assert 1 <= plan.threads <= cores
    limit = budget.decisive(asked=True).name
    assert f"{plan.threads} used, 64 asked ({limit})" in plan.explain()
    assert f"{plan.threads} thread" in str(plan)
    all_of_them = parconv.plan2d(F, G, threads=budget.decisive(asked=True).threads)
    assert f"{all_of_them.asked} asked\n" in all_of_them.explain()
    right = parconv.conv2d(F, G, threads=1, strategy="serial")
    for threads in (8, 10**9, np.int64(3), np.int64(1)):
        assert_same_bits(parconv.conv2d(F, G, threads=threads, strategy=strategy), right)


def test_the_budget_is_used_where_there_is_work() -> None:
    plan = parconv.plan2d(*BIG)
    assert plan.threads == budget.thread_budget()
    assert f"used, the machine's budget ({budget.decisive().name})" in plan.explain()
    assert parconv.plan2d(((8, 8), "float32"), ((3, 3), "float32")).threads == 1
    assert parconv.plan2d(*BIG, threads=1).threads == 1
    assert parconv.plan2d(*BIG, strategy="serial", threads=8).threads == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
def test_affinity_decides_now(run_python: RunPython) -> None:
    run_python(
        """
        import os, parconv
        big = ((64, 512, 512), "float32"), ((5, 5), "float32")
        cores = os.sched_getaffinity(0)
        all_of_them = parconv.plan2d(*big).threads
        assert 1 <= all_of_them <= len(cores)
        os.sched_setaffinity(0, {min(cores)})
        plan = parconv.plan2d(*big)
        assert plan.threads == 1 and plan.strategy == "serial", plan
        assert parconv.plan2d(*big, threads=8).threads == 1
        os.sched_setaffinity(0, cores)
        assert parconv.plan2d(*big).threads == all_of_them
        """
    )


@pytest.mark.parametrize(
    ("value", "threads"),
    [("1", 1), ("2", 2), ("9999", 9999), ("0", None), ("-1", None), ("two", None), ("", None)],
)
def test_environment_variable(
    value: str, threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PARCONV_NUM_THREADS", raising=False)
    usual, cores = parconv.plan2d(*BIG).threads, budget.usable_threads(10**6)
    monkeypatch.setenv("PARCONV_NUM_THREADS", value)
    expected = usual if threads is None else min(threads, cores)
    assert parconv.plan2d(*BIG).threads == expected
    assert parconv.plan2d(*BIG, threads=1).threads == 1


@pytest.mark.parametrize("variable", ["LOKY_MAX_CPU_COUNT", "NUMBA_NUM_THREADS"])
def test_limits_of_others_are_respected(variable: str, run_python: RunPython) -> None:
    run_python(
        """
        import numpy as np, parconv
        plan = parconv.plan2d(((64, 512, 512), "float32"), ((5, 5), "float32"))
        assert plan.threads == 1, plan
        f = np.ones((400, 500), np.float32)
        for strategy in ("prange", "threads", "joblib"):
            assert (parconv.conv2d(f, np.ones((5, 5)), threads=8, strategy=strategy) == 25).all()
        """,
        env={variable: "1"},
    )


@pytest.mark.parametrize("threads", [1, 2, 8, None])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_numba_thread_count_is_left_alone(strategy: str, threads: int | None) -> None:
    before = numba.get_num_threads()
    for count in range(1, before + 1):
        numba.set_num_threads(count)
        try:
            parconv.conv2d(F, G, threads=threads, strategy=strategy)
            assert numba.get_num_threads() == count
        finally:
            numba.set_num_threads(before)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_under_every_strategy(method: str) -> None:
    f, g = example(method, F.shape, G.shape)
    right = parconv.conv2d(f, g, strategy="serial", method="direct")
    for strategy in STRATEGIES:
        answer = parconv.conv2d(f, g, strategy=strategy, method=method, threads=2)
        np.testing.assert_allclose(answer, right, atol=1e-2, rtol=1e-5)


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has the lock for good"
)
def test_the_interpreters_lock_stays_off(run_python: RunPython) -> None:
    """One extension module that is not made for it turns it on, with a warning."""
    run_python(
        """
        import sys
        import numpy as np, parconv
        parconv.conv2d(np.ones((600, 600), np.float32), np.ones((7, 7)), threads=2)
        assert not sys._is_gil_enabled()
        """,
        env={"PYTHON_GIL": None},
    )
