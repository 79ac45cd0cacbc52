"""Sums of columns of integers by sliding: a pixel enters those above, another one leaves."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types

from ...codegen.elements import converted
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import Code
from ..windows.blocks import across_columns, loads, stores
from ..windows.neighbours import plus

ENTER, LEAVE, BOTH = range(3)


def _as_sums(builder: Any, pixels: Value, kinds: Any) -> Value:
    """Pixels in the type of the sums, which may count modulo a power of two."""
    source, target = kinds
    if isinstance(target, types.Float):
        return converted(builder, pixels, source, target)
    wide = ir.VectorType(ir.IntType(target.bitwidth), pixels.type.count)
    if wide == pixels.type:
        return pixels
    return (builder.sext if source.signed else builder.zext)(pixels, wide)


def _minus(builder: Any, first: Value, second: Value) -> Value:
    whole = isinstance(first.type.element, ir.IntType)
    return (builder.sub if whole else builder.fsub)(first, second)


def _emit(
    builder: Any, kinds: Any, how: int, entering: Value, leaving: Value, before: Value,
    after: Value, count: Value,
) -> None:  # fmt: skip
    code, of = Code(builder, before.type.pointee), Code(builder, entering.type.pointee)

    def pixels(start: Value, at: Value, vectors: int) -> list[Value]:
        place, lanes = of.at(start, at), code.lanes
        found = [of.load(of.at(place, n * lanes), lanes) for n in range(vectors)]
        return [_as_sums(builder, value, kinds) for value in found]

    def one(at: Value, vectors: int) -> None:
        sums = loads(code, before, at, vectors)
        if how == BOTH:
            pairs = zip(*(pixels(row, at, vectors) for row in (entering, leaving)), strict=True)
            changes = [_minus(builder, *pair) for pair in pairs]
        else:
            changes = pixels(entering if how == ENTER else leaving, at, vectors)
        combine = _minus if how == LEAVE else plus
        found = [combine(builder, *pair) for pair in zip(sums, changes, strict=True)]
        stores(code, found, after, at)

    across_columns(code, count, one)


@emitted()
def slide(
    builder: Any, f: Items, entering: Value, leaving: Value, scratch: Items, before: Value,
    after: Value, count: Value, how: Value,
) -> None:  # fmt: skip
    """Sums ``after`` a row of ``f`` entered, another left, or both; of a vector at least.

    They lie elsewhere than those ``before``: a column may be dealt with twice.
    """
    if not isinstance(f.dtype, types.Integer):  # never reached
        return
    places = f.at(entering), f.at(leaving), scratch.at(before), scratch.at(after), count
    code, kinds = Code(builder, scratch.element), (f.dtype, scratch.dtype)

    def case(how: int) -> Sequence[Value]:
        def body(inner: Any, *arguments: Value) -> None:
            _emit(inner, kinds, how, *arguments)

        call_once(builder, f"box.slide.{how}", body, places, kinds)
        return []

    code.choose(how, {how: partial(case, how) for how in (ENTER, LEAVE, BOTH)})
