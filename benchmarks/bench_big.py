"""One big image, larger than every cache."""

from .common import BIG, FILTERS, THREADS, Convolution


class Big(Convolution):
    """4096 x 4096, same, mirror, into an output that was used before."""

    param_names = ("threads", "filter", "dtype")
    params = (THREADS, FILTERS, ["float32", "float64"])
    version = "1"

    def setup(self, threads, kernel, dtype):
        self.prepare(BIG, kernel, dtype, threads)

    def time_reused_output(self, threads, kernel, dtype):
        self.plan(self.f, out=self.out)


class BigFresh(Convolution):
    """The same into a new output: the system hands out its pages as they are written."""

    param_names = ("filter",)
    params = (FILTERS,)
    version = "1"

    def setup(self, kernel):
        self.prepare(BIG, kernel)

    def time_fresh_output(self, kernel):
        self.plan(self.f)
