"""Distrusts products of a column and a row of which a stride leaves out results."""

import itertools
from typing import Any

import numpy as np
import pytest
from conftest import Poisoned, check_bands, check_colours, check_plan
from oracle import BORDERS, assert_same_bits

import parconv
from parconv.codegen import machine
from parconv.methods import rows, strided
from parconv.planner.plan import Plan

LANES = machine.VECTOR_BYTES // 4
LINE = machine.CACHE_LINE // 4
TILE = rows.TILE_BYTES // 4
SAME: dict[str, Any] = {"mode": "same", "boundary": "mirror"}


def image(shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
    rng, kind = np.random.default_rng([12, *shape]), np.dtype(dtype)
    if kind.kind in "iu":
        return rng.integers(0, 200, shape, kind.type)
    return rng.standard_normal(shape).astype(dtype)


def product(height: int, width: int, whole: bool = False) -> np.ndarray:
    """No two taps are equal; of integers, small ones."""
    rng = np.random.default_rng([height, width])
    if whole:
        return np.outer(rng.integers(1, 4, height), rng.integers(1, 4, width))
    return np.outer(rng.random(height) + 0.5, rng.random(width) + 0.5)


def plan_of(f: Any, g: Any, **options: Any) -> Plan:
    return parconv.plan2d(f, g, method="strided", **{"threads": 1, **options})


def check(f: np.ndarray, g: np.ndarray, **options: Any) -> None:
    """Within the bound of a plain sum of all taps, and nothing written beside the output."""
    check_plan(plan_of(f, g, **options), f, g, **options)


# Steps that shuffles sort and others, more than there are taps, and along one axis alone.
STRIDES = (1, 1), (2, 2), (1, 2), (2, 1), (3, 3), (5, 4), (1, 7), (9, 1), (4, 11)


@pytest.mark.parametrize("stride", STRIDES)
def test_strides(stride: tuple[int, int]) -> None:
    options: dict[str, Any] = {**SAME, "stride": stride}
    for width, taps in itertools.product((1, LANES + 1, 5 * LANES + 3), ((1, 2), (5, 5), (3, 12))):
        check(image((43, width)), product(*taps), **options)
        check(image((43, width), "uint8"), product(*taps), dtype="uint8", **options)
    check(
        image((2, 37, 43)), product(5, 4), boundary="wrap", stride=stride, padding=((4, 1), (0, 9))
    )
    check(image((3, 2 * TILE * stride[1] + 5)), product(4, 7), **options)
    check(image((40, 3 * LINE)), product(3, 4), dilation=(1, 3), **options)
    check_colours(plan_of, image((31, 29, 3)), product(3, 3), **options)


@pytest.mark.parametrize("stride", STRIDES)
def test_equal_bits_of_strides(stride: tuple[int, int]) -> None:
    f, g = image((3, 190, 131)), product(7, 6)
    for kind in ("float32", "uint8"):
        pixels = f.astype(kind)
        plan = plan_of(pixels, g, stride=stride, **SAME)
        right = check_bands(plan, pixels)
        assert_same_bits(plan(np.asfortranarray(pixels)), right)
        out = np.zeros((*right.shape, 2), right.dtype)[..., 1]
        assert_same_bits(plan(pixels, out).copy(), right)
    whole = parconv.conv2d(f, g, method="rows")[:, :: stride[0], :: stride[1]]
    assert_same_bits(plan_of(f, g, stride=stride)(f), whole.copy())


@pytest.mark.parametrize("border", BORDERS)
def test_borders(border: str) -> None:
    for taps in (5, 6), (20, 9):
        options: dict[str, Any] = {"boundary": (border, "wrap"), "cval": 3, "stride": (2, 3)}
        check(image((2, 37, 43)), product(*taps), mode="same", **options)
        check(image((37, 43)), product(*taps), mode="full", boundary=border, cval=2, stride=2)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float16", "float64", ">f4"])
def test_types(dtype: str) -> None:
    for taps in ((3, 3), (5, 24)):
        check(image((37, 150), dtype), product(*taps), stride=2, **SAME)
    if np.dtype(dtype).kind in "iu":
        check(image((50, 70), dtype), product(7, 5, whole=True), stride=(3, 2), **SAME)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_past_the_caches(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f, g, options = image((21, 731), dtype), product(5, 4) / 99, {**SAME, "stride": (1, 2)}
    right = plan_of(f, g, dtype=dtype, **options)(f)
    monkeypatch.setattr("parconv.codegen.machine.STREAM_BYTES", -1)
    strided.layout.cache_clear()
    for start in (0, 1, 5, LINE):
        memory = np.full((21, right.shape[1] + 3 * LINE), 99, dtype)
        out = memory[:, start : start + right.shape[1]]
        plan_of(f, g, dtype=dtype, **options)(f, out)
        assert_same_bits(out.copy(), right)
        assert (memory[:, :start] == 99).all()
        assert (memory[:, start + right.shape[1] :] == 99).all()
    monkeypatch.undo()
    strided.layout.cache_clear()


def test_nothing_is_read_beyond_the_image() -> None:
    for columns in (LANES, LANES + 1, 5 * LANES - 1):
        home = Poisoned((40, columns), np.float32)
        home.out[...] = image((40, columns))
        right = plan_of(home.out.copy(), product(5, 2), stride=2, **SAME)(home.out.copy())
        assert_same_bits(plan_of(home.out, product(5, 2), stride=2, **SAME)(home.out), right)


def test_what_it_refuses() -> None:
    def reason(dtype: str, g: Any, **options: Any) -> str:
        plan = parconv.plan2d(image((50, 70), dtype), g, **SAME | options)
        return strided.applicable(plan.problem) or ""

    assert not reason("float32", product(3, 3), stride=(1, 2))
    whole = parconv.plan2d(image((50, 70)), product(3, 3), **SAME).problem
    assert "stride" in (strided.unasked(whole) or "")
    assert not strided.applicable(whole)  # as a part of one output asks it
    assert "no product" in reason("uint8", np.eye(3), stride=2)
    assert "rows" in reason("float32", product(3, 3), stride=2, dilation=2)
    assert "complex" in reason("complex64", product(3, 3), stride=2)


@pytest.mark.skipif(not machine.FILLS_LINES, reason="measured where vectors fill lines")
def test_chosen_for_pyramids() -> None:
    g = parconv.Outer(*[np.array([1, 4, 6, 4, 1]) / 16] * 2)
    for dtype in ("uint8", "uint16", "float32"):
        f = np.zeros((1024, 1024), dtype)
        assert parconv.plan2d(f, g, stride=2, threads=1, dtype=dtype, **SAME).method == "strided"
    assert parconv.plan2d(f, product(3, 3), stride=(1, 2), threads=1, **SAME).method == "direct"
