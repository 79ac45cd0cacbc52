"""scipy.signal's convolutions: ``from parconv.compat import signal``.

Arguments, shapes, types and errors are SciPy's: the sum has the type that both operands promote to,
and integers wrap.  What differs: NaN and infinity reach no further than the other operand, whatever
the method; a complex ``correlate2d`` whose operands change places is not conjugated twice; long
doubles and arrays of objects are refused.  ``convolve`` and its kin take as many axes as SciPy's.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import api
from ..problem.dtypes import Array, DType
from ..problem.outer import Outer

__all__ = [
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "fftconvolve",
    "oaconvolve",
    "sepfir2d",
]

MODES = ("full", "same", "valid")
BORDERS = {
    "fill": "constant",
    "pad": "constant",
    "wrap": "wrap",
    "circular": "wrap",
    "symm": "symmetric",
    "symmetric": "symmetric",
}
METHODS = ("auto", "direct", "fft")
# Of `sepfir2d`, by the image's type.
FIR_TYPES = {
    **dict.fromkeys("BHbh?", "float32"), "f": "float32",
    **dict.fromkeys("iIlLqQ", "float64"), "d": "float64", "F": "complex64", "D": "complex128",
}  # fmt: skip


# --- two dimensions ------------------------------------------------------------------------------


def convolve2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Array:
    """Convolve two arrays of two axes, as `scipy.signal.convolve2d`.

    Examples
    --------
    >>> convolve2d([[1, 2]], [[1, 1]])
    array([[1, 3, 2]])
    """
    return _in_2d(api.conv2d, "convolve2d", in1, in2, mode, boundary, fillvalue)


def correlate2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Array:
    """Correlate two arrays of two axes, as `scipy.signal.correlate2d`.

    Examples
    --------
    >>> correlate2d([[1, 2]], [[0, 1]])
    array([[1, 2, 0]])
    """
    return _in_2d(api.correlate2d, "correlate2d", in1, in2, mode, boundary, fillvalue)


def _in_2d(
    run: Callable[..., Array], name: str, in1: Any, in2: Any, mode: Any, boundary: Any, value: Any
) -> Array:
    f, g = _array(in1), _array(in2)
    if not f.ndim == g.ndim == 2:
        raise ValueError(f"{name} inputs must both be 2-D arrays")
    swapped = _must_swap(mode, f.shape, g.shape)
    if mode not in MODES:
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    if boundary not in BORDERS:
        raise ValueError(
            "acceptable boundary flags are 'fill', 'circular' (or 'wrap'), and 'symmetric' (or "
            "'symm')."
        )
    kind = np.result_type(f, g)
    if kind.char not in "BHILQbhilqfdFD" or f.dtype == g.dtype == np.float16:
        raise ValueError(f"{name} not available for this type.")
    outside = _constant(value, kind)
    if swapped:
        f, g = g, f
    result = _made(run, f, g, kind, mode=mode, boundary=BORDERS[boundary], cval=outside)
    return result[::-1, ::-1] if swapped and run is api.correlate2d else result


def _constant(value: Any, kind: DType) -> Any:
    """The number outside, in the result's type: fractions beside integers are cut."""
    given = np.asarray(value)
    if given.size != 1:
        raise ValueError("`fillvalue` must be scalar or an array with one element.")
    number = given.ravel()[0].item()
    try:
        if kind.kind in "iu":
            number = int(number)
            if not np.iinfo(kind).min <= number <= np.iinfo(kind).max:
                raise OverflowError
        return number if kind.kind == "c" else kind.type(number).item()
    except (TypeError, ValueError, OverflowError) as problem:
        raise ValueError("could not cast `fillvalue` directly to the output type") from problem


def sepfir2d(input: Any, hrow: Any, hcol: Any) -> Array:
    """Convolve rows with one odd filter and columns with another, as `scipy.signal.sepfir2d`.

    Examples
    --------
    >>> import numpy as np
    >>> sepfir2d(np.array([[0.0, 0, 1, 0]]), [1.0, 2, 1], [1.0])
    array([[0., 1., 2., 1.]])
    """
    f = np.asarray(input)
    if f.ndim != 2:
        raise ValueError(f"object {'too deep' if f.ndim > 2 else 'of too small depth'}")
    if f.dtype.char not in FIR_TYPES:
        raise ValueError(f"sepfir2d not available for {f.dtype}.")
    kind = np.dtype(FIR_TYPES[f.dtype.char])
    row, column = (_fir(line, kind) for line in (hrow, hcol))
    return api.conv2d(f, Outer(column, row), mode="same", boundary="symmetric", dtype=kind)


