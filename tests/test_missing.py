"""Distrusts means over what is there: NaN, masks and weights, against four loops."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import soak
from hypothesis import given, settings, strategies as st
from oracle import BORDERS, expect, outputs, pair, source

import parconv
from parconv.codegen import machine
from parconv.codegen.machine import FILLS_LINES
from parconv.planner import masked
from parconv.problem.missing import LOOK

RNG = np.random.default_rng(16)
G = RNG.random((3, 4), np.float32) + np.float32(0.1)


def image(shape: tuple[int, ...], part: float = 0.2, dtype: Any = np.float32) -> Any:
    """Noise, so much of it NaN."""
    f = RNG.random(shape).astype(dtype)
    f[RNG.random(shape) < part] = np.nan
    return f


def mean(
    f: Any, g: Any, w: Any, *, mode: str = "same", boundary: Any = "constant", cval: float = 0,
    outside: float = 1, padding: Any = None, stride: Any = 1, dilation: Any = 1,
) -> tuple[Any, Any]:  # fmt: skip
    """The convolution of one plane, and the sum of its weights, as four loops in long double."""
    taps = np.asarray(g, np.longdouble)[::-1, ::-1]
    steps, holes, borders = pair(stride), pair(dilation), pair(boundary)
    places = []
    for axis in range(2):
        span = holes[axis] * (taps.shape[axis] - 1) + 1
        sides = None if padding is None else pair(padding)[axis]
        lead, count = outputs(f.shape[axis], span, mode, True, 0, sides, span > f.shape[axis])
        places.append([o - lead for o in range(0, count, steps[axis])])
    values, weights = (np.zeros(tuple(map(len, places)), np.longdouble) for _ in range(2))
    for (m, y), (n, x) in itertools.product(*map(enumerate, places)):
        for (v, u), tap in np.ndenumerate(taps):
            row = source(y + v * holes[0], f.shape[0], borders[0])
            column = source(x + u * holes[1], f.shape[1], borders[1])
            inside = row >= 0 and column >= 0
            pixel, weight = (f[row, column], w[row, column]) if inside else (cval, outside)
            if weight:
                values[m, n] += tap * weight * np.longdouble(pixel)
                weights[m, n] += tap * weight
    with np.errstate(all="ignore"):
        result = values / weights * taps.sum()
    return np.where(weights == 0, np.nan, result), weights


def agree(ours: Any, expected: Any, g: Any) -> None:
    """Within four machine epsilons of sum |g|, and NaN where it must be."""
    assert np.array_equal(np.isnan(ours), np.isnan(expected))
    bound = 4 * np.finfo(ours.dtype).eps * float(np.abs(g).sum()) * 2  # |f| up to 2
    assert np.nanmax(np.abs(ours - expected), initial=0) <= bound


borders = st.sampled_from(BORDERS)
questions = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["same", "full"]),
        "boundary": st.tuples(borders, borders),
        "cval": st.sampled_from([0.0, 0.5]),
        "stride": st.sampled_from([1, 2, (1, 3)]),
        "dilation": st.sampled_from([1, (2, 1)]),
    },
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(
    questions, st.sampled_from([(1, 1), (2, 9), (13, 17)]), st.sampled_from([0, 0.1, 0.9, 1]),
    st.sampled_from([(1, 1), (3, 4), (5, 2)]),
    st.sampled_from(["omit", "where", "weights", "masked"]), st.integers(0, 1 << 30),
)  # fmt: skip
def test_equals_four_loops(
    question: Any, shape: Any, part: float, taps: Any, how: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    f, g = rng.random(shape, np.float32), rng.random(taps, np.float32) + np.float32(0.1)
    w = (rng.random(shape) >= part) * (1.0 if how != "weights" else rng.random(shape, np.float32))
    spoilt = np.where(w == 0, np.nan, f).astype("f4")
    given, more = {
        "omit": (spoilt, {"nan_policy": "omit"}),
        "where": (spoilt, {"where": w > 0}),
        "weights": (spoilt, {"weights": w.astype("f4")}),
        "masked": (np.ma.masked_array(spoilt, w == 0), {}),
    }[how]
    asked = {"mode": "same", **question}
    ours = parconv.conv2d(given, g, threads=1, **asked, **more)
    agree(ours, mean(f, g, w.astype("f4"), **asked)[0], g)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["7x7", "gaussian", "box"])
def test_is_precise_and_has_the_same_bits_whoever_computes_it(dtype: str, kind: str) -> None:
    f = image((150, 1100), 0.05, dtype)
    f[60:80, 20:50] = np.nan
    if kind == "7x7":
        g: Any = RNG.random((7, 7))
    else:
        g = parconv.filters.gaussian_taps(1) if kind == "gaussian" else np.full((7, 7), 1 / 49)
    there = ~np.isnan(f)
    asked: Any = {"mode": "same", "boundary": "mirror"}
    ours = parconv.conv2d(f, g, nan_policy="omit", threads=1, **asked)
    sums, weights = (
        expect(each, g.astype(np.longdouble), **asked).values
        for each in (np.where(there, f, 0), there.astype("f8"))
    )
    with np.errstate(all="ignore"):
        agree(ours, np.where(weights == 0, np.nan, sums / weights * g.sum()), g)
    plan = parconv.plan2d(f, g, nan_policy="omit", threads=2, strategy="threads", **asked)
    assert np.array_equal(plan(f), ours, equal_nan=True)
    cut = tuple((n, n + 1) for n in range(plan.bands[-1][1]))
    assert len(cut) > 1
    assert np.array_equal(replace(plan, bands=cut[::-1])(f), ours, equal_nan=True)


def blots(shape: tuple[int, int], dtype: Any) -> Any:
    """One pixel in twenty missing, and a hole with a pixel in it that is wider than the filters."""
    f = image(shape, 0.04, dtype)
    f[20:45, 20:45] = np.nan
    f[32, 33] = 0.75
    return f


HOLED = {
    "product": np.outer([1, 3, 2], RNG.random(5) + 0.1),
    "wide": RNG.random((3, 61)) + 0.1,  # more vectors of taps than registers hold
    "tall": RNG.random((19, 2)) + 0.1,
    "negative": -RNG.random((5, 5)) - 0.1,
    "tiny": RNG.random((3, 3)) * 1e-30 + 1e-31,
    "both signs": RNG.random((5, 5)) - 0.2,
    "one tap": np.full((1, 1), 3.0),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", HOLED)
def test_few_holes_are_as_precise_as_many(name: str, dtype: str) -> None:
    g, f = HOLED[name], blots((150, 180), dtype)
    there = ~np.isnan(f)
    asked: Any = {"mode": "same", "boundary": "mirror"}
    sums, weights = (
        expect(each, g.astype(np.longdouble), **asked).values
        for each in (np.where(there, f, 0), there.astype("f8"))
    )
    seen = expect(there.astype("f8"), np.ones(g.shape), **asked).values > 0.5
    with np.errstate(all="ignore"):
        expected = np.where(seen, sums / weights * g.sum(), np.nan)
    clear = weights * np.sign(g.sum()) > np.abs(g).sum() / 4 if name == "both signs" else seen
    for how in ({"nan_policy": "omit"}, {"where": there}):
        ours = parconv.conv2d(f, g, threads=1, **asked, **how)
        agree(ours[clear], expected[clear], g)
        assert np.isnan(ours[~seen]).all() or name == "both signs"


@pytest.mark.parametrize("asked", [{"dilation": (2, 3)}, {"axes": (0, 1)}, {"stride": (2, 1)}])
def test_few_holes_under_taps_apart(asked: Any) -> None:
    f = np.stack([blots((90, 100), "f4") for _ in range(3)], -1)
    planes = [*np.moveaxis(f, -1, 0)] if "axes" in asked else [f[..., 0]]
    ours = parconv.conv2d(
        f if "axes" in asked else f[..., 0], G, mode="same", nan_policy="omit", threads=1, **asked
    )
    each = [*np.moveaxis(ours, -1, 0)] if "axes" in asked else [ours]
    rest = {name: value for name, value in asked.items() if name != "axes"}
    for plane, result in zip(planes, each, strict=True):
        there = ~np.isnan(plane)
        expected, _ = mean(np.where(there, plane, 0), G, there.astype("f8"), **rest)
        agree(result, expected, G)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("part", [0.05, 0.6, 0.99])
@pytest.mark.parametrize("size", [(1, 7), (6, 1), (5, 5), (17, 19)])  # the last has taps past 255
def test_holes_under_equal_taps_are_counted(size: Any, part: float, dtype: str) -> None:
    f, g = image((70, 300), part, dtype), np.full(size, -0.5)
    there = ~np.isnan(f)
    asked: Any = {"mode": "same", "boundary": ("wrap", "edge"), "method": "windows"}
    sums, number = (
        expect(each, np.ones(size), mode="same", boundary=("wrap", "edge")).values
        for each in (np.where(there, f, 0).astype(np.longdouble), there.astype("f8"))
    )
    with np.errstate(all="ignore"):
        expected = np.where(number > 0.5, -0.5 * g.size * sums / number, np.nan)
    ours = parconv.conv2d(f, g, nan_policy="omit", threads=1, **asked)
    agree(ours, expected, g)
    assert np.array_equal(
        parconv.conv2d(f, g, where=there, threads=1, **asked), ours, equal_nan=True
    )
    half = parconv.conv2d(f, g, where=there, min_weight=0.5, threads=2, **asked)
    assert np.array_equal(np.isnan(half), number < g.size / 2)
    assert np.array_equal(half[number >= g.size / 2], ours[number >= g.size / 2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("taps", [(1, 1), (3, 2), *soak(((7, 7),), ((2, 9),), ((13, 13),))])
def test_tiles_that_leave_holes_out_agree_whoever_tells_of_them(taps: Any, dtype: str) -> None:
    """NaN in place, and bytes block by block: more than one block, and a border on every side."""
    f, g = image((200, 4400), 0.05, dtype), RNG.random(taps) + 0.1
    f[90:110, 4090:4120] = np.nan
    there, pixels = ~np.isnan(f), np.nan_to_num(f, nan=7)
    for boundary in ("mirror", "constant"):
        asked: Any = {"mode": "same", "boundary": boundary, "method": "direct"}
        ours = parconv.conv2d(f, g, nan_policy="omit", threads=1, **asked)
        for spoilt in (f, pixels):
            out = np.full(f.shape, np.inf, dtype)
            parconv.conv2d(spoilt, g, where=there, threads=2, out=out, **asked)
            assert np.array_equal(out, ours, equal_nan=True)
    sums, weights = (
        expect(each, g.astype(np.longdouble), mode="same").values
        for each in (np.where(there, f, 0), there.astype("f8"))
    )
    outside = expect(np.zeros(f.shape), g, mode="same", cval=1).values  # is there, and 0
    with np.errstate(all="ignore"):
        expected = np.where(weights + outside > 1e-9, sums / (weights + outside) * g.sum(), np.nan)
    agree(ours, expected, g)


def mean_of_those_there(f: Any, there: Any, g: Any, boundary: str) -> Any:
    """By the definition: the sum over those that are there, over that of their weights."""
    sums, weights = (
        expect(each, g.astype(np.longdouble), mode="same", boundary=boundary).values
        for each in (np.where(there, f, 0), there.astype("f8"))
    )
    with np.errstate(all="ignore"):
        return np.where(weights < 1e-9, np.nan, sums / weights * g.sum())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", ["separable", "short", "windows"])
def test_both_sums_by_a_methods_own_kernel(method: Any, dtype: str) -> None:
    """Wider than a tile of columns; strips without holes, with some, and with nothing else."""
    f = RNG.random((150, 2300)).astype(dtype)
    f[:40][RNG.random((40, 2300)) < 0.05] = np.nan
    f[100:120, 1010:1040] = f[149, 0] = f[70, 2299] = np.nan
    g = {
        "windows": np.full((7, 7), 0.25),
        "separable": np.outer([1, 3, 4, 2], RNG.random(7)),
        "short": np.outer([1, 3, 4.5, 3, 1], np.hanning(9)[1:-1]),
    }[method]
    there, pixels = ~np.isnan(f), np.nan_to_num(f, nan=7)
    asked: Any = {"mode": "same", "boundary": "symmetric", "method": method}
    ours = parconv.conv2d(f, g, nan_policy="omit", threads=1, **asked)
    agree(ours, mean_of_those_there(f, there, g, "symmetric"), g)
    for spoilt in (f, pixels, np.asfortranarray(f), np.repeat(pixels, 2, 1)[:, ::2]):
        out = np.full(f.shape, np.inf, dtype)
        parconv.conv2d(spoilt, g, where=there, threads=2, out=out, **asked)
        assert np.array_equal(out, ours, equal_nan=True)
    for layout in (np.asfortranarray(f), np.repeat(f, 2, 1)[:, ::2]):
        out = np.full(f.shape, np.inf, dtype)
        parconv.conv2d(layout, g, nan_policy="omit", threads=2, out=out, **asked)
        assert np.array_equal(out, ours, equal_nan=True)
    plain = parconv.conv2d(f, g, threads=1, **asked)
    whole = ~np.isnan(plain)
    assert whole[50:90].mean() > 0.9
    if method != "windows" or not FILLS_LINES:  # else boxes add up rows first, what is there not
        assert np.array_equal(plain[whole], ours[whole])
    agree(plain[whole], ours[whole], g)


@pytest.mark.parametrize(("dtype", "taps"), [
    ("float32", 9), ("float32", 17), ("float32", 18), ("float32", 50), ("float64", 17),
    ("float64", 57), *soak(("float32", 49), ("float64", 58)),
])  # fmt: skip
def test_columns_of_holes_are_looked_up(dtype: str, taps: int) -> None:
    """In words of as many bits as a sum has, one or two; beyond these weights are numbers.

    Whole columns of holes, blots, and places without; the last strip is not full.
    """
    f, column = RNG.random((101, 1100)).astype(dtype), RNG.random(taps) + 0.1
    if taps % 3:
        column += column[::-1]  # pairs, of an odd number and an even one
    g = np.outer(column, [1, 2, 0.5])
    there = RNG.random(f.shape) > 0.3
    there[:, 500:510] = there[40:, 1030:1060] = False
    there[:, :300] = True
    spoilt = np.where(there, f, np.nan).astype(dtype)
    asked: Any = {"mode": "same", "method": "separable", "boundary": "wrap"}
    ours = parconv.conv2d(spoilt, g, nan_policy="omit", threads=1, **asked)
    agree(ours, mean_of_those_there(f, there, g, "wrap"), g)
    of_255 = np.where(there, 255, 0).astype(np.uint8).view(bool)
    for where in (there, of_255, np.asfortranarray(there)):
        for pixels in (f, spoilt, np.where(there, f, np.inf).astype(dtype)):
            out = np.full(f.shape, np.inf, dtype)
            parconv.conv2d(pixels, g, where=where, threads=2, out=out, **asked)
            assert np.array_equal(out, ours, equal_nan=True)
    plain = parconv.conv2d(f, g, threads=1, **asked)
    assert np.array_equal(ours[:, 4:290], plain[:, 4:290])


@pytest.mark.parametrize("asked", [
    {"mode": "full"}, {"mode": "full", "boundary": "wrap"}, {"dilation": (2, 3)},
    {"padding": ((5, 1), (70, 3)), "boundary": "symmetric"}, {"axes": (0, 1)},
])  # fmt: skip
def test_booleans_left_and_right_of_the_image_are_those_that_it_goes_on_with(asked: Any) -> None:
    """They are fetched for a strip's rows together, as many as there are on both sides."""
    asked = {"mode": "same", "boundary": "mirror", "method": "separable", **asked}
    if "padding" in asked:
        del asked["mode"]
    g = np.outer(np.hanning(9)[1:-1], [1, 3, 2, 0.5])
    for columns in (23, 90):
        f = RNG.random((75, columns, *[3] * ("axes" in asked)), np.float32)
        there = RNG.random(f.shape) > 0.2
        ours = parconv.conv2d(f, g, where=there, threads=1, **asked)
        weights = {name: value for name, value in asked.items() if name != "method"}
        pixels = there.astype("f4")
        if "axes" in asked:
            for n in range(3):
                agree(ours[..., n], mean(f[..., n] * pixels[..., n], g, pixels[..., n],
                      mode="same", boundary="mirror")[0], g)  # fmt: skip
        else:
            agree(ours, mean(f * pixels, g, pixels, **weights)[0], g)
        spoilt = np.where(there, f, np.nan)
        for who in ({"threads": 1}, {"threads": 2}):
            out = np.full(ours.shape, np.inf, np.float32)
            parconv.conv2d(spoilt, g, nan_policy="omit", out=out, **asked, **who)
            assert np.array_equal(out, ours, equal_nan=True)


