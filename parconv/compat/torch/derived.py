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
    return Functions(
        _function("Convolution", forward, _slopes_of_layer, _together("convolution")),
        _function("Transposed", transposed, _slopes_of_transpose, _together("transposed")),
        _function("Weights", _of_weights, _slopes_of_weights, _alone("weights")),
    )


def _function(name: str, result: Any, slopes: Any, vmap: Any) -> Any:
    """A class of torch's, for a ``result`` that is linear in each of its first two inputs.

    ``slopes``: of the first three inputs, None where one is not needed; from the result's slope,
    the two inputs, which are needed, and what follows the third input.
    """
    import torch

    def keep(context: Any, inputs: Any, output: Any) -> None:
        context.save_for_backward(*inputs[:2])
        context.others = inputs[3:]

    def backward(context: Any, slope: Any) -> Any:
        needed, others = context.needs_input_grad, context.others
        return *slopes(slope, *context.saved_tensors, needed, *others), *(None for _ in others)

    members = {"forward": result, "setup_context": keep, "backward": backward, "vmap": vmap}
    base = torch.autograd.Function
    return type(base)(name, (base,), {key: staticmethod(one) for key, one in members.items()})


def _slopes_of_layer(slope: Any, x: Any, w: Any, needed: Any, asked: Layer, border: str) -> Any:
    if border != "zeros":
        raise RuntimeError("no gradient through a border: pad the input with torch")
    dx = _by_input(slope, w, x, asked) if needed[0] else None
    return dx, *_by_others(x, slope, slope, w, needed, asked)


def _slopes_of_transpose(slope: Any, x: Any, w: Any, needed: Any, asked: Layer, _: Any) -> Any:
    dx = None
    if needed[0]:  # output padding may reach as far as another input would
        dx = functions().convolution.apply(slope, w, None, asked, "zeros")
        dx = dx[(..., *(slice(n) for n in x.shape[2:]))]
    return dx, *_by_others(slope, x, slope, w, needed, asked)


def _slopes_of_weights(taps: Any, x: Any, slope: Any, needed: Any, asked: Layer) -> Any:
    dx = _by_input(slope, taps, x, asked) if needed[0] else None
    again = functions().convolution.apply(x, taps, None, asked, "zeros") if needed[1] else None
    return dx, again, None


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

    return rule


def _together(function: str) -> Any:
    """The same where maps alone are mapped: they are one batch."""
    others = _alone(function)

    def rule(info: Any, axes: tuple[Any, ...], x: Any, w: Any, *rest: Any) -> Any:
        if axes[0] is None or any(isinstance(axis, int) for axis in axes[1:3]):
            return others(info, axes, x, w, *rest)
        batch = x.movedim(axes[0], 0)
        found = getattr(functions(), function).apply(batch.flatten(0, 1), w, *rest)
        return found.unflatten(0, batch.shape[:2]), 0

    return rule


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


def _by_others(x: Any, y: Any, slope: Any, w: Any, needed: Any, asked: Layer) -> tuple[Any, Any]:
    """Slopes by filters, of a layer's maps and results, and by bias."""
    dw = functions().weights.apply(x, y, tuple(w.shape), asked) if needed[1] else None
    return dw, slope.sum((0, *range(2, slope.dim()))) if needed[2] else None


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
