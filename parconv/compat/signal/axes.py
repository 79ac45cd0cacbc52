"""scipy.signal's functions of any number of axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import api
from ...problem.dtypes import Array, DType
from . import operands

METHODS = ("auto", "direct", "fft")


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Array:
    """Convolve two arrays of as many axes, as `scipy.signal.convolve`.

    Examples
    --------
    >>> convolve([1, 2, 3], [1, 0.5])
    array([1. , 2.5, 4. , 1.5])
    """
    f, g = operands.array(in1), operands.array(in2)
    if f.ndim == g.ndim == 0:
        return f * g
    if f.ndim != g.ndim:
        raise ValueError("volume and kernel should have the same dimensionality")
    if operands.must_swap(mode, f.shape, g.shape):
        f, g = g, f
    if method not in METHODS:
        raise ValueError("Acceptable method flags are 'auto', 'direct', or 'fft'.")
    return _convolved(f, g, mode, tuple(range(f.ndim)), np.result_type(f, g))


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Array:
    """Correlate two arrays of as many axes, as `scipy.signal.correlate`.

    Examples
    --------
    >>> correlate([1, 2, 3], [0, 1, 0.5])
    array([0.5, 2. , 3.5, 3. , 0. ])
    """
    f, g = operands.array(in1), operands.array(in2)
    if f.ndim == g.ndim == 0:
        return f * np.conj(g)
    if f.ndim != g.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if mode not in operands.MODES:
        raise ValueError("Acceptable mode flags are 'valid', 'same', or 'full'.")
    return convolve(f, np.conj(np.flip(g)), mode, method)


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Array:
    """Convolve along some axes, as `scipy.signal.fftconvolve`: by whichever method is fastest.

    Examples
    --------
    >>> fftconvolve([1, 2, 3], [1, 1])
    array([1., 3., 5., 3.])
    """
    f, g = operands.array(in1), operands.array(in2)
    if f.ndim == g.ndim == 0:
        return f * g
    if f.ndim != g.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if not f.size or not g.size:
        return np.array([])
    over = _axes(axes, f.ndim)
    active = tuple(axis for axis in sorted(over) if f.shape[axis] != 1 and g.shape[axis] != 1)
    others = [(n, m) for axis, (n, m) in enumerate(zip(f.shape, g.shape, strict=True))
              if axis not in active]  # fmt: skip
    if not all(n == m or 1 in (n, m) for n, m in others):
        raise ValueError(f"incompatible shapes for in1 and in2: {f.shape} and {g.shape}")
    if operands.must_swap(mode, f.shape, g.shape, active):
        f, g = g, f
    if mode not in operands.MODES:
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    kind = np.result_type(f, g)
    return _convolved(f, g, mode, active, _inexact(kind) if active else kind)


oaconvolve = fftconvolve


def _axes(axes: Any, ndim: int) -> tuple[int, ...]:
    if axes is None:
        return tuple(range(ndim))
    given = tuple(axes) if isinstance(axes, Sequence | np.ndarray) else (axes,)
    if not given:
        raise ValueError("when provided, axes cannot be empty")
    if not all(isinstance(axis, int | np.integer) for axis in given):
        raise ValueError("axes must be a scalar or iterable of integers")
    if not all(-ndim <= axis < ndim for axis in given):
        raise ValueError("axes exceeds dimensionality of input")
    found = tuple(int(axis) % ndim for axis in given)
    if len(set(found)) < len(found):
        raise ValueError("all axes must be unique")
    return found


def _inexact(kind: DType) -> DType:
    if kind.kind in "biu":
        return np.dtype("float64")
    return np.dtype("float32") if kind == np.float16 else kind


# --- slices ---------------------------------------------------------------------------------------


def _convolved(f: Array, g: Array, mode: str, axes: tuple[int, ...], kind: DType) -> Array:
    """Over ``axes``; along the others every slice of one meets the slice of the other."""
    if mode == "full" and g.size > f.size:
        f, g = g, f
    others = tuple(axis for axis in range(f.ndim) if axis not in axes)
    if axes and all(g.shape[axis] == 1 for axis in others):
        taps = g.reshape([g.shape[axis] for axis in axes])
        return operands.made(api.conv2d, f, taps, kind, mode=mode, axes=axes)
    return _slices(f, g, mode, axes, others, kind)


def _slices(
    f: Array, g: Array, mode: str, axes: tuple[int, ...], others: tuple[int, ...], kind: DType
) -> Array:
    """Each by its own filter; "same" keeps the middle of those that the first operand lacks."""
    lengths = [max(f.shape[axis], g.shape[axis]) for axis in others]
    starts, counts = [0] * len(others), list(lengths)
    if mode == "same":
        counts = [f.shape[axis] for axis in others]
        starts = [(all_ - kept) // 2 for all_, kept in zip(lengths, counts, strict=True)]
    rows, taps = (
        np.moveaxis(f, others, range(len(others))),
        np.moveaxis(g, others, range(len(others))),
    )
    if len(axes) in (1, 2):
        kept = tuple(slice(at, at + n) for at, n in zip(starts, counts, strict=True))
        rows, taps = (_kept(array, kept) for array in (rows, taps))
        words = {"mode": mode, "axes": tuple(range(-len(axes), 0)), "groups": "planes"}
        whole = operands.made(api.conv2d, rows, taps, kind, **words)
        return np.moveaxis(whole, range(len(others)), others)
    made = [
        _slice(_at(rows, index, starts), _at(taps, index, starts), mode, kind)
        for index in np.ndindex(*counts)
    ]
    stacked = np.array(made).reshape(*counts, *made[0].shape)
    return np.moveaxis(stacked, range(len(others)), others)


def _kept(array: Array, parts: tuple[slice, ...]) -> Array:
    """Some of its slices; all where there is but one."""
    sizes = zip(parts, array.shape, strict=False)
    return array[tuple(slice(None) if n == 1 else part for part, n in sizes)]


def _at(array: Array, index: tuple[int, ...], starts: Sequence[int]) -> Array:
    """The slice there; the only one where there is but one."""
    lengths = array.shape[: len(index)]
    places = (0 if n == 1 else i + s for i, s, n in zip(index, starts, lengths, strict=True))
    found: Array = np.asarray(array[tuple(places)])
    return found


def _slice(f: Array, g: Array, mode: str, kind: DType) -> Array:
    if not f.ndim:
        product: Array = np.multiply(f, g, dtype=kind)
        return product
    return operands.made(api.conv2d, f, g, kind, mode=mode, axes=tuple(range(f.ndim)))
