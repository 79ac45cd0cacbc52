"""Intel IPP through ctypes: any filter, two one-dimensional ones, boxes and Gaussians.

Its wheel holds libraries for each vector unit and a dispatcher that looks for other names than the
wheel's (``libippil9.so.12.1`` for ``.so.12``), so the library for this machine is loaded by its
path.  It knows no threads here: bands of rows go to a pool, as ctypes lets go of the interpreter.
"""

import ctypes
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib import metadata
from itertools import pairwise
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from ..units import MARK
from ..workloads import Array, Workload
from .limits import KEEPS_TYPE, NAMED_BLURS, ODD, OUTER, Limit, only
from .opencv import factors
from .peer import Run

# A type's number and its name in those of functions.
TYPES = {
    "uint8": (1, "8u"), "uint16": (5, "16u"), "int16": (7, "16s"), "float32": (13, "32f"),
    "float64": (19, "64f"),
}  # fmt: skip
BORDERS = {"edge": 1, "mirror": 3, "constant": 6}
ABOVE, BELOW = 0x10, 0x20  # rows beyond the band lie in memory
NEAREST = 1  # rounding, ties to even
LIMITS: tuple[Limit, ...] = (
    only("mode", "same"), only("dtype", *TYPES), only("boundary", *BORDERS), only("order", "C"),
    ODD, KEEPS_TYPE,
)  # fmt: skip
SEPARABLE = *LIMITS, OUTER, only("dtype", "float32"), only("channels", 0)
OWN = *LIMITS, NAMED_BLURS, only("dtype", *list(TYPES)[:4]), only("channels", 0)


class Size(ctypes.Structure):
    """Columns and rows."""

    _fields_ = (("columns", ctypes.c_int), ("rows", ctypes.c_int))


@cache
def _libraries() -> dict[str, Any]:
    """Those for images and for computer vision, and what they need, for this machine."""
    files = {file.name: str(file.locate()) for file in metadata.files("ipp") or ()}
    features = llvm.get_host_cpu_features()
    wide = features.get("avx512vl") and MARK not in os.environ
    unit = "k0" if wide else "l9" if features.get("avx2") else "y8"
    names = {name: f"libipp{name}{unit}.so" for name in ("vm", "s", "i", "cv")}
    loaded = {
        name: ctypes.CDLL(_path(files, start), ctypes.RTLD_GLOBAL)
        for name, start in {"core": "libippcore.so", **names}.items()
    }
    _check(loaded["core"].ippInit())
    return loaded


def _path(files: Mapping[str, str], start: str) -> str:
    """Of the file whose name begins so: a number of the version follows."""
    for name, path in files.items():
        if name.startswith(start):
            return path
    raise FileNotFoundError(f"the distribution ipp holds no {start}")


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


def _check(status: int) -> None:
    if status < 0:
        raise OSError(f"IPP returned the status {status}")


def _memory(nbytes: int) -> Array:
    """Zeros, at the start of a line of the cache."""
    raw = np.zeros(nbytes + 128, np.uint8)
    return raw[-raw.ctypes.data % 64 :]


def _at(array: Array, offset: int = 0) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data + offset)


# From a band's size and border: the arguments behind its image, result and size; and what those
# point to, to be kept.
Tail = Callable[[Size, int], tuple[tuple[Any, ...], tuple[Array, ...]]]


def _run(workload: Workload, f: Array, threads: int, function: Any, tail: Tail) -> Run:
    """Calls for bands of rows, with the arguments of the last output kept."""
    bands = [(*band, tail(*_extent(workload, *band))) for band in _bands(workload, threads)]
    kept: tuple[Array | None, list[Callable[[], int]]] = None, []

    def calls(out: Array) -> list[Callable[[], int]]:
        return [
            partial(
                function, _at(f, a * f.strides[0]), f.strides[0], _at(out, a * out.strides[0]),
                out.strides[0], _extent(workload, a, b)[0], *last,
            )
            for a, b, (last, _) in bands
        ]  # fmt: skip

    def run(out: Array | None) -> Array:
        nonlocal kept
        target = np.empty(f.shape, f.dtype) if out is None else out
        if kept[0] is not target:
            kept = target, calls(target)
        _all(kept[1])
        return target

    return run


def _all(calls: list[Callable[[], int]]) -> None:
    if len(calls) == 1:
        _check(calls[0]())
    else:
        for status in _pool(len(calls)).map(lambda call: call(), calls):
            _check(status)


