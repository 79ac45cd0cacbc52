"""The benchmarks themselves: each runs once, with its first and its last parameters."""

import ast
import functools
import importlib
import inspect
import itertools
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import parconv
from benchmarks import __main__ as cli, chunked, quotients, regret
from parconv.experiments import ceilings
from parconv.experiments.race import drawn
from parconv.experiments.tune import methods
from parconv.runtime import budget

FOLDER = Path(__file__).parent.parent / "benchmarks"
KINDS = ("time_", "track_", "peakmem_")


def _benchmarks():
    for path in sorted(FOLDER.glob("bench_*.py")):
        module = importlib.import_module(f"benchmarks.{path.stem}")
        for name, suite in inspect.getmembers(module, inspect.isclass):
            if suite.__module__ == module.__name__:
                methods = [method for method in dir(suite) if method.startswith(KINDS)]
                yield from ((f"{path.stem}.{name}.{method}", suite, method) for method in methods)


def _ends(suite):
    """The first and the last combination of a suite's parameters."""
    params = getattr(suite, "params", ())
    combinations = [tuple(values[end] for values in params) for end in (0, -1)]
    return list(dict.fromkeys(combinations))


def _marks(name, suite, params):
    """What takes seconds: whole networks but for their first parameters, bursts, of which a test
    below asks more, and processes that another one asks for as well.
    """
    last = name.startswith("bench_networks") and params != _ends(suite)[0]
    apart = name.startswith(("bench_bursts", "bench_small.NewProcess.time_import"))
    return [pytest.mark.soak] if last or apart else []


CASES = [
    pytest.param(
        suite, method, params, id=f"{name}{list(params)}", marks=_marks(name, suite, params)
    )
    for name, suite, method in _benchmarks()
    for params in _ends(suite)
]


# By module, where all of it is measured at once: numbers with which that takes a moment.
LEAST = {
    "bench_rates": {"ROUNDS": 1, "BIG": (200, 300)},
    "bench_bursts": {"ROUNDS": 1, "CALLS": 2},
}


@functools.cache
def _cached(suite):
    """What asv passes first to a suite that prepares something for all its benchmarks."""
    if not hasattr(suite, "setup_cache"):
        return ()
    module = sys.modules[suite.__module__]
    with pytest.MonkeyPatch.context() as patched:
        quick = functools.partial(ceilings.measure, steps=2000, nbytes=2**20)
        patched.setattr(ceilings, "measure", quick)
        for name, value in LEAST[module.__name__.partition(".")[2]].items():
            patched.setattr(module, name, value)
        return (suite().setup_cache(),)


@pytest.mark.parametrize(("suite", "method", "params"), CASES)
def test_runs_once(suite, method, params):
    benchmark, arguments = suite(), (*_cached(suite), *params)
    try:
        benchmark.setup(*arguments)
    except NotImplementedError:  # asv's way to leave out what a machine cannot do
        assert params[0] > budget.usable_threads(params[0])
        return
    result = getattr(benchmark, method)(*arguments)
    if method.startswith("track_"):
        assert math.isfinite(result)


def test_bursts_measure_every_case_as_often(monkeypatch):
    """A pause comes before each timed call, and none where none is asked for."""
    bursts = importlib.import_module("benchmarks.bench_bursts")
    slept = []
    monkeypatch.setattr(bursts.time, "sleep", slept.append)
    monkeypatch.setattr(bursts, "ROUNDS", 2)  # in both orders
    monkeypatch.setattr(bursts, "CALLS", 2)
    measured = bursts.Bursts().setup_cache()
    assert set(measured) == set(itertools.product(*bursts.Bursts.params))
    calls = bursts.ROUNDS * bursts.CALLS
    assert {len(times) for times in measured.values()} == {calls}
    assert min(min(times) for times in measured.values()) > 0
    competitors = len(bursts.STRATEGIES) * len(bursts.CASES)
    assert slept.count(0.02) == calls * competitors
    assert len(slept) == slept.count(0.02) + 2 * bursts.ROUNDS * competitors


def test_every_benchmark_keeps_its_history():
    """asv forgets results when a benchmark's code changes, unless a version is set by hand."""
    assert CASES
    for case in CASES:
        suite = case.values[0]
        assert suite.version == "1"
        names, params = getattr(suite, "param_names", ()), getattr(suite, "params", ())
        assert len(names) == len(params)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_asv_can_import_every_module(path):
    """asv does so where nothing is installed but parconv's own dependencies, on every commit."""
    known = {"numpy", *sys.stdlib_module_names}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= known
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert node.module.split(".")[0] in known


def test_rates_that_should_rise_are_no_regressions():
    """asv takes every rise for one."""
    settings = json.loads((FOLDER.parent / "asv.conf.json").read_text(encoding="utf-8"))
    unwatched = settings["regressions_first_commits"]
    tracks = {case.values[1] for case in CASES if case.values[1].startswith("track_")}
    rising = {name for name in tracks if any(re.match(key, f"x.{name}(1)") for key in unwatched)}
    assert rising == {"track_gflops", "track_percent_of_limit"}
    assert set(unwatched.values()) == {None}


