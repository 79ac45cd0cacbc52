"""The calling thread's floating-point mode: rounding, and what becomes of denormal numbers.

Other libraries set it for the threads they know (``torch.set_flush_denormal``, code compiled with
-ffast-math): a thread that helps takes its caller's, so that one call gives one answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen import jit, machine
from ...codegen.emitted import Value, emitted, instruction
from ...codegen.simd import I32, I64

FLAGS = 0x3F  # of MXCSR: what has happened, which is no mode


@emitted(types.int64)
def mode(builder: Any) -> Value:
    """MXCSR without its flags, or FPCR; 0 on other processors."""
    if machine.IS_X86:
        place = cgutils.alloca_once(builder, I32)
        _at(builder, "llvm.x86.sse.stmxcsr", place)
        return builder.zext(builder.and_(builder.load(place), I32(~FLAGS & 0xFFFF)), I64)
    if machine.IS_ARM64:
        return instruction(builder, "llvm.aarch64.get.fpcr", I64)
    return I64(0)


@emitted()
def set_mode(builder: Any, value: Value) -> None:
    """Compute so from here on."""
    if machine.IS_X86:
        place = cgutils.alloca_once(builder, I32)
        builder.store(builder.trunc(value, I32), place)
        _at(builder, "llvm.x86.sse.ldmxcsr", place)
    elif machine.IS_ARM64:
        instruction(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), value)


def _at(builder: Any, name: str, place: Any) -> None:
    pointer = builder.bitcast(place, ir.IntType(8).as_pointer())
    instruction(builder, name, ir.VoidType(), pointer)


def _mode():
    return mode()


def _set_mode(value):
    set_mode(value)


def current() -> int:
    """The calling thread's mode, for `like`."""
    return int(jit.compiled(_mode, ())())


@contextmanager
def like(asked: int) -> Iterator[None]:
    """The calling thread computes in that mode meanwhile."""
    change, before = jit.compiled(_set_mode, (types.int64,)), current()
    change(asked)
    try:
        yield
    finally:
        change(before)
