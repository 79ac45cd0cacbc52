"""Filter banks and network layers: batches, channels, groups.

Commits before banks were built raise NotImplementedError, which asv takes for "not here".
"""

from .common import THREADS, Convolution, image, require_threads, taps

LAYERS = {  # image, filters, question
    "study": ((128, 1, 28, 28), (32, 1, 5, 5), {}),
    "wide": ((8, 1, 516, 516), (8, 1, 5, 5), {}),
    "3x3": ((8, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
    "3x3 narrow": ((8, 256, 14, 14), (256, 256, 3, 3), {"padding": 1}),
    "1x1": ((8, 64, 56, 56), (256, 64, 1, 1), {}),
    "stem": ((2, 3, 224, 224), (64, 3, 7, 7), {"padding": 3, "stride": 2}),
    "depthwise": ((8, 96, 56, 56), (96, 1, 3, 3), {"padding": 1, "groups": 96}),
    "alone": ((1, 128, 28, 28), (128, 128, 3, 3), {"padding": 1}),
}


class Layers(Convolution):
    """One layer each of the kinds that networks are made of, float32."""

    param_names = ("threads", "layer")
    params = (THREADS, list(LAYERS))
    version = "1"

    def setup(self, threads, layer):
        require_threads(threads)
        shape, filters, question = LAYERS[layer]
        usual = {"mode": "valid", "boundary": "constant", "method": "auto", "correlate": True}
        f, g = image(shape), taps(filters)
        self.use(f, g, threads=threads, **usual, **question)

    def time_layer(self, threads, layer):
        self.plan(self.f, out=self.out)
