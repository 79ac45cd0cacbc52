"""Images, filters and warm plans, the same in every benchmark and on every commit.

Uses only what every commit since the first package has: `plan2d`, `conv2d` and `machine`.
"""

import os
from functools import cache

import numpy as np

THREADS = [1, 2, 4, 8, 16]
FILTERS = ["3x3", "7x7", "15x15"]
BIG = (4096, 4096)


def sizes(text):
    """The pair in a parameter such as ``5x9``: a text, so that a page of results can show it."""
    height, width = map(int, text.split("x"))
    return height, width


@cache  # asv calls setup again before each sample
def image(shape, dtype="float32"):
    """Noise with a fixed seed, its pages touched."""
    scale = 250 if np.dtype(dtype).kind in "iu" else 1
    return (scale * np.random.default_rng(1).random(shape)).astype(dtype)


@cache
def taps(shape, dtype="float32"):
    """A filter with a fixed seed; of integers small ones, none of them 0."""
    rng = np.random.default_rng(2)
    if np.dtype(dtype).kind == "i":
        return (rng.integers(1, 4, shape) * rng.choice([-1, 1], shape)).astype(dtype)
    real = rng.standard_normal(shape)
    return (real + 1j * real[::-1] if np.dtype(dtype).kind == "c" else real).astype(dtype)


@cache
def smoothing(kind, dtype="float32"):
    """The filter that a text such as ``gaussian:2`` (sigma) or ``box:15`` (taps) names."""
    name, size = kind.split(":")
    if name == "box":
        return np.full((int(size), int(size)), 1 / int(size) ** 2, dtype)
    reach = 4 * int(size)
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / int(size)) ** 2)
    return np.outer(profile, profile / profile.sum() ** 2).astype(dtype)


def require_threads(threads):
    """Skip (asv's way) a thread count this machine does not have."""
    # Asked first: importing Numba only to skip would double the time of a run.
    if threads <= (os.cpu_count() or 1):
        try:
            from parconv.runtime.budget import usable_threads
        except ImportError:  # commits before there was such a module
            from parconv.codegen.machine import usable_threads

        if threads <= usable_threads(threads):
            return
    raise NotImplementedError(f"{threads} threads need {threads} cores")


class Convolution:
    """One image, one filter, a warm plan and a touched output."""

    rounds = 2
    asked = None

    def prepare(self, shape, kernel, dtype="float32", threads=1, **options):
        require_threads(threads)
        self.use(image(shape, dtype), taps(sizes(kernel), dtype), threads=threads, **options)

    def use(self, f, g, **options):
        asked = id(f), id(g), tuple(options.items())
        if self.asked == asked:
            return
        import parconv

        self.f, self.asked = f, asked
        usual = {"mode": "same", "boundary": "mirror", "method": "direct"}
        self.plan = parconv.plan2d(f, g, **{**usual, **options})
        self.out = self.plan(f)
        self.plan(f, out=self.out)
