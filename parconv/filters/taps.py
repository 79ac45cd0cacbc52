"""The filters themselves, for a convolution: the same one for the same numbers, read-only.

Each as its factors and as an array.  Factors are mirrored from one half and so symmetric to the
last bit: the planner sees what a faster method may use.  Does not convolve anything.
"""

import math
from functools import partial
from typing import Any

import numpy as np

from ..problem.arguments import Pair, check_positive
from ..problem.dtypes import Array, quietly
from ..problem.filter import recalled
from ..problem.outer import LARGEST, Outer
from .arguments import Reals, check_orders, check_width, once

FAR = 1e15  # pixels: no filter gets there, and it is an integer
NO_SIGMA = 1e-15  # up to here an axis is not smoothed, as in scipy.ndimage
# Of an array that is kept with its factors.  Building a larger one takes nothing beside filtering
# with it.
KEPT_BYTES = 1 << 17


def _constant(rows: list[list[int]]) -> Array:
    g = np.array(rows)
    g.flags.writeable = False
    return g


# along the columns: positive where the image grows to the right; ``.T`` along the rows
SOBEL = _constant([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
PREWITT = _constant([[1, 0, -1], [1, 0, -1], [1, 0, -1]])
LAPLACE = _constant([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def gaussian_taps(
    sigma: Any, *, order: Any = 0, truncate: float = 4.0, radius: Any = None
) -> Array:
    """The filter of `parconv.gaussian`: read-only, float64, ``(2 radius + 1)`` taps on each axis.

    Parameters and errors are those of `parconv.gaussian`.

    Examples
    --------
    >>> gaussian_taps((0, 1), radius=1).round(3)
    array([[0.274, 0.452, 0.274]])
    >>> gaussian_taps(2) is gaussian_taps(2)
    True
    """
    return _as_array(gaussian_factors(sigma, order=order, truncate=truncate, radius=radius))


def gaussian_factors(
    sigma: Any, *, order: Any = 0, truncate: float = 4.0, radius: Any = None
) -> Outer:
    """The same filter as its factors, however wide: for `parconv.plan2d` and `parconv.stream`.

    Parameters and errors are those of `parconv.gaussian`.

    Examples
    --------
    >>> gaussian_factors(1000).shape
    (8001, 8001)
    """
    asked = _check_gaussian(sigma, truncate, radius, order)
    return recalled((_gaussian, *asked), lambda: _gaussian(*asked))


def gaussian_laplace_taps(sigma: Any, *, truncate: float = 4.0, radius: Any = None) -> Array:
    """The filter of `parconv.gaussian_laplace`: the two second derivatives of a Gaussian, added.

    Parameters and errors are those of `parconv.gaussian_laplace`.

    Examples
    --------
    >>> gaussian_laplace_taps(1, radius=1).round(3)
    array([[ 0.   , -0.124,  0.   ],
           [-0.124, -0.408, -0.124],
           [ 0.   , -0.124,  0.   ]])
    """
    return _as_array(gaussian_laplace_factors(sigma, truncate=truncate, radius=radius))


def gaussian_laplace_factors(sigma: Any, *, truncate: float = 4.0, radius: Any = None) -> Outer:
    """The same filter as its factors, however wide.

    Parameters and errors are those of `parconv.gaussian_laplace`.

    Examples
    --------
    >>> len(gaussian_laplace_factors(1).columns)
    2
    """
    asked = _check_width(sigma, truncate, radius)
    return recalled((_gaussian_laplace, *asked), lambda: _gaussian_laplace(*asked))


def box_taps(size: Any, *, normalize: bool = True) -> Array:
    """The filter of `parconv.box`: equal taps, float64 and of sum 1, or integers 1.

    Parameters and errors are those of `parconv.box`.

    Examples
    --------
    >>> box_taps((1, 4))
    array([[0.25, 0.25, 0.25, 0.25]])
    """
    return _as_array(box_factors(size, normalize=normalize))


def box_factors(size: Any, *, normalize: bool = True) -> Outer:
    """The same filter as its factors, however large.

    Parameters and errors are those of `parconv.box`.

    Examples
    --------
    >>> box_factors((2, 4)).columns
    array([[0.125, 0.125]])
    """
    asked = _check_size(size), bool(normalize)
    return recalled((_box, *asked), lambda: _box(*asked))


@once
def _check_gaussian(sigma: Any, truncate: Any, radius: Any, order: Any) -> tuple[Any, ...]:
    return *check_width(sigma, truncate, radius), check_orders(order)


_check_width = once(check_width)
_check_size = once(partial(check_positive, "size"))


# --- building: far from the centre weights become 0, as they should -------------------------------


def _as_array(g: Outer) -> Array:
    """The same filter in two dimensions."""
    _check_count(g.shape)
    return g.taps if math.prod(g.shape) * g.dtype.itemsize <= KEPT_BYTES else g.new_taps()


@quietly
def _gaussian(sigmas: Reals, truncate: float, radii: Pair | None, orders: Pair) -> Outer:
    reach = _reach(sigmas, truncate, radii)
    return Outer(*map(_profile, sigmas, reach, orders))


@quietly
def _gaussian_laplace(sigmas: Reals, truncate: float, radii: Pair | None) -> Outer:
    reach = _reach(sigmas, truncate, radii)
    column, row = map(_profile, sigmas, reach, (0, 0))
    bent_column, bent_row = map(_profile, sigmas, reach, (2, 2))
    return Outer([bent_column, column], [row, bent_row])


@quietly
def _box(size: Pair, normalize: bool) -> Outer:
    _check_length(f"size={size!r}", size)
    return Outer(np.full(size[0], 1 / math.prod(size) if normalize else 1), np.ones(size[1], int))


def _reach(sigmas: Reals, truncate: float, radii: Pair | None) -> Pair:
    """Pixels to each side of the centre, by axis."""
    far = radii or [int(min(truncate * sigma + 0.5, FAR)) for sigma in sigmas]
    rows, columns = (r if sigma > NO_SIGMA else 0 for sigma, r in zip(sigmas, far, strict=True))
    what = f"sigma={sigmas!r}, truncate={truncate!r}, radius={radii!r}"
    _check_length(what, (2 * rows + 1, 2 * columns + 1))
    return rows, columns


def _check_length(what: str, shape: Pair) -> None:
    if max(shape) > LARGEST:
        raise ValueError(
            f"{what}: the filter would have {shape[0]} x {shape[1]} taps; pass less, for at most "
            f"{LARGEST} along an axis"
        )


def _check_count(shape: Pair) -> None:
    if math.prod(shape) > LARGEST:
        raise ValueError(
            f"the filter would have {shape[0]} x {shape[1]} taps; pass less, for at most {LARGEST} "
            "taps, or take its factors: gaussian_factors, gaussian_laplace_factors, box_factors"
        )


def _profile(sigma: float, radius: int, order: int) -> Array:
    """One axis of a Gaussian, or of its derivative: mirrored, so that halves agree bit for bit."""
    if sigma <= NO_SIGMA:
        if order:
            raise ValueError(f"sigma={sigma!r} has no derivative: pass more than 0, or order=0")
        return np.ones(1)
    x = np.arange(radius + 1) / sigma
    half = np.exp(-0.5 * x * x)
    half /= half[0] + 2 * half[1:].sum()
    if order:
        half *= _derivative(x, sigma, order)
    return np.concatenate([(-1) ** order * half[:0:-1], half])


def _derivative(x: Array, sigma: float, order: int) -> Array:
    """What a Gaussian is multiplied with to become its derivative: a Hermite polynomial."""
    hermite = np.polynomial.hermite_e.hermeval(x, [0] * order + [1])
    factor: Array = hermite * np.float64(-1 / sigma) ** order
    if not np.isfinite(factor).all():
        raise ValueError(f"order={order} of sigma={sigma!r} exceeds float64: pass a larger sigma")
    return factor
