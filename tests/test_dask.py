"""Distrusts blocks: bits of one call, seams between chunks, and what a graph costs."""

import itertools
import multiprocessing
import pickle
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from chunked_cases import KINDS, Case, batched, drawn, every, grid, holed
from conftest import RunPython
from oracle import assert_same_bits

import parconv
from parconv.chunked.cuts import edges_of, pieces_of
from parconv.chunked.others import whole_of
from parconv.problem.question import Question

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
tokenize = pytest.importorskip("dask.base").tokenize
pytestmark = pytest.mark.filterwarnings("ignore::dask.array.PerformanceWarning")


def lazily(case: Case) -> Any:
    return case.call(da.from_array(case.f, chunks=case.chunks))


def checked(cases: Iterable[Case], **how: Any) -> int:
    """Blocks have the bits of one call, or no answer where that has none; how many have some."""
    asked = []
    for case in cases:
        right = case.whole()
        if right is None:
            with pytest.raises((ValueError, TypeError)):
                lazily(case)
            continue
        lazy = lazily(case)
        assert isinstance(lazy, da.Array), case.what
        assert (lazy.shape, lazy.dtype) == (right.shape, right.dtype), case.what
        assert lazy._meta.dtype == right.dtype
        asked.append((case, lazy, right))
    results = dask.compute(*(lazy for _, lazy, _ in asked), **how)
    for (case, _, right), found in zip(asked, results, strict=True):
        assert found.shape == right.shape, case.what
        try:
            assert_same_bits(np.ascontiguousarray(found), np.ascontiguousarray(right))
        except AssertionError as error:
            raise AssertionError(case.what) from error
    return len(asked)


def check(case: Case, **how: Any) -> bool:
    """The same of one; False where it has no answer."""
    return bool(checked([case], **how))


def check_holed(cases: Iterable[Case], **how: Any) -> int:
    """Blocks with pixels that are missing: the bits of any other scheduler, nearly one call's."""
    asked = [(case, right) for case in cases if (right := case.whole()) is not None]
    lazies = [lazily(case) for case, _ in asked]
    alone, results = dask.compute(*lazies, scheduler="sync"), dask.compute(*lazies, **how)
    for (case, right), one, found in zip(asked, alone, results, strict=True):
        assert_same_bits(np.ascontiguousarray(found), np.ascontiguousarray(one))
        np.testing.assert_allclose(found, right, rtol=3e-6, atol=1e-6, err_msg=case.what)
    return len(asked)


@pytest.mark.parametrize("part", range(4))
def test_blocks_have_the_bits_of_one_call(part: int) -> None:
    """Some of the grid: of every image, filter, border and mode."""
    cases = [case for n, case in enumerate(grid()) if n % 40 == 7 * part]
    assert sum(check(case, scheduler="sync") for case in cases) >= len(cases) - 4


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=lambda n: KINDS[n].__name__)
def test_random_questions_have_the_bits_of_one_call(kind: int) -> None:
    """More of them by schedulers of a machine, below."""
    seeds = range(kind, 3 * len(KINDS), len(KINDS))
    assert sum(check(drawn(seed), scheduler="threads") for seed in seeds) >= 2


POOLS: dict[str, Callable[[], Executor]] = {
    "threads": partial(ThreadPoolExecutor, 4),
    "processes": partial(ProcessPoolExecutor, 2, multiprocessing.get_context("spawn")),
}


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("scheduler", POOLS)
def test_every_case_by_schedulers_of_a_machine(scheduler: str, part: int) -> None:
    """The 720 of the grid and 1080 more, and 120 with pixels that are missing; in four parts."""
    with POOLS[scheduler]() as pool:
        how = {"scheduler": scheduler, "pool": pool}
        cases = itertools.islice(every(), part, None, 4)
        assert sum(checked(some, **how) for some in batched(cases)) > 412  # of 450
        assert check_holed(map(holed, range(part, 120, 4)), **how) > 24  # of 30