@pytest.mark.parametrize("asked", [
    {"mode": "full"}, {"boundary": "wrap"}, {"dilation": (1, 2)}, {"axes": (0, 1)},
    {"cval": np.nan, "nan_policy": "omit"}, {"cval": np.nan}, {"min_weight": 0.6, "cval": 2.5},
])  # fmt: skip
def test_columns_of_few_taps_sum_what_is_there(asked: Any) -> None:
    """Rows by fours, twos and one by one; what lies beyond the border is there, or is missing."""
    asked = {"mode": "same", "method": "short", **asked}
    outside = float("nan_policy" not in asked)
    for taps, shape in (((3, 9), (23, 70)), ((9, 2), (18, 33)), ((5, 5), (9, 300))):
        f = RNG.random((*shape, *[2] * ("axes" in asked)), np.float32)
        g = np.outer(*(np.hanning(n + 2)[1:-1] for n in taps)).astype(np.float32)
        g *= -1 if taps[0] == 9 else 1
        there = RNG.random(f.shape) > 0.3
        there[2:14, 20:33] = False
        ours = parconv.conv2d(f, g, where=there, threads=1, **asked)
        kept = {n: value for n, value in asked.items() if n in ("mode", "boundary", "dilation")}
        planes = np.moveaxis(np.atleast_3d(f), -1, 0), np.moveaxis(np.atleast_3d(there), -1, 0)
        for pixels, truths, found in zip(
            *planes, np.moveaxis(np.atleast_3d(ours), -1, 0), strict=True
        ):
            cval = asked.get("cval", 0) if outside else 0
            right, part = mean(pixels, g, truths, cval=cval, outside=outside, **kept)
            right[part / g.sum() < asked.get("min_weight", 0)] = np.nan
            agree(found, right, g)
        for where in (there, np.asfortranarray(there)):
            out = np.full(ours.shape, np.inf, np.float32)
            spoilt = np.where(there, f, np.nan) if "nan_policy" in asked else f
            parconv.conv2d(spoilt, g, where=where, out=out, threads=2, **asked)
            assert np.array_equal(out, ours, equal_nan=True)


