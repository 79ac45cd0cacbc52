"""Winograd's methods: 36 products for 16 outputs of a 3 x 3 filter in place of 144, or 16 for 4.

A patch of m x m outputs needs (m + 2) x (m + 2) inputs.  They are transformed, multiplied with the
transformed filters, summed over channels and transformed back: by F(4x4, 3x3), m = 4, or by
F(2x2, 3x3), m = 2, which takes 1.4 to 1.7 times as long and is more precise.  Wins for layers of
3 x 3 filters with 16 channels or more, whose filters are prepared once.  Relies on floating-point
sums, stride 1 and no dilation, and on a caller who names it (F(4x4)) or tolerates its error:

* NaN and infinity spread over the patch of outputs they lie under, and beyond it no further than a
  filter reaches.  Inputs beyond a hundredth of the largest float may overflow.
* The error of an output is below ``861 (C + 24) u S`` by F(4x4) and ``16 (C + 12) u S`` by F(2x2):
  S is the sum over the C channels of the largest |f| among the patch's inputs times sum |g|, u is
  2**-24 in float32 and 2**-53 in float64.  (861 and 16 are the largest sums of moduli with which a
  pixel and a tap enter an output, 24 and 12 count the roundings of the transforms.)  That is proven
  and far off.  What is stated, and what a tolerance is compared with, is ``1000 u S`` and
  ``150 u S``, more than was ever measured up to 2048 channels: 320 and 110 where single taps dwarf
  all others or all pixels are one number, 40 and 3 of uniform ones.  Of the largest output it is
  7e-6 at 64 channels and 1.8e-5 at 512 by F(4x4), 3e-7 and 7e-7 by F(2x2) (direct: 1e-6, 2e-6).

Start reading at `matrices.py`, then `product.py` (the inner loop), then `kernel.py`.
"""

import math
from functools import lru_cache, partial

import numpy as np

from ...codegen.layout import geometry, odd_lines, up
from ...problem.bands import split_rows
from ...problem.dtypes import Array, DType, kernel_dtype
from ...problem.problem import Problem
from ...runtime.crew.record import MAPS
from .. import usual
from ..kernels import Taps, kernels_of
from ..usual import bank_of, fill as fill, lanes_of, selects as selects, sums as sums
from . import kernel as k
from .kernel import L
from .matrices import F2, F4, TRANSFORMS, Transform
from .product import VECTORS
from .weights import transformed

