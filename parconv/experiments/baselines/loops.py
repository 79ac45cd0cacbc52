"""The studies' own loops over pixels and taps, compiled as they stand: no vectors by hand.

``f`` holds planes ``(B, H, W)``, ``w`` the weights ``(O, KH, KW)`` a correlation multiplies with,
in the type that is computed in, and ``out`` the valid results ``(B, O, H', W')``.  All loops stay
in this one file, which is a part of their key in the cache: an edited loop never runs stale.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

from parconv.codegen import jit


def _looped(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`jit.jit` with a cache on disk, so that processes of their own need not compile again.

    These loops allocate, unlike kernels.
    """
    return jit.jit(keep=True, _nrt=True, **options)


def _nearest(value: Any, out: Any) -> Any:
    """The number as ``out`` holds it: integers round half to even and saturate."""
    raise NotImplementedError("called from compiled code only")


def _nearest_typed(value: Any, out: Any) -> Any:
    kind = out.dtype

    def as_it_is(value: Any, out: Any) -> Any:
        return kind(value)

    if not isinstance(kind, types.Integer):
        return as_it_is
    low, high = float(kind.minval), float(kind.maxval)

    def rounded(value: Any, out: Any) -> Any:
        return kind(min(max(np.rint(value), low), high))

    return rounded


overload(_nearest)(_nearest_typed)


@_looped()
def naive(f: Any, w: Any, out: Any) -> None:
    """Every output pixel gathers its taps."""
    for b in range(out.shape[0]):
        for o in range(out.shape[1]):
            for y in range(out.shape[2]):
                for x in range(out.shape[3]):
                    total = w.dtype.type(0)
                    for v in range(w.shape[1]):
                        for u in range(w.shape[2]):
                            total += f[b, y + v, x + u] * w[o, v, u]
                    out[b, o, y, x] = _nearest(total, out)


@_looped()
def gather3(f: Any, w: Any, out: Any) -> None:
    """3x3, one plane: nine products per output pixel, summed in a register, then cast."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            total = 0.0
            for v in range(3):
                for u in range(3):
                    total += f[y + v, x + u] * w[v, u]
            out[y, x] = _nearest(total, out)


@_looped()
def scatter3(f: Any, w: Any, buffer: Any, out: Any) -> None:
    """3x3, one plane: every input pixel adds to three neighbours of one row, in three passes.

    ``buffer`` (float64) has two rows and columns more than ``f``: sums that are cast to ``out``
    at the end, and those beside it that nobody asked for.
    """
    buffer[:] = 0
    for v in range(3):
        for y in range(f.shape[0]):
            for x in range(f.shape[1]):
                pixel = np.float64(f[y, x])
                buffer[y + 2 - v, x + 2] += pixel * w[v, 0]
                buffer[y + 2 - v, x + 1] += pixel * w[v, 1]
                buffer[y + 2 - v, x] += pixel * w[v, 2]
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = _nearest(buffer[y + 2, x + 2], out)


@_looped()
def _row(f: Any, w: Any, row: Any, out: Any, index: int) -> None:
    """Row ``index`` of ``out``, counted over all planes; ``row`` is scratch for its sums.

    The taps outside and the pixels inside: a contiguous loop that LLVM vectorises.
    """
    plane, y = divmod(index, out.shape[2])
    b, o = divmod(plane, out.shape[1])
    row[:] = 0
    for v in range(w.shape[1]):
        for u in range(w.shape[2]):
            weight = w[o, v, u]
            source = f[b, y + v, u : u + row.size]
            for x in range(row.size):
                row[x] += weight * source[x]
    for x in range(row.size):
        out[b, o, y, x] = _nearest(row[x], out)


@_looped()
def autovectorised(f: Any, w: Any, out: Any) -> None:
    """One row after the other."""
    row = np.empty(out.shape[3], w.dtype)
    for index in range(out.shape[0] * out.shape[1] * out.shape[2]):
        _row(f, w, row, out, index)


@_looped(parallel=True)
def segments(f: Any, w: Any, out: Any, parts: int) -> None:
    """As `autovectorised`, on ``parts`` disjoint runs of rows at the same time."""
    rows = out.shape[0] * out.shape[1] * out.shape[2]
    for part in numba.prange(parts):
        row = np.empty(out.shape[3], w.dtype)
        for index in range(rows * part // parts, rows * (part + 1) // parts):
            _row(f, w, row, out, index)
