"""Shapes that no tile was made for."""

from .common import BIG, Convolution, image, sizes, taps


class OddFilters(Convolution):
    """4096 x 4096 float32, one thread."""

    param_names = ("filter",)
    params = (["5x5", "11x11", "1x15", "15x1", "5x9", "4x4"],)
    version = "1"

    def setup(self, kernel):
        self.prepare(BIG, kernel)

    def time_reused_output(self, kernel):
        self.plan(self.f, out=self.out)


class OddImages(Convolution):
    """Widths that no tile divides, and a view of a larger image; 7 x 7 float32, one thread."""

    param_names = ("image",)
    params = (["4096x4093", "view"],)
    version = "1"

    def setup(self, kind):
        if kind == "view":
            self.view = getattr(self, "view", image((4096, 4160))[13:4013, 7:4007])
            self.use(self.view, taps((7, 7)), threads=1)
        else:
            self.prepare(sizes(kind), "7x7")

    def time_reused_output(self, kind):
        self.plan(self.f, out=self.out)


class OddTypes(Convolution):
    """2048 x 2048 integers, a 5 x 5 float32 filter, results of the same type; one thread."""

    param_names = ("dtype",)
    params = (["uint8", "uint16", "int16"],)
    version = "1"

    def setup(self, dtype):
        self.use(image((2048, 2048), dtype), taps((5, 5)), threads=1, dtype=dtype)

    def time_reused_output(self, dtype):
        self.plan(self.f, out=self.out)
