"""FFT method: tiles of the image, transformed, multiplied with the filter's spectrum, and back.

Overlap-save convolution with a Fourier transform of our own, vectorised across its lanes.  Wins
for filters of about 12 x 12 and larger: the time hardly depends on the filter's size.  Relies on
real floating-point sums, stride 1 and a filter that spans less than a tile.  Tiles that hold NaN
or infinity are summed by definition, with the bits of the direct method, so neither spreads; where
most tiles do, the direct method itself is faster.

The error of an output is below ``1e-7 max|f| sum|g|`` in float32 and ``2e-16 max|f| sum|g|`` in
float64 for filters of a hundred taps and more, and stays below ``2 u log2(n) max|f| sum|g|`` for
hard images such as constant ones (u = 2**-24 or 2**-53; n <= 640 the side of a tile; max|f| over
the two tiles that share a transform).  So it is relative to the largest pixel within some hundreds,
not to an output's own neighbourhood: dark surroundings of a very bright spot lose relative
precision.  ``method="direct"`` bounds the error by the neighbourhood.  Where taps cancel or are all
equal, a tile's first pixel is taken from it before and given back after: a constant image gives
exactly 0, or that constant; sums by definition are there those of a plain sum, not of the direct
method.  The pixels of images of 8
and 16 bits are bounded by their type: with 255 or 65535 for max|f| both bounds hold everywhere, so
"auto" takes this method for them too.

Where all pixels under the filter are 0, so is the output, exactly (zero taps within its rectangle
count); elsewhere a sum that is 0 or nearly so may come out small and of either sign.  So masks are
not given to it.

Start reading at `passes.py` (the transform), then `kernel.py` (rows of output from tiles).
"""

import itertools
import math
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.foreign import ends
from ...codegen.layout import geometry
from ...problem.bands import split_rows
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.means import meant
from ...problem.problem import Problem
from .. import direct
from ..kernels import Taps, kernels_of
from ..remembering import TABLE_BYTES, remembered
from ..usual import (
    UNIT as UNIT,
    far,
    on_line,
    regions as regions,
    sums as sums,
    units as units,
)
from . import grid as tiling, kernel as k
from .grid import DIRECT_EFFICIENCY, LARGEST, LEAST_STEP, PIXEL_WORK, grid_of
from .kernel import L
from .spectrum import factors, spectrum, twiddles

# A transform larger than the nearest cache goes through its passes part by part.  In parts
# 512 x 512 float32 is 4 % faster and 320 x 320 9 %, 256 x 256 (32 KiB each) 3 % slower (Zen 5,
# 2026-11).
PART_BYTES = 1 << 15
# Operations of the direct method that take as long as those of transforms, whose rows are empty or
# not, and to move a pixel of a window, to read one that there is, to write a result; and of a
# frequency of the spectrum.  AVX-512: least squares of the times of 600 random images, whose half
# lies within -20 and +6 %, where -14 and +40 %, for one or two tiles some four times too much, were
# said before; the spectrum of a filter that is used for a hundred images, for even a plan of a new
# filter takes as long.  Regret of 401 others, with `passes.shape` and `direct.CALL_WORK`: 98th and
# 99th percentile 1.28 and 1.43, 1.19 and 1.25 so (Sapphire Rapids VM, 2026-11).  AVX2: what makes
# the fewest wrong choices of 320 random images, with all that is for it in other methods' costs:
# their 98th and 99th percentile 1.48 and 2.02, 1.28 and 1.41 so; of 160, by the others' fit, 1.81
# and 2.09, 1.39 and 1.57.
EMPTY_SHARE, FULL_SHARE, WINDOW_WORK, READ_WORK, WRITE_WORK, SPECTRUM_WORK = machine.ISA.choose({
    "AVX-512": (0.5, 0.74, 0, 13, 70, 50),
    "AVX2": (0.45, 0.5, 40, 1, 20, 60),
    16: (
        DIRECT_EFFICIENCY, 0, DIRECT_EFFICIENCY * PIXEL_WORK, 0, 0,
        DIRECT_EFFICIENCY * tiling.SPECTRUM_WORK,
    ),
})  # fmt: skip
# More of a pixel of a window where both parts of complex numbers, or two colours, lie beside each
# other.  Times of `direct` that complex64 take, what their costs said without and say so: 150 x 201
# at 15x15 1.13 0.58 1.01, 408 x 582 at 9x9 1.97 0.95 1.66, at 15x15 0.89 0.44 0.78, 52 x 32 at
# 21x21 1.26 0.68 1.34 (Zen 4 VM, AVX-512, 2026-11).
COMPLEX_WORK = machine.ISA.choose({"AVX-512": 120, 16: 0})
# How much more of the direct method's operations those of doubles take, and operations of as many
# bytes as a number has that no cache holds: see `direct.PIXEL_WORK`.  AVX2: at 11x11 300 x 400
# float32 take 1.73 ns a pixel, 1876 x 2427 3.35, by `direct` 2.27 both; float64 at 9x9 3.04, by
# `direct` 2.96, which 0.6 and 7 took for a third more (Zen 4 VM, 2026-11).
DOUBLES, FAR_WORK = machine.ISA.choose({"AVX-512": (1.05, 25), "AVX2": (0.77, 50), 16: (1.0, 0)})


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


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names this method gets it; None where it may be chosen."""
    kind = problem.image_dtype
    if kind.kind == "b" and problem.tolerance is None:
        return "a mask's zeros should stay zeros: name it, or state a tolerance"
    if kind.kind in "iu" and kind.itemsize > 2:
        return "wide integers keep the direct method's error bound unless fft is named"
    if any(problem.traits.odd) and problem.rounded and not problem.differences:
        return "the taps cancel, and are too many to be matched one by one"
    if problem.channels > 1 and (problem.traits.equal or problem.differences):
        return "the taps cancel or are equal, and only one of a pixel's channels would be exact"
    return None


def error(problem: Problem) -> float:
    """What it may err by, in units of the largest |f| of two tiles times sum |g|."""
    return float(np.finfo(problem.sums).eps) * math.log2(LARGEST)


def selects(problem: Problem) -> bool:
    """Whether it leaves out all zero taps, where pixels are not finite."""
    return direct.plain(problem).traits.support is not None


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    grid = grid_of(problem)
    high, wide = (
        min(grid.size, min(step, outputs) + span - 1)  # of a window, as far as there are pixels
        for step, outputs, span in zip(grid.step, problem.plane, problem.span, strict=True)
    )
    transforms = grid.transforms * (EMPTY_SHARE + FULL_SHARE * high / grid.size)
    window = WINDOW_WORK + (COMPLEX_WORK if problem.channels == 2 else 0)
    moved = grid.pixels * (2 * window * grid.pairs + SPECTRUM_WORK)
    read = grid.planes * math.prod(grid.tiles) * high * wide
    ends = READ_WORK * read + WRITE_WORK * grid.planes * math.prod(problem.plane)
    share = DOUBLES if problem.sums.itemsize == 8 else 1
    return share * (transforms + moved + ends) + FAR_WORK * far(problem)


# --- the filter ----------------------------------------------------------------------------------


@remembered(TABLE_BYTES)
def _places(problem: Problem) -> tuple[Array, Array]:
    """(row, column) of the window that each tap meets for output (0, 0), in order of addition."""
    rows, columns = np.divmod(direct.order(direct.plain(problem)), problem.filter[1])
    if problem.reflect:
        rows, columns = problem.filter[0] - 1 - rows, problem.filter[1] - 1 - columns
    return rows * problem.dilation[0], columns * problem.dilation[1]


def prepare(problem: Problem, g: Filter | Array) -> Taps:
    """The filter's spectrum, then the taps as the direct method reads them; read-only."""
    given, size = np.asarray(g), grid_of(problem).size
    taps = direct.prepare(direct.plain(problem), given).values
    found = spectrum(taps, *_places(problem), size, problem.compute)
    values = on_line(found.size + taps.size + 1, problem.compute)
    values[: found.size], values[found.size : -1] = found, taps
    values[-1] = _total(problem, given)
    values.flags.writeable = False
    return Taps(values)


