"""Whole networks of torch's whose convolutions `parconv.compat.torch.replace` made ours."""

import time

from .common import require_threads


class Networks:
    """ResNet-18 and MobileNetV2 with random weights, 224 x 224, both orders of channels.

    The other operators are torch's, on its own threads; after a pause, as those spin.
    """

    param_names = ("threads", "network", "images", "channels")
    params = ([1, 2], ["ResNet-18", "MobileNetV2"], [1, 8], ["first", "last"])
    version = "1"
    timeout = 300

    def setup(self, threads, network, images, channels):
        require_threads(threads)
        try:
            import torch

            from parconv.compat.torch import replace
            from parconv.experiments import networks
        except ImportError as error:
            raise NotImplementedError(str(error)) from error
        torch.set_num_threads(threads)
        self.torch, self.x = torch, networks.images(images, 224, channels)
        self.theirs = networks.network(network, channels)
        self.ours = replace(networks.network(network, channels))
        self.frozen = replace(networks.network(network, channels), frozen=True)
        for model in (self.theirs, *[self.ours, self.frozen] * 2):
            self.run(model)
        time.sleep(0.02)

    def run(self, model):
        with self.torch.inference_mode():
            model(self.x)

    def time_ours(self, threads, network, images, channels):
        self.run(self.ours)

    def time_frozen(self, threads, network, images, channels):
        self.run(self.frozen)

    def time_torch(self, threads, network, images, channels):
        self.run(self.theirs)
