"""FFT method: tiles of the image, transformed, multiplied with the filter's spectrum, and back.

Overlap-save convolution with a Fourier transform of our own, vectorised across its lanes.  Wins
for filters of about 12 x 12 and larger: the time hardly depends on the filter's size.  Relies on
real floating-point sums, stride 1 and a filter that spans less than a tile.  Tiles that hold NaN
or infinity are summed by definition, with the bits of the direct method, so neither spreads.

The error of an output is bounded by ``2 u log2(n) max|f| sum|g|`` (u = 2**-24 for float32, 2**-53
for float64; n <= 512 the side of a tile; max|f| over the two tiles that share a transform); what is
seen is about ``1e-7 max|f| sum|g|`` and ``2e-16 max|f| sum|g|``.  So it is relative to the largest
pixel within a few hundred pixels, not to an output's own neighbourhood: dark surroundings of a very
bright spot lose relative precision.  ``method="direct"`` bounds the error by the neighbourhood.

Start reading at `passes.py` (the transform), then `kernel.py` (rows of output from tiles).
"""

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np

from ... import jit, machine
from ...arguments import BOUNDARIES
from ...bands import split_rows
from ...dtypes import Array, DType, kernel_dtype
from ...problem import Problem
from .. import direct
from ..direct.kernel import parallel_signature, signature
from . import kernel as k
from .grid import LARGEST, LEAST_STEP, grid_of
from .spectrum import factors, spectrum, twiddles


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
        return jit.compiled(k.parallel_kernel, parallel_signature(self.signature), parallel=True)


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    if problem.compute.kind == "i":
        return "integers are summed exactly"
    if problem.compute.kind == "c":
        return "it is not written for complex numbers"
    if problem.stride != (1, 1):
        return "it would compute every output, of which a stride keeps few"
    if max(problem.span) > LARGEST - LEAST_STEP + 1:
        return f"the filter spans {max(problem.span)} pixels, more than a tile has"
    return None


def cost(problem: Problem) -> float:
    """Operations at the multiply-add peak that take as long."""
    return grid_of(problem).work if 0 not in problem.shape else 0.0


# --- the filter ----------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _places(problem: Problem) -> tuple[Array, Array]:
    """(row, column) of the window that each tap meets for output (0, 0), in order of addition."""
    rows, columns = np.divmod(direct.order(problem), problem.filter[1])
    if problem.reflect:
        rows, columns = problem.filter[0] - 1 - rows, problem.filter[1] - 1 - columns
    return rows * problem.dilation[0], columns * problem.dilation[1]


def prepare(problem: Problem, g: Array) -> direct.Taps:
    """The filter's spectrum, then the taps as the direct method reads them; read-only."""
    taps, size = direct.prepare(problem, g).values, grid_of(problem).size
    found = spectrum(taps, *_places(problem), size, problem.compute)
    values = _on_line(found.size + taps.size, problem.compute)
    values[: found.size], values[found.size :] = found, taps
    values.flags.writeable = False
    return direct.Taps(values)


def _on_line(count: int, kind: DType) -> Array:
    """So many numbers that start on a cache line."""
    raw = np.empty(count * kind.itemsize + machine.CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % machine.CACHE_LINE
    return raw[start : start + count * kind.itemsize].view(kind)


# --- the problem as numbers ----------------------------------------------------------------------


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most about ``parts`` bands, cut between rows of tiles and not inside pairs of tiles.

    Single rows of tiles where there are few: they are long work, and the next free worker takes
    the next.
    """
    grid = grid_of(problem)
    (ny, nx), height = grid.tiles, problem.plane[0]
    whole = 1 + nx % 2
    units = -(-ny * problem.planes // whole)
    parts = units if 1 < parts and units <= 4 * parts else parts
    edges = [
        min(row * whole, ny * problem.planes) for row, _ in split_rows(units, parts)
    ] + [ny * problem.planes]
    rows = [edge // ny * height + edge % ny * grid.step[0] for edge in edges]
    return tuple(zip(rows[:-1], rows[1:], strict=True))


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return grid_of(problem).step[0]


def _passes(size: int) -> list[int]:
    """The passes but the last: radix, butterflies of a block, blocks, place of twiddle factors."""
    numbers, length, blocks, place = [], size, 1, 1
    for radix in factors(size)[:-1]:
        length //= radix
        numbers += [radix, length, blocks, place]
        blocks, place = blocks * radix, place + 2 * length * (radix - 1)
    return numbers


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    grid, lanes = grid_of(problem), machine.lanes(problem.compute.itemsize)
    size, (step_y, step_x), (span_y, span_x) = grid.size, grid.step, problem.span
    row = size + lanes  # not a power of two, which would share few sets of the cache
    window, column = size * row, 2 * size * lanes
    block = column + 32 * lanes
    rows, columns = _places(problem)
    table = _passes(size)
    numbers = [
        *problem.plane, *problem.plane_in, *problem.lead, *map(BOUNDARIES.index, problem.boundary),
        problem.bytes > 2 * machine.STREAM_BYTES, lanes,
        size, step_y, step_x, *grid.tiles, problem.planes * grid.tiles[0] * grid.tiles[1],
        step_y + span_y - 1, max(step_x + span_x - 1, -(-step_x // lanes) * lanes), size // lanes,
        row, window, 2 * window, 2 * window + column, block,
        rows.size, 2 * size**2, len(k.FIELDS) + len(table), len(table) // k.PASS,
    ]  # fmt: skip
    result = np.concatenate([numbers, table, rows * row + columns]).astype(np.int64)
    result.flags.writeable = False
    return result


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    numbers = layout(problem)
    line = machine.CACHE_LINE // problem.compute.itemsize
    return int(numbers[k.TURNED_AT] + numbers[k.GROUPS] * numbers[k.BLOCK_STEP]) + line


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant, then the twiddle factors."""
    with np.errstate(over="ignore"):
        constant = np.array([problem.cval.real]).astype(problem.compute)
    return np.concatenate([constant, twiddles(grid_of(problem).size).astype(problem.compute)])


@cache
def kernels(image: DType, compute: DType, result: DType) -> Kernels:
    """The kernel for the dtypes as compiled code sees them."""
    return Kernels(signature(image, compute, result))


def run_band(problem: Problem, image: Array, taps: Array, start: int, stop: int) -> Array:
    """Rows ``[start, stop)`` of the result, computed in whatever process this is.

    The output is allocated whole but only touched where the band lies.
    """
    kind = kernel_dtype(problem.dtype)
    out = np.empty((problem.planes, *problem.plane), kind)
    scratch = np.zeros(workspace(problem), taps.dtype)
    compiled = kernels(image.dtype, problem.compute, kind).serial
    compiled(image, taps, fill(problem), out, layout(problem), scratch, start, stop)
    return out.reshape(-1, problem.plane[1])[start:stop].copy()
