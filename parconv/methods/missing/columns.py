"""The kernel of `separable` where pixels are missing: what columns of weights sum to is looked up.

A bit tells of each pixel whether it is a hole; those of a vector of columns lie together, row after
row of the ring.  Under a strip a column's bits make a word, or two.  What the column factor makes
of the weights is a sum of numbers from tables, of some bits each; the row factors go over these
sums as over those of the pixels.  Holes take the same time however many there are, and none where a
strip has none.
"""

import itertools
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen import foreign, jit, machine
from ...codegen.borders import CONSTANT
from ...codegen.emitted import Items, Value, call_once, emitted, instruction
from ...codegen.layout import OWN, Layout, odd_lines, up
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

# Behind the names of `strips`: where bits are, and how many rows' there are from those of a vector
# of columns to the next one's; room for words, and whether there are two; tables of a product, and
# the first one's place; room for bytes of a row.
L = Layout(
    *strips.L.names, "bits_at", "bits_step", "words_at", "two", "groups", "tables_at", "truths_at",
)  # fmt: skip
BYTE = ir.IntType(8)
SIDES = 4  # vectors of pixels side by side
COLUMNS = 8  # whose sums are looked up side by side
WORDS = 2  # at most, of a column


def unit_of(lanes: int) -> int:
    """Bits that are kept of a vector's pixels."""
    return max(lanes, 8)


# --- pixels as they are packed -------------------------------------------------------------------


def _bits_at(scratch: Items, start: Value, row: Value) -> Value:
    """Where those of a row and of the first vector are."""
    builder, lanes = scratch.builder, Code(scratch.builder, scratch.element).lanes
    whole = ir.IntType(unit_of(lanes)).as_pointer()
    return builder.gep(builder.bitcast(scratch.at(start), whole), [row])


@emitted(types.int64)
def _mark(
    builder: Any, scratch: Items, row: Value, bits: Sequence[Value], columns: Sequence[Value],
    how: Sequence[Value], pixels: Items, source: Value, truths: Items, there: Value, ahead: Value,
) -> Value:  # fmt: skip
    """Pixels of a row of the ring, holes as 0, and their bits: whether there is no hole.

    All places are those of the row's first column; ``columns`` = (first, end); ``bits`` = where all
    begin, which row's these are, and how many rows' there are of a vector.  ``how``: whether
    bytes tell of holes, and whether NaN does.  ``ahead``: bytes to those that are soon asked for.
    """
    found = cgutils.alloca_once(builder, I64)
    places = [scratch.at(row), _bits_at(scratch, *bits[:2]), bits[2], pixels.at(source)]
    places.append(builder.bitcast(truths.at(there), BYTE.as_pointer()))
    arguments = [*places, ahead, *columns, found]
    call_by_flags(builder, "missing.bits", how, _mark_row, arguments, [(False, False)])
    return builder.load(found)


