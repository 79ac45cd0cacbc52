"""Distrusts forks: amid imports, compilations and calls of other threads, and forks of forks.

A child that inherits a locked lock hangs, so everything here runs in processes of its own, and
each child has 20 seconds.
"""

import ast
import os
from pathlib import Path

import pytest
from conftest import RunPython

import parconv
from parconv.runtime.strategies import STRATEGIES

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
PRELUDE = """
    import faulthandler, os, signal, sys, threading, time, warnings
    faulthandler.dump_traceback_later(60, exit=True)
    warnings.filterwarnings("ignore", "This process", DeprecationWarning)  # has threads, and forks
    children = []

    def fork(work):
        pid = os.fork()
        if pid:
            return children.append(pid)
        status = 1
        try:
            children.clear()
            faulthandler.register(signal.SIGALRM, chain=True)
            signal.alarm(20)
            work()
            await_children()
            status = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(status)

    def await_children():
        while children:
            assert os.waitpid(children.pop(), 0)[1] == 0, "a child"
"""

AMID_THE_FIRST_USE = (
    PRELUDE
    + """
    import parconv

    def first(dtype="float32", strategy="serial"):
        convolve = parconv.conv2d
        import numpy as np
        f = np.arange(3000).reshape(50, 60).astype(dtype)
        answer = convolve(f, np.array([[1, 2], [3, 4]], dtype), strategy=strategy, threads=2)
        right = f[:-1, :-1] * 4 + f[:-1, 1:] * 3 + f[1:, :-1] * 2 + f[1:, 1:]
        assert (answer == right).all()

    def first_and_fork():
        first()
        fork(first)

    failures = []
    threading.excepthook = lambda told: failures.append(told)
    thread = threading.Thread(target=first)
    thread.start()
    forks = 0
    while thread.is_alive() or forks < 4:
        time.sleep(0.02)
        fork(first_and_fork if forks % 2 else first)
        forks += 1
    thread.join()
    await_children()
    assert not failures
    first()
    print(forks)
"""
)


def test_forks_amid_the_first_use(run_python: RunPython) -> None:
    """Of another thread: the fork waits, the child goes on with what is there."""
    done = run_python(AMID_THE_FIRST_USE)
    assert int(done.stdout) >= 4
    assert not done.stderr, done.stderr


AMID_COMPILATIONS = (
    PRELUDE
    + """
    import numba, numpy as np, parconv
    from parconv.codegen import jit
    f, g = np.ones((50, 60), np.float32), np.ones((3, 3), np.float32)
    parconv.conv2d(f, g, strategy="serial")
    stopped, failures = [], []
    threading.excepthook = lambda told: failures.append(told)

    def compile_ours(number):
        kinds = (numba.float64[::1],)
        made = jit.compiled(lambda x: x.sum() + number, kinds)
        assert jit.address(made, kinds) and made(np.ones(9)) == 9 + number

    def compile_theirs(number):
        assert numba.njit(lambda x: x.sum() + number)(np.ones(9)) == 9 + number

    compile = {"ours": compile_ours, "theirs": compile_theirs}[sys.argv[1]]

    def compile_on():
        number = 0
        while not stopped:
            number += 1
            compile(number)

    def work():
        compile_ours(-1)
        compile_theirs(-2)
        assert (parconv.conv2d(f, g, strategy="serial") == 9).all()

    def work_and_fork():
        work()
        fork(work)

    thread = threading.Thread(target=compile_on)
    thread.start()
    for turn in range(4):
        time.sleep(0.13)
        fork(work_and_fork if turn % 2 else work)
    stopped.append(1)
    thread.join()
    await_children()
    assert not failures
"""
)


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_forks_amid_compilations(whose: str, run_python: RunPython) -> None:
    """Numba's lock is held by another thread, also for functions of the caller's own."""
    run_python(AMID_COMPILATIONS, whose)


AMID_CALLS = (
    PRELUDE
    + """
    import numpy as np, parconv
    strategies = sys.argv[1:]
    f = np.random.default_rng(1).standard_normal((300, 400), np.float32)
    g = np.random.default_rng(2).standard_normal((5, 5), np.float32)
    layer = np.ones((2, 4, 30, 30), np.float32), np.ones((8, 4, 3, 3), np.float32)
    answer = parconv.conv2d(f, g, strategy="serial")

    def compute():
        for strategy in strategies:
            result = parconv.conv2d(f, g, strategy=strategy, threads=2)
            assert result.tobytes() == answer.tobytes()
        assert (parconv.correlate2d(*layer, method="gemm") == 36).all()

    def compute_and_fork():
        compute()
        fork(compute)

    compute()
    stopped, failures = [], []
    threading.excepthook = lambda told: failures.append(told)

    def compute_on():
        while not stopped:
            compute()

    threads = [threading.Thread(target=compute_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(12):
        time.sleep(0.02 * (turn % 3))
        fork(compute_and_fork if turn % 2 else compute)
    stopped.append(1)
    for thread in threads:
        thread.join()
    await_children()
    compute()
    assert not failures
"""
)


