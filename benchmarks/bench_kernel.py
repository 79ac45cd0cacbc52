"""The kernel alone: one thread, arrays that stay in the caches.

What two commits are compared by: the least disturbed by other users of a shared machine.
"""

from .common import Convolution, image, smoothing, taps


class Kernel(Convolution):
    """512 x 512, same, mirror."""

    param_names = ("filter", "dtype")
    params = (["3x3", "5x5", "7x7", "15x15"], ["float32", "float64"])
    version = "1"
    number = 20
    repeat = 10

    def setup(self, kernel, dtype):
        self.prepare((512, 512), kernel, dtype)

    def time_kernel(self, kernel, dtype):
        self.plan(self.f, out=self.out)


class KernelOfMethod(Convolution):
    """512 x 512, same, mirror: what other methods than the direct one, or its other loops, do."""

    param_names = ("question",)
    params = (["uint8 5x5", "int8 5x5", "gaussian:2", "box:15", "31x31"],)
    version = "1"
    number = 20
    repeat = 10

    def setup(self, question):
        options = {"threads": 1, "method": "auto"}
        if question == "31x31":
            self.prepare((512, 512), question, **options)
        elif ":" in question:
            self.use(image((512, 512)), smoothing(question), **options)
        else:
            weights = taps((5, 5), "int8" if question.startswith("int8") else "float32")
            self.use(image((512, 512), "uint8"), weights, dtype="uint8", **options)

    def time_kernel(self, question):
        self.plan(self.f, out=self.out)