@pytest.mark.soak
@pytest.mark.parametrize("part", range(8))
def test_many_random_questions(part: int) -> None:
    seeds = range(10_000 + part, 12_000, 8)
    assert sum(check(drawn(seed), scheduler="threads") for seed in seeds) > 0.9 * len(seeds)


EXPRESSIONS = """
    import sys, warnings
    warnings.simplefilter("ignore")
    import dask
    dask.config.set({"array.query-planning": sys.argv[1] == "True"})
    import dask.array as da
    import numpy as np
    import parconv
    assert da.array_expr_enabled() == (sys.argv[1] == "True")
    from chunked_cases import KINDS, drawn, grid
    from test_dask import check
    each = int(sys.argv[2])
    done = [check(case, scheduler="sync") for n, case in enumerate(grid()) if n % each == 3 % each]
    done += [check(drawn(seed), scheduler="sync") for seed in range(0, 2400 // each)]
    assert sum(done) > 0.9 * len(done)
    holes = np.ma.masked_less(np.random.default_rng(5).random((30, 30)), 0.2)
    found = parconv.conv2d(da.from_array(holes, chunks=8), np.ones((3, 3)))
    np.testing.assert_allclose(found.compute(), parconv.conv2d(holes, np.ones((3, 3))))
    used = {"where": holes.data < 0.7, "weights": np.sqrt(holes.data)}
    found = parconv.conv2d(da.from_array(holes, chunks=8), np.ones((3, 3)), **used)
    np.testing.assert_allclose(found.compute(), parconv.conv2d(holes, np.ones((3, 3)), **used))
    print(len(done))
"""


@pytest.mark.parametrize("planning", [True])
def test_either_implementation_of_arrays(planning: bool, run_python: RunPython) -> None:
    assert int(run_python(EXPRESSIONS, planning, 60).stdout) == 12 + 40


@pytest.mark.soak
@pytest.mark.parametrize("planning", [True, False])
def test_either_implementation_of_arrays_at_length(planning: bool, run_python: RunPython) -> None:
    assert int(run_python(EXPRESSIONS, planning, 2, timeout=580).stdout) == 360 + 1200


# --- seams ---------------------------------------------------------------------------------------


def test_chunks_of_same_are_those_of_the_image() -> None:
    x = da.ones((50, 60), chunks=((7, 13, 30), (25, 35)), dtype="f4")
    for taps in (3, 3), (4, 5), (7, 2):
        for call in parconv.conv2d, parconv.correlate2d:
            assert call(x, np.ones(taps), mode="same").chunks == x.chunks
    assert parconv.gaussian(x, 1).chunks == x.chunks


def test_a_graph_has_few_keys() -> None:
    x = da.zeros((2500, 2500), chunks=100, dtype="f4")
    for words in ({"mode": "same", "boundary": "wrap"}, {"mode": "valid"}, {"stride": 2}):
        lazy = parconv.conv2d(x, np.ones((7, 7)), **words)
        assert len(dict(lazy.__dask_graph__())) <= 9 * 625


def test_small_chunks_become_larger_with_a_warning() -> None:
    x = da.ones((40, 40), chunks=(2, 40), dtype="f4")
    with pytest.warns(
        da.PerformanceWarning, match=r"\(2, 2, .* along axis 0 become \(6, "
    ) as found:
        lazy = parconv.conv2d(x, np.ones((11, 3)), mode="same")
    assert found[0].filename == __file__
    assert min(lazy.chunks[0]) >= 5
    layer = da.ones((2, 8, 20, 20), chunks=(1, 4, 20, 20), dtype="f4")
    with pytest.warns(da.PerformanceWarning, match=r"along axis 1 become \(8,\)"):
        assert parconv.correlate2d(layer, np.ones((3, 8, 3, 3))).chunks[1] == (3,)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parconv.conv2d(da.ones((40, 40), chunks=(10, 40)), np.ones((11, 3)), mode="same")


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    def refuse(block: Any) -> Any:
        raise AssertionError("computed")

    x = da.ones((60, 60), chunks=20).map_blocks(refuse, dtype="f8", meta=np.empty((0, 0)))
    for lazy in (
        parconv.conv2d(x, np.ones((3, 3)), where=x > 0), parconv.gaussian(x, 1),
        parconv.gaussian_gradient_magnitude(x, 1), parconv.box(x, 3, nan_policy="omit"),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match="computed"):
            lazy.compute(scheduler="sync")


