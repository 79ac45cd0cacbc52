"""Where results go: files, arrays, and whatever is assigned to like an array."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..problem.dtypes import Array, check_dtype
from ..runtime.arrays import check_output
from .blocks import Blocks
from .cut import Chunk, Grain
from .files import ArrayFile
from .foreign import is_sliced, turn
from .mapped import file_of, place
from .question import Question, Shape


class Sink:
    """Anything with a shape, to whose parts ``put(index, block)`` brings blocks.

    Attributes
    ----------
    blocks : Blocks
        Memory to compute in.
    turn : context manager
        What to hold while writing, and while another thread reads.
    travels : bool
        Whether another process can write there, by a copy that was pickled.
    """

    unit: Shape | None = None  # of what is written as one, where a store says

    @property
    def travels(self) -> bool:
        return False

    def __init__(
        self, question: Question, out: Any, put: Callable[[Any, Array], None] | None = None
    ) -> None:
        self._question, self._out, self._put = question, out, put
        self._room = _room(out)
        self.blocks, self.turn = Blocks(), turn(out)

    @property
    def grain(self) -> Grain:
        """Results that are written as one."""
        return self._question.grain_kept(self.unit)

    def block(self, chunk: Chunk, shape: Shape) -> Array:
        """Memory to compute a chunk in."""
        self._check_room(chunk)
        return self.blocks.take(shape, self._question.whole.problem.dtype)

    def _check_room(self, chunk: Chunk) -> None:
        if self._question.leads and chunk.items[1] > self._room:
            raise ValueError(f"out has room for {self._room} items, source has more")

    def write(self, chunk: Chunk, block: Array) -> None:
        """Bring a block to its place."""
        assert self._put
        self._put(self._question.result(chunk), block)

    def settle(self) -> None:
        """Return when all that was written would outlive a loss of power."""

    def finish(self, items: int) -> Any:
        """What the caller of a stream gets: of a store nothing is read."""
        return self._out

    def close(self) -> None:
        """Arrays are the caller's."""


class InMemory(Sink):
    """An array, computed into where it lies."""

    def finish(self, items: int) -> Any:
        return _filled(self._out, items, self._question)

    def block(self, chunk: Chunk, shape: Shape) -> Array:
        self._check_room(chunk)
        block: Array = self._out[self._question.result(chunk)]
        return block

    def write(self, chunk: Chunk, block: Array) -> None:
        """It is there."""


def _filled(out: Array, items: int, question: Question) -> Array:
    return out[:items] if question.leads and items < out.shape[0] else out


class Kept(Sink):
    """What outlives the process: an array in a file.

    Attributes
    ----------
    path : Path
        Of the file.
    is_ours : bool
        Whether the file is made, and given up, by us; its writers then exclude each other.
    """

    is_ours = False

    def __init__(self, question: Question, out: Any, path: Path) -> None:
        super().__init__(question, out)
        self.path = Path(os.path.realpath(path))  # beside which all streams to it meet

    def identity(self) -> Any:
        """What tells whether an earlier run wrote to the same place; None where nothing is."""
        raise NotImplementedError

    def renew(self) -> None:
        """Give up what is there; nothing else has to be done for a caller's array."""

    def discard(self) -> None:
        """Leave nothing where nothing is done; a caller's array stays."""

    def held(self, chunks: list[Chunk], until: int) -> int:
        """How many of the first of them may lie there as an earlier run wrote them.

        ``until``: when it told so, in nanoseconds; what was written later others have written.
        """
        raise NotImplementedError


class InFile(Kept):
    """An array in a file, at places that are known."""

    @property
    def travels(self) -> bool:
        return True

    def __init__(self, question: Question, out: Any, file: ArrayFile) -> None:
        super().__init__(question, out, file.path)
        self._file, self._put = file, file.write

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_out": None}

    def settle(self) -> None:
        self._file.settle()

    def close(self) -> None:
        self._file.close()

    def identity(self) -> Any:
        return [self.path.stat().st_ino, place(self._out)]

    def held(self, chunks: list[Chunk], until: int) -> int:
        """None where one is lost: a page that the next one's head lies in would look written.

        But the last of an iterable may be shorter than planned.
        """
        found = [self._file.holds(self._question.result(chunk)) for chunk in chunks]
        return found.count(True) if all(found[:-1]) else 0

    def finish(self, items: int) -> Any:
        return _filled(self._out, items, self._question)


def array_sink(out: Any, question: Question, items: int | None) -> Sink:
    """Where results go, if the caller passed no name."""
    check_held(out, question, items)
    if isinstance(out, np.ndarray):
        file = file_of(out, "r+b")
        return InFile(question, out, file) if file else InMemory(question, out)
    return Sink(question, out, out.__setitem__)


def check_held(out: Any, question: Question, items: int | None) -> None:
    """Refuse what cannot hold the results of so many items."""
    if not isinstance(out, np.ndarray):
        _check_kind(out)
    _check(out, question.shape_of(_room(out) if items is None else items), question)


def _check_kind(out: Any) -> None:
    """Refuse what no blocks can be assigned to, or what would keep them until it is computed."""
    told = f"out is a {type(out).__name__}"
    if not hasattr(out, "__setitem__") or not is_sliced(out):
        raise TypeError(f"{told}: pass an array, or the path of a .npy file")
    if getattr(out, "__dask_graph__", lambda: None)() is not None:
        raise TypeError(f"{told} of dask, which is computed later: pass an array of Zarr or NumPy")


def _room(out: Any) -> int:
    """Zarr's arrays have no length."""
    return int(out.shape[0]) if getattr(out, "shape", ()) else 0


def _check(out: Any, shape: Shape, question: Question) -> None:
    """Refuse an array that cannot hold the result."""
    dtype = question.whole.problem.dtype
    if tuple(out.shape) != shape:
        raise ValueError(f"out has shape {tuple(out.shape)}: source's result has shape {shape}")
    if isinstance(out, np.ndarray):
        check_output(out, np.empty(0), shape, dtype)
    elif check_dtype("out", out.dtype) != dtype:
        raise TypeError(
            f"out has dtype {out.dtype}: the result is {dtype}; pass dtype={str(out.dtype)!r} to "
            "get it in that type"
        )