@pytest.mark.parametrize("taps", [(255, 1), (256, 1)])
def test_windows_count_as_many_holes_as_a_byte_holds_of_a_column(taps: Any) -> None:
    """Where it does not, blocks are summed."""
    f = np.ones((40, 35), np.float32)
    f[:, 20:25] = f[5:39] = np.nan
    asked: Any = {"mode": "same", "boundary": "wrap"}
    ours = parconv.conv2d(f, np.ones(taps), nan_policy="omit", method="windows", **asked)
    there = expect((~np.isnan(f)).astype("f8"), np.ones(taps), **asked).values
    assert np.array_equal(np.isnan(ours), there == 0)
    assert np.allclose(ours[there > 0], taps[0], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 6, 7, 15])  # about those of a block, and of two
def test_booleans_tell_windows_of_holes(rows: int, dtype: str) -> None:
    """In corners, all of an image, whole rows; whatever lies beneath, wherever booleans lie."""
    f, g = RNG.random((rows, 90)).astype(dtype), np.full((7, 5), 0.25)
    corners, none = np.ones(f.shape, bool), np.zeros(f.shape, bool)
    corners[0, 0] = corners[0, -1] = corners[-1, :3] = corners[-1, -2:] = False
    striped = np.repeat(np.arange(rows)[:, None] % 3 > 0, 90, 1)
    asked: Any = {"mode": "same", "method": "windows", "threads": 1}
    for there in (corners, none, striped, RNG.random(f.shape) < 0.5):
        for boundary in ("constant", "wrap"):
            asked["boundary"] = boundary
            spoilt = np.where(there, f, np.nan).astype(dtype)
            ours = parconv.conv2d(spoilt, g, nan_policy="omit", **asked)
            agree(ours, mean(f, g, there.astype(dtype), boundary=boundary)[0], g)
            backwards = np.ascontiguousarray(there[:, ::-1])[:, ::-1]
            of_255 = np.where(there, 255, 0).astype(np.uint8).view(bool)
            for where in (there, backwards, of_255, np.asfortranarray(there)):
                for pixels in (f, spoilt, np.where(there, f, np.inf).astype(dtype)):
                    out = np.full(f.shape, np.inf, dtype)
                    parconv.conv2d(pixels, g, where=where, out=out, **asked)
                    assert np.array_equal(out, ours, equal_nan=True)


