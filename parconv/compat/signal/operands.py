"""Operands as SciPy takes them, and a sum in one type."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...problem.dtypes import Array, DType

MODES = ("full", "same", "valid")


def array(value: Any) -> Array:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("Inputs of type `MaskedArray` are not supported.")
    return np.asarray(value)


def must_swap(
    mode: Any, shape: tuple[int, ...], other: tuple[int, ...], axes: Sequence[int] | None = None
) -> bool:
    """Whether the second operand is the larger one of mode "valid", for which one must be."""
    if mode != "valid" or not shape:
        return False
    pairs = [(shape[axis], other[axis]) for axis in (range(len(shape)) if axes is None else axes)]
    if all(n >= m for n, m in pairs):
        return False
    if all(m >= n for n, m in pairs):
        return True
    raise ValueError(
        "For 'valid' mode, one must be at least as large as the other in every dimension"
    )


def made(run: Callable[..., Array], f: Array, g: Array, kind: DType, **options: Any) -> Array:
    """The sum in one type, which integers wrap in."""
    if kind.kind == "b":
        there: Array = run(f, g, dtype=np.int64, **options) != 0
        return there
    store = {"overflow": "wrap"} if kind.kind in "iu" else {}
    return run(
        f.astype(kind, copy=False), g.astype(kind, copy=False), dtype=kind, **store, **options
    )
