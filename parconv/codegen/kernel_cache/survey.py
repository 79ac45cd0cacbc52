"""What the cache of compiled kernels holds, and its end."""

import logging
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import entries, places, private

_log = logging.getLogger(__name__.partition(".")[0])
# All that we and earlier versions of us, by Numba's own means, ever wrote there.
_WRITTEN = re.compile(
    rf".+({re.escape(entries.SUFFIX)}|{re.escape(private.TEMPORARY)}|\.nb[ic](\.tmp\.\w+)?)"
)


@dataclass(frozen=True)
class Part:
    """One directory of entries.

    Attributes
    ----------
    path : Path
        Where it lies.
    entries, nbytes : int
        How many files it holds, and how large they are.
    """

    path: Path
    entries: int = 0
    nbytes: int = 0


@dataclass(frozen=True)
class Survey:
    """All of it.

    Attributes
    ----------
    own : Part or None
        Of this state of the kernels' source; None where there is no place for it.
    stale : tuple of Part
        Of other states.
    obstacle : str
        Why kernels cannot be kept; empty where they can.
    readable : bool
        Whether those that are there are used.
    """

    own: Part | None
    stale: tuple[Part, ...] = ()
    obstacle: str = ""
    readable: bool = False


def survey() -> Survey:
    """Look at all that is there; nothing is written."""
    try:
        own = places.directory()
        stale = tuple(map(_part, places.stale()))
    except OSError as error:
        return Survey(None, (), str(error))
    try:
        with private.opened(own):
            obstacle = "" if os.access(own, os.W_OK) else f"{own} is read-only"
        return Survey(_part(own), stale, obstacle, readable=True)
    except FileNotFoundError:
        return Survey(Part(own), stale, private.obstacle(own))
    except OSError as error:
        return Survey(Part(own), stale, str(error))


def _part(path: Path) -> Part:
    """OSError's places count as empty: what cannot be opened is not used either."""
    with suppress(OSError), private.opened(path) as directory:
        sizes = [directory.size(name) for name in _written(directory)]
        return Part(path, len(sizes), sum(sizes))
    return Part(path)


def _written(directory: private.Directory) -> list[str]:
    return [name for name in directory.names() if _WRITTEN.fullmatch(name)]


def clear() -> tuple[Part, ...]:
    """Remove all entries, of this and of other states; what was removed.

    Running processes keep what they have loaded.
    """
    paths = [path for path in (places.directory(), *places.stale()) if path.is_dir()]
    removed = tuple(map(_remove, paths))
    _log.info("removed %d kernels of %d states", sum(it.entries for it in removed), len(removed))
    return removed


def _remove(path: Path) -> Part:
    sizes = []
    with private.opened(path) as directory:
        for name in _written(directory):
            size = directory.size(name)
            directory.remove(name)
            sizes.append(size)
    with suppress(OSError):  # something of others lies there
        path.rmdir()
    return Part(path, len(sizes), sum(sizes))
