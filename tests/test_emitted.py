"""Distrusts the glue between compiled code and what is written as LLVM IR."""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import pytest
from numba import types

from parconv.codegen import jit
from parconv.codegen.emitted import Items, Value, call_once, emitted
from parconv.codegen.simd import I64


@emitted(types.int64)
def total(builder: Any, numbers: Sequence[Value], flag: Value) -> Value:
    """The sum of a tuple of any length, or 0."""
    found = I64(0)
    for number in numbers:
        assert number.type == I64
        found = builder.add(found, number)
    return builder.select(flag, found, I64(0))


@emitted(lambda x, at, other: x.dtype)
def element(builder: Any, x: Items, at: Value, other: Items) -> Value:
    """``x[at]``, or nothing emitted where the arrays differ in type."""
    return builder.load(x.at(at)) if x.dtype == other.dtype else x.element(0)


@emitted(types.int64, known=["times"])
def multiplied(builder: Any, number: Value, times: int) -> Value:
    return builder.mul(number, I64(times * times))


@emitted()
def add_to(builder: Any, x: Items, at: Value, amount: Value) -> None:
    def body(inner: Any, pointer: Value, amount: Value) -> None:
        inner.store(inner.add(inner.load(pointer), amount), pointer)

    call_once(builder, "test", body, [x.at(at), amount], ["sum"])


def test_integers_of_any_size_and_tuples() -> None:
    @numba.njit
    def run(a: Any, b: Any, flag: Any) -> Any:
        return total((a, b, 5), flag), total((), flag), total((a, 1), not flag)

    assert run(np.uint8(200), np.int32(-7), True) == (198, 0, 0)
    assert run(np.uint8(200), np.int16(1), False) == (0, 0, 201)


def test_what_arrays_hold() -> None:
    run = numba.njit(lambda x, at, other: element(x, at, other))
    x = np.array([1.5, 2.5], np.float32)
    assert run(x, 1, x) == 2.5
    assert run(x, np.int8(1), x.astype(float)) == 0
    assert run.nopython_signatures[0].return_type == types.float32


def test_what_is_known() -> None:
    assert numba.njit(lambda n: multiplied(n, 3))(5) == 45


def test_callers_share_one_function() -> None:
    @numba.njit
    def run(x: Any, y: Any) -> None:
        add_to(x, 0, 3)
        add_to(x, 1, 4)
        add_to(y, 0, 5)

    x, y = np.zeros(2, np.int64), np.zeros(1, np.int64)
    run(x, y)
    assert (x.tolist(), y.tolist()) == ([3, 4], [5])
    (code,) = run.inspect_llvm().values()
    assert code.count("define linkonce_odr void @parconv.test.i64.sum") == 1
    assert code.count("call void @parconv.test.i64.sum") == 3


def test_parts_are_for_compiled_code_alone() -> None:
    """They have no machine code of their own: a call from Python is refused and crashes nothing."""

    @jit.jit()
    def doubled(value):  # type: ignore[no-untyped-def]
        return value + value

    def called(value):  # type: ignore[no-untyped-def]
        return doubled(value) + doubled(value + 1)

    assert jit.compiled(called, (types.int64,))(5) == 22
    for _ in range(2):  # found compiled the second time
        with pytest.raises(MemoryError):
            doubled(5)
    assert doubled.py_func(5) == 10
