"""Gabor's filters: a wave under a Gaussian, of one frequency and direction or a bank of them."""

import math
from numbers import Real
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.arguments import each
from ..problem.dtypes import Array
from ..problem.filter import Filter, recalled
from ..problem.question import FilterOptions, spelled
from ..problem.shown import shown
from . import same
from .arguments import check_real


@spelled(boundary="symmetric")
def gabor(
    f: ArrayLike, frequency: Any, theta: Any = 0.0, *, bandwidth: float = 1.0, sigma: Any = None,
    truncate: float = 3.0, offset: float = 0.0,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """How much of a wave is around each pixel: texture and edges of one width and direction.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    frequency : float or sequence of float
        Waves per pixel, above 0.
    theta : float or sequence of float
        Direction of the wave in radians: 0 along the columns' axis, pi / 2 along the rows'.
        Sequences ask for a bank: every frequency with every direction, in that order.
    bandwidth : float
        Of the filter in octaves, from which ``sigma`` follows where it is not given.
    sigma : float or (float, float), optional
        Standard deviations of the Gaussian in pixels: along the wave and across it.
    truncate : float
        Where the filter ends, in standard deviations.
    offset : float
        Phase of the wave in radians.
    boundary, cval, axes, channel_axis : optional
        As in `gaussian`; of two axes.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `gaussian`; the result is complex.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`; of complex filters there are no means, so that of these only
        ``nan_policy="raise"`` goes with this one.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray, shape (..., H, W) or (..., O, H, W)
        Complex: real and imaginary part are the responses to the wave and to the one a quarter of
        its length further; the absolute value is how strong both are.  O: filters of a bank.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong; the message says what to pass.  ``out`` is unchanged.

    References
    ----------
    Equal to `skimage.filters.gabor` of floating-point images, in one convolution.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> stripes = np.cos(np.arange(64) * np.pi / 4) + np.zeros((64, 1))
    >>> strength = abs(parconv.gabor(stripes, 1 / 8, theta=(0, np.pi / 2)))
    >>> strength.shape, strength[:, 32, 32].round(2)
    ((2, 64, 64), array([0.5, 0. ]))
    """
    words = frequency, theta, bandwidth, sigma, truncate, offset
    return same.run(f, out, options, _made, *words)


def gabor_taps(
    frequency: Any, theta: Any = 0.0, *, bandwidth: float = 1.0, sigma: Any = None,
    truncate: float = 3.0, offset: float = 0.0,
) -> Array:  # fmt: skip
    """The filter of `parconv.gabor`, or its bank for sequences: complex128, read-only.

    Parameters
    ----------
    frequency, theta : float or sequence of float
        As in `parconv.gabor`; sequences ask for a bank.
    bandwidth, sigma, truncate, offset : optional
        As in `parconv.gabor`.

    Returns
    -------
    ndarray, shape (KH, KW) or (O, KH, KW)
        The taps.  Filters of a bank that are smaller than the largest have zeros around them, which
        are no taps.

    Examples
    --------
    >>> gabor_taps(0.25).shape, gabor_taps((0.1, 0.25), (0, 1, 2)).shape
    ((15, 15), (6, 35, 35))
    """
    return np.asarray(_made(None, {}, frequency, theta, bandwidth, sigma, truncate, offset)[0])


def _made(
    f: Any, options: Any, frequency: Any, theta: Any, bandwidth: Any, sigma: Any, truncate: Any,
    offset: Any,
) -> tuple[Filter, int]:  # fmt: skip
    several = np.ndim(frequency) > 0 or np.ndim(theta) > 0
    waves = [
        (number, _number("theta", angle), *_widths(number, bandwidth, sigma),
         check_real("truncate", truncate, truncate), _number("offset", offset))
        for number in _frequencies(frequency) for angle in each(theta, 1)
    ]  # fmt: skip
    key = several, *waves
    return recalled((gabor, *key), lambda: Filter(_frozen(waves, several))), 0


def _frequencies(frequency: Any) -> list[float]:
    numbers = [check_real("frequency", one, frequency) for one in each(frequency, 1)]
    if not numbers or min(numbers) == 0:
        raise ValueError(f"frequency={shown(frequency)}: pass waves per pixel, above 0")
    return numbers


def _widths(frequency: float, bandwidth: Any, sigma: Any) -> tuple[float, ...]:
    if sigma is None:
        octaves = check_real("bandwidth", bandwidth, bandwidth)
        sigma = width(frequency, octaves) if octaves else 0
    widths = tuple(check_real("sigma", one, sigma, "a number or a pair") for one in each(sigma, 2))
    if len(widths) != 2 or min(widths) == 0:
        raise ValueError(
            f"sigma={shown(sigma)}, bandwidth={shown(bandwidth)}: pass numbers above 0, of sigma "
            "one or a pair (along the wave, across it)"
        )
    return widths


def _number(name: str, value: Any) -> float:
    size = check_real(name, abs(value) if isinstance(value, Real) else value, value)
    return size if value >= 0 else -size


def width(frequency: float, bandwidth: float) -> float:
    """Of the Gaussian, in pixels, whose filter of that frequency spans so many octaves."""
    share: float = math.sqrt(math.log(2) / 2) / math.pi * (2**bandwidth + 1) / (2**bandwidth - 1)
    return share / frequency


def _frozen(waves: list[tuple[float, ...]], several: bool) -> Array:
    made = [wave(*one) for one in waves]
    rows, columns = (max(g.shape[axis] for g in made) for axis in (0, 1))
    around = [((rows - h) // 2, (columns - w) // 2) for h, w in (g.shape for g in made)]
    padded = [np.pad(g, ((y, y), (x, x))) for g, (y, x) in zip(made, around, strict=True)]
    taps = np.stack(padded) if several else padded[0]
    taps.flags.writeable = False
    return taps


def wave(
    frequency: float, theta: float, along: float, across: float, truncate: float, offset: float
) -> Array:
    """One such filter, of an odd number of rows and columns."""
    c, s = math.cos(theta), math.sin(theta)
    columns = math.ceil(max(abs(truncate * along * c), abs(truncate * across * s), 1))
    rows = math.ceil(max(abs(truncate * across * c), abs(truncate * along * s), 1))
    y, x = np.ogrid[-rows : rows + 1, -columns : columns + 1]
    forth, aside = x * c + y * s, y * c - x * s
    hill = np.exp(-0.5 * ((forth / along) ** 2 + (aside / across) ** 2))
    turn: Array = np.exp(1j * (2 * np.pi * frequency * forth + offset))
    return hill * turn / (2 * np.pi * along * across)
