"""Short: the product of a column and a row of few taps, each the same from either end; any column.

Wins for small Gaussians, boxes, derivatives, and filters of one column.  Rows of pixels are read as
they lie, each once for several rows of sums; rows of sums are shifted in registers, and of 3 x 3
taps, or 5 x 5 equal ones, never leave them.  Relies on stride 1, on 2, 3, 5, 7 or 9 taps a side,
which may differ in their sign from the other end, and for a row on neighbours of a result that lie
within a vector; of equal taps, which sum pixels, on as many as win and floating results.

The error of an output is bounded as that of `separable`; NaN and infinity keep the filter's
footprint.  Pixels beyond half of the largest number may overflow, as there, but not under equal
taps, whose sums are scaled as those of `windows` are.

Start reading at `down.py` and `across.py` (the inner loops), `both.py` (both at once), then
`kernel.py` (rows of output).
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.foreign import ends
from ...codegen.layout import geometry, odd_lines, up
from ...problem.bands import split_rows
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.problem import Problem
from ..direct.beside import folded
from ..direct.tile import stores
from ..finishing import finishes as finishes, with_numbers
from ..kernels import Taps, kernels_of
from ..rows import no_product
from ..separable import error as error, lines_of
from ..separable.line import EQUAL, OPPOSITE, PLAIN
from ..usual import (
    UNIT as UNIT,
    anywhere as anywhere,
    fill as fill,
    from_line,
    grain as grain,
    lanes_of,
    regions as regions,
    sums as sums,
    unasked as unasked,
    units as units,
    unsummable,
)
from ..windows import prepare as scaled_sums
from ..windows.beside import ENTRY
from . import kernel as k
from .across import SHIFTS
from .both import SIDES
from .down import ALIKE, ALIKES, COUNTS, OPPOSITES, PAIR, TALL
from .kernel import L
from .work import operations

# Nanoseconds a pixel of float32 at 5x5 by bytes of a row of sums, 4, 8, 16, 64 KiB: 1500 x 1500
# 0.35 0.28 0.26 0.26, 3000 x 3000 0.45 0.42 0.38 0.37 (Zen 4 VM, AVX-512, 2026-11).
TILE_BYTES = 1 << 14
BATCH_BYTES, BATCHES = 1 << 15, (8, 32)  # of sums that are made at a time; rows at least, at most
MORE = 6  # vectors of room behind a row
HEIGHT = 32  # rows of output that are packed for at a time
BAND_HALOS = 4  # least height of a band, in heights of the filter
# Taps at most of a column alone, whose weights all differ.  Under AVX2 nine of them spill: 1000 x
# 1000 float32 at 9x1 0.32 ns a pixel, by `direct` 0.23 (Zen 4 VM, 2026-11).
ALONE = machine.ISA.choose({32: 9, 16: 7})


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    return no_product(problem) or unsummable(problem) or _unlike(problem)


def _unlike(problem: Problem) -> str | None:
    """Why these taps cannot be."""
    (rows, columns), (down, across) = problem.filter, halves_of(problem)
    if problem.differences and OPPOSITE not in (down, across):
        return "the filter's taps cancel, and it multiplies each"
    if problem.mean and (columns == 1 or problem.dtype.kind != "f"):
        return "the filter's taps are all equal, and it is a column or results are integers"
    if problem.dilation[0] > 1 and rows > PAIR:
        return "a dilation separates the rows"
    if rows not in _counts(down) or columns not in (1, *_counts(across)):
        return f"it takes {', '.join(map(str, _counts(down)))} taps"
    if columns == 1:
        return _unlike_alone(problem)
    if PLAIN in (down, across):
        return "the column or the row is not the same from both ends, but for the sign"
    far = SHIFTS and problem.span[1] - 1 > lanes_of(problem)
    return "pixels under a row lie too far apart" if far else None


def halves_of(problem: Problem) -> tuple[int, int]:
    """What the halves of the column's taps are to each other, and those of the row's."""
    traits = problem.traits
    if problem.mean:
        return ALIKE, ALIKE
    down, across = (
        OPPOSITE if odd else EQUAL if even else PLAIN
        for even, odd in zip(traits.even, traits.odd, strict=True)
    )
    alone = problem.filter[1] == 1 and down == EQUAL
    return PLAIN if alone else down, across


def _counts(halves: int) -> Sequence[int]:
    return {OPPOSITE: OPPOSITES, ALIKE: ALIKES}.get(halves, COUNTS)


def _unlike_alone(problem: Problem) -> str | None:
    """The same of a single column."""
    if problem.filter[0] > ALONE:
        return f"it takes columns of {ALONE} taps at most"
    return "results lie beside the image" if any(_outside(problem)) else None


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    return operations(problem, alike(problem), bool(_folds(problem)))


def selects(problem: Problem) -> bool:
    """Whether it has no zero tap: of three the outer ones would be two, a dilation apart."""
    return max(problem.filter) <= 3


def prepare(problem: Problem, g: Filter) -> Taps:
    """The column, then the row, in the order in which they meet the image; read-only."""
    if problem.mean:
        return scaled_sums(problem, g)
    if problem.filter[1] == 1:
        taps = np.asarray(g).ravel()
        taps = taps[::-1] if problem.reflect else taps
    else:
        taps = np.concatenate(lines_of(problem, g))
    return Taps(with_numbers(problem, taps.astype(problem.sums)))


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands."""
    return split_rows(units(problem), parts, BATCHES[0])


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return max(HEIGHT, BAND_HALOS * problem.span[0])


