"""Other libraries' functions replaced by ours where they are, for code that nobody can edit."""

import importlib
import sys
from types import ModuleType, TracebackType
from typing import Any

from ..problem.shown import shown

# Whose names are in which module here.
PEERS = {
    "astropy.convolution": "astropy",
    "cv2": "opencv",
    "scipy.ndimage": "ndimage",
    "scipy.signal": "signal",
    "skimage.filters": "skimage",
}
# The libraries' functions by library and name, once something was in their place.
_replaced: dict[tuple[str, str], Any] = {}


class Installed:
    """What `parconv.compat.install` replaced, until ``remove()``, or the end of a ``with`` block.

    Attributes
    ----------
    names : tuple of str
        The functions that are ours now.

    Examples
    --------
    >>> from parconv import compat
    >>> here = compat.install("scipy.signal")
    >>> "convolve2d" in here.names
    True
    >>> here.remove()
    """

    def __init__(self, peer: ModuleType, ours: ModuleType) -> None:
        self._places: list[tuple[ModuleType, str, Any]] = []
        theirs = {name: getattr(peer, name) for name in ours.__all__ if hasattr(peer, name)}
        functions = {name: value for name, value in theirs.items() if callable(value)
                     and not isinstance(value, type)}  # fmt: skip
        self.names = tuple(functions)
        for name, value in functions.items():
            _replaced.setdefault((peer.__name__, name), value)
        found = {id(value): getattr(ours, name) for name, value in functions.items()}
        modules: list[Any] = list(sys.modules.values())  # other things may stand there too
        for module in modules:
            if isinstance(module, ModuleType) and module is not ours:
                self._replace(module, found)

    def _replace(self, module: ModuleType, found: dict[int, Any]) -> None:
        for name, value in list(vars(module).items()):
            if id(value) in found:
                self._places.append((module, name, value))
                setattr(module, name, found[id(value)])

    def remove(self) -> None:
        """Put back what was there."""
        while self._places:
            module, name, value = self._places.pop()
            setattr(module, name, value)

    def __enter__(self) -> "Installed":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()


def install(name: str) -> Installed:
    """Let every module that has a library's functions have ours in their place.

    Parameters
    ----------
    name : {"astropy.convolution", "cv2", "scipy.ndimage", "scipy.signal", "skimage.filters"}
        The library, which is imported if it was not.  Functions of its that are not ours stay.

    Returns
    -------
    Installed
        Whose ``remove()`` puts all back, as the end of a ``with`` block does.  Modules that are
        imported later have ours, too, and keep them.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.signal
    >>> from parconv import compat
    >>> with compat.install("scipy.signal"):
    ...     print(scipy.signal.convolve2d.__module__)
    parconv.compat.signal.planes
    >>> scipy.signal.convolve2d.__module__
    'scipy.signal._signaltools'
    """
    if name not in PEERS:
        raise ValueError(f"name={shown(name)}: pass one of {', '.join(PEERS)}")
    ours = importlib.import_module(f"{__package__}.{PEERS[name]}")
    return Installed(importlib.import_module(name), ours)


def original(peer: str, name: str) -> Any:
    """A library's own function, whatever is in its place; the library is imported for it."""
    module = importlib.import_module(peer)
    return _replaced.get((peer, name)) or getattr(module, name)
