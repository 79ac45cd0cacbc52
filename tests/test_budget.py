"""Distrusts the budget of threads: every limit alone, and all of them together.

A limit is right where the threads of a call, times the calls that may run beside it, stay within
the cores.  Two cores tell too little about shares, so most processes here believe they have eight.
"""

import os
import sys
import threading
import timeit
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import RunPython, soak

from parconv.planner import answers
from parconv.problem.filter import filter_of
from parconv.runtime import budget
from parconv.runtime.budget import (
    affinity,
    clusters,
    environment,
    layer,
    nesting,
    quota,
    table,
    waiting,
)

EIGHT = """
    import os, sys, threading
    from parconv.runtime import budget
    from parconv.runtime.budget import affinity
    affinity.FIRST_COUNT = 8
"""
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
BINDS = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
PARALLEL = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight cores and an environment that says nothing."""
    monkeypatch.setattr(affinity, "FIRST_COUNT", 8)
    monkeypatch.setattr(table, "quota", lambda: None)
    monkeypatch.setattr(table, "_NUMBA_IS_TOLD", False)
    for name in ("PARCONV_NUM_THREADS", "LOKY_MAX_CPU_COUNT", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def applying() -> dict[str, int]:
    return {limit.name: limit.threads for limit in budget.limits() if limit.threads is not None}


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("eight")
def test_the_least_limit_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    assert applying() == {"affinity": 8}
    assert budget.thread_budget() == budget.usable_threads(100) == budget.cores() == 8
    assert budget.decisive().name == budget.decisive(asked=True).name == "affinity"

    monkeypatch.setattr(table, "_NUMBA_IS_TOLD", True)
    monkeypatch.setattr(table.config, "NUMBA_NUM_THREADS", 6)
    assert (budget.thread_budget(), budget.decisive().name) == (6, "NUMBA_NUM_THREADS")
    assert budget.usable_threads(100) == 8

    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "4")
    assert (budget.thread_budget(), budget.decisive().name) == (4, "LOKY_MAX_CPU_COUNT")
    assert budget.usable_threads(100) == budget.cores() == 4
    assert budget.decisive(asked=True).name == "LOKY_MAX_CPU_COUNT"

    monkeypatch.setattr(table, "quota", lambda: quota.Quota(3, Path("some/cpu.max")))
    assert (budget.thread_budget(), budget.decisive().name) == (3, "control group")
    assert budget.decisive().source == str(Path("some/cpu.max"))
    assert budget.usable_threads(2) == 2

    monkeypatch.setenv("PARCONV_NUM_THREADS", "2")
    assert (budget.thread_budget(), budget.decisive().name) == (2, "PARCONV_NUM_THREADS")
    assert budget.usable_threads(100) == 3
    monkeypatch.setenv("PARCONV_NUM_THREADS", "7")
    assert (budget.thread_budget(), budget.decisive().name) == (3, "control group")
    names = [limit.name for limit in budget.limits()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("text", ["0", "-1", "two", "", "²", "1" * 5000, "1e3"])
@pytest.mark.parametrize("name", ["LOKY_MAX_CPU_COUNT", "PARCONV_NUM_THREADS"])
@pytest.mark.usefixtures("eight")
def test_a_variable_that_is_no_number_limits_nothing(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    assert budget.thread_budget() == 8


def test_numbas_default_is_no_limit(run_python: RunPython) -> None:
    """Imported by a thread bound to one core it is 1, whatever the process may use."""
    run_python(
        EIGHT
        + """
    from parconv.runtime.budget import table
    default = table.config.NUMBA_DEFAULT_NUM_THREADS
    assert "NUMBA_NUM_THREADS" not in {row.name for row in budget.limits() if row.threads}
    table.config.NUMBA_NUM_THREADS = default + 1
    assert budget.thread_budget() == min(8, default + 1)
        """,
        env={"NUMBA_NUM_THREADS": None},
    )


def test_looking_costs_little() -> None:
    """Every call of some size asks: seven to ten times what the system takes for the affinity.

    Beside other processes 21 were seen; a file that is read takes hundreds.
    """
    budget.thread_budget()
    asked, system = (
        min(timeit.repeat(call, number=100, repeat=300))
        for call in (budget.thread_budget, lambda: os.sched_getaffinity(0))
    )
    assert asked < 60 * system


def test_what_most_calls_find_is_what_the_rules_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which need not be asked one by one on the main thread of a process of its own."""
    for name in table._MODULES:  # which other tests have imported
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert table._is_usual()
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(table._is_usual).result()
    for rule in table._USUAL:
        assert rule.find(8) is None, rule.name
    monkeypatch.setattr(table, "_USUAL", ())  # whoever asks them finds no limit
    monkeypatch.setattr(affinity, "FIRST_COUNT", 8)
    monkeypatch.setattr(table, "quota", lambda: quota.Quota(5, Path("cpu.max")))
    assert (budget.cores(), budget.thread_budget(), budget.usable_threads(3)) == (5, 5, 3)
    assert table._least(table._GIVEN, affinity.count()) == 5


