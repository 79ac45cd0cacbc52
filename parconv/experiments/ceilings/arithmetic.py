"""Compiled loops of multiply-adds that stay in registers, and the chain that tells the clock.

Times nothing; compiles a loop when it is first asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numpy.typing import NDArray

from parconv.codegen import jit, machine
from parconv.codegen.emitted import Items, Value, emitted, instruction
from parconv.codegen.simd import I32, I64, Code

from .gate import Gate, meet, new_gate

Bytes = NDArray[np.uint8]

# Independent chains hide the latency of an FMA (4 cycles x 2 to 4 pipes = 8 to 16) and still
# leave registers for the two operands.
CHAINS = machine.ISA.choose({32: 16, 16: 12})
LINKS = 64  # one-cycle operations in one step of the clock's chain

FLOAT, DOUBLE, I8, I16 = ir.FloatType(), ir.DoubleType(), ir.IntType(8), ir.IntType(16)


@dataclass(frozen=True)
class Arithmetic:
    """A vector instruction that multiplies and adds: ``a * m + k``, or ``a`` + a dot product.

    ``total`` and ``factor`` are the element types of a and of m and k; every element of m and k is
    ``one``, of type ``dtype``.  A dot product sums ``terms`` products in each element of a, and
    has the name of LLVM's ``instruction``.
    """

    name: str
    total: Any
    factor: Any
    dtype: str
    one: float
    terms: int = 1
    instruction: str = ""

    @property
    def operations(self) -> int:
        """Multiplications and additions of one instruction."""
        return 2 * self.terms * self.lanes

    @property
    def lanes(self) -> int:
        """Elements of a."""
        return machine.lanes(self.terms * np.dtype(self.dtype).itemsize)

    def operands(self) -> Bytes:
        """m and k."""
        lanes = machine.lanes(np.dtype(self.dtype).itemsize)
        return np.full(2 * lanes, self.one, self.dtype).view(np.uint8)

    def emit(self, code: Code, a: Value, m: Value, k: Value) -> Value:
        builder = code.builder
        if self.instruction:
            return instruction(builder, self.instruction, a.type, a, m, k)
        if self.total in (FLOAT, DOUBLE):
            return Code(builder, self.total).fma(a, m, k)
        return builder.add(builder.mul(a, m), k)


_BITS = 8 * machine.VECTOR_BYTES
# With m = k = 1/2 floating sums tend to 1: no overflow, no denormals.
MULTIPLY_ADDS = (
    Arithmetic("float32", FLOAT, FLOAT, "f4", 0.5),
    Arithmetic("float64", DOUBLE, DOUBLE, "f8", 0.5),
    Arithmetic("int32", I32, I32, "i4", 1),
    Arithmetic("int64", I64, I64, "i8", 1),
)
FLOAT32, FLOAT64 = MULTIPLY_ADDS[:2]
DOT_PRODUCTS = (
    Arithmetic("uint8 · int8", I32, I8, "i1", 1, 4, f"llvm.x86.avx512.vpdpbusd.{_BITS}"),
    Arithmetic("int16 · int16", I32, I16, "i2", 1, 2, f"llvm.x86.avx512.vpdpwssd.{_BITS}"),
    Arithmetic("int8 · int8", I32, I8, "i1", 1, 4, "llvm.aarch64.neon.sdot.v4i32.v16i8"),
)

_DOT_PROBE = """
define i32 @probe(<64 x i8> %a, <64 x i8> %b) {{
  %x = {extension} <64 x i8> %a to <64 x i32>
  %y = sext <64 x i8> %b to <64 x i32>
  %products = mul <64 x i32> %x, %y
  %sum = call i32 @llvm.vector.reduce.add.v64i32(<64 x i32> %products)
  ret i32 %sum
}}
declare i32 @llvm.vector.reduce.add.v64i32(<64 x i32>)
"""


@cache
def obstacle(kind: Arithmetic) -> str | None:
    """Why the instruction is not to be had here, or None.

    The compiler is shown a plain sum of products: it takes the instruction where there is one.
    """
    if not kind.instruction:
        return None
    x86 = ".x86." in kind.instruction
    if x86 != machine.IS_X86:
        return f"an instruction of {'x86' if x86 else 'ARM'} processors"
    mnemonic, extension = ("vpdpbusd", "zext") if x86 else ("sdot", "sext")
    if mnemonic not in machine.assembly(_DOT_PROBE.format(extension=extension)):
        return f"this processor has no {'AVX-512 VNNI nor AVX-VNNI' if x86 else 'dotprod'}"
    return None


@cache
def chains(kind: Arithmetic) -> Callable[[Gate, Bytes, int], None]:
    """``loop(gate, operands, steps)``: so many instructions in each of CHAINS chains.

    The chains depend on nothing but themselves; their sum replaces m, so that none is optimised
    away.
    """

    @emitted()
    def repeat(builder: Any, operands: Items, steps: Value) -> None:
        code, pointer = Code(builder, I64), operands.at()
        factors, totals = _vector_of(kind.factor), _vector_of(kind.total)
        m, k = (
            builder.load(builder.bitcast(at, factors.as_pointer()), align=1)
            for at in (pointer, code.at(pointer, machine.VECTOR_BYTES))
        )
        zeros = [ir.Constant(totals, [0] * totals.count)] * CHAINS
        first, *others = code.loop(
            steps, zeros, lambda _, *carried: [kind.emit(code, a, m, k) for a in carried]
        )
        add = builder.fadd if kind.total in (FLOAT, DOUBLE) else builder.add
        for other in others:
            first = add(first, other)
        builder.store(first, builder.bitcast(pointer, totals.as_pointer()), align=1)

    @jit.jit(called=True)
    def loop(gate: Gate, operands: Bytes, steps: int) -> None:
        meet(gate)
        repeat(operands, steps)

    loop(new_gate(1), kind.operands(), 1)  # compiled
    return loop  # type: ignore[no-any-return]


def _vector_of(kind: Any) -> Any:
    bits = {"float": 32, "double": 64}.get(str(kind)) or kind.width
    return ir.VectorType(kind, _BITS // bits)


@emitted(types.int64)
def _links(builder: Any, value: Value, mask: Value, steps: Value) -> Value:
    def body(_: Any, value: Value) -> list[Value]:
        for _ in range(LINKS // 2):
            value = builder.add(builder.xor(value, mask), mask)
        return [value]

    (value,) = Code(builder, I64).loop(steps, [value], body)
    return value


@cache
def clock_chain() -> Callable[[Gate, int, int, int], int]:
    """``loop(gate, value, mask, steps)``: LINKS operations a step, each waiting for the one before.

    Additions alone would not do: some processors add constants while they rename registers.
    """

    @jit.jit(called=True)
    def loop(gate: Gate, value: int, mask: int, steps: int) -> int:
        meet(gate)
        return _links(value, mask, steps)  # type: ignore[no-any-return]

    loop(new_gate(1), 1, 3, 1)
    return loop  # type: ignore[no-any-return]
