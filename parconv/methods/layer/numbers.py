"""Integers in a worker's scratch, whose elements are those of the sums."""

from typing import Any

from ...codegen.emitted import Items, Value, emitted
from ...codegen.simd import I64


@emitted()
def put(builder: Any, scratch: Items, at: Value, value: Value) -> None:
    """Write the ``at``-th int64 of scratch."""
    builder.store(value, scratch.at(at, I64), align=scratch.itemsize)
