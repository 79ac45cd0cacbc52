"""One argument each: what it may be, and what to pass instead.

Every check returns the argument in its one internal form, or raises.
"""

import math
import operator
from collections.abc import Sequence
from numbers import Real
from typing import Any, SupportsIndex

import numpy as np

from .dtypes import DType, check_dtype

MODES = ("valid", "same", "full")
BOUNDARIES = ("constant", "edge", "symmetric", "mirror", "wrap")

Pair = tuple[int, int]

_LARGEST = 1 << 48  # of a stride, dilation or padding: sums and products with sizes fit in int64


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}={value!r} is unknown: pass one of {', '.join(choices)}")


def check_axes(axes: Any, image: tuple[int, ...]) -> Pair:
    if len(image) < 2:
        raise ValueError(f"f has shape {image}: pass an image with at least two axes")
    try:
        first, second = (operator.index(axis) for axis in axes)
    except (TypeError, ValueError) as error:
        raise ValueError(f"axes={axes!r}: pass two axes of f, such as (-2, -1)") from error
    if not all(-len(image) <= axis < len(image) for axis in (first, second)):
        raise ValueError(f"axes={axes!r} is out of range for f with shape {image}")
    pair = first % len(image), second % len(image)
    if pair[0] == pair[1]:
        raise ValueError(f"axes={axes!r} names one axis twice: pass two different axes of f")
    return pair


def check_boundary(boundary: Any) -> tuple[str, str]:
    pair = (boundary, boundary) if isinstance(boundary, str) else boundary
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError(
            f"boundary={boundary!r}: pass one name or one per axis, of {', '.join(BOUNDARIES)}"
        )
    for name in pair:
        if name == "reflect":
            raise ValueError(
                "boundary='reflect' means two things: pass 'symmetric' (d c b a | a b c d, as in "
                "scipy.ndimage) or 'mirror' (d c b | a b c d, as in numpy.pad)"
            )
        check_choice("boundary", name, BOUNDARIES)
    return pair[0], pair[1]


def _is_integral(value: Any) -> bool:
    # asking for a protocol takes 3 microseconds, as long as filtering a small image
    refused = isinstance(value, bool | np.bool_ | np.ndarray)
    return not refused and isinstance(value, SupportsIndex)


def _integer(
    name: str, value: Any, whole: Any, kind: str = "an integer or a pair of integers"
) -> int:
    if type(value) is not int and not _is_integral(value):
        raise TypeError(f"{name}={whole!r}: pass {kind}")
    number = operator.index(value)
    if abs(number) > _LARGEST:
        raise ValueError(f"{name}={whole!r} is too large: pass at most {_LARGEST}")
    return number


def check_pair(name: str, value: Any) -> Pair:
    """One integer for both axes, or one for each."""
    values = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name}={value!r}: pass an integer or a pair of integers")
    return _integer(name, values[0], value), _integer(name, values[1], value)


def check_positive(name: str, value: Any) -> Pair:
    pair = check_pair(name, value)
    if min(pair) < 1:
        raise ValueError(f"{name}={value!r}: pass integers of at least 1")
    return pair


def check_groups(groups: Any) -> int:
    number = _integer("groups", groups, groups, "an integer of at least 1")
    if number < 1:
        raise ValueError(f"groups={groups!r}: pass an integer of at least 1")
    return number


def check_tolerance(tolerance: Any) -> float | None:
    if tolerance is None:
        return None
    if isinstance(tolerance, bool | np.bool_) or not isinstance(tolerance, Real):
        raise TypeError(f"tolerance={tolerance!r}: pass a number such as 1e-5, or None")
    number = float(tolerance)
    if not 0 <= number < math.inf:
        raise ValueError(f"tolerance={tolerance!r}: pass a number of at least 0, or None")
    return number


def check_origin(origin: Any, spans: Pair, mode: str, padding: Any) -> Pair:
    shift = check_pair("origin", origin)
    if any(shift) and (mode != "same" or padding is not None):
        raise ValueError(f"origin={origin!r} shifts mode='same' only: leave it at 0 or change mode")
    for n, o in zip(spans, shift, strict=True):
        if not -((n - 1) // 2) <= o <= n // 2:
            raise ValueError(
                f"origin={origin!r} leaves the filter: pass -{(n - 1) // 2} to {n // 2}"
            )
    return shift


def check_cval(cval: Any, compute: DType, image: DType) -> complex:
    try:
        number = np.asarray(cval)
        kind = check_dtype("cval", number.dtype).kind
    except (TypeError, ValueError) as error:
        raise TypeError(f"cval={cval!r}: pass a number") from error
    if number.ndim:
        raise ValueError(f"cval={cval!r}: pass one number")
    if kind == "c" and image.kind != "c":
        raise TypeError(f"cval={cval!r} is complex, f is {image}: pass a real number")
    value: complex = number.item()
    return _exact(value) if compute.kind == "i" else value


def _exact(value: complex) -> int:
    """The constant of an exact integer sum."""
    if not math.isfinite(value.real) or value.real != int(value.real):
        raise ValueError(
            f"cval={value!r}: integer images with integer filters are summed exactly; pass an "
            "integer, or a floating filter"
        )
    if not -(2**63) <= int(value.real) < 2**63:
        raise ValueError(f"cval={value!r} does not fit in int64: pass a smaller one")
    return int(value.real)
