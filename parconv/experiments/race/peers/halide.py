"""Halide: pipelines compiled for the workload, scheduled as its own examples are.

It starts as many threads as the environment says when the first is needed, so it runs apart.
"""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..workloads import Array, Workload
from .limits import KEEPS_TYPE, NAMED_BLURS, Limit, any_unit, needs, only
from .opencv import factors
from .peer import Run

TYPES = "uint8", "uint16", "int16", "float32"
BORDERS = {
    "constant": "constant_exterior", "edge": "repeat_edge", "symmetric": "mirror_image",
    "mirror": "mirror_interior", "wrap": "repeat_image",
}  # fmt: skip
LEAST, MOST = 64, 31  # pixels, as many as a tile has; taps, beyond which it compiles for long
LIMITS: tuple[Limit, ...] = (
    only("mode", "same"), only("dtype", *TYPES), only("channels", 0), KEEPS_TYPE,
    needs(f"images of {LEAST} x {LEAST} and more", lambda asked: min(asked.shape) >= LEAST),
    needs(f"filters up to {MOST} x {MOST}", lambda asked: max(asked.taps) <= MOST), any_unit,
)  # fmt: skip
SEPARABLE = *LIMITS[:5], any_unit, NAMED_BLURS, only("boundary", "mirror")
STRIP = 32  # rows that a thread takes at a time


def _module(threads: int) -> Any:
    os.environ["HL_NUM_THREADS"] = str(threads)
    return importlib.import_module("halide")


def _stored(hl: Any, value: Any, f: Array) -> Any:
    """A sum in the image's type."""
    if f.dtype.kind == "f":
        return value
    limits, made = np.iinfo(f.dtype), {"i": hl.Int, "u": hl.UInt}[f.dtype.kind]
    rounded = hl.clamp(hl.round(value), float(limits.min), float(limits.max))
    return hl.cast(made(8 * f.dtype.itemsize), rounded)


@dataclass
class Pipeline:
    """A compiled one, run into an output whose buffer is kept for the next call."""

    output: Any
    buffer: Callable[[Array], Any]
    arrays: tuple[Array, ...]  # kept here: buffers know their addresses alone
    bound: tuple[Array | None, Any] = None, None

    def __call__(self, out: Array | None) -> Array:
        image = self.arrays[0]
        target = np.empty(image.shape, image.dtype) if out is None else out
        if self.bound[0] is not target:
            self.bound = target, self.buffer(target)
        self.output.realize(self.bound[1])
        return target


def _compiled(hl: Any, output: Any, *arrays: Array) -> Run:
    output.compile_jit()
    return Pipeline(output, hl.Buffer, arrays)


def filter2d(workload: Workload, f: Array, g: Array, threads: int) -> Run:
    """Sums of a tile in registers, strips of rows in parallel."""
    hl, f = _module(threads), np.require(f, requirements="W")
    taps = np.ascontiguousarray(workload.weights(g), np.float32)
    image, weights = hl.Buffer(f), hl.Buffer(taps)
    x, y, xo, yo, xi, yi, ys, yr = (
        hl.Var(v) for v in ("x", "y", "xo", "yo", "xi", "yi", "ys", "yr")
    )
    padded, total, out = (hl.Func(name) for name in ("padded", "total", "out"))
    padded[x, y] = hl.cast(hl.Float(32), _bordered(hl, workload, image)[x, y])
    r = hl.RDom([(0, taps.shape[1]), (0, taps.shape[0])])
    above, before = workload.anchor
    total[x, y] = hl.f32(0)
    total[x, y] += weights[r.x, r.y] * padded[x + r.x - before, y + r.y - above]
    out[x, y] = _stored(hl, total[x, y], f)

    lanes = hl.get_host_target().natural_vector_size(hl.Float(32))
    width = lanes * (4 if lanes > 8 else 2)  # sums of 4 rows fit into the registers
    out.split(y, ys, yr, STRIP).parallel(ys)
    out.tile(x, yr, xo, yo, xi, yi, width, 4).vectorize(xi, lanes).unroll(xi).unroll(yi)
    total.compute_at(out, xo).bound_extent(x, width).vectorize(x, lanes).unroll(x).unroll(y)
    update = total.update().reorder(x, y, r.x, r.y).vectorize(x, lanes).unroll(x).unroll(y)
    if taps.shape[1] <= 7:
        update.unroll(r.x)
    padded.compute_at(out, ys).vectorize(x, lanes)
    return _compiled(hl, out, f, taps)


def _bordered(hl: Any, workload: Workload, image: Any) -> Any:
    rule = getattr(hl.BoundaryConditions, BORDERS[workload.boundary])
    return rule(image, 0) if workload.boundary == "constant" else rule(image)


def separable(workload: Workload, f: Array, g: Array, threads: int) -> Run:
    """Columns for a row of results at a time, then rows; weights that are equal are added first."""
    hl, f = _module(threads), np.require(f, requirements="W")
    image = hl.Buffer(f)
    column, row = factors(workload.weights(g))
    x, y, ys, yr = (hl.Var(v) for v in ("x", "y", "ys", "yr"))
    down, wide, out = (hl.Func(name) for name in ("down", "wide", "out"))
    rows, columns = f.shape

    def folded(i: Any, side: int) -> Any:
        """An index inside, for one that is less than a side outside."""
        end = side - 1
        return hl.cast(hl.Int(32), end - hl.abs(end - hl.cast(hl.Int(32), hl.abs(i))))

    def read(i: Any, j: Any) -> Any:
        inside = hl.clamp(i, 0, columns - 1), hl.clamp(folded(j, rows), 0, rows - 1)
        return hl.cast(hl.Float(32), image[inside])

    down[x, y] = _folded_sum(column, lambda k: read(x, y + k))
    wide[x, y] = down[hl.clamp(folded(x, columns), 0, columns - 1), y]
    out[x, y] = _stored(hl, _folded_sum(row, lambda k: wide[x + k, y]), f)
    lanes = hl.get_host_target().natural_vector_size(hl.Float(32))
    out.split(y, ys, yr, 2 * STRIP).parallel(ys).vectorize(x, lanes)
    for stage in (down, wide):
        stage.compute_at(out, yr).vectorize(x, lanes)
    return _compiled(hl, out, f)


def _folded_sum(weights: Array, term: Any) -> Any:
    """Of a symmetric filter, its middle first."""
    middle = len(weights) // 2
    total = float(weights[middle]) * term(0)
    for k in range(1, middle + 1):
        total += float(weights[middle + k]) * (term(-k) + term(k))
    return total
