"""Distrusts planes whose channels are turned into lanes: against the definition, by the bits of the
other ways, and beside memory that must not be touched."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from oracle import assert_same_bits
from test_depthwise import LANES, check, image, plan_of

from parconv.methods.depthwise import numbers, work
from parconv.methods.depthwise.able import strips_cannot, turned_of
from parconv.planner import choice


@pytest.fixture(autouse=True)
def everything_is_turned(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever it costs."""
    _turn(monkeypatch, True)
    yield
    numbers.layout.cache_clear()
    choice.forget()


def _turn(monkeypatch: pytest.MonkeyPatch, turned: bool) -> None:
    monkeypatch.setattr(work, "_turned_cost", lambda _: 0.0 if turned else np.inf)
    numbers.layout.cache_clear()
    choice.forget()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [3, 5])
def test_strides_and_dilations(size: int, stride: int, dilation: int, dtype: str) -> None:
    """Rows shorter than a tile and longer, columns that no output meets, channels that fill none of
    the last vector."""
    channels, span = LANES + 3, (size - 1) * dilation + 1
    g = image((channels, 1, size, size), dtype)
    for rows, columns in ((1, 5), (span, 3 * stride + 2), (span + 2, span)):
        check(image((2, channels, rows, columns), dtype), g, stride=stride, dilation=dilation,
              padding=span // 2)  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 3), (4, 2), (9, 1), (2, 9)])
def test_any_filter(shape: tuple[int, int]) -> None:
    """Strips have none of these."""
    f, g = image((1, LANES, 11, 12)), image((LANES, 1, *shape))
    assert strips_cannot(plan_of(f, g).problem)
    check(f, g)
    check(f, g, padding=((0, 3), (5, 1)), stride=(2, 1), dilation=(1, 2))


@pytest.mark.parametrize("multiplier", [2, 3, 4])
def test_filters_of_a_channel(multiplier: int) -> None:
    channels = 2 * LANES + 5
    f, g = image((2, channels, 4, 6)), image((channels * multiplier, 1, 3, 3))
    check(f, g, padding=1)


def test_more_channels_than_are_turned_at_a_time() -> None:
    f, g = image((2, 5 * LANES + 1, 17, 15)), image((5 * LANES + 1, 1, 3, 3))
    found = turned_of(plan_of(f, g, padding=1).problem)
    assert found
    assert found.wide < 3 * LANES
    check(f, g, padding=1)


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("size", [3, 7])
def test_bits_are_those_of_strips(
    size: int, multiplier: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = 2 * LANES
    f, g = image((2, channels, 8, 9)), image((channels * multiplier, 1, size, size))
    asked = {"padding": size // 2}
    turned = plan_of(f, g, **asked)
    right = turned(f)
    assert work.by_turns(turned.problem)
    _turn(monkeypatch, False)
    assert not work.by_turns(turned.problem)
    assert_same_bits(plan_of(f, g, **asked)(f), right)


def test_any_cut_and_layout() -> None:
    """Bands that part vectors, and the filters of a channel; views in and out."""
    channels = LANES + 2
    f, g = image((2, channels, 5, 6)), image((channels * 2, 1, 3, 3))
    right = plan_of(f, g, padding=1)(f)
    for threads in (2, 3, 7):
        asked: dict[str, Any] = {"padding": 1, "threads": threads, "strategy": "threads"}
        assert_same_bits(plan_of(f, g, **asked)(f), right)
    swapped = np.ascontiguousarray(f.transpose(0, 1, 3, 2)).transpose(0, 1, 3, 2)
    wide = np.repeat(f, 2, axis=3)[..., ::2]
    for view, out in itertools.product(
        (f, swapped, wide, f[::-1][::-1]), (right, right.T.copy().T)
    ):
        given = np.full_like(out, np.nan)
        plan_of(f, g, padding=1)(view, out=given)
        assert_same_bits(given, right)


def test_what_is_not_finite_stays_where_it_is() -> None:
    """In its own plane, under its own taps: neither in other lanes nor in the next row."""
    f, g = image((1, LANES + 1, 6, 7)), image((LANES + 1, 1, 3, 3))
    right = plan_of(f, g, padding=1)(f)
    f[0, 3, 2, 6] = np.nan
    found = plan_of(f, g, padding=1)(f)
    hit = np.zeros(found.shape, bool)
    hit[0, 3, 1:4, 5:7] = True
    assert np.isnan(found[hit]).all()
    assert_same_bits(found[~hit], right[~hit])