# --- the problem as numbers ----------------------------------------------------------------------


def _tile_of(problem: Problem) -> int:
    """Columns of output of a panel, whole lines."""
    size, columns = problem.sums.itemsize, max(1, problem.plane[1])
    most = max(TILE_BYTES // size, 4 * problem.span[1])
    return up(-(-columns // -(-columns // most)), machine.CACHE_LINE // size)


def _batch_of(problem: Problem) -> int:
    """Rows of sums that are made at a time."""
    least, most = BATCHES
    fits = BATCH_BYTES // (_tile_of(problem) * problem.sums.itemsize) // TALL * TALL
    return max(1, min(max(fits, least), most, problem.plane[0]))


def _outside(problem: Problem) -> tuple[int, int]:
    """How many columns left and right of the image outputs need."""
    last = problem.plane[1] + problem.span[1] - 1 - problem.lead[1]
    return max(problem.lead[1], 0), max(last - problem.plane_in[1], 0)


def _beside(problem: Problem) -> tuple[int, int]:
    """The same where their columns' sums lie in the same panel; else these are packed."""
    columns, lead, span, tile = (
        problem.plane[1],
        problem.lead[1],
        problem.span[1],
        _tile_of(problem),
    )
    tiles, right = -(-columns // tile), columns + span - 1 - lead - problem.plane_in[1]
    rest, before, after = columns - (tiles - 1) * tile, *_outside(problem)
    near = problem.boundary[1] != "wrap" and max(before, after) < span <= min(rest, tile // 2)
    fits = near or (tiles == 1 and min(lead, right) >= 0)
    return (before, after) if fits else (0, 0)


def alike(problem: Problem) -> bool:
    """Whether pixels of the results' type are read as they lie, though sums are of another."""
    kind = problem.image_dtype
    return kind != problem.sums and kind == problem.dtype and stores(problem.sums, kind)


@lru_cache(maxsize=256)
def _folds(problem: Problem) -> list[int]:
    """Where pixels beside whole rows come from, where these are made at once; else nothing."""
    kinds = {problem.image_dtype, problem.sums, problem.dtype}
    (rows, columns), (down, across) = problem.filter, halves_of(problem)
    few = rows == columns and down == across and rows in SIDES.get(down, ())
    return folded(problem) if SHIFTS and few and len(kinds) == 1 else []


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    folds = _folds(problem)
    return L.pack(described(problem), whole=bool(folds), ends=folds)


def described(problem: Problem) -> dict[str, int]:
    """All of it but what lies beside rows that are made at once."""
    (before, after), batch, halves = _beside(problem), _batch_of(problem), halves_of(problem)
    return {
        **geometry(problem),
        "channels": problem.channels,
        "lanes": lanes_of(problem),
        "halves_y": halves[0],
        "halves_x": halves[1],
        "row_taps": 0 if ALIKE in halves else problem.filter[0],
        "stored": bool(stores(problem.sums, problem.dtype)),
        "alike": alike(problem),
        "before": before,
        "after": after,
        "batch": batch,
        **_places(problem, batch, before + after),
    }


def _places(problem: Problem, batch: int, beside: int) -> dict[str, int]:
    """What is computed at a time, and where in scratch."""
    tile, size = _tile_of(problem), problem.sums.itemsize
    # vectors are made, and read, beyond the last column
    step = odd_lines(tile + problem.span[1] - 1 + MORE * lanes_of(problem), size)
    height = max(1, min(up(HEIGHT, batch), problem.plane[0]))
    sums_at = (height + problem.span[0]) * step
    rows_at = sums_at + (batch + 1) * step
    table_at = rows_at + (batch + 1) * step
    return {
        "tile": tile, "height": height, "step": step, "sums_at": sums_at, "rows_at": rows_at,
        "table_at": table_at, "end": table_at + up(beside * ENTRY // size + 1, 64),
    }  # fmt: skip


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return from_line(problem, layout(problem)[L.end])


kernels = kernels_of(k.kernel, ends, stores)
