"""Integers, colour and complex numbers: results of the image's own type."""

from .common import THREADS, Convolution, image, require_threads, sizes, taps


class Integers(Convolution):
    """2048 x 2048 uint8; a fractional filter is rounded, one of integers exact."""

    param_names = ("threads", "filter", "weights")
    params = (THREADS, ["3x3", "7x7"], ["float32", "int8"])
    version = "1"

    def setup(self, threads, kernel, weights):
        require_threads(threads)
        f, g = image((2048, 2048), "uint8"), taps(sizes(kernel), weights)
        self.use(f, g, threads=threads, dtype="uint8", method="auto")

    def time_integers(self, threads, kernel, weights):
        self.plan(self.f, out=self.out)


class Colour(Convolution):
    """1080 x 1920 x 3, 5 x 5."""

    param_names = ("threads", "dtype")
    params = (THREADS, ["uint8", "float32"])
    version = "1"

    def setup(self, threads, dtype):
        require_threads(threads)
        f, g = image((1080, 1920, 3), dtype), taps((5, 5))
        self.use(f, g, threads=threads, dtype=dtype, axes=(0, 1), method="auto")

    def time_colour(self, threads, dtype):
        self.plan(self.f, out=self.out)


class Complex(Convolution):
    """1024 x 1024 complex64, 7 x 7."""

    param_names = ("threads",)
    params = (THREADS,)
    version = "1"

    def setup(self, threads):
        self.prepare((1024, 1024), "7x7", "complex64", threads, method="auto")

    def time_complex(self, threads):
        self.plan(self.f, out=self.out)
