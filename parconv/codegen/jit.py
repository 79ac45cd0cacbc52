"""Compilation: the rules under which Numba compiles our functions, each but once."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
from numba.core import config
from numba.core.compiler_lock import global_compiler_lock

# Numba asks for it in the first call of compiled code, where neither a fork nor an interrupt waits
# for the import.
from numpy import ma as ma

from . import apart, kernel_cache, parts
from .kernel_cache import source_hash as source_hash

# No ``fastmath`` at all: the order of additions is a promise, and NaN must stay NaN.  Kernels
# allocate nothing: without ``_nrt`` they count references, atomically, at calls between functions.
_RULES = {"nogil": True, "_nrt": False, "boundscheck": False, "error_model": "numpy"}


def jit(
    keep: bool = False, called: bool = False, **options: Any
) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` under the project's rules, for functions that only compiled code calls.

    ``called``: Python calls it, too, or reads its assembly; ``keep``: that also, and what is
    compiled is kept in our cache on disk.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        rules = _RULES if keep or called else {**_RULES, **parts.RULES}
        dispatcher = numba.njit(**{**rules, **options})(function)
        if keep and function.__closure__ is None:  # else it is more than its code
            dispatcher._cache = kernel_cache.KernelCache(function, options)
        return dispatcher

    return decorate


# For the life of the process: compiled code and plans hold addresses of what is here.
_made: dict[tuple[Any, ...], Any] = {}


def compiled(function: Callable[..., Any], signature: tuple[Any, ...], **options: Any) -> Any:
    """``function`` for exactly this signature, from the cache on disk where it is there.

    Arrays of other layouts are converted to the signature's instead of compiled for anew.
    """
    key = function, signature, *options.items()
    found = _made.get(key)
    return apart.run(partial(_compile, key, options)) if found is None else found


def _compile(key: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """For whoever comes first; others wait, and so does a fork."""
    if config.DISABLE_JIT:
        raise RuntimeError("parconv needs Numba's compiler: unset NUMBA_DISABLE_JIT")
    function, signature, *_ = key
    with global_compiler_lock:
        if key not in _made:
            dispatcher = jit(keep=True, **options)(function)
            dispatcher.compile(signature)
            dispatcher.disable_compile()
            _made[key] = dispatcher
    kernel_cache.warn_once()
    return _made[key]


def entry(function: Callable[..., Any], signature: tuple[Any, ...], **options: Any) -> Any:
    """What `compiled` makes, called without a look at the types of its arguments.

    That look takes longer than a small image: 1.9 microseconds for a kernel on 28 x 28 pixels, of
    which 0.9 are left (Zen 3 VM, 2026-11).  Arrays must have the signature's dtype, native and
    aligned, and its number and order of axes: only axes and the size of elements are checked, of
    those of `foreign.ELEMENT` axes alone.
    """
    return compiled(function, signature, **options).overloads[signature].entry_point


def address(dispatcher: Any, signature: tuple[Any, ...]) -> int:
    """Of what `compiled` made for the signature, for compiled code that calls it.

    Nothing checks the arguments of such a call, and the code stays as long as the process.
    """
    return apart.run(partial(_address, dispatcher.overloads[signature]))


def _address(result: Any) -> int:
    with global_compiler_lock:  # LLVM may have work to do
        return int(result.library.get_pointer_to_function(result.fndesc.mangled_name))
