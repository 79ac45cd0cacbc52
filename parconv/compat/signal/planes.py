"""scipy.signal's functions of two dimensions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import api
from ...problem.dtypes import Array, DType
from ...problem.outer import Outer
from . import operands

BORDERS = {
    "fill": "constant",
    "pad": "constant",
    "wrap": "wrap",
    "circular": "wrap",
    "symm": "symmetric",
    "symmetric": "symmetric",
}
# Of `sepfir2d`, by the image's type.
FIR_TYPES = {
    **dict.fromkeys("BHbh?", "float32"), "f": "float32",
    **dict.fromkeys("iIlLqQ", "float64"), "d": "float64", "F": "complex64", "D": "complex128",
}  # fmt: skip


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
    f, g = operands.array(in1), operands.array(in2)
    if not f.ndim == g.ndim == 2:
        raise ValueError(f"{name} inputs must both be 2-D arrays")
    swapped = operands.must_swap(mode, f.shape, g.shape)
    if mode not in operands.MODES:
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
    result = operands.made(run, f, g, kind, mode=mode, boundary=BORDERS[boundary], cval=outside)
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
