"""This machine: its vectors, its cores, and when it is safe to use them.

Thread policy lives here, each rule with its reason.  Knows no convolution.
"""

import os
import sys
import threading
from functools import cache

import llvmlite.binding as llvm
import numba
from numba.core import config

# --- the vector unit -----------------------------------------------------------------------------

_PROBE = """
define <16 x float> @probe(<16 x float> %a, <16 x float> %b) {
  %c = call <16 x float> @llvm.fma.v16f32(<16 x float> %a, <16 x float> %b, <16 x float> %b)
  ret <16 x float> %c
}
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)

define i32 @dot(<64 x i8> %a, <64 x i8> %b) {
  %c = zext <64 x i8> %a to <64 x i32>
  %d = sext <64 x i8> %b to <64 x i32>
  %e = mul nsw <64 x i32> %c, %d
  %f = call i32 @llvm.vector.reduce.add.v64i32(<64 x i32> %e)
  ret i32 %f
}
declare i32 @llvm.vector.reduce.add.v64i32(<64 x i32>)
"""


def assembly(source: str) -> str:
    """What LLVM makes of a module of IR on the CPU Numba compiles for.

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
    return str(target.emit_assembly(llvm.parse_assembly(source)))


_ASSEMBLY = assembly(_PROBE)
IS_X86 = "mm" in _ASSEMBLY
VECTOR_BYTES = 64 if "zmm" in _ASSEMBLY else 32 if "ymm" in _ASSEMBLY else 16
VECTOR_REGISTERS = 16 if IS_X86 and VECTOR_BYTES < 64 else 32
HAS_FMA = "vfmadd" in _ASSEMBLY or "fmla" in _ASSEMBLY
HAS_DOT = "vpdpbusd" in _ASSEMBLY  # products of four bytes each, added to int32


def lanes(itemsize: int) -> int:
    """Elements of that many bytes in one vector."""
    return VECTOR_BYTES // itemsize


CACHE_LINE = 64
L2_BYTES = 1 << 19  # likewise: 512 KiB (Zen 2) to 2 MiB (Sapphire Rapids)
# A result larger than this is gone from the last-level cache before anyone reads it.
STREAM_BYTES = 1 << 23


# --- threads -------------------------------------------------------------------------------------

_forked = False


def _note_fork() -> None:
    global _forked, prange_gate
    _forked = True
    prange_gate = threading.Lock()


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


# One launch at a time: with OpenMP every calling thread would get a team of its own.
prange_gate = threading.Lock()


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


def get_num_threads() -> int:
    """Threads of Numba's next launch from this thread."""
    return int(numba.get_num_threads())


def set_num_threads(threads: int) -> None:
    """The same, set; at most as many as Numba started."""
    numba.set_num_threads(min(threads, int(config.NUMBA_NUM_THREADS)))
