"""Distrusts the FFT method: against the definition, with equal bits however it is run, and where
data are not finite."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import Poisoned, soak
from numba import njit
from oracle import BORDERS, MODES, assert_same_bits, expect

import parconv
from parconv.codegen.transposition import columns, transposed, untransposed
from parconv.methods import fft
from parconv.methods.fft import empty as zeros, grid
from parconv.methods.fft.grid import EFFICIENCY, LARGEST, grid_of
from parconv.methods.fft.spectrum import factors, frequencies
from parconv.runtime.strategies import STRATEGIES

ROUNDING = {"float32": 2.0**-24, "float64": 2.0**-53}
SEEN = {"float32": 1e-7, "float64": 2e-16}


def image(shape: tuple[int, ...], dtype: Any = "float32", seed: int = 5) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def error(answer: np.ndarray, f: np.ndarray, g: np.ndarray, **options: Any) -> float:
    """The largest error, in units of ``max|f| sum|g|``; the constant of a border counts as f."""
    right = expect(f, g, **options).values
    assert answer.shape == right.shape
    largest = max(np.abs(f).max(), abs(options.get("cval", 0)))
    return float(np.abs(answer - right).max(initial=0)) / (largest * np.abs(g).sum())


def conv(f: Any, g: Any, **options: Any) -> np.ndarray:
    return parconv.conv2d(f, g, method="fft", **{"threads": 1, **options})


# --- the transform -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", EFFICIENCY)
def test_every_frequency_once(size: int) -> None:
    assert sorted(frequencies(size)) == list(range(size))
    assert np.prod(factors(size)) == size


@pytest.mark.parametrize(("rows", "lanes"), [(8, 16), (8, 8), (4, 8), (4, 4), (2, 2), (8, 4)])
@pytest.mark.parametrize("itemsize", [4, 8])
def test_transposition(rows: int, lanes: int, itemsize: int) -> None:
    """On lists in place of vectors: runs of rows for one column, and back."""
    rows = min(rows, lanes)

    class Lists:
        def shuffle(self, first: Any, second: Any, order: Any) -> Any:
            return [[*first, *second][n] for n in order]

    code: Any = Lists()
    code.itemsize, code.lanes = itemsize, lanes
    given = [[(row, lane) for lane in range(lanes)] for row in range(rows)]
    found = transposed(code, given)
    for vector, held in zip(found, columns(code, rows), strict=True):
        assert vector == [(row, column) for column in held for row in range(rows)]
    assert untransposed(code, found) == given


# --- against the definition ----------------------------------------------------------------------


def at_the_edges(size: int, span: int) -> list[int]:
    """Sizes of an image whose outputs end at, before and after the end of a tile."""
    step = size - span + 1
    return [span, step + span - 2, step + span - 1, step + span, 2 * step + span]


@pytest.mark.parametrize("height", at_the_edges(64, 9))
@pytest.mark.parametrize("width", [*at_the_edges(64, 12), 48 + 11, 49 + 11])
def test_tile_edges(height: int, width: int) -> None:
    f, g = image((height, width)), image((9, 12))
    plan = parconv.plan2d(f, g, method="fft")
    given = Poisoned(plan.problem.shape, np.float32)
    plan(f, given.out)
    given.check()
    assert error(given.out, f, g) < SEEN["float32"]


@pytest.mark.parametrize("dtype", ["float32", *soak("float64")])
@pytest.mark.parametrize(
    ("shape", "taps"),
    [((70, 90), (1, 1)), ((1, 200), (1, 31)), ((200, 1), (30, 1)), ((90, 150), (31, 2)),
     ((130, 40), (24, 25)), ((150, 170), (63, 64)), ((300, 280), (127, 120)), ((40, 30), (60, 61)),
     ((480, 500), (300, 3))],
)  # fmt: skip
def test_filters(shape: tuple[int, int], taps: tuple[int, int], dtype: str) -> None:
    """Even and flat ones, larger than a small tile, larger than the image; every tile size."""
    f, g = image(shape, dtype), image(taps, dtype)
    options: dict[str, Any] = {"mode": "same", "boundary": "mirror"}
    if g.size < 2000:
        few = 2 if g.size < 100 else 1  # rounding averages out over many taps
        assert error(conv(f, g, **options), f, g, **options) < few * SEEN[dtype]
        return
    direct = parconv.conv2d(f.astype(float), g.astype(float), method="direct", **options)
    scale = np.abs(f).max() * np.abs(g).sum()
    assert np.abs(conv(f, g, **options) - direct).max() < SEEN[dtype] * scale


@pytest.mark.parametrize("size", EFFICIENCY)
def test_every_size(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where another transform would cost less; no other test has these shapes."""
    monkeypatch.setattr(grid, "EFFICIENCY", {size: 1.0})
    f, g = image((size + 5, size + 37)), image((11, 14))
    plan = parconv.plan2d(f, g, mode="same", boundary="wrap", method="fft")
    assert grid_of(plan.problem).size == size
    assert error(plan(f), f, g, mode="same", boundary="wrap") < SEEN["float32"]


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("correlate", [False, True])
def test_modes_and_borders(mode: str, border: str, correlate: bool) -> None:
    f, g = image((2, 61, 83)), image((7, 10))
    options: dict[str, Any] = {"mode": mode, "boundary": (border, "edge"), "cval": 0.5}
    call = parconv.correlate2d if correlate else parconv.conv2d
    answer = call(f, g, method="fft", **options)
    assert error(answer, f, g, correlate=correlate, **options) < SEEN["float32"]