def test_forks_amid_calls(run_python: RunPython) -> None:
    """Of three threads, by every strategy; in the child none of them exists."""
    run_python(AMID_CALLS, *STRATEGIES)


def test_a_handler_forks_amid_the_first_use(run_python: RunPython) -> None:
    """The child is inside a call whose other thread it has not got."""
    run_python(
        PRELUDE
        + """
    import parconv
    pids = []
    signal.signal(signal.SIGALRM, lambda *_: pids.append(os.fork()))
    for delay in (0.1, 0.5):
        signal.setitimer(signal.ITIMER_REAL, delay)
        answer = parconv.conv2d([[1.0] * 60] * 50, [[1.0] * 3] * 3, strategy="serial")
        assert (answer == 9).all()
        if 0 in pids:
            os._exit(0)
    while len(pids) < 2:
        time.sleep(0.01)
    if 0 in pids:
        os._exit(0)
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0
        """
    )


def test_an_interrupt_while_a_fork_waits(run_python: RunPython) -> None:
    """Python tells it and forks all the same; no lock is lost, here or in the child."""
    done = run_python(
        PRELUDE
        + """
    from parconv.codegen import forks
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    holds, ends = threading.Event(), threading.Event()

    def hold():
        with forks.importing:
            holds.set()
            ends.wait(0.6)

    def take():
        with forks.importing:
            taken.append(1)

    for many in (False, True):
        taken, thread = [], threading.Thread(target=hold)
        thread.start()
        holds.wait()
        begun = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.01 if many else 0)
        try:
            fork(take)
        except KeyboardInterrupt:
            pass
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert time.perf_counter() - begun > 0.5
        thread.join()
        holds.clear()
        assert not forks.are_held()
        other = threading.Thread(target=take)
        other.start()
        other.join(10)
        assert taken
    await_children()
        """
    )
    assert "KeyboardInterrupt" in done.stderr


def test_a_fork_amid_products_gives_the_child_its_blas_back(run_python: RunPython) -> None:
    run_python(
        PRELUDE
        + """
    from parconv.methods.gemm import blas
    from threadpoolctl import ThreadpoolController, threadpool_limits
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers

    def threads():
        return [library.num_threads for library in libraries]

    with threadpool_limits(2, "blas"):
        usual, inside, over = threads(), threading.Event(), threading.Event()

        def multiply():
            with blas.one_thread():
                inside.set()
                over.wait()

        def child():
            assert threads() == usual
            with blas.one_thread():
                assert set(threads()) <= {1}
                fork(lambda: check([1] * len(usual)))
            check(usual)

        def check(expected):
            assert threads() == expected, (threads(), expected)

        thread = threading.Thread(target=multiply)
        thread.start()
        inside.wait()
        fork(child)
        await_children()
        over.set()
        thread.join()
        check(usual)
        """
    )


def test_calls_import_nothing_that_a_fork_would_not_wait_for(run_python: RunPython) -> None:
    """A child would wait for ever for a module that another thread was importing."""
    run_python(
        """
        import sys
        import parconv
        convolve = parconv.conv2d
        import numpy as np
        from parconv.codegen import forks
        found = []

        class Finder:
            def find_spec(self, name, path, target=None):
                if not forks.are_held():
                    found.append(name)

        sys.meta_path.insert(0, Finder())
        f, layer = np.ones((300, 400), np.float32), np.ones((1, 4, 12, 12), np.float32)
        for strategy in sys.argv[1:]:
            convolve(f, np.ones((3, 3)), threads=2, strategy=strategy)
        convolve(f, np.ones((3, 3))), convolve(f + 1j, np.ones((3, 3)), mode="same")
        parconv.correlate2d(layer, np.ones((8, 4, 3, 3)), method="gemm")
        parconv.gaussian(f, 1), parconv.plan2d(f, np.ones((3, 3))).explain()
        assert not found, found
        """,
        *STRATEGIES,
    )


ROOT = Path(parconv.__file__).parent


def test_no_lock_of_functools() -> None:
    """`functools.cached_property` of Python 3.11 has one for the whole class: see `lazily`."""
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        names = {
            alias.name
            for node in ast.walk(ast.parse(text if "cached_property" in text else ""))
            if isinstance(node, ast.ImportFrom) and node.module == "functools"
            for alias in node.names
        }
        assert "cached_property" not in names, path
