"""The kernel of `separable` where pixels are missing: what columns of weights sum to is looked up.

A bit tells of each pixel whether it is a hole.  A word of each column holds those of the rows under
a strip, the last row's highest, and is shifted as a row is packed.  What the column factor makes of
the weights is a sum of numbers from tables, of some bits each; the row factors go over these sums
as over those of the pixels.  Holes take the same time however many there are, and none where a
strip has none.
"""

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen import foreign, jit, machine
from ...codegen.emitted import Items, Value, emitted, instruction
from ...codegen.layout import OWN, Layout, up
from ...codegen.packing import aligned_after, fetch, within
from ...codegen.runs import has_runs
from ...codegen.simd import I1, I32, I64, Code
from ...problem.dtypes import Array
from ...problem.problem import Problem
from .. import separable
from ..kernels import kernels_of, with_parts
from ..separable import kernel as alone
from ..separable.line import EQUAL, OPPOSITE
from ..separable.shape import halves_of
from ..separable.turn import pixels_of_word
from . import strips
from .flags import call_by_flags
from .marking import fetch_truths
from .means import TAIL
from .names import GIVEN, given as with_weights
from .numbers import sum_of_ones
from .quotients import any_of
from .weighing import bytes_at, truths_at

# Behind the names of `strips`: where words are, elements to those of older rows, and whether there
# are such; the lowest bit that tells of a strip; tables of a product, and the first one's place.
L = Layout(
    *strips.L.names, "words_at", "words_step", "two", "lowest", "groups", "tables_at", "truths_at",
)  # fmt: skip
BYTE = ir.IntType(8)
SIDES = (4, 1)  # vectors of pixels side by side
COLUMNS = 8  # whose sums are looked up side by side
WORDS = 2  # at most, of a column


def _numbers(code: Code) -> Code:
    """Of words, as wide as elements."""
    return Code(code.builder, I32 if code.itemsize == 4 else I64)


def _funnel(builder: Any, high: Value, low: Value, bits: Value) -> Value:
    """The lower word of two, shifted down together by fewer bits than one has."""
    name = f"llvm.fshr.v{low.type.count}i{low.type.element.width}"
    return instruction(builder, name, low.type, high, low, bits)


# --- pixels as they are packed -------------------------------------------------------------------


@emitted(types.int64)
def _mark(
    builder: Any, scratch: Items, at: Value, words: Sequence[Value], columns: Value,
    how: Sequence[Value], pixels: Items, source: Value, truths: Items, there: Value, ahead: Value,
) -> Value:  # fmt: skip
    """A run of a row's pixels, holes as 0, and their bits: whether there is no hole.

    ``words`` = places of the first column's, and of that of older rows; ``how``: whether bytes tell
    of holes, whether NaN does, and whether there are two words.  Fewer than a vector of columns lie
    where more can be read.  ``ahead``: bytes to those that are soon asked for.
    """
    found = cgutils.alloca_once(builder, I64)
    kind = _numbers(Code(builder, scratch.element)).kind.as_pointer()
    newer, older = (builder.bitcast(scratch.at(place), kind) for place in words)
    bytes_of = builder.bitcast(truths.at(there), BYTE.as_pointer())
    arguments = [scratch.at(at), newer, older, pixels.at(source), bytes_of, ahead, columns, found]
    never = [(False, False, two) for two in (False, True)]
    call_by_flags(builder, "missing.bits", how, _mark_row, arguments, never)
    return builder.load(found)


