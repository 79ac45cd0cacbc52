"""The kernel of `separable` over pixels and their weights, side by side in every row of its ring.

Rows are weighted as they are packed; the factors go over both halves of a strip, and a chunk of
sums is divided before it is turned back.  A strip in which no pixel is missing is summed once: what
its weights sum to is what the filter does, exactly.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen import foreign, jit
from ...codegen.emitted import Items, Value, emitted
from ...codegen.layout import OWN, Layout
from ...codegen.packing import fetch, within
from ...codegen.runs import has_runs
from ...codegen.simd import I64, Code
from ...problem.dtypes import Array
from ...problem.problem import Problem
from .. import separable
from ..kernels import kernels_of, with_parts
from ..separable import kernel as alone
from ..separable.turn import pixels_of_word
from .flags import call_by_flags
from .names import GIVEN, given as with_weights
from .numbers import sum_of_ones
from .quotients import any_of, shared
from .weighing import truths_at, weights_at

# Behind the names of the method's own layout: elements from what is of pixels to what is of weights
# in `turned` and `sums`, and the place of the numbers behind the taps.
L = Layout(
    *alone.L.names, *GIVEN, "turned_beside", "sums_beside", "weighted", "omits", "bits",
    "numbers_at",
)  # fmt: skip


BYTE = ir.IntType(8)
SIDES = 8  # vectors of results side by side, at most


@emitted(types.int64)
def _weigh(
    builder: Any, scratch: Items, at: Value, beside: Value, columns: Value, how: Sequence[Value],
    pixels: Items, source: Value, truths: Items, there: Value, most: Value,
) -> Value:  # fmt: skip
    """A run of a row's pixels, weighted, and their weights so far beside: whether all are 1.

    A pixel without weight becomes 0, whatever it is.  ``how``: whether there are weights, else all
    are 1; whether NaN has none; and whether the pixels lie elsewhere, a vector of them at least,
    from ``source`` on, and bytes that tell of holes from ``there`` on.  Else they are there
    already, and so are weights, of which none counts above ``most``: a boolean's byte may be 255.
    """
    found = cgutils.alloca_once(builder, I64)
    bytes_at = builder.bitcast(truths.at(there), BYTE.as_pointer())
    places = scratch.at(at), scratch.at(builder.add(at, beside)), pixels.at(source), bytes_at
    neither = [(False, False, apart) for apart in (False, True)]
    arguments = [*places, columns, most, found]
    call_by_flags(builder, "missing.weigh", how, _weigh_row, arguments, neither)
    return builder.load(found)


def _weigh_row(
    weighted: bool, omits: bool, apart: bool, builder: Any, target: Value, weights: Value,
    pixels: Value, truths: Value, columns: Value, most: Value, found: Value,
) -> None:  # fmt: skip
    code = Code(builder, target.type.pointee)
    unit, lanes, limit = code.constant(1.0), I64(code.lanes), code.splat(most)
    source = pixels if apart else target

    def some(at: Value) -> tuple[Value, Value]:
        """A vector of pixels, weighted, and of weights."""
        value, weight = code.load(code.at(source, at)), unit
        lost = builder.fcmp_unordered("uno", value, value) if omits else None
        if weighted and apart:
            place = builder.bitcast(builder.gep(truths, [at]), kind.as_pointer())
            none = builder.icmp_signed("==", builder.load(place, align=1), ir.Constant(kind, None))
        elif weighted:
            weight = code.load(code.at(weights, at))
            weight = builder.select(builder.fcmp_ordered("<", weight, limit), weight, limit)
            none = builder.fcmp_ordered("==", weight, code.zero)
            value = builder.fmul(value, weight)
        if weighted:
            lost = builder.or_(lost, none) if omits else none
        return tuple(builder.select(lost, code.zero, each) for each in (value, weight))

    kind = ir.VectorType(BYTE, code.lanes)

    def one(at: Value, odd: Value) -> Sequence[Value]:
        value, weight = some(at)
        code.store(value, code.at(target, at))
        code.store(weight, code.at(weights, at))
        return [builder.add(at, lanes), builder.or_(odd, differ(weight))]

    def differ(weight: Value) -> Value:
        return builder.fcmp_unordered("!=", weight, unit)

    at, odd = code.repeat(builder.udiv(columns, lanes), [I64(0), differ(unit)], one)
    rest = builder.sub(columns, at)

    def last() -> Sequence[Value]:
        if apart:
            return one(builder.sub(columns, lanes), odd)[1:]
        value, weight = some(at)
        code.store_first(value, code.at(target, at), rest)
        code.store_first(weight, code.at(weights, at), rest)
        return [builder.or_(odd, builder.and_(differ(weight), code.first_lanes(rest)))]

    [odd] = code.when(builder.icmp_signed(">", rest, I64(0)), [odd], last)
    builder.store(builder.zext(builder.not_(any_of(code, odd)), I64), found)


@emitted()
def _divide(
    builder: Any, scratch: Items, sums: Value, weights: Value, vectors: Value,
    numbers: Sequence[Value], bits: Value,
) -> None:  # fmt: skip
    """So many vectors of sums over those of their weights; ``bits``: whether these are 0 or 1."""
    arguments = [scratch.at(sums), scratch.at(weights), vectors, *numbers]
    call_by_flags(builder, "missing.strips", [bits], _divide_row, arguments)


def _divide_row(
    quickly: bool, builder: Any, sums: Value, weights: Value, vectors: Value, *numbers: Value
) -> None:
    code = Code(builder, sums.type.pointee)
    every = [code.splat(number) for number in numbers]

    sides = min(SIDES, code.lanes)  # of which chunks have a multiple

    def some(at: Value) -> Sequence[Value]:
        values, left = (
            [code.load(code.at(start, at, n * code.lanes)) for n in range(sides)]
            for start in (sums, weights)
        )
        for n, mean in enumerate(shared(code, values, left, every, quickly)):
            code.store(mean, code.at(sums, at, n * code.lanes))
        return [builder.add(at, I64(sides * code.lanes))]

    code.repeat(builder.udiv(vectors, I64(sides)), [I64(0)], some)


@jit.jit()
def _pack(f, fill, layout, scratch, plane, down, across, at, whole):
    """Weighted where they are copied, but for what lies beyond the border."""
    step, beside, omits = layout[L.ring_step], layout[L.beside], layout[L.omits]
    weighted, truths = layout[L.weighted], truths_at(layout, L.weights, scratch)
    (above, below), (begin, end), columns = within(down), within(across), across[2]
    runs = not weighted or (layout[L.bits] and truths.strides[2] == 1)
    lies = layout[L.reads] == OWN and has_runs(f) and runs and end - begin >= layout[L.lanes]
    fetch(
        f, layout[L.reads], (plane,), down, across, fill, scratch, (at, step, 0), not lies, True
    )  # fmt: skip
    if weighted:
        fetch(
            weights_at(layout, L.weights, scratch), layout[L.weights_reads], (plane,), down, across,
            fill[1:], scratch, (at + beside, step, 0), not lies, True,
        )  # fmt: skip
    pixel = plane * (f.strides[0] // f.itemsize) + across[0] + begin
    byte = plane * truths.strides[0] + across[0] + begin
    most = scratch.dtype.type(1 if layout[L.bits] else np.inf)
    for n in range(down[2]):
        first, last = 0, 0  # columns that were copied
        row, known, so_far = down[0] + n * down[1], 1, at + n * step
        if lies and above <= n < below:
            source = pixel + row * (f.strides[1] // f.itemsize)
            there = byte + row * truths.strides[1]
            known = _weigh(
                scratch, so_far + begin, beside, end - begin, (weighted, omits, 1), f, source,
                truths, there, most,
            )  # fmt: skip
            first, last = begin, end
        for start, stop in ((0, first), (last, columns)):
            if start < stop:
                known &= _weigh(
                    scratch, so_far + start, beside, stop - start, (weighted, omits, 0), scratch,
                    so_far, truths, 0, most,
                )  # fmt: skip
        whole = whole + 1 if known else 0
    return whole


@jit.jit(inline="always")
def _sum_columns(taps, layout, scratch, under, block, target, whole):
    alone.sum_columns(taps, layout, scratch, under, block, target, whole)
    if not whole:
        beside, target = under + layout[L.beside], target + layout[L.turned_beside]
        alone.sum_columns(taps, layout, scratch, beside, block, target, whole)


@jit.jit(inline="always")
def sum_rows(taps, fill, layout, scratch, at, sums, whole):
    alone.sum_rows(taps, fill, layout, scratch, at, sums, whole)
    if not whole:
        beside, weights = at + layout[L.turned_beside], sums + layout[L.sums_beside]
        alone.sum_rows(taps, fill, layout, scratch, beside, weights, whole)
        n = layout[L.numbers_at]
        numbers = taps[n], taps[n + 1], taps[n + 2], taps[n + 3]
        _divide(scratch, sums, weights, layout[L.chunk], numbers, layout[L.bits])


_kernel = with_parts(
    alone.kernel, "strips", pack=_pack, sum_columns=_sum_columns, sum_rows=sum_rows
)
kernels = kernels_of(_kernel, foreign.ends, pixels_of_word)


def told(problem: Problem, taps: Array) -> tuple[float, Array]:
    """What weights sum to where all are 1; no numbers more."""
    return sum_of_ones(separable, problem, taps), taps[:0]


def obstacle(problem: Problem) -> str | None:
    """Why the kernel cannot answer the problem; None where it can."""
    return None if problem.rounded else "quotients of integers are rounded once"


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    missing = problem.missing
    assert missing
    known = separable.numbers(problem, images=2, ringed=2)
    return L.pack(
        known,
        **dict.fromkeys(GIVEN, 0),
        turned_beside=known["products"] * known["turned_step"],
        sums_beside=known["chunk"] * known["lanes"],
        weighted=missing.weighted,
        omits=missing.omits,
        bits=True,
        numbers_at=known["products"] * (known["kept_y"] + known["kept_x"]) + 2 * known["scaled"],
    )


given = partial(with_weights, L)
