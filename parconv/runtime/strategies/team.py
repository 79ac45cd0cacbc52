"""Another library's OpenMP threads, by which a layer among its operators is computed.

Beside torch's threads ours wait for a core: after each of its operators those spin there for some
milliseconds, longer than a layer takes.  They take bands at once, and the library's next operator
finds them awake.  ResNet-18, one image of 224 x 224, on two threads takes 18.6 ms so, 23.5 by ours,
20.0 by torch alone; MobileNetV2 10.1, 12.8 and 12.1 (Sapphire Rapids VM, AVX-512, 2026-11).
"""

import ctypes
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import types
from threadpoolctl import ThreadpoolController

from ...codegen import jit
from ...codegen.digest import digest, sum_of
from ..crew import BANDS
from ..crew.atomic import add
from ..crew.floats import mode, set_mode
from ..crew.record import ARGUMENTS, MAPS, WORDS, arrays, run_maps, write
from .threads import threads
from .work import Arrays, Work, kept_scratch

# The words of a launch: the next band, a kernel's arguments, workers that have begun, what was
# summed and the next part of it, and the rest.
NEXT, SEATS = 0, ARGUMENTS + WORDS
TOTAL, PART, KERNEL, LAST, WORKERS, MODE, SEEN, COUNT, SIZE = range(SEATS + 1, SEATS + 10)
PLACE = types.CPointer(types.int64)
PART_WORDS = 1 << 15  # of the memory that is looked at, taken at once
Memory = tuple[int, int]  # an address, and words of 32 bits
NOTHING: Memory = 0, 0
Team = Callable[[Work, Arrays, int, Memory], int]


def put(kernel, f, taps, fill, out, layout, scratch, bands, first, last, seen, count, words):
    """Write down what `share` is about: bands ``[first, last)`` of maps, and memory to look at."""
    write(words, ARGUMENTS, f, taps, fill, out, layout, scratch, bands)
    words[KERNEL], words[NEXT], words[LAST], words[SEATS] = kernel, first, last, 0
    words[WORKERS], words[MODE] = scratch.shape[0], mode()
    words[SEEN], words[COUNT], words[TOTAL], words[PART] = seen, count, 0, 0


def share(words):
    """Parts of the memory and then bands for one thread, as long as there are any.

    In the caller's floating-point mode.
    """
    total, count = 0, words[COUNT]
    first = add(words, PART, PART_WORDS)
    while first < count:
        total += sum_of(words[SEEN], first, min(PART_WORDS, count - first))
        first = add(words, PART, PART_WORDS)
    add(words, TOTAL, total)
    worker = add(words, SEATS, 1)
    if worker < words[WORKERS]:
        own = mode()
        set_mode(words[MODE])
        band = add(words, NEXT, 1)
        while band < words[LAST]:
            run_maps(words, ARGUMENTS, words[KERNEL], worker, band)
            band = add(words, NEXT, 1)
        set_mode(own)


@cache
def team_of(folder: Path) -> Team | None:
    """``team(work, arrays, threads, memory)`` runs a layer's bands by threads of a library there.

    ``threads``: as many as the library itself uses, which else would start and end some each time.
    It returns the digest of the memory, as `codegen.digest` has it, which all of them sum.
    None where the library has no OpenMP of its own that speaks as GCC's does.
    """
    for library in ThreadpoolController().select(user_api="openmp").lib_controllers:
        if Path(library.filepath).is_relative_to(folder):
            launch = getattr(ctypes.CDLL(library.filepath), "GOMP_parallel", None)
            return _team(launch) if launch else None
    return None


def _team(launch: Any) -> Team:
    launch.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint
    launch.restype = None
    numbers = *(types.int64,) * 4, types.int64[::1]
    prepared = jit.entry(put, (types.int64, *arrays(MAPS), BANDS, *numbers))
    body, process = _body(), os.getpid()

    def run(work: Work, given: Arrays, workers: int, memory: Memory) -> int:
        """Some bands at a time: an interrupt is raised between two launches."""
        if os.getpid() != process:  # GCC's OpenMP waits for ever for threads that stayed behind
            threads(work, given)
            return digest(*memory)
        kernel, words, total = work.kernels.address, np.empty(SIZE, np.int64), 0
        scratch, bands = kept_scratch(work, work.threads), len(work.bands)
        for first in range(0, bands, work.launch):
            last = min(first + work.launch, bands)
            seen = NOTHING if first else memory
            prepared(kernel, *given, scratch, work.table, first, last, *seen, words)
            launch(body, words.ctypes.data, workers, 0)
            total += int(words[TOTAL])
        return total

    return run


def _body() -> int:
    """Address of `share` as a function of C."""
    found = jit.compiled(share, (PLACE,)).overloads[(PLACE,)]
    return int(found.library.get_pointer_to_function(found.fndesc.llvm_cfunc_wrapper_name))
