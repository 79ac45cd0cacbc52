"""What a task does: pixels of several chunks become one image, whose result is a block.

A block's own chunk is read where it lies; of its neighbours it needs strips along one axis, which
are tasks of their own, so that between machines only they travel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, product
from typing import Any, NamedTuple

import numpy as np

from ..problem.dtypes import Array
from ..problem.missing import check_weights
from ..problem.window import Range
from .cuts import Piece, pieces_of
from .parts import Cuts, Whole

Index = tuple[slice, ...]
MANY = 4  # runs of pixels that are copied one by one; more are picked from those that hold them all


class Side(NamedTuple):
    """What a block needs along one axis of the image.

    Attributes
    ----------
    pieces : tuple of Piece
        Of chunks, one after another.
    picked : ndarray or None
        Which of their pixels, in order; None: all of them.
    """

    pieces: tuple[Piece, ...]
    picked: Array | None = None

    @classmethod
    def of(cls, runs: Sequence[Range], edges: Sequence[int]) -> "Side":
        """That of runs of pixels, of chunks between edges; of no pixel the first chunk's none."""
        if len(runs) <= MANY:
            return cls(tuple(pieces_of(runs, edges)) or (Piece(0, 0, 0),))
        low, high = min(start for start, _ in runs), max(stop for _, stop in runs)
        picked = np.concatenate([np.arange(*run) for run in runs]) - low
        return cls(tuple(pieces_of([(low, high)], edges)), picked)

    @property
    def chunk(self) -> int:
        """The one that most pixels are of."""
        return max(self.pieces, key=lambda piece: piece.stop - piece.start).chunk

    @property
    def targets(self) -> list[slice]:
        """Where the pieces lie in the block."""
        ends = accumulate((piece.stop - piece.start for piece in self.pieces), initial=0)
        return [slice(start, stop) for start, stop in pairwise(ends)]


class Strip(NamedTuple):
    """Some pixels of a chunk, all along other axes than one."""

    chunk: tuple[int, ...]
    axis: int
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Block:
    """How a task puts its image together, and what it makes of it.

    Attributes
    ----------
    targets, sources : tuple of tuple of slice
        Where pieces go, and which part of a strip or chunk each is.
    picked : dict
        By axis, which of the pixels put together are the image's, and in which order.
    cuts : tuple of Cut or None
        What the image is of the whole's.
    """

    targets: tuple[Index, ...]
    sources: tuple[Index, ...]
    picked: dict[int, Array]
    cuts: Cuts

    def image(self, given: Sequence[Any], dtype: Any) -> Array:
        """The block's pixels; those of one chunk are a view."""
        parts = [_pixels(each)[source] for each, source in zip(given, self.sources, strict=True)]
        for part, target in zip(parts, self.targets, strict=True):
            _check(part, target, dtype)
        if len(parts) == 1:
            found = parts[0].astype(dtype, copy=False)
        else:
            found = np.empty(tuple(index.stop for index in self.targets[-1]), dtype)
            for part, target in zip(parts, self.targets, strict=True):
                found[target] = part
        for axis, places in self.picked.items():
            found = np.take(found, places, axis)
        return found


def strip(chunk: Any, axis: int, start: int, stop: int) -> Array:
    """A copy, so that nobody keeps the chunk for it."""
    index = (slice(None),) * axis + (slice(start, stop),)
    return np.array(_pixels(chunk)[index])


def _pixels(chunk: Any) -> Array:
    """A chunk's, which has no mask where its array tells of none: that would be lost."""
    if isinstance(chunk, np.ma.MaskedArray) and chunk.mask is not np.ma.nomask:
        raise TypeError(
            "a chunk is a masked array, which the dask array's _meta does not tell: pass "
            "f.map_blocks(numpy.ma.asarray, meta=numpy.ma.empty((0,) * f.ndim, f.dtype))"
        )
    return np.asarray(chunk)


def _check(part: Array, target: Index, dtype: Any) -> None:
    """Refuse pixels that are not what the dask array says of them."""
    shape = tuple(index.stop - index.start for index in target)
    if part.shape != shape:
        raise ValueError(
            f"a chunk has {part.shape} pixels where the dask array's chunks say {shape}: say so "
            "where it is made, as by map_blocks(..., chunks=...)"
        )
    if not np.can_cast(part.dtype, dtype, "equiv"):
        raise TypeError(
            f"a chunk has dtype {part.dtype}, the dask array {dtype}: say so where it is made, as "
            "by map_blocks(..., dtype=...)"
        )


def fill(whole: Whole, block: Block, given: Sequence[Any], weights: Sequence[Any]) -> Array:
    """A block of the result, from its chunks and strips, and those of the pixels' weights."""
    image = block.image(given, whole.kinds[0])
    if not weights:
        return whole.run(image, block.cuts, None)
    there = block.image(weights, np.asarray(weights[0]).dtype)
    if there.dtype != bool:
        check_weights(there)
    return whole.run(image, block.cuts, there)


def needed(sides: Sequence[Side], chunks: Any, cuts: Cuts) -> tuple[Block, tuple[Any, ...]]:
    """A block, and the chunks or strips that it takes, in order."""
    own = [side.chunk for side in sides]
    pieces = list(product(*(side.pieces for side in sides)))
    found = [_source(each, own, chunks) for each in pieces]
    targets = tuple(product(*(side.targets for side in sides)))
    picked = {n: side.picked for n, side in enumerate(sides) if side.picked is not None}
    block = Block(targets, tuple(index for _, index in found), picked, cuts)
    return block, tuple(where for where, _ in found)


def _source(pieces: Sequence[Piece], own: Sequence[int], chunks: Any) -> tuple[Any, Index]:
    """A chunk, or a strip of it, and which part of that a block takes."""
    chunk = tuple(piece.chunk for piece in pieces)
    index = [slice(piece.start, piece.stop) for piece in pieces]
    for axis, piece in enumerate(pieces):
        part = (piece.start, piece.stop) != (0, chunks[axis][piece.chunk])
        if part and piece.chunk != own[axis]:
            index[axis] = slice(0, piece.stop - piece.start)
            return Strip(chunk, axis, piece.start, piece.stop), tuple(index)
    return chunk, tuple(index)
