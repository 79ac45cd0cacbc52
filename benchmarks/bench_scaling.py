"""How does time fall with threads, for each strategy?"""

from .common import BIG, THREADS, Convolution


class Scaling(Convolution):
    """4096 x 4096 float32."""

    param_names = ("threads", "strategy", "filter")
    params = (THREADS, ["prange", "threads", "joblib"], ["3x3", "7x7"])
    version = "1"

    def setup(self, threads, strategy, kernel):
        self.prepare(BIG, kernel, threads=threads, strategy=strategy)

    def time_scaling(self, threads, strategy, kernel):
        self.plan(self.f, out=self.out)
