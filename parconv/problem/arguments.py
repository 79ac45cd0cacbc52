"""One argument each: what it may be, and what to pass instead.

Every check returns the argument in its one internal form, or raises.
"""

import math
import operator
from collections.abc import Sequence
from difflib import get_close_matches
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from .borders import BOUNDARIES
from .dtypes import DType, check_dtype, is_whole
from .shown import shown

MODES = ("valid", "same", "full")
ZERO_TAPS = ("skip", "keep")

# What others call them: scipy.ndimage, scipy.signal, scikit-image, OpenCV, torch, astropy, OpenCL.
_ELSEWHERE = {
    **dict.fromkeys(("nearest", "replicate", "extend", "clamp", "border_replicate"), "edge"),
    **dict.fromkeys(("zero", "zeros", "fill", "grid-constant", "border_constant"), "constant"),
    **dict.fromkeys(("symm", "grid-mirror", "border_reflect"), "symmetric"),
    **dict.fromkeys(("reflect101", "reflect_101", "border_reflect_101"), "mirror"),
    **dict.fromkeys(("circular", "periodic", "grid-wrap", "border_wrap"), "wrap"),
}
_NUMBERED = "constant", "edge", "symmetric", "wrap", "mirror"  # OpenCV's, from 0 on
_REFLECT = (
    "'symmetric' (d c b a | a b c d, as in scipy.ndimage) or 'mirror' (d c b | a b c d, as in "
    "numpy.pad)"
)

Pair = tuple[int, int]

LARGEST = 1 << 48  # size, stride, dilation or padding: sums and products of two fit in int64


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in choices:
        word = value.lower().strip() if isinstance(value, str) else ""
        near = "".join(f", did you mean {it!r}?" for it in get_close_matches(word, choices, 1))
        raise ValueError(
            f"{name}={shown(value)} is unknown: pass one of {', '.join(choices)}{near}"
        )


def check_mode(mode: Any) -> None:
    """Others say by ``mode`` what lies outside."""
    border = border_meant(mode) if isinstance(mode, str) else None
    if border:
        raise ValueError(
            f"mode={shown(mode)} is a boundary: pass boundary={border}, and mode='same' for a "
            "result as large as the image"
        )
    check_choice("mode", mode, MODES)


def border_meant(value: Any) -> str | None:
    """What to pass for a border's name, ours or another library's, or OpenCV's number of one."""
    if type(value) is int and 0 <= value < len(_NUMBERED):
        return repr(_NUMBERED[value])
    if not isinstance(value, str):
        return None
    name = value.lower()
    if name == "reflect":
        return _REFLECT
    ours = name if name in BOUNDARIES else _ELSEWHERE.get(name)
    return ours and repr(ours)


def check_axes(axes: Any, image: tuple[int, ...]) -> Pair:
    if len(image) < 2:
        raise ValueError(
            f"f has shape {image}: pass an image with at least two axes, or axes=k and a filter of "
            "one axis"
        )
    found = places(axes, image)
    if len(found) != 2:
        _refuse_axes(axes)
    return found[0], found[1]


def places(axes: Any, image: tuple[int, ...]) -> tuple[int, ...]:
    """One axis, or several different ones, counted from the first."""
    try:
        named = [operator.index(axis) for axis in (axes if np.iterable(axes) else (axes,))]
    except (TypeError, ValueError):
        _refuse_axes(axes)
    if not all(-len(image) <= axis < len(image) for axis in named):
        raise ValueError(f"axes={shown(axes)} is out of range for f with shape {image}")
    found = tuple(axis % len(image) for axis in named)
    if len({*found}) < len(found):
        raise ValueError(f"axes={shown(axes)} names one axis twice: pass different axes of f")
    return found


def _refuse_axes(axes: Any) -> NoReturn:
    raise ValueError(
        f"axes={shown(axes)}: pass two axes of f, such as (-2, -1), or as many as g has, if those "
        "are one, three or more"
    )


def check_boundary(boundary: Any) -> tuple[str, str]:
    rows, columns = check_boundaries(boundary, 2)
    return rows, columns


def check_boundaries(boundary: Any, count: int) -> tuple[str, ...]:
    """One for each of so many axes."""
    names = each(boundary, count)
    if len(names) != count:
        raise ValueError(
            f"boundary={shown(boundary)}: pass one name or one per axis, of {', '.join(BOUNDARIES)}"
        )
    for name in names:
        if not isinstance(name, str) or name not in BOUNDARIES:
            _refuse_border(name)
    return names


def _refuse_border(name: Any) -> None:
    ours = border_meant(name)
    if ours == _REFLECT:
        raise ValueError(f"boundary={shown(name)} means two things: pass {ours}")
    if ours:
        raise ValueError(f"boundary={shown(name)} is unknown: pass {ours}, which means that")
    check_choice("boundary", name, BOUNDARIES)


