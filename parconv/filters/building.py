"""Filters built from checked numbers: lines along each axis, and their outer products.

Factors are mirrored from one half and so symmetric to the last bit: the planner sees what a faster
method may use.  Far from a Gaussian's centre weights become 0, as they should.
"""

import math

import numpy as np

from ..problem.dtypes import Array, quietly
from ..problem.filter import Filter
from ..problem.lines import Lines
from ..problem.outer import LARGEST, Outer
from .arguments import Reals, Sizes

FAR = 1e15  # pixels: no filter gets there, and it is an integer
NO_SIGMA = 1e-15  # up to here an axis is not smoothed, as in scipy.ndimage


def product(lines: list[Array]) -> Filter:
    """The outer product of lines."""
    return Outer(*lines) if len(lines) == 2 else Lines(lines)


@quietly
def gaussian(sigmas: Reals, truncate: float, radii: Sizes | None, orders: Sizes) -> Filter:
    return product([*map(_profile, sigmas, _reach(sigmas, truncate, radii), orders)])


@quietly
def gaussian_laplace(sigmas: Reals, truncate: float, radii: Sizes | None) -> Filter:
    reach = _reach(sigmas, truncate, radii)
    smooth, bent = ([_profile(s, r, order) for s, r in zip(sigmas, reach, strict=True)]
                    for order in (0, 2))  # fmt: skip
    if len(bent) == 1:
        return Lines(bent)
    return Outer([bent[0], smooth[0]], [smooth[1], bent[1]])


@quietly
def contrast(narrow: Reals, wide: Reals, shares: tuple[float, float], truncate: float) -> Filter:
    """So much of one Gaussian, and so much of a wider one."""
    reach = _reach(wide, truncate, None)
    small = _reach(narrow, truncate, None)
    sharp = [np.pad(_profile(s, r, 0), most - r)
             for s, r, most in zip(narrow, small, reach, strict=True)]  # fmt: skip
    blurred = [_profile(s, r, 0) for s, r in zip(wide, reach, strict=True)]
    if len(reach) == 1:
        return Lines([shares[0] * sharp[0] + shares[1] * blurred[0]])
    return Outer([shares[0] * sharp[0], shares[1] * blurred[0]], [sharp[1], blurred[1]])


@quietly
def box(size: Sizes, normalize: bool) -> Filter:
    _check_length(f"size={size!r}", size)
    if len(size) == 2:
        share = np.full(size[0], 1 / math.prod(size) if normalize else 1)
        return Outer(share, np.ones(size[1], int))
    return Lines([np.full(n, 1 / n if normalize else 1) for n in size])


def _reach(sigmas: Reals, truncate: float, radii: Sizes | None) -> Sizes:
    """Pixels to each side of the centre, by axis."""
    far = radii or [int(min(truncate * sigma + 0.5, FAR)) for sigma in sigmas]
    reach = tuple(r if sigma > NO_SIGMA else 0 for sigma, r in zip(sigmas, far, strict=True))
    what = f"sigma={sigmas!r}, truncate={truncate!r}, radius={radii!r}"
    _check_length(what, tuple(2 * r + 1 for r in reach))
    return reach


def _check_length(what: str, shape: Sizes) -> None:
    if max(shape) > LARGEST:
        raise ValueError(
            f"{what}: the filter would have {by(shape)} taps; pass less, for at most "
            f"{LARGEST} along an axis"
        )


def by(shape: Sizes) -> str:
    return " x ".join(map(str, shape))


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