@pytest.mark.parametrize("name", sorted(table._MODULES))
def test_a_module_that_runs_tasks_is_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    assert not table._is_usual()
    assert name in "".join(Path(each.__file__).read_text() for each in (nesting, clusters))


# --- the cores -----------------------------------------------------------------------------------


@BINDS
@PARALLEL
def test_a_bound_thread_counts_its_own_cores() -> None:
    """The one a user binds; not the others."""
    cores = budget.cores()

    def bound() -> tuple[int, int]:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        return budget.cores(), budget.thread_budget()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(bound).result() == (1, 1)
    assert budget.cores() == cores


PINNED = """
    import os, sys
    before = os.sched_getaffinity(0)
    if sys.argv[2] == "imported before":
        from parconv.runtime import budget
    if sys.argv[1] == "torch":
        import torch
        torch.ones(4_000_000).sum()
    else:
        import numpy as np
        import parconv
        parconv.conv2d(np.ones((900, 900), "f4"), np.ones((5, 5)), strategy="prange", threads=2)
    from parconv.runtime import budget
    if os.sched_getaffinity(0) == before:
        print("OpenMP did not bind us")
        sys.exit()
    assert budget.thread_budget() == budget.usable_threads(100) == len(before), budget.limits()
    assert budget.cores_here() == before
    assert "bound this thread" in budget.limits()[0].source

    # workers that it starts go where it might
    import time
    import numpy as np
    import parconv
    from parconv.runtime.crew import crew
    parconv.conv2d(np.ones((900, 900), "f4"), np.ones((5, 5)), strategy="threads", threads=2)
    end = time.monotonic() + 20
    for member in crew()._members.values():
        while os.sched_getaffinity(member.native_id) != before:
            assert time.monotonic() < end, os.sched_getaffinity(member.native_id)
            time.sleep(0.01)
    assert crew()._members

    # whoever binds the thread to anything else is obeyed, and threads that it starts too
    other = before - os.sched_getaffinity(0)
    os.sched_setaffinity(0, other)
    assert budget.thread_budget() == len(other)
    os.sched_setaffinity(0, before)
    assert budget.thread_budget() == len(before)
"""


@BINDS
@PARALLEL
@pytest.mark.parametrize(
    "variable",
    [{"OMP_PROC_BIND": "close"}, *soak({"OMP_PROC_BIND": "spread"}, {"OMP_PLACES": "cores"})],
)
@pytest.mark.parametrize(
    "who",
    [("prange", ""), ("torch", "imported before"), *soak((("torch", "imported after"),))],
)
def test_openmp_binding_the_caller_is_no_limit(
    who: tuple[str, str], variable: dict[str, str], run_python: RunPython
) -> None:
    if who[0] == "torch":
        pytest.importorskip("torch")
    env = {"OMP_PROC_BIND": None, "OMP_PLACES": None, "NUMBA_THREADING_LAYER": "omp", **variable}
    if "did not bind" in run_python(PINNED, *who, env=env).stdout:
        pytest.skip("another OpenMP than GNU's")


