"""torch's words of a layer, checked as torch checks them."""

from typing import Any, NamedTuple

from ..recalling import recalled

Sizes = tuple[int, ...]


class Layer(NamedTuple):
    """Of a convolution over ``rank`` axes: one number an axis, and two of the padding."""

    rank: int
    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    dilation: Sizes
    groups: int


def sizes(name: str, value: Any, rank: int, least: int) -> Sizes:
    found = tuple(int(n) for n in value) if hasattr(value, "__len__") else (int(value),)
    if len(found) == 1:
        found *= rank
    if len(found) != rank:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {rank} values"
        )
    if min(found) < least:
        what = "negative" if least == 0 else "non-positive"
        raise RuntimeError(f"{what} {name} is not supported")
    return found


@recalled
def layer(rank: int, taps: Sizes, stride: Any, padding: Any, dilation: Any, groups: Any) -> Layer:
    """The layer of these words; the same again for the same words."""
    steps, spread = sizes("stride", stride, rank, 1), sizes("dilation", dilation, rank, 1)
    if int(groups) < 1:
        raise RuntimeError("non-positive groups is not supported")
    return Layer(rank, steps, _padded(rank, taps, padding, steps, spread), spread, int(groups))


def _padded(
    rank: int, taps: Sizes, padding: Any, stride: Sizes, dilation: Sizes
) -> tuple[tuple[int, int], ...]:
    if padding == "valid":
        return ((0, 0),) * rank
    if padding == "same":
        if set(stride) != {1}:
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for d, k in zip(dilation, taps, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        raise RuntimeError(f"Invalid padding string: {padding!r}")
    return tuple((n, n) for n in sizes("padding", padding, rank, 0))


def check(rank: int, shape: Sizes, weight: Sizes, bias: Any, asked: Layer) -> None:
    """Of maps with their batch, and filters (O, C // groups, ...)."""
    if len(weight) != rank + 2:
        raise RuntimeError(f"weight has {len(weight)} dimensions: expected {rank + 2}")
    groups = asked.groups
    if weight[0] < groups or weight[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0 and "
            f"divisible by it, but got weight of size {list(weight)} instead"
        )
    if shape[1] != weight[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight)}, expected input{list(shape)} to "
            f"have {weight[1] * groups} channels, but got {shape[1]} channels instead"
        )
    if bias is not None and tuple(bias.shape) != (weight[0],):
        raise RuntimeError(
            f"Given weight of size {list(weight)}, expected bias to be 1-dimensional with "
            f"{weight[0]} elements, but got bias of size {list(bias.shape)} instead"
        )
    padded = [n + sum(both) for n, both in zip(shape[2:], asked.padding, strict=True)]
    reach = [d * (k - 1) + 1 for d, k in zip(asked.dilation, weight[2:], strict=True)]
    if any(k > n for n, k in zip(padded, reach, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: {padded}. Kernel size: {reach}. "
            "Kernel size can't be greater than actual input size"
        )
