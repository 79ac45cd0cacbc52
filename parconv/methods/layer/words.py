"""Sums of products of 16-bit words, where one instruction adds two of them to an int32.

An integer image is cut into words, each in a lane with that of the next channel.  Pixels of up to
16 bits are one word; those of int32 are two, ``low + 2**16 high``, whose sums are joined in int64.
So an instruction multiplies 32 pixels, or 16 of int32, where there are 16 float32 and 8 float64.

The instruction takes signed words: a bit of unsigned ones is flipped, and what that takes from
every sum is added again.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import populate_array

from ...codegen import machine
from ...codegen.emitted import Items, Value, emitted
from ...codegen.simd import I32, I64, Code
from ...problem.dtypes import Array, DType, kernel_dtype
from ...problem.problem import Problem
from ..usual import bank_of

INT32: DType = np.dtype(np.int32)
PAIR = 2  # channels of a lane
BITS = 16  # of a word
FLIP = 1 << BITS - 1
# To cut an image into words and to join their sums takes as long as so many taps.  Milliseconds by
# floats / by words of uint8 and of int32, 8 images, one core (Zen 5, 2026-11): 64 -> 64 channels of
# 28 x 28 at 3x3 2.12 / 1.20, 4.09 / 2.27, at 1x1 0.33 / 0.28, 0.63 / 0.42; 3 -> 32 of 112 x 112 at
# 3x3 1.10 / 1.21, 2.27 / 1.97.
CUTTING = 12


def _couples(problem: Problem) -> int:
    return -(-bank_of(problem).inputs // PAIR)


@lru_cache(maxsize=256)
def words(problem: Problem) -> int:
    """Words of a pixel; 0 where the sums are not of words."""
    kind, bits = kernel_dtype(problem.image_dtype), problem.traits.bits
    if not machine.HAS_WORD_DOT or problem.compute.kind != "i" or problem.dtype.kind == "c":
        return 0
    if kind.kind not in "iu" or kind.itemsize > 4 or kind == np.uint32 or bits == 0:
        return 0
    limits, count = np.iinfo(kind), -(-kind.itemsize * 8 // BITS)
    whole = limits.min <= problem.cval.real <= limits.max
    short = bits < BITS or np.can_cast(problem.filter_dtype, np.int16)
    exact = whole and short and min(problem.widest, FLIP) << bits <= 1 << 31
    alone = problem.taps * problem.exact_sums.itemsize // INT32.itemsize
    pays = count * _couples(problem) * math.prod(problem.filter) + CUTTING < alone
    return count if exact and pays else 0


def summands(problem: Problem) -> int:
    """Channels that a tile sums over, two in a lane as one."""
    return _couples(problem) if words(problem) else bank_of(problem).inputs


def element(problem: Problem) -> DType:
    """The type of the sums, of the weights and of what is staged."""
    return INT32 if words(problem) else problem.sums


def flip(problem: Problem) -> int:
    """What is added to the low word of a pixel."""
    return FLIP if problem.image_dtype == np.uint16 or words(problem) > 1 else 0


def pairs(rows: Array) -> Array:
    """Filters (groups, filters, channels, taps) with two channels in each number."""
    odd = rows.shape[2] % PAIR
    rows = np.pad(rows, ((0, 0), (0, 0), (0, odd), (0, 0))).astype(np.int16)
    couples = rows.reshape(*rows.shape[:2], -1, PAIR, rows.shape[3]).swapaxes(3, 4)
    found: Array = np.ascontiguousarray(couples).view(INT32).reshape(couples.shape[:-1])
    return found


def offsets(problem: Problem, rows: Array) -> Array:
    """What the flipped bits take from the sums of each filter."""
    found: Array = flip(problem) * rows.astype(np.int64).sum((2, 3)).ravel()
    return found.astype(INT32)


# --- compiled code: emits nothing for scratch of another type, where it is never reached ---------


@emitted()
def pair(
    builder: Any, scratch: Items, first: Value, second: Value, target: Value, high: Value,
    count: Value, flipped: Value,
) -> None:  # fmt: skip
    """The words of ``count`` pixels of two channels, as many as fill vectors.

    Low ones to ``target``; to ``high``, unless it is 0, high ones.  ``flipped`` = what is added to
    low ones.
    """
    if scratch.dtype != types.int32:
        return
    code = Code(builder, I32)
    places = [scratch.at(place) for place in (first, second, target, high)]
    low, shift = code.constant(2**BITS - 1), code.constant(BITS)
    bits = builder.trunc(flipped, I32)
    bits = code.splat(builder.or_(bits, builder.shl(bits, I32(BITS))))
    two = builder.icmp_signed("!=", high, I64(0))

    def one(index: Value) -> list[Value]:
        at = builder.mul(index, I64(code.lanes))
        a, b = (code.load(code.at(place, at)) for place in places[:2])
        words = builder.or_(builder.and_(a, low), builder.shl(b, shift))
        code.store(builder.xor(words, bits), code.at(places[2], at))
        with builder.if_then(two):
            words = builder.or_(builder.lshr(a, shift), builder.and_(b, builder.not_(low)))
            code.store(words, code.at(places[3], at))
        return []

    code.loop(builder.sdiv(count, I64(code.lanes)), [], one)


@emitted()
def join(
    builder: Any, scratch: Items, low: Value, high: Value, target: Value, count: Value,
    offset: Value,
) -> None:  # fmt: skip
    """``count`` sums, as many as fill vectors, in int64: of low words, of high ones unless at 0."""
    if scratch.dtype != types.int32:
        return
    code = Code(builder, I32)
    wide = ir.VectorType(I64, code.lanes)
    places = [scratch.at(place) for place in (low, high, target)]
    offset, shift, zeros = (code.splat(number) for number in (offset, I64(BITS), I64(0)))
    two = builder.icmp_signed("!=", high, I64(0))

    def one(index: Value) -> list[Value]:
        at = builder.mul(index, I64(code.lanes))
        low, high = (builder.sext(code.load(code.at(p, at)), wide) for p in places[:2])
        high = builder.select(two, high, zeros)
        total = builder.add(builder.add(low, offset), builder.shl(high, shift))
        place = code.at(places[2], builder.mul(at, I64(2)))
        builder.store(total, builder.bitcast(place, wide.as_pointer()), align=8)
        return []

    code.loop(builder.sdiv(count, I64(code.lanes)), [], one)


WIDE = types.int64[::1]


@emitted(lambda scratch: WIDE if scratch.dtype == types.int32 else scratch)
def widened(builder: Any, scratch: Items) -> Value:
    """Scratch as the numbers that are delivered: int64 where words are summed."""
    if scratch.dtype != types.int32:
        return scratch.value
    found = scratch.context.make_array(WIDE)(scratch.context, builder)
    (count,) = cgutils.unpack_tuple(builder, scratch.fields.shape)
    populate_array(
        found, scratch.at(0, I64), [builder.sdiv(count, I64(2))], [I64(8)], I64(8), None
    )  # fmt: skip
    return found._getvalue()
