"""Distrusts sums of integers under equal taps: columns by sliding, neighbours in a few steps."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import check_bands, check_colours, check_places, check_plan, soak
from oracle import BORDERS, MODES, assert_same_bits

import parconv
from parconv.codegen import machine
from parconv.methods import box
from parconv.planner.plan import Plan

LANES = machine.VECTOR_BYTES // 4
SAME: dict[str, Any] = {"mode": "same", "boundary": "mirror"}


def image(shape: tuple[int, ...], dtype: Any = "uint8") -> np.ndarray:
    rng, info = np.random.default_rng([5, *shape]), np.iinfo(dtype)
    return rng.integers(max(info.min, -(1 << 16)), min(info.max, 1 << 16), shape).astype(dtype)


def mean(height: int, width: int, total: float = 1.0) -> np.ndarray:
    return np.full((height, width), total / (height * width))


def plan_of(f: Any, g: np.ndarray, **options: Any) -> Plan:
    return parconv.plan2d(f, g, method="box", **{"threads": 1, **options})


def check(f: np.ndarray, g: np.ndarray, **options: Any) -> None:
    """Within the bound of a plain sum of all taps, and nothing written beside the output."""
    check_plan(plan_of(f, g, **options), f, g, **options)


def test_windows_of_every_width() -> None:
    """One step of sums, two, three, and neighbours left over."""
    f = image((9, 5 * LANES + 3))
    for taps in (*range(1, 41), 63, 127):
        check(f, mean(1 + taps % 4, taps), **SAME)


def test_columns_of_every_height() -> None:
    f = image((3 * LANES + 5, 21))
    for taps in (*range(1, 20), 31, 40):
        check(f, mean(taps, 3), **SAME)


@pytest.mark.parametrize("border", BORDERS)
def test_modes_and_borders(border: str) -> None:
    f = image((2, 37, 43))
    for mode, taps in itertools.product(MODES, [(5, 6), (20, 9)]):
        check(f, mean(*taps, 30), mode=mode, boundary=(border, "wrap"), cval=3)
        check(f[:, :3, :4], mean(*taps), mode=mode, boundary=("edge", border), cval=3)
    check(f, mean(6, 5), padding=((3, 0), (20, 7)), boundary=border)
    check(f, mean(6, 5), mode="same", boundary=border, origin=(2, -2))
    check(f, np.pad(mean(3, 2), ((0, 2), (3, 1))), mode="same", boundary=border)
    check(f, mean(5, 4), mode="same", boundary=border, dilation=(3, 1))
    check(f, mean(5, 4), mode="same", boundary=border, dilation=(2, 3))
    check(f, mean(16, 21), mode="same", boundary=border, dilation=(1, 3))  # running sums


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_images_in_columns(dtype: str) -> None:
    """Rows are packed together, those that enter and those that leave."""
    f = np.asfortranarray(image((43, 3 * LANES + 5), dtype))
    for border, taps in itertools.product(BORDERS, [(1, 4), (8, 3), (19, 5)]):
        check(f, mean(*taps), mode="same", boundary=border, cval=2)
    check(f, mean(5, 4), mode="same", boundary="wrap", dilation=(3, 1))
    check(f[3:, ::2], mean(4, 5))


@pytest.mark.parametrize(
    ("dtype", "result"),
    [("bool", "float32"), ("int16", "int8"),
     *soak(("uint8", "uint8"), ("uint16", "uint16"), ("int32", "float64"))],
)  # fmt: skip
def test_types(dtype: str, result: str) -> None:
    f = image((37, 150)) > 99 if dtype == "bool" else image((37, 150), dtype)
    for taps in ((3, 3), (5, 24)):
        check(f, mean(*taps), dtype=result, **SAME)


@pytest.mark.parametrize(
    ("dtype", "taps", "sums"),
    [("uint8", (15, 17), "uint16"), ("uint8", (16, 16), "int32"),
     *soak(("int16", (40, 50), "uint32"), ("bool", (31, 31), "uint16"), ("int8", (3, 3), "int32"),
           ("uint16", (16, 16), "int32"), ("uint16", (31, 31), "uint32"),
           ("int32", (3, 3), "float64"))],
)  # fmt: skip
def test_every_type_holds_its_sums(dtype: str, taps: tuple[int, int], sums: str) -> None:
    """The largest ones too, and those below zero."""
    kind = np.dtype(dtype)
    ends = (0, 1) if dtype == "bool" else (np.iinfo(kind).min, np.iinfo(kind).max)
    for value in ends:
        f, g = np.full((70, 90), value, kind), mean(*taps)
        plan = plan_of(f, g, **SAME)
        assert plan.sums == sums
        assert (plan(f) == value).all()
    rng = np.random.default_rng(3)
    f = rng.integers(0, 2, (70, 90)).astype(bool) if dtype == "bool" else image((70, 90), dtype)
    for result in (np.result_type(kind, "uint8"), "float32", "float64"):
        check(f, g, dtype=result, **SAME)


def test_borders_that_16_bits_do_not_hold() -> None:
    f, options = image((30, 40)), {"mode": "same", "boundary": "constant"}
    for cval, sums in ((255, "uint16"), (-1, "int32"), (7000, "uint16"), (9000, "int32")):
        assert plan_of(f, mean(3, 3), cval=cval, **options).sums == sums
        check(f, mean(3, 3), cval=cval, **options)


def test_a_constant_below_zero_enters_and_leaves_sums_without_signs() -> None:
    """Rows above, below and both at once are the constant's."""
    f = image((30, 55), "int16")
    for taps in ((40, 50), (75, 50)):
        options = {"mode": "same", "boundary": "constant", "cval": -9000}
        assert plan_of(f, mean(*taps), **options).sums == "uint32"
        check(f, mean(*taps), dtype="float64", **options)


