"""The kernel of `separable` where pixels are missing: what columns of weights sum to is looked up.

A bit tells of each pixel whether it is a hole (`bits.py`).  What the column factor makes of the
weights is a sum of numbers from tables (`looking.py`), of some bits each; the row factors go over
these sums as over those of the pixels.  Holes take the same time however many there are, and none
where a strip has none.
"""

from functools import lru_cache, partial

import numpy as np

from ...codegen import foreign, machine
from ...codegen.layout import odd_lines, up
from ...problem.dtypes import Array
from ...problem.problem import Problem
from .. import separable
from ..kernels import kernels_of, with_parts
from ..separable import kernel as alone
from ..separable.line import EQUAL, OPPOSITE
from ..separable.shape import halves_of
from ..separable.turn import pixels_of_word
from . import strips
from .bits import L as L, pack, unit_of
from .looking import bits_of, sum_columns
from .means import TAIL
from .names import GIVEN, given as with_weights
from .numbers import sum_of_ones

WORDS = 2  # at most, of a column

_kernel = with_parts(
    alone.kernel, "columns", pack=pack, sum_columns=sum_columns, sum_rows=strips.sum_rows
)
kernels = kernels_of(_kernel, foreign.ends, pixels_of_word)


# --- the filter ----------------------------------------------------------------------------------


def told(problem: Problem, taps: Array) -> tuple[float, Array]:
    """What weights sum to where all are 1, and the tables, from the method's own numbers."""
    shape, (halves, _), like = separable.numbers(problem), halves_of(problem), taps.copy()
    kept, both, tables = shape["kept_y"], shape["kept_y"] + shape["kept_x"], []
    for product in range(shape["products"]):
        column = taps[product * both :][:kept]
        whole = column
        if halves == EQUAL:
            whole = np.concatenate([column[::-1][: problem.filter[0] // 2], column])
        tables.append(_tables(whole, bits_of(shape["lanes"])))
        # a column whose sum of ones is exactly what the tables' numbers for those make
        every = np.add.accumulate(tables[-1][:, 0])[-1]
        paired = halves == EQUAL and problem.filter[0] % 2 == 0
        like[product * both :][:kept] = 0
        like[product * both] = every / 2 if paired else every
    return sum_of_ones(separable, problem, like), np.concatenate(tables).ravel()


def _tables(column: Array, bits: int) -> Array:
    """Sums of so many taps each, the first ones first, but of those whose bits are set."""
    taps = np.pad(column.astype(np.float64), (0, -len(column) % bits)).reshape(-1, 1, bits)
    there = ~np.arange(1 << bits)[:, None] >> np.arange(bits) & 1
    found: Array = (taps * there).sum(-1).astype(column.dtype)
    return found


# --- the problem as numbers ----------------------------------------------------------------------


def obstacle(problem: Problem) -> str | None:
    """Why the kernel cannot answer the problem; None where it can."""
    missing, lanes = problem.missing, machine.lanes(problem.sums.itemsize)
    if missing is None or (missing.weighted and not missing.truths):
        return "weights come with each image"
    if f"lookup{problem.sums.itemsize}" not in machine.ISA.instructions:
        return "no instruction of this machine looks numbers up"
    if not problem.rounded or halves_of(problem)[0] == OPPOSITE:
        return "quotients of integers are rounded once, and taps must not cancel"
    if problem.filter[0] - 1 + lanes > WORDS * 8 * problem.sums.itemsize:
        return "its columns have more taps than words have bits"
    return None


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    missing, lanes, size = (
        problem.missing,
        machine.lanes(problem.sums.itemsize),
        problem.sums.itemsize,
    )
    assert missing
    line, unit = machine.CACHE_LINE // size, unit_of(lanes) // 8
    known, rows = separable.numbers(problem, images=2), problem.filter[0] - 1 + lanes
    # a vector of bits more, and words of them, are read or written than rows tell
    high = known["ring"] + problem.filter[0] - 1
    bits_step = odd_lines(high + (machine.VECTOR_BYTES + WORDS * 8 * size * unit) // unit, unit)
    bits_at, vectors = up(known["end"], line), up(known["ring_step"], lanes) // lanes
    words_at = bits_at + up(vectors * bits_step * unit // size, line)
    truths_at = words_at + up(WORDS * lanes, line)
    aside_at, lead = truths_at + known["ring_step"], problem.lead[1]
    behind = problem.plane[1] + problem.span[1] - 1 - lead - problem.plane_in[1]
    aside = max(lead, 0) + max(behind, 0)
    numbers_at = known["products"] * (known["kept_y"] + known["kept_x"]) + 2 * known["scaled"]
    return L.pack(
        known | {"end": aside_at + up(rows * aside // size + 1, line)},
        **dict.fromkeys(GIVEN, 0),
        turned_beside=known["products"] * known["turned_step"],
        sums_beside=known["chunk"] * known["lanes"],
        weighted=missing.weighted,
        omits=missing.omits,
        bits=True,
        numbers_at=numbers_at,
        bits_at=bits_at,
        bits_step=bits_step,
        words_at=words_at,
        two=rows > 8 * size,
        groups=-(-problem.filter[0] // bits_of(lanes)),
        tables_at=numbers_at + TAIL,
        truths_at=truths_at,
        aside_at=aside_at,
        aside=aside,
    )


given = partial(with_weights, L)
