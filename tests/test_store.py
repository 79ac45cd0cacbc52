"""Distrusts what becomes of a sum: scale, bias, rounding, overflow, by every method and band."""

import itertools
import math
import pickle
from typing import Any

import joblib
import numpy as np
import oracle
import pytest
from conftest import soak
from hypothesis import given, settings, strategies as st

import parconv
from parconv.planner.choice import part_of
from parconv.problem.window import narrowed, window_of

RNG = np.random.default_rng(61)
IMAGE = RNG.integers(0, 256, (37, 41), np.uint8)
REAL = IMAGE.astype(np.float32)
TAPS = RNG.integers(-4, 5, (3, 3)).astype(np.float32)
INTEGERS = "uint8", "int32", "int64", "uint64", *soak("int8", "int16", "uint16", "uint32")
# Halves, limits, what is beyond them, and no numbers at all.
NUMBERS = np.array([
    0, 0.5, -0.5, 0.9999, -0.9999, 1.5, 2.5, -1.5, -2.5, 127.5, 128, 255.5, 256, 300.7, -1, -200,
    65535.5, 65536.5, -70000.7, 3e9, -3e9, 2.0**31 - 0.5, 2.0**31, -(2.0**31), -(2.0**31) - 1,
    2.0**32, 2.0**32 + 5, 1e15 + 7, -1e15 - 7, 9.3e18, -9.3e18, 2.0**63, -(2.0**63), 1e19, -1e19,
    2.0**64, -(2.0**64), 1e30, -1e30, np.inf, -np.inf, np.nan,
])  # fmt: skip


def modulo(value: int, kind: np.dtype[Any]) -> int:
    """In two's complement."""
    bits = 8 * kind.itemsize
    rest = value % (1 << bits)
    return rest - (1 << bits) if kind.kind == "i" and rest >> (bits - 1) else rest


def wrapped(value: float, kind: np.dtype[Any]) -> int:
    """Modulo 2**n as scipy.ndimage has it on x86: by way of int32 or int64, whose least value
    stands for what they do not hold."""
    if kind == np.uint64:  # by way of |value|
        if math.isnan(value):
            return 1 << 63
        size = abs(value) if abs(value) < 2.0**64 else 0
        return modulo(int(math.copysign(size, value)), kind)
    bits = 64 if kind.itemsize == 8 or kind == np.uint32 else 32
    inside = -(2.0 ** (bits - 1)) <= value < 2.0 ** (bits - 1)
    return modulo(int(value) if inside else -(1 << (bits - 1)), kind)


def becomes(value: float, dtype: str, rounding: str, overflow: str, whole: bool = False) -> int:
    """One sum of floats, or a ``whole`` one, as an integer; OverflowError where it is beyond."""
    kind = np.dtype(dtype)
    if math.isfinite(value):
        value = {"even": round, "trunc": int}[rounding](value)
    if overflow == "wrap":
        return modulo(int(value), kind) if whole else wrapped(value, kind)
    low, high = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    if overflow == "raise" and not low <= value <= high:
        raise OverflowError
    if math.isnan(value):
        return 0
    return high if value > high else low if value < low else int(value)


def stored(sums: Any, dtype: str, rounding: str, overflow: str, whole: bool = False) -> np.ndarray:
    flat = [becomes(value, dtype, rounding, overflow, whole) for value in np.ravel(sums).tolist()]
    return np.array(flat, object).astype(dtype).reshape(np.shape(sums))


@pytest.mark.parametrize("rows", [2, 14])  # fewer than a tile has, and several tiles
@pytest.mark.parametrize("dtype", INTEGERS)
def test_floats_wrap_and_saturate(dtype: str, rows: int) -> None:
    f = np.tile(NUMBERS, (rows, 1))
    for rounding, overflow in (("trunc", "wrap"), ("trunc", "saturate")):
        rule: Any = {"rounding": rounding, "overflow": overflow}
        found = parconv.correlate2d(f, [[1.0]], dtype=dtype, **rule)
        np.testing.assert_array_equal(found, stored(f, dtype, **rule), f"{rule}")
        apart = np.empty((len(NUMBERS), rows), dtype).T  # results that lie apart
        parconv.correlate2d(f, [[1.0]], out=apart, **rule)
        np.testing.assert_array_equal(apart, found)


