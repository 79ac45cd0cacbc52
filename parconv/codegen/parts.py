"""Parts of kernels: functions that only compiled code calls, optimised and finished within it.

Numba finishes each function by itself, and throws the machine code away once a caller has a copy of
the part.  Six kernels compiled with that and without: 41 s, 27 s (Zen 3 VM under load, 2026-11).
"""

import ctypes
from collections.abc import Callable
from typing import Any

from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

# What a call from Python meets: CPython's function that raises MemoryError, whatever it is given,
# for a part has no code of its own, and a call of address 0 would end the process.
_REFUSE = ctypes.cast(ctypes.pythonapi.PyErr_NoMemory, ctypes.c_void_p).value


class Code(JITCodeLibrary):  # type: ignore[misc]
    """LLVM's code of a function that is never made executable."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _Part(Code):
    """That of a part, for its callers': not optimised as a whole either."""

    def _optimize_final_module(self) -> None:
        pass


class Parts(Compiler):  # type: ignore[misc]
    """Numba's compiler without the steps that make a function callable from Python."""

    code: type[Code] = _Part

    def compile_extra(self, function: Callable[..., Any]) -> Any:
        state, name = self.state, function.__qualname__
        state.flags.no_compile = True
        state.library = self.code(state.targetctx.codegen(), name)
        made = super().compile_extra(function)
        # compiled callers know the part by this object
        module, keeps = made.fndesc.lookup_module(), (made.library,)
        entry = _dynfunc.make_function(module, name, "", _REFUSE, made.environment, keeps)
        made.target_context.insert_user_function(entry, made.fndesc, keeps)
        return made._replace(entry_point=entry)


RULES = {"pipeline_class": Parts, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
