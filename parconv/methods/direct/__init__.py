"""Direct method: every output pixel is the sum of its taps, computed in register tiles.

Wins for small filters and wherever the error must be bounded by a pixel's own neighbourhood; exact
for integers.  Relies on nothing: any shape, border, stride, dilation and supported dtype.  Complex
images and filters become real passes of the same tile over separated real and imaginary parts.

Start reading at `tile.py` (the inner loop), then `kernel.py` (rows of output from tiles).
"""

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ... import jit, machine
from ...arguments import BOUNDARIES
from ...dtypes import Array, DType, real
from ...problem import Problem
from . import kernel as k
from .tile import ROWS, VECTORS, encode_pass, lanes, row_groups

# Rows and columns of output packed at a time: scratch stays in the second-level cache while the
# halo copied with each block stays small.
BLOCK_ROWS = 10 * ROWS
PANEL_BYTES = 1 << 11


class Taps(NamedTuple):
    """A filter packed for the kernel, and the largest |pixel| for which int64 cannot overflow."""

    values: Array
    limit: int | None = None


@dataclass(frozen=True, eq=False)
class Kernels:
    """The compiled kernel for one set of dtypes; each form compiles, or loads, on first use."""

    signature: tuple[Any, ...]

    @cached_property
    def serial(self) -> Any:
        """``serial(f, taps, fill, out, layout, scratch, start, stop)`` fills one band."""
        return jit.compiled(k.kernel, self.signature)

    @cached_property
    def parallel(self) -> Any:
        """The same over a table of bands, on Numba's threads."""
        signature = k.parallel_signature(self.signature)
        return jit.compiled(k.parallel_kernel, signature, parallel=True)


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can: always."""
    return None


def cost(problem: Problem) -> float:
    """Floating-point operations, the unit in which methods are compared."""
    return float(problem.flops)


# --- the filter ----------------------------------------------------------------------------------


def _passes(problem: Problem) -> list[list[tuple[int, int]]]:
    """For each part of the result: (part of the image, part of the filter) of its terms.

    Parts: 0 real, 1 imaginary, 2 minus the imaginary.
    """
    complex_f, complex_g = problem.image_dtype.kind == "c", problem.filter_dtype.kind == "c"
    if complex_f and complex_g:
        return [[(0, 0), (1, 2)], [(0, 1), (1, 0)]]
    if complex_f:
        return [[(0, 0)], [(1, 0)]]
    return [[(0, 0)], [(0, 1)]] if complex_g else [[(0, 0)]]


@lru_cache(maxsize=256)
def _order(problem: Problem) -> Array:
    """Where each packed tap comes from in the flattened parts of the filter."""
    rows, columns = problem.filter
    place = np.arange(rows * columns).reshape(rows, columns)
    if problem.reflect:
        place = place[::-1, ::-1]
    order = []
    for terms in _passes(problem):
        for _, members in row_groups(rows, problem.stride[0], problem.dilation[0]):
            for _, part in terms:
                order.append(place[members].T.ravel() + part * place.size)
    return np.concatenate(order)


def prepare(problem: Problem, g: Array) -> Taps:
    """The filter in the order in which the tile reads it, read-only."""
    kind = real(problem.compute)
    limit = _overflow_limit(problem, g) if kind.kind == "i" else None
    if g.dtype.kind == "c":
        imaginary = g.imag if problem.reflect else -g.imag  # correlation conjugates
        g = np.stack([g.real, imaginary, -imaginary])
    if g.dtype != kind:
        with np.errstate(over="ignore"):
            g = g.astype(kind)
    values = g.reshape(-1).take(_order(problem))
    values.flags.writeable = False
    return Taps(values, limit)


def _overflow_limit(problem: Problem, g: Array) -> int | None:
    """Largest |pixel| safe in int64, where the image's dtype does not settle it."""
    total = max(1, sum(abs(tap) for tap in g.ravel().tolist()))
    limit = (2**63 - 1) // total
    if abs(int(problem.cval.real)) > limit or total >= 2**63:
        raise ValueError(f"g or cval={problem.cval} is too large for int64 sums: pass g as float")
    widest = 1 << (8 * problem.image_dtype.itemsize)
    return None if widest <= limit else limit


# --- the problem as numbers ----------------------------------------------------------------------