@pytest.mark.parametrize(
    "options",
    [{"padding": ((3, 0), (20, 7)), "boundary": "wrap"}, {"mode": "same", "origin": (2, -3)},
     {"mode": "full", "dilation": (2, 3)}, {"mode": "same", "boundary": "symmetric", "cval": 3}],
    ids=str,
)  # fmt: skip
def test_other_questions(options: dict[str, Any]) -> None:
    f, g = image((77, 91)), image((9, 8))
    assert error(conv(f, g, **options), f, g, **options) < SEEN["float32"]


@pytest.mark.parametrize("planes", [1, 2, 3, 5])
def test_stacks(planes: int) -> None:
    """Tiles of different planes share a transform."""
    f, g = image((planes, 30, 70)), image((9, 9))
    assert error(conv(f, g, mode="same"), f, g, mode="same") < SEEN["float32"]
    colour = np.ascontiguousarray(np.moveaxis(f, 0, -1))
    answer = conv(colour, g, mode="same", axes=(0, 1))
    assert error(np.moveaxis(answer, -1, 0), f, g, mode="same") < SEEN["float32"]


@pytest.mark.parametrize("border", BORDERS)
def test_colour_borders(border: str) -> None:
    """Outside the image whole pixels repeat, also those farther away than a window holds."""
    for shape, taps in (((50, 60, 3), (9, 12)), ((70, 5, 4), (5, 30))):
        f, g = image(shape), image(taps)
        options: dict[str, Any] = {"mode": "full", "boundary": border, "cval": 0.5}
        answer = conv(f, g, axes=(0, 1), **options)
        for channel in range(shape[-1]):
            assert error(answer[..., channel], f[..., channel], g, **options) < SEEN["float32"]


@pytest.mark.parametrize(
    ("dtype", "result"),
    [("uint8", None), ("int16", None), ("float16", None), ("int32", None), ("uint8", "uint8")],
)
def test_other_types(dtype: str, result: str | None) -> None:
    """Asked for by name it serves every image whose sums are real and floating."""
    f, g = (40 * np.abs(image((70, 80)))).astype(dtype), np.abs(image((11, 12)))
    g = g / g.sum()
    answer, direct = (
        parconv.conv2d(f, g, mode="same", method=method, dtype=result)
        for method in ("fft", "direct")
    )
    assert answer.dtype == direct.dtype
    worst = {"float16": 0.13, "uint8": 1.0}.get(str(answer.dtype), 1e-4)
    assert np.abs(answer.astype(float) - direct.astype(float)).max() <= worst


