"""Compilation: the rules under which Numba compiles our functions, and their cache on disk."""

import contextlib
import hashlib
import os
import pickle
import stat
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import caching, config
from numba.misc.appdirs import AppDirs

_SOURCES = ("arguments.py", "borders.py", "jit.py", "machine.py", "simd.py")


@cache
def _source_hash() -> str:
    """Of every source file a kernel is made from.

    Numba looks only at the file that defines a function, so an edited ``simd.py`` would leave a
    stale kernel in use; with the hash as the stamp of every cache entry that cannot happen.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in [*map(root.joinpath, _SOURCES), *sorted((root / "methods").rglob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_directory() -> Path | None:
    """The directory of compiled kernels, or None where no private one can be had.

    A cache entry is a pickle: whoever can write it runs code as its reader.  So the directory is
    the user's own, closed to others, and never a shared temporary one.
    """
    base = config.CACHE_DIR or AppDirs(appname="parconv", appauthor=False).user_cache_dir
    path = Path(base) / f"parconv-{_source_hash()}"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        private = not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        owned = not hasattr(os, "getuid") or status.st_uid == os.getuid()
        return path if private and owned and os.access(path, os.W_OK) else None
    except OSError:
        return None


class _Locator(caching._CacheLocator):  # type: ignore[misc]
    """Where Numba keeps our compiled functions."""

    def __init__(self, function: Any) -> None:
        self._py_file = function.__code__.co_filename
        self._line = function.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        return str(_cache_directory())

    def get_source_stamp(self) -> str:
        return _source_hash()

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, function: Any, file: str) -> "_Locator":
        return cls(function)


class _CacheImpl(caching.CompileResultCacheImpl):  # type: ignore[misc]
    def __init__(self, function: Any) -> None:
        name = function.__qualname__
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Locator(function)
        self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))


class _KernelCache(caching.FunctionCache):  # type: ignore[misc]
    """Numba's cache in our directory; a damaged entry is recompiled, not raised."""

    _impl_class = _CacheImpl

    def load_overload(self, signature: Any, context: Any) -> Any:
        try:
            return super().load_overload(signature, context)
        except (EOFError, pickle.UnpicklingError, ImportError, AttributeError, OSError):
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        with contextlib.suppress(OSError, EOFError, pickle.UnpicklingError):
            super().save_overload(signature, data)


_cache_directory = cache(cache_directory)


# No ``fastmath`` at all: the order of additions is a promise, and NaN must stay NaN.
_RULES = {"nogil": True, "boundscheck": False, "error_model": "numpy"}


def jit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` under the project's rules, for functions that compiled code calls."""

    def decorate(function: Callable[..., Any]) -> Any:
        return numba.njit(**_RULES, **options)(function)

    return decorate


@cache
def compiled(function: Callable[..., Any], signature: tuple[Any, ...], **options: Any) -> Any:
    """``function`` for exactly this signature, from the cache on disk where it is there.

    Arrays of other layouts are converted to the signature's instead of compiled for anew.
    """
    if config.DISABLE_JIT:
        raise RuntimeError("parconv needs Numba's compiler: unset NUMBA_DISABLE_JIT")
    dispatcher = jit(**options)(function)
    if _cache_directory() is not None:
        dispatcher._cache = _KernelCache(function)
    dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher
