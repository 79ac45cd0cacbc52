"""Compilation: the rules under which Numba compiles our functions, and their cache on disk."""

import contextlib
import hashlib
import itertools
import os
import pickle
import stat
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numba
from numba.core import caching, config
from numba.core.compiler_lock import global_compiler_lock
from numba.misc.appdirs import AppDirs

# Numba asks for it in the first call of compiled code, where neither a fork nor an interrupt waits
# for the import.
from numpy import ma as ma

from . import apart

_SOURCES = ("arguments.py", "borders.py", "jit.py", "machine.py", "simd.py")
_PACKAGES = ("crew", "methods")


@cache
def source_hash() -> str:
    """Of every source file a kernel is made from.

    Numba looks only at the file that defines a function, so an edited ``simd.py`` would leave a
    stale kernel in use; with the hash as the stamp of every cache entry that cannot happen.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    packages = (sorted((root / name).rglob("*.py")) for name in _PACKAGES)
    for path in itertools.chain(map(root.joinpath, _SOURCES), *packages):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def cache_directory() -> Path | None:
    """The directory of compiled kernels, or None where no private one can be had.

    A cache entry is a pickle: whoever can write it runs code as its reader.  So the directory is
    the user's own, closed to others, and never a shared temporary one.
    """
    base = config.CACHE_DIR or AppDirs(appname="parconv", appauthor=False).user_cache_dir
    path = Path(base) / f"parconv-{source_hash()}"
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
        return str(cache_directory())

    def get_source_stamp(self) -> str:
        return source_hash()

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


class _CheckedFile(caching.IndexDataCacheFile):  # type: ignore[misc]
    """A cache entry that carries its own checksum: LLVM aborts the process on a flipped bit."""

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        raw = Path(self._data_path(name)).read_bytes()
        checksum, content = raw[:32], raw[32:]
        if hashlib.sha256(content).digest() != checksum:
            raise pickle.UnpicklingError(f"{name} is damaged")
        return pickle.loads(content)


class _KernelCache(caching.FunctionCache):  # type: ignore[misc]
    """Numba's cache in our directory.

    A damaged entry, which may raise anything, is forgotten and compiled anew; an entry that cannot
    be written is not.
    """

    _impl_class = _CacheImpl

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._cache_file = _CheckedFile(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )

    def load_overload(self, signature: Any, context: Any) -> Any:
        try:
            return super().load_overload(signature, context)
        except Exception:
            with contextlib.suppress(OSError):
                self._cache_file.flush()
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        with contextlib.suppress(Exception):
            super().save_overload(signature, data)


# No ``fastmath`` at all: the order of additions is a promise, and NaN must stay NaN.  Kernels
# allocate nothing: without ``_nrt`` they count references, atomically, at calls between functions.
_RULES = {"nogil": True, "_nrt": False, "boundscheck": False, "error_model": "numpy"}


def jit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` under the project's rules, for functions that compiled code calls."""

    def decorate(function: Callable[..., Any]) -> Any:
        return numba.njit(**{**_RULES, **options})(function)

    return decorate


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
            dispatcher = jit(**options)(function)
            if cache_directory() is not None:
                dispatcher._cache = _KernelCache(function)
            dispatcher.compile(signature)
            dispatcher.disable_compile()
            _made[key] = dispatcher
    return _made[key]


def address(dispatcher: Any) -> int:
    """Of compiled code, for compiled code that calls it."""
    return apart.run(partial(_address, dispatcher))


def _address(dispatcher: Any) -> int:
    (made,) = dispatcher.overloads.values()
    with global_compiler_lock:  # LLVM may have work to do
        return int(made.library.get_pointer_to_function(made.fndesc.mangled_name))