@pytest.mark.parametrize("channels", [2, 3, 4, 7])
def test_colours(channels: int) -> None:
    for dtype, taps in itertools.product(
        ("uint8", "int16"), ((3, 3), (5, 11), (16, 2), (3, 14), (16, 30))
    ):
        f, g = image((31, 29, channels), dtype), mean(*taps)
        for result in ("float32", dtype):
            check_colours(plan_of, f, g, dtype=result, **SAME)
        check(f[..., :3], g, axes=(0, 1), **SAME)


@pytest.mark.parametrize("dtype", ["uint8", *soak("int32")])
def test_integers_are_exact(dtype: str) -> None:
    for taps in (3, 7):
        check(image((50, 70), dtype), np.full((taps, 4), -3), **SAME)
    largest = np.full((80, 90), np.iinfo(dtype).max, dtype)
    found = plan_of(largest, np.ones((64, 64), int))(largest)
    assert (found == 64 * 64 * int(np.iinfo(dtype).max)).all()


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_means_of_bytes_are_the_nearest(kind: str) -> None:
    """By 16 bits where the number of pixels is odd and its reciprocal the tap, else by floats."""
    f, ones = image((40, 3 * LANES + 5)), np.ones((1, 1))
    f[:20, :40] = 255
    for height, width in ((3, 3), (1, 5), (5, 7), (15, 15), (15, 17), (255, 1), (4, 4), (2, 3)):
        count, ones = height * width, np.ones((height, width), int)
        for cval in (0, 255):
            options: dict[str, Any] = {"mode": "same", "boundary": "constant", "cval": cval}
            sums = parconv.conv2d(f, ones, **options)
            plan = plan_of(f, (ones / count).astype(kind), dtype="uint8", **options)
            assert plan.taps is not None
            assert len(plan.taps.values) == (5 if count % 2 else 2)
            halves = (2 * sums + count) // (2 * count)
            down = (2 * sums) % (2 * count) == count  # of two equally near ones the even one
            assert (plan(f) == halves - (down & (halves % 2 == 1))).all()
        other = plan_of(f, (ones / (count + 2)).astype(kind), dtype="uint8", **options)
        assert other.taps is not None
        assert len(other.taps.values) == 2
    bright = plan_of(f, mean(3, 3).astype(kind), dtype="uint8", **options | {"cval": 300})
    expected = np.rint((f[:2, 7:10].sum() + 900) / 9)
    assert bright(f)[0, 8] == min(expected, 255) == 255


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_means_of_words_are_the_nearest(dtype: str) -> None:
    """By 32 bits where sums need them and the number of pixels is odd, else by floats."""
    info = np.iinfo(dtype)
    f = np.random.default_rng(8).integers(info.min, info.max + 1, (40, 3 * LANES + 5)).astype(dtype)
    f[:20, :40], f[20:30] = info.max, info.min
    shapes = (23, 23), (3, 255), (181, 181), (23, 24), (183, 181), (3, 3)
    for (height, width), by_integers in zip(shapes, (1, 1, 1, 0, 0, 0), strict=True):
        count, ones = height * width, np.ones((height, width), int)
        for cval in (info.min, 7):
            options: dict[str, Any] = {"mode": "same", "boundary": "constant", "cval": cval}
            sums = parconv.conv2d(f.astype("int64"), ones, **options)
            plan = plan_of(f, ones / count, dtype=dtype, **options)
            assert plan.taps is not None
            assert len(plan.taps.values) == (5 if by_integers else 2)
            halves = (2 * sums + count) // (2 * count)
            down = (2 * sums) % (2 * count) == count  # of two equally near ones the even one
            assert (plan(f) == halves - (down & (halves % 2 == 1))).all()
    for other in (mean(23, 23, 0.5), mean(23, 23)):
        words = {"cval": info.max + 1} if other.sum() > 0.7 else {}
        plan = plan_of(f, other, dtype=dtype, **SAME | {"boundary": "constant"} | words)
        assert plan.taps is not None
        assert len(plan.taps.values) == 2


def reason(dtype: str, g: np.ndarray, **options: Any) -> str:
    found = box.applicable(parconv.plan2d(image((50, 70), dtype), g, **SAME | options).problem)
    return found or ""


