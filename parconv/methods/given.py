"""Arrays as a caller gives them: whether a kernel may take them so is seen by compiled code.

What Python asks NumPy about two arrays takes longer than a kernel on a small image.  So compiled
code reads their fields itself, where NumPy's C interface has them, and those of a call that was
made before: its filter and its keywords.  A plain call on 28 x 28 pixels at 3x3 takes 2.8
microseconds where Python compares, 1.1 as it is here (Sapphire Rapids VM, AVX-512, 2026-11).

`words` has what it compares with: a plan's words are the kernel's arguments and what the arrays
must be, a question's what was asked.
"""

from typing import Any

import numpy as np
from llvmlite import ir

from ..codegen import jit
from ..codegen.emitted import Items, Value, emitted
from ..codegen.simd import I32, I64
from ..codegen.things import (
    BYTE,
    THING,
    at,
    at32,
    byte,
    fields,
    held,
    interpreters,
    let_go,
    next_keyword,
    number,
    released,
    taken,
)
from ..runtime.crew.atomic import store, swap
from ..runtime.crew.record import DATA, MAPS, SHAPE, run_maps, run_planes

# An ndarray's fields in words of 8 bytes, and a tuple's: the last two of NumPy are 32 bits.
TYPE, POINTER, COUNT, SIZES, STEPS, DTYPE, FLAGS = 1, 2, 3, 4, 5, 7, 8
LENGTH, FIRST = 2, tuple.__basicsize__ // 8  # of a tuple; CPython 3.14 keeps a hash between them
REAL = 2  # of a float: its bits
HALF = 0xFFFFFFFF
WHOLE, ALIGNED, WRITABLE = 0x0001, 0x0100, 0x0400  # of the flags
FITTING, TAKING = ALIGNED, ALIGNED | WRITABLE

MOST_AXES = 4
ANY = 0  # a step that may be any; none is 0 where another is asked for
# Of an array as it must be: type, dtype, axes, sizes and steps.
KIND, OF, AXES, LONG, APART = 0, 1, 2, 3, 3 + MOST_AXES
SHAPED = 3 + 2 * MOST_AXES
# A plan's words.  TARGET: where the output's address goes.  From EVERY on: which rows of each plane
# of the result must be finite, their bytes and the rows' number and length.  SOUND: bytes of the
# image where all of it must be, and those of a number.  UNIT: bytes of a pixel of the result where
# its rows may lie apart.  SOURCES: of each axis that the kernel sees the image's, or none.
BUSY, NOTHING, EMPTY, KERNEL, KEEPS, SEEN, BYTES, ITEM, TARGET = range(9)
EVERY, FIRST_ROWS, LAST_ROWS, PLANE_ROWS, ROW_BYTES, REAL_BYTES = range(9, 15)
SOUND, SOUND_BYTES, UNIT, SOURCES = range(15, 19)
IMAGE = SOURCES + MOST_AXES
RESULT = IMAGE + SHAPED
ARGUMENTS = RESULT + SHAPED
NONE = -1
# A question's: what the filter is, and the keywords, name and value by turns, behind a cursor.
ITEMS, SAME, CONTENT, LARGE, FLOAT, FILTER = range(6)
# INTO: whether it is one with an output, whose dtype is the result's.
CURSOR, NUMBER, INTO, OPTIONS = (FILTER + SHAPED + n for n in (0, 3, 4, 5))


def run(words, f, out):
    """The output of a plan's run, a new one where ``out`` is None; None: it is for others."""
    return _run(at(fields(words)[POINTER]), f, out)


def answer(words, asked, f, g, out, options):
    """The same of a call, if filter and keywords are those of the question."""
    question, known = at(fields(asked)[POINTER]), at(fields(words)[POINTER])
    nothing = known[NOTHING]
    if not _asks(question, g, options) or (question[INTO] != 0 and number(out) == nothing):
        return held(nothing)
    return _run(known, f, out)