# Few, for each has compiled code of its own; tiles of the direct method store the first two.
RULES = (
    ("uint8", "even", "saturate"), ("uint8", "even", "wrap"), ("int32", "trunc", "wrap"),
    ("uint32", "even", "wrap"), ("uint16", "even", "raise"), ("float32", "even", "saturate"),
)  # fmt: skip
DYADIC = st.integers(-999, 999).map(lambda n: n / 8)  # scaled sums are exact


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(RULES),
    st.one_of(st.none(), DYADIC),
    st.one_of(st.none(), DYADIC, st.integers(-300, 300)),
    st.booleans(),
    st.sampled_from(oracle.BORDERS),
    st.sampled_from([0, -3, 7.5]),
)
def test_results_are_rounded_sums(
    rule: tuple[str, str, str], scale: Any, bias: Any, whole: bool, border: str, cval: Any
) -> None:
    dtype, rounding, overflow = rule
    g = TAPS.astype(np.int64) if whole else TAPS
    options: dict[str, Any] = {"mode": "same", "boundary": border, "cval": cval}
    sums = oracle.expect(IMAGE, g.astype(float), **options).values.astype(float)
    sums = sums * (1 if scale is None else scale) + (0 if bias is None else bias)
    asked: Any = {"scale": scale, "bias": bias, "rounding": rounding, "overflow": overflow}
    call = {"dtype": dtype, "method": "direct", **options, **asked}
    if dtype == "float32":
        np.testing.assert_array_equal(parconv.conv2d(IMAGE, g, **call), sums.astype(np.float32))
        return
    exact = whole and scale is None and (bias is None or bias == int(bias))
    exact = exact and (cval == int(cval) or border != "constant")
    try:
        right = stored(sums, dtype, rounding, overflow, whole=exact)
    except OverflowError:
        with pytest.raises(ValueError, match="uint16 does not hold all results"):
            parconv.conv2d(IMAGE, g, **call)
        return
    np.testing.assert_array_equal(parconv.conv2d(IMAGE, g, **call), right)
    if dtype == "uint8" and not whole:  # tiles store those of sums in double, too
        found = parconv.conv2d(IMAGE, g, accumulate=np.float64, **call)
        np.testing.assert_array_equal(found, right)


# --- every method, border and band ---------------------------------------------------------------

BOX = np.full((3, 3), 1 / 9, np.float32)
SEPARABLE = np.outer([1, 2, 1], [1, 3, 2]).astype(np.float32)
MAPS = RNG.integers(-4, 5, (3, 6, 23, 31)).astype(np.float32)
LAYER = RNG.integers(-4, 5, (20, 6, 3, 3)).astype(np.float32)
DEPTHWISE = RNG.integers(-4, 5, (12, 1, 3, 3)).astype(np.float32)
TALL = np.tile(REAL, (12, 9))
PLANES = {
    "direct": (TALL, TAPS), "separable": (TALL, SEPARABLE), "rows": (TALL, SEPARABLE),
    "passes": (TALL, SEPARABLE), "windows": (TALL, BOX), "box": (TALL.astype(np.uint8), BOX),
    "fft": (TALL, TAPS),
}  # fmt: skip
LAYERS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "direct": (LAYER, {}), "channels": (LAYER, {}), "winograd": (LAYER, {}),
    "depthwise": (DEPTHWISE, {"groups": 6}), "planes": (DEPTHWISE, {"groups": 6}),
}  # fmt: skip


