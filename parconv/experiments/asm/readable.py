"""Compilation of what is to be read: its listing is of the very instructions that run.

What LLVM makes of a loop depends on the order in which it keeps the uses of a value, which every
run through its passes changes.  Numba lists a module that has been made executable before, so that
the listing may be of other instructions: gather3 had 219 and 221, other registers and addresses
(LLVM 20, AVX-512 and AVX2, 2026-11).  Here both are made of modules that were read from the same
bytes.
"""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
from numba.core import serialize
from numba.core.caching import NullCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult


class Library(JITCodeLibrary):  # type: ignore[misc]
    """Machine code whose listing and object come from equal modules."""

    _final_module: Any

    def _finalize_final_module(self) -> None:
        code = self._final_module.as_bitcode()
        self._listing = str(self._codegen._tm.emit_assembly(llvm.parse_bitcode(code)))
        self._final_module = llvm.parse_bitcode(code)
        super()._finalize_final_module()

    def get_asm_str(self) -> str:
        """In assembly language."""
        return self._listing

    def object_code(self) -> bytes:
        """As it was loaded."""
        return bytes(self._get_compiled_object())


class _Read(Compiler):  # type: ignore[misc]
    """Numba's compiler, into such a library."""

    def compile_extra(self, function: Callable[..., Any]) -> Any:
        codegen = self.state.targetctx.codegen()
        self.state.library = library = Library(codegen, function.__qualname__)
        library.enable_object_caching()
        return super().compile_extra(function)


class Kept(NullCache):  # type: ignore[misc]
    """One function's machine code in a file: who runs it under valgrind need not compile there."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def load_overload(self, signature: Any, target: Any) -> Any:
        """What another process kept, or None: it will be compiled."""
        if not self._path.exists():
            return None
        target.refresh()
        return CompileResult._rebuild(target, *pickle.loads(self._path.read_bytes()))

    def save_overload(self, signature: Any, result: Any) -> None:
        """For another process, unless addresses of this one are in it."""
        if not result.library.has_dynamic_globals:
            self._path.write_bytes(serialize.dumps(result._reduce()))


RULES: dict[str, Any] = {"pipeline_class": _Read}


def library_of(dispatcher: Any) -> Library:
    """Of what it was compiled for last."""
    made: Library = dispatcher.overloads[dispatcher.signatures[-1]].library
    return made