def asks(asked, g, options):
    """Whether filter and keywords are those of the question."""
    return _asks(at(fields(asked)[POINTER]), g, options)


@jit.jit()
def _asks(asked, g, options):
    return _are_asked(asked, options) and _is_asked(asked, g)


@jit.jit()
def _run(words, f, out):
    nothing = words[NOTHING]
    new, image = number(out) == nothing, fields(f)
    if not _is(words, IMAGE, image, FITTING) or (new and words[EMPTY] == 0):
        return held(nothing)
    target = fields(out)
    if not new and not (_is(words, RESULT, target, TAKING) and _fits(words, image, target)):
        return held(nothing)
    if words[SOUND] != 0 and not _are_finite(image[POINTER], words[SOUND], words[SOUND_BYTES]):
        return held(nothing)
    if not swap(words, BUSY, 0, 1):  # another thread runs it, or did when this process was forked
        return held(nothing)
    out = _empty(words[EMPTY], words, RESULT) if new else held(number(out))
    if number(out) != 0:  # else there is no memory, as the interpreter knows by now
        _put(words, image, fields(out))
        if words[KEEPS]:
            _call(words)
        else:
            state = released()
            _call(words)
            taken(state)
        if words[EVERY] != 0 and not _is_finite(words, fields(out)[POINTER]):
            let_go(out)
            out = held(nothing)
    store(words, BUSY, 0)
    return out


@jit.jit()
def _fits(words, f, out):
    """Whether an output has room, none of it the image's, as far as the two arrays' ends tell."""
    steps, low, start, taken = at(f[STEPS]), f[POINTER], out[POINTER], _taken(words, out)
    high = low + words[ITEM]
    for axis in range(words[IMAGE + AXES]):
        reach = steps[axis] * (words[IMAGE + LONG + axis] - 1)
        low, high = low + min(reach, 0), high + max(reach, 0)
    return taken != 0 and (high <= start or start + taken <= low)


@jit.jit()
def _taken(words, out):
    """Bytes from an output's first pixel to its last; 0 where they may not lie as they do."""
    if out[FLAGS] & WHOLE != 0:
        return words[BYTES]
    taken, steps, last = words[UNIT], at(out[STEPS]), words[RESULT + AXES] - 1
    for n in range(last + 1):
        axis = last - n
        step = steps[axis]
        if step < taken or (n == 0 and step != taken):
            return 0
        taken += step * (words[RESULT + LONG + axis] - 1)
    return taken


@jit.jit()
def _put(words, image, result):
    """The two arrays among the kernel's arguments; their sizes are known."""
    seen, target = words[SEEN], words[TARGET]
    steps, apart = at(image[STEPS]), at(result[STEPS])
    words[ARGUMENTS + DATA], words[target] = image[POINTER], result[POINTER]
    for axis in range(seen):
        source, place = words[SOURCES + axis], SHAPE + seen + axis
        words[ARGUMENTS + place] = steps[source] if source != NONE else 0
        if words[UNIT] != 0 and source != NONE:
            words[target - DATA + place] = apart[source]


@jit.jit()
def _call(words):
    if words[SEEN] == MAPS:
        run_maps(words, ARGUMENTS, words[KERNEL], 0, 0)
    else:
        run_planes(words, ARGUMENTS, words[KERNEL], 0, 0)


