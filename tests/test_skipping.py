"""Distrusts the rule of zero taps: skipped or kept, one rule for filters, banks and layers."""

from typing import Any

import numpy as np
import pytest
from conftest import BANK_METHODS, LANES, METHODS, ROWS

import parconv
from parconv.planner import skipping

RNG = np.random.default_rng(23)
# NumPy's own product, of the method "gemm", speaks of NaN.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in matmul")
PADS = {"constant": "constant", "edge": "edge", "symmetric": "symmetric", "wrap": "wrap"}


def expect(f: np.ndarray, g: np.ndarray, keep: bool, **options: Any) -> np.ndarray:
    """Correlation, mode "same", of maps (channels, rows, columns) by loops over the taps."""
    height, width = g.shape[-2:]
    top, left, cval = (height - 1) // 2, (width - 1) // 2, options.get("cval", 0)
    pads = (0, 0), (top, height - 1 - top), (left, width - 1 - left)
    border = options.get("boundary", "constant")
    more = {"constant_values": cval} if border == "constant" else {}
    wide = np.pad(f.astype(np.result_type(f, np.float64)), pads, PADS[border], **more)
    rows, columns = f.shape[-2:]
    out = np.zeros((len(g), rows, columns), np.result_type(wide, g))
    with np.errstate(invalid="ignore"):
        for o, c, y, x in np.ndindex(g.shape):
            if keep or g[o, c, y, x] != 0:
                out[o] += g[o, c, y, x] * wide[c, y : y + rows, x : x + columns]
    return out


def disk(radius: int) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return (1 + RNG.random(x.shape)) * (np.hypot(y, x) <= radius + 0.3)


def ring() -> np.ndarray:
    """Rank 2: products that cancel to zeros in the middle."""
    g = np.ones((7, 9))
    g[2:5, 3:6] = 0
    return g


FILTERS = {
    "laplace": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "sobel": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]),
    "rim": np.pad(1 + RNG.random((3, 3)), ((1, 3), (2, 0))),
    "spread": np.kron(RNG.random((3, 3)) + 1, [[1, 0], [0, 0]]),
    "sparse": (np.arange(63) % 13 == 0).reshape(7, 9) * 1.5,
    "disk": disk(4),
    "derivative": np.outer([1, 4, 6, 4, 1], [-1, -3, -2, 0, 2, 3, 1]) / 16,
    "ring": ring(),
    "zeros": np.zeros((3, 5)),
    "dense": 1 + RNG.random((5, 6)),
}
# Infinite taps meet pixels of either sign, zeros and infinities.
FILTERS |= {
    "infinite": np.where(np.eye(3, 4), np.inf, FILTERS["dense"][:3, :4] - 1.5),
    "of both signs": np.array([[np.inf, 0.36, 0], [0, -np.inf, 2.0]]),
    "a gap": np.array([[1.0, np.nan, 0], [0, 2, 3]]),
}
ROWS_IN, COLUMNS_IN = 4 * ROWS + 9, 3 * LANES + 7


def spoilt(dtype: str, channels: int = 1) -> np.ndarray:
    """Pixels not finite at corners, in a vector and beside one another, of either sign."""
    f = RNG.standard_normal((channels, ROWS_IN, COLUMNS_IN)).astype(dtype)
    f[0, 0, 0] = f[-1, 10, 9] = np.nan
    f[0, 10, 17] = f[-1, -1, 3] = np.inf
    f[0, 17, 20], f[0, 17, 21] = -np.inf, np.inf
    return f


def check(found: np.ndarray, right: np.ndarray, what: str) -> None:
    for name, test in (("nan", np.isnan), ("+inf", np.isposinf), ("-inf", np.isneginf)):
        np.testing.assert_array_equal(test(found), test(right), f"{what}: {name}")
    finite = np.isfinite(right)
    scale = np.abs(right[finite]).max(initial=1)
    error = 1e-5 if found.dtype == np.float32 else 1e-13 if found.dtype == np.float64 else 3e-3
    assert np.abs(found[finite] - right[finite]).max(initial=0) <= error * scale, what


