"""Where pixels come from: files, arrays, whatever is indexed like an array, and iterables.

A source has a ``question``, its number of ``items`` (None where only the end will tell), a
``stamp`` that changes with its content (None where only reading tells), and ``read(chunk)``: the
chunk, shorter at an unforeseen end, its image, and its pixels' weights where some are missing;
None behind the end.
"""

import errno
import itertools
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from ..problem.door import as_array
from ..problem.dtypes import Array, DType, check_dtype
from ..problem.missing import ARRAYS
from . import foreign
from .blocks import Blocks
from .cut import PIXEL, Chunk
from .files import ArrayFile
from .mapped import file_of, place
from .paths import open_source
from .question import Index, Question
from .stores import Opened, adapted
from .stores.base import stamp_of_file
from .weights import Weighing, weighing_of

Part = tuple[Chunk, Array, Array | None]
DAMAGED = RuntimeError, EOFError, zlib.error  # what codecs raise


class Indexed:
    """Anything with a shape, of which ``fetch(index, block)`` brings a part.

    Attributes
    ----------
    grain : Grain
        Results of which it has the pixels in one piece.
    far, travels : bool
        Whether several reads should be under way; whether other processes can read it.
    about : mapping
        What it says of its pixels.
    blocks : Blocks
        Memory to read into.
    """

    whole = False  # it can be read in part
    grain, far = PIXEL, False

    def __init__(
        self, question: Question, weighing: Weighing | None, fetch: Callable[[Any, Array], None],
        stamp: Any = None,
    ) -> None:  # fmt: skip
        self.question, self._weighing, self._fetch = question, weighing, fetch
        self._seen = stamp  # of the pixels; those of other arrays only reading tells
        self.stamp = None if weighing and weighing.arrays else stamp
        self.items: int | None = question.shape[0] if question.batched else 1
        self.blocks, self.travels = Blocks(), False
        self.about: Mapping[str, Any] = {}

    def read(self, chunk: Chunk) -> Part | None:
        f = self._image(chunk)
        weights = self._weighing.read(self.question, chunk, f) if self._weighing else None
        return chunk, f, weights

    def _image(self, chunk: Chunk) -> Array:
        block = self.blocks.take(self.question.plan(chunk).problem.image, self.question.dtype)
        for index, where in self.question.wanted(chunk):
            self._fetch(index, block[where])
        return block

    def is_changed(self) -> bool:
        """Whether somebody has written to it since it was opened."""
        return False

    def close(self) -> None:
        """Arrays are the caller's."""


class InMemory(Indexed):
    """An array: nothing is copied but rows beyond the ends of an image."""

    def __init__(self, question: Question, weighing: Weighing | None, array: Array) -> None:
        def fetch(index: Index, block: Array) -> None:
            block[...] = array[index]

        super().__init__(question, weighing, fetch)
        self._array = array

    def _image(self, chunk: Chunk) -> Array:
        wanted = list(self.question.wanted(chunk))
        return self._array[wanted[0][0]] if len(wanted) == 1 else super()._image(chunk)


class InFile(Indexed):
    """The file under a memory-mapped array."""

    def __init__(
        self, question: Question, weighing: Weighing | None, file: ArrayFile, stamp: Any
    ) -> None:
        super().__init__(question, weighing, file.read, stamp)
        self._file, self.travels = file, not (weighing and weighing.arrays)

    def is_changed(self) -> bool:
        return not stamp_of_file(self._file.path).items() <= self._seen.items()

    def close(self) -> None:
        self._file.close()


class InStore(Indexed):
    """An array of a store, whose library gives each part memory of its own."""

    def __init__(self, question: Question, weighing: Weighing | None, opened: Opened) -> None:
        super().__init__(question, weighing, partial(_fetch_pieces, opened), opened.stamp())
        self._opened, self.far, self.about = (
            opened,
            opened.far,
            {"unit": opened.unit, **opened.about},
        )
        self.travels = opened.travels and not (weighing and weighing.arrays)
        self.grain = question.grain_read(opened.unit)

    def _image(self, chunk: Chunk) -> Array:
        (index, _), *others = self.question.wanted(chunk)
        try:
            if others or len([*self._opened.pieces(index)]) > 1:
                return super()._image(chunk)
            return self._opened.part(index)
        except DAMAGED as error:
            told = f"a part of the source cannot be decoded: {error}"
            raise OSError(errno.EIO, told, self._opened.filename) from error

    def is_changed(self) -> bool:
        return self._seen is not None and self._opened.stamp() != self._seen

    def close(self) -> None:
        self._opened.close()


def _fetch_pieces(opened: Opened, index: Index, block: Array) -> None:
    for piece, where in opened.pieces(index):
        foreign.fetch(opened, piece, block[where])


