"""Distrusts layers by ONNX's own cases of its convolutions, answered by our words alone."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import parconv

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
NODES = pytest.importorskip("onnx.backend.test.case.node", reason="onnx has no cases")
LOADER = pytest.importorskip("onnx.backend.test.loader", reason="onnx has no cases")


class Case(NamedTuple):
    """A node, its arguments in order, and the result it must have."""

    name: str
    node: Any
    given: list[Any]
    right: np.ndarray


class Layer(NamedTuple):
    """What a node's attributes say of a layer, one number for each axis."""

    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    padding: tuple[tuple[int, int], ...]
    auto: str
    more: tuple[int, ...]  # output_padding
    wanted: tuple[int, ...] | None  # output_shape

    @classmethod
    def of(cls, node: Any, rank: int) -> "Layer":
        said = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        pads, shape = said.get("pads", [0] * 2 * rank), said.get("output_shape")
        ones, nothing = [1] * rank, [0] * rank
        return cls(
            tuple(said.get("strides", ones)), tuple(said.get("dilations", ones)),
            said.get("group", 1), tuple(zip(pads[:rank], pads[rank:], strict=True)),
            said.get("auto_pad", b"NOTSET").decode(), tuple(said.get("output_padding", nothing)),
            None if shape is None else tuple(shape[-rank:]),
        )  # fmt: skip


def halves(total: int, auto: str) -> tuple[int, int]:
    small = total // 2
    return (total - small, small) if auto == "SAME_LOWER" else (small, total - small)


def layer(node: Any, x: Any, w: Any, **words: Any) -> np.ndarray:
    """Planes, and signals as planes of one row."""
    rank = x.ndim - 2
    asked = Layer.of(node, rank)
    pads = asked.padding
    if asked.auto.startswith("SAME"):
        sizes = zip(x.shape[2:], w.shape[2:], asked.stride, asked.dilation, strict=True)
        totals = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in sizes]
        pads = tuple(halves(total, asked.auto) for total in totals)
    if rank == 1:
        found = parconv.correlate2d(
            x[:, :, None], w[:, :, None], stride=(1, *asked.stride), groups=asked.groups,
            dilation=(1, *asked.dilation), padding=((0, 0), *pads), **words,
        )  # fmt: skip
        return found[:, :, 0]
    return parconv.correlate2d(x, w, stride=asked.stride, dilation=asked.dilation, padding=pads,
                               groups=asked.groups, **words)  # fmt: skip


def conv(node: Any, x: Any, w: Any, b: Any = None) -> np.ndarray:
    return layer(node, x, w, bias=b, dtype=x.dtype)


def around(value: Any, zero: Any) -> np.ndarray:
    """Less its zero point, of which filters may have one each."""
    point = np.asarray(0 if zero is None else zero, np.int32)
    return value.astype(np.int32) - point.reshape(-1, *[1] * (value.ndim - 1))


def conv_integer(node: Any, x: Any, w: Any, x_zero: Any = None, w_zero: Any = None) -> np.ndarray:
    return layer(node, around(x, x_zero), around(w, w_zero), dtype=np.int32, overflow="raise")


def qlinear(
    node: Any, x: Any, x_scale: Any, x_zero: Any, w: Any, w_scale: Any, w_zero: Any,
    y_scale: Any, y_zero: Any, b: Any = None,
) -> np.ndarray:  # fmt: skip
    """Scaled, moved by the zero point, rounded half to even and saturated in one call."""
    scale = np.ravel(x_scale).astype(float) * np.ravel(w_scale) / np.ravel(y_scale)
    bias = np.ravel(y_zero).astype(float) + scale * (0 if b is None else b)
    several = [np.broadcast_to(each, len(w)) for each in (scale, bias)]
    return layer(node, around(x, x_zero), around(w, w_zero), scale=several[0], bias=several[1],
                 dtype=np.asarray(y_zero).dtype, accumulate=np.float64)  # fmt: skip


