"""Distrusts the transposed convolution: the definition, term by term, and torch."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from oracle import assert_same_bits

import parconv
from parconv.methods.phases.numbers import COPIED, STRIDED, TURNED, WOVEN
from parconv.problem.arguments import each
from parconv.transposed import cut, work
from parconv.transposed.layer import layer_of


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
    inputs, filters = f.astype(float), g.astype(float)
    for group, y, x in np.ndindex(groups, high, wide):
        part = slice(group * channels // groups, (group + 1) * channels // groups)
        found = np.tensordot(filters[part, :, y, x], inputs[:, part], ((0,), (1,))).swapaxes(0, 1)
        ys, xs = slice(y * dy, y * dy + (rows - 1) * sy + 1, sy), slice(
            x * dx, x * dx + (columns - 1) * sx + 1, sx)  # fmt: skip
        whole[:, group * outputs : (group + 1) * outputs, ys, xs] += found
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
    alone = parconv.conv_transpose2d(f[0], g, **question)  # perhaps by another method
    np.testing.assert_allclose(alone, right[0], rtol=0, atol=1e-5 * np.abs(g).sum())


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


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("size", [16, 17, 40, 1000])
def test_strides_far_beyond_the_filter(size: int, last: bool) -> None:
    """Of whose phases nearly none meets a tap, in the order of their first outputs or not."""
    f, g, bias = numbers((2, 4, 2, 3)), numbers((4, 3, 2, 3)), numbers((6,))
    axes = (1, 2) if last else (2, 3)
    given = np.ascontiguousarray(f.transpose(0, 2, 3, 1)) if last else f
    for padding, dilation, added in (((0, 0), 1, None), ((2, 5), (7, size + 3), bias)):
        question = {"stride": (size, 17), "padding": padding, "dilation": dilation, "groups": 2}
        right = expected(f, g, **question, bias=added)
        out = np.full(right.transpose(0, 2, 3, 1).shape if last else right.shape, np.nan, "f4")
        parconv.conv_transpose2d(given, g, axes=axes, bias=added, out=out, **question)
        found = out.transpose(0, 3, 1, 2) if last else out
        np.testing.assert_allclose(found, right, rtol=0, atol=1e-5)


def test_bfloat16() -> None:
    """Of the type that a layer's result has; rounded once, from float32."""
    brief = pytest.importorskip("ml_dtypes").bfloat16
    f, g = numbers((2, 3, 5, 6)).astype(brief), numbers((3, 2, 3, 3)).astype(brief)
    plain = parconv.conv_transpose2d(f.astype("f4"), g.astype("f4"), stride=2).astype(brief)
    apart = np.full((*plain.shape[:3], 2 * plain.shape[3]), 7, brief)[..., ::2]
    for out in (None, apart):
        found = parconv.conv_transpose2d(f, g, stride=2, out=out)
        assert found.dtype == brief == parconv.correlate2d(f, g.swapaxes(0, 1)).dtype
        assert (found == plain).all()
    with pytest.raises(ValueError, match="out has shape"):
        parconv.conv_transpose2d(f, g, out=apart)


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


def outputs_like(right: np.ndarray, dtype: Any) -> list[np.ndarray | None]:
    """None, NaN from a line on, at every other column, begun between the numbers of a line."""
    nbytes = right.size * np.dtype(dtype).itemsize
    line, amid = (np.full(nbytes + 128, 255, np.uint8) for _ in range(2))
    starts = -line.ctypes.data % 64, -amid.ctypes.data % 64 + 12
    pieces = [raw[at : at + nbytes].view(dtype).reshape(right.shape)
              for raw, at in zip((line, amid), starts, strict=True)]  # fmt: skip
    apart = np.full((*right.shape[:-1], 2 * right.shape[-1]), np.nan, dtype)[..., ::2]
    return [None, pieces[0], apart, pieces[1]]


# What decides, and how: maps of few channels are woven, others turned, if nothing is forced.
WAYS: dict[str, tuple[set[int], bool, dict[str, Any]]] = {
    "woven": ({WOVEN}, False, {"TURN_WORK": 1e9}),
    "turned": ({TURNED}, False, {"WEAVE_WORK": 1e9}),
    "turned past the caches": ({TURNED}, False, {"WEAVE_WORK": 1e9, "LARGE_BYTES": 0}),
    "as they lie": ({STRIDED}, True, {}),
    "past the caches": ({STRIDED, COPIED}, True, {"LARGE_BYTES": 0}),  # as vectors are full, or not
    "copied past the caches": ({COPIED}, True, {"LARGE_BYTES": 0, "streams": lambda _: False}),
}


