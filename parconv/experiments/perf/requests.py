"""Requests from compiled code to callgrind, which runs it: count from here, count no further.

Outside valgrind they do nothing.  They are the reason why neither Python's start nor Numba's is
counted, and why both run fast: callgrind looks at no instruction before the first request.
"""

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from parconv.codegen import jit

_BASE = ord("C") << 24 | ord("T") << 16  # callgrind's requests, from its header file
ZERO, START, STOP = _BASE + 1, _BASE + 4, _BASE + 5

# Four rotations by 128 bits in all, and an exchange of a register with itself: no compiler emits
# them, they change nothing, and valgrind reads the request at the address in RAX.
_MAGIC = "rolq $$3, %rdi; rolq $$13, %rdi; rolq $$61, %rdi; rolq $$51, %rdi; xchgq %rbx, %rbx"
llvm.initialize_native_asmparser()  # Numba leaves it out, and LLVM aborts without it
_I64 = ir.IntType(64)
_WORDS = 6  # the request and five arguments


def _emit(typing: Any, code: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        words = cgutils.alloca_once(builder, ir.ArrayType(_I64, _WORDS), zfill=True)
        builder.store(args[0], builder.bitcast(words, _I64.as_pointer()))
        address = builder.ptrtoint(words, _I64)
        kind = ir.FunctionType(_I64, [_I64, _I64])
        magic = ir.InlineAsm(kind, _MAGIC, "={dx},{ax},0,~{cc},~{memory}", side_effect=True)
        return builder.call(magic, [address, _I64(0)])

    return types.int64(types.int64), codegen


_send: Any = intrinsic(_emit)


@jit.jit(keep=True)
def request(code: int) -> None:
    """Send one request; x86-64 only."""
    _send(code)