@pytest.mark.parametrize("method", PLANES)
def test_every_method_of_planes(method: str) -> None:
    f, g = PLANES[method]
    asked: Any = {"mode": "same", "boundary": ("mirror", "wrap"), "method": method}
    reason = parconv.plan2d(f, TAPS, mode="same").explain()
    if f"{method}: the machine has" in reason:
        pytest.skip(reason)
    right = parconv.conv2d(f, g, **asked) * np.float32(0.25) + np.float32(-3.5)
    for threads, strategy in ((1, "serial"), (2, "threads"), (3, "joblib")):
        who: Any = {"threads": threads, "strategy": strategy}
        found = parconv.conv2d(f, g, scale=0.25, bias=-3.5, **asked, **who)
        oracle.assert_same_bits(found, right, f"{who}")
    rule: Any = {"rounding": "trunc", "overflow": "raise"}
    found = parconv.conv2d(f, g, scale=0.25, bias=-3.5, dtype="int16", **rule, **asked)
    np.testing.assert_array_equal(found, np.trunc(right).astype(np.int16))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("method", LAYERS)
def test_every_method_of_maps(method: str, last: bool) -> None:
    g, asked = LAYERS[method]
    asked = {"padding": 1, "method": method, **asked}
    numbers = np.arange(len(g)) / 4 - 2
    f, by_filter = MAPS, (slice(None), None, None)
    if last:
        f, by_filter = np.ascontiguousarray(MAPS.transpose(0, 2, 3, 1)), (slice(None),) * 1
        asked["axes"] = 1, 2
    sums = parconv.correlate2d(f, g, **asked)
    right = sums * np.float32(0.5) + numbers.astype(np.float32)[by_filter]
    for threads in (1, 2):
        found = parconv.correlate2d(f, g, scale=0.5, bias=numbers, threads=threads, **asked)
        oracle.assert_same_bits(found, right, f"{threads} threads")
    found = parconv.correlate2d(f, g, scale=numbers.tolist(), dtype="uint8", **asked)
    scaled = sums * numbers.astype(np.float32)[by_filter]
    np.testing.assert_array_equal(found, stored(scaled, "uint8", "even", "saturate"))


def test_methods_that_python_calls_refuse() -> None:
    with pytest.raises(ValueError, match="method='gemm' cannot: it stores sums as they are"):
        parconv.correlate2d(MAPS, LAYER, bias=1, method="gemm")


def test_parts_of_a_problem_follow_its_rule() -> None:
    plan = parconv.plan2d(TALL, TAPS, scale=0.5, bias=2, dtype="int32", mode="same")
    whole = plan(TALL)
    window = window_of(plan.problem, 0, (100, 150))
    part = part_of(plan, narrowed(plan.problem, window))
    np.testing.assert_array_equal(part(TALL[slice(*window.runs[0])]), whole[100:150])
    again = pickle.loads(pickle.dumps(plan))
    assert again == plan
    assert "scaled by 0.5, plus 2" in str(again)
    np.testing.assert_array_equal(again(TALL), whole)
    double = parconv.plan2d(plan, TAPS, bias=-1, overflow="wrap", dtype="int32", mode="same")
    np.testing.assert_array_equal(parconv.chain(plan, double)(TALL), double(whole))
    with joblib.parallel_config("threading"):
        other = parconv.conv2d(
            TALL, TAPS, scale=0.5, bias=2, dtype="int32", mode="same", strategy="joblib", threads=2
        )
    np.testing.assert_array_equal(other, whole)


# --- integers beyond int64, truths, outputs ------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32"])
def test_sums_of_integers_wrap(dtype: str) -> None:
    f = RNG.integers(-(2**63), 2**63, (9, 8)).astype(dtype if dtype != "int32" else "int64")
    g = RNG.integers(-(2**63), 2**63, (3, 2)).astype(f.dtype)
    cval = 2**63 - 5 if dtype == "int32" else int(np.iinfo(dtype).max) - 4
    for options in ({}, {"mode": "full", "cval": cval}, {"padding": 1, "bias": -77}):
        asked: Any = dict(options)
        bias = asked.pop("bias", 0)
        sums = oracle.expect(f, g, **{"cval": 0, **asked}).values + bias
        right = [modulo(int(value), np.dtype(dtype)) for value in sums.ravel()]
        found = parconv.conv2d(f, g, dtype=dtype, overflow="wrap", **options)
        np.testing.assert_array_equal(found.ravel(), np.array(right, dtype))
    with pytest.raises(ValueError, match="int64"):
        parconv.conv2d(f, g, dtype=dtype, overflow="raise")


