"""torch.nn.functional's convolutions and means, on tensors of the CPU."""

from functools import cache
from typing import Any

import numpy as np

from ...problem.dtypes import Array
from . import engine
from .arrays import array_of, is_last, tensor_of
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
        found = _with_gradients()[0].apply(batch, weight, bias, asked, border)
    else:
        found = _forward(batch, weight, bias, asked, border)
    return found if batch is x else found[0]


def is_differentiated(*tensors: Any) -> bool:
    """Whether torch notes what is computed from these."""
    import torch

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
    found = _with_gradients()[1].apply(batch, weight, bias, asked, more)
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
    totals = _with_gradients()[0].apply(batch, ones, None, asked, "zeros")
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


# --- gradients -----------------------------------------------------------------------------------


@cache
def _with_gradients() -> tuple[Any, Any]:
    """The layer and its transpose as functions that torch differentiates."""
    import torch

    class Convolution(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(context: Any, x: Any, w: Any, b: Any, asked: Layer, border: str) -> Any:
            context.save_for_backward(x, w)
            context.asked, context.border = asked, border
            return _forward(x, w, b, asked, border)

        @staticmethod
        def backward(context: Any, slope: Any) -> Any:
            x, w = context.saved_tensors
            asked, needed = context.asked, context.needs_input_grad
            if context.border != "zeros":
                raise RuntimeError("no gradient through a border: pad the input with torch")
            dx = _by_input(slope, w, x, asked) if needed[0] else None
            dw = _by_weight(x, slope, w, asked) if needed[1] else None
            db = slope.sum((0, *range(2, slope.dim()))) if needed[2] else None
            return dx, dw, db, None, None

    class Transposed(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(context: Any, x: Any, w: Any, b: Any, asked: Layer, more: Any) -> Any:
            context.save_for_backward(x, w)
            context.asked = asked
            return _transposed(x, w, b, asked, more)

        @staticmethod
        def backward(context: Any, slope: Any) -> Any:
            x, w = context.saved_tensors
            asked, needed = context.asked, context.needs_input_grad
            dx = None
            if needed[0]:  # output padding may reach as far as another input would
                dx = Convolution.apply(slope, w, None, asked, "zeros")
                dx = dx[(..., *(slice(n) for n in x.shape[2:]))]
            dw = _by_weight(slope, x, w, asked) if needed[1] else None
            db = slope.sum((0, *range(2, slope.dim()))) if needed[2] else None
            return dx, dw, db, None, None

    return Convolution, Transposed


def _forward(x: Any, w: Any, b: Any, asked: Layer, border: str) -> Any:
    added = None if b is None else array_of(b)
    if not is_last(x):
        return tensor_of(engine.convolved(array_of(x), array_of(w), added, asked, border=border), x)
    maps = array_of(x.permute(0, 2, 3, 1))
    found = engine.convolved(maps, array_of(w), added, asked, last=True, border=border)
    return tensor_of(found, x).permute(0, 3, 1, 2)


def _transposed(x: Any, w: Any, b: Any, asked: Layer, more: tuple[int, ...]) -> Any:
    added = None if b is None else array_of(b)
    if not is_last(x):
        return tensor_of(engine.transposed(array_of(x), array_of(w), added, asked, more), x)
    maps = array_of(x.permute(0, 2, 3, 1))
    found = engine.transposed(maps, array_of(w), added, asked, more, last=True)
    return tensor_of(found, x).permute(0, 3, 1, 2)


def _by_input(slope: Any, w: Any, x: Any, asked: Layer) -> Any:
    """The transposed layer's maps, of the input's size."""
    import torch

    bare = asked._replace(padding=((0, 0),) * asked.rank)
    whole = _with_gradients()[1].apply(slope, w, None, bare, (0,) * asked.rank)
    for axis, ((lo, _), n) in enumerate(zip(asked.padding, x.shape[2:], strict=True), 2):
        kept = whole.narrow(axis, lo, min(n, whole.shape[axis] - lo))
        if kept.shape[axis] < n:  # pixels that no output met
            lacking = [0, 0] * (whole.dim() - 1 - axis) + [0, n - kept.shape[axis]]
            kept = torch.nn.functional.pad(kept, lacking)
        whole = kept
    return whole


def _by_weight(x: Any, slope: Any, w: Any, asked: Layer) -> Any:
    found = engine.of_weights(array_of(x), array_of(slope), tuple(w.shape[2:]), asked)
    return tensor_of(np.ascontiguousarray(found), x)
