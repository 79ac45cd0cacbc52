"""Distrusts torch's names here: its own samples, values and gradients, and whole models."""

import importlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import RunPython, soak

torch = pytest.importorskip("torch")
pc = importlib.import_module("parconv.compat.torch")
F = torch.nn.functional
NAMES = ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
         "avg_pool1d", "avg_pool2d")  # fmt: skip


def near(found: Any, right: Any, case: object, scale: float = 1.0) -> None:
    """To within rounding of a few hundred terms of the type."""
    found, right = found.detach(), right.detach()
    assert (found.shape, found.dtype) == (right.shape, right.dtype), case
    eps = torch.finfo(right.dtype).eps if right.dtype.is_floating_point else 0.0
    if right.dtype.is_complex:
        eps = torch.finfo(right.real.dtype).eps
    bound = 40 * eps * max(1.0, scale, float(right.abs().max()) if right.numel() else 1.0)
    assert torch.allclose(found, right, rtol=0, atol=bound, equal_nan=True), case


def both(name: str, case: object, *given: Any, **words: Any) -> None:
    """Value and gradients of ours are torch's, or the error is of the same type."""

    def answer(module: Any) -> list[Any]:
        leaves = [
            each.clone().requires_grad_(each.dtype.is_floating_point)
            if isinstance(each, torch.Tensor) else each for each in given
        ]  # fmt: skip
        found = getattr(module, name)(*leaves, **words)
        if found.requires_grad:
            steps = torch.arange(found.numel(), dtype=found.dtype) / max(found.numel(), 1) - 0.3
            (found * steps.reshape(found.shape)).sum().backward()
        tensors = [each for each in leaves if isinstance(each, torch.Tensor)]
        return [found.detach(), *(each.grad for each in tensors)]

    try:
        right = answer(F)
    except Exception as error:
        with pytest.raises(type(error)):
            answer(pc)
        return
    for one, other in zip(answer(pc), right, strict=True):
        assert (one is None) == (other is None), case
        if other is not None:
            near(one, other, case)


def samples(name: str, dtype: Any) -> Iterator[Any]:
    """Those of torch's own tests of the operator."""
    invocations = pytest.importorskip("torch.testing._internal.common_methods_invocations")
    operator = next(op for op in invocations.op_db if op.name == f"nn.functional.{name}")
    if dtype not in operator.dtypes:
        pytest.skip(f"torch has none of {dtype}")
    yield from operator.sample_inputs("cpu", dtype, requires_grad=False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "dtype", [torch.float32, *soak(torch.int64, torch.bfloat16, torch.float64, torch.complex64,
                                   torch.float16)], ids=str
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
def test_torchs_own_samples(name: str, dtype: Any) -> None:
    seen = 0
    for sample in samples(name, dtype):
        narrow = dtype in (torch.bfloat16, torch.float16)
        if narrow:  # whose gradients torch sums in the narrow type
            right = getattr(F, name)(sample.input, *sample.args, **sample.kwargs)
            found = getattr(pc, name)(sample.input, *sample.args, **sample.kwargs)
            near(found, right, sample.kwargs)
        else:
            both(name, sample, sample.input, *sample.args, **sample.kwargs)
        seen += 1
    assert seen, "torch has no sample"


@pytest.mark.parametrize(("groups", "every"), [(1, 7), (2, 7), *soak((1, 1), (2, 1))])
@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
def test_layers(groups: int, every: int) -> None:
    """Strides, paddings, dilations, both orders of channels, with a bias and without."""
    x, w, b = torch.randn(2, 4, 9, 8), torch.randn(6, 4 // groups, 3, 2), torch.randn(6)
    cases = itertools.product((1, 2, (2, 3)), (0, 1, (1, 2), "same", "valid"), (1, 2), (b, None))
    cases = itertools.islice(itertools.product(cases, (False, True)), groups, None, every)
    for (stride, padding, dilation, bias), last in cases:
        case = stride, padding, dilation, bias is None, last
        given = x.to(memory_format=torch.channels_last) if last else x
        both("conv2d", case, given, w, bias, stride, padding, dilation, groups)
    found = pc.conv2d(x.to(memory_format=torch.channels_last), w, groups=groups)
    assert found.is_contiguous(memory_format=torch.channels_last)
    last, filters = x.to(memory_format=torch.channels_last), torch.randn(4, 3, 2, 3)
    both("conv_transpose2d", "last", last, filters, torch.randn(3 * groups), 2, 1, 1, groups)
    found = pc.conv_transpose2d(last, filters, stride=2)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("stride", [1, 2, 20])
def test_zeros_meet_what_is_not_finite(stride: int, last: bool) -> None:
    """And give NaN, as torch multiplies all taps: pruned weights do not hide what went wrong."""
    x, w = torch.randn(2, 3, 6, 7), torch.randn(3, 4, 3, 3)
    x[0, 0, 2, 3], x[1, 1, 0, 0] = torch.nan, torch.inf
    w[0, :, 1], w[2] = 0, 0
    given = x.to(memory_format=torch.channels_last) if last else x
    right = F.conv_transpose2d(x, w, stride=stride)
    found = pc.conv_transpose2d(given, w, stride=stride)
    assert right.isnan().any()
    assert torch.equal(found.isnan(), right.isnan())


def test_wrong_layers() -> None:
    x, w = torch.randn(2, 4, 5, 5), torch.randn(6, 4, 3, 3)
    wrong: list[tuple[Any, ...]] = [
        (x[0, 0], w), (x, w[0]), (x.double(), w), (x, w, torch.randn(5)), (x, w, None, 0),
        (x, w, None, 1, -1), (x, w, None, 1, 0, 0), (x, w, None, 1, 0, 3), (x, w, None, 1, 0, 1, 3),
        (x, w, None, 2, "same"), (x, w, None, (1, 2, 3)), (x[:, :3], w),
    ]  # fmt: skip
    for given in wrong:
        with pytest.raises(RuntimeError):
            F.conv2d(*given)
        with pytest.raises(RuntimeError):
            pc.conv2d(*given)


@pytest.mark.parametrize("border", ["zeros", "reflect", *soak("replicate", "circular")])
def test_a_model_whose_layers_are_replaced(border: str) -> None:
    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1, padding_mode=border), torch.nn.ReLU(),
        torch.nn.Conv2d(8, 8, 3, padding="same", groups=8), torch.nn.ConvTranspose2d(8, 4, 2, 2),
    )  # fmt: skip
    x = torch.randn(2, 3, 12, 10)
    right = model(x)
    right.square().sum().backward()
    slopes = [each.grad.clone() for each in model.parameters()]
    model.zero_grad()
    assert pc.replace(model) is model
    assert isinstance(model[0], pc.Conv2d)
    assert isinstance(model[3], pc.ConvTranspose2d)
    found = model(x)
    near(found, right, border)
    with torch.no_grad():
        near(model(x), right, border)
    found.square().sum().backward()
    for each, slope in zip(model.parameters(), slopes, strict=True):
        near(each.grad, slope, border)


