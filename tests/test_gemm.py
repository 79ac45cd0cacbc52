"""Distrusts the method gemm: copies, units, types, and a limit on BLAS that must not stay."""

import threading
from typing import Any

import numpy as np
import oracle
import pytest
from conftest import Poisoned, RunPython
from oracle import assert_same_bits
from test_banks import expect, numbers
from test_winograd import layouts
from threadpoolctl import ThreadpoolController, threadpool_limits

import parconv
from parconv.methods import gemm
from parconv.methods.gemm import blas
from parconv.runtime.strategies import STRATEGIES

BLAS = ThreadpoolController().select(user_api="blas")
F, FILTERS = numbers((3, 6, 14, 23)), numbers((10, 3, 3, 3))
QUESTION: dict[str, Any] = {"groups": 2, "padding": 1, "method": "gemm"}


@pytest.fixture(scope="module")
def right() -> np.ndarray:
    return parconv.correlate2d(F, FILTERS, strategy="serial", **QUESTION)


def blas_threads() -> list[int]:
    return [library.num_threads for library in BLAS.lib_controllers]


def assert_alike(result: Any, right: Any, what: str = "") -> None:
    """Bit for bit where BLAS keeps to that."""
    if {info["internal_api"] for info in BLAS.info()} == {"openblas"}:
        assert_same_bits(result, right, what)
    else:
        np.testing.assert_allclose(result, right, rtol=1e-5, atol=1e-5, err_msg=what)


@pytest.fixture
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """So little room for columns that each row of outputs is a unit."""
    _forget_layouts()
    monkeypatch.setattr(gemm, "COLUMN_BYTES", 1)
    yield
    _forget_layouts()


def _forget_layouts() -> None:
    gemm.layout.cache_clear()
    parconv.planner.choice.forget()


# --- units ---------------------------------------------------------------------------------------

SHAPES = (
    ((3, 6, 14, 23), (10, 3, 3, 3), 2), ((40, 3, 7, 7), (5, 3, 3, 3), 1),
    ((2, 9, 30, 41), (9, 1, 5, 4), 9), ((1, 1, 300, 4), (2, 1, 1, 1), 1),
)  # fmt: skip


def check_units(image: Any, filters: Any, groups: int) -> int:
    """Every unit alone fills its regions, and only those; together they fill everything once."""
    f, g = numbers(image), numbers(filters)
    plan = parconv.plan2d(f, g, padding=1, groups=groups, method="gemm", strategy="serial")
    right, count = plan(f), gemm.units(plan.problem)
    filled = np.zeros(right.shape, int)
    for unit in range(count):
        given = Poisoned(right.shape, right.dtype)
        parconv.planner.plan.replace(plan, bands=((unit, unit + 1),)).with_filter(g)(f, given.out)
        for place in gemm.regions(plan.problem, unit, unit + 1):
            filled[place] += 1
            assert_alike(given.out[place].copy(), right[place].copy(), f"{unit}")
            given.out[place] = np.nan
        given.check()
        assert np.isnan(given.out).all(), "beside its regions"
    assert (filled == 1).all()
    for parts in (1, 2, 7, count):
        bands = gemm.bands(plan.problem, parts)
        assert [n for band in bands for n in range(*band)] == list(range(count))
    return count


@pytest.mark.parametrize(("image", "filters", "groups"), SHAPES)
def test_units(image: Any, filters: Any, groups: int) -> None:
    assert check_units(image, filters, groups) >= gemm.UNITS