def test_windows_count_under_taps_apart() -> None:
    """Rows that a dilation separates enter blocks of their own, which bands cut anywhere."""
    f, g = image((75, 130)), np.full((6, 5), 0.25)
    there = ~np.isnan(f)
    asked: Any = {"mode": "same", "boundary": "wrap", "dilation": (3, 2)}
    plan = parconv.plan2d(f, g, nan_policy="omit", method="windows", threads=1, **asked)
    ours = plan(f)
    agree(ours, mean(f, g, there.astype("f4"), **asked)[0], g)
    booleans = parconv.conv2d(f, g, where=there, method="windows", threads=2, **asked)
    assert np.array_equal(booleans, ours, equal_nan=True)
    cut = tuple((n, n + 1) for n in range(f.shape[0]))
    assert np.array_equal(replace(plan, bands=cut)(f), ours, equal_nan=True)


@pytest.mark.parametrize("boundary", ["wrap", "edge"])
def test_windows_count_more_taps_than_a_byte_holds(boundary: str) -> None:
    """Of colours, some of which lack pixels that others have, into rows that lie apart."""
    f, g = RNG.random((19, 70, 3)).astype(np.float32), np.full((17, 16), 1 / 272)
    there = RNG.random(f.shape) < 0.6
    there[:, 20:45, 1] = False
    asked: Any = {"mode": "same", "boundary": boundary, "axes": (0, 1), "threads": 1}
    out = np.full((38, 70, 3), np.inf, np.float32)
    few = {"where": there, "min_weight": 0.25, "method": "windows"}
    ours = parconv.conv2d(f, g, out=out[::2], **few, **asked)
    assert (out[1::2] == np.inf).all()
    for colour in range(3):
        one: Any = {"mode": "same", "boundary": boundary}
        number = expect(there[..., colour].astype("f8"), np.ones(g.shape), **one).values
        right = mean(f[..., colour], g, there[..., colour].astype("f4"), **one)[0]
        known = number >= 0.25 * 272
        assert np.array_equal(known, ~np.isnan(ours[..., colour]))
        agree(ours[..., colour][known], right[known], g)


def test_nan_that_is_used_spreads_through_windows() -> None:
    """Exactly as far as the filter, unless it is to be left out, too; planes share the booleans."""
    f, g = RNG.random((2, 60, 150), np.float32), np.full((5, 7), 0.5, np.float32)
    there = RNG.random(f.shape[1:]) > 0.1
    there[30, 70], f[1, 30, 70] = True, np.nan
    asked: Any = {"mode": "same", "method": "windows", "where": there, "boundary": "edge"}
    ours = parconv.conv2d(f, g, threads=1, **asked)
    reached = np.zeros(f.shape, bool)
    reached[1, 28:33, 67:74] = True
    assert np.array_equal(np.isnan(ours), reached)
    assert np.array_equal(parconv.conv2d(f, g, threads=2, **asked), ours, equal_nan=True)
    clean = parconv.conv2d(np.nan_to_num(f), g, threads=1, **asked)
    assert np.array_equal(ours[~reached], clean[~reached])
    both = parconv.conv2d(f, g, threads=1, nan_policy="omit", **asked)
    for plane, image in zip(both, f, strict=True):
        used = there & ~np.isnan(image)
        agree(plane, mean(np.nan_to_num(image), g, used.astype("f4"), boundary="edge")[0], g)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "uint32", "int64", "float16", "float64"]
)
def test_masks_of_every_type_of_image(dtype: str) -> None:
    f, there = RNG.integers(0, 2, (40, 90)).astype(dtype), RNG.random((40, 90)) < 0.7
    for g in (np.full((5, 5), 0.04), np.outer([1.0, 2, 1], [1, 3, 3, 1])):
        ours = parconv.conv2d(f, g, mode="same", where=there)
        agree(ours, mean(f.astype(float), g, there.astype("f8"))[0], g)


@pytest.mark.parametrize("asked", [
    {"dilation": (1, 3)}, {"dilation": (2, 1)}, {"axes": (0, 1)}, {"dtype": "u1"}, {"mode": "full"},
])  # fmt: skip
def test_several_products_and_weights_of_any_size(asked: Any) -> None:
    """Two products of `separable`, whose weights are numbers far from 1."""
    f = image((37, 50, 3) if "axes" in asked else (3, 37, 50)) * np.float32(100)
    g = np.outer(*RNG.random((2, 9))) + np.outer(*RNG.random((2, 9)))
    w = RNG.random(f.shape) * np.where(RNG.random(f.shape) < 0.5, 1e-3, 1e3)
    asked = {"mode": "same", "threads": 1, **asked}
    first, second = (
        parconv.conv2d(f, g / 40, nan_policy="omit", weights=w, method=method, **asked)
        for method in ("separable", "direct")
    )
    if first.dtype == np.uint8:
        assert np.abs(first.astype(int) - second).max() <= 1  # halves, by other roundings
        return
    assert np.array_equal(np.isnan(first), np.isnan(second))
    assert np.nanmax(np.abs(first - second)) <= 32 * np.finfo("f4").eps * 100 * g.sum() / 40


def test_nan_that_is_used_spreads_under_a_mask() -> None:
    """From the block that has it and no further; what lies beside is as precise as ever."""
    f = RNG.random((150, 4400), np.float32)
    there = RNG.random(f.shape) > 0.05
    f[40, 300] = f[149, 4399] = np.nan
    there[40, 300] = there[149, 4399] = True
    g = RNG.random((5, 5)) + 0.1
    asked: Any = {"mode": "same", "boundary": "edge", "method": "direct", "where": there}
    ours = parconv.conv2d(f, g, threads=1, **asked)
    reached = expect((np.isnan(f) & there) * 1.0, np.ones((5, 5)), mode="same", boundary="edge")
    assert np.array_equal(np.isnan(ours), reached.values > 0.5)
    clean = parconv.conv2d(np.nan_to_num(f), g, threads=1, **asked)
    agree(ours[reached.values < 0.5], clean[reached.values < 0.5], g)
    plan = parconv.plan2d(f, g, threads=1, **asked)
    cut = tuple((n, n + 1) for n in range(plan.bands[-1][1]))
    assert np.array_equal(replace(plan, bands=cut[::-1])(f), ours, equal_nan=True)


