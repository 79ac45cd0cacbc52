"""The kernel alone: one thread, arrays that stay in the caches.

What two commits are compared by: the least disturbed by other users of a shared machine.
"""

from .common import Convolution


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