@FORKS
@BINDS
@PARALLEL
def test_a_forked_child_counts_anew(run_python: RunPython) -> None:
    run_python(
        """
        import os
        from parconv.runtime import budget
        all_of_them = budget.thread_budget()
        for cores in (os.sched_getaffinity(0), {min(os.sched_getaffinity(0))}):
            child = os.fork()
            if child == 0:
                os.sched_setaffinity(0, cores)
                os._exit(budget.thread_budget())
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(cores)
        assert budget.thread_budget() == all_of_them
        """
    )


def test_a_process_that_may_not_be_asked_counts_as_its_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(process: int) -> set[int]:
        if process:
            raise PermissionError(process)
        return {3, 5}

    monkeypatch.setattr(os, "sched_getaffinity", ask, raising=False)
    assert affinity._main_threads() == {3, 5}


def test_processes_of_a_dask_worker_are_counted_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, counted = [100.0], []

    def count() -> int:
        counted.append(now[0])
        return len(counted)

    monkeypatch.setattr(clusters, "_counted", (0, 0.0, 1))
    monkeypatch.setattr(clusters, "_count_siblings", count)
    monkeypatch.setattr(clusters, "time", SimpleNamespace(monotonic=lambda: now[0]))
    assert [clusters._siblings(), clusters._siblings()] == [1, 1]
    now[0] += 2 * clusters.COUNTED_FOR
    assert [clusters._siblings(), clusters._siblings()] == [2, 2]
    monkeypatch.setattr(os, "getpid", lambda: -1)  # of a forked child
    assert clusters._siblings() == 3


class Process:
    """As psutil's: one of a nanny's two workers, beside a process of another kind."""

    def __init__(self, pid: int = 1) -> None:
        self.pid = pid

    def cmdline(self) -> list[str]:
        if self.pid == 7:
            raise PermissionError(self.pid)
        return ["python", "-c", f"worker(pipe={self.pid})" if self.pid < 3 else "scheduler"]

    def children(self) -> list["Process"]:
        if self.pid == 0:
            raise ProcessLookupError
        return list(map(Process, (1, 2, 3, 7)))


