"""Filters over one axis and over three: what scipy.ndimage does with volumes and signals."""

import numpy as np

from .common import image

SHAPE = (128, 512, 512)
FILTERS = {
    "gaussian 2": lambda filters: (filters.gaussian_factors(2, ndim=3), (0, 1, 2)),
    "box 3": lambda filters: (filters.box_factors(3, ndim=3), (0, 1, 2)),
    "dense 3": lambda filters: (np.random.default_rng(3).random((3, 3, 3)), (0, 1, 2)),
    "9 along 0": lambda filters: (np.hanning(11)[1:-1], 0),
    "9 along 2": lambda filters: (np.hanning(11)[1:-1], 2),
}


class Volumes:
    """128 x 512 x 512, same, symmetric, one thread; uint16 to uint16, or float32."""

    param_names = ("filter", "dtype")
    params = (list(FILTERS), ["uint16", "float32"])
    version = "1"

    def setup(self, name, dtype):
        import parconv  # here: asv reads this file for commits that know no volumes, too

        g, axes = FILTERS[name](parconv.filters)
        self.f = image(SHAPE, dtype)
        self.plan = parconv.plan2d(
            self.f, g, axes=axes, mode="same", boundary="symmetric", dtype=dtype, threads=1
        )
        self.out = np.empty(SHAPE, dtype)
        self.time_kept(name, dtype)

    def time_kept(self, name, dtype):
        self.plan(self.f, self.out)

    def time_fresh(self, name, dtype):
        self.plan(self.f)