def _fir(taps: Any, kind: DType) -> Array:
    line = np.asarray(taps)
    if line.ndim != 1:
        raise ValueError(f"object {'too deep' if line.ndim > 1 else 'of too small depth'}")
    if isinstance(taps, np.ndarray) and not np.can_cast(line.dtype, kind, "safe"):
        raise TypeError(f"Cannot cast array data from {line.dtype!r} to {kind!r} by 'safe'")
    if line.size % 2 == 0:
        raise ValueError("hrow and hcol must be odd length")
    return line


# --- any number of axes --------------------------------------------------------------------------


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Array:
    """Convolve two arrays of as many axes, as `scipy.signal.convolve`.

    Examples
    --------
    >>> convolve([1, 2, 3], [1, 0.5])
    array([1. , 2.5, 4. , 1.5])
    """
    f, g = _array(in1), _array(in2)
    if f.ndim == g.ndim == 0:
        return f * g
    if f.ndim != g.ndim:
        raise ValueError("volume and kernel should have the same dimensionality")
    if _must_swap(mode, f.shape, g.shape):
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
    f, g = _array(in1), _array(in2)
    if f.ndim == g.ndim == 0:
        return f * np.conj(g)
    if f.ndim != g.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if mode not in MODES:
        raise ValueError("Acceptable mode flags are 'valid', 'same', or 'full'.")
    return convolve(f, np.conj(np.flip(g)), mode, method)


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Array:
    """Convolve along some axes, as `scipy.signal.fftconvolve`: by whichever method is fastest.

    Examples
    --------
    >>> fftconvolve([1, 2, 3], [1, 1])
    array([1., 3., 5., 3.])
    """
    f, g = _array(in1), _array(in2)
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
    if _must_swap(mode, f.shape, g.shape, active):
        f, g = g, f
    if mode not in MODES:
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


# --- their common part ---------------------------------------------------------------------------


def _array(value: Any) -> Array:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("Inputs of type `MaskedArray` are not supported.")
    return np.asarray(value)


def _must_swap(
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


def _made(run: Callable[..., Array], f: Array, g: Array, kind: DType, **options: Any) -> Array:
    """The sum in one type, which integers wrap in."""
    if kind.kind == "b":
        there: Array = run(f, g, dtype=np.int64, **options) != 0
        return there
    store = {"overflow": "wrap"} if kind.kind in "iu" else {}
    return run(
        f.astype(kind, copy=False), g.astype(kind, copy=False), dtype=kind, **store, **options
    )


def _convolved(f: Array, g: Array, mode: str, axes: tuple[int, ...], kind: DType) -> Array:
    """Over ``axes``; along the others every slice of one meets the slice of the other."""
    if mode == "full" and g.size > f.size:
        f, g = g, f
    others = tuple(axis for axis in range(f.ndim) if axis not in axes)
    if axes and all(g.shape[axis] == 1 for axis in others):
        taps = g.reshape([g.shape[axis] for axis in axes])
        return _made(api.conv2d, f, taps, kind, mode=mode, axes=axes)
    return _slices(f, g, mode, axes, others, kind)


def _slices(
    f: Array, g: Array, mode: str, axes: tuple[int, ...], others: tuple[int, ...], kind: DType
) -> Array:
    """One call for each slice; "same" keeps the middle of those that the first operand lacks."""
    lengths = [max(f.shape[axis], g.shape[axis]) for axis in others]
    starts, counts = [0] * len(others), list(lengths)
    if mode == "same":
        counts = [f.shape[axis] for axis in others]
        starts = [(all_ - kept) // 2 for all_, kept in zip(lengths, counts, strict=True)]
    rows, taps = (
        np.moveaxis(f, others, range(len(others))),
        np.moveaxis(g, others, range(len(others))),
    )
    made = [
        _slice(_at(rows, index, starts), _at(taps, index, starts), mode, kind)
        for index in np.ndindex(*counts)
    ]
    stacked = np.array(made).reshape(*counts, *made[0].shape)
    return np.moveaxis(stacked, range(len(others)), others)


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
    return _made(api.conv2d, f, g, kind, mode=mode, axes=tuple(range(f.ndim)))
