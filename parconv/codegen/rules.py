"""How sums become results, where these are not simply the nearest: emitted for vectors.

The rule is part of the type by which compiled code knows a result: `Stored`.
"""

from functools import cache
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core.datamodel import models, register_default

from ..problem.dtypes import DType
from ..problem.store import Store
from .elements import converted
from .emitted import Value, instruction
from .operations import cut_off, operation
from .simd import I1, I32, I64, Code


class Stored(types.Type):  # type: ignore[misc]
    """An integer type with the rule by which sums become such.

    ``exact``: sums are integers, whatever their type; ``truth``: any sum but 0 is 1.
    """

    def __init__(self, whole: Any, rounding: str, overflow: str, exact: bool, truth: bool) -> None:
        self.whole, self.rounding, self.overflow = whole, rounding, overflow
        self.exact, self.truth = exact, truth
        words = [rounding, overflow, *["exact"] * exact, *["truth"] * truth]
        super().__init__(f"parconv.{whole}.{'.'.join(words)}")
        self.bitwidth, self.minval, self.maxval = whole.bitwidth, whole.minval, whole.maxval


register_default(Stored)(models.IntegerModel)


@cache
def stored(result: DType, store: Store, exact: bool) -> Any:
    """What compiled code stores as such a result, given as `problem.dtypes.kernel_dtype` tells."""
    kind = numba.from_dtype(result)
    if kind == types.boolean:
        return Stored(types.uint8, "even", "saturate", exact=False, truth=True)
    if not isinstance(kind, types.Integer):
        return kind
    exact = exact and store.overflow == "wrap"  # elsewhere it makes no difference
    return Stored(kind, store.rounding, store.overflow, exact, truth=False)


def by_rule(builder: Any, value: Value, sums: Any, kind: Any, beyond: Value = None) -> Value:
    """A vector of sums as a vector of results.

    ``beyond``: pointer to a number that becomes 1 where the type does not hold what its rule asks.
    """
    if not isinstance(kind, Stored):
        return value if kind == sums else converted(builder, value, sums, kind)
    if kind.truth:
        return builder.zext(_is_true(builder, value, sums), _vector(value, ir.IntType(8)))
    if isinstance(sums, types.Float) and not kind.exact:
        value = _whole(builder, value, sums, kind)
    if kind.overflow == "raise":
        _note(builder, value, sums, kind, beyond)
    if kind.overflow == "wrap":
        return _wrapped(builder, value, sums, kind)
    return converted(builder, value, sums, kind.whole)


def put_by_rule(builder: Any, sums: Any, number: Value, kind: Stored, result: Value) -> None:
    """One sum as a result, by pointers to both."""
    one = ir.VectorType(number.type.pointee, 1)
    value = builder.load(builder.bitcast(number, one.as_pointer()))
    builder.store(builder.extract_element(by_rule(builder, value, sums, kind), I32(0)), result)


def finished(code: Code, value: Value, scale: Value, bias: Value) -> Value:
    """Sums scaled and shifted; integers are not scaled."""
    return code.builder.add(value, bias) if code.kind == I64 else code.fma(value, scale, bias)


def _is_true(builder: Any, value: Value, sums: Any) -> Value:
    zeros = ir.Constant(value.type, None)
    real = isinstance(sums, types.Float)
    return (builder.fcmp_unordered if real else builder.icmp_signed)("!=", value, zeros)


def _whole(builder: Any, value: Value, sums: Any, kind: Stored) -> Value:
    """Rounded, where the conversion that follows does not do so, or cut off, itself."""
    if kind.rounding == "even" and kind.overflow == "saturate":
        return value
    if kind.rounding == "trunc" and kind.overflow == "wrap" and kind.whole != types.uint64:
        return value
    name = {"even": "rint", "trunc": "trunc"}[kind.rounding]
    width = f"v{value.type.count}f{sums.bitwidth}"
    return instruction(builder, f"llvm.{name}.{width}", value.type, value)


def _note(builder: Any, value: Value, sums: Any, kind: Stored, beyond: Value) -> None:
    """Where a number is below the least, or above the greatest, or none."""
    if isinstance(sums, types.Float):
        below = builder.fcmp_unordered("<", value, _every(value, float(kind.minval)))
        above = builder.fcmp_unordered(">=", value, _every(value, float(kind.maxval + 1)))
    else:
        greatest = min(kind.maxval, types.int64.maxval)
        below = builder.icmp_signed("<", value, _every(value, kind.minval))
        above = builder.icmp_signed(">", value, _every(value, greatest))
    some = builder.or_(below, above)
    name = f"llvm.vector.reduce.or.v{value.type.count}i1"
    with builder.if_then(instruction(builder, name, I1, some), likely=False):
        builder.store(I64(1), beyond)


def _wrapped(builder: Any, value: Value, sums: Any, kind: Stored) -> Value:
    """Modulo 2**n; of rounded floats as far as `_through` goes."""
    if not isinstance(sums, types.Float):
        return _cut(builder, value, kind)
    if kind.exact:
        wide = I32 if sums.bitwidth == 32 else I64
        return _cut(builder, builder.fptosi(value, _vector(value, wide)), kind)
    if kind.whole == types.uint64:
        return _magnitude(builder, value)
    return _cut(builder, _through(builder, value, kind), kind)


def _through(builder: Any, value: Value, kind: Stored) -> Value:
    """By way of int32, or int64: what that does not hold, and NaN, is its least value.

    So scipy.ndimage on x86, whose processors convert like this.  Nanoseconds a pixel of 1024 x 512
    uint16, sums in double, at 3, 5, 9 taps along rows, one thread, by comparisons and by that
    instruction alone: 0.61 0.72 0.93, 0.37 0.46 0.66 (Zen 4 VM, 2026-11).
    """
    wide = I64 if kind.bitwidth == 64 or kind.whole == types.uint32 else I32
    code, count = Code(builder, value.type.element), value.type.count
    if wide == I64 or count % code.lanes:
        return cut_off(builder, value, wide)
    pieces = [code.piece(value, at, code.lanes) for at in range(0, count, code.lanes)]
    name, whole = f"cut{code.itemsize}", ir.VectorType(I32, code.lanes)
    return code.joined([operation(builder, name, whole, piece) for piece in pieces])


def _magnitude(builder: Any, value: Value) -> Value:
    """As uint64 by |value| below 2**64, else 0; NaN is 2**63."""
    width = {"float": 32, "double": 64}[str(value.type.element)]
    name = f"llvm.fabs.v{value.type.count}f{width}"
    size, none = instruction(builder, name, value.type, value), _every(value, 0.0)
    size = builder.select(builder.fcmp_ordered("<", size, _every(value, 2.0**64)), size, none)
    found = builder.fptoui(size, _vector(value, I64))
    negative = builder.fcmp_ordered("<", value, none)
    found = builder.select(negative, builder.sub(_every(found, 0), found), found)
    return builder.select(
        builder.fcmp_unordered("uno", value, value), _every(found, 1 << 63), found
    )


def _cut(builder: Any, value: Value, kind: Stored) -> Value:
    """Integers of some width as those of another, modulo 2**n."""
    width, wanted = value.type.element.width, kind.bitwidth
    if width == wanted:
        return value
    return (builder.trunc if width > wanted else builder.sext)(
        value, _vector(value, ir.IntType(wanted))
    )


def _vector(value: Value, element: Any) -> Any:
    return ir.VectorType(element, value.type.count)


def _every(value: Value, number: float) -> Value:
    return ir.Constant(value.type, [number] * value.type.count)
