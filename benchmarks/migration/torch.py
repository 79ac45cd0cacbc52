"""Layers, by names of `torch.nn.functional`, which computes on all cores, too."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from . import Case

FLOATS = 2e-5


def cases() -> Iterator[Case]:
    """Of float32, all but one with channels first."""
    import torch

    rng = np.random.default_rng(0)

    def tensor(*shape: int) -> Any:
        return torch.from_numpy(rng.standard_normal(shape, np.float32))

    def layer(
        name: str, told: str, image: tuple[int, ...], filters: tuple[int, ...], **words: Any
    ) -> Case:
        weights = tensor(*filters) / (filters[1] * filters[-1] ** 2) ** 0.5
        return Case(name, told, (tensor(*image), weights), words, FLOATS)

    yield layer("conv2d", "8 × 64 × 56², 64 of 3 × 3", (8, 64, 56, 56), (64, 64, 3, 3), padding=1)
    yield layer("conv2d", "8 × 256 × 14², 256 of 3 × 3", (8, 256, 14, 14), (256, 256, 3, 3),
                padding=1)  # fmt: skip
    yield layer("conv2d", "8 × 256 × 28², 128 of 1 × 1", (8, 256, 28, 28), (128, 256, 1, 1))
    yield layer("conv2d", "8 × 3 × 224², 64 of 7 × 7, stride 2", (8, 3, 224, 224), (64, 3, 7, 7),
                padding=3, stride=2)  # fmt: skip
    yield layer("conv2d", "8 × 192 × 28², depthwise 3 × 3", (8, 192, 28, 28), (192, 1, 3, 3),
                padding=1, groups=192)  # fmt: skip
    yield layer("conv2d", "1 × 1 × 256², 32 of 31 × 31", (1, 1, 256, 256), (32, 1, 31, 31),
                padding=15)  # fmt: skip
    yield layer("conv1d", "32 × 64 × 1024, 64 of 5", (32, 64, 1024), (64, 64, 5), padding=2)
    yield layer("conv_transpose2d", "8 × 64 × 28², 32 of 4 × 4, stride 2", (8, 64, 28, 28),
                (64, 32, 4, 4), stride=2, padding=1)  # fmt: skip
    yield Case("avg_pool2d", "8 × 64 × 112², 3 × 3, stride 2", (tensor(8, 64, 112, 112), 3, 2, 1),
               within=FLOATS)  # fmt: skip