def _mark_row(
    weighted: bool, omits: bool, builder: Any, row: Value, bits: Value, step: Value,
    pixels: Value, truths: Value, ahead: Value, first: Value, end: Value, found: Value,
) -> None:  # fmt: skip
    code = Code(builder, row.type.pointee)
    lanes, bytes_of = I64(code.lanes), ir.VectorType(BYTE, code.lanes)
    none, whole = ir.Constant(bytes_of, None), bits.type.pointee

    def is_lost(pixel: Value, truth: Value) -> Value:
        nan = builder.fcmp_unordered("uno", pixel, pixel)
        if not weighted:
            return nan
        gone = builder.icmp_signed("==", truth, none)
        return builder.or_(gone, nan) if omits else gone

    def bits_of_lanes(lost: Value) -> Value:
        return builder.zext(builder.bitcast(lost, ir.IntType(code.lanes)), whole)

    def place_of(pointer: Value, at: Value) -> Value:
        return builder.bitcast(builder.gep(pointer, [at]), bytes_of.as_pointer())

    def several(vectors: int, number: Value, odd: Value) -> Sequence[Value]:
        """Vectors of the row from that one on."""
        start = builder.mul(number, lanes)
        if weighted:
            code.prefetch(builder.gep(truths, [builder.add(start, ahead)]))
        places = [builder.add(start, I64(n * code.lanes)) for n in range(vectors)]
        every = [code.load(code.at(pixels, at)) for at in places]
        told = [builder.load(place_of(truths, at), align=1) if weighted else none for at in places]
        lost = [is_lost(*each) for each in zip(every, told, strict=True)]
        for n, (at, pixel, each) in enumerate(zip(places, every, lost, strict=True)):
            code.store(builder.select(each, code.zero, pixel), code.at(row, at))
            place = builder.mul(builder.add(number, I64(n)), step)
            builder.store(bits_of_lanes(each), code.at(bits, place))
            odd = builder.or_(odd, each)
        return [builder.add(number, I64(vectors)), odd]

    def some(number: Value, odd: Value) -> Sequence[Value]:
        """Those of a vector's columns that there are."""
        at = builder.mul(number, lanes)
        before = code.first_lanes(builder.sub(first, at))
        chosen = builder.and_(code.first_lanes(builder.sub(end, at)), builder.not_(before))
        pixel, truth = code.load_some(code.at(pixels, at), chosen), none
        if weighted:
            name, kind = f"llvm.masked.load.v{code.lanes}i8.p0", bytes_of
            truth = instruction(builder, name, kind, place_of(truths, at), I32(1), chosen, none)
        lost = builder.and_(is_lost(pixel, truth), chosen)
        code.store_some(builder.select(lost, code.zero, pixel), code.at(row, at), chosen)
        place = code.at(bits, builder.mul(number, step))
        others = builder.not_(bits_of_lanes(chosen))
        kept = builder.and_(builder.load(place), others)
        builder.store(builder.or_(kept, bits_of_lanes(lost)), place)
        return [builder.add(number, I64(1)), builder.or_(odd, lost)]

    carried: Sequence[Value] = [builder.udiv(first, lanes), _no_lanes(code)]
    broken = builder.icmp_signed("!=", builder.urem(first, lanes), I64(0))
    carried = code.when(broken, carried, lambda: some(*carried))
    last = builder.udiv(end, lanes)
    for vectors in (SIDES, 1):
        turns = builder.sdiv(builder.sub(last, carried[0]), I64(vectors))
        carried = code.repeat(turns, carried, partial(several, vectors))
    left = builder.icmp_signed("<", builder.mul(carried[0], lanes), end)
    _, odd = code.when(left, carried, lambda: some(*carried))
    builder.store(builder.zext(builder.not_(any_of(code, odd)), I64), found)


def _no_lanes(code: Code) -> Value:
    return ir.Constant(ir.VectorType(I1, code.lanes), [0] * code.lanes)


