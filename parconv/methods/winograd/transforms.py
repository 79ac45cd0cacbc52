"""Code for the transforms, from their matrices; lanes = channels.

The rows of a pair of opposite points differ in signs alone, and so do the columns on the way back:
what they share is computed once.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...codegen.emitted import Items, Value, emitted
from ...codegen.flow import call_one_of
from ...codegen.simd import I64, Code
from .matrices import TRANSFORMS, Transform

Pair = tuple[int, int]
Weights = Sequence[float]


def pairs_of(size: int) -> tuple[Pair, ...]:
    """The points: zero and infinity, then the opposite ones."""
    return (0, size - 1), *((n, n + 1) for n in range(1, size - 1, 2))


# --- sums with known weights ---------------------------------------------------------------------


def _plus(code: Code, total: Value, weight: float, value: Value) -> Value:
    """``total + weight * value``; ``total`` may be None, for nothing."""
    if total is None:
        return value if weight == 1 else code.builder.fmul(value, code.constant(weight))
    if abs(weight) == 1:
        return (code.builder.fadd if weight > 0 else code.builder.fsub)(total, value)
    return code.fma(value, code.constant(weight), total)


def _scaled(code: Code, weights: Weights, values: Sequence[Value]) -> tuple[float, Value]:
    """(scale, sum) whose product is the weighted sum; the scale is 1 unless weights are alike."""
    terms = [(weight, value) for weight, value in zip(weights, values, strict=True) if weight]
    terms.sort(key=lambda term: (abs(term[0]), term[0] < 0))  # ones first: the rest by fma
    alike = abs(terms[0][0]) == abs(terms[-1][0])
    scale, total = terms[0][0] if alike else 1.0, None
    for weight, value in terms:
        total = _plus(code, total, weight / scale, value)
    return scale, total


def _sum(code: Code, weights: Weights, values: Sequence[Value]) -> Value:
    return _plus(code, None, *_scaled(code, weights, values))


def _two_rows(code: Code, first: Weights, second: Weights, values: Sequence[Value]) -> list[Value]:
    """The sums of two rows of a matrix: of what they share, and of what differs in sign."""
    both = list(zip(first, second, strict=True))
    if any(abs(a) != abs(b) for a, b in both):
        return [_sum(code, row, values) for row in (first, second)]
    halves = [(a + b) / 2 for a, b in both], [(a - b) / 2 for a, b in both]
    (scale, even), (other, odd) = (_scaled(code, half, values) for half in halves)
    if scale == other:
        found = [_plus(code, even, sign, odd) for sign in (1, -1)]
        return [_plus(code, None, scale, value) for value in found]
    even = _plus(code, None, scale, even)
    return [_plus(code, even, sign * other, odd) for sign in (1, -1)]


def by_rows(code: Code, matrix: Sequence[Weights], values: Sequence[Value]) -> list[Value]:
    """The matrix times a vector; the rows of a pair share terms."""
    found: dict[int, Value] = {}
    for a, b in pairs_of(len(matrix)):
        found[a], found[b] = _two_rows(code, matrix[a], matrix[b], values)
    return [found[n] for n in range(len(matrix))]


def by_columns(code: Code, matrix: Sequence[Weights], values: Sequence[Value]) -> list[Value]:
    """The same where pairs of columns do: each row has their sum or their difference."""
    ends, *pairs = pairs_of(len(values))
    sums = [code.builder.fadd(values[a], values[b]) for a, b in pairs]
    differences = [code.builder.fsub(values[a], values[b]) for a, b in pairs]
    found = []
    for row in matrix:
        alike = [row[a] == row[b] for a, b in pairs]
        shared = [s if same else d for same, s, d in zip(alike, sums, differences, strict=True)]
        weights = [*(row[n] for n in ends), *(row[a] for a, _ in pairs)]
        found.append(_sum(code, weights, [*(values[n] for n in ends), *shared]))
    return found


# --- along a row of patches ----------------------------------------------------------------------


def _emit_inputs(
    transform: Transform, builder: Any, cells: Value, count: Value, row: Value, target: Value,
    plane: Value,
) -> None:  # fmt: skip
    """Transform ``count`` patches side by side; rows of ``cells`` serve them.

    A pair of rows at a time: so a patch needs few registers and nothing is kept in between.
    """
    code, matrix = Code(builder, cells.type.pointee), transform.inputs
    size, shared = len(matrix), len(matrix) - transform.size
    rows = [code.at(cells, builder.mul(row, I64(n))) for n in range(size)]
    planes = [code.at(target, builder.mul(plane, I64(n))) for n in range(transform.points)]

    def column(pair: Pair, at: Value) -> list[Value]:
        wanted = [n for n in range(size) if any(matrix[row][n] for row in pair)]
        loaded = [code.load(code.at(rows[n], at)) if n in wanted else None for n in range(size)]
        return _two_rows(code, matrix[pair[0]], matrix[pair[1]], loaded)

    def patch(pair: Pair, index: Value, *carried: Value) -> list[Value]:
        """The rows of a pair; the last columns are the first ones of the next patch."""
        left = builder.mul(index, I64(transform.size * code.lanes))
        columns = [list(carried[2 * n : 2 * n + 2]) for n in range(shared)]
        for n in range(shared, size):
            columns.append(column(pair, builder.add(left, I64(n * code.lanes))))
        at = builder.mul(index, I64(code.lanes))
        for row, values in zip(pair, zip(*columns, strict=True), strict=True):
            for n, value in enumerate(by_rows(code, matrix, values)):
                code.store(value, code.at(planes[row * size + n], at))
        return [value for column in columns[-shared:] for value in column]

    for pair in pairs_of(size):
        first = [value for n in range(shared) for value in column(pair, I64(n * code.lanes))]
        code.loop(count, first, partial(patch, pair))


def _emit_outputs(
    transform: Transform, builder: Any, cells: Value, count: Value, row: Value, source: Value,
    plane: Value,
) -> None:  # fmt: skip
    """Transform ``count`` patches back, into rows of ``cells``."""
    code, matrix = Code(builder, cells.type.pointee), transform.outputs
    size = len(transform.inputs)
    planes = [code.at(source, builder.mul(plane, I64(n))) for n in range(transform.points)]

    def patch(index: Value) -> list[Value]:
        at = builder.mul(index, I64(code.lanes))
        columns = []
        for column in range(size):
            found = [code.load(code.at(place, at)) for place in planes[column::size]]
            columns.append(by_columns(code, matrix, found))
        for n, values in enumerate(zip(*columns, strict=True)):
            start = code.at(cells, builder.mul(row, I64(n)), builder.mul(at, I64(transform.size)))
            for place, value in enumerate(by_columns(code, matrix, values)):
                code.store(value, code.at(start, place * code.lanes))
        return []

    code.loop(count, [], patch)


def call_transform(
    builder: Any, which: Value, name: str, emit: Callable[..., None], arguments: Sequence[Value]
) -> None:
    """Call what ``emit(transform, builder, *arguments)`` writes for one of `TRANSFORMS`."""
    variants = {(transform.size,): partial(emit, transform) for transform in TRANSFORMS}
    call_one_of(builder, which, f"winograd.{name}", variants, arguments)


@emitted()
def transform_inputs(
    builder: Any, which: Value, scratch: Items, cells_at: Value, row: Value, at: Value,
    plane: Value, count: Value,
) -> None:  # fmt: skip
    """Transform ``count`` patches in a row, by ``which`` of `TRANSFORMS`.

    ``cells_at`` = the first pixel of `cells`, ``row`` = elements from a row of cells to the next,
    ``at`` = the first patch of the first plane of points, ``plane`` = elements to the next plane.
    """
    arguments = [scratch.at(cells_at), count, row, scratch.at(at), plane]
    call_transform(builder, which, "inputs", _emit_inputs, arguments)


@emitted()
def transform_outputs(
    builder: Any, which: Value, scratch: Items, cells_at: Value, row: Value, at: Value,
    plane: Value, count: Value,
) -> None:  # fmt: skip
    """The way back."""
    arguments = [scratch.at(cells_at), count, row, scratch.at(at), plane]
    call_transform(builder, which, "outputs", _emit_outputs, arguments)
