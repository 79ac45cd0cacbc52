"""Where compiled kernels are kept: a directory for each state of the kernels' source."""

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from numba.core import config
from numba.misc.appdirs import AppDirs

from ... import __version__

_PACKAGE = __name__.partition(".")[0]
_SOURCES = ("codegen", "methods", "problem/borders.py", "runtime/crew")
_OURS = re.compile(r"parconv-[0-9a-f]{16}")


@cache
def source_hash() -> str:
    """Of every source file a kernel is made from.

    Numba looks only at the file that defines a function, so an edited ``simd.py`` would leave a
    stale kernel in use; with the hash in the key of every entry that cannot happen.  Without files
    to read, as in a frozen application, the version stands for them.
    """
    digest = hashlib.sha256(__version__.encode())
    try:
        for name, content in sorted(_sources()):
            digest.update(f"\n{name}\n".encode() + content)
    except Exception:  # a loader of any kind may raise anything
        digest = hashlib.sha256(__version__.encode())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[tuple[str, bytes]]:
    """Names and contents, from a directory or an archive; compiled files where only those are."""
    root = resources.files(_PACKAGE)
    for name in _SOURCES:
        folder, _, file = name.rpartition("/")
        if not file.endswith(".py"):
            yield from _below(root / name, name)
            continue
        for entry in (root / folder).iterdir():
            if entry.name in (file, f"{file}c"):
                yield f"{folder}/{entry.name}", entry.read_bytes()


def _below(folder: Any, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        name = f"{path}/{entry.name}"
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _below(entry, name)
        elif entry.name.endswith((".py", ".pyc")):
            yield name, entry.read_bytes()


@cache
def user_directory() -> Path:
    """The user's own for what we keep; OSError where there is no home to have it in."""
    path = Path(AppDirs(appname=_PACKAGE, appauthor=False).user_cache_dir)
    if not path.is_absolute():
        raise FileNotFoundError(f"there is no home directory, only {str(path)!r}")
    return path


@cache
def base() -> Path:
    """Where the directories of all states of the source lie, wherever the process goes to.

    OSError where there is no such place.
    """
    given = config.CACHE_DIR
    if given.startswith("~"):  # as no shell that was asked would have left it
        raise FileNotFoundError(f"NUMBA_CACHE_DIR is {given!r}, which begins with a literal ~")
    return Path(os.path.abspath(given)) if given else user_directory()


def directory() -> Path:
    """That of this state; it need not exist."""
    return base() / f"parconv-{source_hash()}"


def stale() -> list[Path]:
    """Those of other states, of which other installations may be in use."""
    home = base()
    found = sorted(home.iterdir()) if home.is_dir() else []
    return [path for path in found if _OURS.fullmatch(path.name) and path != directory()]