def able(f: Any, g: Any, **options: Any) -> list[str]:
    """The methods that answer."""
    found = []
    for name in (BANK_METHODS if g.ndim > 2 else METHODS) | {"auto": None}:
        try:
            parconv.plan2d(f, g, method=name, **options)
        except ValueError:
            continue
        found.append(name)
    return found


@pytest.mark.parametrize("rule", ["skip", "keep"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("kind", FILTERS)
def test_one_filter_by_every_method(kind: str, dtype: str, rule: str) -> None:
    f, g = spoilt(dtype), FILTERS[kind]
    right = expect(f, g[None, None], rule == "keep")[0]
    options = {"mode": "same", "zero_taps": rule, "threads": 2}
    methods = able(f[0], g, **options)
    assert {"direct", "fft"} <= set(methods)
    for method in methods:
        found = parconv.correlate2d(f[0], g, method=method, **options)
        check(found, right, method)
        mirrored = parconv.conv2d(f[0], g[::-1, ::-1], method=method, origin=0, **options)
        if g.shape[0] % 2 and g.shape[1] % 2:  # others are centred otherwise
            check(mirrored, right, f"conv2d {method}")


@pytest.mark.parametrize("rule", ["skip", "keep"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_banks_have_the_rule_of_their_filters(dtype: str, rule: str) -> None:
    """Whatever else is in the bank."""
    f, g = spoilt(dtype), np.zeros((len(FILTERS), 9, 9))
    for place, one in zip(g, FILTERS.values(), strict=True):
        place[: one.shape[0], : one.shape[1]] = one
    right = expect(f, g[:, None], rule == "keep")
    alone = [parconv.correlate2d(f[0], one, mode="same", zero_taps=rule) for one in g]
    for method in able(f[0], g, mode="same"):
        found = parconv.correlate2d(f[0], g, mode="same", zero_taps=rule, method=method)
        check(found, right, method)
        check(found, np.array(alone), f"{method} and each alone")


@pytest.mark.parametrize("rule", ["skip", "keep"])
@pytest.mark.parametrize("channels", [1, 3])
def test_layers_by_every_method(channels: int, rule: str) -> None:
    f, g = spoilt("float32", channels), RNG.standard_normal((5, channels, 3, 3))
    g[0, 0, 1, 1] = g[2, :, 0, :] = g[3, 0] = g[4] = 0
    right = expect(f, g, rule == "keep")
    methods = able(f, g, mode="same")
    assert len(methods) > 3
    for method in methods:
        found = parconv.correlate2d(f, g, mode="same", zero_taps=rule, method=method, threads=2)
        check(found, right, method)
        last = parconv.correlate2d(
            np.ascontiguousarray(f.transpose(1, 2, 0)), g, axes=(0, 1), mode="same", zero_taps=rule
        )
        check(last.transpose(2, 0, 1), right, f"{method}, channels last")


def test_complex_filters_and_banks() -> None:
    """A complex tap is none where both its parts are 0; one of them is multiplied."""
    f = RNG.standard_normal((1, 20, 23)) + 1j * RNG.standard_normal((1, 20, 23))
    f[0, 5, 6], f[0, 12, 9] = np.nan, np.nan
    g = RNG.standard_normal((2, 1, 3, 5)) + 1j * RNG.standard_normal((2, 1, 3, 5))
    g[0, 0, 1, 1:3], g[1, 0, :, 2], g[1, 0, 0, 0] = 0, 0, 2
    right = expect(f, g, keep=False)
    touched = [np.isnan(part) for part in (right.real, right.imag)]
    flipped = g[:, 0, ::-1, ::-1]
    for found in (
        parconv.conv2d(f[0], flipped, mode="same"),
        np.array([parconv.conv2d(f[0], one, mode="same") for one in flipped]),
    ):
        np.testing.assert_array_equal(np.isnan(found), touched[0] | touched[1])
        finite = ~np.isnan(found)
        np.testing.assert_allclose(found[finite], right[finite], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["laplace", "derivative", "disk", "rim"])
@pytest.mark.parametrize("cval", [np.nan, np.inf])
def test_a_constant_beyond_the_image_that_is_not_finite(cval: float, kind: str) -> None:
    f, g = RNG.standard_normal((1, 30, 33)), FILTERS[kind]
    for rule in ("skip", "keep"):
        right = expect(f, g[None, None], rule == "keep", cval=cval)
        for method in ("direct", "auto", "fft"):
            found = parconv.correlate2d(
                f[0], g, mode="same", cval=cval, zero_taps=rule, method=method
            )
            check(found, right[0], f"{rule} {method}")
        bank = parconv.correlate2d(f[0], g[None], mode="same", cval=cval, zero_taps=rule)
        check(bank, right, f"{rule} bank")


@pytest.mark.parametrize("border", ["edge", "symmetric", "wrap"])
def test_borders_repeat_what_is_not_finite(border: str) -> None:
    f, g = spoilt("float64"), FILTERS["derivative"]
    right = expect(f, g[None, None], False, boundary=border)
    for method in able(f[0], g):
        found = parconv.correlate2d(f[0], g, mode="same", boundary=border, method=method)
        check(found, right[0], method)
    bank = parconv.correlate2d(f[0], g[None], mode="same", boundary=border)
    check(bank, right, "bank")


def test_integer_results_saturate_and_nan_is_0() -> None:
    f, g = spoilt("float32"), FILTERS["derivative"]
    right = expect(f, g[None, None], False)[0]
    found = parconv.correlate2d(f[0], g, mode="same", dtype="int16", method="separable")
    np.testing.assert_array_equal(found == 32767, np.isposinf(right))
    np.testing.assert_array_equal(found == -32768, np.isneginf(right))
    assert (found[np.isnan(right)] == 0).all()


@pytest.mark.parametrize("strategy", ["serial", "prange", "threads", "joblib"])
def test_what_is_mended_has_the_same_bits_by_every_strategy(strategy: str) -> None:
    f, g = spoilt("float32"), FILTERS["derivative"]
    right = parconv.conv2d(f[0], g, mode="same", threads=1)
    found = parconv.conv2d(f[0], g, mode="same", threads=2, strategy=strategy)
    np.testing.assert_array_equal(found, right)


def test_finite_pixels_have_the_bits_of_an_image_that_is_finite() -> None:
    """What is mended lies around the pixels that are not."""
    f, g = spoilt("float32")[0], FILTERS["derivative"]
    clean = np.where(np.isfinite(f), f, 0)
    found, whole = (parconv.conv2d(each, g, mode="same", method="separable") for each in (f, clean))
    finite = np.isfinite(found)
    np.testing.assert_array_equal(found[finite], whole[finite])


def test_plans_streams_and_copies_keep_the_rule() -> None:
    f, g = spoilt("float32")[0], FILTERS["derivative"]
    for rule in ("skip", "keep"):
        right = parconv.conv2d(f, g, mode="same", zero_taps=rule)
        plan = parconv.plan2d(f, g, mode="same", zero_taps=rule)
        np.testing.assert_array_equal(plan(f), right)
        out = np.empty_like(right)
        parconv.stream(f, g, out, mode="same", zero_taps=rule)
        np.testing.assert_array_equal(out, right)
    assert "zero taps kept" in str(plan)
    assert "as asked" in plan.explain()


def test_what_a_plan_tells() -> None:
    def told(f: str, g: np.ndarray) -> str:
        return parconv.plan2d(((64, 64), f), g, method="direct").explain()

    assert "searched" in told("float32", FILTERS["disk"])
    assert "searched" not in told("float32", FILTERS["derivative"])
    assert "searched" not in told("float32", FILTERS["laplace"])
    assert "searched" not in told("float32", FILTERS["sparse"])
    assert "searched" not in told("float32", FILTERS["dense"])
    assert "no difference" in told("uint8", FILTERS["laplace"])


@pytest.mark.parametrize("kind", FILTERS)
def test_the_rules_give_finite_images_the_same_bits_by_the_same_plan(kind: str) -> None:
    f, g = RNG.standard_normal((50, 60)).astype("float32"), FILTERS[kind]
    plans = [parconv.plan2d(f, g, mode="same", zero_taps=rule) for rule in ("skip", "keep")]
    assert plans[0].method == plans[1].method
    assert plans[0].problem.taps == plans[1].problem.taps
    np.testing.assert_array_equal(*[plan(f) for plan in plans])


@pytest.mark.parametrize("size", [(20, 30), (150, 170)])
@pytest.mark.parametrize("order", [(1, 0), (0, 1), (1, 1), (2, 0)])
def test_one_pixel_is_found_wherever_it_is(order: tuple[int, int], size: tuple[int, int]) -> None:
    """Few rows of a large result are looked at."""
    g = np.outer(*[[np.ones(7), [1, 2, 0, 0, 0, -2, -1], [1, 0, 2, 0, 2, 0, 1]][n] for n in order])
    g[0, 0] *= 1 + 1e-9 * (order[0] == 0)  # no differences, and no product
    for filters in (g, g[None], np.outer(g[:, 0], g[1])):
        taps = filters.reshape(7, 7)[::-1, ::-1]
        for y, x in zip(
            RNG.integers(size[0], size=24), RNG.integers(size[1], size=24), strict=True
        ):
            for value in (np.nan, np.inf):
                f = np.zeros(size, np.float32)
                f[[y, -1, 0][y % 3], x] = value
                touched = np.pad(~np.isfinite(f), 3)
                right = np.zeros(size, bool)
                for row, column in np.argwhere(taps != 0):
                    right |= touched[row : row + size[0], column : column + size[1]]
                found = parconv.conv2d(f, filters, mode="same")
                np.testing.assert_array_equal(~np.isfinite(found), right.reshape(found.shape))


@pytest.mark.parametrize(
    "options",
    [{"stride": 2}, {"stride": (1, 3)}, {"dilation": (2, 3)}, {"padding": ((5, 2), (0, 9))}],
)
def test_strides_dilations_and_paddings(options: Any) -> None:
    """Against the two parts of a filter, each without zeros among its taps."""
    f, g = spoilt("float64"), FILTERS["disk"].copy()
    g[0, 0] = g[-1, -1] = 0
    f = np.where(np.isfinite(f), f, np.nan)[0]
    right: Any = 0
    for y, x in np.argwhere(g != 0):
        one = np.zeros_like(g)
        one[y, x] = g[y, x]
        right = right + parconv.conv2d(f, one, **options)
    np.testing.assert_allclose(parconv.conv2d(f, g, **options), right, rtol=1e-12, atol=1e-12)
    kept = parconv.conv2d(f, g, zero_taps="keep", **options)
    dense = parconv.conv2d(f, np.where(g == 0, 1, g), **options)
    np.testing.assert_array_equal(np.isnan(kept), np.isnan(dense))


@pytest.mark.parametrize("rule", ["skip", "keep"])
def test_outputs_given_strided_and_overlapping(rule: str) -> None:
    f, g = spoilt("float32")[0], FILTERS["derivative"]
    right = parconv.conv2d(f, g, mode="same", zero_taps=rule)
    strided = np.zeros((f.shape[0], 2 * f.shape[1]), np.float32)[:, ::2]
    turned = np.zeros(f.shape[::-1], np.float32).T
    for out in (strided, turned, f[::-1, ::-1].copy()[::-1, ::-1], f.copy()):
        image = out if np.isnan(out).any() else f
        assert parconv.conv2d(image, g, mode="same", zero_taps=rule, out=out) is out
        np.testing.assert_array_equal(out, right)
    colours = np.stack([f, np.nan_to_num(f), f[:, ::-1]], -1)
    found = parconv.conv2d(colours, g, mode="same", axes=(0, 1), zero_taps=rule)
    for channel in range(3):
        alone = parconv.conv2d(colours[..., channel], g, mode="same", zero_taps=rule)
        check(found[..., channel], alone, "colour")


@pytest.mark.parametrize("rule", ["skip", "keep"])
def test_depthwise_layers(rule: str) -> None:
    f, g = spoilt("float32", 4), RNG.standard_normal((8, 1, 3, 3))
    g[1, 0, 0], g[2, 0, 1, 1], g[5] = 0, 0, 0
    right = np.concatenate(
        [expect(f[n : n + 1], g[2 * n : 2 * n + 2], rule == "keep") for n in range(4)]
    )
    for method in able(f, g, mode="same", groups=4):
        found = parconv.correlate2d(
            f, g, mode="same", groups=4, zero_taps=rule, method=method, threads=2
        )
        check(found, right, method)


@pytest.mark.parametrize("rule", ["skip", "keep"])
def test_outer_products(rule: str) -> None:
    f = spoilt("float32")[0]
    g = parconv.Outer([1, 4, 6, 4, 1], [-1, -3, -2, 0, 2, 3, 1.5])
    right = expect(f[None], np.asarray(g)[None, None], rule == "keep")[0]
    for method in able(f, g):
        check(parconv.correlate2d(f, g, mode="same", zero_taps=rule, method=method), right, method)


def test_an_integer_image_beside_a_constant_that_is_nan() -> None:
    f, g = RNG.integers(0, 255, (1, 40, 50)).astype("uint8"), FILTERS["derivative"]
    for rule in ("skip", "keep"):
        right = expect(f, g[None, None], rule == "keep", cval=np.nan)[0]
        found = parconv.correlate2d(f[0], g, mode="same", cval=np.nan, zero_taps=rule)
        check(found, right, rule)


def test_a_complex_filter_of_which_one_part_cancels_keeps_the_other() -> None:
    odd = RNG.standard_normal((15, 15))
    odd -= odd[::-1, ::-1]
    f, g = RNG.standard_normal((60, 70)), odd + 1j * RNG.standard_normal((15, 15))
    parts = parconv.conv2d(f, g.real), parconv.conv2d(f, g.imag)
    for method in able(f, g):
        found = parconv.conv2d(f, g, method=method)
        np.testing.assert_allclose(found, parts[0] + 1j * parts[1], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rule", [None, "drop", 0, ["keep"], np.array(["keep", "skip"])], ids=str)
def test_other_rules_are_refused(rule: Any) -> None:
    with pytest.raises(ValueError, match=r"zero_taps=.*skip, keep"):
        parconv.conv2d(np.ones((5, 5)), np.ones((3, 3)), zero_taps=rule)


@pytest.mark.parametrize("kind", ["even", "odd"])
@pytest.mark.parametrize("rows", [3, 7, 12])
def test_enough_rows_are_looked_at(kind: str, rows: int) -> None:
    """One of as many as the filter has; of lines that change sign two, for one has no middle."""
    line = np.arange(1.0, rows + 1)
    line = line - line[::-1] if kind == "odd" else line + line[::-1]
    g = np.outer(line, [1.0, 0.0, 2.0])
    plan = parconv.plan2d(((400, 90), "f8"), g, mode="same", boundary="edge")
    odd = plan.problem.traits.odd[0]
    assert odd == (kind == "odd")
    numbers = np.repeat(np.arange(400)[:, None], 90, 1)
    assert numbers.size > skipping.SMALL
    seen = np.concatenate([part[:, 0] for part in skipping._samples(plan.problem, numbers)])
    for first in range(400 - rows + 1):
        assert len(set(seen) & set(range(first, first + rows))) >= 1 + odd


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "uint64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_mended_is_stored_as_kernels_store_it(
    value: float, dtype: str, overflow: str
) -> None:
    f = np.full((5, 6), value)
    plan = parconv.plan2d(f, np.ones((1, 1)), dtype=dtype, overflow=overflow, method="direct")
    mended = skipping._as_stored(plan.problem, value, np.dtype(dtype))
    assert mended.dtype == dtype
    assert (plan(f) == mended).all()