def test_a_bias_counts_for_the_range_of_integers() -> None:
    f, g = np.full((3, 3), 2**62, np.int64), np.ones((1, 1), int)
    assert parconv.conv2d(f, g, bias=2**62 - 1).max() == 2**63 - 1
    with pytest.raises(ValueError, match="f holds values beyond"):
        parconv.conv2d(f, g, bias=2**62)


def test_truths_are_sums_that_are_not_zero() -> None:
    spots = np.zeros((30, 40), np.float32)
    spots[3, 4], spots[20, 30], spots[9, 9] = np.nan, 5, 1
    sums = parconv.conv2d(spots, TAPS, mode="same")
    for out in (None, np.empty(sums.shape, bool), np.empty((40, 30), bool).T):
        found = parconv.conv2d(spots, TAPS, mode="same", dtype=bool, out=out)
        assert found.dtype == bool
        np.testing.assert_array_equal(found, sums != 0)
    flat = parconv.plan2d(((512, 512), "f4"), RNG.random((41, 41)), mode="same", dtype=bool)
    assert flat.method != "fft", "an exact 0 means False"


@pytest.mark.parametrize("dtype", ["bool", ">i4", "uint64", "f2", "f4", "f8", "c8"])
def test_the_output_decides(dtype: str) -> None:
    sums = parconv.correlate2d(IMAGE, TAPS)
    out = np.empty(sums.shape, dtype)
    assert parconv.correlate2d(IMAGE, TAPS, out=out) is out
    right = stored(sums, dtype, "even", "saturate") if out.dtype.kind in "iu" else sums
    np.testing.assert_array_equal(out, right.astype(dtype))
    with pytest.raises(TypeError, match="the result is complex64"):
        parconv.correlate2d(REAL * 1j, TAPS, out=np.empty(sums.shape, np.float32))


def test_a_fraction_beyond_the_border_of_integers() -> None:
    asked: Any = {"boundary": "constant", "cval": 1.5}
    right = parconv.sobel(IMAGE.astype(float), **asked)
    np.testing.assert_array_equal(parconv.sobel(IMAGE, dtype=float, **asked), right)
    found = parconv.sobel(IMAGE, dtype="int32", rounding="trunc", **asked)
    np.testing.assert_array_equal(found, np.trunc(right))
    with pytest.raises(ValueError, match="summed exactly"):
        parconv.sobel(IMAGE, **asked)


def test_what_is_not_finite_follows_the_rule() -> None:
    """Under a zero tap it counts for nothing, elsewhere it is scaled, shifted and stored."""
    f, g = REAL.copy(), np.array([[0, 1, 0], [2, 0, -1], [0, 0, 0]], np.float32)
    f[5, 5], f[20, 9] = np.nan, np.inf
    sums = parconv.conv2d(f, g, mode="same")
    with np.errstate(invalid="ignore"):
        right = sums * np.float32(-2) + np.float32(1)
    found = parconv.conv2d(f, g, mode="same", scale=-2, bias=1, method="fft")
    np.testing.assert_allclose(found, right, atol=1e-2)
    for overflow in ("saturate", "wrap"):
        rule: Any = {"rounding": "even", "overflow": overflow}
        found = parconv.conv2d(f, g, mode="same", scale=-2, bias=1, dtype="int32", **rule)
        np.testing.assert_array_equal(found, stored(right, "int32", **rule))