def _averages(problem: Problem) -> bool:
    """Whether several equal taps weight pixels."""
    return problem.traits.equal and math.prod(problem.filter) > 1


def _total(problem: Problem, g: Array) -> float:
    """Of taps that cancel or are equal, as they are meant."""
    return float(g.size * meant(g, problem.sums)) if _averages(problem) else 0.0


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
    parts = units if parts > 1 and units <= 4 * parts else parts
    edges = [whole * first for first, _ in split_rows(units, parts)]
    rows = [edge // ny * height + edge % ny * grid.step[0] for edge in edges]
    return tuple(itertools.pairwise([*rows, problem.planes * height]))


def anywhere(problem: Problem) -> bool:
    """Tiles begin with the image, and round together."""
    return False


def grain(problem: Problem) -> int:
    """Rows of a tile: all its outputs depend on all its pixels, by rounding."""
    return grid_of(problem).step[0]


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


@remembered(TABLE_BYTES)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    grid, lanes = grid_of(problem), machine.lanes(problem.compute.itemsize)
    size, (step_y, step_x), (span_y, span_x) = grid.size, grid.step, problem.span
    row = size + lanes  # not a power of two, which would share few sets of the cache
    window, column = size * row, 2 * size * lanes
    cells = 2 * window + machine.CACHE_LINE // problem.compute.itemsize  # a vector before them
    rows, columns = _places(problem)
    table, block = _passes(size), column + 32 * lanes
    return L.pack(
        geometry(problem),
        channels=problem.channels,
        lanes=lanes,
        size=size,
        step_y=step_y,
        step_x=step_x,
        tiles_y=grid.tiles[0],
        tiles_x=grid.tiles[1],
        tiles=problem.planes * math.prod(grid.tiles),
        needed_y=step_y + span_y - 1,
        needed_x=max(step_x + span_x - 1, -(-step_x // lanes) * lanes),
        groups=size // lanes,
        row_step=row,
        window=window,
        column_at=cells,
        turned_at=cells + column,
        block_step=block,
        taps=rows.size,
        taps_at=2 * size**2,
        total_at=2 * size**2 + rows.size,
        parts=table[0] if column * problem.compute.itemsize > PART_BYTES else 1,
        pass_count=len(table) // k.PASS,
        level=_averages(problem) or bool(problem.differences),
        counts_at=cells + column + size // lanes * block,
        passes=table,
        offsets=rows * row + columns,
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    numbers = layout(problem)
    line = machine.CACHE_LINE // problem.compute.itemsize
    return int(numbers[L.counts_at] + 2 * numbers[L.needed_y] * numbers[L.needed_x]) + line


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant, then the twiddle factors."""
    constant = np.array([problem.cval.real]).astype(problem.compute)
    return np.concatenate([constant, twiddles(grid_of(problem).size).astype(problem.compute)])


kernels = kernels_of(k.kernel, ends)