class Items:
    """An iterable of arrays, all of one shape and dtype."""

    whole = True
    stamp = None
    grain, far, travels = PIXEL, False, False
    about: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, items: Iterable[Any], g: Any, keywords: Mapping[str, Any]) -> None:
        self._rest, self._axes = iter(items), keywords.get("axes")
        first = self._next()
        if first is None:
            raise ValueError("source has no items: pass at least one")
        _check_axes("source's item", first.shape)
        self._rest = itertools.chain([first], self._rest)
        self.question = _of_items(first, g, keywords)
        self.items = len(items) if isinstance(items, list | tuple) else None  # others may err
        self._alike, self.blocks = (first.shape, first.dtype), Blocks()

    def _next(self) -> Array | None:
        for item in self._rest:
            return foreign.pixels("source's item", item, self._axes)
        return None

    def read(self, chunk: Chunk) -> Part | None:
        """Copies, for whoever made the items may use their memory again."""
        start, stop = chunk.items
        question, count = self.question, 0
        block = self.blocks.take((stop - start, *self._alike[0]), question.dtype)
        while count < stop - start and (item := self._next()) is not None:
            self._check(item, start + count)
            block[count] = item
            count += 1
        if not count:
            return None
        f = block[0] if question.stacked else block[:count]
        return Chunk((start, start + count)), f, None

    def _check(self, item: Array, number: int) -> None:
        if (item.shape, item.dtype) != self._alike:
            shape, dtype = self._alike
            raise ValueError(
                f"source's item {number} has shape {item.shape} and dtype {item.dtype}, the first "
                f"has {shape} and {dtype}: pass items that are alike"
            )

    def is_changed(self) -> bool:
        """Nobody knows."""
        return False

    def close(self) -> None:
        """Nothing: the iterable is the caller's."""


def _of_items(item: Array, g: Any, keywords: Mapping[str, Any]) -> Question:
    """Several items are one image with a leading axis, if the filter takes such images."""
    dtype = item.dtype.newbyteorder("=")
    alone = Question(item.shape, dtype, g, keywords, stacked=True)
    axes = tuple(axis + 1 if axis >= 0 else axis for axis in keywords.get("axes", (-2, -1)))
    with suppress(ValueError):  # it has every axis that the filter allows
        method = alone.whole.method
        several = {**keywords, "axes": axes, "method": method}
        joined = Question((1, *item.shape), dtype, g, several)
        if joined.batched and joined.whole.problem.shape == (1, *alone.whole.problem.shape):
            return joined
    return alone


def opened(source: Any, axes: Any) -> Any:
    """The array that a path leads to, or that NumPy makes of a tensor, as what knows its units."""
    if isinstance(source, str | os.PathLike):
        return open_source(source)
    if not foreign.is_sliced(source) and foreign.is_like_array(source):
        return as_array("source", source, axes)
    return adapted(source)


def source_of(source: Any, g: Any, keywords: Mapping[str, Any]) -> Indexed | Items:
    """What a stream reads, by what `opened` gave."""
    if not foreign.is_sliced(source):
        _refuse_weights(keywords)
        return _iterable(source, g, keywords)
    shape, dtype = foreign.shape_of(source), _dtype_of(source)
    _check_axes("source", shape)
    if isinstance(source, Opened) and source.axes and "axes" not in keywords:
        keywords = {**keywords, "axes": source.axes}
    keywords, weighing = weighing_of(source, shape, keywords)
    nothing, size = (weighing.nothing, weighing.itemsize) if weighing else (None, 0)
    question = Question(shape, dtype, g, keywords, nothing=nothing, weighing=size)
    if isinstance(source, Opened):
        return InStore(question, weighing, source)
    if file := file_of(source, "rb"):
        return InFile(question, weighing, file, _stamp(source))
    if isinstance(source, np.ndarray) and not isinstance(source, np.memmap):
        return InMemory(question, weighing, source)
    return Indexed(question, weighing, partial(foreign.fetch, source))


def _dtype_of(source: Any) -> DType:
    if isinstance(source, Opened):
        return source.dtype
    if isinstance(source, np.ndarray):
        return check_dtype("source", as_array("source", source).dtype)
    if len(source.shape) < 2:  # told next
        return np.dtype(float)
    return foreign.dtype_of(source)


def _refuse_weights(keywords: Mapping[str, Any]) -> None:
    for name in ARRAYS:
        if keywords.get(name) is not None:
            raise ValueError(
                f"{name} goes with an array or a file, not with an iterable: pass that, or items "
                "with NaN and nan_policy='omit'"
            )


def _check_axes(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) < 2:
        raise ValueError(f"{name} has shape {shape}: pass images with at least two axes")


def _iterable(source: Any, g: Any, keywords: Mapping[str, Any]) -> Items:
    kind = type(source).__name__
    if isinstance(source, Mapping):
        first = next(iter(source), "name")
        raise TypeError(f"source is a {kind}: pass one of its arrays, such as source[{first!r}]")
    if not isinstance(source, Iterable) or isinstance(source, bytes | bytearray):
        raise TypeError(
            f"source is a {kind}: pass an array, a memory map, the path of a .npy file, or an "
            "iterable of arrays"
        )
    return Items(source, g, keywords)


def _stamp(array: Any) -> dict[str, Any]:
    """What tells whether a mapped file is the same and unchanged."""
    return {**stamp_of_file(array.filename), "place": place(array), "strides": array.strides}