@pytest.fixture(params=WAYS)
def way(request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Whether channels are last, while results go their way; all that was cut that way is seen."""
    known, last, numbers = WAYS[request.param]
    for name, number in numbers.items():
        monkeypatch.setattr(cut, name, number)
    seen, before = [], cut.cut_of
    monkeypatch.setattr(work, "cut_of", lambda *given: seen.append(before(*given)) or seen[-1])
    layer_of.cache_clear()
    yield last
    layer_of.cache_clear()
    ways = {found.way for found in seen if found}
    assert ways
    assert ways <= known


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "sizes",
    [  # images, channels, rows, columns; filters, taps; stride, groups
        (3, 33, 13, 17, 40, 3, 4, (2, 2), 1),  # blocks, tiles and vectors with a rest
        (2, 72, 9, 14, 32, 1, 1, (2, 2), 1),  # phases without taps, whole tiles
        (2, 48, 31, 20, 72, 2, 5, (3, 2), 2),  # phases of other rows and columns, groups
        (1, 20, 40, 33, 20, 3, 3, (2, 3), 1),  # rows in several pieces
    ],
)
def test_every_way(sizes: tuple[Any, ...], dtype: Any, way: bool) -> None:
    """Every kind of output, by one thread and two: the same bits."""
    images, channels, rows, columns, filters, high, wide, stride, groups = sizes
    f = numbers((images, channels, rows, columns)).astype(dtype)
    g = numbers((channels, filters // groups, high, wide), 1).astype(dtype)
    question = {"stride": stride, "groups": groups, "padding": (high // 2, wide // 3)}
    bias = numbers((filters,), 2).astype(dtype)
    for added in (None, bias):
        right = expected(f, g, bias=added, **question)
        right, given, axes = (
            (right.transpose(0, 2, 3, 1), np.ascontiguousarray(f.transpose(0, 2, 3, 1)), (1, 2))
            if way
            else (right, f, (2, 3))
        )
        found = [
            parconv.conv_transpose2d(
                given, g, out=out, axes=axes, threads=threads, bias=added, **question
            )
            for threads, out in itertools.product((1, 2), outputs_like(right, dtype))
        ]
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(found[0], right, rtol=0, atol=40 * eps * channels * high * wide)
        for other in found[1:]:
            assert_same_bits(np.ascontiguousarray(other), found[0])


def test_pieces_of_some_images(way: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As batches of thousands have: neither one image nor all."""
    monkeypatch.setattr("parconv.transposed.pieces.MOST_UNITS", 3)
    f, g = numbers((7, 8, 5, 6)), numbers((8, 12, 3, 3), 1)
    right = expected(f, g, stride=2, padding=1)
    if way:
        f, right = np.ascontiguousarray(f.transpose(0, 2, 3, 1)), right.transpose(0, 2, 3, 1)
    axes = (1, 2) if way else (2, 3)
    for threads in (1, 2):
        found = parconv.conv_transpose2d(f, g, stride=2, padding=1, axes=axes, threads=threads)
        np.testing.assert_allclose(found, right, rtol=0, atol=1e-4)


@pytest.mark.parametrize("last", [False, True])
def test_weights_that_fill_the_caches(last: bool) -> None:
    """Of which some filters at a time meet all images."""
    f, g = numbers((6, 160, 5, 6)), numbers((160, 288, 4, 4), 1)
    question = {"stride": 2, "padding": 1}
    right = expected(f, g, **question)
    layer = layer_of(
        (f.shape, f.dtype),
        (g.shape, g.dtype),
        (2, 2),
        (1, 1),
        (1, 1),
        (0, 0),
        1,
        False,
        "skip",
    )
    pieces = cut.cut_of(layer, None).pieces
    assert len({piece.box[1] for piece in pieces}) > 1
    assert pieces[0].box[0] == (0, 6)
    given, axes = (np.ascontiguousarray(f.transpose(0, 2, 3, 1)), (1, 2)) if last else (f, (2, 3))
    right = right.transpose(0, 2, 3, 1) if last else right
    found = [
        parconv.conv_transpose2d(given, g, axes=axes, threads=threads, out=out, **question)
        for threads, out in itertools.product((1, 2), outputs_like(right, np.float32))
    ]
    np.testing.assert_allclose(found[0], right, rtol=0, atol=1e-3)
    for other in found[1:]:
        assert_same_bits(np.ascontiguousarray(other), found[0])


def test_filters_that_change_in_place() -> None:
    f, g, question = numbers((2, 32, 8, 8)), numbers((32, 16, 4, 4)), {"stride": 2}
    for n in range(3):
        g[n, n] += 1
        found = parconv.conv_transpose2d(f, g, **question)
        np.testing.assert_allclose(found, expected(f, g, **question), rtol=0, atol=1e-3)


def test_pixels_that_are_missing_numbers() -> None:
    """NaN and infinity keep the footprint of the filter, of which zeros are no taps."""
    f, g = numbers((1, 32, 12, 12)), numbers((32, 32, 4, 4), 1)
    f[0, 3, 5, 6], f[0, 4, 11, 0] = np.nan, np.inf
    g[3, :, 1] = 0
    found = parconv.conv_transpose2d(f, g, stride=2, padding=1)
    reached = np.zeros((12 * 2, 12 * 2), bool)
    for (y, x), channel in (((5, 6), 3), ((11, 0), 4)):
        for a, b in np.ndindex(4, 4):
            row, column = 2 * y + a - 1, 2 * x + b - 1
            if 0 <= row < 24 and 0 <= column < 24 and g[channel, 0, a, b]:
                reached[row, column] = True
    assert (np.isfinite(found) == ~reached).all()


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


def test_outputs_of_another_type() -> None:
    """Without the advice of functions that take ``dtype=``."""
    out = np.full((1, 2, 9, 9), 7, np.int32)
    with pytest.raises(TypeError, match="out has dtype int32: pass an array of float32"):
        parconv.conv_transpose2d(numbers((1, 3, 4, 4)), numbers((3, 2, 3, 3)), stride=2, out=out)
    assert (out == 7).all()
