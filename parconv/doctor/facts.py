"""What the doctor looks up.  Whatever is missing or broken becomes a line that says so.

So every fact imports for itself what it asks.
"""

import platform
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

Finder = Callable[[], Any]
PACKAGES = ("numpy", "numba", "llvmlite", "joblib", "threadpoolctl")
UNKNOWN = "unknown: "
OWN = "passively, as parconv set it for Numba's threads"
OTHERS = "as OpenMP does, spinning: somebody else had loaded it"


def find(finder: Finder) -> Any:
    """What it finds, or why it finds nothing."""
    try:
        return finder()
    except Exception as error:
        return f"{UNKNOWN}{type(error).__name__}: {' '.join(str(error).split())}"


def is_unknown(fact: Any) -> bool:
    """Whether it could not be found."""
    return isinstance(fact, str) and fact.startswith(UNKNOWN)


# --- versions ------------------------------------------------------------------------------------


def _own_version() -> str:
    import parconv

    return parconv.__version__


def _python() -> str:
    build = "" if has_lock() else ", free-threaded"
    return f"{platform.python_implementation()} {platform.python_version()}{build}"


def has_lock() -> bool:
    """Whether this Python runs one thread's Python code at a time."""
    enabled: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)
    return enabled()


def _version_of(package: str) -> Finder:
    return lambda: metadata.version(package)


# --- the machine ---------------------------------------------------------------------------------


def _fingerprint(name: str) -> Finder:
    def found() -> str:
        from parconv.runtime import records

        return records.fingerprint()[name]

    return found


def _vectors() -> str:
    from parconv.codegen import machine

    has = {"fused multiply-add": machine.HAS_FMA, "byte products": machine.HAS_DOT}
    told = ", ".join(f"{'' if it else 'no '}{name}" for name, it in has.items())
    return f"{8 * machine.VECTOR_BYTES} bits, {machine.VECTOR_REGISTERS} registers, {told}"


# --- threads -------------------------------------------------------------------------------------


def _layer() -> str:
    from parconv.runtime import budget

    return budget.layer_obstacle() or budget.threading_layer()


def _prange() -> str:
    from parconv.runtime import budget

    reason = budget.prange_obstacle()
    return f"runs as threads: {reason}" if reason else "may run"


def _waiting() -> str:
    """How OpenMP's threads wait, once the layer has started them."""
    from parconv.runtime import budget
    from parconv.runtime.budget import waiting

    chosen = " ".join(f"{name}={value}" for name, value in waiting.chosen().items())
    if chosen:
        return f"{chosen}, as the environment says"
    if budget.threading_layer() != "omp":
        return "as Numba's layer does: it is not OpenMP"
    return OWN if waiting.applied() else OTHERS


def _runtimes() -> list[str]:
    import threadpoolctl

    libraries = threadpoolctl.threadpool_info()
    return [found["filepath"] for found in libraries if found["user_api"] == "openmp"]


# --- directories ---------------------------------------------------------------------------------


def _kernels() -> str:
    from parconv.codegen.kernel_cache.survey import survey

    found = survey()
    if found.own is None or (found.obstacle and not found.readable):
        return f"none: {found.obstacle}"
    if not found.own.path.is_dir():
        return f"{found.own.path}, not there yet"
    note = f", {found.obstacle}" if found.obstacle else ""
    return f"{found.own.path}, {found.own.entries} entries{note}"


def _records() -> str:
    from parconv.runtime import records

    return _holding(records.home(), "*.json")


def _wisdom() -> str:
    from parconv.planner import wisdom

    path = wisdom.directory()
    return "off" if path is None else _holding(path, "*.json")


def _holding(path: Path, pattern: str) -> str:
    if not path.is_dir():
        return f"{path}, not there yet"
    return f"{path}, {sum(1 for _ in path.rglob(pattern))} entries"


# --- does it work --------------------------------------------------------------------------------


def _call() -> str:
    """A convolution whose answer is known."""
    import warnings

    import numpy as np

    import parconv
    from parconv.codegen.kernel_cache import CacheWarning

    f, g = np.ones((9, 40), np.float32), np.ones((3, 3), np.float32)
    with warnings.catch_warnings(action="ignore", category=CacheWarning):  # it is a hazard below
        answer = parconv.conv2d(f, g, threads=1)
    if not (answer == 9).all():
        raise ArithmeticError("its answer is wrong")
    return "right"


FACTS: dict[str, dict[str, Finder]] = {
    "versions": {
        "parconv": _own_version,
        "python": _python,
        **{package: _version_of(package) for package in PACKAGES},
        "system": platform.platform,
    },
    "machine": {
        "processor": _fingerprint("cpu"),
        "compiled for": _fingerprint("target"),
        "vectors": _vectors,
        "cores": _fingerprint("cores"),
    },
    "threads": {
        "numba's layer": _layer,
        "waiting": _waiting,
        "prange": _prange,
        "OpenMP": _runtimes,
    },
    "directories": {"kernels": _kernels, "records": _records, "wisdom": _wisdom},
    "calls": {"a convolution": _call},
}