def test_zero_taps_raise_nothing() -> None:
    f, g = REAL.copy(), np.array([[0, 1], [2, 0]], np.float32)
    f[0, 0] = np.nan  # in the corner: under one tap of "valid", a zero
    asked: Any = {"dtype": "uint16", "overflow": "raise"}
    found = parconv.correlate2d(f, g, **asked)
    np.testing.assert_array_equal(found, parconv.correlate2d(IMAGE, g))
    f[5, 5] = np.nan
    with pytest.raises(ValueError, match="uint16 does not hold all results"):
        parconv.correlate2d(f, g, **asked)


def test_complex_results_are_scaled_and_shifted() -> None:
    f = REAL[:9, :9] * np.complex64(1 + 2j)
    for g in (TAPS, TAPS + 1j, np.stack([TAPS, 1j * TAPS])):
        bias: Any = [1j, 2] if g.ndim == 3 else 3 - 1j
        right = parconv.conv2d(f, g) * np.complex64(2)
        right += np.array(bias, np.complex64).reshape((-1, 1, 1) if g.ndim == 3 else ())
        np.testing.assert_allclose(parconv.conv2d(f, g, scale=2, bias=bias), right, rtol=1e-6)


@pytest.mark.parametrize("filters", [3, 8])
@pytest.mark.parametrize("method", ["direct", "channels"])
def test_sums_of_any_number(method: str, filters: int) -> None:
    """Methods that keep integers in scratch filled nothing where it held an odd number of sums."""
    f = np.ascontiguousarray(MAPS[:1, :, :1, :4])
    g = np.random.default_rng(7).random((filters, f.shape[1], 1, 3)).astype(np.float32)
    asked: Any = {"stride": (1, 2), "padding": ((0, 0), (2, 2)), "method": method}
    right = parconv.correlate2d(f, g, **asked) + np.float32(1.5)
    oracle.assert_same_bits(parconv.correlate2d(f, g, bias=1.5, **asked), right, method)


def test_rows_that_lie_apart_have_the_bits_of_those_beside_each_other() -> None:
    """Sums in double: 17 MiB go in and out, so results go past the caches, else from registers."""
    f, taps = RNG.integers(0, 1 << 16, (9, 8, 60_000), np.uint16), [0.25, 0.375, 0.4]
    asked: Any = {
        "axes": 0, "mode": "same", "dtype": "uint16", "accumulate": np.float64,
        "rounding": "trunc", "overflow": "wrap", "method": "direct",
    }  # fmt: skip
    found = parconv.correlate2d(f, taps, **asked)
    for n in range(8):
        np.testing.assert_array_equal(found[:, n], parconv.correlate2d(f[:, n], taps, **asked))
    exact = oracle.expect(f[:, 0, :50], np.array(taps)[:, None], mode="same", correlate=True)
    np.testing.assert_allclose(found[:, 0, :50], np.trunc(exact.values.astype(float)), atol=1)


# Images, filters: of the types in which box sums, and scales, in float32 and in float64.
FINISHED: dict[str, list[tuple[Any, Any]]] = {
    "box": [(IMAGE, np.full((3, 5), 1 / 15, "f4")), (IMAGE, np.ones((3, 3), np.int8)),
            (IMAGE.astype("u2") * 257, np.ones((3, 3), "f4"))],
    "windows": [(REAL, np.full((3, 5), 1 / 15, "f4")), (REAL.astype("f8"), np.ones((3, 3)))],
    "rows": [(IMAGE, np.outer([1, 2, 1], [1, 3, 5]).astype("f4")),
             (REAL, np.outer([1, 2], [1, 3]))],
    "separable": [(IMAGE, np.outer([1, 2, 1], [1, 3, 5]).astype("f4"))],
}  # fmt: skip


