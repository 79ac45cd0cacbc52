"""torch.nn's layers, computed by the functions here."""

from typing import Any

import torch

from . import functional
from .latest import latest_of


class _Layer:
    """Over ``rank`` axes: what torch's layers call to compute, with their border."""

    rank: int

    def _conv_forward(self: Any, input: Any, weight: Any, bias: Any) -> Any:
        if self.padding_mode != "zeros" and torch.is_grad_enabled():
            return super()._conv_forward(input, weight, bias)  # type: ignore[misc]
        words = self.stride, self.padding, self.dilation, self.groups, self.padding_mode
        if functional.is_differentiated(input, weight, bias) or functional.is_cast():
            return functional.conv(self.rank, input, weight, bias, *words)
        latest = self.__dict__.get("_latest")
        found = latest and latest.answer(input, weight, bias, words)
        if found is None:
            found = functional.conv(self.rank, input, weight, bias, *words)
            frozen = self.__dict__.get("_frozen", False)
            self.__dict__["_latest"] = latest_of(input, weight, bias, words, frozen)
        return found


class Conv1d(_Layer, torch.nn.Conv1d):  # type: ignore[misc]
    """`torch.nn.Conv1d`."""

    rank = 1


class Conv2d(_Layer, torch.nn.Conv2d):  # type: ignore[misc]
    """`torch.nn.Conv2d`.

    Examples
    --------
    >>> import torch
    >>> Conv2d(3, 8, 3, padding=1)(torch.zeros(2, 3, 5, 5)).shape
    torch.Size([2, 8, 5, 5])
    """

    rank = 2


class Conv3d(_Layer, torch.nn.Conv3d):  # type: ignore[misc]
    """`torch.nn.Conv3d`."""

    rank = 3


class _Transposed:
    rank: int

    def forward(self: Any, input: Any, output_size: Any = None) -> Any:
        if self.padding_mode != "zeros":
            raise ValueError("Only `zeros` padding mode is supported for transposed layers")
        more = self._output_padding(
            input,
            output_size,
            self.stride,
            self.padding,
            self.kernel_size,
            self.rank,
            self.dilation,
        )
        return functional.transpose(
            self.rank, input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
            self.dilation,
        )  # fmt: skip


class ConvTranspose1d(_Transposed, torch.nn.ConvTranspose1d):  # type: ignore[misc]
    """`torch.nn.ConvTranspose1d`."""

    rank = 1


class ConvTranspose2d(_Transposed, torch.nn.ConvTranspose2d):  # type: ignore[misc]
    """`torch.nn.ConvTranspose2d`."""

    rank = 2


class ConvTranspose3d(_Transposed, torch.nn.ConvTranspose3d):  # type: ignore[misc]
    """`torch.nn.ConvTranspose3d`."""

    rank = 3


OURS = {
    torch.nn.Conv1d: Conv1d,
    torch.nn.Conv2d: Conv2d,
    torch.nn.Conv3d: Conv3d,
    torch.nn.ConvTranspose1d: ConvTranspose1d,
    torch.nn.ConvTranspose2d: ConvTranspose2d,
    torch.nn.ConvTranspose3d: ConvTranspose3d,
}


def replace(model: Any, *, frozen: bool = False) -> Any:
    """Let a model's convolutions be these: in place, with their weights and hooks.

    Parameters
    ----------
    model : torch.nn.Module
        On the CPU.  Layers of classes derived from torch's stay.
    frozen : bool
        That nothing writes to weights past torch's count of writes, as ``.data`` and NumPy do.
        Else each call without gradients finds whether they are those that it has prepared: large
        ones that stayed for some calls by asking Linux (6.7 and later), which then notes the pages
        that anybody writes to; others by reading them, which takes a fifth of the time of one image
        through ResNet-18.

    Returns
    -------
    torch.nn.Module
        The model.

    Examples
    --------
    >>> import torch
    >>> model = replace(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU()))
    >>> type(model[0]).__module__
    'parconv.compat.torch.layers'
    """
    for module in model.modules():
        ours = OURS.get(type(module))
        if ours is not None:
            module.__class__ = ours
            module.__dict__["_frozen"] = frozen
    return model
