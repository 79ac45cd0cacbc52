"""OpenVINO: a graph of one convolution in float32, which is not what it takes by itself."""

from ..layers import Layer
from ..workloads import Array
from . import graph
from .peer import Run


def layer(workload: Layer, f: Array, g: Array, threads: int) -> Run:
    """`InferRequest.infer` with shared memory.

    Processors that multiply bfloat16 would round to it: precision is pinned.
    """
    import openvino

    core = openvino.Core()
    request = core.compile_model(
        core.read_model(graph.model(workload, g), b""),
        "CPU",
        {
            "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False,
        },
    ).create_infer_request()  # fmt: skip
    image = graph.maps(workload, f)
    request.set_input_tensor(openvino.Tensor(image, shared_memory=True))

    def bind(out: Array) -> None:
        request.set_output_tensor(openvino.Tensor(out, shared_memory=True))

    return graph.running(workload, image, bind, request.infer)
