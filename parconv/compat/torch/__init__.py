"""torch's convolutions: ``from parconv.compat import torch as pc``.

Functions of ``torch.nn.functional`` on tensors of the CPU, which are seen as arrays without a copy,
with torch's arguments and errors, and gradients by our own convolutions; layers of ``torch.nn``
that call them; ``replace`` turns the layers of a model that is there into these.  torch is imported
when the first of the layers is asked for, or by who passes a tensor.
"""

from typing import TYPE_CHECKING, Any

from .functional import (
    avg_pool1d,
    avg_pool2d,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)

if TYPE_CHECKING:
    from .layers import (
        Conv1d,
        Conv2d,
        Conv3d,
        ConvTranspose1d,
        ConvTranspose2d,
        ConvTranspose3d,
        replace,
    )

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "avg_pool1d",
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "replace",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import layers

    return getattr(layers, name)