@jit.jit()
def _pack(f, fill, layout, scratch, plane, down, across, at, whole):
    """Holes as 0 where they are copied, but for what lies beyond the border."""
    step, weighted, omits = layout[L.ring_step], layout[L.weighted], layout[L.omits]
    truths, base = (
        truths_at(layout, L.weights, scratch),
        aligned_after(scratch, 0, machine.CACHE_LINE),
    )
    (above, below), (begin, end), columns = within(down), within(across), across[2]
    runs, border = not weighted or truths.strides[2] == 1, across[5]
    lies = layout[L.reads] == OWN and has_runs(f) and runs and end - begin >= layout[L.lanes]
    fetch(
        f, layout[L.reads], (plane,), down, across, fill, scratch, (at, step, 0), not lies, True
    )  # fmt: skip
    found, how = bytes_at(scratch, base + layout[L.truths_at], columns), (weighted, omits)
    pixel = plane * (f.strides[0] // f.itemsize) + across[0]
    byte = plane * truths.strides[0] + across[0]
    ahead = layout[L.lanes] * down[1] * truths.strides[1]
    bits, bits_step = base + layout[L.bits_at], layout[L.bits_step]
    packed, halo = (at - base - layout[L.ring_at]) // step, layout[L.taps_y] - 1
    if packed == halo > 0:  # the ring begins anew
        _move(scratch, bits, layout[L.ring], halo, bits_step, columns)
    for n in range(down[2]):
        first, last, inside = 0, 0, lies and above <= n < below
        row, known, so_far = down[0] + n * down[1], 1, at + n * step
        here = bits, packed + n, bits_step
        if inside:
            first, last = begin, end
            known = _mark(
                scratch, so_far, here, (begin, end), how, f,
                pixel + row * (f.strides[1] // f.itemsize), truths,
                byte + row * truths.strides[1], ahead,
            )  # fmt: skip
        for start, stop in ((0, first), (last, columns)):
            if start >= stop:
                continue
            if weighted and inside and border == CONSTANT:
                found[: stop - start] = 1
            elif weighted:
                some = across[0] + start, 1, stop - start, across[3], across[4], border
                fetch_truths(truths, plane, (row, 1, 1, down[3], 1, down[5]), some, found, 0)
            known &= _mark(
                scratch, so_far, here, (start, stop), how, scratch, so_far, found, -start, 0
            )
        whole = whole + 1 if known else 0
    return whole


@emitted()
def _move(
    builder: Any, scratch: Items, bits: Value, source: Value, rows: Value, step: Value,
    columns: Value,
) -> None:  # fmt: skip
    """Bits of so many rows become those of the first ones, whole vectors of them at a time."""
    code = Code(builder, scratch.element)
    start, unit = _bits_at(scratch, bits, I64(0)), unit_of(code.lanes)
    whole = ir.VectorType(ir.IntType(unit), machine.VECTOR_BYTES * 8 // unit)

    def vector(place: Value) -> Sequence[Value]:
        def some(to: Value) -> Sequence[Value]:
            found = code.at(to, source)
            value = builder.load(builder.bitcast(found, whole.as_pointer()), align=1)
            builder.store(value, builder.bitcast(to, whole.as_pointer()), align=1)
            return [code.at(to, whole.count)]

        count = builder.udiv(builder.add(rows, I64(whole.count - 1)), I64(whole.count))
        code.repeat(count, [place], some)
        return [code.at(place, step)]

    vectors = builder.udiv(builder.add(columns, I64(code.lanes - 1)), I64(code.lanes))
    code.repeat(vectors, [start], vector)


# --- sums of columns -----------------------------------------------------------------------------


def _numbers(code: Code) -> Code:
    """Of words, as wide as elements."""
    return Code(code.builder, I32 if code.itemsize == 4 else I64)


def _funnel(builder: Any, high: Value, low: Value, bits: Value) -> Value:
    """The lower word of two, shifted down together by fewer bits than one has."""
    name = f"llvm.fshr.v{low.type.count}i{low.type.element.width}"
    return instruction(builder, name, low.type, high, low, bits)


@emitted()
def _collect(
    builder: Any, scratch: Items, bits: Value, place: Value, words: Value, two: Value
) -> None:
    """Words of a vector of columns, of each the first rows' lowest, then perhaps those of others.

    ``place``: which bits are those of the first row.
    """
    numbers = _numbers(Code(builder, scratch.element)).kind.as_pointer()
    target = builder.bitcast(scratch.at(words), numbers)
    arguments = [target, _bits_at(scratch, bits, place), two]
    call_once(builder, "missing.words", _collect_words, arguments)


def _collect_words(builder: Any, words: Value, bits: Value, two: Value) -> None:
    numbers = Code(builder, words.type.pointee)
    rows = ir.VectorType(bits.type.pointee, 8 * numbers.itemsize)

    def word(bits: Value, target: Value) -> Sequence[Value]:
        every = builder.load(builder.bitcast(bits, rows.as_pointer()), align=1)
        for column in range(numbers.lanes):
            bit = ir.Constant(rows, [1 << column] * rows.count)
            lost = builder.icmp_signed("!=", builder.and_(every, bit), ir.Constant(rows, None))
            builder.store(builder.bitcast(lost, numbers.kind), numbers.at(target, column))
        return [numbers.at(bits, rows.count), numbers.at(target, numbers.lanes)]

    numbers.repeat(builder.add(two, I64(1)), [bits, words], word)


@emitted()
def _look_up(
    builder: Any, scratch: Items, words: Value, taps: Items, tables: Sequence[Value],
    target: Value, two: Value,
) -> None:  # fmt: skip
    """Sums of weights under a vector of columns, a row of scratch for each.

    ``tables`` = place of the first, and their number.
    """
    numbers = _numbers(Code(builder, scratch.element)).kind.as_pointer()
    arguments = [scratch.at(target), builder.bitcast(scratch.at(words), numbers)]
    arguments += [taps.at(tables[0]), tables[1]]
    call_by_flags(builder, "missing.looked", [two], _look, arguments)


def _look(
    two: bool, builder: Any, target: Value, words: Value, tables: Value, count: Value
) -> None:
    code = Code(builder, target.type.pointee)
    numbers, sides = _numbers(code), min(COLUMNS, code.lanes)

    def every(number: int) -> Value:
        return ir.Constant(numbers.vector, [number] * code.lanes)

    rows = ir.Constant(numbers.vector, [*range(code.lanes)])
    group = every(bits_of(code.lanes))

    def shifted(words: Sequence[Value], by: Value) -> list[Value]:
        low, *high = words
        if not high:
            return [builder.lshr(low, by)]
        return [_funnel(builder, high[0], low, by), builder.lshr(high[0], by)]

    def begun(column: Value) -> list[Value]:
        """A column's words, the lower one first, with each row's first bit lowest."""
        places = [builder.add(column, I64(n * code.lanes)) for n in range(1 + two)]
        return shifted([numbers.splat(numbers.read(words, at)) for at in places], rows)

    def looked(table: Value, words: Sequence[Sequence[Value]]) -> list[Value]:
        pair = code.load(table), code.load(code.at(table, code.lanes))
        return [code.lookup(pair[0], word[0], pair[1]) for word in words]

    def some(_: Value, at: Value) -> Sequence[Value]:
        begin = [begun(builder.add(at, I64(n))) for n in range(sides)]

        def one(table: Value, *carried: Value) -> Sequence[Value]:
            sums, flat, table = carried[:sides], carried[sides:], code.at(table, 2 * code.lanes)
            words = [shifted(flat[n : n + 1 + two], group) for n in range(0, len(flat), 1 + two)]
            pairs = zip(sums, looked(table, words), strict=True)
            return [table, *(builder.fadd(*pair) for pair in pairs), *itertools.chain(*words)]

        carried = [tables, *looked(tables, begin), *itertools.chain(*begin)]
        found = code.repeat(builder.sub(count, I64(1)), carried, one)[1 : 1 + sides]
        for n, value in enumerate(found):
            code.store(value, code.at(target, builder.mul(at, I64(code.lanes)), n * code.lanes))
        return [builder.add(at, I64(sides))]

    code.loop(I64(code.lanes // sides), [I64(0)], some)


@jit.jit()
def _sum_columns(taps, layout, scratch, under, block, target, whole):
    alone.sum_columns(taps, layout, scratch, under, block, target, whole)
    if whole:
        return
    base, lanes = block - layout[L.block_at], layout[L.lanes]
    column, words = (target - base - layout[L.turned_at]) // lanes, base + layout[L.words_at]
    row = (under - column - base - layout[L.ring_at]) // layout[L.ring_step]
    place = column // lanes * layout[L.bits_step] + row
    _collect(scratch, base + layout[L.bits_at], place, words, layout[L.two])
    for product in range(layout[L.products]):
        groups = layout[L.groups]
        _look_up(
            scratch, words, taps, (layout[L.tables_at] + product * groups * 2 * lanes, groups),
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
    numbers_at = known["products"] * (known["kept_y"] + known["kept_x"]) + 2 * known["scaled"]
    return L.pack(
        known | {"end": truths_at + known["ring_step"]},
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
    )


given = partial(with_weights, L)
