"""Distrusts depthwise layers whose channels lie last: tiles of pixels, of filters of any kind."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import Poisoned, soak
from oracle import assert_same_bits
from test_depthwise import LANES, check as check_first, image, layouts

import parconv
import parconv.planner.choice
from parconv.codegen import machine
from parconv.methods import depthwise
from parconv.methods.depthwise import able, across, work
from parconv.planner.plan import Plan
from parconv.runtime.strategies import STRATEGIES

WIDE = able.WIDEST * LANES + 5  # rows too long for strips


def plan_of(f: np.ndarray, g: np.ndarray, **options: Any) -> Plan:
    """Of images (batch, channels, rows, columns), whose axes the call has last."""
    given = {"method": "depthwise", "threads": 1, "groups": f.shape[1], "correlate": True}
    last = f.transpose(0, 2, 3, 1)
    plan: Plan = parconv.plan2d(last, g, axes=(1, 2), **{**given, **options})
    return plan


def found(plan: Plan, f: np.ndarray) -> np.ndarray:
    last = np.ascontiguousarray(f.transpose(0, 2, 3, 1))
    given = Poisoned(plan.problem.shape, plan.problem.dtype)
    plan(last, given.out)
    given.check()
    result: np.ndarray = plan(last)
    assert_same_bits(given.out, result)
    return result.transpose(0, 3, 1, 2)


# rows and columns of taps, stride, dilation, padding
KINDS = (
    ((3, 3), 1, 2, 2), ((3, 3), 2, 2, 2), ((5, 5), 1, 2, 4), ((3, 5), 1, 1, 1), ((4, 1), 1, 1, 2),
    ((1, 6), 3, 1, 3), ((2, 2), (2, 1), (1, 3), ((0, 4), (3, 1))), ((5, 5), 2, 1, 2),
    ((7, 7), 1, 1, 3), ((9, 9), 1, 1, 4), ((1, 1), 1, 1, 0), ((3, 3), 1, 1, 9),
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", *soak("float64")])
def test_every_kind(kind: Any, dtype: str) -> None:
    """Within the bound of a plain sum, and as channels first have it by direct tiles."""
    taps, stride, dilation, padding = kind
    options = {"stride": stride, "dilation": dilation, "padding": padding}
    for channels, columns in itertools.product((LANES, LANES + 3, 3 * LANES), (1, 6, 9, 19, 40)):
        f, g = image((2, channels, 11, columns), dtype), image((channels, 1, *taps), dtype)
        try:
            plan = plan_of(f, g, **options)
        except ValueError:  # the filter is larger than the image with its border
            continue
        assert depthwise.applicable(plan.problem) is None
        whole = {**options, "groups": channels, "method": "direct", "correlate": True}
        first = parconv.plan2d(f, g, **whole)(f)  # type: ignore[arg-type]
        scale = np.abs(g).sum((1, 2, 3))[:, None, None] * np.abs(f).max()
        assert (np.abs(found(plan, f) - first) <= scale * np.finfo(dtype).eps * 8).all()


def test_the_definition() -> None:
    """By the way of channels first, which `check_first` holds to four loops."""
    f, g = image((1, LANES, 12, 17)), image((LANES, 1, 3, 3))
    check_first(f, g, padding=1)
    right = parconv.correlate2d(f, g, method="depthwise", groups=LANES, padding=1)
    assert_same_bits(found(plan_of(f, g, padding=1), f), right)


@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize(
    "padding", [((0, 0), (0, 0)), ((1, 2), (3, 0)), ((9, 7), (8, 12))], ids=str
)
def test_bits_of_channels_first(size: int, padding: Any) -> None:
    """With sums that cancel to zeros of either sign; rows too long for strips have pixels, too."""
    g = image((LANES + 1, 1, size, size))
    for rows, columns, stride in itertools.product((8, 9), (9, 19), (1, 2)):
        f = np.maximum(image((2, LANES + 1, rows, columns)), 0)
        f[:, ::2] = 0
        options = {"stride": stride, "padding": padding}
        last, first = (
            found(plan_of(f, g, **options), f),
            parconv.correlate2d(f, g, method="direct", groups=LANES + 1, **options),
        )
        np.testing.assert_array_equal(last, first)
    wide = image((1, LANES, 9, WIDE))
    g = image((LANES, 1, size, size))
    crop = found(plan_of(wide[..., :60], g), wide[..., :60])
    assert_same_bits(found(plan_of(wide, g), wide)[..., : crop.shape[-1]].copy(), crop.copy())


@pytest.mark.parametrize(("dilation", "filters"), [(1, 1), (2, 1), (2, 2)])
def test_layouts(dilation: int, filters: int) -> None:
    """Maps whose channels do not lie as the axes let one think."""
    f, g = image((2, LANES + 3, 10, 13)), image((filters * (LANES + 3), 1, 5, 5))
    plan = plan_of(f, g, padding=3, dilation=dilation)
    whole = found(plan, f)
    for source in (f, *layouts(f)):
        for out in (np.zeros_like(whole), *layouts(np.zeros_like(whole))):
            plan(source.transpose(0, 2, 3, 1), out.transpose(0, 2, 3, 1))
            assert_same_bits(out, whole)


@pytest.mark.parametrize("filters", [2, 3, 4])
def test_several_filters_of_a_channel(filters: int) -> None:
    """With the bits of channels first, whose planes are swept one by one."""
    for channels, columns in itertools.product((LANES, LANES + 3, 3 * LANES), (2, 6, 9, 19)):
        f, g = image((2, channels, 9, columns)), image((channels * filters, 1, 3, 3))
        for stride in (1, 2):
            given = {"groups": channels, "padding": ((1, 2), (3, 1)), "stride": stride}
            plan = plan_of(f, g, **given)
            right = parconv.correlate2d(f, g, method="depthwise", **given)
            np.testing.assert_array_equal(found(plan, f), right)


@pytest.mark.parametrize(
    ("channels", "filters"),
    [(LANES, 1), (LANES + 3, 1), (2 * LANES + 3, 1), (LANES, 2), (LANES + 3, 2), (LANES, 4)],
)
@pytest.mark.parametrize("kind", [((3, 3), 2), ((5, 5), 1)], ids=str)
def test_any_cut(channels: int, filters: int, kind: Any) -> None:
    """Bands from any unit to any other, and nothing of others' channels."""
    (taps, dilation), rows = kind, 9
    f, g = image((2, channels, rows, 10)), image((channels * filters, 1, *taps))
    plan = plan_of(f, g, padding=2, dilation=dilation)
    _, work, fill, layout = plan.shared
    whole, units = found(plan, f), depthwise.units(plan.problem)
    source = np.ascontiguousarray(f.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for start in range(units):
        for stop in {start + 1, (start + units + 1) // 2, units} - {start}:
            out = np.full(whole.transpose(0, 2, 3, 1).shape, np.nan, np.float32)
            scratch = work.new_scratch(1)[0]
            target = out.transpose(0, 3, 1, 2)
            work.kernels.serial(
                source, plan.taps.values, fill, target, layout, scratch, start, stop
            )
            filled = np.zeros(whole.shape, bool)
            for index in depthwise.regions(plan.problem, start, stop):
                filled[index] = True
            assert_same_bits(target[filled], whole[filled])
            assert np.isnan(target[~filled]).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_threads(strategy: str) -> None:
    f, g = image((4, LANES, 28, 28)), image((LANES, 1, 3, 3))
    whole = found(plan_of(f, g, padding=2, dilation=2), f)
    for threads in (1, 2, 3):
        plan = plan_of(f, g, padding=2, dilation=2, threads=threads, strategy=strategy)
        assert_same_bits(found(plan, f), whole)


def test_streamed_and_fetched_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = image((2, 2 * LANES, 9, 21)), image((2 * LANES, 1, 5, 5))
    whole = found(plan_of(f, g, padding=2), f)
    monkeypatch.setattr(machine, "STREAM_BYTES", 0)
    monkeypatch.setattr(machine, "L2_BYTES", 0)
    depthwise.layout.cache_clear()
    plan = plan_of(f, g, padding=2)
    for skip in (0, 1, 8):
        room = np.full(whole.size + 1100, np.nan, np.float32)
        skip += -room.ctypes.data // 4 % 1024
        out = room[skip : skip + whole.size].reshape(2, 9, 21, 2 * LANES)
        plan(np.ascontiguousarray(f.transpose(0, 2, 3, 1)), out)
        assert_same_bits(out.transpose(0, 3, 1, 2).copy(), whole.copy())
        assert np.isnan(room[:skip]).all()
        assert np.isnan(room[skip + whole.size :]).all()
    depthwise.layout.cache_clear()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_footprint_is_that_of_the_filter(value: float) -> None:
    f, g = image((1, LANES, 20, 21)), image((LANES, 1, 3, 3))
    f[0, 2, 9, 10] = value
    result = found(plan_of(f, g, padding=2, dilation=2), f)
    expected = np.zeros(result.shape, bool)
    expected[0, 2, 7:12:2, 8:13:2] = True
    np.testing.assert_array_equal(~np.isfinite(result), expected)


def _flat(monkeypatch: pytest.MonkeyPatch, flat: bool) -> None:
    """Flat rows wherever those can, or never."""
    monkeypatch.setattr(work, "_flat_cost", lambda _: 0.0 if flat else np.inf)
    work.by_flat.cache_clear()
    depthwise.layout.cache_clear()
    parconv.planner.choice.forget()


@pytest.fixture
def flat(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    _flat(monkeypatch, True)
    yield
    work.by_flat.cache_clear()
    depthwise.layout.cache_clear()
    parconv.planner.choice.forget()


FEW = ((2, 1), (3, 1), (LANES - 1, 1), (LANES + 3, 1), (3, 2), (5, 3), (1 + LANES // 2, 4))


@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("dtype", ["float32", *soak("float64")])
@pytest.mark.parametrize("count", FEW, ids=str)
def test_few_channels(count: Any, dtype: str, size: int, flat: None) -> None:
    """As rows of numbers: the bits of planes, and nothing read or written beside the maps."""
    channels, g = count[0], image((count[0] * count[1], 1, size, size), dtype)
    steps = ((1, 1), (2, 1), (1, 2), (2, 2), (2, (1, 3)), ((1, 3), 3), ((2, 1), (4, 3)))
    for n, (stride, dilation) in enumerate(steps):
        f = np.maximum(image((2, channels, 9 + n % 2, (4, 23)[n % 2] + n), dtype), 0)
        pad = ((2, 3 * size), (2 * size, size - 1))
        options = {"stride": stride, "dilation": dilation, "padding": pad}
        plan = plan_of(f, g, **options)
        assert work.by_flat(plan.problem) or size == 7  # whose taps are too many for some
        whole = {"groups": channels, "method": "direct", "correlate": True}
        right = parconv.plan2d(f, g, **options, **whole)(f)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found(plan, f), right)


@pytest.mark.parametrize("filters", [1, 2])
def test_few_channels_in_any_cut(filters: int, flat: None) -> None:
    """Bands from any row to any other, and maps that do not lie as the axes let one think."""
    f, g = image((2, 3, 40, 21)), image((3 * filters, 1, 3, 3))
    for options in ({}, {"stride": 2}, {"dilation": 2}):
        plan = plan_of(f, g, padding=2, **options)
        assert work.by_flat(plan.problem)
        whole = found(plan, f)
        for source in layouts(f):
            for out in layouts(np.zeros_like(whole)):
                plan(source.transpose(0, 2, 3, 1), out.transpose(0, 2, 3, 1))
                assert_same_bits(out, whole)
        _, scratch, fill, layout = plan.shared
        units, source = depthwise.units(plan.problem), np.ascontiguousarray(f.transpose(0, 2, 3, 1))
        for start, stop in ((0, 1), (3, 5), (7, units - 2), (units - 1, units)):
            out = np.full(whole.transpose(0, 2, 3, 1).shape, np.nan, np.float32)
            scratch.kernels.serial(
                source.transpose(0, 3, 1, 2), plan.taps.values, fill, out.transpose(0, 3, 1, 2),
                layout, scratch.new_scratch(1)[0], start, stop,
            )  # fmt: skip
            rows = out.reshape(units, -1)
            right = np.ascontiguousarray(whole.transpose(0, 2, 3, 1)).reshape(units, -1)
            assert_same_bits(rows[start:stop], right[start:stop])
            assert np.isnan(rows[:start]).all()
            assert np.isnan(rows[stop:]).all()


def test_few_channels_by_threads(flat: None) -> None:
    f, g = image((1, 3, 90, 70)), image((3, 1, 3, 3))
    plans = [plan_of(f, g, padding=1, threads=threads) for threads in (1, 2, 3)]
    assert work.by_flat(plans[0].problem)
    for plan in plans[1:]:
        assert_same_bits(found(plan, f), found(plans[0], f))


@pytest.mark.skipif(not across.POSSIBLE, reason="no tile of this machine's is known to be fast")
@pytest.mark.parametrize("size", across.SIDES)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (2, 2), (2, 4), (1, 3)])
def test_outputs_share_pixels(
    size: int, stride: int, dilation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of fewer outputs than tiles have, of as many and more: bits as without."""
    for columns, channels in itertools.product((16, 17, 33, 50), (LANES, LANES + 3)):
        f, g = image((1, channels, 9, columns)), image((channels, 1, size, size))
        given = {"stride": stride, "dilation": dilation, "padding": size // 2 * dilation}
        with monkeypatch.context() as patch:
            patch.setattr(work, "PIXELS_FROM", 1)
            shared = plan_of(f, g, **given)
            assert able.across_of(shared.problem) is not None
            results = [found(shared, f)]
            depthwise.layout.cache_clear()
            patch.setattr(across, "SIDES", ())
            parconv.planner.choice.forget()
            alone = plan_of(f, g, **given)
            assert able.across_of(alone.problem) is None
            results.append(found(alone, f))
        depthwise.layout.cache_clear()
        parconv.planner.choice.forget()
        assert_same_bits(*results)


def test_chosen() -> None:
    doubled = image((128, 1, 3, 3))
    plan = plan_of(image((2, 64, 40, 41)), doubled, padding=1, method="auto")
    assert plan.method == "depthwise"
    for taps, options in ((3, {"dilation": 2}), (5, {"stride": 2}), (7, {}), (3, {"stride": 3})):
        f, g = image((2, 64, 40, 41)), image((64, 1, taps, taps))
        plan = plan_of(f, g, padding=2, **{"method": "auto", **options})
        assert plan.method == "depthwise"