@jit.jit()
def _is_finite(words, result):
    """Whether those rows are, of which a pixel that meets a zero tap and is not spoils one."""
    rows, size = words[PLANE_ROWS], words[ROW_BYTES]
    for row in range(words[BYTES] // size):
        place = row % rows
        asked = place % words[EVERY] < words[FIRST_ROWS] or place >= rows - words[LAST_ROWS]
        if asked and not _are_finite(result + row * size, size, words[REAL_BYTES]):
            return False
    return True


INFINITE = 0x7F800000, 0x7FF0000000000000  # exponents of float32 and float64


@jit.jit()
def _are_finite(address, size, real):
    """Whether numbers there are, of so many bytes each."""
    worst32, worst64 = np.int32(0), 0
    if real == 4:
        singles = at32(address)
        for n in range(size // 4):
            worst32 = max(worst32, singles[n] & np.int32(INFINITE[0]))
    else:
        doubles = at(address)
        for n in range(size // 8):
            worst64 = max(worst64, doubles[n] & INFINITE[1])
    return worst32 < INFINITE[0] and worst64 < INFINITE[1]


@jit.jit()
def _is(must, place, array, flags):
    """Whether an object is an array as it must be."""
    if array[TYPE] != must[place + KIND] or array[DTYPE] != must[place + OF]:
        return False
    if array[COUNT] & HALF != must[place + AXES] or array[FLAGS] & flags != flags:
        return False
    sizes, steps = at(array[SIZES]), at(array[STEPS])
    for axis in range(must[place + AXES]):
        step = must[place + APART + axis]
        if sizes[axis] != must[place + LONG + axis] or (step != ANY and steps[axis] != step):
            return False
    return True


@jit.jit()
def _is_asked(asked, g):
    """Whether an object is the question's filter: the same one, or an array that holds the same.

    Or a tuple of words that name it.
    """
    found = fields(g)
    if asked[ITEMS] != 0:
        return found[LENGTH] == asked[LARGE] and _same_items(found, at(asked[ITEMS]), asked[FLOAT])
    if asked[SAME] != 0 and number(g) != asked[SAME]:
        return False
    if asked[FILTER + KIND] == 0:
        return True
    return _is(asked, FILTER, found, 0) and _equal(found[POINTER], asked[CONTENT], asked[LARGE])


@jit.jit()
def _same_items(some, others, kind):
    """Whether tuples as long as one another have the same items, or equal floats."""
    for item in range(FIRST, FIRST + some[LENGTH]):
        if some[item] != others[item]:
            one, other = at(some[item]), at(others[item])
            if one[TYPE] != kind or other[TYPE] != one[TYPE] or one[REAL] != other[REAL]:
                return False
    return True


@jit.jit()
def _are_asked(asked, options):
    """Whether keywords are the question's: the same objects in the same order."""
    asked[CURSOR] = 0
    for word in range(asked[NUMBER]):
        place = OPTIONS + 2 * word
        if not next_keyword(options, asked, CURSOR):
            return False
        if asked[CURSOR + 1] != asked[place] or asked[CURSOR + 2] != asked[place + 1]:
            return False
    return not next_keyword(options, asked, CURSOR)


BLOCK = 32  # words compared at one go, in registers


@jit.jit()
def _equal(one, other, size):
    """Whether so many bytes are."""
    whole = size // 8
    first, second = at(one), at(other)
    for start in range(0, whole - BLOCK + 1, BLOCK):
        apart = 0
        for n in range(BLOCK):
            apart |= first[start + n] ^ second[start + n]
        if apart != 0:
            return False
    apart = 0
    for n in range(whole // BLOCK * BLOCK, whole):
        apart |= first[n] ^ second[n]
    for n in range(8 * whole, size):
        apart |= byte(one + n) ^ byte(other + n)
    return apart == 0


@emitted(THING)
def _empty(builder: Any, function: Value, must: Items, at: Value) -> Value:
    """A new array as it must be, by NumPy's function, which takes a reference to the dtype."""
    axes, dtype, sizes = (must.at(builder.add(at, I64(n))) for n in (AXES, OF, LONG))
    kind = builder.inttoptr(builder.load(dtype), BYTE)
    builder.call(interpreters(builder, "Py_IncRef", ir.VoidType(), [BYTE]), [kind])
    form = ir.FunctionType(BYTE, [I32, I64.as_pointer(), BYTE, I32]).as_pointer()
    given = [builder.trunc(builder.load(axes), I32), sizes, kind, I32(0)]
    return builder.call(builder.inttoptr(function, form), given)
