"""Filters that are more than their taps: outer products, means, and those worth a transform."""

from .common import BIG, THREADS, Convolution, image, require_threads, smoothing


class Smoothing(Convolution):
    """2048 x 2048, same, mirror; results of the image's type."""

    param_names = ("threads", "filter", "dtype")
    params = (THREADS, ["gaussian:1", "gaussian:5", "box:15"], ["float32", "uint8"])
    version = "1"

    def setup(self, threads, kind, dtype):
        require_threads(threads)
        options = {"threads": threads, "dtype": dtype, "method": "auto"}
        self.use(image((2048, 2048), dtype), smoothing(kind), **options)

    def time_smoothing(self, threads, kind, dtype):
        self.plan(self.f, out=self.out)


class Large(Convolution):
    """4096 x 4096 float32: filters that are transformed."""

    param_names = ("threads", "filter")
    params = (THREADS, ["11x11", "31x31", "127x127"])
    version = "1"

    def setup(self, threads, kernel):
        self.prepare(BIG, kernel, threads=threads, method="auto")

    def time_large(self, threads, kernel):
        self.plan(self.f, out=self.out)
