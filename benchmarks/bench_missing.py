"""Means over what is there, beside the plain convolution: their quotient is what a mask costs."""

import numpy as np

from .common import THREADS, Convolution, image, require_threads, smoothing, taps


class Missing(Convolution):
    """1024 x 1024, same, mirror: all there, or 5 % of the pixels NaN."""

    param_names = ("threads", "filter", "dtype", "there")
    params = (THREADS[:2], ["7x7", "gaussian:1", "box:7"], ["float32", "float64"], ["all", "95 %"])
    version = "1"

    def setup(self, threads, kind, dtype, there):
        require_threads(threads)
        f, options = image((1024, 1024), dtype), {}
        if there != "all":
            f = np.where(np.random.default_rng(3).random(f.shape) < 0.05, np.nan, f).astype(dtype)
            options = {"nan_policy": "omit"}
        g = smoothing(kind) if ":" in kind else np.abs(taps((7, 7), dtype))
        try:
            self.use(f, g, threads=threads, method="auto", **options)
        except TypeError as error:  # commits before there were such means
            raise NotImplementedError(str(error)) from error

    def time_missing(self, threads, kind, dtype, there):
        self.plan(self.f, out=self.out)
