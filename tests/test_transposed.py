"""Distrusts the transposed convolution: the definition, term by term, and torch."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from oracle import assert_same_bits

import parconv
from parconv.problem.arguments import each


def expected(
    f: np.ndarray, g: np.ndarray, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    dilation: Any = 1, groups: int = 1, bias: Any = None,
) -> np.ndarray:  # fmt: skip
    """Each pixel adds the filter, scaled by it, in double precision."""
    (sy, sx), (py, px), (my, mx), (dy, dx) = (
        each(value, 2) for value in (stride, padding, output_padding, dilation)
    )
    (batch, channels, rows, columns), (_, outputs, high, wide) = f.shape, g.shape
    whole = np.zeros((batch, groups * outputs, (rows - 1) * sy + dy * (high - 1) + 1 + my,
                      (columns - 1) * sx + dx * (wide - 1) + 1 + mx))  # fmt: skip
    for c, o, y, x in np.ndindex(channels, outputs, high, wide):
        to = c // (channels // groups) * outputs + o
        ys, xs = slice(y * dy, y * dy + (rows - 1) * sy + 1, sy), slice(
            x * dx, x * dx + (columns - 1) * sx + 1, sx)  # fmt: skip
        whole[:, to, ys, xs] += f[:, c].astype(float) * float(g[c, o, y, x])
    whole = whole[..., py : whole.shape[2] - py, px : whole.shape[3] - px]
    return whole if bias is None else whole + np.asarray(bias)[:, None, None]


def numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


sizes = st.integers(1, 4)


@st.composite
def layers(draw: Any) -> tuple[Any, ...]:
    groups, stride, dilation = draw(st.sampled_from([1, 2])), draw(st.tuples(sizes, sizes)), draw(
        st.tuples(sizes, sizes))  # fmt: skip
    taps = draw(st.tuples(sizes, sizes))
    f = numbers(
        (draw(st.integers(1, 2)), groups * draw(sizes), draw(st.integers(1, 6)), draw(sizes))
    )
    g = numbers((f.shape[1], draw(sizes), *taps), 1)
    spans = [d * (k - 1) + 1 + (n - 1) * s for d, k, n, s in
             zip(dilation, taps, f.shape[2:], stride, strict=True)]  # fmt: skip
    padding = tuple(draw(st.integers(0, (span - 1) // 2)) for span in spans)
    more = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    return f, g, {"stride": stride, "padding": padding, "output_padding": more,
                  "dilation": dilation, "groups": groups}  # fmt: skip


@given(layers())
def test_definition(case: tuple[Any, ...]) -> None:
    f, g, question = case
    right = expected(f, g, **question)
    out = np.full(right.shape, np.nan, np.float32)
    assert parconv.conv_transpose2d(f, g, out=out, **question) is out
    np.testing.assert_allclose(out, right, rtol=0, atol=1e-5 * np.abs(g).sum())
    assert_same_bits(parconv.conv_transpose2d(f, g, threads=1, **question), out)
    last = np.full((*right.shape[:1], *right.shape[2:], right.shape[1]), np.nan, np.float32)
    turned = np.ascontiguousarray(f.transpose(0, 2, 3, 1))
    parconv.conv_transpose2d(turned, g, axes=(1, 2), out=last, **question)
    np.testing.assert_allclose(
        last.transpose(0, 3, 1, 2), right, rtol=0, atol=1e-5 * np.abs(g).sum()
    )
    assert_same_bits(parconv.conv_transpose2d(f[0], g, **question), out[0])


def test_it_is_the_layers_transpose() -> None:
    """<layer(x), y> is <x, transposed(y)>."""
    x, g = numbers((1, 3, 11, 9)), numbers((4, 3, 3, 5))
    question = {"stride": (2, 3), "padding": (1, 2)}
    layer = parconv.correlate2d(x, g, **question)
    y = numbers(layer.shape, 2)
    back = parconv.conv_transpose2d(y, g, output_padding=(0, 2), **question)
    assert back.shape == x.shape
    np.testing.assert_allclose(np.vdot(layer, y), np.vdot(x, back), rtol=1e-4)


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    f, g, bias = numbers((2, 6, 7, 8)), numbers((6, 2, 4, 3)), numbers((6,))
    for stride, padding, more, dilation in itertools.product((1, 2, 3), (0, 1), (0, 1), (1, 2)):
        if more >= max(stride, dilation):
            continue
        question = {"stride": stride, "padding": padding, "output_padding": more,
                    "dilation": dilation, "groups": 3}  # fmt: skip
        right = torch.nn.functional.conv_transpose2d(
            *map(torch.from_numpy, (f, g, bias)), **question
        )
        found = parconv.conv_transpose2d(f, g, bias=bias, **question)
        np.testing.assert_allclose(found, right.numpy(), rtol=0, atol=1e-4)


def test_images_smaller_than_the_stride() -> None:
    """Which have fewer phases than others that the same filters met."""
    g, question = numbers((2, 3, 1, 1)), {"stride": 3}
    for sizes in ((4, 5), (1, 1), (1, 5), (4, 5)):
        f = numbers((1, 2, *sizes))
        found = parconv.conv_transpose2d(f, g, **question)
        np.testing.assert_allclose(found, expected(f, g, **question), rtol=0, atol=1e-5)


def test_outputs_of_every_kind() -> None:
    f, g, question = numbers((2, 3, 2, 5, 6)), numbers((2, 3, 2, 2)), {"stride": 2}
    right = parconv.conv_transpose2d(f, g, **question)
    for out in (np.full((*right.shape, 2), np.nan, np.float32)[..., 1],
                np.full(right.shape, np.nan, np.float32)[:, ::-1],
                np.full(right.shape, np.nan, ">f4"),
                np.full(right.size * 4 + 1, 255, np.uint8)[1:].view(np.float32)
                .reshape(right.shape)):  # fmt: skip
        assert parconv.conv_transpose2d(f, g, out=out, **question) is out
        assert (out == right).all()
    shared = np.zeros((1, 1, 10, 10), np.float32)
    inner = shared[..., :5, :5]
    inner[...] = numbers((1, 1, 5, 5))
    right = parconv.conv_transpose2d(inner.copy(), g[:1, :1], **question)
    assert_same_bits(parconv.conv_transpose2d(inner, g[:1, :1], out=shared, **question), right)
    shared.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only"):
        parconv.conv_transpose2d(right[..., :5, :5], g[:1, :1], out=shared, **question)
    with pytest.raises(ValueError, match="out has shape"):
        parconv.conv_transpose2d(f, g, out=shared, **question)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("stride", [(1, 2), (2, 2), (3, 3), (2, 1)])
def test_phases_are_woven(stride: tuple[int, int], dtype: Any) -> None:
    """Rows longer than vectors, more images than are woven at once, by one thread and two."""
    f = (8 * numbers((5, 8, 40, 45))).astype(dtype)
    g, bias = (8 * numbers((8, 40, 3, 4))).astype(dtype), np.arange(40).astype(dtype)
    right = expected(f, g, stride, 1, bias=bias)
    kind = np.int64 if dtype is np.int32 else dtype
    apart = np.full((*right.shape[:3], 2 * right.shape[3]), 77, kind)[..., ::2]
    found = [
        parconv.conv_transpose2d(
            f, g, stride=stride, padding=1, bias=bias, out=out, threads=threads
        ).copy()
        for out, threads in itertools.product((None, apart), (1, 2))
    ]
    np.testing.assert_allclose(found[0], right, rtol=1e-5, atol=0.01)
    for other in found[1:]:
        assert_same_bits(other, found[0])


@pytest.mark.parametrize(
    ("changed", "text"),
    [({"stride": 0}, "stride=0: pass an integer of at least 1"),
     ({"padding": -1}, "padding=-1"), ({"output_padding": 2}, "output_padding=.*less than"),
     ({"groups": 4}, "groups=4"), ({"padding": 9}, "padding=9 leaves nothing"),
     ({"bias": [1.0]}, "bias has shape"), ({"axes": (0, 1)}, "axes=")],
)  # fmt: skip
def test_errors(changed: dict[str, Any], text: str) -> None:
    out = np.full((1, 2, 9, 9), np.nan, np.float32)
    with pytest.raises(ValueError, match=text):
        parconv.conv_transpose2d(
            numbers((1, 3, 4, 4)), numbers((3, 2, 3, 3)), **{"stride": 2, "out": out, **changed}
        )
    assert np.isnan(out).all()
