"""ONNX Runtime: a graph of one convolution, between arrays that it does not copy."""

import numpy as np

from ..layers import Layer
from ..workloads import Array
from . import graph
from .peer import Run


def layer(workload: Layer, f: Array, g: Array, threads: int) -> Run:
    """`InferenceSession.run_with_iobinding`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(
        graph.model(workload, g), options, providers=["CPUExecutionProvider"]
    )
    image = graph.maps(workload, f)
    bound = session.io_binding()
    bound.bind_input("x", "cpu", 0, np.float32, image.shape, image.ctypes.data)

    def bind(out: Array) -> None:
        bound.bind_output("y", "cpu", 0, np.float32, out.shape, out.ctypes.data)

    return graph.running(workload, image, bind, lambda: session.run_with_iobinding(bound))
