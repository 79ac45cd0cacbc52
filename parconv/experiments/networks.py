"""Two networks of torch's layers with random weights, as benchmarks and tests run them.

Of the shape of torchvision's ResNet-18 and MobileNetV2, which nobody needs to have.
"""

from typing import Any

import torch
from torch import nn

# Of each stage: channels and stride; of each part of MobileNetV2: how much wider it is inside,
# channels, blocks and the first one's stride.
RESNET = (64, 1), (128, 2), (256, 2), (512, 2)
MOBILE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
          (6, 320, 1, 1))  # fmt: skip


class Sum(nn.Module):  # type: ignore[misc]
    """``after(way(x) + beside(x))``."""

    def __init__(self, way: Any, beside: Any, after: Any) -> None:
        super().__init__()
        self.way, self.beside, self.after = way, beside, after

    def forward(self, x: Any) -> Any:
        return self.after(self.way(x) + self.beside(x))


def convolution(inputs: int, outputs: int, taps: int, stride: int = 1, groups: int = 1) -> Any:
    """A layer whose border keeps the size, and the normalisation after it."""
    layer = nn.Conv2d(inputs, outputs, taps, stride, taps // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs))


def resnet18(classes: int = 1000) -> Any:
    """He, Zhang, Ren and Sun, arXiv:1512.03385."""
    layers = [convolution(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for outputs, first in RESNET:
        for stride in (first, 1):
            same = stride == 1 and inputs == outputs
            beside = nn.Identity() if same else convolution(inputs, outputs, 1, stride)
            way = nn.Sequential(convolution(inputs, outputs, 3, stride), nn.ReLU(inplace=True),
                                convolution(outputs, outputs, 3))  # fmt: skip
            layers.append(Sum(way, beside, nn.ReLU(inplace=True)))
            inputs = outputs
    return _with_head(layers, inputs, classes)


def mobilenetv2(classes: int = 1000) -> Any:
    """Sandler, Howard, Zhu, Zhmoginov and Chen, arXiv:1801.04381."""
    layers: list[Any] = [convolution(3, 32, 3, 2), nn.ReLU6(inplace=True)]
    inputs = 32
    for wider, outputs, blocks, first in MOBILE:
        for stride in (first, *[1] * (blocks - 1)):
            inside = wider * inputs
            widened = [] if wider == 1 else [convolution(inputs, inside, 1), nn.ReLU6(inplace=True)]
            way = nn.Sequential(
                *widened, convolution(inside, inside, 3, stride, inside), nn.ReLU6(inplace=True),
                convolution(inside, outputs, 1),
            )  # fmt: skip
            same = stride == 1 and inputs == outputs
            layers.append(Sum(way, nn.Identity(), nn.Identity()) if same else way)
            inputs = outputs
    layers += [convolution(inputs, 1280, 1), nn.ReLU6(inplace=True)]
    return _with_head(layers, 1280, classes)


def _with_head(layers: list[Any], channels: int, classes: int) -> Any:
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)
    )


NETWORKS = {"ResNet-18": resnet18, "MobileNetV2": mobilenetv2}
ORDERS = {"first": torch.contiguous_format, "last": torch.channels_last}


def network(name: str, order: str = "first", kind: Any = torch.float32) -> Any:
    """The network in evaluation, each time the same: its statistics are of noise it has seen."""
    torch.manual_seed(0)
    made = NETWORKS[name]().to(kind)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.2)
    with torch.no_grad():
        made(images(4, 128, order, kind))  # else small variances amplify rounding
    return made.eval().to(memory_format=ORDERS[order])


def images(count: int, size: int, order: str = "first", kind: Any = torch.float32) -> Any:
    """Noise, as a network takes it."""
    made = torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))
    return made.to(kind).to(memory_format=ORDERS[order])