# --- the bound -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", SEEN)
@pytest.mark.parametrize("kind", ["constant", "checkers", "impulse", "bright spot"])
def test_the_bound_holds_for_hard_images(kind: str, dtype: str) -> None:
    """Sums of equal signs, alternating ones, single pixels, a high dynamic range."""
    y, x = np.mgrid[:100, :150]
    f = {
        "constant": np.full((100, 150), 0.7),
        "checkers": np.where((x + y) % 2, 1.0, -1.0),
        "impulse": (x == 70) * (y == 30) * 3.0,
        "bright spot": 1e-3 * image((100, 150), "float64") + (x == 70) * (y == 30) * 1e5,
    }[kind].astype(dtype)
    for g in (image((16, 17), dtype), np.ones((13, 13), dtype), np.abs(image((40, 9), dtype))):
        found = error(conv(f, g, mode="full"), f, g, mode="full")
        size = grid_of(parconv.plan2d(f, g, mode="full", method="fft").problem).size
        assert found < 2 * np.log2(size) * ROUNDING[dtype]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int16"])
def test_the_bound_of_narrow_integers(dtype: str) -> None:
    """By the range of the type, whatever the pixels; a border's constant counts as one."""
    limits = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    rng = np.random.default_rng(3)
    largest = max(map(abs, limits))
    for f in (
        rng.integers(*limits, (100, 150), endpoint=True).astype(dtype),
        np.full((100, 150), limits[1], dtype),
        np.where(rng.random((100, 150)) < 0.01, *limits).astype(dtype),
    ):
        g = image((13, 12))
        right = expect(f.astype(float), g, mode="same", cval=1).values
        found = conv(f, g, mode="same", cval=1)
        assert found.dtype == np.float32
        assert np.abs(found - right).max() < SEEN["float32"] * largest * np.abs(g).sum()
        if dtype == "uint8":
            rounded = conv(f, g / np.abs(g).sum(), mode="same", cval=1, dtype=dtype)
            right = right / np.abs(g).sum()
            worst = 0.5 + 2 * SEEN["float32"] * largest
            assert np.abs(rounded - np.clip(right, *limits)).max() < worst


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", SEEN)
def test_nothing_is_exactly_zero(dtype: str, border: str) -> None:
    """Windows of zeros alone: beside others, over the edges of tiles, in tiles of nothing else."""
    f = np.where(np.random.default_rng(5).random((3, 170, 190)) < 0.002, 1e4, 0).astype(dtype)
    f[0, :90] = image((90, 190), dtype) + 9  # a tile without zeros, beside its partner
    g = image((9, 14), dtype) + 9
    options = {"mode": "same", "boundary": border, "cval": 1}
    empty = parconv.conv2d(f != 0, np.ones(g.shape, int), **options) == 0
    found = conv(f, g, **options)
    assert 0.1 < empty.mean() < 0.9
    np.testing.assert_array_equal(found == 0, empty)


@pytest.mark.parametrize("options", [{"dilation": (3, 2)}, {"axes": (0, 1)}, {"cval": 2}], ids=str)
def test_nothing_is_exactly_zero_under_steps_and_colours(options: dict[str, Any]) -> None:
    shape = (170, 190, 3) if "axes" in options else (170, 190)
    f = (np.random.default_rng(6).random(shape) < 0.004).astype(np.float32)
    g = image((7, 9), "float32") + 9
    empty = parconv.conv2d(f != 0, np.ones(g.shape, int), mode="full", **options) == 0
    found = conv(f, g, mode="full", **options)
    assert 0.1 < empty.mean() < 0.9
    np.testing.assert_array_equal(found == 0, empty)


