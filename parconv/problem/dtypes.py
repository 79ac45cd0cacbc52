"""Which element types go in, compute and come out.

Pure rules over dtypes: no arrays, no values.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .shown import cut, shown

if TYPE_CHECKING:
    from .store import Store

DType = np.dtype[Any]
Array = np.ndarray[Any, DType]

INT64: DType = np.dtype(np.int64)
FLOAT32: DType = np.dtype(np.float32)
FLOAT64: DType = np.dtype(np.float64)
COMPLEX64: DType = np.dtype(np.complex64)
COMPLEX128: DType = np.dtype(np.complex128)
# A decorator: NumPy neither raises nor warns of overflow, underflow and NaN, whatever its caller
# asked of it by `numpy.seterr`.  Pixels and taps may be large, and may vanish.
quietly = np.errstate(all="ignore")
_SUPPORTED = "bool, (u)int8 to (u)int64, float16/32/64 or complex64/128"


def check_dtype(name: str, dtype: Any) -> DType:
    """The native form of a supported dtype, or TypeError."""
    try:
        known: DType = np.dtype(dtype)
    except Exception as error:  # a stranger's class may raise anything
        raise TypeError(f"{name}={shown(dtype)} is not a dtype: pass {_SUPPORTED}") from error
    widest = 16 if known.kind == "c" else 8
    if known.kind not in "biufc" or known.itemsize > widest:
        raise TypeError(f"{name} has dtype {cut(str(known))}: convert it to {_SUPPORTED}")
    return known if known.isnative else known.newbyteorder("=")


_PARTS: dict[DType, DType] = {COMPLEX64: FLOAT32, COMPLEX128: FLOAT64}
_WIDER: dict[DType, DType] = {FLOAT32: FLOAT64, COMPLEX64: COMPLEX128}


def real(dtype: DType) -> DType:
    """The element type of one real or imaginary part."""
    return _PARTS.get(dtype, dtype)


_SEEN_AS: dict[str, DType] = {"e": FLOAT32, "?": np.dtype(np.uint8)}


def kernel_dtype(dtype: DType) -> DType:
    """The type compiled code sees: Numba computes neither with float16 nor needs bool."""
    return _SEEN_AS.get(dtype.char, dtype)


def _natural(f: DType, g: DType) -> tuple[DType, DType]:
    """(compute, result) when nobody asks: the image decides, the filter is weights."""
    if f.kind in "biu" and g.kind in "biu":
        return INT64, INT64
    single = f.itemsize <= {"b": 2, "i": 2, "u": 2, "f": 4, "c": 8}[f.kind]
    if "c" in (f.kind, g.kind):
        compute = COMPLEX64 if single else COMPLEX128
        return compute, compute
    compute = FLOAT32 if single else FLOAT64
    return compute, f if f.kind == "f" else compute


def wider(compute: DType) -> DType:
    """The type with twice the digits; the widest is its own."""
    return _WIDER.get(compute, compute)


# Below this a number loses digits in float32, or vanishes: the 24 digits of the smallest taps that
# count beside it would lie below the smallest normal number.
_LEAST32, _MOST32 = 2.0**-102, float(np.finfo(np.float32).max)


def fits_float32(largest: float, count: int = 1) -> bool:
    """Whether float32 holds so many numbers up to ``largest``, and their sum, to its precision.

    Zero, NaN and infinity are what they are in any type.

    Examples
    --------
    >>> fits_float32(1.0), fits_float32(1e39), fits_float32(1e38, 9), fits_float32(1e-45)
    (True, False, False, False)
    """
    if largest == 0 or not math.isfinite(largest):
        return True
    return largest >= _LEAST32 and largest * count <= _MOST32


def is_whole(value: complex) -> bool:
    """Whether a constant may enter an exact sum of integers."""
    return math.isfinite(value.real) and value.real == int(value.real)


def _explicit_result(compute: DType, dtype: Any) -> tuple[DType, DType]:
    """(compute, result) for an asked result type: computed at least as precisely as stored."""
    result = check_dtype("dtype", dtype)
    if compute.kind == "c" and result.kind != "c":
        raise TypeError(
            f"dtype={result} would drop the imaginary part: pass complex64 or complex128"
        )
    exact_bytes = {"b": 1, "i": 2, "u": 2, "f": 4, "c": 8}[result.kind]
    return (wider(compute) if result.itemsize > exact_bytes else compute), result


def _accumulator(compute: DType, accumulate: Any) -> DType:
    """The compute type under ``accumulate=``: only ever wider."""
    asked = check_dtype("accumulate", accumulate)
    if asked in (compute, real(compute)):
        return compute
    if compute.kind == "i":
        raise ValueError(
            f"accumulate={asked}: integer images with integer filters are summed exactly in int64; "
            "pass a floating filter to sum in floating point"
        )
    if asked in (wider(compute), real(wider(compute))):
        return wider(compute)
    raise ValueError(
        f"accumulate={asked} is not offered for sums in {compute}: pass {real(wider(compute))}"
    )


def compute_and_result(
    f: DType, g: DType, dtype: Any = None, accumulate: Any = None
) -> tuple[DType, DType]:
    """The type sums are formed in, and the type of the result.

    Examples
    --------
    >>> import numpy as np
    >>> compute_and_result(np.dtype("uint8"), np.dtype("float64"))
    (dtype('float32'), dtype('float32'))
    >>> compute_and_result(np.dtype("uint8"), np.dtype("int8"))
    (dtype('int64'), dtype('int64'))
    >>> compute_and_result(np.dtype("float32"), np.dtype("float64"), accumulate=np.float64)
    (dtype('float64'), dtype('float32'))
    """
    compute, result = _natural(f, g)
    if dtype is not None:
        compute, result = _explicit_result(compute, dtype)
    if accumulate is not None:
        compute = _accumulator(compute, accumulate)
    return compute, result


def types_that_hold(
    f: DType,
    g: DType,
    dtype: Any,
    accumulate: Any,
    wide: bool,
    cval: complex,
    store: "Store",
) -> tuple[DType, DType]:
    """The same, of a type that holds the taps, whether ``wide`` or not, and what else is added.

    Integers are summed in floating point where they are scaled, or a fraction is added; so is a
    fraction beyond the border where it is told what comes out.
    """
    exact = store.is_whole and (dtype is None or is_whole(cval))
    weights = g if exact or g.kind not in "biu" else FLOAT64
    compute, result = compute_and_result(f, weights, dtype, accumulate)
    fits = fits_float32(abs(cval)) and fits_float32(store.largest)
    return (compute if fits and not wide else wider(compute)), result
