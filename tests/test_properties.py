"""Distrusts chosen examples: laws of convolution on images, filters and options nobody picked."""

import itertools
from typing import Any

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from oracle import BORDERS, MODES, assert_right, assert_same_bits, expect

import parconv

MODE, BORDER = st.sampled_from(MODES), st.sampled_from(BORDERS)
REPEATING = st.sampled_from([name for name in BORDERS if name != "constant"])
PAIR = st.tuples(st.integers(1, 4), st.integers(1, 4))
SEED = st.integers(0, 2**32 - 1)


def shapes(most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(1, most), st.integers(1, most))


def integers(shape: tuple[int, ...], seed: int, size: int = 1000) -> np.ndarray:
    return np.random.default_rng(seed).integers(-size, size, shape, endpoint=True)


def floats(shape: tuple[int, ...], seed: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def conv(f: Any, g: Any, mode: str, border: str, **options: Any) -> np.ndarray:
    """In any mode: where neither operand covers the other, ``full`` stands for ``valid``."""
    covers = [n >= k for n, k in zip(f.shape[-2:], g.shape, strict=True)]
    covered = [n <= k for n, k in zip(f.shape[-2:], g.shape, strict=True)]
    if mode == "valid" and not all(covers) and not all(covered):
        mode = "full"
    return parconv.conv2d(f, g, mode=mode, boundary=border, **options)


@given(shapes(70), shapes(12), MODE, BORDER, SEED)
def test_linear(shape: Any, taps: Any, mode: str, border: str, seed: int) -> None:
    a, b = integers(shape, seed), integers(shape, seed + 1)
    g, h = integers(taps, seed + 2), integers(taps, seed + 3)
    both = conv(3 * a - 7 * b, g, mode, border)
    assert_same_bits(both, 3 * conv(a, g, mode, border) - 7 * conv(b, g, mode, border))
    both = conv(a, 2 * g + h, mode, border)
    assert_same_bits(both, 2 * conv(a, g, mode, border) + conv(a, h, mode, border))


@given(shapes(60), shapes(9), SEED, st.data())
def test_impulse_returns_the_filter(shape: Any, taps: Any, seed: int, data: Any) -> None:
    place = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    f, g = np.zeros(shape, np.float32), floats(taps, seed)
    f[place] = 1
    right = np.zeros([n + k - 1 for n, k in zip(shape, taps, strict=True)], np.float32)
    window = tuple(slice(p, p + k) for p, k in zip(place, taps, strict=True))
    right[window] = g
    np.testing.assert_array_equal(parconv.conv2d(f, g, mode="full"), right)
    right[window] = g[::-1, ::-1]
    np.testing.assert_array_equal(parconv.correlate2d(f, g, mode="full"), right)


@given(shapes(60), shapes(14), SEED, st.tuples(st.integers(-80, 80), st.integers(-80, 80)))
def test_shift_under_wrap(shape: Any, taps: Any, seed: int, shift: Any) -> None:
    f, g = floats(shape, seed), floats(taps, seed + 1)
    moved = parconv.conv2d(np.roll(f, shift, (0, 1)), g, mode="same", boundary="wrap")
    right = parconv.conv2d(f, g, mode="same", boundary="wrap")
    assert_same_bits(moved, np.roll(right, shift, (0, 1)))


@given(shapes(40), shapes(40), SEED)
def test_commutation_in_full(shape: Any, taps: Any, seed: int) -> None:
    a, b = integers(shape, seed), integers(taps, seed + 1)
    assert_same_bits(parconv.conv2d(a, b, mode="full"), parconv.conv2d(b, a, mode="full"))


@given(shapes(30), shapes(6), shapes(6), SEED)
def test_association_in_full(shape: Any, first: Any, second: Any, seed: int) -> None:
    f, g, h = integers(shape, seed), integers(first, seed + 1, 50), integers(second, seed + 2, 50)
    one = parconv.conv2d(parconv.conv2d(f, g, mode="full"), h, mode="full")
    assert_same_bits(one, parconv.conv2d(f, parconv.conv2d(g, h, mode="full"), mode="full"))


@given(shapes(50), shapes(9), st.booleans(), SEED)
def test_adjoint(shape: Any, taps: Any, complexes: bool, seed: int) -> None:
    """<a * k, b> = <a, b correlated with k>, between full and valid."""
    f, g = integers(shape, seed), integers(taps, seed + 1)
    b = integers(tuple(n + k - 1 for n, k in zip(shape, taps, strict=True)), seed + 2)
    if complexes:
        f, g = f + 1j * f[::-1], g - 1j * g[:, ::-1]
        b = b + 1j * b[::-1, ::-1]
    left = np.vdot(parconv.conv2d(f, g, mode="full"), b)
    assert left == np.vdot(f, parconv.correlate2d(b, g))


@given(shapes(60), shapes(9), MODE, BORDER, PAIR, PAIR, SEED)
def test_flipped_filter_turns_one_into_the_other(
    shape: Any, taps: Any, mode: str, border: str, stride: Any, dilation: Any, seed: int
) -> None:
    f, g = floats(shape, seed), floats(taps, seed + 1)
    if mode == "valid" and any(
        n < d * (k - 1) + 1 for n, k, d in zip(shape, taps, dilation, strict=True)
    ):
        mode = "full"
    # even spans are centred on opposite sides
    span = [d * (k - 1) + 1 for k, d in zip(taps, dilation, strict=True)]
    origin = tuple(1 - n % 2 for n in span) if mode == "same" else (0, 0)
    options: dict[str, Any] = {"boundary": border, "stride": stride, "dilation": dilation}
    convolved = parconv.conv2d(f, g[::-1, ::-1], mode=mode, **options)
    assert_same_bits(parconv.correlate2d(f, g, mode=mode, origin=origin, **options), convolved)


@given(shapes(60), shapes(9), MODE, BORDER, st.integers(-20, 20), SEED)
def test_powers_of_two_scale_exactly(
    shape: Any, taps: Any, mode: str, border: str, power: int, seed: int
) -> None:
    f, g, factor = floats(shape, seed), floats(taps, seed + 1), np.float32(2.0**power)
    right = conv(f, g, mode, border) * factor
    assert_same_bits(conv(f * factor, g, mode, border), right)
    assert_same_bits(conv(f, g * factor, mode, border), right)
    assert_same_bits(conv(-f, g, mode, border), -conv(f, g, mode, border))


@given(shapes(60), shapes(20), SEED)
def test_total_in_full(shape: Any, taps: Any, seed: int) -> None:
    f, g = integers(shape, seed), integers(taps, seed + 1)
    assert parconv.conv2d(f, g, mode="full").sum() == f.sum() * g.sum()


@given(shapes(60), shapes(20), REPEATING, PAIR, SEED)
def test_constant_image(shape: Any, taps: Any, border: str, stride: Any, seed: int) -> None:
    g = integers(taps, seed)
    for mode in ("same", "full"):
        result = parconv.conv2d(np.full(shape, 7), g, mode=mode, boundary=border, stride=stride)
        assert (result == 7 * g.sum()).all()


@given(shapes(50), shapes(9), BORDER, SEED)
def test_no_negative_from_non_negative(shape: Any, taps: Any, border: str, seed: int) -> None:
    f, g = np.abs(floats(shape, seed)), np.abs(floats(taps, seed + 1))
    assert (parconv.conv2d(f, g, mode="full", boundary=border) >= 0).all()


@given(st.integers(8, 70), st.integers(8, 70), shapes(7), BORDER, SEED, st.data())
def test_tiles_joined_equal_the_whole(
    rows: int, columns: int, taps: Any, border: str, seed: int, data: Any
) -> None:
    """Tiles of a padded image, cut with their surroundings; by one method, which sizes choose."""
    f, g = floats((rows, columns), seed), floats(taps, seed + 1)
    names: dict[str, Any] = {"mirror": "reflect"}
    before = [k // 2 for k in taps]
    after = [k - 1 - b for k, b in zip(taps, before, strict=True)]
    padded = np.pad(f, list(zip(before, after, strict=True)), names.get(border, border))
    whole = parconv.conv2d(f, g, mode="same", boundary=border, method="direct")
    cuts = [sorted({0, n, data.draw(st.integers(1, n - 1))}) for n in (rows, columns)]
    for (top, bottom), (left, right) in itertools.product(*(itertools.pairwise(c) for c in cuts)):
        tile = padded[top : bottom + taps[0] - 1, left : right + taps[1] - 1]
        part = parconv.conv2d(tile, g, method="direct")
        assert_same_bits(part, whole[top:bottom, left:right].copy())


@given(shapes(60), shapes(9), MODE, BORDER, SEED)
def test_inputs_untouched_and_calls_repeat(
    shape: Any, taps: Any, mode: str, border: str, seed: int
) -> None:
    f, g = floats(shape, seed), floats(taps, seed + 1)
    before = f.tobytes(), g.tobytes()
    first = conv(f, g, mode, border)
    assert_same_bits(conv(f, g, mode, border), first)
    assert (f.tobytes(), g.tobytes()) == before


@given(shapes(60), shapes(9), st.sampled_from(["same", "full"]), BORDER, PAIR, PAIR, SEED)
def test_stride_keeps_every_so_many_outputs(
    shape: Any, taps: Any, mode: str, border: str, stride: Any, dilation: Any, seed: int
) -> None:
    f, g = integers(shape, seed), integers(taps, seed + 1)
    options: dict[str, Any] = {"mode": mode, "boundary": border, "dilation": dilation, "cval": 3}
    whole = parconv.conv2d(f, g, **options)
    kept = parconv.conv2d(f, g, stride=stride, **options)
    assert_same_bits(kept, whole[:: stride[0], :: stride[1]].copy())


@given(shapes(60), shapes(9), BORDER, SEED)
def test_dilation_is_zeros_between_the_taps(shape: Any, taps: Any, border: str, seed: int) -> None:
    f, g = integers(shape, seed), integers(taps, seed + 1)
    spread = np.zeros([2 * taps[0] - 1, 3 * taps[1] - 2], int)
    spread[::2, ::3] = g
    for mode in ("same", "full"):
        right = parconv.conv2d(f, spread, mode=mode, boundary=border)
        answer = parconv.conv2d(f, g, mode=mode, boundary=border, dilation=(2, 3))
        assert_same_bits(answer, right)


@given(shapes(30), shapes(12), MODE, BORDER, BORDER, PAIR, PAIR, st.booleans(), SEED)
def test_any_question_against_the_definition(
    shape: Any, taps: Any, mode: str, rows: str, columns: str, stride: Any, dilation: Any,
    correlate: bool, seed: int,
) -> None:  # fmt: skip
    f, g = floats(shape, seed), floats(taps, seed + 1)
    span = [d * (k - 1) + 1 for k, d in zip(taps, dilation, strict=True)]
    pairs = list(zip(shape, span, strict=True))
    if not all(n >= k for n, k in pairs) and not all(n <= k for n, k in pairs):
        mode = "same"
    options: dict[str, Any] = {
        "mode": mode, "boundary": (rows, columns), "cval": 0.75, "stride": stride,
        "dilation": dilation,
    }  # fmt: skip
    function = parconv.correlate2d if correlate else parconv.conv2d
    right = expect(f, g, correlate=correlate, **options)
    assert_right(function(f, g, **options), right, "float32", np.float32)


@given(
    hnp.arrays(np.float32, shapes(12), elements=st.floats(width=32)),
    hnp.arrays(np.float32, shapes(4), elements=st.floats(-1e3, 1e3, width=32)),
    BORDER,
)
def test_any_values_at_all(f: np.ndarray, g: np.ndarray, border: str) -> None:
    """NaN, infinities and subnormals: the same under every strategy, finite where all terms are."""
    right = parconv.conv2d(f, g, mode="full", boundary=border, strategy="serial")
    for strategy in ("prange", "threads"):
        answer = parconv.conv2d(f, g, mode="full", boundary=border, strategy=strategy, threads=2)
        np.testing.assert_array_equal(answer, right)
    bad = (~np.isfinite(f)).astype(int)
    # rims of zero taps are left out: NaN may, but need not, spread under them
    met, may_be = (
        parconv.conv2d(bad, taps.astype(int), mode="full", boundary=border) > 0
        for taps in (g != 0, np.ones(g.shape))
    )
    assert not np.isfinite(right[met]).any()
    if np.abs(f[np.isfinite(f)]).sum(dtype=float) < 1e30:
        assert np.isfinite(right[~may_be]).all()