def _panel(problem: Problem) -> tuple[int, int]:
    """(rows, columns) of output packed at a time."""
    rows, columns = problem.plane
    vector = lanes(real(problem.compute).itemsize)
    vectors = -(-columns // vector)
    widest = PANEL_BYTES // machine.VECTOR_BYTES // VECTORS * VECTORS
    panels = max(1, -(-vectors // widest))
    wide = -(-vectors // panels)
    if panels > 1:
        wide = -(-wide // VECTORS) * VECTORS
    return min(BLOCK_ROWS, -(-rows // ROWS) * ROWS), wide * vector


def _odd_lines(elements: int, itemsize: int) -> int:
    """Rounded up to an odd number of cache lines, so that rows of scratch spread over its sets."""
    lines = -(-elements * itemsize // machine.CACHE_LINE) | 1
    return lines * machine.CACHE_LINE // itemsize


def _in_place(problem: Problem) -> tuple[int, int, int, int]:
    """``(top, bottom, left, right)`` of the outputs that tiles read from the image as it lies.

    Their taps stay inside it.  Empty where columns are strided,
    and where the border is most of the work: then one packed copy serves all.
    """
    (sy, sx), (span_y, span_x) = problem.stride, problem.span
    vector = lanes(real(problem.compute).itemsize)
    (lead_y, lead_x), (size_y, size_x) = problem.lead, problem.plane_in
    top, left = -(-max(lead_y, 0) // sy), max(lead_x, 0)
    bottom = min(problem.plane[0], (size_y + lead_y - span_y) // sy + 1)
    right = min(problem.plane[1], size_x + lead_x - span_x + 1)
    whole_rows = left == 0 and right == problem.plane[1]
    if sx > 1 or right - left < vector * (1 if whole_rows else 4):
        return 0, 0, 0, 0
    return top, max(bottom, top), left, right


def _encoded_passes(problem: Problem, phase: int, part: int) -> list[list[int]]:
    """The tile's tables, for packed rows whose phases and parts lie that far apart."""
    stride, dilation = problem.stride, problem.dilation
    groups = row_groups(problem.filter[0], stride[0], dilation[0])
    offsets = [tap * dilation[1] for tap in range(problem.filter[1])]
    columns = [offset // stride[1] + offset % stride[1] * phase for offset in offsets]
    return [
        encode_pass([part * image + c for image, _ in terms for c in columns], groups)
        for terms in _passes(problem)
    ]


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    itemsize = real(problem.compute).itemsize
    block, panel = _panel(problem)
    (sy, sx), (span_y, span_x) = problem.stride, problem.span
    parts = 2 if problem.image_dtype.kind == "c" else 1
    phase = panel + (span_x - 1) // sx + 1
    part = sx * phase
    row = _odd_lines(parts * part, itemsize)
    passes = _encoded_passes(problem, phase, part)
    rows = (block - 1) * sy + span_y
    large = problem.bytes > 2 * machine.STREAM_BYTES
    numbers = np.zeros(len(k.FIELDS), np.int64)
    numbers[: k.PASSES] = [
        *problem.plane, *problem.plane_in, *problem.lead, sy, sx, span_y, span_x,
        *map(BOUNDARIES.index, problem.boundary), *_in_place(problem), large, parts, block,
        panel, lanes(itemsize), phase, part, row, rows * row,
        span_y - 1 + 2 * ROWS * sy,
    ]  # fmt: skip
    numbers[k.PASSES] = len(passes)
    numbers[k.STEPS_AT] = len(k.FIELDS)
    numbers[k.SECOND_STEPS_AT] = len(k.FIELDS) + len(passes[0])
    numbers[k.SECOND_TAPS_AT] = len(_order(problem)) // len(passes)
    result = np.concatenate([numbers, *passes])
    result.flags.writeable = False
    return result


def workspace(problem: Problem) -> int:
    """Elements of scratch (of the real type computed in) that one worker needs."""
    numbers = layout(problem)
    return int(numbers[k.RESULTS_AT] + numbers[k.PASSES] * ROWS * numbers[k.PANEL])


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant, real and imaginary."""
    value = problem.cval
    with np.errstate(over="ignore"):
        return np.array([value.real, value.imag]).astype(real(problem.compute))


@cache
def kernels(image: DType, compute: DType, result: DType) -> Kernels:
    """The kernel for the dtypes as compiled code sees them."""
    return Kernels(k.signature(image, real(compute), result))


def run_band(problem: Problem, image: Array, taps: Array, start: int, stop: int) -> Array:
    """Rows ``[start, stop)`` of the result, computed in whatever process this is.

    The output is allocated whole but only touched where the band lies.
    """
    kind = np.dtype(np.float32) if problem.dtype.char == "e" else problem.dtype
    out = np.empty((problem.planes, *problem.plane), kind)
    scratch = np.zeros(workspace(problem), taps.dtype)
    compiled = kernels(image.dtype, problem.compute, kind).serial
    compiled(image, taps, fill(problem), out, layout(problem), scratch, start, stop)
    return out.reshape(-1, problem.plane[1])[start:stop].copy()
