"""Distrusts dot products of bytes: every bit against sums of Python integers, at every edge."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import oracle
import pytest
from conftest import Poisoned, soak
from oracle import BORDERS, MODES, assert_same_bits

import parconv
from parconv.codegen import machine
from parconv.methods import dot
from parconv.methods.dot.tile import GROUP, ROWS, TOGETHER, WIDTH
from parconv.planner import choice as planner
from parconv.runtime.strategies import STRATEGIES

# Where the machine lacks the instruction another method answers: the same bits are due.
METHOD = "dot" if machine.HAS_DOT else "auto"
RESULTS = [None, "uint8"]
if machine.HAS_DOT:
    RESULTS += ["int32", "float32"]
    RESULTS += soak("int8", "int16", "uint16", "uint32", "uint64", "float64")
RNG = np.random.default_rng(5)


def image(shape: tuple[int, ...], dtype: str = "uint8") -> np.ndarray:
    f = np.random.default_rng([*shape]).integers(0, 256, shape, np.uint8)
    return f > 127 if dtype == "bool" else f.view(dtype)


def taps(shape: tuple[int, int], largest: int = 3) -> np.ndarray:
    """Small ones of both signs, none at the rim zero: results stay within a byte here and there."""
    g = np.random.default_rng([*shape, largest]).integers(-largest, largest + 1, shape)
    return np.where(g == 0, 1, g)


def check(f: Any, g: Any, dtype: str | None = "uint8", what: str = "", **options: Any) -> None:
    """Into a poisoned output, against the answer by definition."""
    expected = oracle.expect(f, g, **options)
    result = parconv.conv2d(f, g, dtype=dtype, method=METHOD, **options)
    given = Poisoned(result.shape, result.dtype)
    parconv.conv2d(f, g, dtype=dtype, method=METHOD, out=given.out, **options)
    given.check()
    oracle.assert_right(given.out, expected, dtype or "int64", int, what)
    assert_same_bits(given.out, result, what)


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", RESULTS)
def test_results(result: str | None) -> None:
    f = image((ROWS + 5, WIDTH + 9))
    for g in (taps((3, 3)), np.array([[1, 0, -1]]), np.array([[1, 2, 1]]), taps((6, 7), 100)):
        check(f, g, result, mode="same", boundary="mirror")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool"])
def test_extreme_values(dtype: str) -> None:
    """Saturating 16-bit sums, or taps and pixels taken for each other's sign, would show here."""
    for g in itertools.product((-128, 127), repeat=4):
        for pixel in (0, 127, 128, 255):
            f = np.full((ROWS + 1, WIDTH + 3), pixel, np.uint8)
            f = f > 127 if dtype == "bool" else f.view(dtype)
            check(f, np.tile(g, (3, 3)), None, mode="same", boundary="edge")


def test_the_largest_sums() -> None:
    f = np.full((200, WIDTH + 200), 255, np.uint8)
    g = np.full((181, 181), 127)
    g[0, 0] = 3
    assert parconv.conv2d(f, g, method=METHOD).max() == 255 * int(g.sum())
    assert parconv.conv2d(f, -g, method=METHOD).min() == -255 * int(g.sum())


@pytest.mark.parametrize(("dtype", "cval"), [("uint8", 255), ("int8", -128), ("bool", 1)])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("mode", MODES)
def test_modes_and_borders(mode: str, border: str, dtype: str, cval: int) -> None:
    for shape, size in (((3, 4), (7, 9)), ((9, WIDTH + 5), (4, 6)), ((2, 2), (1, 3))):
        if mode == "valid" and shape == (2, 2):
            continue
        check(
            image(shape, dtype), taps(size), None, f"{shape}", mode=mode, boundary=border, cval=cval
        )


# --- edges of tiles, blocks, panels and groups ---------------------------------------------------


@pytest.mark.parametrize("rows", [1, ROWS - 1, ROWS, ROWS + 1, dot.BLOCK, dot.BLOCK + 1])
@pytest.mark.parametrize("columns", [1, WIDTH - 1, WIDTH, WIDTH + 1, 2 * WIDTH + 1])
def test_sizes(rows: int, columns: int) -> None:
    for result in ("uint8", "int64"):
        check(image((rows, columns)), taps((3, 3)), result, mode="same", boundary="wrap")


