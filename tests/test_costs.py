"""Distrusts what methods are thought to cost: each as much as its algorithm has operations.

What a constant is was measured, and `benchmarks regret` measures what is made of them; here costs
grow with images, stacks, channels and filters as sums, transforms and products do, on every
machine.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import parconv

RNG = np.random.default_rng(8)
SIDE = 2000, 1500  # beyond all caches, so that what differs within them does not count


def gaussian(taps: int) -> Any:
    bell = np.exp(-0.5 * (np.linspace(-4, 4, taps) ** 2))
    return np.outer(bell, bell).astype(np.float32)


def product(taps: int) -> Any:
    return np.outer(RNG.random(taps), RNG.random(taps)).astype(np.float32)


def box(taps: int) -> Any:
    return np.full((taps, taps), 1 / taps**2, np.float32)


def dense(taps: int) -> Any:
    return RNG.random((taps, taps)).astype(np.float32)


def narrow(taps: int) -> Any:
    return RNG.integers(-5, 5, (taps, taps)).astype(np.int8)


Range = tuple[float, float]
Filter = Callable[[int], Any]
# Of images: types, filters, and how much more twice as many taps a side cost (`taps_of`), and twice
# as many again.  By the definition that is four times as much; by two passes twice, by windows and
# transforms the same, but where windows of too many taps no longer begin with rows.
IMAGES: dict[str, tuple[str, Filter, Range, Range]] = {
    "direct": ("f4 f8 u1 u2", dense, (3.5, 4.7), (3.4, 4.3)),
    "rows": ("f4 u1 u2", product, (1.4, 2.1), (1.5, 2.1)),
    "separable": ("f4 u1 u2", gaussian, (1.15, 2.0), (1.3, 2.0)),
    "passes": ("f4 u1 u2", gaussian, (1.05, 1.7), (1.1, 1.8)),
    "windows": ("f4 f8 u1 u2", box, (1.0, 1.5), (1.0, 2.3)),
    "box": ("u1 u2", box, (1.0, 2.3), (1.0, 1.3)),
    "fft": ("f4 f8 u1 u2", dense, (1.0, 1.5), (1.0, 1.5)),
    "strided": ("f4 u1 u2", product, (1.2, 2.1), (1.4, 2.1)),
    "cosines": ("f4 u1", gaussian, (0.9, 1.4), (0.9, 1.4)),
}
TWICE = 1.85, 2.35


def taps_of(method: str) -> tuple[int, int, int]:
    """Twice and four times as many; cosines come near to no narrow Gaussian."""
    return (81, 161, 321) if method == "cosines" else (15, 31, 61)


def image_cost(
    method: str, shape: tuple[int, ...], dtype: str, g: Any, mode: str = "same"
) -> float:
    words: dict[str, Any] = {"stride": 2} if method == "strided" else {}
    if method == "cosines":
        words["tolerance"] = 2e-5
    plan = parconv.plan2d((shape, dtype), g, method=method, threads=1, mode=mode, **words)
    assert plan.method == method
    return plan.cost


CASES = [(method, kind) for method, (kinds, *_) in IMAGES.items() for kind in kinds.split()]


@pytest.mark.parametrize("stack", [(), (4,)])
@pytest.mark.parametrize(("method", "dtype"), CASES)
def test_images_twice_as_large_cost_twice(method: str, dtype: str, stack: tuple[int, ...]) -> None:
    g, (rows, columns) = IMAGES[method][1](taps_of(method)[0]), SIDE
    one = image_cost(method, (*stack, *SIDE), dtype, g)
    assert one > 2 * np.prod((*stack, *SIDE)) / (4 if method == "strided" else 1)
    for larger in ((*stack, 2 * rows, columns), (*stack, rows, 2 * columns), (2, *stack, *SIDE)):
        assert TWICE[0] < image_cost(method, larger, dtype, g) / one < TWICE[1], larger


@pytest.mark.parametrize(("method", "dtype"), CASES)
def test_filters_cost_what_their_algorithm_takes(method: str, dtype: str) -> None:
    _, of_taps, first, second = IMAGES[method]
    costs = [image_cost(method, SIDE, dtype, of_taps(taps)) for taps in taps_of(method)]
    assert first[0] <= costs[1] / costs[0] <= first[1]
    assert second[0] <= costs[2] / costs[1] <= second[1]


# Nobody asks cosines of images that are smaller than the filter.
@pytest.mark.parametrize(("method", "dtype"), [case for case in CASES if case[0] != "cosines"])
def test_small_images_cost_less_than_large_ones(method: str, dtype: str) -> None:
    """However little they are: each twice as large, and none for nothing."""
    g = IMAGES[method][1](taps_of(method)[0])
    costs = [image_cost(method, (n, n + 5), dtype, g, "full") for n in (16, 32, 64, 128, 256)]
    assert costs[0] > 16 * 21 / 4
    assert costs == sorted(costs)


# --- layers --------------------------------------------------------------------------------------

# Which take layers, which depthwise ones; how much more twice as many channels cost, filters, and
# 5 x 5 taps than 3 x 3, of which there are 2.8 times as many.
LAYERS: dict[str, tuple[Range, Range, Range | None]] = {
    "direct": ((1.75, 2.1), (1.65, 2.1), (1.9, 2.9)),
    "channels": ((1.75, 2.2), (1.75, 2.1), (2.0, 2.9)),
    "winograd": ((1.7, 2.1), (1.7, 2.1), None),
    "gemm": ((1.75, 2.1), (1.6, 2.1), (2.0, 2.9)),
}


def layer_cost(
    method: str, last: bool, images: int = 8, channels: int = 64, filters: int = 64,
    side: tuple[int, int] = (56, 60), taps: int = 3, groups: int = 1,
) -> float:  # fmt: skip
    shape = (images, *side, channels) if last else (images, channels, *side)
    g = RNG.random((filters, channels // groups, taps, taps)).astype(np.float32)
    plan = parconv.plan2d(
        (shape, "f4"), g, method=method, threads=1, correlate=True, mode="same",
        axes=(1, 2) if last else (2, 3), groups=groups,
    )  # fmt: skip
    return plan.cost


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("method", LAYERS)
def test_layers_cost_what_their_products_take(method: str, last: bool) -> None:
    channels, filters, taps = LAYERS[method]
    one = layer_cost(method, last)
    assert one > 2 * 8 * 64 * 64 * 56 * 60  # at least as 1 x 1 taps
    assert 1.9 < layer_cost(method, last, images=16) / one < 2.1
    assert channels[0] < layer_cost(method, last, channels=128) / one < channels[1]
    assert filters[0] < layer_cost(method, last, filters=128) / one < filters[1]
    assert 1.85 < layer_cost(method, last, side=(112, 60)) / one < 2.15
    assert 1.7 < layer_cost(method, last, side=(56, 120)) / one < 2.15
    if taps:
        assert taps[0] < layer_cost(method, last, taps=5) / one < taps[1]


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("method", ["depthwise", "direct", "channels"])
def test_depthwise_layers_cost_what_their_planes_take(method: str, last: bool) -> None:
    """As many as there are channels, each with products of its own alone."""
    one = layer_cost(method, last, groups=64)
    assert one > 8 * 64 * 56 * 60
    assert one < layer_cost("direct", last) or method == "channels"
    assert 1.9 < layer_cost(method, last, images=16, groups=64) / one < 2.1
    wider = layer_cost(method, last, channels=128, filters=128, groups=128)
    assert 1.9 < wider / one < 2.1
    assert 1.8 < layer_cost(method, last, side=(112, 60), groups=64) / one < 2.15
    assert 1 < layer_cost(method, last, taps=5, groups=64) / one < 5
