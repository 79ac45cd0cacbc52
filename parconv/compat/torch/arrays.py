"""Tensors of the CPU as arrays, and back."""

from typing import Any

import numpy as np

from ...problem.dtypes import Array

WIDER = {"torch.bfloat16": "float", "torch.complex32": "cfloat"}  # types that NumPy lacks


def array_of(tensor: Any) -> Array:
    """Its numbers, without a copy where NumPy knows the type."""
    bare = tensor.detach()
    try:
        result: Array = bare.numpy()
    except (RuntimeError, TypeError):  # lazily conjugated or negated, or of such a type
        found = bare.resolve_conj().resolve_neg()
        wider = WIDER.get(str(found.dtype))
        result = (getattr(found, wider)() if wider else found).numpy()
    return result


def tensor_of(array: Array, like: Any) -> Any:
    """A tensor of the array's memory; of the other's type where NumPy has none such."""
    import torch

    found = torch.from_numpy(array if array.flags.writeable else array.copy())
    wider = found.dtype is not like.dtype and str(like.dtype) in WIDER
    return found.to(like.dtype) if wider else found


def is_last(tensor: Any) -> bool:
    """Whether maps lie with their channels last."""
    import torch

    return bool(
        tensor.dim() == 4
        and tensor.is_contiguous(memory_format=torch.channels_last)
        and not tensor.is_contiguous()
    )


def store_of(kind: np.dtype[Any]) -> dict[str, Any]:
    """How results of that type are stored: integers wrap."""
    wrap = {"overflow": "wrap"} if kind.kind in "iu" else {}
    return {"dtype": kind, **wrap}
