"""Several filters, one after another: as a chain, and plan by plan."""

import numpy as np

from .common import BIG, image, taps

STEPS = {
    "3x3, 3x3": lambda filters: [taps((3, 3))] * 2,
    "3x3, four times": lambda filters: [taps((3, 3))] * 4,
    "gaussian 1, sobel": lambda filters: [filters.gaussian_factors(1), filters.SOBEL],
    "box 5, laplacian": lambda filters: [filters.box_factors(5), filters.LAPLACE],
}


class Chains:
    """4096 x 4096 float32, same, mirror, one thread."""

    param_names = ("filters",)
    params = (list(STEPS),)
    version = "1"

    def setup(self, filters):
        import parconv  # here: asv reads this file for commits that have no chains, too

        self.f = getattr(self, "f", image(BIG))
        self.plans = []
        for g in STEPS[filters](parconv.filters):
            spec = self.plans[-1] if self.plans else self.f
            self.plans.append(parconv.plan2d(spec, g, mode="same", boundary="mirror", threads=1))
        self.chain = parconv.chain(*self.plans)
        self.outs = [np.empty(BIG, np.float32) for _ in self.plans]
        self.time_kept_chain(filters)
        self.time_kept_plans(filters)

    def time_kept_chain(self, filters):
        self.chain(self.f, self.outs[-1])

    def time_kept_plans(self, filters):
        f = self.f
        for plan, out in zip(self.plans, self.outs, strict=True):
            f = plan(f, out)

    def time_fresh_chain(self, filters):
        self.chain(self.f)

    def time_fresh_plans(self, filters):
        f = self.f
        for plan in self.plans:
            f = plan(f)
