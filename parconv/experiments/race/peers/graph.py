"""A layer as a model in ONNX, for the runtimes that load such models."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..layers import Layer
from ..workloads import Array
from .limits import Limit, any_unit, only
from .peer import Run

LIMITS: tuple[Limit, ...] = only("dtype", "float32"), any_unit


def maps(workload: Layer, f: Array) -> Array:
    """The images with channels before rows, as the model takes them."""
    return np.array(f.transpose(0, 3, 1, 2) if workload.last else f, order="C")


def shape(workload: Layer) -> tuple[int, int, int, int]:
    """That of the results, channels before rows."""
    (batch, _, *sides), (filters, _, *taps) = workload.image, workload.filters
    rows, columns = (
        (n + 2 * workload.padding - workload.dilation * (k - 1) - 1) // workload.stride + 1
        for n, k in zip(sides, taps, strict=True)
    )
    return batch, filters, rows, columns


def model(workload: Layer, g: Array) -> bytes:
    """One convolution from ``x`` to ``y``, its weights constants."""
    from onnx import TensorProto, helper, numpy_helper

    names = zip(("x", "y"), (workload.image, shape(workload)), strict=True)
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in names)
    node = helper.make_node(
        "Conv", ["x", "g"], ["y"], group=workload.groups, kernel_shape=workload.filters[2:],
        pads=[workload.padding] * 4, strides=[workload.stride] * 2,
        dilations=[workload.dilation] * 2,
    )  # fmt: skip
    graph = helper.make_graph([node], "layer", [x], [y], [numpy_helper.from_array(g, "g")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    serialized: bytes = made.SerializeToString()
    return serialized


@dataclass
class Running:
    """Calls of a model, whose output is bound anew where it is another array than the last.

    Results with channels last are views of an array of its own: models know no such layout.
    """

    workload: Layer
    image: Array  # kept here: the runtimes know its address alone
    bind: Callable[[Array], object]
    call: Callable[[], object]
    own: Array
    bound: Array | None = None

    def __call__(self, out: Array | None) -> Array:
        last = self.workload.last
        target = np.empty_like(self.own) if out is None else self.own if last else out
        if self.bound is not target:
            self.bind(target)
            self.bound = target
        self.call()
        return target.transpose(0, 2, 3, 1) if last else target


def running(
    workload: Layer, image: Array, bind: Callable[[Array], object], call: Callable[[], object]
) -> Run:
    """Those calls, with the memory for results that they own."""
    return Running(workload, image, bind, call, np.empty(shape(workload), np.float32))