def _bands(workload: Workload, threads: int) -> list[tuple[int, int]]:
    """None lower than what a filter reads of its neighbours: it is taken to lie in memory."""
    rows, reach = workload.shape[0], max(workload.taps[0] // 2, 1)
    count = max(min(threads, rows // reach), 1)
    return list(pairwise(rows * i // count for i in range(count + 1)))


def _extent(workload: Workload, first: int, last: int) -> tuple[Size, int]:
    """A band's size, and its border."""
    rows, columns = workload.shape
    inside = ABOVE * (first > 0) | BELOW * (last < rows)
    return Size(columns, last - first), BORDERS[workload.boundary] | inside


def _function(workload: Workload, library: str, name: str) -> Any:
    suffix = f"{TYPES[workload.dtype][1]}_C{workload.channels or 1}R"
    return getattr(_libraries()[library], f"{name}_{suffix}")


def _blank(workload: Workload) -> Array:
    """The value of a constant border, for each channel."""
    return np.zeros(workload.channels or 1, workload.dtype)


def filter_border(workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """`ippiFilterBorder`, with weights of 16 bits where they are integers."""
    try:
        function = _function(workload, "i", "ippiFilterBorder")
    except AttributeError:  # as of four channels of float64
        return f"it takes no {workload.channels} channels of {workload.dtype}"
    library, kind = _libraries()["i"], TYPES[workload.dtype][0]
    whole = g.dtype.kind == "i" and f.dtype.kind in "iu"
    weights = "int16" if whole else "float64" if workload.dtype == "float64" else "float32"
    taps = np.ascontiguousarray(workload.weights(g), weights)
    mask, channels, blank = Size(*taps.shape[::-1]), workload.channels or 1, _blank(workload)
    shift = (1,) if whole else ()  # the divisor
    init = getattr(library, f"ippiFilterBorderInit_{TYPES[weights][1]}")

    def tail(size: Size, border: int) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
        spec_bytes, nbytes = ctypes.c_int(), ctypes.c_int()
        asked = TYPES[weights][0], channels, ctypes.byref(spec_bytes), ctypes.byref(nbytes)
        _check(library.ippiFilterBorderGetSize(mask, size, kind, *asked))
        spec, buffer = _memory(spec_bytes.value), _memory(nbytes.value)
        _check(init(_at(taps), mask, *shift, kind, channels, NEAREST, _at(spec)))
        return (border, _at(blank), _at(spec), _at(buffer)), (blank, spec, buffer, taps)

    return _run(workload, f, threads, function, tail)


def separable(workload: Workload, f: Array, g: Array, threads: int) -> Run:
    """`ippiFilterSeparable`."""
    library, kind = _libraries()["cv"], TYPES["float32"][0]
    column, row = map(np.ascontiguousarray, factors(workload.weights(g)))
    mask = Size(len(row), len(column))

    def tail(size: Size, border: int) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
        spec_bytes, nbytes = ctypes.c_int(), ctypes.c_int()
        asked = size, mask, kind, kind, 1, ctypes.byref(nbytes)
        _check(library.ippiFilterSeparableGetBufferSize(*asked))
        _check(library.ippiFilterSeparableGetSpecSize(mask, kind, 1, ctypes.byref(spec_bytes)))
        spec, buffer = _memory(spec_bytes.value), _memory(nbytes.value)
        _check(library.ippiFilterSeparableInit_32f(_at(row), _at(column), mask, kind, 1, _at(spec)))
        return (border, ctypes.c_float(0), _at(spec), _at(buffer)), (spec, buffer, row, column)

    return _run(workload, f, threads, _function(workload, "cv", "ippiFilterSeparable"), tail)


def own(workload: Workload, f: Array, g: Array, threads: int) -> Run:
    """`ippiFilterBoxBorder` or `ippiFilterGaussianBorder`, after the filter's name."""
    functions = {"box": _box, "gaussian": _gaussian}
    return functions[workload.named[0]](workload, f, threads)


def _box(workload: Workload, f: Array, threads: int) -> Run:
    library, mask, blank = _libraries()["i"], Size(*workload.taps[::-1]), _blank(workload)

    def tail(size: Size, border: int) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
        nbytes = ctypes.c_int()
        asked = size, mask, TYPES[workload.dtype][0], 1, ctypes.byref(nbytes)
        _check(library.ippiFilterBoxBorderGetBufferSize(*asked))
        buffer = _memory(nbytes.value)
        return (mask, border, _at(blank), _at(buffer)), (blank, buffer)

    return _run(workload, f, threads, _function(workload, "i", "ippiFilterBoxBorder"), tail)


def _gaussian(workload: Workload, f: Array, threads: int) -> Run:
    library, kind = _libraries()["cv"], TYPES[workload.dtype][0]
    taps, sigma = workload.taps[0], ctypes.c_float(workload.named[1])
    blank = (ctypes.c_float if workload.dtype == "float32" else ctypes.c_int)(0)

    def tail(size: Size, border: int) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
        spec_bytes, nbytes = ctypes.c_int(), ctypes.c_int()
        asked = kind, 1, ctypes.byref(spec_bytes), ctypes.byref(nbytes)
        _check(library.ippiFilterGaussianGetBufferSize(size, taps, *asked))
        spec, buffer = _memory(spec_bytes.value), _memory(nbytes.value)
        where = border, kind, 1, _at(spec), _at(buffer)
        _check(library.ippiFilterGaussianInit(size, taps, sigma, *where))
        return (blank, _at(spec), _at(buffer)), (spec, buffer)

    return _run(workload, f, threads, _function(workload, "cv", "ippiFilterGaussianBorder"), tail)