@pytest.mark.parametrize("columns", [5, 41, 300])  # less than a vector, some, and several tiles
@pytest.mark.parametrize(("first", "filters"), [("uint8", 1), *soak(("uint8", 3), ("int16", 3))])
@pytest.mark.parametrize("method", FINISHED)
def test_kernels_that_finish_narrow_results_themselves(
    method: str, first: str, filters: int, columns: int
) -> None:
    """They have the bits of sums that NumPy finishes, and no sums wait anywhere."""
    rules: list[Any] = [{}, {"rounding": "trunc"}, {"overflow": "wrap"}]
    asked: Any = {"mode": "same", "boundary": "wrap", "method": method, "scale": 0.25, "bias": -3.5}
    kinds = itertools.cycle([first, *{"uint8", "int16"} - {first}])  # filters by turns
    asks = [(*pair, dtype) for pair, dtype in zip(FINISHED[method][:filters], kinds, strict=False)]
    for (f, g, dtype), rule in itertools.product(asks, rules):
        f = np.tile(f, 8)[:, :columns]
        sums = parconv.conv2d(f, g, **asked | {"scale": None, "bias": None}, dtype="f8")
        right = stored(sums * 0.25 - 3.5, dtype, rule.get("rounding", "even"),
                       rule.get("overflow", "saturate"))  # fmt: skip
        plan = parconv.plan2d(f, g, threads=1, dtype=dtype, **asked, **rule)
        assert type(plan.stage).__name__ == "Ruled"
        found = plan(f)
        beside = found.astype(int) != right  # but where float32 sums are about halves
        assert beside.mean() <= 0.01, rule
        two = parconv.conv2d(f, g, threads=2, strategy="threads", dtype=dtype, **asked, **rule)
        oracle.assert_same_bits(two, found, f"{rule}")
        apart = np.full((*f.shape, 2), 77, dtype)
        plan(f, apart[..., 0])
        oracle.assert_same_bits(np.ascontiguousarray(apart[..., 0]), found, f"{rule}")
        assert (apart[..., 1] == 77).all()


