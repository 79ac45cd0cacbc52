"""Direct method: every output pixel is the sum of its taps, computed in register tiles.

Wins for small filters and wherever the error must be bounded by a pixel's own neighbourhood; exact
for integers.  Relies on nothing: any shape, border, stride, dilation and supported dtype.  Complex
images and filters become real passes of the same tile over separated real and imaginary parts.

Start reading at `tile.py` (the inner loop), then `kernel.py` (rows of output from tiles).
"""

import math
from functools import cache, lru_cache

import numpy as np

from ... import machine
from ...arguments import BOUNDARIES
from ...bands import split_rows
from ...dtypes import Array, DType, real
from ...problem import Problem
from ...traits import total
from ..kernels import Kernels, Taps, as_layout, signature
from ..usual import error as error, sums as sums, unasked as unasked
from . import kernel as k
from .packing import packing_of
from .tile import ROWS, Group, encode_pass, encode_sparse_pass, row_groups

# Filter rows that share no input with others load a vector for every product or two: 1 x 31 reaches
# half of the peak, 15 x 15 nine tenths (4096 x 4096, one core, Zen 5, 2026-11).
SINGLE_ROW_COST = 2
# Operations that take as long as packing a pixel, real or complex, and reading it from there.
# Milliseconds for 4096 x 4096 uint8 to uint8 at 3x3, 5x5, 7x7, one core: 2.9, 5.1, 8.5, of which
# products take 1.1, 3.1, 6.1; complex64 at 7x7: 45, 24 (Zen 5, 2026-11).
PACK_WORK, PACK_COMPLEX_WORK = 22, 220
BAND_TILES = 10  # least height of a band, in rows of tiles


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can: always."""
    return None


def cost(problem: Problem) -> float:
    """Its floating-point operations, the unit in which methods are compared."""
    alone = all(len(rows) == 1 for _, rows in _groups(problem))
    products = problem.flops * (SINGLE_ROW_COST if alone else 1)
    return float(products + _pack_work(problem) * math.prod(problem.image))


def _pack_work(problem: Problem) -> int:
    """Of a pixel that cannot be read as it lies."""
    if problem.image_dtype == problem.sums:
        return 0
    return PACK_COMPLEX_WORK if problem.image_dtype.kind == "c" else PACK_WORK


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


def _ordered(problem: Problem, taps: Array) -> Array:
    """Taps in the order in which they meet the image."""
    return taps[::-1, ::-1] if problem.reflect else taps


def _support(problem: Problem) -> Array | None:
    """Where a sparse filter has taps, in the order in which they meet the image."""
    packed = problem.traits.support
    if packed is None:
        return None
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=math.prod(problem.filter))
    return _ordered(problem, bits.reshape(problem.filter).astype(bool))


@lru_cache(maxsize=256)
def order(problem: Problem) -> Array:
    """Place of each packed tap in the flattened parts of the filter, in order of addition."""
    place = _ordered(problem, np.arange(math.prod(problem.filter)).reshape(problem.filter))
    chosen = _support(problem)
    places = []
    for terms in _passes(problem):
        for _, rows in _groups(problem):
            for _, part in terms:
                taps = place[rows].T if chosen is None else place[rows][:, chosen[rows[0]]]
                places.append(taps.ravel() + part * place.size)
    return np.concatenate(places)


def prepare(problem: Problem, g: Array) -> Taps:
    """The filter in the order in which the tile reads it, read-only."""
    kind = problem.sums
    limit = largest_pixel(problem, g) if problem.compute.kind == "i" else None
    if g.dtype.kind == "c":
        imaginary = g.imag if problem.reflect else -g.imag  # correlation conjugates
        g = np.stack([g.real, imaginary, -imaginary])
    if g.dtype != kind:
        g = g.astype(kind)
    values = g.reshape(-1).take(order(problem))
    values.flags.writeable = False
    return Taps(values, limit)


def largest_pixel(problem: Problem, g: Array) -> int | None:
    """The largest |pixel| whose int64 sums cannot overflow; None where the dtype settles it."""
    sum_of_taps = max(1, total(g))
    limit, constant = (2**63 - 1) // sum_of_taps, abs(int(problem.cval.real))
    if constant > limit or sum_of_taps >= 2**63:
        raise ValueError(f"g or cval={problem.cval} is too large for int64 sums: pass g as float")
    return None if problem.widest <= limit else limit


def largest_of_bank(problem: Problem, g: Array) -> int | None:
    """The same for several filters."""
    if problem.compute.kind != "i":
        return None
    limits = [largest_pixel(problem, taps) for taps in g]
    return min((pixel for pixel in limits if pixel is not None), default=None)


# --- the problem as numbers ----------------------------------------------------------------------


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands of whole tiles."""
    return split_rows(problem.planes * problem.plane[0], parts, ROWS)


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return ROWS * BAND_TILES


