"""What the arguments of filters may be, and what to pass instead.

Every check returns the argument in its one internal form, or raises.
"""

import math
import operator
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from numbers import Real
from typing import Any, TypeVar, cast

import numpy as np

from ..problem.arguments import check_axes, check_integers, each, places
from ..problem.caller import stacklevel
from ..problem.dtypes import Array
from ..problem.question import CHANNELS, DEFAULTS
from ..problem.shown import shown
from ..problem.volumes import count_of

HIGHEST = 100  # order of a derivative
COLOURS = (3, 4)  # samples of a pixel

Reals = tuple[float, ...]
Sizes = tuple[int, ...]
Check = TypeVar("Check", bound=Callable[..., Any])
_PLAIN = frozenset((int, float, type(None)))  # types of values that are equal where both agree


class ColourWarning(UserWarning):
    """An image whose last axis is as long as colours are went in without a word about ``axes``.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> import parconv
    >>> photo = np.zeros((4, 5, 3))
    >>> with warnings.catch_warnings(record=True) as found:
    ...     warnings.simplefilter("always")
    ...     blurred = parconv.box(photo, 3)
    >>> found[0].category.__name__
    'ColourWarning'
    """


def once(check: Check) -> Check:
    """A check that remembers what it returned for plain values.

    Tuples it checks anew: they do not tell 1 from True.
    """
    known = lru_cache(maxsize=256, typed=True)(check)

    @wraps(check)
    def checked(*given: Any) -> Any:
        return (known if _PLAIN.issuperset(map(type, given)) else check)(*given)

    return cast(Check, checked)


def warn_of_colours(f: Array) -> None:
    """Say, at the caller's line, that columns are filtered where colours may be meant."""
    if f.ndim > 2 and f.shape[-1] in COLOURS:
        planes = f.ndim - 3, f.ndim - 2
        warnings.warn(
            f"f has shape {f.shape}, and its last two axes are filtered: pass axes={planes} if the "
            "last holds colours, axes=(-2, -1) if it holds columns",
            ColourWarning,
            stacklevel=stacklevel(),
        )


def check_width(
    sigma: Any, truncate: Any, radius: Any, count: int
) -> tuple[Reals, float, Sizes | None]:
    """Width and reach in their one form, which the memory of filters can tell apart."""
    radii = None if radius is None else check_radii(radius, count)
    return check_sigmas(sigma, count), check_real("truncate", truncate, truncate), radii


def check_sigmas(sigma: Any, count: int) -> Reals:
    values = each(sigma, count)
    if len(values) != count:
        raise ValueError(f"sigma={shown(sigma)}: pass {_numbers(count)}")
    return tuple(check_real("sigma", value, sigma, _numbers(count)) for value in values)


def _numbers(count: int) -> str:
    if count == 2:
        return "a number or a pair (rows, columns)"
    return "a number" if count == 1 else f"a number or {count} numbers, one for each axis"


def check_real(name: str, value: Any, whole: Any, wanted: str = "a number") -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if type(value) not in (int, float) and (isinstance(value, bool) or not isinstance(value, Real)):
        raise TypeError(f"{name}={shown(whole)}: pass {wanted}")
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    if not 0 <= number < math.inf:
        raise ValueError(f"{name}={shown(whole)}: pass at least 0, and finite")
    return number


def check_amount(amount: Any) -> float:
    """A finite number."""
    wrong = isinstance(amount, bool | np.bool_) or not isinstance(amount, Real)
    if wrong or not math.isfinite(amount):
        raise TypeError(f"amount={shown(amount)}: pass a finite number")
    return float(amount)


def check_orders(order: Any, count: int) -> Sizes:
    orders = check_integers("order", order, count)
    if not all(0 <= one <= HIGHEST for one in orders):
        raise ValueError(f"order={shown(order)}: pass integers from 0 (smoothing) to {HIGHEST}")
    return orders


def check_radii(radius: Any, count: int) -> Sizes:
    if None in each(radius, count):
        raise TypeError(
            f"radius={shown(radius)}: pass an integer for each axis, or None, which means truncate"
        )
    radii = check_integers("radius", radius, count)
    if min(radii) < 0:
        raise ValueError(f"radius={shown(radius)}: pass integers of at least 0, or None")
    return radii


def spatial(f: Any, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options with all axes but the channels' in place of ``channel_axis``."""
    if CHANNELS not in options:
        return options
    rest = {name: value for name, value in options.items() if name != CHANNELS}
    channels, ndim = options[CHANNELS], np.ndim(f)
    if channels is None:
        return rest
    if "axes" in rest:
        raise TypeError(f"axes={shown(rest['axes'])} and channel_axis={shown(channels)}: pass one")
    if ndim < 2 or isinstance(channels, bool) or channels not in range(-ndim, ndim):
        raise ValueError(
            f"channel_axis={shown(channels)} of f with shape {np.shape(f)}: pass an axis of at "
            "least two"
        )
    return {**rest, "axes": tuple(axis for axis in range(ndim) if axis != channels % ndim)}


def count_for(f: Array, options: Mapping[str, Any]) -> int:
    """How many axes of an image a filter is for: two where nobody says, of a signal its one."""
    return count_of(options["axes"]) if "axes" in options else 1 if f.ndim == 1 else 2


def place_of(axis: Any, f: Array, options: Mapping[str, Any]) -> int:
    """Which of those an axis is, where they are not two."""
    axes = options.get("axes", 0)
    named, count = places(axes, f.shape), f.ndim
    try:
        return named.index(operator.index(axis) % count)
    except TypeError as error:
        raise TypeError(f"axis={shown(axis)}: pass an integer, of {named}") from error
    except ValueError as error:
        raise ValueError(
            f"axis={shown(axis)} is not one of axes={shown(axes)}: pass one of {named}"
        ) from error


def along(axis: Any, f: Array, options: Mapping[str, Any], g: Array) -> Array:
    """A filter of differences between columns as one along that axis of the image."""
    if "axes" not in options and f.ndim > 1:
        return g if _is_last(axis, f.ndim) else g.T
    return g if _is_columns(axis, options.get("axes", DEFAULTS["axes"]), f.shape) else g.T


@once
def _is_last(axis: Any, ndim: int) -> bool:
    """Of an image's usual axes."""
    return _is_columns(axis, DEFAULTS["axes"], (1,) * ndim)


def _is_columns(axis: Any, axes: Any, shape: tuple[int, ...]) -> bool:
    """Whether the axis is that of the columns; it must be one of ``axes``."""
    rows, columns = check_axes(axes, shape)
    try:
        place = operator.index(axis)
    except TypeError as error:
        raise TypeError(f"axis={shown(axis)}: pass an integer, {rows} or {columns}") from error
    if place not in (rows, rows - len(shape), columns, columns - len(shape)):
        raise ValueError(
            f"axis={shown(axis)} is not one of axes={shown(axes)}: pass {rows} or {columns}"
        )
    return place in (columns, columns - len(shape))


def check_shift(origin: Any, size: tuple[int, ...]) -> Sizes:
    """The origin of the convolution that moves the result of a box by ``origin``."""
    shift = check_integers("origin", origin, len(size))
    for n, o in zip(size, shift, strict=True):
        if not -(n // 2) <= o <= (n - 1) // 2:
            raise ValueError(
                f"origin={shown(origin)} leaves the box: pass -{n // 2} to {(n - 1) // 2}"
            )
    return tuple(-o for o in shift)
