"""This machine: its vector unit, its cores, and the rules under which code is compiled and threaded.

Everything Numba-specific that is policy rather than algorithm lives here, with its reason.
Knows no convolution.
"""

import contextlib
import hashlib
import os
import pickle
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import caching, config
from numba.misc.appdirs import AppDirs

# --- the vector unit -----------------------------------------------------------------------------

_PROBE = """
define <16 x float> @probe(<16 x float> %a, <16 x float> %b) {
  %c = call <16 x float> @llvm.fma.v16f32(<16 x float> %a, <16 x float> %b, <16 x float> %b)
  ret <16 x float> %c
}
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
"""


def _probe_assembly() -> str:
    """What LLVM makes of sixteen float32 multiply-adds on the CPU Numba compiles for.

    Asking the compiler needs no table of CPUs.  ``NUMBA_CPU_NAME`` alone means that CPU's own
    features, not the host's, which Numba would add.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = config.CPU_NAME, config.CPU_FEATURES
    if features is None:
        features = "" if name else llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=name or llvm.get_host_cpu_name(), features=features
    )
    return str(target.emit_assembly(llvm.parse_assembly(_PROBE)))


_ASSEMBLY = _probe_assembly()
IS_X86 = "mm" in _ASSEMBLY
VECTOR_BYTES = 64 if "zmm" in _ASSEMBLY else 32 if "ymm" in _ASSEMBLY else 16
VECTOR_REGISTERS = 16 if IS_X86 and VECTOR_BYTES < 64 else 32
HAS_FMA = "vfmadd" in _ASSEMBLY or "fmla" in _ASSEMBLY

CACHE_LINE = 64
L1_WAYS = 8  # the fewest on x86-64 and 64-bit ARM cores of the last ten years (8 to 12)
L2_BYTES = 1 << 19  # likewise: 512 KiB (Zen 2) to 2 MiB (Sapphire Rapids)
# A result larger than this is gone from the last-level cache before anyone reads it.
STREAM_BYTES = 1 << 23


# --- compilation and its cache on disk -----------------------------------------------------------


def _source_hash() -> str:
    """Of every source file a kernel is made from.

    Numba looks only at the file that defines a function, so an edited ``simd.py`` would leave a
    stale kernel in use; with the hash as the stamp of every cache entry that cannot happen.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in [root / "machine.py", root / "simd.py", *sorted((root / "methods").rglob("*.py"))]:
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
    dispatcher = jit(**options)(function)
    if _cache_directory() is not None:
        dispatcher._cache = _KernelCache(function)
    dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


# --- threads -------------------------------------------------------------------------------------

_forked = False


def _note_fork() -> None:
    global _forked, _gate
    _forked = True
    _gate = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def _inside_parallel_region() -> bool:
    """Whether some caller already spread its work over the cores."""
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None and processes.current_process().daemon:
        return True
    parallel = sys.modules.get("joblib.parallel")
    if parallel is not None and parallel.get_active_backend()[0].nesting_level:
        return True
    return threading.current_thread().name.startswith(WORKER_NAME)


WORKER_NAME = "parconv-worker"


@cache
def _quota(allowed: int) -> int:
    """Cores under the cgroup's quota and ``LOKY_MAX_CPU_COUNT``; read once per affinity."""
    import joblib

    return int(joblib.cpu_count())


def _cores() -> int:
    """Cores this process may use now; its affinity may change at any time."""
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(allowed, _quota(allowed)))


def thread_budget() -> int:
    """Threads a call may use when nobody says: the right number here and now.

    ``PARCONV_NUM_THREADS``; else 1 inside another parallel region (joblib, a pool's process, one
    of our own workers); else the cores this process may use by affinity, cgroup quota,
    ``LOKY_MAX_CPU_COUNT`` and ``NUMBA_NUM_THREADS``.

    Examples
    --------
    >>> from parconv import machine
    >>> machine.thread_budget() >= 1
    True
    """
    asked = os.environ.get("PARCONV_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return min(int(asked), _cores())
    if _inside_parallel_region():
        return 1
    return min(_cores(), int(config.NUMBA_NUM_THREADS))


def usable_threads(asked: int) -> int:
    """The request, clamped to the cores this process may use."""
    return min(asked, _cores())


@cache
def threading_layer() -> str:
    """Numba's threading layer (``omp``, ``tbb`` or ``workqueue``), started if it was not."""
    from numba.np.ufunc import parallel

    parallel._launch_threads()
    return str(numba.threading_layer())


_gate = threading.Lock()


def prange_obstacle() -> str | None:
    """Why ``prange`` must not run here, or None.

    GNU OpenMP kills or hangs a forked child, the workqueue layer aborts the process when two
    threads enter it, and a nested region would oversubscribe the cores.
    """
    if _forked:
        return "this process was forked"
    if _inside_parallel_region():
        return "inside another parallel region"
    if threading_layer() == "workqueue":
        return "Numba's threading layer is workqueue"
    return None


@contextlib.contextmanager
def prange_threads(threads: int) -> Iterator[bool]:
    """Numba's thread count for one launch, restored after; False if another launch is running.

    One launch at a time: with OpenMP every calling thread would get a team of its own.
    """
    if not _gate.acquire(blocking=False):
        yield False
        return
    try:
        before = numba.get_num_threads()
        numba.set_num_threads(min(threads, int(config.NUMBA_NUM_THREADS)))
        try:
            yield True
        finally:
            numba.set_num_threads(before)
    finally:
        _gate.release()