def test_nothing_is_exactly_zero_far_outside() -> None:
    """Beside windows that meet an image without zeros there are some that meet none of it."""
    f, g = image((50, 60)) + 99, image((9, 8)) + 9
    found = conv(f, g, padding=((30, 9), (1, 20)))
    rows, columns = slice(22, 22 + 50 + 8), slice(0, 60 + 1)
    assert (found[rows, columns] != 0).all()
    assert np.count_nonzero(found) == found[rows, columns].size
    assert 0 < found[rows, columns].size < found.size


@njit
def counted(scratch, at, counts, step, shape, axes):  # type: ignore[no-untyped-def]
    return zeros.count_zeros(scratch, at, counts, step, shape, axes)


def is_counted(shape: tuple[int, int], taps: int, outside: int, step: int, zero: Any) -> bool:
    """Whether a tile with so many rows and columns of a constant 0 on each side is counted."""
    pixels = np.zeros(shape, np.float32)
    pixels[outside : shape[0] - outside, outside : shape[1] - outside] = 1
    pixels[zero] = 0
    axes = tuple((taps, step, outside, size - outside, size - (taps - 1) * step) for size in shape)
    scratch, counts = np.append(pixels.ravel(), np.zeros(pixels.size, np.float32)), pixels.size
    return bool(counted(scratch, 0, counts, shape[1], shape, axes))


def test_a_dense_image_is_not_counted() -> None:
    """But for windows of the constant alone; no window of zeros is missed, wherever it lies."""
    nothing = slice(0, 0)
    for taps, step in ((5, 1), (4, 2), (3, 3), (1, 1)):
        span = (taps - 1) * step + 1
        for outside in range(span + 2):
            size = (2 * outside + 3 * span, 2 * outside + 2 * span + 5)
            found = is_counted(size, taps, outside, step, nothing)
            assert found == (outside >= span), (taps, step, outside)
            for y, x in itertools.product(*[range(n - span + 1) for n in size]):
                hole = slice(y, y + span, step), slice(x, x + span, step)
                assert is_counted(size, taps, outside, step, hole)


def test_nothing_is_exactly_zero_beside_nan() -> None:
    """The partner of a tile that is not transformed."""
    f = np.zeros((140, 300), np.float32)
    f[70, 20], f[70, 270] = np.nan, 1
    found = conv(f, image((15, 15), "float32") + 9, mode="same")
    assert np.isnan(found).sum() == 225
    assert np.count_nonzero(found) == 2 * 225


def test_masks_are_summed_plainly() -> None:
    mask, g = np.zeros((900, 900), bool), 1 / 3 + np.eye(25)
    mask[450:, 450:] = True
    plan = parconv.plan2d(mask, g, mode="same")
    assert plan.method == "direct"
    assert "a mask" in plan.explain()
    assert parconv.plan2d(mask.astype("uint8"), g).method == "fft"
    assert parconv.plan2d(mask, g, tolerance=1e-3).method == "fft"
    empty = parconv.conv2d(mask, (g != 0).astype(int), mode="same") == 0
    np.testing.assert_array_equal(plan(mask) == 0, empty)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_scales(scale: float) -> None:
    f, g = image((80, 90)), image((12, 12))
    for scales in ((scale, 1), (1, scale), (scale, 1 / scale)):
        a, b = (part * np.float32(n) for part, n in zip((f, g), scales, strict=True))
        assert error(conv(a, b), a, b) < SEEN["float32"]


# --- NaN and infinity ----------------------------------------------------------------------------


def assert_like_direct(f: np.ndarray, g: np.ndarray, **options: Any) -> None:
    """The same footprint, and the same values in it."""
    with np.errstate(all="ignore"):
        right = parconv.conv2d(f, g, method="direct", **options)
        answer = conv(f, g, **options)
        wrong = ~np.isfinite(right)
        np.testing.assert_array_equal(~np.isfinite(answer), wrong)
        np.testing.assert_array_equal(answer[wrong], right[wrong])
        finite = np.where(np.isfinite(f), np.abs(f), 0)
        scale = finite.max() * np.abs(g).sum()
        assert np.abs(np.where(wrong, 0, answer - right)).max() <= 1e-5 * scale


