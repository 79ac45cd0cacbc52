"""Distrusts sums under equal taps: by blocks of rows, in a few steps along them."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import Poisoned, check_bands, check_colours, check_places, check_plan, soak
from oracle import BORDERS, MODES, assert_same_bits

import parconv
from parconv.codegen import machine
from parconv.methods import windows
from parconv.methods.missing import windowed
from parconv.methods.windows.along import shifted_steps
from parconv.methods.windows.steps import steps_of
from parconv.planner.choice import make_plan
from parconv.planner.plan import Plan
from parconv.problem.window import narrowed, window_of

LANES = machine.VECTOR_BYTES // 4
TILE = 4 * LANES
SAME: dict[str, Any] = {"mode": "same", "boundary": "mirror"}


def image(shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
    rng, kind = np.random.default_rng([7, *shape]), np.dtype(dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return rng.integers(max(limits.min, -(1 << 16)), min(limits.max, 1 << 16), shape, kind.type)
    return rng.standard_normal(shape).astype(dtype)


def mean(height: int, width: int) -> np.ndarray:
    return np.full((height, width), 1 / (height * width))


def plan_of(f: Any, g: np.ndarray, **options: Any) -> Plan:
    return parconv.plan2d(f, g, method="windows", **{"threads": 1, **options})


def check(f: np.ndarray, g: np.ndarray, **options: Any) -> None:
    """Within the bound of a plain sum of all taps, and nothing written beside the output."""
    check_plan(plan_of(f, g, **options), f, g, **options)


@pytest.mark.parametrize("taps", [*range(1, 200), 1009, 4096])
def test_steps_count_every_pixel_once(taps: int) -> None:
    first, second, third, rest = steps_of(taps)
    assert first * second * third + rest == taps
    assert steps_of(taps).work <= taps + 2
    for apart in 1, 3, 4:
        if found := shifted_steps(taps, apart, LANES):
            assert found.first * found.second + found.rest == taps
            assert found.second > 1 == found.third


def test_windows_of_every_size() -> None:
    for taps in (*range(1, 26), 31, 40, 127):
        check(image((9, 5 * LANES + 3)), mean(1 + taps % 4, taps), **SAME)
        check(image((3 * LANES + 5, 21)), mean(taps, 3), **SAME)


@pytest.mark.parametrize("border", BORDERS)
def test_modes_and_borders(border: str) -> None:
    f = image((2, 37, 43))
    for mode, taps in itertools.product(MODES, [(5, 6), (20, 9), (3, 3)]):
        check(f, mean(*taps), mode=mode, boundary=(border, "wrap"), cval=3)
        check(f[:, :3, :4], mean(*taps), mode=mode, boundary=("edge", border), cval=3)
    check(f, mean(6, 5), padding=((3, 0), (20, 7)), boundary=border)
    check(f, mean(6, 5), mode="same", boundary=border, origin=(2, -2))
    check(f, np.pad(mean(3, 2), ((0, 2), (3, 1))), mode="same", boundary=border)
    check(f, mean(5, 4), mode="same", boundary=border, dilation=(3, 2))


@pytest.fixture
def narrow_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(windows, "BLOCK_BYTES", 4 * TILE)
    monkeypatch.setattr(windows, "LEAST_BYTES", 4 * TILE)
    windows.layout.cache_clear()
    yield
    windows.layout.cache_clear()


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.usefixtures("narrow_tiles")
def test_tiles_of_a_wide_image(border: str) -> None:
    """The first and the last need columns beside the image, those between lie in it."""
    options: dict[str, Any] = {"mode": "same", "boundary": border, "cval": 2.5}
    for width in (2 * TILE, 2 * TILE + 1, 3 * TILE + LANES - 1):
        check(image((13, width)), mean(3, 7), **options)
        check(image((13, width), "uint8"), mean(2, 12), **options)


@pytest.mark.parametrize("channels", [2, 3, 4, 7])
def test_colours(channels: int) -> None:
    for dtype, taps in itertools.product(("uint8", "float32"), ((3, 3), (5, 8), (16, 2))):
        check_colours(plan_of, image((31, 29, channels), dtype), mean(*taps), **SAME)


@pytest.mark.parametrize(
    ("dtype", "result"),
    [("uint8", "uint8"), ("float16", "float16"), ("float64", "float64"), (">f4", "float32"),
     *soak(("bool", "float32"), ("uint16", "uint16"), ("int16", "int8"), ("int32", "float64"),
           ("float32", "int16"))],
)  # fmt: skip
def test_types(dtype: str, result: str) -> None:
    f = image((37, 150)) > 0 if dtype == "bool" else image((37, 150), dtype)
    for taps in ((3, 3), (5, 24)):
        check(f, mean(*taps), dtype=result, **SAME)


def test_integers_are_exact() -> None:
    for taps in (3, 7):
        check(image((50, 70), "int16"), np.full((taps, 4), -3), **SAME)


def test_equal_whole_pixels_stay_what_they_are() -> None:
    for value, taps in itertools.product((1, 3, 255, 4001), (3, 5, 15)):
        f = np.full((40, 60), value, np.float32)
        assert (plan_of(f, mean(taps, taps), **SAME)(f) == value).all()


def test_what_is_not_finite_stays_in_its_window() -> None:
    f = image((60, 90))
    f[20, 30], f[40, 70] = np.nan, np.inf
    found = plan_of(f, mean(7, 9), **SAME)(f)
    expected = np.zeros(f.shape, bool)
    expected[17:24, 26:35] = expected[37:44, 66:75] = True
    np.testing.assert_array_equal(~np.isfinite(found), expected)
    assert (found[37:44, 66:75] == np.inf).all()


def test_large_pixels_do_not_overflow() -> None:
    f = np.full((30, 50), np.float32(3e38))
    found = plan_of(f, mean(9, 15), **SAME)(f)
    np.testing.assert_allclose(found, 3e38, rtol=1e-6)


def reason(dtype: str, g: np.ndarray, **options: Any) -> str:
    found = windows.applicable(parconv.plan2d(image((50, 70), dtype), g, **SAME | options).problem)
    return found or ""


def test_what_it_refuses() -> None:
    assert not reason("uint8", mean(15, 15))
    assert not reason("float32", mean(3, 3), dilation=2)
    assert "not all equal" in reason("uint8", np.eye(3))
    assert "stride" in reason("float32", mean(3, 3), stride=2)
    assert "exactly" in reason("int64", np.ones((3, 3), int))
    assert "complex" in reason("complex64", mean(3, 3))


@pytest.mark.parametrize("taps", [(7, 6), (3, 3), (31, 2 * LANES + 7)])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_equal_bits(taps: tuple[int, int], dtype: str) -> None:
    """Of any bands, layout and crop."""
    f, g = image((3, 90, 131), dtype), mean(*taps)
    plan = plan_of(f, g, dtype="float32", **SAME)
    right = check_bands(plan, f)
    for given in (np.asfortranarray(f), f[:, ::-1].copy()[:, ::-1], f[..., ::-1].copy()[..., ::-1]):
        assert_same_bits(plan(given), right)
    out = np.zeros((3, 90, 262), np.float32)[..., ::2]
    plan(f, out)
    assert_same_bits(np.ascontiguousarray(out), right)
    whole = plan_of(f, g)(f)
    for top, left in (0, 0), (taps[0], 1), (0, 17):
        part = f[:, top : top + 55, left : left + 77]
        crop = plan_of(part, g)(part)
        rows, columns = crop.shape[1:]
        assert_same_bits(crop, whole[:, top : top + rows, left : left + columns].copy())


def check_part(
    whole: Plan, f: np.ndarray, g: np.ndarray, right: np.ndarray, axis: int, ends: tuple[int, int]
) -> None:
    """Some rows or columns, of the pixels that they need alone, have the bits of the whole."""
    window = window_of(whole.problem, axis, ends)
    needed = [n for run in window.runs for n in range(*run)]
    problem = narrowed(whole.problem, window)
    plan = make_plan(problem, 1, 1, "serial", "windows").with_filter(g)
    found = plan(np.ascontiguousarray(f.take(needed, axis)))
    assert_same_bits(found, right.take(range(*ends), axis))


@pytest.mark.parametrize(("taps", "holes"), [(1, 1), (4, 1), (5, 3), (31, 1)])
@pytest.mark.parametrize("border", BORDERS)
def test_rows_of_a_part_have_the_bits_of_the_whole(taps: int, holes: int, border: str) -> None:
    """Blocks are counted from the first row of the whole, wherever a part begins."""
    f, g, options = image((50, 37)), mean(taps, 3), SAME | {"boundary": border, "dilation": holes}
    whole = plan_of(f, g, **options)
    right = whole(f)
    for height in (1, 7, 13):
        for start in range(0, 50, height):
            check_part(whole, f, g, right, 0, (start, min(start + height, 50)))


def test_complex_pixels_by_blocks() -> None:
    """Two channels are four numbers, of which parts of a row begin at whole pixels."""
    f, g = image((9, 150, 2), dtype="complex64"), mean(3, 31)
    options = SAME | {"axes": (0, 1)}
    whole = plan_of(f, g, **options)
    for start in (30, 47):
        check_part(whole, f, g, whole(f), 1, (start, start + 40))


@pytest.mark.parametrize("channels", [3, 4])
def test_pixels_of_colour_by_blocks(channels: int, request: pytest.FixtureRequest) -> None:
    """Counted from the first pixel of the whole, by any tiles, parts and alignment."""
    f, g, options = image((9, 150, channels)), mean(3, 31), SAME | {"axes": (0, 1)}
    check(f, g, **options)
    check(f[:, :33], mean(3, 33), **options)
    whole = plan_of(f, g, **options)
    right = whole(f)
    for width in (1, 30, 47):
        for start in range(0, 150, width):
            check_part(whole, f, g, right, 1, (start, min(start + width, 150)))
    for how in "everything_is_large", "narrow_tiles":
        request.getfixturevalue(how)
        placed = np.full((9, 152, channels), np.nan, np.float32)
        for first in range(3):
            found = placed[:, first : first + 150]
            plan_of(f, g, **options)(f, found)
            assert_same_bits(found.copy(), right)
    f[4, 70, 1] = np.nan
    lost = np.argwhere(np.isnan(plan_of(f, g, **options)(f)))
    assert [*lost.min(0), *lost.max(0)] == [3, 55, 1, 5, 85, 1]
    assert len(lost) == 3 * 31


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("parconv.codegen.machine.STREAM_BYTES", 0)
    for known in (windows.layout, windowed.layout):
        known.cache_clear()
    yield
    monkeypatch.undo()
    for known in (windows.layout, windowed.layout):
        known.cache_clear()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_streamed(dtype: str, request: pytest.FixtureRequest) -> None:
    """Past the caches, at any alignment, as one tile and as several."""
    f, g = image((20, 331), dtype), mean(7, 6)
    plain = plan_of(f, g, dtype=dtype, **SAME)(f)
    for how in "everything_is_large", "narrow_tiles":
        request.getfixturevalue(how)
        check_places(plan_of(f, g, dtype=dtype, **SAME), f, plain)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cval", [0.0, np.nan])  # NaN: what lies beyond is missing, too
def test_holes_are_counted_as_rows_enter(
    dtype: str, cval: float, request: pytest.FixtureRequest
) -> None:
    """Sums of ones tell what is there."""
    for large in (False, True):
        if large:
            request.getfixturevalue("everything_is_large")
        for columns, taps in itertools.product(
            (3 * LANES, 9 * LANES + 5), ((1, 3), (5, 4), (15, 9))
        ):
            f, g = image((41, columns), dtype), mean(*taps)
            lost = np.random.default_rng(columns).random(f.shape) < 0.2
            lost[20:38, : 2 * LANES] = True
            there, options = np.where(lost, 0, 1.0), {"mode": "same", "boundary": "constant"}
            sums = parconv.conv2d(np.where(lost, 0, f).astype("f8"), g, threads=1, **options)
            beyond = 0.0 if np.isnan(cval) else 1.0
            weights = parconv.conv2d(there, g, cval=beyond, threads=1, **options)
            none = np.round(weights * g.size) == 0
            right = np.where(none, np.nan, sums / np.where(none, 1, weights))
            spoilt, options = np.where(lost, np.nan, f).astype(dtype), {**options, "cval": cval}
            ask: Any = {**options, "nan_policy": "omit", "method": "windows"}
            plan = parconv.plan2d(spoilt, g, threads=1, **ask)
            found = plan(spoilt)
            bound = 4 * np.finfo(dtype).eps * np.abs(f).max() * 1 / np.where(none, 1, weights)
            assert np.array_equal(np.isnan(found), none)
            assert (np.abs(found - right)[~none] <= bound[~none]).all()
            check_places(plan, spoilt, found)


@pytest.mark.parametrize("holes", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_rows_enter_while_others_leave(
    mode: str, holes: int, request: pytest.FixtureRequest
) -> None:
    """Where results go past the caches; rows end at a poisoned frame, or where a row has none."""
    right: dict[Any, np.ndarray] = {}
    for large in (False, True):
        if large:
            request.getfixturevalue("everything_is_large")
        for border, rows, taps in itertools.product(("wrap", "constant"), (1, 4, 15), (1, 5, 15)):
            for columns in (4 * LANES, 6 * LANES + 3):
                home = Poisoned((37, columns), np.float32)
                home.out[...] = image((37, columns))
                f, g = home.out, mean(rows, min(taps, 1 + columns // (2 * holes)))
                options = {"mode": mode, "boundary": border, "dilation": holes}
                if min(f.shape[0] - (rows - 1) * holes, columns - (g.shape[1] - 1) * holes) < 1:
                    continue
                found = plan_of(f, g, **options)(f)
                key = border, rows, taps, columns
                assert_same_bits(found, right.setdefault(key, found))


def test_nothing_is_read_beyond_the_image() -> None:
    """A poisoned frame lies around it; the last row ends where the memory does."""
    for columns in (LANES, LANES + 1, 5 * LANES - 1):
        home = Poisoned((40, columns), np.float32)
        home.out[...] = image((40, columns))
        f = home.out
        for taps in ((3, 3), (5, 2), (7, 1)):
            right = plan_of(f.copy(), mean(*taps), **SAME)(f.copy())
            assert_same_bits(plan_of(f, mean(*taps), **SAME)(f), right)


def test_the_same_bits_wherever_rows_of_whole_lines_begin() -> None:
    """Scratch lies as the image does; what is beside that is not a number."""
    for columns, taps in (3 * LANES + 5, 7), (LANES, 3), (5, 3):
        f = image((23, columns))
        right = plan_of(f, mean(taps, taps), **SAME)(f)
        memory = np.full((23, 8 * LANES), np.nan, np.float32)
        for start in (0, 1, LANES // 2, LANES - 1):
            lies = memory[:, start : start + columns]
            lies[...] = f
            assert_same_bits(plan_of(lies, mean(taps, taps), **SAME)(lies), right)
            lies[...] = np.nan


def test_chosen_where_it_wins() -> None:
    def chosen(dtype: str, taps: int, *channels: int) -> str:
        axes = {"axes": (0, 1)} if channels else {}
        f = np.empty((600, 700, *channels), dtype)
        return parconv.plan2d(f, mean(taps, taps), **SAME, **axes).method

    assert {chosen("float32", taps) for taps in (9, 31)} == {"windows"}
    assert {chosen("float64", taps, 3) for taps in (9, 31)} == {"windows"}
    assert {chosen("uint8", taps, 3) for taps in (9, 31)} == {"box"}


@pytest.mark.skipif(not machine.FILLS_LINES, reason="measured where vectors fill lines")
def test_chosen_with_long_vectors_from_few_taps_on() -> None:
    def chosen(taps: int, dtype: str, *shape: int) -> str:
        f = np.empty(shape, dtype)
        return parconv.plan2d(f, mean(taps, taps), mode="same", axes=(0, 1), threads=1).method

    for kind in ("float32", "float64"):
        for shape in ((100, 120, 3), (300, 400), (1000, 1500, 3), (4096, 4096)):
            assert chosen(9, kind, *shape) == "windows", (kind, shape)
        assert chosen(3, kind, 300, 400) == chosen(5, kind, 4096, 4096) == "short"


@pytest.mark.parametrize("taps", [1, 4, 7, 8, 25])
def test_every_vector_unit(taps: int) -> None:
    """What test_vectors.py runs where vectors are other than this machine's."""
    for shape in ((37, 83), (5, 3)):
        check(image(shape), mean(5, taps), **SAME)


def test_tiles_wholly_beside_the_image() -> None:
    f = np.random.default_rng(0).standard_normal((12, 100)).astype("f4") + 10
    found = parconv.conv2d(f, np.ones((16, 9), "f4"), padding=((60, 0), (400_000, 0)), threads=1)
    assert not found[:, : 400_000 - 8].any()
    assert found[:, 400_000 - 8 :].any()
