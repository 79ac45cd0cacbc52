"""Distrusts interrupts, the first use above all: Numba's import and compiler do not survive them.

Whatever an interrupt may poison runs in a process of its own; moments are drawn, not chosen.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunPython, soak

from parconv.codegen import apart, forks, jit
from parconv.runtime.strategies import STRATEGIES

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
PRELUDE = """
    import faulthandler, os, random, signal, sys, threading, time
    faulthandler.dump_traceback_later(60, exit=True)
    signal.signal(signal.SIGALRM, signal.default_int_handler)

    def interrupt_after(delay, every=0):
        signal.setitimer(signal.ITIMER_REAL, delay, every)

    def threads_settle(count):
        end = time.perf_counter() + 20
        while threading.active_count() > count:
            assert time.perf_counter() < end, threading.enumerate()
            time.sleep(0.01)
"""

# --- the first use -------------------------------------------------------------------------------

FIRST_USE = (
    PRELUDE
    + """
    import parconv
    delay, every = map(float, sys.argv[1:])
    interrupts, answer, late, begun = 0, None, [], time.perf_counter()
    interrupt_after(delay, every)
    while answer is None:
        try:
            convolve = parconv.conv2d
            import numpy as np
            f = np.arange(3000, dtype=np.float32).reshape(50, 60)
            answer = convolve(f, [[1, 2], [3, 4]], strategy="serial")
            interrupt_after(0)
        except KeyboardInterrupt:
            now = time.perf_counter() - begun - delay
            late.append(now % every)
            interrupts += 1
    right = f[:-1, :-1] * 4 + f[:-1, 1:] * 3 + f[1:, :-1] * 2 + f[1:, 1:]
    sent = (time.perf_counter() - begun - delay) // every + 1
    assert (answer == right).all()
    assert (parconv.conv2d(f, [[1, 2], [3, 4]], strategy="serial") == right).all()
    threads_settle(1)
    print(interrupts, sent, sorted(late)[len(late) // 2] * 1000)
"""
)


@pytest.mark.parametrize(
    ("delay", "every", "kernels"), [(0.03, 0.1, "cold"), *soak((0.1, 0.07, "kept"))]
)
def test_interrupts_of_the_first_use(
    delay: float, every: float, kernels: str, run_python: RunPython, tmp_path: Path
) -> None:
    """Again and again, until a call gets through: import and compilation go on meanwhile."""
    env = {"NUMBA_CACHE_DIR": str(tmp_path)} if kernels == "cold" else {}
    done = run_python(FIRST_USE, delay, every, env=env)
    interrupts, sent, late = map(float, done.stdout.split())
    assert interrupts >= max(2, sent / 2), "so many were raised, of those sent"
    assert late < every * 600, "milliseconds until half of the interrupts were raised"


@pytest.mark.parametrize(
    ("statement", "delay"),
    [
        ("import parconv.filters", 0.15),
        ("import parconv.api", 0.3),
        *soak(
            ("from parconv import stream", 0.4),
            ("import parconv.api", 0.15),
            ("import parconv.api", 0.5),
        ),
    ],
)
def test_interrupts_of_an_import(statement: str, delay: float, run_python: RunPython) -> None:
    run_python(
        PRELUDE
        + """
    statement, delay = sys.argv[1], float(sys.argv[2])
    interrupt_after(delay)
    try:
        exec(statement)
        while True:
            pass
    except KeyboardInterrupt:
        pass
    import numpy as np, parconv, numba.core
    exec(statement)
    assert (parconv.conv2d(np.ones((20, 30), np.float32), np.ones((3, 3))) == 9).all()
    assert parconv.filters.gaussian and parconv.stream and parconv.methods.direct
    assert numba.core and np.random
        """,
        statement,
        delay,
    )


def test_a_handler_calls_us_amid_the_first_use(run_python: RunPython) -> None:
    run_python(
        PRELUDE
        + """
    import numpy as np, parconv
    f = np.ones((50, 60), np.float32)
    answers = []

    def handler(number, frame):
        answers.append(parconv.conv2d(f, np.ones((3, 3))))

    signal.signal(signal.SIGALRM, handler)
    for delay in (0.1, 0.6):
        interrupt_after(delay)
        answers.append(parconv.conv2d(f, np.ones((3, 3))))
    while len(answers) < 4:
        time.sleep(0.01)
    assert all((answer == 9).all() for answer in answers)
        """
    )


@pytest.mark.parametrize("delay", [1.0, *soak(0.3, 2.0)])
def test_an_interrupt_that_nobody_catches_ends_the_process(delay: float, tmp_path: Path) -> None:
    """At once, while another thread is amid the import or in LLVM."""
    source = "import parconv, numpy as np; parconv.conv2d(np.ones((50, 60)), np.ones((3, 3)))"
    source = f"import signal; signal.signal(2, signal.default_int_handler); {source}"
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", source], env=env, stderr=subprocess.PIPE, text=True
    ) as process:
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    # 1: CPython forgets why it ends where another thread runs `exec` meanwhile
    assert process.returncode in (-signal.SIGINT, 1, 0), told
    assert told.count("Traceback") <= 1, told


def test_a_module_that_hides_one_of_the_interpreters(run_python: RunPython, tmp_path: Path) -> None:
    """NumPy imports `secrets`: the thread that imports for us would wait for us for ever."""
    (tmp_path / "secrets.py").write_text("from parconv import conv2d\n")
    run_python(
        PRELUDE
        + """
    sys.path.insert(0, sys.argv[1])
    try:
        import secrets
    except ImportError as error:
        assert "another module" in str(error) and "'secrets'" in str(error), error
    else:
        raise AssertionError("an import that cannot be")
        """,
        tmp_path,
    )


# --- apart ---------------------------------------------------------------------------------------


def where() -> int:
    return threading.get_ident()


def test_only_the_main_thread_has_it_done_by_another() -> None:
    assert apart.run(where) != where()
    answers: list[bool] = []
    other = threading.Thread(target=lambda: answers.append(apart.run(where) == where()))
    other.start()
    other.join()
    assert answers == [True]
    assert threading.active_count() == 1 or apart.NAME not in [
        thread.name for thread in threading.enumerate()
    ]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_errors_come_with_one_traceback(error: type[BaseException]) -> None:
    def fails() -> None:
        raise error("inside")

    with pytest.raises(error, match="inside") as caught:
        apart.run(fails)
    found = caught.value
    assert found.__context__ is None
    assert found.__cause__ is None
    assert "fails" in [frame.name for frame in traceback.extract_tb(found.__traceback__)]


def test_the_callers_settings_hold() -> None:
    with np.errstate(under="raise", over="ignore"):
        assert apart.run(np.geterr) == np.geterr()


def test_without_a_thread_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert apart.run(where) == where()

    def fails() -> None:
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside") as caught:
        apart.run(fails)
    assert caught.value.__context__ is None


def test_whoever_holds_a_lock_does_it_here() -> None:
    """The other thread would wait for it, and we for that thread."""
    from numba.core.compiler_lock import global_compiler_lock

    assert not forks.are_held()
    for lock in (forks.importing, global_compiler_lock):
        with lock:
            assert apart.run(where) == where()
    assert not forks.are_held()


def test_an_interrupted_compilation_goes_on() -> None:
    """And whoever asks again gets what it made."""
    begun, released, made = threading.Event(), threading.Event(), []

    def work() -> str:
        begun.set()
        assert released.wait(20)
        made.append(1)
        return "made"

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            apart.run(work)
        assert begun.is_set()
        assert not made
        released.set()
        assert apart.run(lambda: list(made)) == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_compiled_once_and_for_all() -> None:
    def twice(x: Any) -> Any:
        return 2 * x

    import numba

    found: list[Any] = []

    def ask() -> None:
        found.append(jit.compiled(twice, (numba.int64,)))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    ask()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert found[0](21) == 42


# --- calls ---------------------------------------------------------------------------------------

RESOURCES = """
    def resources():
        if not os.path.isdir("/proc/self/fd"):
            return threading.active_count(), 0
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    def assert_none_is_left(before):
        end = time.perf_counter() + 20
        while any(now > then for now, then in zip(resources(), before)):
            assert time.perf_counter() < end, (before, resources(), threading.enumerate())
            time.sleep(0.02)
"""
CALLS = (
    PRELUDE
    + RESOURCES
    + """
    import dataclasses
    import numpy as np, parconv
    from parconv.problem.bands import split_rows

    f = np.random.default_rng(1).standard_normal((1200, 1200), np.float32)
    g = np.random.default_rng(2).standard_normal((11, 11), np.float32)
    plan = parconv.plan2d(f, g, threads=2, strategy=sys.argv[1], method="direct")
    plan = dataclasses.replace(plan, threads=2, bands=split_rows(plan.problem.shape[0], 8))
    raised = 0

    def handler(number, frame):
        global raised
        while frame is not None and "parconv" not in frame.f_code.co_filename:
            frame = frame.f_back
        if frame is not None and raised < 4:
            raised += 1
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, handler)
    whole = plan(f)
    begun = time.perf_counter()
    assert plan(f).tobytes() == whole.tobytes()
    usual = min(time.perf_counter() - begun, 0.3)
    before, out, draw = resources(), np.empty_like(whole), random.Random(5)
    for turn in range(30):
        out[...] = np.nan
        raised = 0
        try:
            while True:
                if not signal.getitimer(signal.ITIMER_REAL)[0]:
                    interrupt_after(draw.uniform(1e-4, usual), 0.002 if turn % 3 == 0 else 0)
                plan(f, out)
        except KeyboardInterrupt:
            interrupt_after(0)
            written = out.copy()
        time.sleep(0.005)
        assert written.tobytes() == out.tobytes(), "written after the interrupt"
    assert plan(f, out).tobytes() == whole.tobytes()
    assert_none_is_left(before)
"""
)


@pytest.mark.parametrize("strategy", ["threads", "joblib", *soak("serial", "prange")])
def test_interrupts_of_calls_leave_nothing(strategy: str, run_python: RunPython) -> None:
    """No thread, no descriptor, no write, however impatient they are."""
    run_python(CALLS, strategy)


def test_an_interrupt_stops_sending_bands_to_processes(run_python: RunPython) -> None:
    run_python(
        PRELUDE
        + RESOURCES
        + """
    import dataclasses, joblib, numpy as np, parconv
    from parconv.problem.bands import split_rows

    f, g = np.ones((300, 300), np.float32), np.ones((3, 3), np.float32)
    plan = parconv.plan2d(f, g, threads=2, strategy="joblib")
    plan = dataclasses.replace(plan, threads=2, bands=split_rows(298, 40))
    run, work, fill, layout = plan.shared
    sent = []

    class Slow:
        def __call__(self, image, taps, start, stop, mode):
            time.sleep(0.1)
            return [((0, slice(start, stop)), start)]

        def __reduce__(self):
            sent.append(1)
            return Slow, ()

    out = np.zeros(plan.problem.shape, np.float32)[None]
    arrays = f[None], plan.taps.values, fill, out, layout
    with joblib.parallel_config("loky"):
        assert (plan(f) == 9).all()
        before = resources()
        interrupt_after(0.3)
        try:
            run(work._replace(remote=Slow()), arrays)
        except KeyboardInterrupt:
            so_far = len(sent)
        time.sleep(0.5)
        assert 0 < len(sent) <= so_far + 2, (so_far, len(sent))
        assert len(sent) < 30 and not out.any()
        for _ in range(5):
            interrupt_after(0.01)
            try:
                while True:
                    plan(f)
            except KeyboardInterrupt:
                pass
        assert (plan(f) == 9).all()
        assert_none_is_left(before)
        """
    )


LATENCY = (
    PRELUDE
    + """
    import numpy as np, parconv

    f, g = np.ones((4000, 4000), np.float32), np.random.default_rng(1).random((51, 51), np.float32)
    plan = parconv.plan2d(f, g, threads=1, strategy=sys.argv[1], method="direct")
    out, late = plan(f), []

    def handler(number, frame):
        late.append(time.process_time() - due)

    signal.signal(signal.SIGVTALRM, handler)
    for delay in (0.02, 0.05, 0.08):
        due = time.process_time() + delay
        signal.setitimer(signal.ITIMER_VIRTUAL, delay)
        plan(f, out)
        assert time.process_time() > due + 0.1, "too short a call to tell"
    print(sorted(late)[1])
"""
)


@pytest.mark.parametrize("strategy", ["serial", "threads"])
def test_a_long_call_looks_at_the_signals_ten_times_a_second(
    strategy: str, run_python: RunPython
) -> None:
    """In seconds that the process computes, which other processes do not make longer."""
    assert float(run_python(LATENCY, strategy).stdout) < 0.1


# --- the interpreter's end -----------------------------------------------------------------------

AT_THE_END = (
    PRELUDE
    + """
    import atexit
    import numpy as np, parconv
    how, warm, strategies = sys.argv[1], sys.argv[2], sys.argv[3:]
    f, g = np.ones((500, 500), np.float32), np.ones((9, 9), np.float32)
    layer = np.ones((2, 4, 30, 30), np.float32), np.ones((8, 4, 3, 3), np.float32)
    if warm == "warm":
        for strategy in strategies:
            parconv.conv2d(f, g, threads=2, strategy=strategy)

    def work():
        if how == "thread":
            threading.main_thread().join()
        for strategy in strategies:
            assert (parconv.conv2d(f, g, threads=2, strategy=strategy) == 81).all()
        assert (parconv.correlate2d(*layer, method="gemm") == 36).all()
        print("right", flush=True)

    if how == "thread":
        threading.Thread(target=work).start()
    else:
        atexit.register(work)
"""
)


@pytest.mark.parametrize(
    ("how", "warm"), [("atexit", "warm"), ("thread", "cold"), *soak(("atexit", "cold"))]
)
def test_calls_at_the_interpreters_end(how: str, warm: str, run_python: RunPython) -> None:
    """joblib cannot be imported any more, and from Python 3.12 on no thread begins."""
    done = run_python(AT_THE_END, how, warm, *STRATEGIES)
    assert done.stdout == "right\n", done
    assert not done.stderr, done


def test_an_interrupt_does_not_cut_the_start_of_numbas_threads(run_python: RunPython) -> None:
    """It is raised at once; the start goes on, once, and the next call waits for its end."""
    run_python(
        PRELUDE
        + """
    from numba.np.ufunc import parallel
    from parconv.runtime import budget
    start, ends = parallel._launch_threads, []

    def slowly():
        for _ in range(100):
            time.sleep(0.01)
        start()
        ends.append(threading.current_thread())

    parallel._launch_threads = slowly
    begun = time.perf_counter()
    interrupt_after(0.2)
    try:
        budget.threading_layer()
    except KeyboardInterrupt:
        assert time.perf_counter() - begun < 0.8 and not ends
    else:
        raise AssertionError("no interrupt")
    assert budget.threading_layer() != "none"
    assert ends and threading.main_thread() not in ends
    assert budget.get_num_threads() >= 1
        """,
        env={"NUMBA_THREADING_LAYER": "omp"},
    )