@pytest.mark.parametrize("dtype", SEEN)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_footprint_of_a_pixel(value: float, dtype: str) -> None:
    g = image((11, 12), dtype)
    for place in [(0, 0), (60, 60), (149, 199), (53, 54)]:
        f = image((150, 200), dtype)
        f[place] = value
        assert_like_direct(f, g, mode="same", boundary="mirror")


def test_mixed_values() -> None:
    g = image((11, 12))
    g[3] = 0  # times infinity is NaN, as by definition
    f = image((2, 150, 200))
    f[0, 40:44, 50] = np.nan, np.inf, -np.inf, np.inf
    f[1, 70, 100:140] = np.inf
    f[1, ::50, ::50] = -np.inf
    assert_like_direct(f, g, mode="full")
    assert_like_direct(np.full((90, 90), np.nan, np.float32), g, mode="same")


def test_a_tile_with_nan_has_the_direct_bits() -> None:
    f, g = image((50, 50)), image((11, 12))
    f[20, 20] = np.nan
    right = parconv.conv2d(f, g, mode="same", method="direct")
    assert grid_of(parconv.plan2d(f, g, mode="same", method="fft").problem).tiles == (1, 1)
    answer = conv(f, g, mode="same")
    finite = np.isfinite(right)
    assert_same_bits(np.where(finite, answer, 0), np.where(finite, right, 0))
    np.testing.assert_array_equal(np.isnan(answer), ~finite)


def test_the_partner_of_a_tile_with_nan_is_transformed() -> None:
    f, g = image((50, 100)), image((11, 12))
    plan = parconv.plan2d(f, g, mode="same", method="fft")
    assert grid_of(plan.problem).tiles == (1, 2)
    step = grid_of(plan.problem).step[1]
    alone = f.copy()
    alone[:, : step - 6] = 0
    f[20, 3] = np.nan
    found, right = plan(f), plan(alone)
    assert np.isfinite(found[:, step:]).all()
    assert np.abs(found - right)[:, step + 12 :].max() < 1e-4


@pytest.mark.parametrize("border", ["constant", "wrap"])
def test_cval_and_taps_that_are_not_finite(border: str) -> None:
    f, g = image((60, 70)), image((11, 12))
    assert_like_direct(f, g, mode="same", boundary=border, cval=np.nan)
    bad = g.copy()
    bad[4, 4] = np.inf
    with np.errstate(all="ignore"):
        right = parconv.conv2d(f, bad, mode="same", boundary=border, method="direct")
        np.testing.assert_array_equal(conv(f, bad, mode="same", boundary=border), right)


def test_overflow_is_that_of_the_direct_method() -> None:
    """A transform's sums overflow long before the result's."""
    f, g = np.full((100, 120), 1e38, np.float32), np.full((11, 12), 1 / 132, np.float32)
    g[0, 0] /= 2  # else direct would sum pixels and scale the sum
    f[:, ::2] *= -1
    np.testing.assert_array_equal(conv(f, g), parconv.conv2d(f, g, method="direct"))


# --- equal bits ----------------------------------------------------------------------------------

F, G = image((3, 150, 230)), image((11, 12))
F[1, 70, 80] = np.nan
OPTIONS: dict[str, Any] = {"mode": "same", "boundary": "mirror"}


@pytest.fixture(scope="module")
def right() -> np.ndarray:
    return conv(F, G, strategy="serial", **OPTIONS)


def assert_same(answer: np.ndarray, right: np.ndarray) -> None:
    assert np.isnan(right).sum() == G.size
    np.testing.assert_array_equal(answer.view(np.uint32), right.view(np.uint32))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads(threads: int, strategy: str, right: np.ndarray) -> None:
    assert_same(conv(F, G, threads=threads, strategy=strategy, **OPTIONS), right)
    plan = parconv.plan2d(F, G, strategy=strategy, method="fft", **OPTIONS)
    bands = fft.bands(plan.problem, threads)
    assert_same(replace(plan, threads=threads, bands=bands)(F), right)


