"""Whole networks whose convolutions are ours, beside torch's own; the other layers are torch's."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from . import Call, Row

NETWORKS = ("ResNet-18", "MobileNetV2")
SIDE = 224


def rows() -> Iterator[Row]:
    for network in NETWORKS:
        for count in (1, 8):
            for order in ("first", "last"):
                make = partial(_make, network, count, order)
                yield Row(f"{network} {count} {order}", 1.0, False, make, rests=True)


def _make(network: str, count: int, order: str, threads: int) -> tuple[Call, Mapping[str, Call]]:
    import torch

    from parconv.compat.torch import replace
    from parconv.experiments import networks

    torch.set_num_threads(threads)
    x = networks.images(count, SIDE, order)

    def called(model: Any) -> Call:
        def call() -> None:
            with torch.inference_mode():
                model(x)

        return call

    ours = called(replace(networks.network(network, order)))
    return ours, {"torch": called(networks.network(network, order))}
