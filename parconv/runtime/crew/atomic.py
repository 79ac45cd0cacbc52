"""Words that several threads share, and the system's functions, for compiled code.

A board is a 1-D array of int64.  Every operation on its words is sequentially consistent: what one
thread wrote before it set a word, another finds once it has read that word.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen import machine
from ...codegen.emitted import Items, Value, emitted, instruction
from ...codegen.simd import I32, I64

ORDER = "seq_cst"
SPIN_HINT = 1  # ARM's YIELD


@emitted(types.int64)
def load(builder: Any, board: Items, at: Value) -> Value:
    """The word there."""
    return builder.load_atomic(board.at(at), ORDER, 8)


@emitted()
def store(builder: Any, board: Items, at: Value, value: Value) -> None:
    """Set it."""
    builder.store_atomic(value, board.at(at), ORDER, 8)


@emitted(types.int64)
def add(builder: Any, board: Items, at: Value, amount: Value) -> Value:
    """Add to it; the value before."""
    return builder.atomic_rmw("add", board.at(at), amount, ORDER)


@emitted(types.boolean)
def swap(builder: Any, board: Items, at: Value, old: Value, new: Value) -> Value:
    """Set it to ``new`` if it is ``old``; whether it was."""
    return builder.extract_value(builder.cmpxchg(board.at(at), old, new, ORDER, ORDER), 1)


@emitted(types.int64)
def address(builder: Any, board: Items, at: Value) -> Value:
    """Of the word, for the system's functions."""
    return builder.ptrtoint(board.at(at), I64)


@emitted()
def pause(builder: Any) -> None:
    """One turn of a loop that waits for another core, which it tells the processor."""
    if machine.IS_X86:
        instruction(builder, "llvm.x86.sse2.pause", ir.VoidType())
    elif machine.IS_ARM64:
        instruction(builder, "llvm.aarch64.hint", ir.VoidType(), I32(SPIN_HINT))


def _ask(builder: Any, function: Value, *arguments: Value) -> Value:
    """A call of the system's function at an address, with integers or addresses.

    The result is an int; of a function that returns nothing it means nothing.  Addresses travel as
    numbers on the board: compiled code is kept on disk, and the next process has others.
    """
    kind = ir.FunctionType(I32, [I64] * len(arguments))
    return builder.sext(builder.call(builder.inttoptr(function, kind.as_pointer()), arguments), I64)


@emitted(types.int64)
def ask1(builder: Any, function: Value, first: Value) -> Value:
    """Call the system's function at that address with one integer."""
    return _ask(builder, function, first)


@emitted(types.int64)
def ask2(builder: Any, function: Value, first: Value, second: Value) -> Value:
    """With two."""
    return _ask(builder, function, first, second)


@emitted(types.int64)
def ask3(builder: Any, function: Value, first: Value, second: Value, third: Value) -> Value:
    """With three."""
    return _ask(builder, function, first, second, third)


@emitted(types.int64)
def read_clock(builder: Any, function: Value, clock: Value, tick: Value) -> Value:
    """Nanoseconds: of ``clock_gettime`` for that clock, or of a counter with so many a tick."""
    place = cgutils.alloca_once(builder, ir.ArrayType(I64, 2))
    where, counts = builder.ptrtoint(place, I64), builder.icmp_signed("!=", tick, I64(0))
    first = builder.select(counts, where, clock)
    _ask(builder, function, first, where)
    whole, rest = (builder.load(builder.gep(place, [I32(0), I32(n)])) for n in range(2))
    time = builder.add(builder.mul(whole, I64(10**9)), rest)
    return builder.select(counts, builder.mul(whole, tick), time)
