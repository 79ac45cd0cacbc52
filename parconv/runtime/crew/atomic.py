"""Words that several threads share, and the system's functions, for compiled code.

A board is a 1-D array of int64.  Every operation on its words is sequentially consistent: what one
thread wrote before it set a word, another finds once it has read that word.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...codegen import machine
from ...codegen.simd import I32, I64, data_pointer

ORDER = "seq_cst"
SPIN_HINT = 1  # ARM's YIELD


def word(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Pointer to the word that the first two arguments (board, place) name."""
    return data_pointer(context, builder, signature.args[0], args[0], args[1])


@intrinsic
def load(typing: Any, board: Any, at: Any) -> Any:
    """The word there."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(word(context, builder, signature, args), ORDER, 8)

    return types.int64(board, types.intp), codegen


@intrinsic
def store(typing: Any, board: Any, at: Any, value: Any) -> Any:
    """Set it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[2], word(context, builder, signature, args), ORDER, 8)
        return context.get_dummy_value()

    return types.void(board, types.intp, types.int64), codegen


@intrinsic
def add(typing: Any, board: Any, at: Any, amount: Any) -> Any:
    """Add to it; the value before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", word(context, builder, signature, args), args[2], ORDER)

    return types.int64(board, types.intp, types.int64), codegen


@intrinsic
def swap(typing: Any, board: Any, at: Any, old: Any, new: Any) -> Any:
    """Set it to ``new`` if it is ``old``; whether it was."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = word(context, builder, signature, args)
        result = builder.cmpxchg(pointer, args[2], args[3], ORDER, ORDER)
        return builder.extract_value(result, 1)

    return types.boolean(board, types.intp, types.int64, types.int64), codegen


@intrinsic
def address(typing: Any, board: Any, at: Any) -> Any:
    """Of the word, for the system's functions."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(word(context, builder, signature, args), I64)

    return types.int64(board, types.intp), codegen


@intrinsic
def pause(typing: Any) -> Any:
    """One turn of a loop that waits for another core, which it tells the processor."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if machine.IS_X86:
            _instruction(builder, "llvm.x86.sse2.pause")
        elif machine.IS_ARM64:
            _instruction(builder, "llvm.aarch64.hint", I32(SPIN_HINT))
        return context.get_dummy_value()

    return types.void(), codegen


def _instruction(builder: Any, name: str, *arguments: Any) -> Any:
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def _ask(arguments: int) -> Any:
    """A call of the system's function at an address, with so many integers or addresses.

    The result is an int; of a function that returns nothing it means nothing.  Addresses travel as
    numbers on the board: compiled code is kept on disk, and the next process has others.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(I32, [I64] * arguments)
        function = builder.inttoptr(args[0], kind.as_pointer())
        return builder.sext(builder.call(function, args[1:]), I64)

    return types.int64(*[types.int64] * (arguments + 1)), codegen


@intrinsic
def ask1(typing: Any, function: Any, first: Any) -> Any:
    """Call the system's function at that address with one integer."""
    return _ask(1)


@intrinsic
def ask2(typing: Any, function: Any, first: Any, second: Any) -> Any:
    """With two."""
    return _ask(2)


@intrinsic
def ask3(typing: Any, function: Any, first: Any, second: Any, third: Any) -> Any:
    """With three."""
    return _ask(3)


@intrinsic
def read_clock(typing: Any, function: Any, clock: Any, tick: Any) -> Any:
    """Nanoseconds: of ``clock_gettime`` for that clock, or of a counter with so many a tick."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function, clock, tick = args
        place = cgutils.alloca_once(builder, ir.ArrayType(I64, 2))
        where, counts = builder.ptrtoint(place, I64), builder.icmp_signed("!=", tick, I64(0))
        kind = ir.FunctionType(I32, [I64, I64]).as_pointer()
        first = builder.select(counts, where, clock)
        builder.call(builder.inttoptr(function, kind), [first, where])
        whole, rest = (builder.load(builder.gep(place, [I32(0), I32(n)])) for n in range(2))
        time = builder.add(builder.mul(whole, I64(10**9)), rest)
        return builder.select(counts, builder.mul(whole, tick), time)

    return types.int64(*[types.int64] * 3), codegen