def test_names_are_those_of_what_is_asked() -> None:
    x, g = da.ones((60, 60), chunks=20), np.ones((3, 3))
    assert parconv.conv2d(x, g).name == parconv.conv2d(x, g.copy()).name
    names = {parconv.conv2d(x, g, **words).name
             for words in ({}, {"mode": "same"}, {"stride": 2}, {"method": "fft"})}  # fmt: skip
    names |= {parconv.conv2d(x, 2 * g).name, parconv.conv2d(x + 1, g).name}
    assert len(names) == 6
    default = parconv.plan2d(((60, 60), "f8"), g).method
    assert parconv.conv2d(x, g, method=default).name in names


SPELT: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "one": ((60, 60), np.ones((3, 3)), {"mode": "same", "boundary": "wrap"}),
    "sides": ((60, 60), np.ones((3, 3)), {"boundary": (("wrap", "edge"), ("edge", "wrap"))}),
    "planes": ((3, 60, 60), np.ones((3, 3, 3)), {"groups": "planes"}),
    "volume": ((9, 9, 9), np.ones((3, 3, 3)), {"axes": (0, 1, 2), "mode": "same"}),
    "line": ((60,), np.ones(3), {"weights": np.ones(60), "mode": "same"}),
    "factors": ((60, 60), parconv.filters.gaussian_factors(1), {"mode": "same"}),
}


@pytest.mark.parametrize("kind", SPELT)
def test_names_are_the_same_in_all_processes(kind: str) -> None:
    """Whoever spells the words, whatever was found out about them, and after a pickle."""
    shape, g, words = SPELT[kind]
    x = da.ones(shape, chunks=20, dtype=np.float32)
    anew = {name: "".join([*word]) if type(word) is str else word for name, word in words.items()}
    named = [parconv.conv2d(x, g, **asked).name for asked in (words, words, anew, words)]
    assert len({*named}) == 1
    lazy = parconv.conv2d(x, g, **words)
    lazy.compute(scheduler="sync")
    assert parconv.conv2d(x, g, **words).name == lazy.name
    whole = dict(lazy.__dask_graph__())[f"{lazy.name}-plan"]
    assert tokenize(pickle.loads(pickle.dumps(whole))) == tokenize(whole)