@pytest.mark.usefixtures("small_units")
def test_units_of_a_row(right: np.ndarray) -> None:
    image, filters, groups = SHAPES[0]
    assert check_units(image, filters, groups) == image[0] * image[2] * groups
    result = parconv.correlate2d(F, FILTERS, **QUESTION)
    np.testing.assert_allclose(result, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_threads_and_strategies(strategy: str, right: np.ndarray) -> None:
    for threads in (1, 2, 5):
        plan = parconv.plan2d(
            F, FILTERS, correlate=True, threads=threads, strategy=strategy, **QUESTION
        )
        assert_alike(plan(F), right, f"{threads}")
    if strategy == "prange":
        assert "as threads: BLAS is called from Python" in plan.explain()


def test_other_processes(right: np.ndarray) -> None:
    from joblib import parallel_config

    plan = parconv.plan2d(F, FILTERS, correlate=True, threads=2, strategy="joblib", **QUESTION)
    with parallel_config("loky"):
        assert_alike(plan(F), right)


def test_streamed(right: np.ndarray) -> None:
    """Other chunks are other products, so not bit for bit."""
    chunks = parconv.stream(iter(F), FILTERS, correlate=True, **QUESTION)
    for result, one in zip(chunks, right, strict=True):
        np.testing.assert_allclose(result, one, rtol=1e-5, atol=1e-5)
    out = np.full_like(right, np.nan)
    parconv.stream(F, FILTERS, out, memory=1 << 18, correlate=True, **QUESTION)
    np.testing.assert_allclose(out, right, rtol=1e-5, atol=1e-5)


# --- types and layouts ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", layouts(np.zeros((1, 1, 1, 1))))
@pytest.mark.parametrize("stride", [1, 2])
def test_layouts(name: str, stride: int) -> None:
    plan = parconv.plan2d(F, FILTERS, stride=stride, **QUESTION)
    right = plan(F)
    out = layouts(np.full_like(right, np.nan))[name]
    assert_alike(plan(layouts(F)[name]), right, "image")
    plan(F, out)
    assert_alike(out, right, "output")


@pytest.mark.parametrize(
    ("f_type", "g_type"),
    [("uint8", "int8"), ("int16", "int16"), ("int64", "int64"), ("bool", "float32"),
     ("float16", "float16"), ("float64", "float64"), ("complex64", "complex64")],
)  # fmt: skip
def test_types(f_type: str, g_type: str) -> None:
    f = numbers((2, 4, 9, 21), "int64" if f_type == "bool" else f_type).astype(f_type)
    g = numbers((6, 2, 3, 3), g_type)
    right = expect(f, g, groups=2, padding=1)
    plan = parconv.plan2d(f, g, **QUESTION)
    compute = oracle.compute_type(f, g)
    oracle.assert_right(plan(f), right, plan.problem.dtype, compute)
    if f.dtype.kind in "biu":
        saturated = parconv.conv2d(f, g, dtype="uint8", **QUESTION)
        oracle.assert_right(saturated, right, "uint8", compute)


def test_wide_integers_are_exact_or_refused() -> None:
    f, g = np.full((1, 2, 4, 4), 2**55), np.full((1, 2, 2, 2), 3)
    assert (parconv.conv2d(f, g, method="gemm") == 24 * 2**55).all()
    with pytest.raises(ValueError, match="f holds values beyond"):
        parconv.conv2d(f << 5, g, method="gemm")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_footprint_of_a_pixel(value: float, right: np.ndarray) -> None:
    f = F.copy()
    f[1, 4, 6, 0] = value
    result = parconv.correlate2d(f, FILTERS, **QUESTION)
    touched = np.zeros(right.shape, bool)
    touched[1, 5:, 5:8, :2] = True
    assert not np.isfinite(result[touched]).any()
    np.testing.assert_array_equal(result[~touched], right[~touched])


def test_the_image_may_be_the_output() -> None:
    f = numbers((2, 4, 9, 11))
    right = parconv.conv2d(f, FILTERS[:4, :2], groups=2, padding=1, method="gemm")
    parconv.conv2d(f, FILTERS[:4, :2], groups=2, padding=1, method="gemm", out=f)
    assert_alike(f, right)


# --- the limit on BLAS ---------------------------------------------------------------------------


def test_blas_has_one_thread_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    if not BLAS.lib_controllers:
        pytest.skip("threadpoolctl knows no BLAS here")
    seen, matmul = [], np.matmul

    def spy(*args: Any, **options: Any) -> Any:
        seen.append((blas_threads(), threading.current_thread()))
        return matmul(*args, **options)

    monkeypatch.setattr(np, "matmul", spy)
    for before in (1, 2):
        with threadpool_limits(before, "blas"):
            for strategy in STRATEGIES:
                parconv.correlate2d(F, FILTERS, threads=2, strategy=strategy, **QUESTION)
                assert blas_threads() == [before] * len(BLAS.lib_controllers)
    assert all(set(threads) == {1} for threads, _ in seen)
    assert len({thread for _, thread in seen}) > 1


class Fake:
    """A library that has a limit for each thread."""

    internal_api, threading_layer = "openblas", "openmp"

    def __init__(self) -> None:
        self.limits: dict[int, int] = {}

    @property
    def num_threads(self) -> int:
        return self.limits.get(threading.get_ident(), 8)

    def set_num_threads(self, threads: int) -> None:
        self.limits[threading.get_ident()] = threads


def test_a_limit_for_each_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenBLAS with OpenMP has that."""
    library, matmul, seen = Fake(), np.matmul, []

    def spy(*args: Any, **options: Any) -> Any:
        seen.append(library.num_threads)
        return matmul(*args, **options)

    monkeypatch.setattr(blas, "_libraries", lambda: ([], [library]))
    monkeypatch.setattr(np, "matmul", spy)
    parconv.correlate2d(F, FILTERS, threads=2, strategy="threads", **QUESTION)
    assert set(seen) == {1}
    assert set(library.limits.values()) == {8}


def test_the_limit_is_lifted_by_the_last() -> None:
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        first, second = blas.one_thread(), blas.one_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(blas_threads()) <= {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before


def test_the_limit_is_lifted_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def strike(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with threadpool_limits(2, "blas"):
        before = blas_threads()
        monkeypatch.setattr(np, "matmul", strike)
        with pytest.raises(KeyboardInterrupt):
            parconv.correlate2d(F, FILTERS, **QUESTION)
        monkeypatch.setattr(blas, "_libraries", strike)
        with pytest.raises(KeyboardInterrupt):
            parconv.correlate2d(F, FILTERS, **QUESTION)
        assert blas_threads() == before


def test_it_needs_no_scipy_and_survives_a_fork(run_python: RunPython) -> None:
    run_python(
        """
        import os, sys
        sys.modules["scipy"] = None
        import numpy as np
        import parconv
        from parconv.methods.gemm import blas

        f, g = np.ones((1, 2, 9, 9)), np.ones((3, 2, 3, 3))
        with blas.one_thread():
            child = os.fork()
            if child == 0:
                result = parconv.conv2d(f, g, method="gemm", strategy="threads", threads=2)
                os._exit(0 if (result == 18).all() else 1)
            assert os.waitpid(child, 0)[1] == 0
        assert not any(name.partition(".")[0] == "scipy" for name, m in sys.modules.items() if m)
        """
    )


# --- who gets it ---------------------------------------------------------------------------------


def test_only_who_names_it_gets_it() -> None:
    for image, filters, groups in SHAPES:
        plan = parconv.plan2d((image, "f4"), (filters, "f4"), groups=groups, tolerance=1e-3)
        assert plan.method != "gemm"
        assert "gemm: it is a baseline" in plan.explain()
    with pytest.raises(ValueError, match="method='gemm' is unknown"):
        parconv.conv2d(F[0, 0], FILTERS[0, 0], method="gemm")
