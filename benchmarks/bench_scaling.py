"""How does time fall with threads, for each strategy?"""

from statistics import median
from time import perf_counter

from .common import Convolution

THREADS = [1, 2, 4, 8, 16]


class Scaling(Convolution):
    """4096 x 4096 float32."""

    param_names = ("threads", "strategy", "filter")
    params = (THREADS, ["prange", "threads", "joblib"], [3, 7, 15])
    version = "1"

    def setup(self, threads, strategy, size):
        self.prepare((4096, 4096), (size, size), threads=threads, strategy=strategy)

    def time_scaling(self, threads, strategy, size):
        self.plan(self.f, out=self.out)


class Inefficiency(Convolution):
    """Percent of the threads' time that is lost: 100 (1 - speed-up / threads); lower is better."""

    param_names = ("threads", "filter")
    params = (THREADS[1:], [3, 7, 15])
    unit = "%"
    version = "1"

    def setup(self, threads, size):
        self.prepare((4096, 4096), (size, size), threads=threads)
        self.several = self.plan
        self.use(self.f, self.g, threads=1)

    def _seconds(self, plan):
        times = []
        for _ in range(7):
            start = perf_counter()
            plan(self.f, out=self.out)
            times.append(perf_counter() - start)
        return median(times)

    def track_inefficiency(self, threads, size):
        speed_up = self._seconds(self.plan) / self._seconds(self.several)
        return 100 * (1 - speed_up / threads)
