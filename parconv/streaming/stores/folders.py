"""A folder that takes the place of another, so that the name always leads to a whole one."""

import ctypes
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

PARTIAL = ".partial"
OLD = f"{PARTIAL}.old"  # a name that nobody else has
# C functions that exchange two names at once: what stands before each path, and the flag.
CURRENT_FOLDER, EXCHANGE = (-100,), 2
CALLS = {"linux": ("renameat2", CURRENT_FOLDER), "darwin": ("renamex_np", ())}


def take_place(partial: Path, path: Path) -> None:
    """The new folder gets the name, the old one is removed.

    A folder cannot be renamed to one that has files: the two are exchanged.  Where the system or
    its file system cannot do that the old one steps aside first, and a kill at that moment leaves
    no name until the call is repeated: `aside` tells whoever reads.
    """
    old = path.with_name(path.name + OLD)
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
        if _exchanged(partial, path):
            os.replace(partial, old)
        else:
            os.replace(path, old)
            os.replace(partial, path)
    else:
        os.replace(partial, path)
    shutil.rmtree(old, ignore_errors=True)


def aside(name: str) -> str | None:
    """Where the old folder lies if a stream was killed just before the new one took its name."""
    old = f"{name.rstrip('/')}{OLD}"
    return old if os.path.isdir(old) and not os.path.lexists(name) else None


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the two have each other's name now."""
    with suppress(KeyError, AttributeError, OSError):
        name, before = CALLS[sys.platform]
        call = getattr(ctypes.CDLL(None), name)
        paths = *before, os.fsencode(one), *before, os.fsencode(other)
        return bool(call(*paths, ctypes.c_uint(EXCHANGE)) == 0)
    return False
