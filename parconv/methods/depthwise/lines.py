"""Cache lines from scratch to the result."""

from collections.abc import Callable, Sequence
from typing import Any

from numba.core import cgutils

from ...codegen import machine
from ...codegen.emitted import Items, Value, emitted
from ...codegen.simd import I64, Code


def line_of(code: Code) -> int:
    """Elements of a cache line."""
    return machine.CACHE_LINE // code.itemsize


def drain(code: Code, base: Value, large: Value, place: Sequence[Value]) -> list[Value]:
    """Whole lines leave for the result; the rest of the last one comes first.

    ``place`` is what is done: elements from ``base`` on, where they go, and how many of them are
    not ours.  The base stands for a line of the result.  A ``large`` result goes past the caches.
    """
    builder, line = code.builder, line_of(code)
    filled, target, skip = place
    whole = builder.and_(filled, I64(-line))
    others = builder.icmp_signed(">", skip, I64(0))
    with builder.if_then(others, likely=False):
        _first_line(code, base, target, skip)
    start = builder.select(others, I64(line), I64(0))
    past = builder.icmp_signed("!=", large, I64(0))

    def lines(store: Callable[..., None]) -> None:
        with cgutils.for_range_slice(builder, start, whole, I64(line), I64) as (n, _):
            _move(code, code.at(base, n), code.at(target, n), store)

    code.store_either(past, lines)
    _move(code, code.at(base, whole), base, code.store)
    return [builder.sub(filled, whole), code.at(target, whole), I64(0)]


def _first_line(code: Code, base: Value, target: Value, skip: Value) -> None:
    """Element by element: others write the rest of the line."""

    def one(index: Value) -> list[Value]:
        at = code.builder.add(skip, index)
        code.builder.store(code.read(base, at), code.at(target, at))
        return []

    code.loop(code.builder.sub(I64(line_of(code)), skip), [], one, rolled=True)


def _move(code: Code, source: Value, target: Value, store: Callable[..., None]) -> None:
    """A line."""
    for lane in range(0, line_of(code), code.lanes):
        store(code.load(code.at(source, lane)), code.at(target, lane))


@emitted()
def leave(
    builder: Any, scratch: Items, base: Value, out: Items, run: Value, place: Sequence[Value],
    large: Value,
) -> None:  # fmt: skip
    """Emit `drain` of ``place`` = elements, and how many are not ours, to element ``run``."""
    filled, skip = place
    code = Code(builder, scratch.element)
    drain(code, scratch.at(base), large, [filled, out.at(run), skip])