@pytest.mark.parametrize("width", [3, 60])
@pytest.mark.parametrize("extra", [-WIDTH - 1, -WIDTH, 0, 1])
def test_panels(width: int, extra: int) -> None:
    f, g = image((ROWS + 1, dot.LONGEST - width + extra)), taps((1, width), 1)
    check(f, g, None, mode="same", boundary="symmetric")
    check(np.tile(f, 2), g, "uint8", mode="same", boundary="symmetric")


@pytest.mark.parametrize("rows", [*range(1, GROUP + 2), 2 * GROUP + 1])
def test_filters(rows: int) -> None:
    for columns in range(1, 2 * TOGETHER + 2):
        check(image((rows + 7, WIDTH + 20)), taps((rows, columns)), None, mode="valid")


@pytest.mark.parametrize("dtype", ["uint8", *soak("int8", "bool")])
@pytest.mark.parametrize("height", [3, 11, *soak(5, 7)])
def test_tiles_that_read_the_image_itself(height: int, dtype: str) -> None:
    """Beside packed ones; rows of 4096 bytes share a set of the cache, so tall filters pack all."""
    for columns in (5 * WIDTH, 5 * WIDTH + 9, 4096):
        f = image((2 * ROWS + 9, columns), dtype)
        for width in (3, 5, 9):
            check(f, taps((height, width), 1), what=f"{width}", mode="full", cval=1)
        check(f[::-1, 7:-5], taps((height, 5), 1), mode="same", origin=(-1, 2))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [(1, 1), (1, 2), (3, 1), (2, 4)])
def test_taps_apart(dilation: tuple[int, int], channels: int) -> None:
    """In colour images and under dilation; further apart than 4 another method answers."""
    f, options = image((9, 31, channels)), {"axes": (0, 1), "mode": "same", "dilation": dilation}
    for g in (taps((3, 5)), taps((2, 9)), taps((4, 1))):
        for result, border in ((None, "constant"), ("uint8", "mirror"), ("int16", "wrap")):
            expected = oracle.expect(f, g, boundary=border, cval=3, **options)
            found = parconv.conv2d(f, g, boundary=border, cval=3, dtype=result, **options)
            oracle.assert_right(found, expected, result or "int64", int, f"{g.shape} {result}")
        near = channels * dilation[1] <= 4 or g.shape[1] == 1
        reason = dot.applicable(parconv.plan2d(f, g, **options).problem)
        assert not machine.HAS_DOT or (reason is None) == near, reason


# --- equal bits ----------------------------------------------------------------------------------

F, G = image((2 * dot.BLOCK + ROWS + 1, 3 * WIDTH + 7)), taps((5, 6))


@cache
def right_result() -> np.ndarray:
    return parconv.conv2d(F, G, mode="full", dtype="uint8", method="direct", strategy="serial")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_threads_and_strategies(strategy: str) -> None:
    for threads in (1, 2, 3):
        answer = parconv.conv2d(
            F, G, mode="full", dtype="uint8", method=METHOD, strategy=strategy, threads=threads
        )
        assert_same_bits(answer, right_result(), f"{threads}")


