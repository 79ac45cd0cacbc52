"""What compiled code knows of a plan and of a question, to see that a call is theirs: `given`.

Objects stand here by their addresses: who keeps the words keeps the objects.
"""

import ctypes
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from ..codegen import jit
from ..codegen.things import THING
from ..problem.dtypes import Array, DType
from ..runtime.crew.record import DATA, places
from ..runtime.outputs import is_small
from .given import (
    ANY,
    ARGUMENTS,
    BYTES,
    COUNT,
    CURSOR,
    DTYPE,
    EMPTY,
    EVERY,
    FIRST,
    FLAGS,
    HALF,
    IMAGE,
    ITEM,
    KEEPS,
    KERNEL,
    LENGTH,
    MOST_AXES,
    NONE,
    NOTHING,
    POINTER,
    REAL,
    SEEN,
    SIZES,
    SOUND,
    SOUND_BYTES,
    SOURCES,
    STEPS,
    TARGET,
    TYPE,
    UNIT,
)

PYARRAY_EMPTY = 184  # among NumPy's functions


@cache
def entry(function: Any, things: int) -> Any:
    """`run`, `answer` or `asks`, for Python; its lock is held until the kernel runs."""
    return jit.entry(function, (THING,) * things, nogil=False)


@cache
def reads() -> bool:
    """Whether arrays and tuples lie in memory as they are read here.

    They do in CPython with its lock, on machines of 64 bits.
    """
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    array = np.empty((3, 8), np.float32)[1:, ::2]
    pair = array, None
    half = 0.5
    if _words(id(half), REAL + 1)[TYPE:] != [id(float), np.float64(half).view(np.int64)]:
        return False
    found, sizes = _words(id(array), FLAGS + 1), array.shape
    expected = {
        TYPE: id(np.ndarray), POINTER: array.ctypes.data, DTYPE: id(array.dtype),
        COUNT: found[COUNT] & ~HALF | 2, FLAGS: found[FLAGS] & ~HALF | array.flags.num,
    }  # fmt: skip
    fields = all(found[at] == value for at, value in expected.items())
    axes = fields and (*_words(found[SIZES], 2), *_words(found[STEPS], 2)) == sizes + array.strides
    items = _words(id(pair), FIRST + 2)
    return axes and [items[LENGTH], *items[FIRST:]] == [2, id(array), id(None)]


@cache
def _new_array() -> int:
    """The address of NumPy's function that makes one, where its interface has it."""
    table = ctypes.pythonapi.PyCapsule_GetPointer
    table.restype, table.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return _words(table(_multiarray_umath._ARRAY_API, None), PYARRAY_EMPTY + 1)[PYARRAY_EMPTY]


def _words(address: int, count: int) -> list[int]:
    return list((ctypes.c_int64 * count).from_address(address))


def must(shape: Sequence[int], dtype: DType, steps: Sequence[int] = ()) -> list[int]:
    """What an array must be; all steps may be any where none is given."""
    empty = [0] * (MOST_AXES - len(shape))
    apart = [*steps] if steps else [ANY] * len(shape)
    return [id(np.ndarray), id(dtype), len(shape), *shape, *empty, *apart, *empty]


def words_of(
    kernel: int, keeps: bool, image: list[int], order: Sequence[int | None], out: Array,
    finite: Sequence[int], sound: bool, apart: bool, arguments: Sequence[Array],
) -> Array:  # fmt: skip
    """A plan's words.

    Parameters
    ----------
    kernel : int
        The address of one.
    keeps : bool
        Whether the interpreter's lock is kept while it runs.
    image : list of int
        What an image must be, by `must`.
    order : sequence of int or None
        Of each axis that the kernel sees, the image's; None where that has none.
    out : ndarray
        One such as it fills: of the shape and dtype, in one piece.
    finite : sequence of int
        Which rows of each plane must be finite: every so manieth and as many behind it, and so many
        at the end.  None where nobody asks.
    sound : bool
        Whether all pixels of the image must be finite; it lies in one piece then.
    apart : bool
        Whether rows of the result may lie apart.
    arguments : sequence of ndarray
        The kernel's: image, taps, fill, output, layout, scratch and bands, all as it sees them.
        All but the first and fourth must live as long as the words.
    """
    words = [0] * IMAGE
    words[NOTHING], words[EMPTY] = id(None), _new_array() if is_small(out.nbytes) else 0
    words[KERNEL], words[KEEPS], words[SEEN] = kernel, keeps, len(order)
    words[BYTES], words[ITEM] = out.nbytes, arguments[0].itemsize
    words[SOURCES : SOURCES + len(order)] = [NONE if axis is None else axis for axis in order]
    if sound:
        words[SOUND], words[SOUND_BYTES] = arguments[0].nbytes, arguments[0].real.itemsize
    words[UNIT] = out.itemsize if apart else 0
    words += [*image, *must(out.shape, out.dtype)]
    if finite:
        rows, columns = arguments[3].shape[-2:]
        real = out.real.itemsize
        words[EVERY:SOUND] = [*finite, rows, columns * out.itemsize, real]
    words[TARGET] = ARGUMENTS + places(len(order))[3] + DATA
    for array in arguments:
        words += [0, 0, array.size, array.itemsize, array.ctypes.data]
        words += [*array.shape, *array.strides]
    return np.array(words)


def asked_of(options: Mapping[str, Any], named: Sequence[int], into: bool) -> Array:
    """A question's words; all objects must live as long as they.

    ``named``: the words of its filter, by `same`, `holding` or `naming`.  ``into``: whether it is
    one with an output, whose dtype is the result's.
    """
    words = [*named, *[0] * (CURSOR - len(named)), 0, 0, 0, len(options), into]
    return np.array([*words, *(id(each) for pair in options.items() for each in pair)])


def same(g: Any) -> list[int]:
    """A filter that is that object."""
    return [0, id(g)]


def holding(g: Array, content: Array | None) -> list[int]:
    """One that such an array gives, if it holds that; or that array, which nobody changes."""
    kind = must(g.shape, g.dtype, g.strides)
    if content is None:
        return [0, id(g), 0, 0, 0, *kind]
    return [0, 0, content.ctypes.data, content.nbytes, 0, *kind]


def naming(words: tuple[Any, ...]) -> list[int]:
    """One that a tuple of such words names."""
    return [id(words), 0, 0, len(words), id(float)]
