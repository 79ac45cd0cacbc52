"""Operations that some instruction sets have an instruction for, and what stands for it elsewhere.

A row of `isa.ISA` names LLVM's instruction for what is faster so.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from . import machine
from .emitted import Value, instruction

PART = 16  # bytes, within which some move
ROUNDING = 4  # as the processor rounds anyway
_BYTES = f".v{PART}i8"  # as names of instructions end


def operation(builder: Any, name: str, result: Any, *arguments: Value) -> Value:
    """The operation of that name in `GENERIC`, by one instruction where there is one."""
    known = machine.ISA.instructions.get(name)
    if known:
        return instruction(builder, known, result, *_fitting(builder, known, arguments))
    return GENERIC[name](builder, *arguments)


def _fitting(builder: Any, known: str, arguments: Sequence[Value]) -> Sequence[Value]:
    """What an instruction takes, of which all but the first are bytes where its name ends so.

    One that may leave out lanes is told to leave out none, and to round as it does anyway.
    """
    if ".mask." in known:
        lanes = arguments[0].type.count
        every = ir.IntType(max(8, lanes))(-1)
        none = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
        return [*arguments, none, every, ir.IntType(32)(ROUNDING)]
    if ".rcp14." in known:
        [value] = arguments
        return [value, value, ir.IntType(max(8, value.type.count))(-1)]
    if not known.endswith(_BYTES):
        return arguments
    kind = ir.VectorType(ir.IntType(8), PART)
    return [arguments[0], *(builder.bitcast(value, kind) for value in arguments[1:])]


def _every(kind: Any, number: int) -> Value:
    return ir.Constant(kind, [number] * kind.count)


def _fence(builder: Any) -> None:
    """Stores past the caches come before later ones."""
    builder.fence("seq_cst")


def _dot(bits: int, signed: bool) -> Callable[..., Value]:
    """To every lane, products of its parts of so many bits; those of the first may be unsigned."""

    def dot(builder: Any, total: Value, first: Value, second: Value) -> Value:
        kind, whole = total.type, total.type.element.width
        low = _every(kind, whole - bits)
        for at in range(0, whole, bits):
            up = _every(kind, whole - bits - at)
            cut = builder.ashr if signed else builder.lshr
            a, b = (builder.shl(value, up) for value in (first, second))
            total = builder.add(total, builder.mul(cut(a, low), builder.ashr(b, low)))
        return total

    return dot


def _lookup(builder: Any, first: Value, order: Value, second: Value) -> Value:
    """Lanes of two vectors, counted through both by a vector of integers."""
    found, lanes = ir.Constant(first.type, ir.Undefined), first.type.count
    limit = order.type.element(lanes)
    for n in range(lanes):
        at = builder.extract_element(order, ir.IntType(32)(n))
        inside = builder.icmp_unsigned("<", at, limit)
        pair = (builder.extract_element(v, builder.urem(at, limit)) for v in (first, second))
        found = builder.insert_element(found, builder.select(inside, *pair), ir.IntType(32)(n))
    return found


def _bytes(builder: Any, values: Value, places: Value) -> Value:
    """Of every 16 bytes those that the places, below 16, tell."""
    found = ir.Constant(values.type, ir.Undefined)
    for n in range(values.type.count):
        at = builder.extract_element(places, ir.IntType(32)(n))
        at = builder.add(at, at.type(n // PART * PART))
        byte = builder.extract_element(values, at)
        found = builder.insert_element(found, byte, ir.IntType(32)(n))
    return found


def _packed(least: int, most: int) -> Callable[..., Value]:
    """Two vectors of signed integers with half the bits, saturated: by turns 8 bytes of each."""

    def packed(builder: Any, first: Value, second: Value) -> Value:
        kind = first.type
        half = ir.VectorType(ir.IntType(kind.element.width // 2), kind.count)
        parts = []
        for value in (first, second):
            for relation, limit in (("<", most), (">", least)):
                bound = _every(kind, limit)
                value = builder.select(builder.icmp_signed(relation, value, bound), value, bound)
            parts.append(builder.trunc(value, half))
        run = PART // (kind.element.width // 8)
        order = [
            n + m for at in range(0, kind.count, run) for m in (at, at + kind.count)
            for n in range(run)
        ]  # fmt: skip
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order)
        return builder.shuffle_vector(*parts, lanes)

    return packed


def cut_off(builder: Any, value: Value, wide: Any) -> Value:
    """Floats as integers towards zero; the least of these where none is right, and of NaN."""
    most = 2.0 ** (wide.width - 1)
    least, end = (ir.Constant(value.type, [n] * value.type.count) for n in (-most, most))
    inside = builder.and_(
        builder.fcmp_ordered(">=", value, least), builder.fcmp_ordered("<", value, end)
    )
    whole = ir.VectorType(wide, value.type.count)
    return builder.fptosi(builder.select(inside, value, least), whole)


def _inverse(builder: Any, value: Value) -> Value:
    return builder.fdiv(ir.Constant(value.type, [1.0] * value.type.count), value)


def _cut(builder: Any, value: Value) -> Value:
    return cut_off(builder, value, ir.IntType(32))


GENERIC: dict[str, Callable[..., Any]] = {
    "fence": _fence,
    "dot4": _dot(8, signed=False),
    "signed4": _dot(8, signed=True),
    "dot2": _dot(16, signed=True),
    "lookup4": _lookup,
    "lookup8": _lookup,
    "bytes": _bytes,
    "words": _packed(-(1 << 15), (1 << 15) - 1),
    "signed": _packed(-(1 << 7), (1 << 7) - 1),
    "unsigned": _packed(0, (1 << 8) - 1),
    "cut4": _cut,
    "cut8": _cut,
    "inverse4": _inverse,
    "inverse8": _inverse,
}