def _mark_row(
    weighted: bool, omits: bool, two: bool, builder: Any, target: Value, newer: Value,
    older: Value, pixels: Value, truths: Value, ahead: Value, columns: Value, found: Value,
) -> None:  # fmt: skip
    code = Code(builder, target.type.pointee)
    numbers, bytes_of = _numbers(code), ir.VectorType(BYTE, code.lanes)
    one, none = (ir.Constant(numbers.vector, [n] * code.lanes) for n in (1, 0))
    top = ir.Constant(numbers.vector, [1 << 8 * code.itemsize - 1] * code.lanes)

    def lost_of(at: Value, pixel: Value) -> Value:
        nan = builder.fcmp_unordered("uno", pixel, pixel)
        if not weighted:
            return nan
        truth = builder.bitcast(builder.gep(truths, [at]), bytes_of.as_pointer())
        gone = builder.icmp_signed("==", builder.load(truth, align=1), ir.Constant(bytes_of, None))
        return builder.or_(gone, nan) if omits else gone

    def some(at: Value) -> tuple[Value, list[tuple[Value, Value]]]:
        """Which pixels are lost; what is stored, and where."""
        pixel = code.load(code.at(pixels, at))
        lost = lost_of(at, pixel)
        word = numbers.load(numbers.at(newer, at))
        following = builder.or_(builder.lshr(word, one), builder.select(lost, top, none))
        stored = [(builder.select(lost, code.zero, pixel), code.at(target, at))]
        stored.append((following, numbers.at(newer, at)))
        if two:
            place = numbers.at(older, at)
            stored.append((_funnel(builder, word, numbers.load(place), one), place))
        return lost, stored

    def several(vectors: int, at: Value, odd: Value) -> Sequence[Value]:
        if weighted:
            code.prefetch(builder.gep(truths, [builder.add(at, ahead)]))
        every = [some(builder.add(at, I64(n * code.lanes))) for n in range(vectors)]
        for lost, stored in every:
            odd = builder.or_(odd, lost)
            for value, place in stored:
                code.store(value, place)
        return [builder.add(at, I64(vectors * code.lanes)), odd]

    lanes_of = ir.VectorType(I1, code.lanes)
    carried: Sequence[Value] = [I64(0), ir.Constant(lanes_of, [0] * code.lanes)]
    for vectors in SIDES:
        turns = builder.sdiv(builder.sub(columns, carried[0]), I64(vectors * code.lanes))
        carried = code.repeat(turns, carried, lambda *each, n=vectors: several(n, *each))
    done, odd = carried

    def rest() -> Sequence[Value]:
        """Columns that fill no vector, by one that ends with them where there are as many."""
        at = builder.sub(columns, I64(code.lanes))
        at = builder.select(builder.icmp_signed("<", at, I64(0)), I64(0), at)
        lost, stored = some(at)
        before = code.first_lanes(builder.sub(done, at))
        chosen = builder.and_(builder.not_(before), code.first_lanes(builder.sub(columns, at)))
        (pixel, place), *words = stored
        code.store_some(pixel, place, chosen)
        for word, place in words:
            numbers.store_some(word, place, chosen)
        return [builder.or_(odd, builder.and_(lost, chosen))]

    [odd] = code.when(builder.icmp_signed("<", done, columns), [odd], rest)
    builder.store(builder.zext(builder.not_(any_of(code, odd)), I64), found)


@emitted()
def _skip(
    builder: Any, scratch: Items, words: Sequence[Value], columns: Value, bits: Value, two: Value
) -> None:  # fmt: skip
    """Shift words of columns as so many rows without holes would, fewer than a word has bits."""
    code = Code(builder, scratch.element)
    numbers = _numbers(code)
    newer, older = (builder.bitcast(scratch.at(at), numbers.kind.as_pointer()) for at in words)
    if code.itemsize == 4:
        bits = builder.trunc(bits, I32)
    bits = numbers.splat(bits)

    def one(newer: Value, older: Value) -> Sequence[Value]:
        word = numbers.load(newer)
        numbers.store(builder.lshr(word, bits), newer)
        with builder.if_then(builder.icmp_signed("!=", two, I64(0))):
            numbers.store(_funnel(builder, word, numbers.load(older), bits), older)
        return [numbers.at(newer, code.lanes), numbers.at(older, code.lanes)]

    vectors = builder.sdiv(builder.add(columns, I64(code.lanes - 1)), I64(code.lanes))
    code.repeat(vectors, [newer, older], one)


@jit.jit(inline="always")
def _words(layout, scratch, at):
    """Places of the words of a tile's column."""
    newer = aligned_after(scratch, 0, machine.CACHE_LINE) + layout[L.words_at] + at
    return newer, newer + layout[L.words_step]


