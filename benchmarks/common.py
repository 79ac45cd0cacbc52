"""Images, filters and warm plans, the same in every benchmark and on every commit."""

import numpy as np

import parconv
from parconv import machine


def image(shape, dtype="float32"):
    """Noise with a fixed seed, its pages touched."""
    return np.random.default_rng(1).random(shape).astype(dtype)


def taps(shape, dtype="float32"):
    """A filter with a fixed seed."""
    return np.random.default_rng(2).standard_normal(shape).astype(dtype)


def require_threads(threads):
    """Skip (asv's way) a thread count this machine does not have."""
    if threads > machine.usable_threads(threads):
        raise NotImplementedError(f"{threads} threads need {threads} cores")


class Convolution:
    """One image, one filter, a warm plan and a touched output."""

    def prepare(self, shape, kernel, dtype="float32", threads=1, **options):
        require_threads(threads)
        self.use(image(shape, dtype), taps(kernel, dtype), threads=threads, **options)

    def use(self, f, g, **options):
        self.f, self.g = f, g
        usual = {"mode": "same", "boundary": "mirror", "method": "direct"}
        self.plan = parconv.plan2d(f, g, **{**usual, **options})
        self.out = self.plan(self.f)
        self.plan(self.f, out=self.out)
