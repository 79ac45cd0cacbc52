"""Distrusts decisions: tabled plans as text, what explain tells, equality, caching, no data."""

import itertools
import sys
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from conftest import METHODS, RunPython, example
from oracle import BORDERS, MODES

import parconv
from parconv.codegen import machine
from parconv.problem.arguments import LARGEST
from parconv.problem.filter import filter_of
from parconv.runtime import budget
from parconv.runtime.strategies import STRATEGIES

TAPS = np.ones((3, 3), np.float32)
ORDINARY = np.sin(np.arange(1, 10, dtype=np.float32) ** 2).reshape(3, 3)  # nothing special about it

TEXTS = {
    "conv2d 64x64 float32 * 3x3 -> float32, same, constant: direct, serial, 1 band, 1 thread":
        (((64, 64), "float32"), ORDINARY, {"mode": "same", "threads": 1}),
    "conv2d 64x64 float32 * 3x3 -> float32, valid, constant: direct, serial, 1 band, 1 thread":
        (((64, 64), "float32"), ORDINARY, {"boundary": "wrap"}),
    "correlate2d 9x8 uint8 * 2x5 -> int64, full, mirror: direct, serial, 1 band, 1 thread":
        (((9, 8), np.uint8), ((2, 5), "int8"),
         {"mode": "full", "boundary": "mirror", "correlate": True}),
    "conv2d 3x64x64 float64 * 3x3 -> float64, full, edge/wrap: direct, serial, 1 band, 1 thread":
        (((3, 64, 64), "float64"), ORDINARY, {"mode": "full", "boundary": ("edge", "wrap")}),
    "conv2d 64x64 float16 * 3x3 -> complex64, padding 1, constant: "
    "direct, serial, 1 band, 1 thread":
        (((64, 64), "float16"), ((3, 3), "complex64"), {"padding": 1}),
    "conv2d 20x0x3 float32 * 3x3 -> float32, same, constant: direct, serial, 0 bands, 1 thread":
        (((20, 0, 3), "float32"), TAPS, {"mode": "same", "axes": (0, 2)}),
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_plans_as_text(text: str) -> None:
    f, g, options = TEXTS[text]
    plan = parconv.plan2d(f, g, **options)
    shown = str(plan)
    if "0 bands" in text:  # how nothing is counted is no promise
        shown, text = (line.rpartition(": ")[0] for line in (shown, text))
    assert shown == text


LINES = (
    "problem", "output", "sums in", "method", "error", "considered", "strategy", "threads", "bands",
    "work", "workspace", "machine",
)  # fmt: skip


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("method", METHODS)
def test_explain_tells_all(method: str, strategy: str) -> None:
    f, g = example(method, (512, 600), (5, 7))
    plan = parconv.plan2d(f, g, mode="same", threads=8, method=method, strategy=strategy)
    problem, lines = plan.problem, plan.explain().splitlines()
    told = {name: line for name in LINES for line in lines if line.startswith(name + " ")}
    assert set(told) == set(LINES)
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)
    assert f"512x600 {f.dtype} * {'x'.join(map(str, g.shape))}" in told["problem"]
    assert f"512x600 {problem.dtype}" in told["output"]
    assert str(METHODS[method].sums(problem)) in told["sums in"]
    stated = {"fft": "up to 1.1e-06 of the largest", "dot": "none", "cosines": "up to 9.3e-07"}.get(
        method, "rounding"
    )
    assert stated in told["error"]
    assert method in told["method"]
    assert all(f"{other}: " in told["considered"] for other in METHODS if other != method)
    assert strategy in told["strategy"]
    assert f"{plan.threads} used" in told["threads"]
    assert "8 asked" in told["threads"]
    assert str(len(plan.bands)) in told["bands"]
    assert f"{2 * g.size * 512 * 600:,} operations" in told["work"]
    assert f"{512 * 600 * (f.itemsize + problem.dtype.itemsize):,} bytes" in told["work"]
    assert f"{plan.workspace:,} bytes" in told["workspace"]
    assert str(8 * machine.VECTOR_BYTES) in told["machine"]


def test_explain_without_a_number_of_threads() -> None:
    told = parconv.plan2d(((512, 600), "float32"), TAPS).explain()
    assert "used, the machine's budget" in told
    assert parconv.plan2d(((0, 5), "float32"), TAPS, mode="same").explain()


