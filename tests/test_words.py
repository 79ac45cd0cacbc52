"""Distrusts sums of 16-bit words: extreme pixels and taps, flipped bits, odd channels, borders."""

from typing import Any

import numpy as np
import oracle
import pytest
from conftest import Poisoned

import parconv
from parconv.codegen import machine
from parconv.methods.layer.words import INT32

RNG = np.random.default_rng(6)
pytestmark = pytest.mark.skipif(not machine.HAS_WORD_DOT, reason="the machine multiplies no words")


def extremes(size: tuple[int, ...], dtype: str) -> Any:
    """The least and the greatest number of a type, 0 and 1, and some between."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return RNG.integers(0, 2, size).astype(bool)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    values = RNG.choice([low, low + 1, 0, 1, high - 1, high], size)
    return np.where(RNG.random(size) < 0.3, RNG.integers(low, high, size), values).astype(kind)


def check(f: Any, g: Any, dtype: str | None = None, groups: int = 1, **question: Any) -> None:
    plan = parconv.plan2d(
        f, g, correlate=True, method="direct", threads=1, dtype=dtype, groups=groups, **question
    )
    assert plan.sums == INT32, plan
    given = Poisoned(plan.problem.shape, plan.problem.dtype)
    plan(f, given.out)
    given.check()
    outputs, inputs = g.shape[:2]
    right = np.stack(
        [
            sum(
                oracle.expect(
                    f[:, o // (outputs // groups) * inputs + c], taps, correlate=True, **question
                ).values
                for c, taps in enumerate(filters)
            )
            for o, filters in enumerate(g)
        ],
        1,
    )
    result = plan.problem.dtype
    if result.kind in "iu":
        right = np.clip(right, np.iinfo(result).min, np.iinfo(result).max)
    np.testing.assert_array_equal(given.out, right.astype(result))


@pytest.mark.parametrize(
    ("image", "result"),
    [
        ("bool", None),
        ("int8", "int8"),
        ("uint8", "float32"),
        ("int16", "uint8"),
        ("uint16", None),
        ("int32", None),
        ("int32", "int32"),
        ("int32", "uint8"),
    ],
)
def test_every_image_and_result(image: str, result: str | None) -> None:
    f, g = extremes((2, 5, 6, 35), image), RNG.integers(-128, 128, (9, 5, 3, 3)).astype("int8")
    check(f, g, result, mode="same", boundary="edge")
    check(f, g, result, padding=1)


@pytest.mark.parametrize("image", ["uint16", "int32"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_sums(image: str, sign: int) -> None:
    """Pixels at both ends of their type under filters whose moduli sum to as much as is allowed."""
    g = np.full((3, 8, 2, 2), sign * 2047)
    g[..., 0, 0] += sign * ((2**16 - 1 - 32 * 2047) // 8)
    for value in (np.iinfo(image).min, np.iinfo(image).max):
        f = np.full((1, 8, 3, 20), value, image)
        check(f, g.astype("int16"))


@pytest.mark.parametrize("channels", [2, 3, 5])
@pytest.mark.parametrize("groups", [1, 2])
def test_couples_of_channels(channels: int, groups: int) -> None:
    f, g = extremes((3, groups * channels, 7, 19), "int32"), extremes((6, channels, 3, 3), "int8")
    check(f, g, groups=groups, mode="same", cval=-(2**31), stride=(1, 2))
    check(f, g, groups=groups, mode="full", boundary="wrap", dilation=2)


def test_packed_panels() -> None:
    """Rows narrower than a vector, and many filters over several images."""
    check(extremes((5, 9, 5, 5), "int32"), extremes((7, 9, 3, 3), "int8"), padding=1)
    check(extremes((9, 40, 7, 7), "uint16"), extremes((270, 40, 1, 1), "int8"))


def test_any_layout_and_cut() -> None:
    f, g = extremes((2, 12, 9, 22), "int32"), extremes((20, 12, 3, 3), "int8")
    right = parconv.correlate2d(f, g, method="direct", threads=1, padding=1)
    last = np.ascontiguousarray(f.transpose(0, 2, 3, 1))
    for threads in (1, 2, 3):
        for source, axes in ((f, (2, 3)), (last.transpose(0, 3, 1, 2), (2, 3)), (last, (1, 2))):
            found = parconv.correlate2d(
                source,
                g,
                method="direct",
                threads=threads,
                strategy="threads",
                padding=1,
                axes=axes,
            )
            found = found if axes == (2, 3) else found.transpose(0, 3, 1, 2)
            np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize(
    ("image", "taps", "channels"),
    [
        ("uint8", np.int64(2**16), 8),  # a tap is no word
        ("uint16", np.int64(4096), 8),  # sums beyond int32
        ("uint32", np.int64(1), 8),
        ("uint8", np.int64(1), 1),  # no neighbour to share a lane with
    ],
)
def test_other_integers_are_summed_otherwise(image: str, taps: Any, channels: int) -> None:
    f, g = np.ones((1, channels, 4, 20), image), np.full((2, channels, 3, 3), taps)
    plan = parconv.plan2d(f, g, correlate=True, method="direct", threads=1)
    assert plan.sums != INT32
    np.testing.assert_array_equal(plan(f), int(taps) * channels * 9)
