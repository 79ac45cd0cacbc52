"""Distrusts images and results in columns: copies by blocks, and calls that make or spare them."""

from typing import Any

import numpy as np
import pytest
from oracle import assert_same_bits

import parconv
from parconv.codegen import machine
from parconv.runtime import turning

RNG = np.random.default_rng(15)
MEAN, TAPS, HOLES = np.full((3, 3), 1 / 9), RNG.random((5, 4)), np.eye(3)
SAME: dict[str, Any] = {"mode": "same", "boundary": "mirror"}
# a group of rows and a strip of columns, and both with something left over, of which the last block
# is pulled back
LEAST = max(machine.VECTOR_BYTES, turning.MOST)
SIZES = [LEAST, LEAST + 1, turning.GROUP, turning.GROUP + 35]


def image(shape: tuple[int, int], dtype: str) -> Any:
    info = np.iinfo(dtype)
    return RNG.integers(info.min, info.max, shape, endpoint=True).astype(dtype)


def columns_of(array: Any) -> Any:
    """The same numbers in columns, a few apart, amid others."""
    height, width = array.shape
    around = np.full((width + 2, height + 3), 99, array.dtype).T
    inside = around[1:-2, 1:-1]
    inside[...] = array
    return around, inside


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
@pytest.mark.parametrize("height", SIZES)
@pytest.mark.parametrize("width", SIZES)
def test_there_and_back(dtype: str, height: int, width: int) -> None:
    f = image((height, width), dtype)
    _, given = columns_of(f)
    for each in (given, np.asfortranarray(f), np.asfortranarray(f)[:, ::-1]):
        assert turning.is_due(each)
        rows = turning.in_rows(each[None])
        assert rows.flags.c_contiguous
        assert_same_bits(rows[0], each)
    around, out = columns_of(np.zeros_like(f))
    rows = turning.rows_for(out[None])
    rows[0] = f
    turning.deliver(rows, out[None])
    assert_same_bits(np.ascontiguousarray(out), f)
    out[...] = 99
    assert (around == 99).all()


def test_what_is_left_as_it_lies() -> None:
    small = np.asfortranarray(image((LEAST - 1, 90), "uint8"))
    narrow = np.asfortranarray(image((90, LEAST - 1), "uint8"))
    wide = np.asfortranarray(image((90, 90), "int32"))
    rows = image((90, 90), "uint8")
    for f in (small, narrow, wide, rows, rows[:, ::2], np.asfortranarray(rows)[::2]):
        assert turning.in_rows(f[None]).base is not None
        assert np.shares_memory(turning.in_rows(f[None]), f)
        assert np.shares_memory(turning.rows_for(f[None]), f)


QUESTIONS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "box": ("uint8", MEAN, {"dtype": "uint8"}),
    "box of 16 bits": ("uint16", MEAN, {"dtype": "uint16"}),
    "to floats": ("int16", TAPS, {"dtype": "float32"}),
    "from wide integers": ("int32", TAPS, {"dtype": "uint8"}),
    "zero taps": ("uint8", HOLES, {"boundary": "constant", "cval": np.nan, "dtype": "float32"}),
    "larger": ("uint8", TAPS, {"mode": "full", "dtype": "int8"}),
    "transform": ("uint16", TAPS, {"method": "fft", "dtype": "uint16"}),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", QUESTIONS)
def test_calls_have_the_bits_of_rows(kind: str, threads: int) -> None:
    """In a first call and a later one, which compiled code looks at."""
    dtype, g, asked = QUESTIONS[kind]
    f = image((150, 131), dtype)
    plan = parconv.plan2d(f, g, threads=threads, **{**SAME, **asked})
    right = plan(f)
    lacking = np.nan if right.dtype.kind == "f" else 77
    for given in (np.asfortranarray(f), columns_of(f)[1], f):
        for order in "CF":
            for _ in range(2):
                out = np.full(right.shape, lacking, right.dtype, order=order)  # type: ignore[call-overload]
                assert plan(given, out) is out
                assert_same_bits(np.ascontiguousarray(out), right)
            assert_same_bits(plan(given), right)


def test_a_bound_call_sees_what_its_image_holds_by_then() -> None:
    f = np.asfortranarray(image((150, 131), "uint8"))
    plan = parconv.plan2d(f, MEAN, threads=1, dtype="uint8", **SAME)
    for order in "CF":
        out = np.empty(f.shape, np.uint8, order=order)  # type: ignore[call-overload]
        call = plan.bind(f, out)
        for _ in range(2):
            f[...] = image(f.shape, "uint8")
            call()
            assert_same_bits(np.ascontiguousarray(out), plan(np.ascontiguousarray(f)))


def test_a_result_over_its_image() -> None:
    f = image((150, 131), "uint8")
    plan, given = parconv.plan2d(f, MEAN, threads=1, dtype="uint8", **SAME), np.asfortranarray(f)
    plan(given, given)
    assert_same_bits(np.ascontiguousarray(given), plan(f))
