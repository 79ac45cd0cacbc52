"""Each implementation made ready for one study: arrays converted, outputs and scratch allocated.

Nothing here looks at a clock.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import threadpoolctl

import parconv
from parconv.problem.dtypes import Array
from parconv.runtime import budget

from ..own import Own
from ..studies import Study
from . import loops

Asked = Study | Own
Run = Callable[[], Array]

# --- this library --------------------------------------------------------------------------------


def ours(study: Asked, f: Array, g: Array, threads: int) -> Run:
    """One plan, for a bank of filters too."""
    asked = {"correlate": study.correlation, "threads": threads, **study.question}
    plan = parconv.plan2d(f, g, **asked)
    out = np.empty(plan.problem.shape, plan.problem.dtype)
    return lambda: plan(f, out=out)


# --- the loops -----------------------------------------------------------------------------------

_BORDERS = {"mirror": "reflect"}  # what np.pad calls them, where it differs


def _extended(study: Asked, f: Array) -> Array:
    """The planes ``(B, H, W)`` with the border around them: a gift, made outside the clock."""
    planes = f.reshape(-1, *f.shape[-2:])
    if study.mode == "valid":
        return planes
    spans = [k - 1 for k in study.taps[-2:]]
    same = study.mode == "same"
    sides = [((k + 1) // 2, k // 2) if same else (k, k) for k in spans]
    mode: Any = _BORDERS.get(study.boundary, study.boundary)
    return np.pad(planes, [(0, 0), *sides], mode)


def _operands(study: Asked, f: Array, g: Array) -> tuple[Array, Array, Array]:
    """Planes, correlation weights and 4-D output; integers are computed in float64."""
    compute = f.dtype if f.dtype.kind == "f" else np.dtype(np.float64)
    w = g.reshape(-1, *g.shape[-2:])[:, ::-1, ::-1].astype(compute, order="C")
    planes = _extended(study, f)
    plane, result = study.problem.shape[-2:], study.problem.dtype
    return planes, w, np.empty((len(planes), len(w), *plane), result)


def _run(study: Asked, out: Array, fill: Callable[..., None], *arguments: Any) -> Run:
    """Calls ``fill`` on its arguments and returns the output in the study's shape."""
    result = out.reshape(study.problem.shape)

    def run() -> Array:
        fill(*arguments)
        return result

    return run


def naive(study: Asked, f: Array, g: Array, threads: int) -> Run:
    planes, w, out = _operands(study, f, g)
    return _run(study, out, loops.naive, planes, w, out)


def gather(study: Asked, f: Array, g: Array, threads: int) -> Run:
    planes, w, out = _operands(study, f, g)
    return _run(study, out, loops.gather3, planes[0], w[0], out[0, 0])


def scatter(study: Asked, f: Array, g: Array, threads: int) -> Run:
    planes, w, out = _operands(study, f, g)
    buffer = np.empty([n + 2 for n in planes.shape[1:]])
    return _run(study, out, loops.scatter3, planes[0], w[0], buffer, out[0, 0])


def autovectorised(study: Asked, f: Array, g: Array, threads: int) -> Run:
    planes, w, out = _operands(study, f, g)
    return _run(study, out, loops.autovectorised, planes, w, out)


def segments(study: Asked, f: Array, g: Array, threads: int) -> Run:
    planes, w, out = _operands(study, f, g)
    parts = budget.usable_threads(threads)

    def fill() -> None:
        before = budget.get_num_threads()
        budget.set_num_threads(parts)
        try:
            loops.segments(planes, w, out, parts)
        finally:
            budget.set_num_threads(before)

    return _run(study, out, fill)


# --- im2col --------------------------------------------------------------------------------------

COLUMN_BYTES = 2**25  # of pixels copied for one product; the whole of image4100 would take 1.6 GiB


def im2col(study: Asked, f: Array, g: Array, threads: int) -> Run:
    """Every window of the image becomes a column, and the filters times the columns the output."""
    planes, w, out = _operands(study, f, g)
    windows = np.lib.stride_tricks.sliding_window_view(planes, w.shape[1:], (1, 2))
    windows = windows.transpose(0, 3, 4, 1, 2)  # (B, KH, KW, H', W')
    taps, width = w[0].size, out.shape[3]
    rows = max(1, min(out.shape[2], COLUMN_BYTES // (taps * width * w.itemsize)))
    columns = np.empty((taps, rows * width), w.dtype)
    products = np.empty((len(w), rows * width), w.dtype)
    weights = w.reshape(len(w), taps)
    blas = threadpoolctl.ThreadpoolController()

    def fill() -> None:
        with blas.limit(limits=threads, user_api="blas"):
            for block, part in _blocks(windows, out, rows):
                size = block.shape[2] * width
                np.copyto(columns[:, :size].reshape(block.shape), block)
                np.matmul(weights, columns[:, :size], out=products[:, :size])
                _store(products[:, :size].reshape(part.shape), part)

    return _run(study, out, fill)


def _blocks(windows: Array, out: Array, rows: int) -> Iterator[tuple[Array, Array]]:
    """The windows and the output, plane by plane and so many rows at a time."""
    for plane, target in zip(windows, out, strict=True):
        for start in range(0, out.shape[2], rows):
            yield plane[:, :, start : start + rows], target[:, start : start + rows]


def _store(values: Array, out: Array) -> None:
    if out.dtype.kind in "iu":
        info = np.iinfo(out.dtype)
        values = np.clip(np.rint(values), info.min, info.max)
    np.copyto(out, values, casting="unsafe")