def in_place(problem: Problem) -> tuple[int, int, int, int]:
    """``(top, bottom, left, right)`` of the outputs that tiles read from the image as it lies.

    Their taps stay inside it.  Empty where columns are strided, and where the border is most of the
    work: then one packed copy serves all.
    """
    (sy, sx), (span_y, span_x) = problem.stride, problem.span
    vector = machine.lanes(real(problem.compute).itemsize)
    (lead_y, lead_x), (size_y, size_x) = problem.lead, problem.plane_in
    (rows, columns), tiles = problem.plane, ROWS * sy
    top, left = -(-max(lead_y, 0) // tiles) * ROWS, max(lead_x, 0)
    below = max(rows - (size_y + lead_y - span_y) // sy - 1, 0)
    bottom = rows - -(-below // ROWS) * ROWS
    right = min(columns, size_x + lead_x - span_x + 1)
    whole_rows = left == 0 and right == columns
    if sx > 1 or right - left < vector * (1 if whole_rows else 4):
        return 0, 0, 0, 0
    return top, max(bottom, top), left, right


def _encoded_passes(problem: Problem) -> list[list[int]]:
    """The tile's tables: one for each pass over packed rows, and one to read the image in place."""
    sx, (dy, dx) = problem.stride[1], problem.dilation
    pack, groups = packing_of(problem), _groups(problem)
    packed = [(pack.row_of_tap(row, dy), rows) for row, rows in groups]
    offsets = np.arange(problem.filter[1]) * dx
    columns = np.array([pack.column_of_tap(int(offset), sx, dx) for offset in offsets])
    passes = [
        _encoded(problem, [part * pack.part_step + columns for part, _ in terms], packed)
        for terms in _passes(problem)
    ]
    return [*passes, _encoded(problem, [offsets], groups)]


def _encoded(problem: Problem, columns: list[Array], groups: list[Group]) -> list[int]:
    """One table: ``columns`` for each part of the image that the pass reads."""
    chosen = _support(problem)
    if chosen is None:
        return encode_pass(np.concatenate(columns).tolist(), groups)
    return encode_sparse_pass(
        [
            (at, np.concatenate([c[chosen[rows[0]]] for c in columns]).tolist())
            for at, rows in groups
        ]
    )


def _groups(problem: Problem) -> list[Group]:
    """Groups of filter rows; gathered and sparse rows share no input, so each is a group."""
    rows, sy, dy = problem.filter[0], problem.stride[0], problem.dilation[0]
    chosen = _support(problem)
    if chosen is not None:
        return [(row * dy, [row]) for row in range(rows) if chosen[row].any()]
    if packing_of(problem).gather_rows:
        return [(row * dy, [row]) for row in range(rows)]
    return row_groups(rows, sy, dy)


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    pack = packing_of(problem)
    (sy, sx), (dy, dx), (span_y, span_x) = problem.stride, problem.dilation, problem.span
    tables = _encoded_passes(problem)
    starts = np.cumsum([len(k.FIELDS), *map(len, tables)]).tolist()
    passes = len(tables) - 1
    inside, vector = in_place(problem), machine.lanes(real(problem.compute).itemsize)
    beside = max(inside[2], problem.plane[1] - inside[3]) + vector
    numbers = [
        *problem.plane, *problem.plane_in, *problem.lead, sy, sx, dy, dx, span_y, span_x,
        *problem.filter, *map(BOUNDARIES.index, problem.boundary), *inside,
        problem.bytes > 2 * machine.STREAM_BYTES,
        2 if problem.image_dtype.kind == "c" else 1,
        pack.block, pack.panel, pack.gather_rows, pack.gather_columns, vector,
        pack.phase_step, pack.part_step, pack.row_step, pack.rows * pack.row_step,
        span_y - 1 + 2 * ROWS * sy, passes, starts[passes], problem.channels,
        *pack.strip(beside, problem),
        starts[0], 0, starts[passes - 1], len(order(problem)) // passes * (passes - 1),
    ]  # fmt: skip
    return as_layout(numbers, *tables)


def workspace(problem: Problem) -> int:
    """Elements of scratch (of the real type computed in) that one worker needs."""
    numbers = layout(problem)
    return int(numbers[k.RESULTS_AT] + numbers[k.PASSES] * ROWS * numbers[k.PANEL])


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant, real and imaginary."""
    value = problem.cval
    return np.array([value.real, value.imag]).astype(real(problem.compute))


@cache
def kernels(image: DType, compute: DType, result: DType) -> Kernels:
    """The kernel for the dtypes as compiled code sees them."""
    return Kernels(k.kernel, signature(image, real(compute), result))
