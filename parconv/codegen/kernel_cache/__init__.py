"""The cache of compiled kernels on disk.

`places` tells where it is, `private` who may have written it, `entries` what a file holds, and
`results` how Numba's compiled function becomes one.  What is not as it should be counts as absent:
compiling anew is always right.
"""

import logging
import sys
import warnings
from contextlib import suppress
from time import perf_counter
from typing import Any

from numba.core.caching import NullCache

from . import entries, private, results
from .places import directory, source_hash, user_directory

__all__ = [
    "CacheWarning",
    "KernelCache",
    "directory",
    "source_hash",
    "user_directory",
    "warn_once",
]

_MENDS = {True: "set NUMBA_CACHE_DIR to a directory that only you may write", False: "report it"}
_UNKEPT = "every process compiles parconv's kernels anew, for seconds, as they cannot be kept"
_COMPILING = (
    "parconv compiles its kernels for this machine, which takes seconds; `parconv warmup` does it "
    "ahead"
)
_log = logging.getLogger(__name__.partition(".")[0])
_reasons: list[Exception] = []
_warned: list[bool] = []  # whether that was done
_announced: list[bool] = []


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept, so every process compiles them anew."""


def warn_once() -> None:
    """Tell why kernels are not kept, if that is so, and what mends it."""
    if _reasons and not _warned:
        _warned.append(True)
        mend = _MENDS[isinstance(_reasons[0], OSError)]
        told = f"{_UNKEPT}: {_reasons[0]}; {mend}"
        warnings.warn(told, CacheWarning, stacklevel=2)


def _announce() -> None:
    """Say on a terminal, once, what a first call waits for."""
    with suppress(Exception):  # there may be no such file, or any other
        if not _announced and sys.stderr.isatty():
            _announced.append(True)
            print(_COMPILING, file=sys.stderr)


class KernelCache(NullCache):  # type: ignore[misc]
    """Of one function, in place of Numba's own."""

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        self._function, self._options = function, options
        self._missed: dict[Any, float] = {}  # when signatures were not found

    def load_overload(self, signature: Any, target: Any) -> Any:
        """What was compiled for the signature, or None: it will be."""
        found = self._load(signature, target)
        if found is None:
            self._missed[signature] = perf_counter()
            _announce()
        return found

    def _load(self, signature: Any, target: Any) -> Any:
        try:
            key = self._key(signature, target)
            with private.opened(directory()) as home:
                facts, parts = entries.unpack(home.read(entries.name(key)), key)
        except Exception:  # what was damaged, or made by others, may raise anything
            return None
        try:
            return results.rebuild(target, self._function, signature, facts, parts)
        except Exception as error:
            _reasons.append(error)
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep it for later processes, in place of what could not be loaded."""
        kept = self._save(signature, result)
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        took = perf_counter() - self._missed.pop(signature, perf_counter())
        _log.info("compiled %s in %.2f s, %s", name, took, kept)

    def _save(self, signature: Any, result: Any) -> str:
        """What became of it."""
        try:
            key = self._key(signature, result.target_context)
            content = entries.pack(key, *results.reduce(result))
            with private.opened(directory(), make=True) as home:
                home.write(entries.name(key), content)
        except Exception as error:
            _reasons.append(error)
            return f"not kept: {error}"
        return f"kept in {directory()}"

    def _key(self, signature: Any, target: Any) -> str:
        return entries.key(self._function, signature, self._options, target)