@pytest.mark.parametrize("asked", [{"dilation": (1, 3)}, {"dilation": (2, 1)}, {"axes": (0, 1)}])
def test_equal_taps_apart(asked: Any) -> None:
    f, g = np.stack([blots((60, 90), "f4") for _ in range(3)], -1), np.full((3, 4), 0.25, "f4")
    planes = [*np.moveaxis(f, -1, 0)] if "axes" in asked else [f[..., 0]]
    given = f if "axes" in asked else f[..., 0]
    ours = parconv.conv2d(given, g, mode="same", nan_policy="omit", threads=1, **asked)
    each = [*np.moveaxis(ours, -1, 0)] if "axes" in asked else [ours]
    rest = {name: value for name, value in asked.items() if name != "axes"}
    for plane, result in zip(planes, each, strict=True):
        there = ~np.isnan(plane)
        agree(result, mean(np.where(there, plane, 0), g, there.astype("f8"), **rest)[0], g)


@pytest.mark.parametrize("g", [G, np.full((5, 3), 0.25, "f4"), np.outer([1, 2, 1], [1, 5, 2, 1])])
def test_blocks_that_go_on_have_the_bits_of_those_that_begin(g: Any) -> None:
    """Downwards, over planes and at each place over planes; each alone copies all its rows."""
    for shape, how in (((170, 4500), "omit"), ((2, 90, 4500), "omit"), ((2, 90, 4500), "where")):
        f = image(shape, 0.05)
        f[..., 40:60, 70:99] = np.nan
        more = {"nan_policy": "omit"} if how == "omit" else {"where": ~np.isnan(f)}
        plan = parconv.plan2d(f, g, mode="same", boundary="mirror", threads=1, **more)
        out = np.full(shape, np.inf, "f4")
        whole = plan(f, out)
        cut = tuple((n, n + 1) for n in range(plan.bands[-1][1]))
        assert len(cut) > 4
        assert np.array_equal(replace(plan, bands=cut)(f), whole, equal_nan=True)
        planes = f.reshape(-1, *f.shape[-2:])
        for plane, result in zip(planes, whole.reshape(planes.shape), strict=True):
            alone = parconv.conv2d(
                plane, g, mode="same", boundary="mirror", nan_policy="omit", threads=1,
                method=plan.method,
            )  # fmt: skip
            assert np.array_equal(alone, result, equal_nan=True)


def test_where_results_are_stored_changes_no_bit() -> None:
    """Past the caches, through them, row by row, as another type."""
    f = image((1100, 2100), 0.05)  # more than twice what caches hold
    g = parconv.filters.gaussian_taps(1).astype("f4")
    plan = parconv.plan2d(f, g, mode="same", nan_policy="omit", threads=1)
    plain = plan(f)
    for offset, extra in ((0, 0), (1, 0), (3, 5), (16, 16)):
        room = np.full((1100, 2100 + extra + offset), np.nan, "f4")
        out = room[:, offset : offset + 2100]
        assert np.array_equal(plan(f, out), plain)
        assert np.isnan(room[:, :offset]).all()
        assert np.isnan(room[:, offset + 2100 :]).all()
    apart = np.full((1100, 2100, 2), np.nan, "f4")
    assert np.array_equal(plan(f, apart[..., 1]), plain)
    double = parconv.conv2d(f, g, mode="same", nan_policy="omit", threads=1, dtype="f8")
    assert np.abs(double - plain).max() < 1e-6


@pytest.mark.parametrize("strategy", ["serial", "threads", "prange", "joblib"])
def test_every_strategy_brings_the_weights(strategy: Any) -> None:
    f, w = image((2, 700, 90), 0), RNG.random((700, 90), np.float32)
    asked: Any = {"mode": "same", "weights": w, "method": "direct"}
    one = parconv.conv2d(f, G, threads=1, strategy="serial", **asked)
    assert np.array_equal(parconv.conv2d(f, G, threads=2, strategy=strategy, **asked), one)
    assert np.array_equal(one[1], parconv.conv2d(f[1], G, threads=1, **asked))


def test_processes_bring_the_weights() -> None:
    joblib = pytest.importorskip("joblib")
    f, where = image((300, 40)), RNG.random((300, 40)) < 0.8
    asked: Any = {"mode": "same", "where": where, "nan_policy": "omit", "method": "direct"}
    one = parconv.conv2d(f, G, threads=1, **asked)
    with joblib.parallel_config("loky", n_jobs=2):
        apart = parconv.conv2d(f, G, threads=2, strategy="joblib", **asked)
    assert np.array_equal(apart, one, equal_nan=True)


def test_where_all_is_there_results_are_those_of_the_plain_call() -> None:
    f = RNG.random((300, 1100), np.float32)
    plain = parconv.conv2d(f, G, mode="same", method="direct")
    holed = f.copy()
    holed[150, 20] = np.nan
    for policy, g in (
        ({"nan_policy": "omit"}, f),
        ({"where": f > -1}, f),
        ({"nan_policy": "omit"}, holed),
    ):
        ours = parconv.conv2d(g, G, mode="same", method="direct", **policy)  # type: ignore[call-overload]
        far = np.ones(f.shape, bool)
        far[145:156, 15:26] = False
        assert np.array_equal(ours[far], plain[far])
    plan = parconv.plan2d(f, RNG.random((31, 31)), mode="same", nan_policy="omit")
    assert plan.plain.method == "fft" != plan.method  # type: ignore[attr-defined]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "uint8"])
def test_the_method_of_wide_integers_can_be_named(dtype: str) -> None:
    """Though no floating type holds the sums that the plain call forms where all is there."""
    f, there = RNG.integers(0, 99, (30, 50)).astype(dtype), RNG.random((30, 50)) < 0.7
    g = np.outer([1, 2, 3, 4, 3, 2, 1], [1, 2, 1])
    asked: Any = {"mode": "same", "boundary": "wrap"}
    for where in (there, np.ones_like(there)):
        plan = parconv.plan2d(f, g, where=where, method="separable", **asked)
        assert plan.method == "separable"
        right = mean(f, g, where.astype(float), **asked)[0]
        found = parconv.conv2d(f, g, where=where, method="separable", **asked)
        assert np.abs(found - right).max() <= 0.5 + 1e-9
    assert np.array_equal(found, parconv.conv2d(f, g, **asked))