@pytest.mark.parametrize(("parent", "found"), [(9, 2), (0, 1)])
def test_processes_of_a_nanny_run_one_command(
    parent: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their numbers; without an answer this process counts alone."""
    monkeypatch.setattr(clusters, "loaded", lambda module, name: Process)
    monkeypatch.setattr(os, "getppid", lambda: parent)
    assert clusters._count_siblings() == found


def test_a_large_call_counts_the_cores_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its plan is remembered."""
    f, g = np.ones((900, 900), np.float32), filter_of(np.ones((5, 5), np.float32))
    for cores in (4, 3, 4):
        monkeypatch.setattr(budget, "thread_budget", lambda cores=cores: cores)
        assert answers.answer(f, g, {}, False)[0].threads == cores


GROUPS = [
    ({"cpu.max": "150000 100000"}, "0::/", 2),
    ({"cpu.max": "max 100000"}, "0::/", None),
    ({"cpu.max": "50000 100000"}, "0::/", 1),
    ({"cpu.max": "rubbish"}, "0::/", None),
    ({"a/cpu.max": "max 100000", "a/b/cpu.max": "300000 100000"}, "0::/a/b", 3),
    ({"a/cpu.max": "200000 100000", "a/b/cpu.max": "300000 100000"}, "0::/a/b", 2),
    ({"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, "1:cpu:/gone", 3),
    ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "1:cpu:/", None),
    ({"cpu/cpu.cfs_quota_us": "250000"}, "1:cpu:/", None),
    (
        {f"cpu,cpuacct/a/cpu.cfs_{name}_us": "100000" for name in ("quota", "period")},
        "0::/\n4:cpu,cpuacct:/a\n3:cpuset:/",
        1,
    ),
    ({"unified/x/cpu.max": "100000 100000"}, "0::/x\n1:name=systemd:/", 1),
    ({}, "", None),
    ({}, "no groups at all", None),
]


@pytest.mark.parametrize(("files", "own", "cores"), GROUPS)
def test_the_control_groups_quota(
    files: dict[str, str], own: str, cores: int | None, tmp_path: Path
) -> None:
    for name, text in {"proc/self/cgroup": own}.items() | {
        (f"sys/fs/cgroup/{name}", text) for name, text in files.items()
    }:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="ascii")
    found = quota.quota(tmp_path)
    assert (found.cores if found else None) == cores
    assert found is None or found.path.is_file()


# --- who called us -------------------------------------------------------------------------------


@pytest.mark.usefixtures("eight")
def test_our_own_workers_have_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(1, thread_name_prefix=budget.WORKER_NAME) as pool:
        assert pool.submit(budget.thread_budget).result() == 1
        assert "parallel region" in str(pool.submit(budget.prange_obstacle).result())
        monkeypatch.setenv("PARCONV_NUM_THREADS", "5")
        assert pool.submit(budget.thread_budget).result() == 5
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.delenv("PARCONV_NUM_THREADS")
        assert pool.submit(budget.thread_budget).result() == 8


HALF = ["multiprocessing.process", "joblib.parallel", "dask.local", "distributed.worker"]


@pytest.mark.parametrize("name", [*HALF, "ray._private.worker"])
@pytest.mark.usefixtures("eight")
def test_libraries_that_another_thread_is_importing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty, or with functions in it that do not work yet."""

    def unready() -> None:
        raise NameError("_current_process")

    half = ModuleType(name)
    half.__spec__ = SimpleNamespace(_initializing=True)  # as `importlib` marks it
    half.current_process = half.get_active_backend = half.execute_task = unready
    half._backend = SimpleNamespace(config={})
    for module in (half, ModuleType(name), None):
        monkeypatch.setitem(sys.modules, name, module)
        with ThreadPoolExecutor(1) as pool:
            assert budget.thread_budget() == pool.submit(budget.thread_budget).result() == 8


@pytest.mark.parametrize("library", ["joblib", "dask.threaded", *soak("distributed", "torch")])
def test_libraries_imported_beside_calls(library: str, run_python: RunPython) -> None:
    """Which import one another: 100 looks a millisecond, while the interpreter switches often."""
    pytest.importorskip(library.partition(".")[0])
    run_python(
        EIGHT
        + """
    import importlib
    sys.setswitchinterval(1e-5)
    assert sys.argv[1] not in sys.modules
    thread = threading.Thread(target=importlib.import_module, args=sys.argv[1:])
    thread.start()
    while thread.is_alive():
        assert budget.thread_budget() == 8
    assert sys.argv[1] in sys.modules
        """,
        library,
    )


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_joblib_tasks_have_one_thread(backend: str, run_python: RunPython) -> None:
    run_python(
        EIGHT
        + """
    from joblib import Parallel, delayed, parallel_config
    assert budget.thread_budget() == 8
    with parallel_config(backend=sys.argv[1], n_jobs=2):
        assert budget.thread_budget() == 8, "configured, but nobody has begun"
        assert Parallel()(delayed(budget.thread_budget)() for _ in range(4)) == [1] * 4
    assert budget.thread_budget() == 8
        """,
        backend,
    )


POOLS = (
    EIGHT
    + """
    from multiprocessing import get_context
    from concurrent.futures import ProcessPoolExecutor
    start, kind = sys.argv[1:]
    context = get_context(start)
    if kind == "executor":
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            found = [pool.submit(budget.thread_budget).result(60) for _ in range(3)]
    elif kind == "pool":
        with context.Pool(2) as pool:
            found = pool.map_async(abs, range(3)).get(60) and [
                pool.apply_async(budget.thread_budget).get(60)]
    else:
        from joblib.externals.loky import get_reusable_executor
        pool = get_reusable_executor(2)
        found = [pool.submit(budget.thread_budget).result(60)]
        pool.shutdown()
    expected = min(int(os.environ.get("PARCONV_NUM_THREADS", 1)), os.cpu_count())
    assert set(found) == {expected}, found
"""
)


@pytest.mark.parametrize(
    ("start", "kind", "asked"),
    [
        pytest.param("fork", "executor", None, marks=FORKS),
        pytest.param("fork", "pool", None, marks=FORKS),
        ("spawn", "executor", "2"),
        ("spawn", "loky", None),
        *soak(("spawn", "executor", None), ("spawn", "pool", None), ("spawn", "pool", "2"),
              ("spawn", "loky", "2")),
    ],
)  # fmt: skip
def test_processes_of_pools_have_one_thread(
    start: str, kind: str, asked: str | None, run_python: RunPython
) -> None:
    run_python(POOLS, start, kind, env={"PARCONV_NUM_THREADS": asked})


DASK = (
    EIGHT
    + """
    import dask, dask.threaded
    from concurrent.futures import ThreadPoolExecutor
    from multiprocessing.pool import ThreadPool

    def ask(number):
        return budget.thread_budget(), budget.prange_obstacle() is not None

    def answers(**options):
        return set(dask.compute(*(dask.delayed(ask)(n) for n in range(12)), **options))

    assert budget.thread_budget() == 8
    for workers, threads in ((1, 8), (2, 4), (3, 2), (4, 2), (8, 1), (20, 1)):
        found = answers(scheduler="threads", num_workers=workers)
        assert found == {(threads, True)}, (workers, found)
        with dask.config.set(num_workers=workers):
            assert answers(scheduler="threads") == found
        with ThreadPoolExecutor(workers) as pool:
            assert answers(scheduler="threads", pool=pool) == found
            assert pool.submit(budget.thread_budget).result() == 8, "no task of dask's"
    with ThreadPool(2) as pool:
        assert {threads for threads, _ in answers(scheduler="threads", pool=pool)} <= {1, 4}
    assert answers(scheduler="sync") == {(8, False)}
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(answers, scheduler="sync").result() == {(8, False)}

    @dask.delayed
    def within():
        return answers(scheduler="sync")
    assert within().compute(scheduler="threads", num_workers=2) == {(4, True)}
    assert budget.thread_budget() == 8
"""
)


def test_tasks_of_dask_share_the_cores(run_python: RunPython) -> None:
    pytest.importorskip("dask")
    run_python(DASK)


BUSY = """
    import dask, os, sys, threading, time
    import numpy as np
    import parconv
    workers, cores = int(sys.argv[1]), len(os.sched_getaffinity(0))
    f, g = np.ones((3000, 3000), "f4"), np.ones((9, 9), "f4")
    parconv.conv2d(f, g)
    most = []

    def running():
        states = []
        for thread in os.listdir("/proc/self/task"):
            try:
                with open(f"/proc/self/task/{thread}/stat") as file:
                    states.append(file.read().rpartition(")")[2].split()[0])
            except OSError:
                pass
        return states.count("R") - 1  # not the one that counts

    def watch():
        while tasks.is_alive():
            most.append(running())
            time.sleep(0.003)

    def compute():
        work = [dask.delayed(parconv.conv2d)(f, g) for _ in range(4 * workers)]
        dask.compute(*work, scheduler="threads", num_workers=workers)

    tasks = threading.Thread(target=compute)
    tasks.start()
    watch()
    most.sort()
    assert most[len(most) * 9 // 10] <= max(cores, workers), most
"""


@pytest.mark.parametrize("workers", [4, *soak(2)])
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_no_more_threads_run_than_dask_has_or_cores(workers: int, run_python: RunPython) -> None:
    pytest.importorskip("dask")
    run_python(BUSY, workers)


CLUSTER = (
    EIGHT
    + """
    from distributed import Client, LocalCluster

    def ask():
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from parconv.runtime import budget
        from parconv.runtime.budget import affinity
        affinity.FIRST_COUNT = 8
        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(budget.thread_budget).result()
        return budget.thread_budget(), beside

    if __name__ == "__main__":
        workers, threads, processes = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "processes"
        with LocalCluster(
            n_workers=workers, threads_per_worker=threads, processes=processes,
            dashboard_address=None,
        ) as cluster, Client(cluster) as client:
            tasks = [client.submit(ask, pure=False) for _ in range(8)]
            share = 8 // (workers * threads)
            # threads that a task starts are a worker's too where the process is its own
            assert set(client.gather(tasks)) == {(share, share if processes else 8)}
            assert budget.thread_budget() == 8
"""
)


@pytest.mark.parametrize(
    ("workers", "threads", "where"),
    [
        (2, 2, "processes"),
        (1, 8, "threads"),
        *soak((2, 2, "threads"), (1, 8, "processes")),
        *soak((2, 1, "processes"), (2, 1, "threads"), (1, 2, "processes"), (1, 2, "threads")),
    ],
)
def test_workers_of_a_cluster_share_the_cores(
    workers: int, threads: int, where: str, run_python: RunPython
) -> None:
    pytest.importorskip("distributed")
    run_python(CLUSTER, workers, threads, where)


@pytest.mark.usefixtures("eight")
def test_tasks_of_ray_have_what_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = ModuleType("ray._private.worker")
    monkeypatch.setitem(sys.modules, "ray._private.worker", ray)
    ray.global_worker = SimpleNamespace(mode=0)
    assert budget.thread_budget() == 8, "the driver"
    ray.global_worker.mode = clusters.RAYS_WORKER
    assert budget.thread_budget() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert budget.thread_budget() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "30")
    assert budget.thread_budget() == 8
    monkeypatch.setenv("PARCONV_NUM_THREADS", "5")
    assert budget.thread_budget() == 5


def test_ray_itself(run_python: RunPython) -> None:
    pytest.importorskip("ray")
    run_python(
        EIGHT
        + """
    import ray
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)

    @ray.remote
    def ask():
        from parconv.runtime import budget
        from parconv.runtime.budget import affinity
        affinity.FIRST_COUNT = 8
        return budget.thread_budget()

    assert ray.get([ask.remote(), ask.options(num_cpus=2).remote()]) == [1, 2]
    assert budget.thread_budget() == 8
        """,
        env={"OMP_NUM_THREADS": None, "RAY_AUTH_MODE": "disabled"},
    )


# --- the interpreter's end -----------------------------------------------------------------------


@pytest.mark.parametrize("when", ["main has ended", "at exit"])
def test_the_first_look_may_come_late(when: str, run_python: RunPython) -> None:
    """joblib, which also knows the quota, cannot be imported then."""
    said = run_python(
        """
        import atexit, sys, threading, time
        from parconv.runtime import budget
        def look():
            threading.main_thread().join()
            print(budget.thread_budget(), budget.prange_obstacle(), len(budget.limits()))
            print("joblib" in sys.modules)
        if sys.argv[1] == "at exit":
            atexit.register(lambda: (print(budget.thread_budget(), "joblib" in sys.modules)))
        else:
            threading.Thread(target=look).start()
        """,
        when,
    )
    assert not said.stderr
    assert said.stdout.strip().endswith("False")


# --- Numba's threads -----------------------------------------------------------------------------

NO_LAYER = """
    import numpy as np
    import parconv
    from parconv.runtime import budget
    f, g = np.ones((600, 700), "f4"), np.ones((5, 5), "f4")
    for strategy in ("auto", "prange", "threads", "serial", "joblib"):
        for _ in range(2):
            answer = parconv.conv2d(f, g, threads=2, strategy=strategy)
            assert (answer == 25).all(), strategy
    assert budget.threading_layer() == "none"
    reason = budget.prange_obstacle()
    assert reason.startswith("Numba has no threading layer here: "), reason
    assert "\\n" not in reason
    assert reason == budget.layer_obstacle()
    assert reason in parconv.plan2d(f, g, threads=2, strategy="prange").explain()
    assert parconv.plan2d(f, g).explain()
    budget.set_num_threads(2)
    assert budget.get_num_threads() == 1

    from parconv.experiments.race import report
    assert report.machine_facts()["threading_layer"] == "none"
    from parconv.experiments.tune import worker
    assert worker._started() == {"error": reason}
"""


@pytest.mark.parametrize("layer", ["nonsense", *soak("tbb")])
def test_a_layer_that_cannot_load_is_a_reason(layer: str, run_python: RunPython) -> None:
    if layer == "tbb":
        try:
            from numba.np.ufunc import tbbpool  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("TBB is here")
    run_python(NO_LAYER, env={"NUMBA_THREADING_LAYER": layer})


def test_tbb_starts_on_the_thread_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On any other it would not end its threads before a fork."""
    monkeypatch.setattr(layer.config, "THREADING_LAYER", "default")
    monkeypatch.setattr(layer, "_start", threading.get_ident)
    monkeypatch.setattr(layer.apart, "load", lambda name: None)
    assert layer._started.__wrapped__() == threading.get_ident()
    monkeypatch.setattr(layer.config, "THREADING_LAYER", "omp")
    assert layer._started.__wrapped__() != threading.get_ident()


WAITING = """
    import ctypes, os, subprocess, sys
    if sys.argv[1] == "loaded":
        ctypes.CDLL("libgomp.so.1")
    from parconv.runtime import budget
    from parconv.runtime.budget import waiting
    before = dict(os.environ)
    assert not waiting.applied()
    assert budget.threading_layer() == "omp"
    assert dict(os.environ) == before
    print(waiting.applied(), waiting.runtime_loaded())
    told = "import os; print({name: os.environ.get(name) for name in ('OMP_WAIT_POLICY',)})"
    assert subprocess.check_output([sys.executable, "-c", told], text=True) == str(
        {"OMP_WAIT_POLICY": before.get("OMP_WAIT_POLICY")}) + "\\n"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs GNU OpenMP")
@pytest.mark.parametrize(
    ("given", "first", "policy", "applied"),
    [
        ({}, "", "PASSIVE", True),
        ({}, "loaded", "ACTIVE|PASSIVE", False),
        *soak(
            ({"OMP_WAIT_POLICY": "active"}, "", "ACTIVE", False),
            ({"GOMP_SPINCOUNT": "1234"}, "", "1234", False),
        ),
    ],
)
def test_openmps_threads_wait_as_told(
    given: dict[str, str], first: str, policy: str, applied: bool, run_python: RunPython
) -> None:
    """OpenMP says what it read; nobody else reads our setting."""
    empty = dict.fromkeys(waiting.VARIABLES)
    env = {**empty, "NUMBA_THREADING_LAYER": "omp", "OMP_DISPLAY_ENV": "verbose", **given}
    said = run_python(WAITING, first, env=env)
    assert said.stdout.split() == [str(applied), "True"]
    shown = [line for line in said.stderr.splitlines() if "WAIT_POLICY" in line or "SPIN" in line]
    if first != "loaded":
        assert any(policy in line for line in shown), said.stderr
    else:
        assert not any("SPINCOUNT = '0'" in line for line in shown)


def test_one_process_where_nobody_can_count_its_siblings(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> Any:
        raise OSError

    for found in (None, gone):
        monkeypatch.setattr(clusters, "loaded", lambda module, name, found=found: found)
        assert clusters._count_siblings() == 1


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("999999999", 999999999), ("1000000000", None), ("0", None), ("-1", None),
     ("2.0", None), ("", None), ("²", None)],
)  # fmt: skip
def test_counts_are_positive_numbers_of_up_to_nine_digits(text: str, number: int | None) -> None:
    assert environment._positive(text) == number


@pytest.mark.parametrize(("level", "found"), [(0, None), (1, 1), (2, 1)])
def test_a_task_of_joblibs_has_one_thread(
    monkeypatch: pytest.MonkeyPatch, level: int, found: int | None
) -> None:
    backend = SimpleNamespace(nesting_level=level)
    known = {"_backend": SimpleNamespace(config={}), "get_active_backend": lambda: (backend, 2)}
    monkeypatch.setattr(nesting, "loaded", lambda module, name: known[name])
    assert nesting.joblib_task(8) == found


def test_what_answered_a_call_of_as_many_threads_answers_the_next() -> None:
    f, g = np.ones((9, 9), np.float32), filter_of(np.full((3, 3), 0.125))
    for options in ({}, {"threads": 1}, {"threads": 2, "mode": "same"}):
        first = answers.answer(f, g, options, False)
        assert answers.answer(f, g, options, False) is first
