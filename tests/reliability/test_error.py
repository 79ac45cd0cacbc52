"""Distrusts rounding: each method's error against exact rationals, in units of the last place."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from conftest import METHODS, example, soak
from oracle import gamma

import parconv


def exactly(f: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The valid convolution as rationals: integers of a common power of two."""
    wide = [np.array([int(Fraction(float(x)) * 2**160) for x in a.ravel()], object) for a in (f, g)]
    image, taps = wide[0].reshape(f.shape), wide[1].reshape(g.shape)[::-1, ::-1]
    rows, columns = (n - k + 1 for n, k in zip(f.shape, g.shape, strict=True))
    sums = np.zeros((rows, columns), object)
    for y, x in np.ndindex(g.shape):
        sums += taps[y, x] * image[y : y + rows, x : x + columns]
    return sums


@pytest.mark.parametrize("shape", [(30, 40), *soak(((90, 120),))])
@pytest.mark.parametrize("taps", [(9, 9), *soak(((3, 3),), ((17, 17),), ((31, 31),))])
@pytest.mark.parametrize("method", METHODS)
def test_within_the_bound(
    method: str, taps: tuple[int, int], shape: tuple[int, int], ledger: Any
) -> None:
    """gamma_n (|f| * |g|); a filter known by its products may be off by what they are."""
    room = 60 if method == "cosines" else 9  # its filters have more taps than asked for
    f, g = example(method, (shape[0] + room, shape[1] + room), taps)
    plan = parconv.plan2d(f, g, method=method)
    result = plan(f)
    right = exactly(f, g.astype(np.float64) if g.dtype.kind == "i" else g)
    unit, kind = 2**320, plan.problem.compute
    error = np.array([
        float(abs(Fraction(int(Fraction(float(a)) * unit) - b, unit)))
        for a, b in zip(result.ravel(), right.ravel(), strict=True)
    ])  # fmt: skip
    moduli = parconv.conv2d(np.abs(f.astype(float)), np.abs(g.astype(float)), method="direct")
    kind = np.dtype(kind if np.dtype(kind).kind == "f" else "f8")
    bound = 2 * gamma(g.size + 4, kind) * moduli.ravel()
    rounding = np.spacing(np.abs(result.ravel().astype(kind)))
    assert (error <= (bound + rounding if result.dtype.kind == "f" else 0)).all()
    ulps = error / rounding
    ledger("errors", f"{method} {taps[0]}: {np.median(ulps):.2g}, {ulps.max():.3g} ulp",
           f"{method} {taps[0]:02}")  # fmt: skip
