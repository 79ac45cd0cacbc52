"""Loads and stores of some lanes of a vector."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from ...simd import I32, Code, Value


def masked_load(code: Code, pointer: Value, lanes: Value) -> Value:
    """A vector with zeros in the lanes that are not wanted, whose memory is not read."""
    return _masked(code, "load", code.vector, [], pointer, [lanes, code.zero])


def masked_store(code: Code, value: Value, pointer: Value, lanes: Value) -> None:
    """Some lanes of a vector; the memory of the others is not written."""
    _masked(code, "store", ir.VoidType(), [value], pointer, [lanes])


def _masked(
    code: Code,
    name: str,
    result: Any,
    first: Sequence[Value],
    pointer: Value,
    last: Sequence[Value],
) -> Value:
    builder = code.builder
    whole = builder.bitcast(pointer, code.vector.as_pointer())
    arguments = [*first, whole, I32(code.itemsize), *last]
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    full = f"llvm.masked.{name}.v{code.lanes}f{8 * code.itemsize}.p0"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, full), arguments)
