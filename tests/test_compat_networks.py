"""Distrusts whole models of torch whose layers are ours: results, gradients, what is remembered."""

import copy
import importlib
import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunPython, soak

torch = pytest.importorskip("torch")
pc = importlib.import_module("parconv.compat.torch")
latest = importlib.import_module("parconv.compat.torch.latest")
networks = importlib.import_module("parconv.experiments.networks")
TWO = pytest.mark.parametrize("threads", [1, 2])


@pytest.fixture(autouse=True)
def torchs_threads() -> Iterator[None]:
    """One, unless a test asks for more: beside other processes two wait long for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def far(found: Any, right: Any) -> float:
    """The largest error, relative to the largest number."""
    assert (found.shape, found.dtype) == (right.shape, right.dtype)
    return float((found - right).abs().max() / right.abs().max())


@pytest.mark.parametrize("order", ["first", "last"])
@pytest.mark.parametrize("name", networks.NETWORKS)
def test_results(name: str, order: str) -> None:
    """Of two images, by one thread and two, when the call is new and when it is remembered."""
    theirs, x = networks.network(name, order), networks.images(2, 64, order)
    ours, found = pc.replace(copy.deepcopy(theirs)), []
    with torch.inference_mode():
        right = theirs(x)
        for threads in (1, 1, 2, 1):
            torch.set_num_threads(threads)
            found.append(ours(x))
    assert far(found[0], right) <= 1e-5
    assert all(torch.equal(each, found[0]) for each in found)
    layers = [layer for layer in ours.modules() if isinstance(layer, pc.Conv2d)]
    assert len(layers) == {"ResNet-18": 20, "MobileNetV2": 52}[name]
    assert all(layer.__dict__["_latest"] for layer in layers)


@pytest.mark.parametrize("name", ["ResNet-18", *soak("MobileNetV2")])
def test_gradients(name: str) -> None:
    """In double precision, where rounding hides nothing; of the image and of every weight."""
    slopes = []
    for change in (lambda model: model, pc.replace):
        model = change(networks.network(name, kind=torch.float64))
        x = networks.images(1, 32, kind=torch.float64).requires_grad_()
        model(x).square().sum().backward()
        slopes.append([x.grad, *(each.grad for each in model.parameters())])
    for found, right in zip(*slopes, strict=True):
        assert far(found, right) <= 1e-10


def layer(order: str = "first", bias: bool = True) -> tuple[Any, Any]:
    """A layer of ours that remembers a call, and the image of that call."""
    torch.manual_seed(3)
    made = pc.Conv2d(6, 40, 3, padding=1, bias=bias).to(memory_format=networks.ORDERS[order])
    x = torch.randn(2, 6, 20, 21).to(memory_format=networks.ORDERS[order])
    with torch.no_grad():
        made(x)
    assert made.__dict__["_latest"]
    return made, x


def check(made: Any, x: Any) -> None:
    with torch.no_grad():
        found, right = made(x), torch.nn.Conv2d.forward(_theirs(made), x)
    assert far(found, right) <= 1e-5
    assert found.stride() == right.stride()


def _theirs(made: Any) -> Any:
    """torch's layer with the same weights."""
    with torch.no_grad():
        found = torch.nn.Conv2d(
            made.in_channels,
            made.out_channels,
            made.kernel_size,
            made.stride,
            made.padding,
            made.dilation,
            made.groups,
            made.bias is not None,
        )
        found.weight = torch.nn.Parameter(made.weight.detach().clone())
        if made.bias is not None:
            found.bias = torch.nn.Parameter(made.bias.detach().clone())
    return found  # fmt: skip


def _add(made: Any) -> None:
    with torch.no_grad():
        made.weight.add_(1)


def _add_to_one(made: Any) -> None:
    with torch.no_grad():
        made.weight[3, 1, 0, 2] += 100


def _step(made: Any) -> None:
    made.weight.grad = torch.ones_like(made.weight)
    torch.optim.SGD(made.parameters(), lr=1.0).step()


def _set(name: str, value: Any) -> Any:
    return lambda made: setattr(made, name, value)


CHANGES = {
    "added": _add, "one": _add_to_one, "step": _step,
    "data": lambda made: made.weight.data.mul_(2),
    "other data": lambda made: setattr(made.weight, "data", torch.randn(40, 6, 3, 3)),
    "numpy": lambda made: np.negative(made.weight.detach().numpy(), made.weight.detach().numpy()),
    "loaded": lambda made: made.load_state_dict(pc.Conv2d(6, 40, 3).state_dict()),
    "parameter": lambda made: setattr(made, "weight", torch.nn.Parameter(torch.randn(40, 6, 3, 3))),
    "bias": lambda made: made.bias.data.add_(1), "no bias": _set("bias", None),
    "stride": _set("stride", (2, 1)), "padding": _set("padding", (0, 2)),
    "half": lambda made: made.weight.data[:20].zero_(),
    "last": lambda made: made.weight.data[-1, -1, -1, -1].add_(1),
    "exchanged": lambda made: made.weight.data.copy_(made.weight.data.flip(0)),
    "turned": lambda made: setattr(made.weight, "data", made.weight.data.transpose(2, 3)),
    "nothing": lambda made: None,
}  # fmt: skip