def each(value: Any, count: int) -> tuple[Any, ...]:
    """One value for so many axes, or the members of a sequence or an array: one for each."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(value) if several else (value,) * count


def _integer(name: str, value: Any, whole: Any, kind: str) -> int:
    number = value if type(value) is int else _index(value)
    if number is None:
        such = isinstance(value, float | np.floating) and value.is_integer()
        raise TypeError(f"{name}={shown(whole)}: pass {kind}{f', {int(value)}' if such else ''}")
    if abs(number) > LARGEST:
        raise ValueError(f"{name}={shown(whole)} is too large: pass at most {LARGEST}")
    return number


def _index(value: Any) -> int | None:
    """What counts as an integer; a truth does not, nor does an array of one axis and more."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_ | np.ndarray):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def check_pair(name: str, value: Any) -> Pair:
    """One integer for both axes, or one for each."""
    rows, columns = check_integers(name, value, 2)
    return rows, columns


def check_integers(name: str, value: Any, count: int) -> tuple[int, ...]:
    """One integer for all of so many axes, or one for each."""
    values, kind = each(value, count), _KINDS.get(count, f"an integer or {count} integers")
    if len(values) != count:
        raise ValueError(f"{name}={shown(value)}: pass {kind}")
    return tuple(_integer(name, one, value, kind) for one in values)


_KINDS = {1: "an integer", 2: "an integer or a pair of integers"}


def check_positive(name: str, value: Any) -> Pair:
    rows, columns = check_positives(name, value, 2)
    return rows, columns


def check_positives(name: str, value: Any, count: int) -> tuple[int, ...]:
    """The same of numbers that are at least 1."""
    values = check_integers(name, value, count)
    if min(values) < 1:
        raise ValueError(f"{name}={shown(value)}: pass integers of at least 1")
    return values


def check_groups(groups: Any) -> int:
    number = _integer("groups", groups, groups, "an integer of at least 1")
    if number < 1:
        raise ValueError(f"groups={shown(groups)}: pass an integer of at least 1")
    return number


def check_tolerance(tolerance: Any, result: DType) -> float | None:
    """None at all where nobody says it, and an exact 0 is False."""
    if tolerance is None:
        return 0.0 if result.kind == "b" else None
    if isinstance(tolerance, bool | np.bool_) or not isinstance(tolerance, Real):
        raise TypeError(f"tolerance={shown(tolerance)}: pass a number such as 1e-5, or None")
    try:
        number = float(tolerance)
    except OverflowError:  # a fraction or an integer of hundreds of digits
        number = math.inf
    if not 0 <= number < math.inf:
        raise ValueError(
            f"tolerance={shown(tolerance)}: pass a number of at least 0, and finite, or None"
        )
    return number


def check_origin(origin: Any, spans: tuple[int, ...], mode: str, padding: Any) -> tuple[int, ...]:
    shift = check_integers("origin", origin, len(spans))
    if any(shift) and (mode != "same" or padding is not None):
        raise ValueError(
            f"origin={shown(origin)} shifts mode='same' only: leave it at 0 or change mode"
        )
    for n, o in zip(spans, shift, strict=True):
        if not -((n - 1) // 2) <= o <= n // 2:
            raise ValueError(
                f"origin={shown(origin)} leaves the filter: pass -{(n - 1) // 2} to {n // 2}"
            )
    return shift


def check_cval(cval: Any, image: DType) -> complex:
    if type(cval) is int and not -(2**63) <= cval < 2**64:
        raise ValueError(f"cval={shown(cval)} does not fit in 64 bits: pass a smaller one")
    try:
        number = np.asarray(cval)
        kind = check_dtype("cval", number.dtype).kind
    except (TypeError, ValueError) as error:
        raise TypeError(f"cval={shown(cval)}: pass a number") from error
    if number.ndim:
        raise ValueError(f"cval={shown(cval)}: pass one number")
    if kind == "c" and image.kind != "c":
        raise TypeError(f"cval={shown(cval)} is complex, f is {image}: pass a real number")
    value: complex = number.item()
    return value


def check_exact(value: complex, wraps: bool = False) -> int:
    """The constant of an exact integer sum, or one modulo 2**64."""
    if not is_whole(value):
        raise ValueError(
            f"cval={shown(value)}: integer images with integer filters are summed exactly; pass an "
            "integer, or a dtype, such as 'float64', to sum in floating point"
        )
    number = int(value.real)
    if wraps and 2**63 <= number < 2**64:
        number -= 2**64
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"cval={shown(value)} does not fit in int64: pass a smaller one")
    return number
