"""Where pixels come from: files, arrays, whatever is indexed like an array, and iterables.

A source has a ``question``, its number of ``items`` (None where only the end will tell), a
``stamp`` that changes with its content (None where only reading tells), and ``read(chunk)``: the
chunk, shorter at an unforeseen end, and its image; None behind the end.
"""

import itertools
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from ..problem.door import as_array
from ..problem.dtypes import Array, check_dtype
from . import foreign
from .blocks import Blocks
from .cut import Chunk
from .mapped import file_of, place
from .paths import open_source
from .question import Index, Question

Part = tuple[Chunk, Array]


class Indexed:
    """Anything with a shape, of which ``fetch(index, block)`` brings a part."""

    whole = False  # it can be read in part

    def __init__(
        self, question: Question, fetch: Callable[[Any, Array], None],
        close: Callable[[], None] = lambda: None, stamp: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.question, self.stamp, self.close = question, stamp, close
        self.items: int | None = question.shape[0] if question.batched else 1
        self._fetch, self._blocks = fetch, Blocks()

    def read(self, chunk: Chunk) -> Part | None:
        block = self._blocks.take(self.question.plan(chunk).problem.image, self.question.dtype)
        for index, where in self.question.wanted(chunk):
            self._fetch(index, block[where])
        return chunk, block


class InMemory(Indexed):
    """An array: nothing is copied but rows beyond the ends of an image."""

    def __init__(self, question: Question, array: Array) -> None:
        def fetch(index: Index, block: Array) -> None:
            block[...] = array[index]

        super().__init__(question, fetch)
        self._array = array

    def read(self, chunk: Chunk) -> Part | None:
        wanted = list(self.question.wanted(chunk))
        return (chunk, self._array[wanted[0][0]]) if len(wanted) == 1 else super().read(chunk)


class Items:
    """An iterable of arrays, all of one shape and dtype."""

    whole = True
    stamp = None

    def __init__(self, items: Iterable[Any], g: Any, keywords: Mapping[str, Any]) -> None:
        self._rest, self._axes = iter(items), keywords.get("axes")
        first = self._next()
        if first is None:
            raise ValueError("source has no items: pass at least one")
        _check_axes("source's item", first.shape)
        self._rest = itertools.chain([first], self._rest)
        self.question = _of_items(first, g, keywords)
        self.items = len(items) if isinstance(items, list | tuple) else None  # others may err
        self._alike, self._blocks = (first.shape, first.dtype), Blocks()

    def _next(self) -> Array | None:
        for item in self._rest:
            return foreign.pixels("source's item", item, self._axes)
        return None

    def read(self, chunk: Chunk) -> Part | None:
        """Copies, for whoever made the items may use their memory again."""
        start, stop = chunk.items
        question, count = self.question, 0
        block = self._blocks.take((stop - start, *self._alike[0]), question.dtype)
        while count < stop - start and (item := self._next()) is not None:
            self._check(item, start + count)
            block[count] = item
            count += 1
        if not count:
            return None
        f = block[0] if question.stacked else block[:count]
        return Chunk((start, start + count)), f

    def _check(self, item: Array, number: int) -> None:
        if (item.shape, item.dtype) != self._alike:
            shape, dtype = self._alike
            raise ValueError(
                f"source's item {number} has shape {item.shape} and dtype {item.dtype}, the first "
                f"has {shape} and {dtype}: pass items that are alike"
            )

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
    """The array that a path leads to, or that NumPy makes of a tensor; everything else as it is."""
    if isinstance(source, str | os.PathLike):
        return open_source(source)
    if not foreign.is_sliced(source) and foreign.is_like_array(source):
        return as_array("source", source, axes)
    return source


def source_of(source: Any, g: Any, keywords: Mapping[str, Any]) -> Indexed | Items:
    """What a stream reads, by what the caller passed."""
    if not foreign.is_sliced(source):
        return _iterable(source, g, keywords)
    if isinstance(source, np.ndarray):
        return _of_array(source, g, keywords)
    _check_axes("source", shape := foreign.shape_of(source))
    question = Question(shape, foreign.dtype_of(source), g, keywords)
    return Indexed(question, partial(foreign.fetch, source))


def _of_array(source: Array, g: Any, keywords: Mapping[str, Any]) -> Indexed:
    _check_axes("source", as_array("source", source).shape)
    question = Question(source.shape, check_dtype("source", source.dtype), g, keywords)
    if file := file_of(source, "rb"):
        return Indexed(question, file.read, file.close, _stamp(source))
    if isinstance(source, np.memmap):
        return Indexed(question, partial(foreign.fetch, source))
    return InMemory(question, source)


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
    status = os.stat(array.filename)
    return {
        "file": os.fspath(os.path.realpath(array.filename)),
        "bytes": status.st_size,
        "modified": status.st_mtime_ns,
        "place": place(array),
        "strides": array.strides,
    }