@pytest.mark.parametrize("height", [1, ROWS - 1, ROWS + 1, dot.BLOCK + 1])
def test_bands(height: int) -> None:
    """Any cut of rows over several planes, and nothing beside a band."""
    f = np.stack([F, F[::-1], F])
    plan = parconv.plan2d(f, G, mode="full", dtype="uint8", method=METHOD, strategy="serial")
    right = np.stack([parconv.conv2d(p, G, mode="full", dtype="uint8") for p in f])
    rows = plan.problem.planes * plan.problem.plane[0]
    bands = tuple(itertools.pairwise([*range(0, rows, height), rows]))
    assert_same_bits(replace(plan, bands=bands)(f), right)
    start, stop = bands[len(bands) // 2]
    given = Poisoned(right.shape, np.uint8)
    replace(plan, bands=((start, stop),))(f, given.out)
    given.check()
    flat = given.out.reshape(rows, -1)
    assert (flat[start:stop] == right.reshape(rows, -1)[start:stop]).all()
    assert (flat[:start] == 0xA5).all()
    assert (flat[stop:] == 0xA5).all()


def _spread(f: np.ndarray, rows: int, columns: int) -> np.ndarray:
    home = np.zeros((f.shape[0] * abs(rows), f.shape[1] * abs(columns)), f.dtype)
    view = home[:: abs(rows), :: abs(columns)][:: np.sign(rows), :: np.sign(columns)]
    view[...] = f
    return view


@pytest.mark.parametrize("steps", [(1, -1), (-1, 1), (2, 1), (1, 3), (-2, -2)])
def test_layouts(steps: tuple[int, int]) -> None:
    for layout in (lambda f: _spread(f, *steps), np.asfortranarray):
        out = layout(np.zeros_like(right_result()))
        parconv.conv2d(layout(F), layout(G), mode="full", dtype="uint8", method=METHOD, out=out)
        assert_same_bits(np.ascontiguousarray(out), right_result())


@pytest.fixture
def always_stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small images are stored as if they were larger than the caches."""
    monkeypatch.setattr(machine, "STREAM_BYTES", -1)
    dot.layout.cache_clear()
    planner.forget()
    yield
    dot.layout.cache_clear()
    planner.forget()


@pytest.mark.parametrize("columns", [WIDTH - 1, 2 * WIDTH, 4 * WIDTH, dot.LONGEST + 2 * WIDTH])
@pytest.mark.parametrize("result", ["uint8", "int16", "int64"])
def test_stores_past_the_caches(result: str, columns: int, always_stream: None) -> None:
    """A misaligned one kills the process."""
    f, g, kind = image((2, ROWS + 2, columns)), taps((3, 3)), np.dtype(result)
    right = parconv.conv2d(f, g, mode="same", dtype=result, method="direct")
    plan = parconv.plan2d(f, g, mode="same", dtype=result, method=METHOD, threads=1)
    for offset in range(0, machine.CACHE_LINE // kind.itemsize, 1 if columns < 999 else 5):
        raw = np.full(right.nbytes + 256, 0xA5, np.uint8)
        start = -raw.ctypes.data % machine.CACHE_LINE + offset * kind.itemsize
        out = raw[start : start + right.nbytes].view(kind).reshape(right.shape)
        plan(f, out)
        assert_same_bits(out, right, f"{offset}")
        assert (raw[:start] == 0xA5).all()
        assert (raw[start + right.nbytes :] == 0xA5).all()


# --- where it applies ----------------------------------------------------------------------------


def _reason(f: Any, g: Any, **options: Any) -> str | None:
    return dot.applicable(parconv.plan2d(f, g, **options).problem)


def test_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "HAS_DOT", True)
    f, g = image((40, 50)), taps((3, 3))
    assert _reason(f, g) is None
    for reason, image_, filter_, options in (
        ("8-bit images", f.astype(np.int16), g, {}),
        ("sums integers", f, g.astype(float), {}),
        ("sums integers", f, g, {"dtype": "complex64"}),
        ("do not fit int8", f, g + 127, {}),
        ("sums int32", image((300, 300)), np.full((290, 290), 127) - np.eye(290, dtype=int), {}),
        ("stride", f, g, {"stride": 2}),
        ("bytes apart", f, g, {"dilation": 5}),
        ("no 8-bit pixel", f, g, {"mode": "same", "cval": -1}),
        ("no 8-bit pixel", f.view(np.int8), g, {"mode": "same", "cval": 128}),
        ("fits its scratch", f, np.ones((1, 3000), int) + np.arange(3000) % 2, {"mode": "full"}),
        ("fits its scratch", f, np.ones((3000, 1), int), {"mode": "full"}),
    ):
        assert reason in (_reason(image_, filter_, **options) or "")


def test_auto_takes_it_where_it_is_faster() -> None:
    for side, size, name in ((28, 3, "direct"), (1024, 3, "dot"), (1024, 11, "dot")):
        plan = parconv.plan2d(image((side, side)), taps((size, size)), mode="same", dtype="uint8")
        assert plan.method == (name if machine.HAS_DOT else "direct")


def test_a_machine_without_the_instruction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "HAS_DOT", False)
    planner.forget()
    try:
        with pytest.raises(ValueError, match="no dot products of bytes"):
            parconv.conv2d(F, G, method="dot")
        plan = parconv.plan2d(F, G, mode="full", dtype="uint8")
        assert plan.method == "direct"
        assert "dot: the machine has no dot products" in plan.explain()
        assert_same_bits(plan(F), right_result())
    finally:
        planner.forget()
