"""The benchmarks themselves: each runs once, with its first and its last parameters."""

import importlib
import inspect
import math
from pathlib import Path

import pytest

from parconv import machine

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


CASES = [
    pytest.param(suite, method, params, id=f"{name}{list(params)}")
    for name, suite, method in _benchmarks()
    for params in _ends(suite)
]


@pytest.mark.parametrize(("suite", "method", "params"), CASES)
def test_runs_once(suite, method, params):
    benchmark = suite()
    try:
        benchmark.setup(*params)
    except NotImplementedError:  # asv's way to leave out what a machine cannot do
        assert params[0] > machine.usable_threads(params[0])
        return
    result = getattr(benchmark, method)(*params)
    if method.startswith("track_"):
        assert math.isfinite(result)


def test_every_benchmark_keeps_its_history():
    """asv forgets results when a benchmark's code changes, unless a version is set by hand."""
    assert CASES
    for case in CASES:
        suite = case.values[0]
        assert suite.version == "1"
        names, params = getattr(suite, "param_names", ()), getattr(suite, "params", ())
        assert len(names) == len(params)
