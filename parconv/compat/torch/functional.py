"""torch.nn.functional's convolutions and means, on tensors of the CPU."""

from typing import Any

import numpy as np

from ...problem.dtypes import Array
from . import derived
from .geometry import Layer, check, layer, sizes


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """Correlate sequences, as `torch.nn.functional.conv1d`."""
    return conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """Correlate maps, as `torch.nn.functional.conv2d`."""
    return conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """Correlate volumes, as `torch.nn.functional.conv3d`."""
    return conv(3, input, weight, bias, stride, padding, dilation, groups)


def conv(
    rank: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any,
    groups: Any, border: str = "zeros",
) -> Any:  # fmt: skip
    """One of the three, with the border of torch's layers."""
    x, weight, bias = _cast(x, weight, bias)
    _same_types(x, weight, bias)
    batch = _batched(rank, x, f"conv{rank}d")
    asked = layer(rank, tuple(weight.shape[2:]), stride, padding, dilation, groups)
    check(rank, tuple(batch.shape), tuple(weight.shape), bias, asked)
    if is_differentiated(x, weight, bias):
        found = derived.functions().convolution.apply(batch, weight, bias, asked, border)
    else:
        found = derived.forward(batch, weight, bias, asked, border)
    return found if batch is x else found[0]


def is_differentiated(*tensors: Any) -> bool:
    """Whether torch notes what is computed from these, or `torch.func` transforms it."""
    import torch

    if torch._C._are_functorch_transforms_active():  # as torch's own functions ask
        return True
    return torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in tensors)


def conv_transpose1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transpose of `conv1d`, as `torch.nn.functional.conv_transpose1d`."""
    return transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transpose of `conv2d`, as `torch.nn.functional.conv_transpose2d`."""
    return transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transpose of `conv3d`, as `torch.nn.functional.conv_transpose3d`."""
    return transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def transpose(
    rank: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any,
    groups: Any, dilation: Any,
) -> Any:  # fmt: skip
    x, weight, bias = _cast(x, weight, bias)
    _same_types(x, weight, bias)
    batch = _batched(rank, x, f"conv_transpose{rank}d")
    asked = layer(rank, tuple(weight.shape[2:]), stride, padding, dilation, groups)
    more = sizes("output_padding", output_padding, rank, 0)
    if any(m >= max(s, d) for m, s, d in zip(more, asked.stride, asked.dilation, strict=True)):
        raise RuntimeError("output padding must be smaller than either stride or dilation")
    if batch.shape[1] != weight.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected "
            f"input{list(batch.shape)} to have {weight.shape[0]} channels, but got "
            f"{batch.shape[1]} channels instead"
        )
    # `apply` takes 0.3 to 0.5 ms (Zen 4 VM, 2026-11)
    noted = is_differentiated(x, weight, bias)
    apply = derived.functions().transposed.apply if noted else derived.transposed
    found = apply(batch, weight, bias, asked, more)
    return found if batch is x else found[0]


def is_cast() -> bool:
    """Whether torch has layers compute in a narrower type (`torch.autocast`)."""
    import torch

    return bool(torch.is_autocast_enabled("cpu"))


def _cast(*tensors: Any) -> tuple[Any, ...]:
    """Of that type, all but double precision, as torch does it."""
    import torch

    if not is_cast():
        return tensors
    kind, wide = torch.get_autocast_dtype("cpu"), torch.float64
    return tuple(
        x if x is None or not x.is_floating_point() or x.dtype is wide else x.to(kind)
        for x in tensors
    )


def _same_types(input: Any, weight: Any, bias: Any) -> None:
    for name, other in (("weight", weight), ("bias", bias)):
        if other is not None and other.dtype != input.dtype:
            raise RuntimeError(
                f"Input type ({input.dtype}) and {name} type ({other.dtype}) should be the same"
            )


def _batched(rank: int, input: Any, name: str) -> Any:
    if input.dim() == rank + 2:
        return input
    if input.dim() != rank + 1:
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got "
            f"input of size: {list(input.shape)}"
        )
    return input[None]


# --- means ---------------------------------------------------------------------------------------


def avg_pool1d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:  # fmt: skip
    """Means of windows of sequences, as `torch.nn.functional.avg_pool1d`."""
    words = (
        sizes(name, value, 1, 0)[0]
        for name, value in (
            ("kernel_size", kernel_size),
            ("stride", stride or kernel_size),
            ("padding", padding),
        )
    )
    taps, step, pad = words
    flat = avg_pool2d(input.unsqueeze(-2), (1, taps), (1, step), (0, pad), ceil_mode,
                      count_include_pad)  # fmt: skip
    return flat.squeeze(-2)


def avg_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """Means of windows of maps, as `torch.nn.functional.avg_pool2d`."""
    taps = sizes("kernel_size", kernel_size, 2, 1)
    steps = sizes("stride", stride or kernel_size, 2, 1)
    pads = sizes("padding", padding, 2, 0)
    if any(p > k // 2 for p, k in zip(pads, taps, strict=True)):
        raise RuntimeError("pad should be at most half of effective kernel size")
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    batch = _batched(2, input, "avg_pool2d")
    axes = [_windows(n, k, s, p, ceil_mode) for n, k, s, p in
            zip(batch.shape[2:], taps, steps, pads, strict=True)]  # fmt: skip
    channels = batch.shape[1]
    asked = Layer(2, steps, tuple((p, after) for p, (_, after) in zip(pads, axes, strict=True)),
                  (1, 1), channels)  # fmt: skip
    ones = batch.new_ones((channels, 1, *taps))
    totals = derived.functions().convolution.apply(batch, ones, None, asked, "zeros")
    counts = divisor_override or batch.new_tensor(np.multiply.outer(*(
        _counts(n, k, s, p, count, after, count_include_pad)
        for n, k, s, p, (count, after) in zip(batch.shape[2:], taps, steps, pads, axes, strict=True)
    )))  # fmt: skip
    rule = None if input.is_floating_point() else "trunc"
    means = totals.div(counts, rounding_mode=rule)
    return means if batch is input else means[0]


def _windows(n: int, taps: int, stride: int, pad: int, ceil: bool) -> tuple[int, int]:
    """How many there are, and how far the last one reaches beyond."""
    room = n + 2 * pad - taps
    count = (room + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (count - 1) * stride >= n + pad:
        count -= 1  # it would begin beyond the right border
    return count, max((count - 1) * stride + taps - n - pad, 0)


def _counts(
    n: int, taps: int, stride: int, pad: int, count: int, after: int, padded: bool
) -> Array:
    """Pixels of each window: of the image, or of the image with its padding."""
    starts = np.arange(count) * stride - pad
    low, high = (-pad, n + pad) if padded else (0, n)
    return np.minimum(starts + taps, high) - np.maximum(starts, low)