@jit.jit()
def _pack(f, fill, layout, scratch, plane, down, across, at, whole):
    """Holes as 0 where they are copied, but for what lies beyond the border."""
    step, weighted, omits = layout[L.ring_step], layout[L.weighted], layout[L.omits]
    truths, base = (
        truths_at(layout, L.weights, scratch),
        aligned_after(scratch, 0, machine.CACHE_LINE),
    )
    (above, below), (begin, end), columns = within(down), within(across), across[2]
    runs = not weighted or truths.strides[2] == 1
    lies = layout[L.reads] == OWN and has_runs(f) and runs and end - begin >= layout[L.lanes]
    fetch(
        f, layout[L.reads], (plane,), down, across, fill, scratch, (at, step, 0), not lies, True
    )  # fmt: skip
    found, how = (
        bytes_at(scratch, base + layout[L.truths_at], columns),
        (weighted, omits, layout[L.two]),
    )
    pixel = plane * (f.strides[0] // f.itemsize) + across[0] + begin
    byte, ahead = (
        plane * truths.strides[0] + across[0] + begin,
        layout[L.lanes] * down[1] * truths.strides[1],
    )
    for n in range(down[2]):
        first, last = 0, 0  # columns that were copied
        row, known, so_far = down[0] + n * down[1], 1, at + n * step
        if lies and above <= n < below:
            known = _mark(
                scratch, so_far + begin, _words(layout, scratch, begin), end - begin, how, f,
                pixel + row * (f.strides[1] // f.itemsize), truths,
                byte + row * truths.strides[1], ahead,
            )  # fmt: skip
            first, last = begin, end
        for start, stop in ((0, first), (last, columns)):
            if start < stop:
                if weighted:
                    border = across[0] + start, 1, stop - start, across[3], across[4], across[5]
                    fetch_truths(truths, plane, (row, 1, 1, down[3], 1, down[5]), border, found, 0)
                known &= _mark(
                    scratch, so_far + start, _words(layout, scratch, start), stop - start, how,
                    scratch, so_far + start, found, 0, 0,
                )  # fmt: skip
        whole = whole + 1 if known else 0
    # rows of the last strip that no result has
    begun = at == base + layout[L.ring_at]
    height = down[2] - (layout[L.taps_y] - 1 if begun else 0)
    if height < layout[L.lanes]:
        _skip(
            scratch, _words(layout, scratch, 0), columns, layout[L.lanes] - height, layout[L.two]
        )  # fmt: skip
    return whole


# --- sums of columns -----------------------------------------------------------------------------


@emitted()
def _look_up(
    builder: Any, scratch: Items, words: Sequence[Value], lowest: Value, taps: Items,
    tables: Sequence[Value], target: Value, two: Value,
) -> None:  # fmt: skip
    """Sums of weights under a vector of columns, a row of scratch for each.

    ``tables`` = place of the first, and their number.
    """
    code = Code(builder, scratch.element)
    kind = _numbers(code).kind.as_pointer()
    newer, older = (builder.bitcast(scratch.at(place), kind) for place in words)
    arguments = [scratch.at(target), newer, older, lowest, taps.at(tables[0]), tables[1]]
    call_by_flags(builder, "missing.looked", [two], _look, arguments)


def _look(
    two: bool, builder: Any, target: Value, newer: Value, older: Value, lowest: Value,
    tables: Value, count: Value,
) -> None:  # fmt: skip
    code = Code(builder, target.type.pointee)
    numbers, width = _numbers(code), 8 * code.itemsize

    def every(number: int) -> Value:
        return ir.Constant(numbers.vector, [number] * code.lanes)

    rows = ir.Constant(numbers.vector, [*range(code.lanes)])
    shifts = builder.add(
        numbers.splat(builder.trunc(lowest, numbers.kind) if width < 64 else lowest), rows
    )
    group = every(bits_of(code.lanes))

    def begun(column: Value) -> list[Value]:
        """A column's words, each row's lowest bit its first; the lower one first."""
        high = numbers.splat(numbers.read(newer, column))
        if not two:
            return [builder.lshr(high, shifts)]
        low, inside = (
            numbers.splat(numbers.read(older, column)),
            builder.and_(shifts, every(width - 1)),
        )
        near = builder.icmp_unsigned("<", shifts, every(width))
        both, rest = _funnel(builder, high, low, inside), builder.lshr(high, inside)
        return [builder.select(near, both, rest), builder.select(near, rest, every(0))]

    def shifted(words: Sequence[Value]) -> list[Value]:
        low, *high = words
        if not high:
            return [builder.lshr(low, group)]
        return [_funnel(builder, high[0], low, group), builder.lshr(high[0], group)]

    def some(at: Value) -> Sequence[Value]:
        sides = min(COLUMNS, code.lanes)
        words = [begun(builder.add(at, I64(n))) for n in range(sides)]

        def looked(table: Value, words: Sequence[list[Value]]) -> list[Value]:
            pair = code.load(table), code.load(code.at(table, code.lanes))
            return [code.lookup(pair[0], word[0], pair[1]) for word in words]

        def one(table: Value, *carried: Value) -> Sequence[Value]:
            sums, size, table = carried[:sides], 1 + two, code.at(table, 2 * code.lanes)
            flat = carried[sides:]
            words = [shifted(flat[n : n + size]) for n in range(0, len(flat), size)]
            pairs = zip(sums, looked(table, words), strict=True)
            return [table, *(builder.fadd(*pair) for pair in pairs), *itertools.chain(*words)]

        others = builder.sub(count, I64(1))
        carried = [tables, *looked(tables, words), *itertools.chain(*words)]
        found = code.repeat(others, carried, one)[1 : 1 + sides]
        for n, value in enumerate(found):
            code.store(value, code.at(target, builder.mul(at, I64(code.lanes)), n * code.lanes))
        return [builder.add(at, I64(sides))]

    code.loop(I64(code.lanes // min(COLUMNS, code.lanes)), [I64(0)], lambda _, at: some(at))


@jit.jit()
def _sum_columns(taps, layout, scratch, under, block, target, whole):
    alone.sum_columns(taps, layout, scratch, under, block, target, whole)
    if whole:
        return
    turned = block - layout[L.block_at] + layout[L.turned_at]
    words = _words(layout, scratch, (target - turned) // layout[L.lanes])
    for product in range(layout[L.products]):
        tables = product * layout[L.groups], layout[L.groups]
        first = layout[L.tables_at] + tables[0] * 2 * layout[L.lanes]
        _look_up(
            scratch, words, layout[L.lowest], taps, (first, tables[1]),
            target + layout[L.turned_beside] + product * layout[L.turned_step], layout[L.two],
        )  # fmt: skip


_kernel = with_parts(
    alone.kernel, "columns", pack=_pack, sum_columns=_sum_columns, sum_rows=strips.sum_rows
)
kernels = kernels_of(_kernel, foreign.ends, pixels_of_word)


# --- the filter ----------------------------------------------------------------------------------


def bits_of(lanes: int) -> int:
    """Whose sums are looked up at a time: a table has two vectors."""
    return (2 * lanes).bit_length() - 1


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
    return (taps * there).sum(-1).astype(column.dtype)


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
    known = separable.numbers(problem, images=2)
    rows, bits = problem.filter[0] - 1 + lanes, 8 * size
    words_at, step = up(known["end"], machine.CACHE_LINE // size), known["ring_step"] + lanes
    step = up(step, machine.CACHE_LINE // size)
    truths_at, words = words_at + WORDS * step, -(-rows // bits)
    numbers_at = known["products"] * (known["kept_y"] + known["kept_x"]) + 2 * known["scaled"]
    return L.pack(
        known | {"end": truths_at + step},
        **dict.fromkeys(GIVEN, 0),
        turned_beside=known["products"] * known["turned_step"],
        sums_beside=known["chunk"] * known["lanes"],
        weighted=missing.weighted,
        omits=missing.omits,
        bits=True,
        numbers_at=numbers_at,
        words_at=words_at,
        words_step=step,
        two=words > 1,
        lowest=words * bits - rows,
        groups=-(-problem.filter[0] // bits_of(lanes)),
        tables_at=numbers_at + TAIL,
        truths_at=truths_at,
    )


def given(problem: Problem, layout: Array, weights: Array) -> Array:
    """The layout with an array of booleans."""
    return with_weights(L, problem, layout, weights)