@pytest.mark.parametrize("order", ["first", "last"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_layer_that_changes_after_a_call(change: str, order: str) -> None:
    made, x = layer(order)
    CHANGES[change](made)
    check(made, x)
    check(made, x)


_SOME = "added", "data", "numpy", "half", "last", "exchanged", "nothing"
STAYED = {name: CHANGES[name] for name in _SOME} | {
    "first": lambda made: made.weight.data[0, 0, 0, 0].add_(1),
    "one amid": lambda made: made.weight.data[31, 20, 1].add_(1),
    "one amid, by numpy": lambda made: made.weight.detach().numpy()[31, 20, 1].fill(7),
}  # fmt: skip


@TWO
@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("change", STAYED)
def test_large_weights_that_stayed_for_long(
    change: str, tracked: bool, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not the system tells who wrote: a change is seen at once, and then the next."""
    if not tracked:
        monkeypatch.setattr(latest, "watch", lambda lying: None)
    torch.set_num_threads(threads)
    made, x = pc.Conv2d(64, 64, 3), torch.randn(2, 64, 30, 30)
    assert made.weight.numel() * 4 > latest.WATCHED_BYTES
    for calls in (latest.STAYED + 2, 1, 2, latest.STAYED + 2):
        for _ in range(calls):
            check(made, x)
        STAYED[change](made)
        check(made, x)


def test_layers_that_share_weights() -> None:
    """Each sees what was written, though another has asked about it before."""
    made, other = pc.Conv2d(64, 64, 3), pc.Conv2d(64, 64, 3)
    other.weight = made.weight
    x = torch.randn(2, 64, 30, 30)
    for turn in range(3):
        for _ in range(latest.STAYED + 2):
            check(made, x)
            check(other, x)
        made.weight.data[turn, 7] += 1
        check(made, x)
        check(other, x)


def test_frozen_layers_believe_torchs_count() -> None:
    """A number written past it stays unseen, as asked; one that torch counts does not."""
    made, x = torch.nn.Conv2d(3, 5, 3), torch.randn(1, 3, 9, 8)
    model = pc.replace(torch.nn.Sequential(made), frozen=True)
    with torch.no_grad():
        before = model(x)
        made.weight.data.mul_(2)
        assert torch.equal(model(x), before)
        made.weight.mul_(2)
    check(made, x)


@pytest.mark.parametrize("size", [1, 3, 4, 5, 64, 1027])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_word_tells(size: int, dtype: str) -> None:
    """Of any one number, and of any two that change places."""

    def digest(values: np.ndarray) -> int:
        return int(latest.digest(values.ctypes.data, values.nbytes // 4))

    values = np.arange(1, size + 1).astype(dtype)
    whole = digest(values)
    for n in range(size):
        changed = values.copy()
        changed[n] = np.nextafter(changed[n], 0)
        assert digest(changed) != whole
        changed = values.copy()
        changed[[0, n]] = changed[[n, 0]]
        assert (digest(changed) == whole) == (n == 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_patterns_of_changes_tell(dtype: str) -> None:
    """Whose differences cancel each other where numbers of words follow from their places."""
    digest = partial(_digest, dtype)
    haar = [0.5, -0.5, -0.5, 0.5]
    assert digest(haar) != digest(np.negative(haar))
    rng = np.random.default_rng(0)
    for size in (4, 16, 64):
        for values in rng.standard_normal((1000, size)):
            whole = digest(values)
            assert digest(-values) != whole
            assert digest(values[::-1]) != whole
            assert digest(2 * values) != whole


def _digest(dtype: str, values: Any) -> int:
    array = np.array(values, dtype)
    return int(latest.digest(array.ctypes.data, array.nbytes // 4))


def test_parts_add_up_to_the_whole() -> None:
    """As threads share it, whatever vectors the parts end in."""
    total, values = teamwork_sum(), np.random.default_rng(0).integers(0, 1 << 32, 1000, np.uint32)
    whole = latest.digest(values.ctypes.data, values.size)
    for cut in (2, 30, 500, 998):
        parts = total(values.ctypes.data, 0, cut), total(values.ctypes.data, cut, 1000 - cut)
        assert (sum(parts) - whole) % (1 << 64) == 0


def teamwork_sum() -> Any:
    import numba

    from parconv.codegen.digest import sum_of

    return numba.njit(lambda address, first, count: sum_of(address, first, count))


@pytest.mark.parametrize("cut", ["looked", "conv"])
def test_a_call_that_fails_has_not_looked(cut: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was about to find, the next one finds: written where no page is shared."""
    made, x = pc.Conv2d(64, 64, 3), torch.randn(2, 64, 30, 30)
    for _ in range(latest.STAYED + 2):
        check(made, x)
    made.weight.data[31, 20, 1] += 1

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    place = {"looked": latest.teamwork, "conv": pc.functional}[cut]
    with monkeypatch.context() as patch, torch.no_grad():
        patch.setattr(place, cut, interrupted)
        with pytest.raises(KeyboardInterrupt):
            made(x)
    check(made, x)


def test_a_call_meanwhile_looks_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another thread, while one that found a change prepares the weights anew."""
    made, x = pc.Conv2d(64, 64, 3), torch.randn(2, 64, 30, 30)
    for _ in range(latest.STAYED + 2):
        check(made, x)
    made.weight.data[31, 20, 1] += 1
    whole, found = pc.functional.conv, []

    def meanwhile(*given: Any, **words: Any) -> Any:
        monkeypatch.setattr(pc.functional, "conv", whole)
        with torch.no_grad():
            found.append(made(x))
        return whole(*given, **words)

    monkeypatch.setattr(pc.functional, "conv", meanwhile)
    with torch.no_grad():
        found.append(made(x))
        right = _theirs(made)(x)
    assert [far(each, right) <= 1e-5 for each in found] == [True, True]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_images_without_a_batch(rank: int) -> None:
    """Of three axes they have as many as a batch of two has."""
    name = f"Conv{rank}d"
    made, x = getattr(pc, name)(3, 4, 2), torch.randn(3, *(7, 6, 5)[:rank])
    with torch.no_grad():
        right = getattr(torch.nn.functional, name.lower())(x, made.weight, made.bias)
        for _ in range(3):
            assert far(made(x), right) <= 1e-5


@pytest.mark.parametrize("grad", [False, True])
def test_layers_in_a_narrower_type(grad: bool) -> None:
    """As torch casts them: amid others, after a remembered call, and those of double precision."""
    theirs = torch.nn.Sequential(torch.nn.Linear(9, 9), torch.nn.Conv2d(3, 4, 3),
                                 torch.nn.ConvTranspose2d(4, 2, 2, stride=2))  # fmt: skip
    ours, x = pc.replace(copy.deepcopy(theirs)), torch.randn(1, 3, 9, 9)
    with torch.set_grad_enabled(grad):
        ours(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for _ in range(2):
                found, right = ours(x), theirs(x)
                assert found.dtype == torch.bfloat16
                assert far(found.detach().float(), right.detach().float()) <= 0.03
            assert ours[1].double()(x.double()).dtype == torch.float64
        if grad:
            found.float().sum().backward()
            assert ours[0].weight.grad is not None


def test_results_are_where_images_are() -> None:
    """Not where torch puts new tensors."""
    made, x = layer()
    with torch.no_grad(), torch.device("meta"):
        assert made(x).device == x.device


@pytest.mark.parametrize("order", ["first", "last"])
def test_other_images_after_a_call(order: str) -> None:
    made, x = layer(order)
    for other in (x[:, :, :11], x[:, :, 1:, 2:], x[:1], x + 1, x[0], x.transpose(2, 3),
                  x.contiguous(), x.to(memory_format=torch.channels_last), x[:0],
                  torch._neg_view(x)):  # fmt: skip
        with torch.no_grad():
            right = _theirs(made)(other)
            assert torch.allclose(made(other), right, rtol=1e-5, atol=1e-5)
    with torch.no_grad(), pytest.raises(RuntimeError):
        made(x.double())
    check(made, x)


def test_gradients_after_a_call() -> None:
    made, x = layer()
    made(x.requires_grad_()).sum().backward()
    assert made.weight.grad is not None
    assert x.grad is not None


def test_copies_and_pickles_remember_calls_of_their_own() -> None:
    made, x = layer()
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        with torch.no_grad():
            assert torch.equal(other(x), made(x))
            other.weight.add_(1)
            assert not torch.equal(other(x), made(x))
        check(other, x)


@TWO
def test_large_results(threads: int) -> None:
    """Of more than the caches hold, which go through them, and by torch's threads."""
    torch.set_num_threads(threads)
    for groups, order in ((1, "first"), (1, "last"), (32, "first"), (32, "last")):
        made = pc.Conv2d(32, 32, 3, padding=1, groups=groups)
        made = made.to(memory_format=networks.ORDERS[order])
        check(made, torch.randn(8, 32, 112, 112).to(memory_format=networks.ORDERS[order]))


def test_torchs_threads_are_found() -> None:
    from parconv.runtime.strategies import team

    folder = Path(torch.__file__).parent
    if not any(folder.glob("lib/libgomp*")):
        pytest.skip("this torch has another OpenMP")
    assert team.team_of(folder)
    assert team.team_of(folder / "share") is None


def test_a_forked_child_does_without_torchs_threads(run_python: RunPython) -> None:
    """Which stayed with the parent: waiting for them would last for ever."""
    run_python(
        """
        import os, sys
        import torch
        from parconv.compat import torch as pc
        if not hasattr(os, "fork"):
            sys.exit()
        torch.set_num_threads(2)
        made, x = pc.Conv2d(32, 64, 3), torch.randn(2, 32, 60, 60)
        with torch.inference_mode():
            right = made(x), made(x)
            child = os.fork()
            if child == 0:
                found = made(x)
                os._exit(0 if bytes(found.numpy()) == bytes(right[0].numpy()) else 1)
        assert os.waitpid(child, 0)[1] == 0
        """
    )
