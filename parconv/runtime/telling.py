"""What calls do, told as they end: one line each in the log ``parconv``.

``PARCONV_VERBOSE=1`` shows the log on standard error.  Whether calls are told is decided once, when
this module is imported, as parconv's first function is looked up: so where nobody wants to know it
costs nothing, not even a look at a flag.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import wraps
from time import perf_counter
from types import FrameType
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])

VARIABLE = "PARCONV_VERBOSE"
_HERE = __name__
_PACKAGE = __name__.partition(".")[0]
_TOOLS = tuple(
    f"{_PACKAGE}.{name}" for name in ("cli", "doctor", "experiments", "images", "warming")
)

log = logging.getLogger(_PACKAGE)
log.addHandler(logging.NullHandler())
if os.environ.get(VARIABLE, "").strip() not in ("", "0"):
    _shown = logging.StreamHandler()
    _shown.setFormatter(logging.Formatter(f"{_PACKAGE}: %(message)s"))
    log.addHandler(_shown)
    log.setLevel(logging.DEBUG)
WANTED = log.isEnabledFor(logging.DEBUG)


class _Call(threading.local):
    """Of this thread the call that is under way, and the first plan that was run in it."""

    under_way = False
    plan: Any = None


_call = _Call()


def told(function: Function) -> Function:
    """The function, whose calls are told where that is wanted; but not those within another."""
    if not WANTED:
        return function

    @wraps(function)
    def telling(*given: Any, **named: Any) -> Any:
        if _call.plan is None:
            _call.plan = next((it for it in given if hasattr(it, "explain")), None)
        if _call.under_way:
            return function(*given, **named)
        _call.under_way, began = True, perf_counter()
        try:
            result = function(*given, **named)
            took = perf_counter() - began
            name = _name() or function.__qualname__
            log.debug("%s", _line(name, str(_call.plan or _shapes(given)), took))
            return result
        finally:
            _call.under_way, _call.plan = False, None

    return telling  # type: ignore[return-value]


def _line(name: str, text: str, seconds: float) -> str:
    door = "" if text.startswith(f"{name} ") else f"{name.removesuffix('.__call__')}: "
    return f"{door}{text}: {seconds * 1e3:.3f} ms"


def _shapes(given: tuple[Any, ...]) -> str:
    """Image and filter of a call that no plan tells of."""
    arrays = [it for it in given if hasattr(it, "shape") and hasattr(it, "dtype")]
    return " * ".join(f"{'x'.join(map(str, it.shape))} {it.dtype}" for it in arrays)


def _name() -> str:
    """The function of ours that the caller called: the outermost one that is no tool's."""
    found, frame = "", cast("FrameType | None", sys._getframe(1))
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        ours = module.startswith(f"{_PACKAGE}.") and module != _HERE
        if ours and not module.startswith(_TOOLS):
            found = frame.f_code.co_qualname
        frame = frame.f_back
    return found