def test_only_what_is_exact_slides() -> None:
    assert not reason("uint8", mean(15, 15))
    assert not reason("uint16", mean(15, 15))
    assert not reason("uint16", mean(31, 31))  # in float64
    assert "exactly" in reason("int64", mean(3, 3))
    assert "no integer" in reason("uint8", mean(3, 3), boundary="constant", cval=0.5)
    assert "no integer" in reason("uint8", mean(3, 3), boundary="constant", cval=np.nan)
    assert "not all equal" in reason("uint8", np.eye(3))
    assert not reason("uint8", mean(3, 3), dilation=2)
    assert "stride" in reason("uint8", mean(3, 3), stride=2)
    with pytest.raises(ValueError, match="integer images"):
        plan_of(np.ones((9, 9), np.float32), mean(3, 3))


@pytest.mark.parametrize("taps", [(7, 6), (18, 2 * LANES + 7)])
def test_equal_bits(taps: tuple[int, int]) -> None:
    """Of any bands, layout and crop."""
    f, g = image((3, 60, 131)), mean(*taps)
    plan = plan_of(f, g, dtype="float32", **SAME)
    right = check_bands(plan, f)
    for given in (np.asfortranarray(f), f[:, ::-1].copy()[:, ::-1]):
        assert_same_bits(plan(given), right)
    out = np.zeros((3, 60, 262), np.float32)[..., ::2]
    plan(f, out)
    assert_same_bits(np.ascontiguousarray(out), right)
    whole = plan_of(f, g)(f)
    for top, left in (0, 0), (1, 1), (5, 17):
        part = f[:, top : top + 40, left : left + 77]
        crop = plan_of(part, g)(part)
        rows, columns = crop.shape[1:]
        assert_same_bits(crop, whole[:, top : top + rows, left : left + columns].copy())


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("parconv.codegen.machine.STREAM_BYTES", 0)
    box.layout.cache_clear()
    yield
    monkeypatch.undo()
    box.layout.cache_clear()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("taps", [(7, 6), (3, 2 * LANES + 7)])
def test_streamed(dtype: str, taps: tuple[int, int], request: pytest.FixtureRequest) -> None:
    """Past the caches, at any alignment."""
    f, g = image((20, 331)), mean(*taps)
    plain = plan_of(f, g, dtype=dtype, **SAME)(f)
    request.getfixturevalue("everything_is_large")
    check_places(plan_of(f, g, dtype=dtype, **SAME), f, plain)


@pytest.mark.parametrize("kind", ["uint8", *soak("int8")])
def test_bytes_of_every_sum_are_those_that_two_numbers_scale(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one scales them: in rows of a result, of part of a vector, of many, and streamed."""
    once = 0
    for side, scale, bias in itertools.product((3, 5), (0.9, -0.731, 0.5), (12.0, 105.3)):
        count = side * side
        sums, pixels = np.arange(255 * count + 1)[:, None], np.arange(count)
        blocks = ((sums + pixels) // count).astype(np.uint8).reshape(-1, side, side)
        wide = blocks.transpose(1, 0, 2).reshape(side, -1)
        images = wide, blocks.reshape(-1, side), wide[:, : side * 40]
        options: dict[str, Any] = {"mode": "valid", "dtype": kind, "scale": scale, "bias": bias}
        with monkeypatch.context() as patch:
            patch.setattr(box, "one_scale", lambda *_: 0.0)
            plans = [plan_of(f, mean(side, side), **options) for f in images]
            expected = [plan(f) for plan, f in zip(plans, images, strict=True)]
        assert all(plan.taps is not None and plan.taps.values[1] for plan in plans)
        for f, bytes_of in zip(images, expected, strict=True):
            plan = plan_of(f, mean(side, side), **options)
            assert plan.taps is not None
            once += plan.taps.values[1] == 0
            assert_same_bits(plan(f), bytes_of)
    assert once > len(images) * 6
    request.getfixturevalue("everything_is_large")
    assert_same_bits(plan_of(wide, mean(side, side), **options)(wide), expected[0])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_streamed_colours(dtype: str, request: pytest.FixtureRequest) -> None:
    f, g, options = image((20, 128, 3)), mean(7, 6), {"axes": (0, 1), "dtype": dtype, **SAME}
    plain = plan_of(f, g, **options)(f)
    request.getfixturevalue("everything_is_large")
    plan = plan_of(f, g, **options)
    for start in (0, 1, 3, 40):
        memory = np.full(plain.size + 128, 99, dtype)
        out = memory[start : start + plain.size].reshape(plain.shape)
        plan(f, out)
        assert_same_bits(out.copy(), plain)
        assert (memory[:start] == 99).all()
        assert (memory[start + plain.size :] == 99).all()


def test_chosen_where_it_wins() -> None:
    def chosen(dtype: str, taps: int) -> str:
        f = np.empty((4096, 4096), dtype)
        return parconv.plan2d(f, mean(taps, taps), dtype=dtype, **SAME).method

    assert {chosen("uint8", taps) for taps in (3, 5, 15, 127)} == {"box"}


@pytest.mark.parametrize("taps", [1, 4, 7, 8, 25])
def test_every_vector_unit(taps: int) -> None:
    """What test_vectors.py runs where vectors are other than this machine's."""
    for shape in ((37, 83), (5, 3)):
        check(image(shape), mean(5, taps), dtype="uint8", **SAME)