@pytest.mark.parametrize("height", [1, 37, 53, 54, 55, 149, 300])
def test_bands_of_any_height(height: int, right: np.ndarray) -> None:
    plan = parconv.plan2d(F, G, method="fft", **OPTIONS)
    bands = tuple(itertools.pairwise([*range(0, 450, height), 450]))[::-1]
    assert_same(replace(plan, bands=bands, strategy="serial")(F), right)


def test_bands_cover_every_row_once() -> None:
    for planes, height, width, parts in itertools.product([1, 3], [20, 150, 333], [50, 90], [1, 4]):
        problem = parconv.plan2d(
            ((planes, height, width), "float32"), G, mode="same", method="fft"
        ).problem
        bands = fft.bands(problem, parts)
        covered = [row for start, stop in bands for row in range(start, stop)]
        assert covered == list(range(planes * height))
        assert parts > 1 or len(bands) == 1


def test_layouts_and_views(right: np.ndarray) -> None:
    plan = parconv.plan2d(F, G, method="fft", **OPTIONS)
    wide = np.zeros((3, 170, 500), np.float32)
    wide[:, 7:157, 3:463:2] = F
    for given in (np.asfortranarray(F), wide[:, 7:157, 3:463:2], F[:, ::-1].copy()[:, ::-1]):
        assert_same(plan(given), right)
    swapped = F.astype(">f4")
    assert_same(plan(swapped), right)
    for out in (np.empty_like(F, order="F"), np.zeros((3, 150, 460), np.float32)[..., ::2]):
        plan(F, out)
        assert_same(np.ascontiguousarray(out), right)


