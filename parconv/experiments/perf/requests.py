"""Requests from compiled code to callgrind, which runs it: count from here, count no further.

Outside valgrind they do nothing.  They are the reason why neither Python's start nor Numba's is
counted, and why both run fast: callgrind looks at no instruction before the first request.
"""

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils

from parconv.codegen import jit
from parconv.codegen.emitted import Value, emitted
from parconv.codegen.simd import I64

_BASE = ord("C") << 24 | ord("T") << 16  # callgrind's requests, from its header file
ZERO, START, STOP = _BASE + 1, _BASE + 4, _BASE + 5

# Four rotations by 128 bits in all, and an exchange of a register with itself: no compiler emits
# them, they change nothing, and valgrind reads the request at the address in RAX.
_MAGIC = "rolq $$3, %rdi; rolq $$13, %rdi; rolq $$61, %rdi; rolq $$51, %rdi; xchgq %rbx, %rbx"
llvm.initialize_native_asmparser()  # Numba leaves it out, and LLVM aborts without it
_WORDS = 6  # the request and five arguments


@emitted(types.int64)
def _send(builder: Any, code: Value) -> Value:
    words = cgutils.alloca_once(builder, ir.ArrayType(I64, _WORDS), zfill=True)
    builder.store(code, builder.bitcast(words, I64.as_pointer()))
    address = builder.ptrtoint(words, I64)
    kind = ir.FunctionType(I64, [I64, I64])
    magic = ir.InlineAsm(kind, _MAGIC, "={dx},{ax},0,~{cc},~{memory}", side_effect=True)
    return builder.call(magic, [address, I64(0)])


@jit.jit(keep=True)
def request(code: int) -> None:
    """Send one request; x86-64 only."""
    _send(code)
