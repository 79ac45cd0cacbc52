"""Images, a volume and a spectrum of which 5 % are missing."""

from collections.abc import Iterator

import numpy as np

from . import Case


def cases() -> Iterator[Case]:
    """All of float64."""
    from astropy.convolution import Gaussian2DKernel

    rng = np.random.default_rng(0)
    whole, volume, line = (rng.random(shape) for shape in ((1024, 1024), (64, 128, 128), 1_000_000))
    mask, g = rng.random(whole.shape) < 0.05, rng.random((7, 7))
    holed = np.where(mask, np.nan, whole)
    for array in (volume, line):
        array[rng.random(array.shape) < 0.05] = np.nan
    yield Case("convolve", "1024², 7 × 7, 5 % NaN", (holed, g))
    yield Case("convolve", "1024², 7 × 7, no NaN", (whole, g))
    yield Case("convolve", "1024², 7 × 7, 5 % masked", (whole, g), {"mask": mask})
    yield Case("convolve", "1024², Gaussian2DKernel(2), 5 % NaN", (holed, Gaussian2DKernel(2)))
    yield Case("convolve", "64 × 128², 5 × 5 × 5, 5 % NaN", (volume, rng.random((5, 5, 5))))
    yield Case("convolve", "1,000,000, 31, 5 % NaN", (line, rng.random(31)))
    yield Case("convolve_fft", "1024², 7 × 7, 5 % NaN", (holed, g))
    yield Case("convolve_fft", "1024², 101 × 101, 5 % NaN", (holed, rng.random((101, 101))))
    yield Case("interpolate_replace_nans", "1024², 7 × 7, 5 % NaN", (holed, g))