def transpose(node: Any, x: Any, w: Any, b: Any = None) -> np.ndarray:
    rank = x.ndim - 2
    asked = Layer.of(node, rank)
    wanted = asked.wanted
    if wanted is None and asked.auto.startswith("SAME"):
        wanted = tuple(n * s for n, s in zip(x.shape[2:], asked.stride, strict=True))
    lines = asked.stride, asked.dilation, asked.more
    if rank == 1:
        x, w, lines = x[:, :, None], w[:, :, None], ((1, *lines[0]), (1, *lines[1]), (0, *lines[2]))
    whole = parconv.conv_transpose2d(
        x, w, bias=b, stride=lines[0], dilation=lines[1], groups=asked.groups,
        output_padding=lines[2],
    )  # fmt: skip
    whole = whole[:, :, 0] if rank == 1 else whole
    pads = asked.padding
    if wanted is not None:  # zeros where nothing reaches
        less = [max(want - n, 0) for n, want in zip(whole.shape[2:], wanted, strict=True)]
        whole = np.pad(whole, [(0, 0), (0, 0), *((0, n) for n in less)])
        both = zip(whole.shape[2:], wanted, strict=True)
        pads = tuple(halves(n - want, asked.auto) for n, want in both)
    ends = zip(whole.shape[2:], pads, strict=True)
    return whole[(..., *(slice(low, n - high) for n, (low, high) in ends))]


OPERATORS: dict[str, Callable[..., np.ndarray]] = {
    "Conv": conv, "ConvInteger": conv_integer, "QLinearConv": qlinear, "ConvTranspose": transpose,
}  # fmt: skip


def of_model(name: str, model: Any, data: Iterator[tuple[Any, Any]]) -> Iterator[Case]:
    """Of a model that is one convolution of planes or signals."""
    nodes, stored = model.graph.node, {}
    if len(nodes) != 1 or nodes[0].op_type not in OPERATORS:
        return
    for each in model.graph.initializer:
        stored[each.name] = onnx.numpy_helper.to_array(each)
    names = [each.name for each in model.graph.input if each.name not in stored]
    for number, (given, right) in enumerate(data):
        known = stored | dict(zip(names, given, strict=True))
        values = [known.get(each) for each in nodes[0].input]
        if values[0].ndim <= 4:
            yield Case(f"{name}-{number}", nodes[0], values, right[0])


def stored_sets(folder: Path) -> Iterator[tuple[Any, Any]]:
    for place in sorted(folder.glob("test_data_set_*")):
        yield tuple(
            [onnx.numpy_helper.to_array(onnx.load_tensor(str(path)))
             for path in sorted(place.glob(f"{kind}_*.pb"))] for kind in ("input", "output")
        )  # fmt: skip


def cases() -> Iterator[Case]:
    """Of operators one by one, and of models that were made from torch's."""
    for name in OPERATORS:  # each makes its cases as it is imported; `collect_testcases` takes all
        import_module(f"{NODES.__name__}.{name.lower()}")
    for each in NODES._NodeTestCases:
        yield from of_model(each.name, each.model, iter(each.data_sets))
    for kind in ("pytorch-converted", "pytorch-operator"):
        for each in LOADER.load_model_tests(kind=kind):
            folder = Path(each.model_dir)
            model = onnx.load(str(folder / "model.onnx"))
            yield from of_model(f"{kind}-{each.name}", model, stored_sets(folder))


CASES = list(cases())


def test_there_are_cases_of_each() -> None:
    """Or else ONNX keeps them elsewhere now, and nothing was asked."""
    counts = {name: sum(case.node.op_type == name for case in CASES) for name in OPERATORS}
    assert counts["Conv"] > 20
    assert counts["ConvTranspose"] > 8
    assert all(counts.values()), counts


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layers_are_onnx_s(case: Case) -> None:
    found = OPERATORS[case.node.op_type](case.node, *case.given)
    assert (found.shape, found.dtype) == (case.right.shape, case.right.dtype)
    if case.right.dtype.kind in "iu":
        np.testing.assert_array_equal(found, case.right)
    else:
        np.testing.assert_allclose(found, case.right, rtol=1e-4, atol=1e-5)
