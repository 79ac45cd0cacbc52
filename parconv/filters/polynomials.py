"""Savitzky and Golay's filters: the value, or a derivative, of a polynomial fitted around it."""

from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.arguments import check_positives
from ..problem.dtypes import Array, quietly
from ..problem.filter import Filter, recalled
from ..problem.lines import Lines
from ..problem.question import CHANNELS, FilterOptions, SharedOptions, spelled
from ..problem.shown import shown
from . import same
from .arguments import check_orders, check_real


@spelled(boundary="symmetric", axes=-1)
def savgol(
    f: ArrayLike, window: int, polyorder: int, *, deriv: int = 0, delta: float = 1.0,
    out: NDArray[Any] | None = None, **options: Unpack[SharedOptions],
) -> NDArray[Any]:  # fmt: skip
    """Fit a polynomial around each pixel along one axis, and take its value or a derivative.

    Parameters
    ----------
    f : array_like, of one axis or more
        Signals, in any number and order.
    window : int
        How many pixels each polynomial is fitted to by least squares: an odd number.
    polyorder : int
        Order of the polynomials, less than ``window``.
    deriv : int
        Which derivative of them, 0 for the value.
    delta : float
        Distance of neighbours, for derivatives.
    boundary, cval : optional
        As in `conv2d`, but for the usual border, ``"symmetric"``.
    axes : int
        The axis, the last one where nothing is said.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `conv2d`.
    where, weights, nan_policy, min_weight : optional
        Means over the pixels that are there, as in `conv2d`; of ``deriv=0``.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As large as ``f``; dtype as for `gaussian`.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong; the message says what to pass.  ``out`` is unchanged.

    References
    ----------
    A. Savitzky and M. J. E. Golay, "Smoothing and differentiation of data by simplified least
    squares procedures", Analytical Chemistry 36(8), 1964.  Equal to `scipy.signal.savgol_filter`
    with the same border, whose usual one, "interp", evaluates the first and last polynomial.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> x = np.arange(9.0)
    >>> parconv.savgol(x**2, 5, 2, deriv=1)[2:7].round(12)
    array([ 4.,  6.,  8., 10., 12.])
    """
    if CHANNELS in options:
        raise TypeError(f"{CHANNELS} is unknown to savgol: pass axes, the one that it filters")
    asked = cast(FilterOptions, {"axes": -1, **options})
    return same.run(f, out, asked, _made, window, polyorder, deriv, delta)


def savgol_taps(window: int, polyorder: int, *, deriv: int = 0, delta: float = 1.0) -> Array:
    """The filter of `parconv.savgol`: read-only, float64, of one axis.

    Parameters
    ----------
    window, polyorder : int
        As in `parconv.savgol`.
    deriv, delta : optional
        As in `parconv.savgol`.

    Returns
    -------
    ndarray, shape (window,)
        The taps.

    Examples
    --------
    >>> (35 * savgol_taps(5, 2)).round(12)
    array([-3., 12., 17., 12., -3.])
    """
    return _filter(window, polyorder, deriv, delta).lines[0]


def _made(
    f: Array, options: Any, window: Any, polyorder: Any, deriv: Any, delta: Any
) -> tuple[Filter, int]:
    if np.ndim(options["axes"]):
        raise ValueError(f"axes={shown(options['axes'])}: pass the one axis of the signals")
    return _filter(window, polyorder, deriv, delta), 0


def _filter(window: Any, polyorder: Any, deriv: Any, delta: Any) -> Lines:
    (length,) = check_positives("window", window, 1)
    (order,), (which,) = check_orders(polyorder, 1), check_orders(deriv, 1)
    step = check_real("delta", delta, delta)
    if length % 2 == 0 or length <= order:
        raise ValueError(
            f"window={shown(window)} for polyorder={shown(polyorder)}: pass an odd number above it"
        )
    if not step:
        raise ValueError(f"delta={shown(delta)}: pass a number above 0")
    return recalled((savgol, length, order, which, step),
                    lambda: Lines([_fitted(length, order, which, step)]))  # fmt: skip


@quietly
def _fitted(window: int, polyorder: int, deriv: int, delta: float) -> Array:
    """Taps of a convolution: mirrored, so that halves agree bit for bit."""
    if deriv > polyorder:
        return np.zeros(window)
    reach = max(window // 2, 1)
    x = np.arange(-(window // 2), window // 2 + 1) / reach  # within 1, where powers differ well
    fit = np.linalg.pinv(np.polynomial.legendre.legvander(x, polyorder))
    basis = np.polynomial.Legendre
    at = [basis.basis(k).deriv(deriv)(0.0) for k in range(polyorder + 1)]
    taps = np.array(at) @ fit / (reach * delta) ** deriv
    sign = (-1) ** deriv
    mirrored: Array = (sign * taps + taps[::-1]) / 2
    return mirrored
