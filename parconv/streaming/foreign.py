"""Arrays of other libraries: datasets of HDF5 or Zarr, variables of netCDF, tensors.

Of most no more is known than a shape, a dtype and slices, and what a slice is only the slice tells:
a variable's may be masked where pixels are missing, or unpacked into another type than its own.
"""

import operator
from contextlib import AbstractContextManager, nullcontext
from threading import RLock
from typing import Any

import numpy as np

from ..problem.door import as_array
from ..problem.dtypes import Array, DType, check_dtype

Shape = tuple[int, ...]

# Libraries that two threads must not enter at once, whatever the files ("NetCDF: HDF error" else).
_TAKE_TURNS = {"netCDF4", "tables"}
_turn = RLock()


def library(value: Any) -> str:
    """The name of the package that a value's type comes from."""
    return type(value).__module__.partition(".")[0]


def turn(value: Any) -> AbstractContextManager[Any]:
    """What to hold while reading beside a thread that writes there, and the other way round."""
    return _turn if library(value) in _TAKE_TURNS else nullcontext()


def is_sliced(value: Any) -> bool:
    """Whether it has a shape, a dtype that NumPy knows, and slices."""
    if not all(hasattr(value, name) for name in ("shape", "dtype", "__getitem__")):
        return False
    try:
        np.dtype(value.dtype)
    except TypeError:  # a tensor's, for example
        return False
    return True


def is_like_array(value: Any) -> bool:
    """Whether NumPy makes an array of it, as `conv2d` would."""
    return any(hasattr(value, name) for name in ("__array__", "__array_interface__")) or isinstance(
        value, memoryview
    )


def shape_of(source: Any) -> Shape:
    """Every size of which is known."""
    try:
        return tuple(map(operator.index, source.shape))
    except TypeError:
        raise ValueError(
            f"source has shape {source.shape}: pass an array whose sizes are known (of a dask "
            "array, what its compute_chunk_sizes() returns)"
        ) from None


def dtype_of(source: Any) -> DType:
    """That of its slices, by the smallest one, which lazy arrays need not compute."""
    corner = source[(slice(0, 1),) * len(source.shape)]
    return check_dtype("source", getattr(corner, "dtype", source.dtype))


def pixels(name: str, value: Any, axes: Any = None) -> Array:
    """The array that a slice or an item is, if no pixel is missing; ``axes`` of its planes."""
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise ValueError(
                f"{name} has missing pixels: pass items in which something stands for them, such "
                "as (part.filled(0) for part in source)"
            )
        value = value.data
    return as_array(name, value, axes)


def slice_of(name: str, value: Any, index: Any) -> Array:
    """A slice, read while no other thread is in a library that only one may enter."""
    with turn(value):
        return pixels(f"{name}'s slice", value[index])


def fetch(source: Any, index: Any, block: Array) -> None:
    """A slice of the source into a block that is of its shape and dtype, or an error."""
    part = slice_of("source", source, index)
    if (part.shape, part.dtype.newbyteorder("=")) != (block.shape, block.dtype):
        raise ValueError(
            f"source's slice has shape {part.shape} and dtype {part.dtype} where {block.shape} and "
            f"{block.dtype} were expected: pass an iterable of arrays that are alike"
        )
    block[...] = part
