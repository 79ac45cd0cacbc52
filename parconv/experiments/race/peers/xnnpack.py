"""XNNPACK, through LiteRT: a graph of one convolution, channels last, in memory of its own."""

import importlib
from typing import Any

import numpy as np

from ..layers import Layer
from ..workloads import Array
from .graph import shape
from .limits import Limit, any_unit, needs, only
from .peer import Run, Unread

LIMITS: tuple[Limit, ...] = (
    only("dtype", "float32"), any_unit,
    needs("one group, or one for each channel", lambda asked: asked.groups in (1, asked.image[1])),
)  # fmt: skip


def layer(workload: Layer, f: Array, g: Array, threads: int) -> Run:
    """`Interpreter.invoke`; the delegate is its own choice for float32."""
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(model_content=_model(workload, g), num_threads=threads)
    net.allocate_tensors()
    maps = f if workload.last else f.transpose(0, 2, 3, 1)
    net.set_tensor(net.get_input_details()[0]["index"], np.ascontiguousarray(maps))
    index = net.get_output_details()[0]["index"]

    def turned(result: Array) -> Array:
        return result if workload.last else result.transpose(0, 3, 1, 2)

    # a view of its memory would forbid the next call
    unread = Unread(lambda: turned(net.get_tensor(index)))

    def run(out: Array | None) -> Array | Unread:
        net.invoke()
        return turned(net.get_tensor(index)) if out is None else unread

    return run


def _model(workload: Layer, g: Array) -> bytes:
    """The file that it loads: padding, which XNNPACK joins to what follows, and a convolution."""
    (batch, channels, rows, columns), p = workload.image, workload.padding
    deep = workload.groups == channels > 1
    _, filters, high, wide = shape(workload)
    model = _Model()
    x = model.tensor((batch, rows, columns, channels))
    padded = model.tensor((batch, rows + 2 * p, columns + 2 * p, channels)) if p else x
    if p:
        edges = model.constant(np.array([[0, 0], [p, p], [p, p], [0, 0]], np.int32))
        model.operate("Pad", [x, edges], padded)
    taps = model.constant(g.transpose(*((1, 2, 3, 0) if deep else (0, 2, 3, 1))))
    y = model.tensor((batch, high, wide, filters))
    settings = {
        "padding": 1, "strideW": workload.stride, "strideH": workload.stride,
        "dilationWFactor": workload.dilation, "dilationHFactor": workload.dilation,
    } | ({"depthMultiplier": filters // channels} if deep else {})  # fmt: skip
    bias = model.constant(np.zeros(filters, np.float32))
    kind = "DepthwiseConv2D" if deep else "Conv2D"
    model.operate(kind, [padded, taps, bias], y, **settings)
    return model.file(x, y)


CODES = {"Pad": "PAD", "Conv2D": "CONV_2D", "DepthwiseConv2D": "DEPTHWISE_CONV_2D"}


class _Model:
    """A file of LiteRT's while it grows: tensors, constants, operators in their order."""

    def __init__(self) -> None:
        self._schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")
        self._model, self._graph = self._schema.ModelT(), self._schema.SubGraphT()
        self._model.version, self._model.subgraphs = 3, [self._graph]
        self._model.buffers, self._model.operatorCodes = [self._schema.BufferT()], []
        self._graph.tensors, self._graph.operators = [], []

    def tensor(self, dims: tuple[int, ...], kind: str = "float32", buffer: int = 0) -> int:
        """Its number."""
        made = self._schema.TensorT()
        made.shape, made.buffer = list(dims), buffer
        made.type = getattr(self._schema.TensorType, kind.upper())
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def constant(self, values: Array) -> int:
        """The number of a tensor with those values."""
        buffer = self._schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return self.tensor(values.shape, values.dtype.name, len(self._model.buffers) - 1)

    def operate(self, kind: str, inputs: list[int], output: int, **settings: int) -> None:
        """One more operator; its settings as the schema names them."""
        code, made = self._schema.OperatorCodeT(), self._schema.OperatorT()
        number = getattr(self._schema.BuiltinOperator, CODES[kind])
        code.builtinCode = code.deprecatedBuiltinCode = number
        code.version = 1
        made.opcodeIndex, made.inputs, made.outputs = (
            len(self._model.operatorCodes),
            inputs,
            [output],
        )
        made.builtinOptionsType = getattr(self._schema.BuiltinOptions, f"{kind}Options")
        made.builtinOptions = getattr(self._schema, f"{kind}OptionsT")()
        for word, value in settings.items():
            setattr(made.builtinOptions, word, value)
        self._model.operatorCodes.append(code)
        self._graph.operators.append(made)

    def file(self, x: int, y: int) -> bytes:
        """All of it, from one input to one output."""
        flatbuffers: Any = importlib.import_module("flatbuffers")
        self._graph.inputs, self._graph.outputs = [x], [y]
        builder = flatbuffers.Builder(2**20)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