def test_equal_questions_have_equal_plans() -> None:
    f = np.zeros((40, 50), np.float32)
    first = parconv.plan2d(f, TAPS, mode="same")
    second = parconv.plan2d(((40, 50), "float32"), 2 * TAPS, mode="same")
    assert first == second
    assert hash(first) == hash(second)
    assert first.problem == second.problem
    for other in (
        parconv.plan2d(f, TAPS, mode="full"),
        parconv.plan2d(f.astype(">f8"), TAPS, mode="same"),
        parconv.plan2d(f, TAPS, mode="same", boundary="edge"),
        parconv.plan2d(f, TAPS, mode="same", cval=1),
        parconv.plan2d(f, TAPS, mode="same", correlate=True),
        parconv.plan2d(f, TAPS, mode="same", threads=1),
        parconv.plan2d(f, TAPS[:, :2], mode="same"),
    ):
        assert other != first
    assert parconv.plan2d(f.astype(">f4"), TAPS, mode="same") == first
    ordinary = parconv.plan2d(f, ORDINARY, mode="same")
    assert ordinary != first  # equal taps are a product
    assert not ordinary.problem.traits.rank
    planned = {
        parconv.plan2d(((40, 50), spec), ((3, 3), spec), mode="same")
        for spec in (np.float32, np.dtype("f4"), "f4", ">f4")
    }
    assert [str(plan) for plan in planned] == [str(ordinary)]


def test_equal_values_of_cval_are_not_confused() -> None:
    """`conv2d` remembers its plans by arguments, among which True, 1 and 1.0 are equal."""
    f = np.zeros((2, 2), np.uint8)
    for cval in (1, True, 1.0, np.float32(1), 1 + 0j):
        for taps in ([[1, 1, 1]], [[0.5, 0.5, 0.5]]):
            if isinstance(cval, complex):
                with pytest.raises(TypeError, match="cval"):
                    parconv.conv2d(f, taps, mode="same", cval=cval)
                continue
            assert (parconv.conv2d(f, taps, mode="same", cval=cval) == taps[0][0]).all()


def test_plans_hold_no_image_and_print_no_data() -> None:
    f = np.full((300, 400), 7.25, np.float32)
    plan = parconv.plan2d(f, np.full((3, 3), 9.75))
    plan(f)
    held = [value for value in vars(plan).values() if isinstance(value, np.ndarray)]
    assert all(value.size < 1000 for value in held)
    assert "9.75" not in repr(plan) + str(plan) + plan.explain()
    assert parconv.plan2d(((3, 3), "float32"), ((3, 3), "float32")).taps is None


def test_plans_do_not_change() -> None:
    plan = parconv.plan2d(((64, 64), "float32"), TAPS)
    with pytest.raises(FrozenInstanceError):
        plan.threads = 4  # type: ignore[misc]
    assert replace(plan, threads=4).threads == 4
    assert plan.threads == 1


def test_bands_cover_the_output() -> None:
    for shape, threads, strategy in itertools.product(
        [(1, 1), (7, 9), (3, 200, 300), (2, 2, 64, 64), (4096, 4096), (50000, 50000)],
        [1, 2, 8],
        ["auto", "prange", "serial"],
    ):
        plan = parconv.plan2d(
            (shape, "float32"), TAPS, mode="same", threads=threads, strategy=strategy
        )
        edges = [edge for band in plan.bands for edge in band]
        assert edges[0] == 0
        assert edges[-1] == plan.problem.planes * plan.problem.plane[0]
        assert edges[1:-1:2] == edges[2::2]
        assert all(start < stop for start, stop in plan.bands)
        assert 1 <= plan.threads <= max(1, len(plan.bands))


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "complex128"])
def test_workspace_is_small(dtype: str) -> None:
    """At most 8 MiB beyond image and output at 4096 x 4096, whatever is asked.

    But three times as much for complex images, over which a filter spans twice its columns, and so
    the tiles of a transform are larger.
    """
    most = 24 << 20 if dtype == "complex128" else 8 << 20
    questions: list[dict[str, Any]] = [
        {"mode": mode, "boundary": border} for mode, border in itertools.product(MODES, BORDERS)
    ]
    questions += [{"stride": 2}, {"stride": (1, 3), "dilation": (2, 1)}, {"axes": (1, 0)}]
    for options, taps in itertools.product(questions, [(3, 3), (15, 15), (1, 31), (31, 31)]):
        plan = parconv.plan2d(((4096, 4096), dtype), (taps, "float64"), threads=2, **options)
        assert plan.workspace <= most, plan