@pytest.mark.soak
def test_numeric_derivatives() -> None:
    x = torch.randn(1, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    w = torch.randn(3, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    call: Callable[..., Any] = lambda x, w: pc.conv2d(x, w, stride=2, padding=1)  # noqa: E731
    assert torch.autograd.gradcheck(call, (x, w))


LAYERS = ("Conv1d", (9,)), ("Conv2d", (6, 7)), ("Conv3d", (4, 5, 6)), ("ConvTranspose2d", (5, 4))


@pytest.mark.parametrize(("name", "size"), LAYERS, ids=lambda given: str(given))
@pytest.mark.parametrize("noted", [True, *soak(False)])
def test_transforms(name: str, size: tuple[int, ...], noted: bool) -> None:
    """`torch.func` maps and differentiates layers by maps and by weights, and by both at once."""
    own, torchs = (getattr(module, name)(2, 4, 3, padding=1) for module in (pc, torch.nn))
    own, torchs = own.double(), torchs.double()
    torchs.load_state_dict(own.state_dict())
    x, func = torch.randn(3, 2, 2, *size, dtype=torch.float64), torch.func
    weights = torch.stack([own.weight.detach(), torch.randn_like(own.weight.detach())])

    def answers(layer: Any) -> Iterator[Any]:
        of_weight: Callable[..., Any] = lambda w, x: func.functional_call(layer, {"weight": w}, x)  # noqa: E731
        cubes: Callable[..., Any] = lambda x: layer(x).pow(3).sum()  # noqa: E731
        loss: Callable[..., Any] = lambda w, x: of_weight(w, x).square().sum()  # noqa: E731
        yield torch.vmap(layer)(x)
        yield torch.vmap(layer, in_dims=1, out_dims=2)(x)
        yield torch.vmap(of_weight, in_dims=(0, None))(weights, x[0])
        yield torch.vmap(of_weight)(weights, x[:2])
        yield func.jacrev(layer)(x[0, :1])
        yield func.grad(lambda x: func.grad(cubes)(x).square().sum())(x[0])
        yield torch.vmap(func.grad(loss), in_dims=(None, 0))(weights[0], x)
        yield func.grad(lambda w: func.grad(loss)(w, x[0]).square().sum())(weights[0])

    with torch.set_grad_enabled(noted):
        for place, (found, right) in enumerate(zip(*map(answers, (own, torchs)), strict=True)):
            near(found, right, place)


def test_second_derivatives() -> None:
    x = torch.randn(1, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    w = torch.randn(2, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    call: Callable[..., Any] = lambda x, w: pc.conv2d(x, w, stride=(2, 1), padding=1)  # noqa: E731
    assert torch.autograd.gradgradcheck(call, (x, w))


def test_tensors_are_not_copied() -> None:
    from parconv.compat.torch.arrays import array_of, tensor_of

    x = torch.randn(3, 4)
    assert array_of(x).ctypes.data == x.data_ptr()
    assert tensor_of(array_of(x), x).data_ptr() == x.data_ptr()


def test_torch_is_not_imported(run_python: RunPython) -> None:
    run_python(
        """
        import sys
        from parconv.compat import torch
        assert torch.conv2d and "torch" not in sys.modules
        """
    )