@pytest.mark.parametrize("dtype", SEEN)
def test_streamed(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results stored past the caches, at any alignment."""
    f, g = image((90, 231), dtype), image((11, 12), dtype)
    plain = conv(f, g, mode="same")
    monkeypatch.setattr("parconv.codegen.machine.STREAM_BYTES", 0)
    fft.layout.cache_clear()
    try:
        for start, margin in itertools.product((0, 1, 3), (0, 5, 64)):
            memory = np.full((90, 231 + margin + 3), np.nan, dtype)
            out = memory[:, start : start + 231]
            parconv.conv2d(f, g, mode="same", method="fft", out=out)
            assert_same_bits(np.ascontiguousarray(out), plain)
            assert np.isnan(memory[:, :start]).all()
            assert np.isnan(memory[:, start + 231 :]).all()
    finally:
        monkeypatch.undo()
        fft.layout.cache_clear()


def test_the_filter_is_read_only_and_the_image_untouched() -> None:
    f, g = image((80, 90)), image((11, 12))
    before = f.copy(), g.copy()
    plan = parconv.plan2d(f, g, method="fft")
    assert not plan.taps.values.flags.writeable
    assert_same_bits(plan(f), plan(f))
    assert_same_bits(f, before[0])
    assert_same_bits(g, before[1])
    out = f.copy()
    same = parconv.plan2d(f, g, method="fft", mode="same")
    assert_same_bits(same(out, out=out), same(f), "out is f")


# --- what it cannot, and when it is chosen -------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "g", "options", "reason"),
    [
        (np.ones((90, 90), int), np.ones((9, 9), int), {}, "integers"),
        (image((90, 90)), image((9, 9)), {"stride": 2}, "stride"),
        (image((900, 90)), image((LARGEST, 3)), {}, "spans"),
    ],
    ids=["integers", "stride", "span"],
)
def test_reasons(f: Any, g: Any, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        conv(f, g, **options)
    assert parconv.plan2d(f, g, **options).method == "direct"


@pytest.mark.parametrize("shape", [(0, 40), (40, 0), (0, 40, 40)])
def test_nothing_to_compute(shape: tuple[int, ...]) -> None:
    f = np.empty(shape, np.float32)
    answer = conv(f, np.ones((3, 3), np.float32), mode="same")
    assert answer.shape == shape


def planned(side: int, taps: int, dtype: str = "float32", **options: Any) -> Any:
    return parconv.plan2d(((side, side), dtype), ((taps, taps), dtype), mode="same", **options)


@pytest.mark.usefixtures("costs_as_fitted")
def test_chosen_where_it_wins() -> None:
    """By the problem alone; large filters on images of several tiles."""
    for dtype, side in itertools.product(("float32", "float64"), (1024, 4096)):
        methods = [planned(side, taps, dtype).method for taps in (3, 9, 15, 31, 63, 127)]
        assert methods == ["direct"] * 2 + ["fft"] * 4
    assert {planned(side, 15).method for side in (16, 64)} == {"direct"}
    assert planned(4096, 31, threads=1).method == planned(4096, 31, strategy="joblib").method
    assert planned(4096, 31, method="direct").method == "direct"
    assert planned(4096, 1, method="fft").method == "fft"
    for f, g in (("int32", "float32"), ("uint8", "uint8")):
        assert parconv.plan2d(((4096, 4096), f), ((31, 31), g)).method == "direct"
    mask = ((4096, 4096), "bool"), ((31, 31), "float32")  # whose zeros mean something
    assert parconv.plan2d(*mask).method == "direct"
    assert parconv.plan2d(*mask, tolerance=1e-5).method == "fft"
    for f in ("uint8", "int8", "uint16", "int16", "float16", "complex64"):
        assert parconv.plan2d(((4096, 4096), f), ((31, 31), "float32")).method == "fft"


def test_a_tolerance_allows_it_or_not() -> None:
    for dtype, tolerance in (("float32", 1e-7), ("float64", 1e-16), ("float32", 0)):
        plan = planned(4096, 31, dtype, tolerance=tolerance)
        assert plan.method == "direct"
        assert f"more than tolerance={tolerance:.2g}" in plan.explain()
    for dtype, tolerance in (("float32", 2e-6), ("float64", 1e-14)):
        assert planned(4096, 31, dtype, tolerance=tolerance).method == "fft"
    bank = ((1, 64, 512, 512), "float32"), ((64, 1, 31, 31), "float32")
    error = {
        tolerance: parconv.plan2d(
            *bank, groups=64, method="planes", tolerance=tolerance
        ).stage.error
        for tolerance in (None, 1e-7)
    }
    assert error[None] > 1e-7
    assert error[1e-7] == 0


def test_explain_tells_what_was_considered() -> None:
    def considered(plan: Any) -> str:
        (line,) = (line for line in plan.explain().splitlines() if line.startswith("considered"))
        return str(line)

    assert "direct: " in considered(planned(4096, 31))
    assert " times " in considered(planned(4096, 31))
    assert "fft: integers are summed exactly" in considered(planned(4096, 31, "int32"))
    assert "fft: wide integers keep" in considered(
        parconv.plan2d(((99, 99), "int32"), ((31, 31), "float32"))
    )


# --- other vectors -------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-7), ("float64", 2e-16)])
@pytest.mark.parametrize(
    ("shape", "taps"),
    [((150, 170), (11, 12)), ((200, 190), (40, 31)), ((300, 80), (90, 3)), ((500, 520), (150, 3)),
     ((480, 500), (300, 3))],
)  # fmt: skip
def test_every_vector_unit(
    shape: tuple[int, int], taps: tuple[int, int], dtype: str, bound: float
) -> None:
    """What test_vectors.py runs where vectors are other than this machine's."""
    rng = np.random.default_rng(1)
    f, g = (rng.standard_normal(n).astype(dtype) for n in (shape, taps))
    f[5, 6] = np.nan
    found = parconv.conv2d(f, g, threads=1, method="fft")
    right = parconv.conv2d(f.astype(float), g.astype(float), method="direct")
    assert (np.isnan(found) == np.isnan(right)).all()
    scale = np.nanmax(abs(f)) * abs(g).sum()
    assert np.nanmax(abs(found - right)) < bound * scale