def test_nothing_there_is_nan_or_the_constant() -> None:
    f, nothing = np.full((5, 6), np.nan, "f4"), np.zeros((5, 6), bool)
    assert np.isnan(parconv.conv2d(f, G, nan_policy="omit")).all()
    whole = np.arange(30).reshape(5, 6)
    kept = parconv.conv2d(whole, np.ones((3, 3), int), where=nothing, boundary="edge", mode="same",
                          cval=-7)  # fmt: skip
    assert kept.dtype == np.int64
    assert (kept == -7).all()
    one = nothing.copy()
    one[2, 3] = True
    sums = parconv.conv2d(whole, np.ones((3, 3), int), where=one, boundary="wrap", mode="same")
    assert (
        sums == np.where(parconv.box(one, 3, normalize=False, boundary="wrap"), 9 * 15, 0)
    ).all()


def test_integers_round_half_to_even_exactly() -> None:
    f, where = np.array([[5, 1, 8]], np.uint8), np.array([[True, False, True]])
    assert parconv.conv2d(f, [[1, 1, 1]], where=where).tolist() == [[20]]  # 13 * 3 / 2 = 19.5
    assert parconv.conv2d(f, [[1, 1, 1]], where=where, dtype="uint8").tolist() == [[20]]
    assert parconv.conv2d(f, [[1, 1, 1]], where=where, dtype="float32").tolist() == [[19.5]]


def test_what_lies_outside_is_missing_where_it_is_nan() -> None:
    for f in (RNG.random((6, 7), np.float32), RNG.integers(0, 99, (6, 7), np.uint8)):
        ours = parconv.conv2d(f, np.full((2, 3), 1 / 6), padding=1, stride=(1, 2), cval=np.nan,
                              nan_policy="omit")  # fmt: skip
        expected = mean(f, np.full((2, 3), 1 / 6), np.ones(f.shape), mode="valid", stride=(1, 2),
                        padding=((1, 1), (1, 1)), outside=0)[0]  # fmt: skip
        assert np.allclose(ours, expected.astype(float), rtol=1e-6)


def test_masks_of_planes_and_colours() -> None:
    f, where = image((3, 30, 20), 0), RNG.random((30, 20)) < 0.5
    asked: Any = {"mode": "same", "boundary": "edge", "threads": 1}
    each = [parconv.conv2d(plane, G, where=where, **asked) for plane in f]
    assert np.array_equal(parconv.conv2d(f, G, where=where, **asked), each, equal_nan=True)
    colour = np.ascontiguousarray(np.moveaxis(f, 0, -1))
    ours = parconv.conv2d(colour, G, where=where, axes=(0, 1), **asked)
    assert np.allclose(np.moveaxis(ours, -1, 0), each, rtol=1e-6, equal_nan=True)
    turned = parconv.conv2d(f.transpose(0, 2, 1), G, where=where, axes=(2, 1), **asked)
    assert np.array_equal(turned.transpose(0, 2, 1), each, equal_nan=True)


def test_no_weights_are_none() -> None:
    f = image((30, 20), 0)
    right = parconv.conv2d(f, G)
    assert np.array_equal(parconv.conv2d(f, G, where=None, weights=None), right)


@pytest.mark.parametrize("method", ["direct", "separable", "rows"])
def test_planes_have_masks_of_their_own(method: str) -> None:
    f, there = image((3, 30, 20), 0), RNG.random((3, 30, 20)) < 0.5
    g = np.outer([1, 3, 2], RNG.random(5) + 0.1)
    asked: Any = {"mode": "same", "boundary": "edge", "threads": 1, "method": method}
    for weights in (there, RNG.random(f.shape) * there):
        word = "where" if weights.dtype == bool else "weights"
        found = parconv.conv2d(f, g, **{word: weights}, **asked)
        for plane, own, part in zip(f, weights, found, strict=True):
            each = parconv.conv2d(plane, g, **{word: own}, **asked)
            assert np.array_equal(part, each, equal_nan=True)


def test_named_filters_and_plans() -> None:
    f = image((40, 50))
    there = ~np.isnan(f)
    for call, size in ((parconv.gaussian, 1.5), (parconv.box, 5)):
        ours = call(f, size, nan_policy="omit")
        taps = parconv.filters.gaussian_taps(1.5) if size == 1.5 else np.full((5, 5), 1 / 25)
        agree(ours, mean(np.where(there, f, 0), taps, there, boundary="symmetric")[0], taps)
        agree(call(np.ma.masked_invalid(f), size), ours, taps)  # perhaps by another method
    plan = parconv.plan2d(f, G, mode="same", where=there, min_weight=0.25)
    assert "weighted" in str(plan)
    assert "missing" in plan.explain()
    out = np.empty_like(f)
    assert plan.bind(f, out)() is out
    assert np.array_equal(plan(f), out, equal_nan=True)
    weights = mean(f, G, there)[1] / G.sum()
    assert np.array_equal(np.isnan(out), weights < 0.25)


