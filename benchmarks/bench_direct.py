"""How fast is the direct method, for one big image and each filter size?"""

from .common import Convolution, image, taps

FILTERS = ["3x3", "5x5", "7x7", "11x11", "15x15", "1x15", "15x1", "5x9", "4x4"]


def _shape(text):
    return tuple(map(int, text.split("x")))


class Direct(Convolution):
    """4096 x 4096, same, mirror."""

    param_names = ("filter", "dtype")
    params = (FILTERS, ["float32", "float64"])
    version = "1"

    def setup(self, kernel, dtype):
        self.prepare((4096, 4096), _shape(kernel), dtype)

    def time_reused_output(self, kernel, dtype):
        self.plan(self.f, out=self.out)

    def time_fresh_output(self, kernel, dtype):
        self.plan(self.f)


class OddImages(Convolution):
    """Widths that no tile divides, and a view of a larger image."""

    param_names = ("image",)
    params = (["4096x4093", "view"],)
    version = "1"

    def setup(self, kind):
        if kind == "view":
            self.use(image((4096, 4160))[13:4013, 7:4007], taps((7, 7)), threads=1)
        else:
            self.prepare(_shape(kind), (7, 7))

    def time_reused_output(self, kind):
        self.plan(self.f, out=self.out)