@pytest.mark.parametrize(
    "options",
    [{"stride": 16}, {"stride": (500, 500)}, {"stride": (64, 1)}, {"dilation": 16}],
    ids=str,
)
def test_workspace_is_small_for_wide_strides(options: dict[str, Any]) -> None:
    for dtype, taps in itertools.product(["float32", "complex128"], [(3, 3), (15, 15)]):
        plan = parconv.plan2d(
            ((4096, 4096), dtype), (taps, dtype), mode="same", threads=2, method="direct", **options
        )
        assert plan.workspace <= 8 << 20, (plan, plan.workspace)


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_plans_for_more_than_any_memory_holds(run_python: RunPython) -> None:
    """A plan is small however large its problem; running it is another matter."""
    run_python(
        """
        import resource
        import numpy as np
        import parconv
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        for image, options in (
            (((2**30, 2**30), "uint8"), {}),
            (((6, 7), "float32"), {"padding": 2**40}),
            (((2**20, 2**20, 64, 64), "float32"), {"mode": "full"}),
        ):
            plan = parconv.plan2d(image, np.ones((3, 3)), threads=2, **options)
            assert 1 <= len(plan.bands) <= 1 << 20
            assert plan.bands[-1][1] == plan.problem.planes * plan.problem.plane[0]
        try:
            parconv.conv2d(np.ones((6, 7)), np.ones((3, 3)), padding=2**40)
        except MemoryError:
            pass
        """
    )


def test_problem_knows_its_work() -> None:
    problem = parconv.plan2d(((3, 50, 60), "float32"), ((3, 5), "float32"), mode="full").problem
    assert problem.shape == (3, 52, 64)
    assert problem.planes == 3
    assert problem.flops == 2 * 15 * 3 * 52 * 64
    assert problem.bytes == 4 * (3 * 50 * 60 + 3 * 52 * 64)
    assert problem.span == (3, 5)
    both = parconv.plan2d(((50, 60), "complex64"), ((3, 5), "complex64")).problem
    real = parconv.plan2d(((50, 60), "float32"), ((3, 5), "float32")).problem
    assert both.flops == 4 * real.flops


def test_small_work_is_serial_and_large_is_not() -> None:
    small = parconv.plan2d(((32, 32), "float32"), TAPS, threads=8)
    assert (small.strategy, small.threads) == ("serial", 1)
    large = parconv.plan2d(((4096, 4096), "float32"), TAPS, threads=8)
    assert (
        large.strategy == "serial" if budget.usable_threads(8) == 1 else "serial" not in str(large)
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_named_strategy_is_kept(strategy: str) -> None:
    for shape in ((4, 4), (2000, 2000)):
        assert parconv.plan2d((shape, "float32"), TAPS, strategy=strategy).strategy == strategy


def test_a_filter_is_prepared_once() -> None:
    plan = parconv.plan2d(((9, 9), "float32"), TAPS, method="direct")
    g = np.ones((3, 3), np.float32)
    known = filter_of(g)
    assert plan.prepare(known) is plan.prepare(known) is replace(plan, threads=2).prepare(known)
    g[0, 0] = 2
    assert plan.prepare(g).values.tolist().count(2) == 1
    assert plan.prepare(g.astype(">f4")).values.tolist().count(2) == 1


def test_slow_integers_look_at_the_signals_more_often() -> None:
    """Products of 64-bit integers take longer than floating ones, in no more than 0.1 s each."""
    floats, integers = (
        parconv.plan2d(((6000, 6000), kind), ((41, 41), kind), method="direct", threads=1)
        for kind in ("float64", "int64")
    )
    assert 4 * integers.launch * len(floats.bands) <= floats.launch * len(integers.bands)


def test_the_largest_number_there_may_be() -> None:
    asked = ((9, 9), "float32"), ((1, 1), "float32")
    assert parconv.plan2d(*asked, dilation=LARGEST).problem.dilation == (LARGEST, LARGEST)
    with pytest.raises(ValueError, match=f"is too large: pass at most {LARGEST}"):
        parconv.plan2d(*asked, dilation=LARGEST + 1)