CHANGED: dict[str, tuple[Any, Any, dict[str, Any], str | int]] = {
    "filter": ((30, 30), np.ones((3, 3)), {}, "g"),
    "large filter": ((30, 30), np.ones((23, 23)), {}, "g"),
    "weights": ((30, 30), np.ones((3, 3)), {"weights": np.ones((30, 30))}, "weights"),
    "where": ((30, 30), np.ones((3, 3)), {"where": np.ones((30, 30), bool)}, "where"),
    "bias": ((30, 30), np.ones((2, 3, 3)), {"bias": np.ones(2)}, "bias"),
    "bias of planes": ((3, 9, 9), np.ones((3, 3, 3)), {"bias": np.ones(3), "groups": "planes"},
                       "bias"),
    "bias of volumes": ((9, 9, 9), np.ones((3, 3, 3)), {"bias": np.array(5.0), "axes": (0, 1, 2)},
                        "bias"),
    "steps of volumes": ((9, 9, 9), np.ones((3, 3, 3)), {"dilation": [2, 2, 2], "axes": (0, 1, 2)},
                         "dilation"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGED)
def test_what_changes_in_place_changes_no_graph(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parconv.problem.filter.MOST_BYTES", 1 << 12)
    shape, g, words, name = CHANGED[kind]
    f = np.random.default_rng(6).random(shape, np.float32)  # other tests' kernels
    given = {"g": g, **words}
    given = {word: each.copy() if hasattr(each, "copy") else each for word, each in given.items()}
    right, lazy = parconv.conv2d(f, g, **words), parconv.conv2d(da.from_array(f, chunks=8), **given)
    for place in np.ndindex(np.shape(given[name])):
        if isinstance(given[name], list):
            given[name][place[0]] = 1
        else:
            given[name][place] = 0
    np.testing.assert_allclose(lazy.compute(scheduler="sync"), right, rtol=1e-5)


# --- chunks that are odd, or not as their array says ---------------------------------------------


def test_chunks_without_pixels() -> None:
    f = np.random.default_rng(7).random((3, 20, 21))
    g = np.random.default_rng(7).random((4, 3))
    for chunks in ((0, 2, 0, 1), 20, 21), (3, (0, 10, 0, 10), (21, 0)):
        for words in ({"mode": "same"}, {"mode": "full", "boundary": "wrap"}, {"stride": 2}):
            check(Case("", f, chunks, partial(parconv.conv2d, g=g, **words)), scheduler="sync")
    for shape in ((0, 21), (20, 0), (0, 0)):
        for mode in ("same", "full"):
            empty = Case("", np.empty(shape), -1, partial(parconv.conv2d, g=g, mode=mode, cval=2))
            assert check(empty, scheduler="sync")


@pytest.mark.parametrize("words", [{"mode": "valid"}, {"mode": "same", "boundary": "mirror"}])
def test_a_constant_that_nobody_asks_for_is_not_met(words: Any) -> None:
    """Beyond an axis shorter than its filter lie zeros; nor does it widen the sums of others."""
    rng = np.random.default_rng(10)
    for size, taps in (3, 10), (20, 3):
        f, g = rng.integers(0, 200, (13, 10, size)).astype("u1"), rng.standard_normal(taps)
        for image in (f, f / 7):
            call = partial(parconv.conv2d, g=g, axes=2, cval=1 << 20, **words)
            assert check(Case("", image, (5, 4, 2), call), scheduler="sync")


def test_pixels_are_what_the_array_says_of_them() -> None:
    x = da.ones((30, 30), chunks=(10, 30), dtype="f4")
    lies: list[tuple[Any, str]] = [
        (x.map_blocks(lambda block: block * 1.5, dtype="u1", meta=np.empty((0, 0), "u1")),
         "dtype float32, the dask array uint8"),
        (x.map_blocks(lambda block: np.ma.masked_less(block, 2), meta=np.empty((0, 0), "f4")),
         "masked array"),
        (x.map_blocks(lambda block: block[:8], chunks=x.chunks), "pixels where"),
    ]  # fmt: skip
    for chunks in (x.chunks, 30):  # as they are, or where dask put them together
        for lie, match in lies[: 3 if chunks == x.chunks else 1]:
            lazy = parconv.conv2d(lie.rechunk(chunks), np.ones((3, 3)))
            with pytest.raises((TypeError, ValueError), match=match):
                lazy.compute(scheduler="sync")
    swapped = x.map_blocks(lambda block: block.astype(">f4"), dtype="f4")
    right = parconv.conv2d(x.compute(), np.ones((3, 3)))
    assert_same_bits(parconv.conv2d(swapped, np.ones((3, 3))).compute(scheduler="sync"), right)


def test_a_chunk_more_costs_no_look_at_all_others() -> None:
    class Edges(list[int]):
        looks = 0

        def __getitem__(self, at: Any) -> Any:
            self.looks += 1
            return super().__getitem__(at)

    edges = Edges(edges_of((2,) * 1000))
    assert [piece.chunk for piece in pieces_of([(999, 1003)], edges)] == [499, 500, 501]
    assert edges.looks <= 15  # ten of them to find the first


# --- pixels that are not used --------------------------------------------------------------------


def close(found: Any, right: np.ndarray) -> None:
    np.testing.assert_allclose(found.compute(scheduler="sync"), right, rtol=2e-6, atol=2e-6)


def test_pixels_that_are_missing() -> None:
    """To within rounding: how few are missing decides how they are left out."""
    rng = np.random.default_rng(3)
    f = rng.random((50, 61), np.float32)
    g, holes = rng.random((5, 4)), rng.random(f.shape) < 0.1
    x, there = da.from_array(f, chunks=(17, 20)), da.from_array(~holes, chunks=(50, 7))
    right = parconv.conv2d(f, g, mode="same", boundary="mirror", where=~holes)
    for where in (there, ~holes):
        close(parconv.conv2d(x, g, mode="same", boundary="mirror", where=where), right)
    masked = da.ma.masked_array(x, mask=~there.rechunk(x.chunks))
    close(parconv.conv2d(masked, g, mode="same", boundary="mirror"), right)
    gaps = np.where(holes, np.nan, f)
    y = da.from_array(gaps, chunks=(17, 20))
    close(parconv.gaussian(y, 1, nan_policy="omit"), parconv.gaussian(gaps, 1, nan_policy="omit"))
    with pytest.raises(ValueError, match=r"f holds .* NaN"):
        parconv.gaussian(y, 1, nan_policy="raise").compute(scheduler="sync")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_pixels_that_are_missing_along_one_axis(axis: int) -> None:
    rng = np.random.default_rng(9)
    f, weights = rng.random((9, 10, 12)), rng.random((9, 10, 12))
    gaps = np.where(weights < 0.2, np.nan, f)
    for image, words in (
        (f, {"weights": weights}), (f, {"where": weights > 0.2}), (gaps, {"nan_policy": "omit"}),
    ):  # fmt: skip
        call = partial(parconv.conv2d, g=[1.0, 2, 3], axes=axis, mode="same", **words)
        close(call(da.from_array(image, chunks=(4, 5, 6))), call(image))
    with pytest.raises(ValueError, match=r"f holds .* NaN"):
        parconv.conv2d(da.from_array(gaps), [1.0, 2], axes=axis, nan_policy="raise").compute()


def test_a_plane_of_weights_is_every_plane_s() -> None:
    rng = np.random.default_rng(4)
    f, weights = rng.random((20, 30, 3), np.float32), rng.random((20, 30))
    x = da.from_array(f, chunks=(7, 11, 3))
    right = parconv.box(f, 3, axes=(0, 1), weights=weights)
    close(parconv.box(x, 3, axes=(0, 1), weights=weights), right)
    turned = parconv.box(f.transpose(1, 0, 2), 3, axes=(1, 0), weights=weights)
    lazy = parconv.box(x.transpose(1, 0, 2), 3, axes=(1, 0), weights=da.from_array(weights))
    close(lazy, turned)


# --- plans and chains ----------------------------------------------------------------------------


def test_plans_and_chains_run_lazily() -> None:
    f = np.random.default_rng(5).random((64, 70), np.float32)
    x = da.from_array(f, chunks=(20, 33))
    smooth = parconv.plan2d(x, parconv.filters.gaussian_factors(1), mode="same", method="direct")
    slope = parconv.plan2d(smooth, [[1, 0, -1]], boundary="edge", mode="same")
    both = parconv.chain(smooth, slope)
    for plan in smooth, both:
        for lazy in parconv.chunked.dask.apply(plan, x), plan(x):
            assert isinstance(lazy, da.Array)
            assert_same_bits(lazy.compute(), plan(f))
    with pytest.raises(ValueError, match="the plan is for"):
        smooth(x[:30])


def test_plans_pickle_with_their_filter() -> None:
    plan = parconv.plan2d(((512, 512), "f4"), np.ones((7, 7)), mode="same")
    whole = whole_of(plan, Question())
    before = pickle.dumps(whole)
    f = np.ones((9, 9), "f4")
    whole.run(f, (None, None), None)
    assert len(pickle.dumps(whole)) == len(before) < 4000


# --- errors --------------------------------------------------------------------------------------

X = da.ones((20, 20), chunks=10, dtype="f4")
WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: parconv.conv2d(X, np.ones((3, 3)), out=np.ones((18, 18), "f4")), TypeError, "out is"),
    (lambda: parconv.conv2d(X, np.ones((3, 3)), real=1), ValueError, "real=1"),
    (lambda: parconv.conv2d(X, np.ones((3, 3)), mod="same"), TypeError, "did you mean mode"),
    (lambda: parconv.conv2d(X, np.ones((3, 3)), boundary="nearest"), ValueError, "'edge'"),
    (lambda: parconv.conv2d(X, np.ones((30, 3))), ValueError, "mode='valid'"),
    (lambda: parconv.conv2d(X[X[:, 0] > 0], np.ones((3, 3))), ValueError, "compute_chunk_sizes"),
    (lambda: parconv.conv2d(X, np.ones((3, 3)), where=np.ones((3, 3), bool)), ValueError, "where"),
    (lambda: parconv.conv2d(X, np.ones((3, 3)), where=X), TypeError, "where has dtype float32"),
    (lambda: parconv.conv2d(X, np.ones((3, 3)), weights=-np.ones((20, 20))), ValueError, "weights"),
    (lambda: parconv.conv2d(X.to_delayed()[0, 0], np.ones((3, 3))), TypeError, "from_delayed"),
    (lambda: parconv.conv2d(X, np.ones((3, 3)), where=(X > 0)[X[:, 0] > 0]), ValueError,
     r"where.compute_chunk_sizes"),
    (lambda: parconv.conv2d(X, np.ones((3, 3)), where=da.ma.masked_less(X, 0) > 0), TypeError,
     "where has masked blocks"),
    (lambda: parconv.conv2d(X, np.ones((3, 3)), weights=X.astype(object)), TypeError, "object"),
    (lambda: parconv.gaussian_gradient_magnitude(X, 1, out=np.ones((20, 20))), TypeError, "out is"),
    (lambda: parconv.gaussian(X, -1), ValueError, "sigma=-1"),
    (lambda: parconv.chunked.dask.conv2d(np.ones((3, 3)), [[1]]), TypeError, "from_array"),
    (lambda: parconv.conv_transpose2d(X, np.ones((1, 1, 2, 2))), TypeError, "dask"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_wrong_is_told_when_the_graph_is_made(number: int) -> None:
    call, kind, match = WRONG[number]
    with pytest.raises(kind, match=match):
        call()


def test_weights_are_looked_at_when_they_are_computed() -> None:
    lazy = parconv.conv2d(X, np.ones((3, 3)), weights=-X)
    with pytest.raises(ValueError, match="weights holds negative"):
        lazy.compute(scheduler="sync")


# --- who has no dask arrays ----------------------------------------------------------------------


def test_calls_on_arrays_import_neither_dask_nor_xarray(run_python: RunPython) -> None:
    run_python(
        """
        import sys
        import numpy as np
        import parconv
        parconv.conv2d(np.ones((9, 9)), np.ones((3, 3)))
        parconv.conv2d([[1, 2, 3]], [[1, 1]])
        parconv.gaussian([[1.0, 2.0]], 1)
        parconv.plan2d(((9, 9), "f4"), np.ones((3, 3)))
        assert not {"dask", "distributed", "xarray", "pandas"} & set(sys.modules)
        """
    )