UNIT = "blocks of patches for some filters"
# Most products, and vectors of outputs, of a unit: its sums stay near, and filters stream past once
# for many patches.  Milliseconds at 28, 56, 112, 128 patches of F(4x4), 4 vectors, batch 32, one
# core: 64 at 56 x 56 12.0 11.8 11.8 11.8, 256 at 14 x 14 12.7 12.6 12.8 13.1 (Zen 5, 2026-11).
BLOCK, SPLIT = 112 * F4.points, 4
# Units are smaller, but not below so many products, where there would be few patches to share.
UNITS, BLOCKS, LEAST_BLOCK = 16, 8, 24 * F4.points
REPEATED = 1 / 16  # of a band's time, at most, for inputs that another band transforms too
# Operations that take as long as moving a number of a map by itself, and as reading a number of the
# transformed filters from the last caches.
APART_WORK, READ_WORK = 270, 10
LONGEST = 64  # columns of a row that are transformed at a time: their inputs fit the nearest cache


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    if problem.filter != (3, 3):
        return "it is for 3 x 3 filters"
    if problem.stride != (1, 1) or problem.dilation != (1, 1):
        return "it has neither stride nor dilation"
    if problem.compute.kind == "i":
        return "integers are summed exactly"
    return None


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names this method gets it; None where its error is tolerated."""
    if problem.tolerance is None:
        return "its error is several times that of other methods: name it, or state a tolerance"
    return usual.unasked(problem)


def error(problem: Problem) -> float:
    """What it may err by, in units of ``S``."""
    return transform_of(problem).bound(problem)


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    return _cost(problem, transform_of(problem))


def _cost(problem: Problem, transform: Transform) -> float:
    bank, lanes = bank_of(problem), lanes_of(problem)
    inputs, outputs = bank.inputs, bank.filters
    reached = up(inputs, lanes), up(outputs, lanes)
    apart = _apart(inputs, problem.image_dtype, problem) + _apart(outputs, problem.dtype, problem)
    filters = transform.points * inputs * reached[1]
    each = 2 * filters + transform.work * sum(reached) + APART_WORK * transform.size**2 * apart
    return bank.groups * (math.prod(_patches(problem, transform.size)) * each + READ_WORK * filters)


def _apart(channels: int, kind: DType, problem: Problem) -> int:
    """How many of the channels of maps are moved number by number."""
    whole = kernel_dtype(kind) == problem.sums
    return channels % lanes_of(problem) if whole else channels


def prepare(problem: Problem, g: Array) -> Taps:
    """The filters, transformed; read-only."""
    g = np.asarray(g, problem.sums)
    plane = int(layout(problem)[L.taps_plane])
    return Taps(transformed(g, bank_of(problem).groups, transform_of(problem), plane))


# --- the problem as numbers ----------------------------------------------------------------------


def anywhere(problem: Problem) -> bool:
    """Patches begin with the image, and round together."""
    return False


def grain(problem: Problem) -> int:
    """Rows of a patch: all its outputs depend on all its pixels, by rounding."""
    return transform_of(problem).size


def transform_of(problem: Problem) -> Transform:
    """The fastest whose error is tolerated; F4 where a caller names the method alone."""
    if problem.tolerance is None:
        return F4
    allowed = [one for one in TRANSFORMS if one.bound(problem) <= problem.tolerance]
    return min(allowed or [F2], key=partial(_cost, problem))


def _patches(problem: Problem, size: int) -> tuple[int, int, int]:
    """Images, and patches of each along its axes."""
    batch, _, rows, columns = problem.maps
    return batch, -(-rows // size), -(-columns // size)


def _cut(patches: int, points: int, groups: int, vectors: int) -> tuple[int, int, int]:
    """(blocks of patches, patches of a block, vectors of outputs of a unit).

    Two, four or eight threads get as many blocks each.
    """
    blocks, split = -(-patches * points // BLOCK), SPLIT
    blocks = min(1 << (blocks - 1).bit_length(), up(blocks, BLOCKS))
    if blocks * groups * -(-vectors // split) < UNITS:
        split = VECTORS
        while blocks < BLOCKS and 2 * blocks * LEAST_BLOCK <= patches * points:
            blocks *= 2
    block = -(-patches // blocks)
    return -(-patches // block), block, min(split, vectors)


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    bank, size, transform = bank_of(problem), problem.sums.itemsize, transform_of(problem)
    side, inputs, points = transform.size, len(transform.inputs), transform.points
    (batch, tall, wide), lanes = _patches(problem, side), lanes_of(problem)
    patches, vectors = batch * tall * wide, -(-bank.filters // lanes)
    blocks, block, split = _cut(patches, points, bank.groups, vectors)
    longest = min(LONGEST // side, wide)
    row = (side * (longest - 1) + inputs) * lanes
    in_plane = odd_lines(up(bank.inputs, lanes) * block, size)
    in_at = odd_lines(inputs * row, size)
    return L.pack(
        geometry(problem),
        which=TRANSFORMS.index(transform),
        outputs=side,
        inputs=inputs,
        points=points,
        groups=bank.groups,
        channels=bank.inputs,
        outputs_each=bank.filters,
        patches_y=tall,
        patches_x=wide,
        patches=patches,
        blocks=blocks,
        block=block,
        longest=longest,
        splits=-(-vectors // split),
        split=split,
        lanes=lanes,
        row=row,
        step=block * lanes,
        in_plane=in_plane,
        out_plane=odd_lines(split * block * lanes, size),
        taps_plane=odd_lines(bank.inputs * lanes, size),
        in_at=in_at,
        out_at=in_at + points * in_plane,
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    numbers = layout(problem)
    return int(numbers[L.out_at] + numbers[L.points] * numbers[L.out_plane])


kernels = kernels_of(k.kernel, axes=MAPS)


# --- units ---------------------------------------------------------------------------------------


def units(problem: Problem) -> int:
    """How many there are: of every block every group, of every group some vectors of outputs."""
    numbers = layout(problem)
    return int(numbers[L.blocks] * numbers[L.groups] * numbers[L.splits])


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands; one that begins inside a group transforms its inputs again."""
    count, whole = units(problem), int(layout(problem)[L.splits])
    return split_rows(count, parts, whole if count >= parts * whole else 1)


def least_band(problem: Problem) -> int:
    """Units of a band that is worth handing out."""
    numbers = layout(problem)
    products = 2 * numbers[L.points] * numbers[L.split] * numbers[L.lanes]
    work = transform_of(problem).work
    return int(min(numbers[L.splits], -(-work // (REPEATED * products))))


def regions(problem: Problem, start: int, stop: int) -> list[tuple[int, slice, slice, slice]]:
    """Where units ``[start, stop)`` lie in the output: rows of patches."""
    numbers, found = layout(problem).tolist(), []
    each, lanes, split = (numbers[n] for n in (L.outputs_each, L.lanes, L.split))
    for unit in range(start, stop):
        part, first = divmod(unit, numbers[L.splits])
        block, group = divmod(part, numbers[L.groups])
        output = group * each + first * split * lanes
        outputs = slice(output, min(output + split * lanes, (group + 1) * each))
        found += [(*place[:1], outputs, *place[1:]) for place in _rows(numbers, block)]
    return found


def _rows(numbers: list[int], block: int) -> list[tuple[int, slice, slice]]:
    """(image, rows, columns) of each row of a block's patches."""
    wide, tall, size = (numbers[n] for n in (L.patches_x, L.patches_y, L.block))
    side = numbers[L.outputs]
    patch, last, found = block * size, min((block + 1) * size, numbers[L.patches]), []
    while patch < last:
        row, x = divmod(patch, wide)
        count = min(wide - x, last - patch)
        (image, y), ends = divmod(row, tall), (numbers[L.rows_out], numbers[L.columns_out])
        rows, columns = (
            slice(side * first, min(side * (first + n), end))
            for first, n, end in zip((y, x), (1, count), ends, strict=True)
        )
        found.append((image, rows, columns))
        patch += count
    return found