def test_a_nan_is_refused_by_name_and_place() -> None:
    f = np.zeros((LOOK // 8, 9), np.float32)
    assert (parconv.conv2d(f, G, nan_policy="raise") == 0).all()
    f[-1, 3] = np.nan
    out = np.full((f.shape[0] - 2, 6), 5, np.float32)
    with pytest.raises(ValueError, match=rf"holds 1 NaN, the first at \({len(f) - 1}, 3\): pass"):
        parconv.conv2d(f, G, nan_policy="raise", out=out)
    assert (out == 5).all()
    used = ~np.isnan(f)
    assert (parconv.conv2d(f, G, nan_policy="raise", where=used) == 0).all()


@pytest.mark.parametrize(("change", "error", "told"), [
    ({"g": [[1, 0, -1]]}, ValueError, "cancel.*fill in the others"),
    ({"g": np.ones((2, 3, 3))}, ValueError, "one by one"),
    ({"g": [[1j]]}, TypeError, r"g\.real and g\.imag"),
    ({"nan_policy": "ignore"}, ValueError, "nan_policy='ignore'.*propagate, omit, raise"),
    ({"min_weight": 2}, ValueError, "min_weight=2: pass a number from 0 to 1"),
    ({"min_weight": True}, TypeError, "min_weight=True: pass a number"),
    ({"min_weight": "1"}, TypeError, "min_weight='1': pass a number"),
    ({"method": "fft"}, ValueError, "method='fft' cannot.*exactly 0"),
    ({"where": np.ones((9, 9), int)}, TypeError, "where has dtype int64.*weights="),
    ({"where": np.ones((4, 9), bool)}, ValueError, r"where has shape \(4, 9\), f has \(9, 9\)"),
    ({"weights": np.full((9, 9), -1.0)}, ValueError, "weights holds negative"),
    ({"weights": np.full((9, 9), np.nan)}, ValueError, "weights holds negative numbers, NaN"),
])  # fmt: skip
def test_refusals_write_nothing(change: Any, error: Any, told: str) -> None:
    asked: Any = {"g": np.ones((3, 3)), "nan_policy": "omit", **change}
    out = np.full((9, 9), 5.0)
    with pytest.raises(error, match=told):
        parconv.conv2d(np.ones((9, 9)), mode="same", out=out, **asked)
    assert (out == 5).all()


def test_streams_omit_them(tmp_path: Any) -> None:
    f = image((90, 70), 0.1, "f4")
    np.save(tmp_path / "f.npy", f)
    made = parconv.stream(tmp_path / "f.npy", G, tmp_path / "out.npy", nan_policy="omit")
    assert np.allclose(np.asarray(made), parconv.conv2d(f, G, nan_policy="omit"), rtol=3e-6)


def test_equals_astropy() -> None:
    convolution = pytest.importorskip("astropy.convolution")
    f, g = image((60, 70), 0.1, np.float64), RNG.random((5, 7))
    for ours, theirs in (("constant", "fill"), ("edge", "extend"), ("wrap", "wrap")):
        expected = convolution.convolve(f, g, boundary=theirs)
        got = parconv.conv2d(f, g / g.sum(), mode="same", boundary=ours, nan_policy="omit")  # type: ignore[arg-type]
        assert np.allclose(got, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("shape", [(40,), (3, 50), (2, 41, 5), (2, 3, 37)])
@pytest.mark.parametrize("how", ["omit", "where", "weights", "masked"])
def test_along_one_axis_as_rows_of_a_plane(shape: Any, how: str) -> None:
    axis = min(1, len(shape) - 1) if len(shape) < 3 or shape[1] > 3 else 2
    f, g = image(shape, 0.1), RNG.random(5, np.float32) + np.float32(0.1)
    w = (~np.isnan(f)).astype("f4") * (RNG.random(shape, np.float32) if how == "weights" else 1)
    given, more = {
        "omit": (f, {"nan_policy": "omit"}),
        "where": (f, {"where": w > 0}),
        "weights": (f, {"weights": w}),
        "masked": (np.ma.masked_array(f, w == 0), {}),
    }[how]
    asked: Any = {"axes": axis, "mode": "same", "boundary": "mirror", **more}
    ours = parconv.conv2d(given, g, threads=1, **asked)
    lines = [np.moveaxis(each, axis, -1).reshape(-1, shape[axis]) for each in (f, w, ours)]
    rest = {"mode": "same", "boundary": ("constant", "mirror")}
    expected, _ = mean(lines[0], g[None], lines[1], **rest)
    agree(lines[2], expected, g)
    if how != "masked":
        plan = parconv.plan2d(f, g, threads=1, **asked)
        out = np.full(ours.shape, np.nan, "f4")
        assert np.array_equal(plan(f, out), ours, equal_nan=True)


CUBE = RNG.random((3, 3, 3)) + 0.1
LONG = np.multiply.outer(CUBE[0], [0.2, 0.5, 0.3, 0.1])
VOLUMES = {
    "NaN": {"nan_policy": "omit"}, "where": {}, "weights": {},
    "both": {"nan_policy": "omit", "boundary": "mirror"},
    "outside": {"nan_policy": "omit", "cval": np.nan},
    "constant": {"nan_policy": "omit", "cval": 1.5},
    "least": {"nan_policy": "omit", "boundary": "edge", "min_weight": 0.8},
    "strides": {"nan_policy": "omit", "boundary": "wrap", "stride": (2, 1, 3), "mode": "valid"},
}  # fmt: skip


def volume_mean(
    f: Any, g: Any, w: Any, *, mode: str = "same", boundary: str = "constant", cval: float = 0,
    stride: Any = (1, 1, 1), min_weight: float = 0,
) -> Any:  # fmt: skip
    """The means by definition, in long double, tap by tap."""
    taps, outside = np.flip(np.asarray(g, np.longdouble)), not math.isnan(cval)
    places = []
    for axis, (size, span) in enumerate(zip(f.shape, taps.shape, strict=True)):
        lead, count = outputs(size, span, mode, True, 0, None, span > size)
        places.append([o - lead for o in range(0, count, stride[axis])])
    values, weights = (np.zeros(tuple(map(len, places)), np.longdouble) for _ in range(2))
    framed = np.full(tuple(n + 1 for n in f.shape), cval if outside else 0, np.longdouble)
    there = np.full(framed.shape, outside, np.longdouble)
    inside = tuple(slice(n) for n in f.shape)
    framed[inside], there[inside] = np.where(w > 0, f, 0), w
    for tap in np.ndindex(taps.shape):
        rows = [
            [source(at + t, size, boundary) for at in axis]
            for t, axis, size in zip(tap, places, f.shape, strict=True)
        ]
        index = np.ix_(*rows)
        values += taps[tap] * there[index] * framed[index]
        weights += taps[tap] * there[index]
    with np.errstate(all="ignore"):
        result = values / weights * taps.sum()
    # a pixel at the bound is there whatever was rounded: `masked.SLACK`
    least = min_weight * taps.sum() * (1 - masked.SLACK * np.finfo(np.result_type(f, "f4")).eps)
    return np.where((weights == 0) | (weights < least), np.nan, result)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("g", [CUBE, LONG], ids=["dense", "product"])
@pytest.mark.parametrize("name", VOLUMES)
def test_over_three_axes(name: str, g: Any, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Part by part, by definition, with the same bits whoever computes."""
    asked: dict[str, Any] = {"mode": "same", **VOLUMES[name]}
    f = image((13, 11, 20), 0.3, dtype)
    f[2:7, 1:9] = np.nan
    w = (~np.isnan(f)).astype(dtype)
    given: dict[str, Any] = {}
    if name == "weights":
        w *= RNG.random(f.shape).astype(dtype)
        given = {"weights": w}
    elif name in ("where", "both"):
        w *= RNG.random(f.shape) < 0.7
        given = {"where": w > 0}
    expected = volume_mean(f, g, w, **{k: v for k, v in asked.items() if k != "nan_policy"})
    found = []
    for part, threads in ((1 << 23, 1), (1 << 23, 2), (1 << 12, 3)):
        monkeypatch.setattr(masked, "PART", part)
        plan: Any = parconv.plan2d(f, g, axes=(0, 1, 2), threads=threads, **asked, **given)
        out = np.full(expected.shape, 7, dtype)
        found.append(plan(f, out).tobytes())
    assert len({*found}) == 1
    agree(out, expected, g)
    assert "missing pixels" in plan.explain()
    again = parconv.conv2d(f, g, axes=(0, 1, 2), threads=1, **asked, **given)
    assert again.tobytes() == found[0]


def test_volumes_of_integers_and_other_axes() -> None:
    f, used = RNG.integers(0, 250, (9, 10, 12), np.uint8), RNG.random((9, 10, 12)) < 0.6
    used[:4, :5] = False
    expected = volume_mean(f, CUBE, used.astype(float))
    ours = parconv.conv2d(f, CUBE, axes=(0, 1, 2), mode="same", where=used, dtype="uint8", cval=0)
    sure = np.abs(expected - np.floor(expected) - 0.5) > 1e-4
    scaled = np.where(np.isnan(expected), 0, np.clip(np.rint(expected), 0, 255))
    assert (ours == scaled)[sure | np.isnan(expected)].all()
    turned = parconv.conv2d(
        f.transpose(2, 0, 1).astype(float), CUBE, axes=(1, 2, 0), mode="same",
        where=used.transpose(2, 0, 1),
    )  # fmt: skip
    agree(turned.transpose(1, 2, 0) / 250, expected / 250, CUBE)
    smooth = parconv.gaussian(np.ma.masked_array(f, ~used), 1, axes=(0, 1, 2), dtype=float)
    flat = parconv.gaussian(np.where(used, 3.0, np.nan), 1, axes=(0, 1, 2), nan_policy="omit")
    assert np.allclose(flat, 3, rtol=1e-14)
    assert smooth.shape == f.shape


def test_volumes_where_all_is_there_and_what_is_refused() -> None:
    f = RNG.random((6, 7, 8), np.float32)
    whole = parconv.conv2d(f, CUBE, axes=(0, 1, 2), mode="same")
    for more in (
        {"nan_policy": "omit"},
        {"nan_policy": "raise"},
        {"where": np.ones(f.shape, bool)},
    ):
        assert (parconv.conv2d(f, CUBE, axes=(0, 1, 2), mode="same", **more) == whole).all()
    f[1, 2, 3] = np.nan
    for error, words, g, more in (
        (ValueError, "f holds 1 NaN, the first at .1, 2, 3.", CUBE, {"nan_policy": "raise"}),
        (ValueError, "taps of g cancel", CUBE - CUBE.mean(), {"nan_policy": "omit"}),
        (ValueError, "go with none of bias", CUBE, {"nan_policy": "omit", "bias": 2}),
        (TypeError, "g has dtype complex128", CUBE * 1j, {"nan_policy": "omit"}),
    ):
        with pytest.raises(error, match=words):
            parconv.conv2d(f, g, axes=(0, 1, 2), **more)


def test_a_constant_that_is_nan_is_a_pixel_but_where_nan_is_omitted() -> None:
    f, there = np.ones((5, 5)), np.arange(25).reshape(5, 5) != 12
    asked: Any = {"mode": "same", "cval": np.nan, "where": there, "method": "windows"}
    rim = np.ones(f.shape, bool)
    rim[1:-1, 1:-1] = False
    assert np.array_equal(np.isnan(parconv.conv2d(f, np.ones((3, 3)), **asked)), rim)
    omitted = parconv.conv2d(f, np.ones((3, 3)), nan_policy="omit", **asked)
    assert np.allclose(omitted, 9)


def test_weights_may_be_of_the_other_byte_order() -> None:
    g = np.outer([1, 2, 1], [1, 3, 1.0])
    f, weights = RNG.random((8, 9)), RNG.random((8, 9))
    right = parconv.conv2d(f, g, weights=weights)
    assert np.array_equal(parconv.conv2d(f, g, weights=weights.astype(">f8")), right)


def test_a_row_longer_than_a_block() -> None:
    f, g = RNG.random((4, 9)), RNG.random((1, 65537))
    ours = parconv.conv2d(f, g, mode="same", nan_policy="omit")
    f[2, 4] = np.nan
    found = parconv.conv2d(f, g, mode="same", nan_policy="omit")
    assert np.isfinite(ours).all()
    assert np.isfinite(found).all()
    assert np.array_equal(np.delete(found, 2, 0), np.delete(ours, 2, 0))


def test_bits_do_not_depend_on_where_results_lie() -> None:
    """Wider than a tile in which few holes are added up."""
    shape, half = (18, 194_384), RNG.random(6)
    f, there = RNG.random(shape, np.float32), RNG.random(shape) >= 0.05
    g = np.outer(*[np.r_[half, half[-2::-1]].astype("f4")] * 2)
    raw = np.empty(math.prod(shape) + 32, np.float32)
    first = -raw.ctypes.data // 4 % 16
    right: Any = None
    for at in (first, first + 8):
        out = raw[at : at + math.prod(shape)].reshape(shape)
        parconv.conv2d(f, g, where=there, mode="same", method="rows", threads=1, out=out)
        right = out.copy() if right is None else right
        assert np.array_equal(out, right)


@pytest.mark.parametrize(("method", "g"), [
    ("short", np.outer([1, 2, 4, 2, 1], [1, 3, 1])), ("direct", G),
    ("separable", np.outer([1, 3, 2], [2, 5, 1, 1])),
])  # fmt: skip
def test_few_pixels_are_summed_without_a_look(method: Any, g: Any) -> None:
    """By compiled code from the third call on, to the plain call's bits where all is there."""
    g, asked = g.astype(np.float32), {"mode": "same", "boundary": "edge", "method": method}
    plan = parconv.plan2d(((40, 51), "f4"), g, nan_policy="omit", threads=1, **asked)
    assert plan.looks_first == (method == "direct" and not machine.ISA.masks)
    whole, holed = RNG.random((40, 51), np.float32), image((40, 51))
    right, mended = parconv.conv2d(whole, g, **asked), mean_of_those_there(
        np.nan_to_num(holed), ~np.isnan(holed), g, "edge"
    )  # fmt: skip
    for _ in range(4):
        out = np.full(whole.shape, np.inf, np.float32)
        parconv.conv2d(whole, g, nan_policy="omit", out=out, **asked)
        assert np.array_equal(out, right)
        agree(parconv.conv2d(holed, g, nan_policy="omit", threads=1, **asked), mended, g)
        agree(plan(np.asfortranarray(holed)), mended, g)
    assert plan.taps.look or plan.looks_first


def test_a_bound_call_asks_what_pixels_are() -> None:
    f, out = np.ones((20, 30), np.float32), np.empty((20, 30), np.float32)
    call = parconv.plan2d(f, G, mode="same", nan_policy="raise").bind(f, out)
    assert call() is out
    f[3, 4] = np.nan
    with pytest.raises(ValueError, match="f holds 1 NaN"):
        call()
    left = parconv.plan2d(f, G, mode="same", nan_policy="omit").bind(f, out)().copy()
    agree(left, mean(f, G, ~np.isnan(f))[0], G)
