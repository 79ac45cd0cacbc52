"""Layers as functions that torch differentiates, and maps over tensors (`torch.func`).

A layer is linear in its maps and in its filters, so gradients are layers again: by maps the
transpose, by filters a correlation of maps with slopes.  All three are functions of torch's, so
that gradients have gradients.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from . import engine
from .arrays import array_of, is_last, tensor_of
from .geometry import Layer


class Functions(NamedTuple):
    """Classes whose ``apply`` torch notes: of maps, filters and bias; the last of maps and slopes.

    ``weights`` is of (maps, slopes, filters' shape, layer); the others end with the layer and its
    border, or its output padding.
    """

    convolution: Any
    transposed: Any
    weights: Any


@cache
def functions() -> Functions:
    """All of them, made when torch is there."""
    import torch

    class Convolution(torch.autograd.Function):  # type: ignore[misc]
        forward = staticmethod(forward)
        vmap = _together("convolution")

        @staticmethod
        def setup_context(context: Any, inputs: Any, output: Any) -> None:
            _keep(context, inputs)

        @staticmethod
        def backward(context: Any, slope: Any) -> Any:
            x, w = context.saved_tensors
            asked, needed = context.asked, context.needs_input_grad
            if context.border != "zeros":
                raise RuntimeError("no gradient through a border: pad the input with torch")
            dx = _by_input(slope, w, x, asked) if needed[0] else None
            dw = Weights.apply(x, slope, tuple(w.shape), asked) if needed[1] else None
            return dx, dw, _by_bias(slope) if needed[2] else None, None, None

    class Transposed(torch.autograd.Function):  # type: ignore[misc]
        forward = staticmethod(transposed)
        vmap = _together("transposed")

        @staticmethod
        def setup_context(context: Any, inputs: Any, output: Any) -> None:
            _keep(context, inputs)

        @staticmethod
        def backward(context: Any, slope: Any) -> Any:
            x, w = context.saved_tensors
            asked, needed = context.asked, context.needs_input_grad
            dx = None
            if needed[0]:  # output padding may reach as far as another input would
                dx = Convolution.apply(slope, w, None, asked, "zeros")
                dx = dx[(..., *(slice(n) for n in x.shape[2:]))]
            dw = Weights.apply(slope, x, tuple(w.shape), asked) if needed[1] else None
            return dx, dw, _by_bias(slope) if needed[2] else None, None, None

    class Weights(torch.autograd.Function):  # type: ignore[misc]
        forward = staticmethod(_of_weights)
        vmap = _alone("weights")

        @staticmethod
        def setup_context(context: Any, inputs: Any, output: Any) -> None:
            context.save_for_backward(*inputs[:2])
            context.asked = inputs[3]

        @staticmethod
        def backward(context: Any, taps: Any) -> Any:
            x, slope = context.saved_tensors
            asked, needed = context.asked, context.needs_input_grad
            dx = _by_input(slope, taps, x, asked) if needed[0] else None
            again = Convolution.apply(x, taps, None, asked, "zeros") if needed[1] else None
            return dx, again, None, None

    return Functions(Convolution, Transposed, Weights)


def _keep(context: Any, inputs: Any) -> None:
    context.save_for_backward(*inputs[:2])
    context.asked, context.border = inputs[3:]


def _alone(function: str) -> Any:
    """The rule by which `torch.vmap` maps a function: item by item along the mapped axes."""

    def rule(info: Any, axes: tuple[Any, ...], *inputs: Any) -> Any:
        import torch

        apply = getattr(functions(), function).apply
        items = [
            apply(*(
                given.select(axis, n) if isinstance(axis, int) else given
                for given, axis in zip(inputs, axes, strict=True)
            ))
            for n in range(info.batch_size)
        ]  # fmt: skip
        return torch.stack(items), 0

    return staticmethod(rule)


def _together(function: str) -> Any:
    """The same where maps alone are mapped: they are one batch."""
    others = _alone(function)

    def rule(info: Any, axes: tuple[Any, ...], x: Any, w: Any, *rest: Any) -> Any:
        if axes[0] is None or any(isinstance(axis, int) for axis in axes[1:3]):
            return others.__func__(info, axes, x, w, *rest)
        batch = x.movedim(axes[0], 0)
        found = getattr(functions(), function).apply(batch.flatten(0, 1), w, *rest)
        return found.unflatten(0, batch.shape[:2]), 0

    return staticmethod(rule)


def forward(x: Any, w: Any, b: Any, asked: Layer, border: str) -> Any:
    """A layer's maps, which torch does not note."""
    added = None if b is None else array_of(b)
    if not is_last(x):
        return tensor_of(engine.convolved(array_of(x), array_of(w), added, asked, border=border), x)
    maps = array_of(x.permute(0, 2, 3, 1))
    found = engine.convolved(maps, array_of(w), added, asked, last=True, border=border)
    return tensor_of(found, x).permute(0, 3, 1, 2)


def transposed(x: Any, w: Any, b: Any, asked: Layer, more: tuple[int, ...]) -> Any:
    """Those of its transpose."""
    added = None if b is None else array_of(b)
    if not is_last(x):
        return tensor_of(engine.transposed(array_of(x), array_of(w), added, asked, more), x)
    maps = array_of(x.permute(0, 2, 3, 1))
    found = engine.transposed(maps, array_of(w), added, asked, more, last=True)
    return tensor_of(found, x).permute(0, 3, 1, 2)


def _of_weights(x: Any, slope: Any, shape: tuple[int, ...], asked: Layer) -> Any:
    found = engine.of_weights(array_of(x), array_of(slope), shape[2:], asked)
    return tensor_of(np.ascontiguousarray(found), x)


def _by_bias(slope: Any) -> Any:
    return slope.sum((0, *range(2, slope.dim())))


def _by_input(slope: Any, w: Any, x: Any, asked: Layer) -> Any:
    """The transposed layer's maps, of the input's size."""
    import torch

    bare = asked._replace(padding=((0, 0),) * asked.rank)
    whole = functions().transposed.apply(slope, w, None, bare, (0,) * asked.rank)
    for axis, ((lo, _), n) in enumerate(zip(asked.padding, x.shape[2:], strict=True), 2):
        kept = whole.narrow(axis, lo, min(n, whole.shape[axis] - lo))
        if kept.shape[axis] < n:  # pixels that no output met
            lacking = [0, 0] * (whole.dim() - 1 - axis) + [0, n - kept.shape[axis]]
            kept = torch.nn.functional.pad(kept, lacking)
        whole = kept
    return whole