@pytest.mark.parametrize("f", [IMAGE[:9, :40], REAL[:9, :40]], ids=["uint8", "float32"])
def test_means_of_equal_pixels_are_scaled_and_shifted_exactly(f: Any) -> None:
    """A mean is its pixels before a scale and a bias: what is whole then is not cut off below."""
    for taps, value in itertools.product((3, 5, 7), range(100, 256, 9)):
        g, same = np.full((taps, taps), 1 / taps**2, np.float32), np.full_like(f, value)
        asked: Any = {"mode": "same", "boundary": "edge", "dtype": "uint8", "rounding": "trunc"}
        assert (parconv.conv2d(same, g, scale=1, bias=-100, **asked) == value - 100).all()
        assert (parconv.conv2d(same, g, scale=0.25, bias=-3.5, **asked) == (value - 14) // 4).all()


@pytest.mark.parametrize(
    ("scale", "bias"), [(0.9, 12), (1.7, -90.5), (-3, 200), (1e12, -5), (-1e12, 5)]
)
def test_bytes_are_wider_results_cut_to_their_range(scale: float, bias: float) -> None:
    """Of 16-bit sums, all there are: they become bytes in an order of their own."""
    f = np.sort(np.random.default_rng(3).integers(0, 256, (20, 9000), np.uint8), axis=1)
    g = np.full((3, 3), 1 / 9, np.float32)
    asked: Any = {"scale": scale, "bias": bias, "method": "box", "threads": 1}
    assert len(np.unique(parconv.conv2d(f, np.ones_like(g)))) == 9 * 255 + 1
    wide = parconv.conv2d(f, g, dtype="int16", **asked)
    found = parconv.conv2d(f, g, dtype="uint8", **asked)
    np.testing.assert_array_equal(found, np.clip(wide, 0, 255))


WEIGHTS = RNG.random((5, 5)) - 0.25  # of which sums are rounded
RULED: Any = {"mode": "same", "boundary": "mirror", "dtype": "uint8", "method": "direct"}


@pytest.mark.parametrize("f", [TALL, TALL.astype(np.uint8)], ids=["float32", "uint8"])
def test_rounded_sums_begin_with_the_bias(f: Any) -> None:
    """Of taps that are scaled; in their own type such sums err by few of its digits."""
    plan = parconv.plan2d(f, WEIGHTS, scale=0.125, bias=40.25, threads=1, **RULED)
    assert plan.prepare(WEIGHTS).values[0] == 40.25
    sums = oracle.expect(f, WEIGHTS, mode="same", boundary="mirror").values.astype(float)
    right = sums * 0.125 + 40.25
    found = plan(f)
    near = np.abs(right % 1 - 0.5) < 1e-4  # by float32's digits of 255 and of all products
    assert near.mean() < 0.01
    np.testing.assert_array_equal(found[~near], stored(right[~near], "uint8", "even", "saturate"))
    two = parconv.conv2d(f, WEIGHTS, scale=0.125, bias=40.25, threads=2, **RULED)
    oracle.assert_same_bits(two, found, "two threads")


@pytest.mark.parametrize(
    ("scale", "bias", "begins"),
    [(0.25, -3.5, True), (1 / 7, 11, False), (0.25, 1e-3, False), (1, 2.0**25, False)],
)
def test_exact_sums_begin_with_the_bias_where_they_stay_so(
    scale: float, bias: float, begins: bool
) -> None:
    """Else what is whole would be cut off below: sums are scaled and shifted in one step."""
    f, g = TALL.astype(np.uint8), np.abs(TAPS) + np.float32(1)
    asked: Any = {"scale": scale, "bias": bias, "rounding": "trunc", "overflow": "wrap"}
    plan = parconv.plan2d(f, g, **RULED, **asked)
    assert (plan.prepare(g).values[0] == bias) == begins
    sums = oracle.expect(f, g, mode="same", boundary="mirror").values.astype(float)
    right = (sums * float(np.float32(scale)) + float(np.float32(bias))).astype(np.float32)
    np.testing.assert_array_equal(plan(f), stored(right, "uint8", "trunc", "wrap"))


def test_filters_of_a_bank_are_scaled_each_as_it_is_exact() -> None:
    bank = np.stack([WEIGHTS, np.round(8 * WEIGHTS), np.eye(5)]).astype(np.float32)
    asked: Any = {"scale": 1 / 7, "bias": 30, "dtype": "uint8"}
    found = parconv.conv2d(TALL, bank, method="planes", mode="same", **asked)
    for plane, g in zip(found, bank, strict=True):
        right = parconv.conv2d(TALL, g, method="direct", mode="same", **asked)
        oracle.assert_same_bits(plane, right, "")


@pytest.mark.parametrize("method", ["box", "windows"])
def test_sums_of_integers_stay_such_whatever_the_bias_takes_away(method: str) -> None:
    """One number is all of an integer tap: its rest, a half behind the bias, would round to one."""
    f, g = np.full((5, 70), 192, np.uint8), np.full((4, 4), 4097, np.float32)
    asked: Any = {"dtype": "uint8", "method": method, "overflow": "wrap"}
    for left in (1, 2, 254):
        found = parconv.conv2d(f, g, bias=left - 16 * 192 * 4097, **asked)
        assert (found == left).all()


@pytest.mark.parametrize("method", ["direct", "separable"])
def test_large_results_have_the_bits_of_small_ones_wherever_they_lie(method: Any) -> None:
    """Past the caches where more than 16 MiB go in and out, in whole lines; else through them."""
    f, g = RNG.random((1100, 2100), np.float32), np.outer([1, 2, 1], [1, 3, 1]).astype("f4")
    asked: Any = {"scale": 0.5, "bias": -1.25, "method": method, "threads": 1}
    parts = [parconv.conv2d(f[n : n + 152], g, **asked) for n in range(0, 948, 150)]
    for offset in (0, 1, 15):
        room = np.full((1098, 2098 + 16), np.nan, np.float32)
        out = room[:, offset : offset + 2098]
        parconv.conv2d(f, g, out=out, **asked)
        assert np.isnan(room[:, :offset]).all()
        assert np.isnan(room[:, offset + 2098 :]).all()
        for n, part in enumerate(parts):
            assert np.array_equal(out[150 * n : 150 * n + 150], part)