# --- problems drawn at random --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["images", "layers", "banks"])
def test_problems_are_drawn_by_their_number_alone(kind):
    """And all can be planned."""
    several = drawn.drawn([kind], 3, 20)
    assert len({one.name for one in several}) > 10
    for number, one in enumerate(several):
        assert drawn.draw(kind, 3, number) == one
        f, g = one.arrays()
        plan = parconv.plan2d((f.shape, f.dtype), g, correlate=one.correlation, **one.question)
        assert plan.bands
        if kind == "images":
            assert plan.problem.dtype == one.kind


def test_dask_arrays_are_measured_in_processes_of_their_own(monkeypatch, capsys):
    pytest.importorskip("dask")
    if not Path("/proc/self/clear_refs").is_file():
        pytest.skip("memory is told by Linux")
    found = chunked.one_apart(["one", "parconv", 600, 200])
    assert found["read"] == 1
    assert found["keys"] <= 9
    asked = []
    seconds = {"parconv": 2, "dask-image": 30, 1: 8, 2: 5}

    def apart(order):
        asked.append(order)
        return (
            {**found, "seconds": seconds[order[1]]}
            if order[0] == "one"
            else {"seconds": seconds[order[1]]}
        )

    monkeypatch.setattr(chunked, "one_apart", apart)
    assert cli.main(["chunked", "--peer", "--side", "900"]) == 0
    told = capsys.readouterr().out
    assert "takes 15.0 times as long" in told
    assert "0.80 of twice" in told
    assert asked[:2] == [["one", "parconv", 900, 2000], ["one", "dask-image", 900, 2000]]


def test_regret_is_against_the_best_method(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(methods, "seconds", lambda plans, f: dict.fromkeys(plans, 2.0) | {
        "separable": 0.5
    })  # fmt: skip
    monkeypatch.setattr(methods, "candidates", lambda entry: dict.fromkeys(
        ("direct", "separable"), parconv.plan2d(np.ones((9, 8)), np.ones((3, 3)))
    ))  # fmt: skip
    (row,) = regret.measure(["images"], 1, 1, tmp_path / "regret.json")
    assert (row.auto, row.regret) == ("direct", 4)
    (kept,) = json.loads((tmp_path / "regret.json").read_text())
    assert (kept["seed"], kept["number"], kept["seconds"]["separable"]) == (1, 0, 0.5)
    assert "p50 4.00" in regret.told([row])
    assert cli.main(["regret", "--number", "0"]) == 2
    assert "number 0" in capsys.readouterr().err


# --- quotients that are promised -----------------------------------------------------------------


@pytest.mark.parametrize("part", quotients.PARTS)
def test_rows_of_quotients_have_names_of_their_own(part):
    """They are listed without the libraries that they ask."""
    names = [row.name for _, row in quotients.rows([part])]
    assert len(names) == len({*names}) > 1


def test_quotients_are_of_the_least_times(monkeypatch, capsys, tmp_path):
    """In turns; a row that comes to rest does so before each turn."""
    clock, asked, rests = [0.0], [], []

    def call(name, *seconds):
        left = iter(seconds)

        def run():
            asked.append(name)
            clock[0] += next(left, seconds[-1])

        return run

    made = call("base", 9, 9, 0.02, 0.03), {"other": call("other", 9, 9, 0.05, 0.04)}
    row = quotients.Row("a mask", 2.2, True, lambda threads: made, rests=True)
    monkeypatch.setenv("PARCONV_NUM_THREADS", "1")
    monkeypatch.setattr(quotients.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(quotients.time, "sleep", rests.append)
    monkeypatch.setattr(
        importlib.import_module("benchmarks.quotients.masks"), "rows", lambda: [row]
    )
    path = tmp_path / "quotients.json"
    arguments = ["quotients", "--only", "masks", "--seconds", "0", "--json", str(path)]
    assert cli.main(arguments) == 0
    assert asked == ["base", "other"] * 2 + ["base", "other"] * 2
    assert rests == [quotients.REST] * 4
    (kept,) = json.loads(path.read_text(encoding="utf-8"))
    assert kept["quotient"] == pytest.approx(2)
    assert kept["holds"]
    told = capsys.readouterr().out
    assert "2.00 <= 2.2" in told
    assert "SHORT" not in told
    assert "SHORT" in quotients.told({**kept, "holds": False})
    assert not row.holds(2.3)
    assert cli.main(["quotients", "--only", "mask"]) == 2
    assert "'mask'" in capsys.readouterr().err


@pytest.mark.parametrize(("part", "name"), [("masks", "box:15 512² float32"), ("missing", "7x7")])
def test_calls_of_a_row_answer_alike(part, name, monkeypatch):
    """The smallest of those that compute on images alone, and a peer's."""
    if part == "missing":
        pytest.importorskip("astropy")
        monkeypatch.setattr(importlib.import_module("benchmarks.quotients.missing"), "SIDE", 64)
    _, row = next(quotients.rows([part], name))
    base, others = row.make(1)
    right = np.array(base())
    for other in others.values():
        # a twentieth of the pixels is missing in one alone
        np.testing.assert_allclose(other(), right, rtol=0, atol=0.1 if part == "masks" else 1e-12)
