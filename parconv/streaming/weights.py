"""Which pixels of a source count, chunk by chunk: ``where``, ``weights``, and a store's nodata."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..problem.door import as_array
from ..problem.dtypes import Array
from ..problem.missing import ARRAYS, Given, check_weights
from ..problem.question import DEFAULTS
from . import foreign
from .cut import Chunk
from .question import Index, Question, Shape
from .stores.base import Opened

NODATA = "nodata"


@dataclass(frozen=True)
class Weighing:
    """What tells the weights of a chunk's pixels.

    Attributes
    ----------
    arrays : mapping
        ``where`` and ``weights`` as far as they are arrays, as large as the source or a plane.
    store : Opened or None
        Whose own word is asked, too.
    """

    arrays: Mapping[str, Any]
    store: Opened | None

    @property
    def nothing(self) -> float | None:
        """What the store has where nothing is."""
        return self.store.nodata if self.store else None

    @property
    def itemsize(self) -> int:
        weights = self.arrays.get("weights")
        return 1 if weights is None else int(np.dtype(weights.dtype).itemsize)

    def read(self, question: Question, chunk: Chunk, f: Array) -> Array:
        """The weights of a chunk's image; booleans where pixels count or do not."""
        found: Array | None = None
        if self.store:
            found = self.store.there(f, question.wanted(chunk))
        for name, array in self.arrays.items():
            part = np.empty(f.shape, array.dtype)
            for index, place in question.wanted(chunk):
                part[place] = _part(name, array, index, question)
            _check(name, part)
            found = part if found is None else part * found
        assert found is not None
        return found


def weighing_of(
    source: Any, shape: Shape, keywords: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Weighing | None]:
    """The keywords without arrays, and what tells the weights; None where all pixels count."""
    given = {name: keywords[name] for name in sorted(ARRAYS) if keywords.get(name) is not None}
    if not given:
        return keywords, None
    store = None
    if isinstance(where := given.get("where"), str):
        store = _told_by(source, where)
        del given["where"]
    axes = keywords.get("axes", DEFAULTS["axes"])
    plane = tuple(shape[axis] for axis in axes) if isinstance(axes, tuple) else shape
    arrays = {name: _sliced(name, value, shape, plane) for name, value in given.items()}
    rest = {name: value for name, value in keywords.items() if name not in ARRAYS}
    told = Given.NUMBERS if "weights" in arrays else Given.TRUTHS
    return {**rest, "weights": told}, Weighing(arrays, store)


def _told_by(source: Any, where: str) -> Opened:
    """The store that says itself which pixels are none."""
    if where != NODATA:
        raise ValueError(f"where={where!r}: pass {NODATA!r}, or booleans, True for pixels to use")
    if not isinstance(source, Opened) or not source.tells_holes:
        raise ValueError(
            "where='nodata', but source says of no value that it stands for missing pixels: pass "
            "a raster, a TIFF, or an array of Zarr or HDF5 with such an attribute, or booleans"
        )
    return source


def _sliced(name: str, value: Any, shape: Shape, plane: Shape) -> Any:
    """What has slices as it is, if it is as large as the source or one of its planes."""
    array = value if foreign.is_sliced(value) else as_array(name, value)
    if tuple(array.shape) not in (shape, plane):
        raise ValueError(
            f"{name} has shape {tuple(array.shape)}, source has {shape}: pass one of that shape, "
            "or that of a plane"
        )
    if name == "where" and np.dtype(array.dtype) != bool:
        raise TypeError(
            f"where has dtype {array.dtype}: pass booleans, True for pixels to use, or numbers as "
            "weights="
        )
    return array


def _part(name: str, array: Any, index: Index, question: Question) -> Array:
    """Of an array as large as the source, or as a plane of it."""
    if len(array.shape) == len(index):
        return foreign.slice_of(name, array, index)
    axes = question.whole.problem.axes
    part = foreign.slice_of(name, array, tuple(index[axis] for axis in axes))
    others = tuple(axis for axis in range(len(index)) if axis not in axes)
    return np.expand_dims(part if axes[0] < axes[1] else part.T, others)


def _check(name: str, part: Array) -> None:
    if name == "weights":
        check_weights(part)
