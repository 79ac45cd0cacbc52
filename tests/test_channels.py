"""Distrusts the method of channel lanes: tiles of every width, units, views and borders."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import oracle
import pytest
from conftest import LANES, Poisoned, soak

import parconv
from parconv.codegen import machine
from parconv.methods import channels
from parconv.methods.channels import blocks, copies, few as few_tile, pointwise, shape, work
from parconv.methods.channels.numbers import FEW as SEVERAL, MANY, SINGLE, WIDE
from parconv.methods.channels.table import PIXELS, VECTORS
from parconv.problem.problem import Problem
from parconv.runtime.strategies import Arrays

TILE = max(PIXELS)
EDGES = {n + more for n in PIXELS for more in (-1, 0, 1, n + 1)}
WIDTHS = sorted({1, 2, 5, 6, 7, 8, 13, 14, 15, 17, 19, 29} | EDGES)


def numbers(shape: Any, dtype: Any = "float32", seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def expect(f: Any, g: Any, groups: int = 1, **question: Any) -> oracle.Expected:
    """By definition: each filter of the bank is a sum of convolutions of single planes."""
    outputs, inputs = g.shape[:2]
    values, moduli = [], []
    for o in range(outputs):
        first = o // (outputs // groups) * inputs
        terms = [
            oracle.expect(f[:, first + c], g[o, c], correlate=True, **question)
            for c in range(inputs)
        ]
        values.append(sum(term.values for term in terms))
        moduli.append(sum(term.moduli for term in terms))
    return oracle.Expected(np.stack(values, 1), np.stack(moduli, 1), inputs * g[0, 0].size)


def plan_of(f: Any, g: Any, **question: Any) -> Any:
    return parconv.plan2d(f, g, correlate=True, method="channels", threads=1, **question)


def check(f: Any, g: Any, **question: Any) -> Any:
    plan = plan_of(f, g, **question)
    given = Poisoned(plan.problem.shape, f.dtype)
    result = plan(f, given.out)
    given.check()
    oracle.assert_right(result, expect(f, g, **question), f.dtype, f.dtype)
    return result


def channels_last(array: Any) -> Any:
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def sparse(array: Any) -> Any:
    """The same numbers, none of them neighbours."""
    room = np.full([2 * n for n in array.shape], np.nan, array.dtype)[::2, ::2, ::2, ::2]
    room[...] = array
    return room


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_every_width(width: int, padding: int) -> None:
    """Rows that follow one another at their own width, at a little more, and at more still."""
    if width + 2 * padding < 3:
        return  # no output
    check(numbers((1, 3, 5, width)), numbers((5, 3, 3, 3)), padding=padding)


@pytest.mark.parametrize("outputs", [-1, 0, 1])
@pytest.mark.parametrize("vectors", [1, VECTORS, VECTORS + 1, 2 * VECTORS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_number_of_filters(vectors: int, outputs: int, dtype: str) -> None:
    lanes = channels.lanes_of(plan_of(numbers((1, 1, 3, 3), dtype), numbers((1, 1, 1, 1))).problem)
    f, g = numbers((2, 3, 4, TILE), dtype), numbers((vectors * lanes + outputs, 3, 2, 3), dtype)
    if len(g):
        check(f, g, padding=1)


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
@pytest.mark.parametrize("inputs", [1, 2, 33])
def test_rows_and_channels(rows: int, inputs: int) -> None:
    check(numbers((2, inputs, rows, 7)), numbers((9, inputs, 3, 3)), padding=1)


@pytest.mark.parametrize("stride", [1, 2, (1, 3), (3, 1)])
@pytest.mark.parametrize("dilation", [1, 2, (2, 1), (1, 5)])
@pytest.mark.parametrize("taps", [(1, 1), (3, 3), (2, 5)])
def test_strides_and_dilations(stride: Any, dilation: Any, taps: Any) -> None:
    f, g = numbers((1, 4, 11, 2 * TILE + 3)), numbers((6, 2, *taps))
    check(f, g, stride=stride, dilation=dilation, padding=((2, 1), (5, 3)), groups=2)


def test_filters_larger_than_the_image() -> None:
    check(numbers((1, 3, 2, 3)), numbers((4, 3, 7, 9)), mode="full")
    check(numbers((1, 2, 4, 5)), numbers((3, 2, 3, 3)), dilation=4, padding=9)


def test_groups() -> None:
    check(numbers((2, 9, 5, 15)), numbers((15, 3, 3, 3)), groups=3, padding=1)
    check(numbers((1, 4, 5, 15)), numbers((8, 1, 3, 3)), groups=4, padding=1)


def test_any_border_where_no_tap_meets_it() -> None:
    f, g = numbers((1, 3, 6, 17)), numbers((4, 3, 3, 3))
    check(f, g, boundary="wrap", padding=0)
    check(f, g, boundary=("wrap", "constant"), padding=(0, 1))
    for question in ({"boundary": "wrap"}, {"cval": 1}, {"boundary": ("constant", "edge")}):
        with pytest.raises(ValueError, match="as if zeros were there"):
            plan_of(f, g, padding=1, **question)


def test_other_types_are_refused() -> None:
    f, g = numbers((1, 3, 6, 17)), numbers((4, 3, 3, 3))
    for image, options in ((f, {"dtype": "float64"}), (f.astype("i4"), {}), (f, {"dtype": "u1"})):
        with pytest.raises(ValueError, match="the type of its sums"):
            plan_of(image, g, **options)


# --- the same bits -------------------------------------------------------------------------------


def units_alone(plan: Any, f: Any, order: Any) -> Any:
    """Every unit computed by itself; NaN where none stored."""
    problem: Problem = plan.stage.inner
    kernel = channels.kernels(f.dtype, problem.compute, f.dtype).serial
    out = np.full(problem.maps, np.nan, f.dtype)
    scratch = np.zeros(channels.workspace(problem), f.dtype)
    given: Arrays = f, plan.taps.values, channels.fill(problem), out, channels.layout(problem)
    for unit in order(range(channels.units(problem))):
        before = out.copy()
        kernel(*given, scratch, unit, unit + 1)
        changed = np.zeros(out.shape, bool)
        for index in channels.regions(problem, unit, unit + 1):
            assert np.isnan(before[index]).all(), "no two units fill the same"
            changed[index] = True
        assert (np.isfinite(out) == (np.isfinite(before) | changed)).all()
    return out


LAYERS = {
    "parts of images": ((1, 3, 17, 17), (20, 3, 3, 3)),
    "all filters first": ((2, 40, 9, 30), (70, 40, 3, 3)),
    "all images first": ((3, 128, 7, 7), (140, 128, 5, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_cuts_into_units(name: str) -> None:
    f, g = (numbers(shape) for shape in LAYERS[name])
    plan = plan_of(f, g, padding=g.shape[-1] // 2)
    right = plan(f)
    for order in (iter, reversed):
        oracle.assert_same_bits(units_alone(plan, f, order), right, name)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("width", [7, 17, 30])
def test_views(width: int, stride: int) -> None:
    f, g = numbers((2, 5, 9, width)), numbers((19, 5, 3, 3))
    plan = plan_of(f, g, padding=1, stride=stride)
    right = plan(f)
    wide = np.full((2, 5, 9, width + 3), np.nan, np.float32)
    wide[..., :width] = f
    turned = np.ascontiguousarray(f[:, :, ::-1, ::-1])[:, :, ::-1, ::-1]
    images = (f, channels_last(f), sparse(f), wide[..., :width], turned, np.asfortranarray(f))
    empty = np.full_like(right, np.nan)
    results = (empty, channels_last(empty), sparse(empty), np.asfortranarray(empty))
    for image, out in itertools.product(images, results):
        given = out.copy(order="K") if out.flags.owndata else out
        given[...] = np.nan
        oracle.assert_same_bits(plan(image, given), right, f"{image.strides} to {out.strides}")


def test_strides_of_zero() -> None:
    f = np.broadcast_to(numbers((1, 4, 1, 1)), (1, 4, 6, 9))
    check(f, numbers((7, 4, 3, 3)), padding=1)


# --- copies of pixels ----------------------------------------------------------------------------

BY_OUTPUTS, BY_COLUMNS = 0, 1
Copied = Callable[[int | None], None]


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> Iterator[Copied]:
    """Has the pixels of all problems copied so, or read in place, whatever pays."""
    users = [import_module(f"parconv.methods.channels{name}") for name in ("", ".cost", ".shape")]
    known = channels.layout, shape.height_of, shape.sizes_of, shape.order_of
    forget_plans: Any = import_module("parconv.planner.choice").forget

    def forget() -> None:
        forget_plans()
        for each in known:
            each.cache_clear()

    def chosen(how: int | None, problem: Problem) -> Any:
        return None if how is None else copies.copies(problem)[how]

    def use(how: int | None) -> None:
        forget()
        for user in users:
            monkeypatch.setattr(user, "copy_of", partial(chosen, how))

    yield use
    monkeypatch.undo()
    forget()


COPIED = {
    "as they lie": ((2, 5, 9, 17), (19, 5, 3, 3), {"padding": 1}),
    "every other": ((2, 2 * LANES + 3, 7, 2 * LANES + 3), (9, 2 * LANES + 3, 3, 3), {"stride": 2}),
    "every third": ((1, LANES + 1, 9, 20), (5, LANES + 1, 2, 4), {"stride": 3, "padding": 2}),
    "all inside": ((1, LANES, 6, 7), (17, LANES, 1, 1), {}),
    "one column": ((2, 3, 12, 3), (8, 3, 3, 3), {}),
    "dilated": ((1, 6, 13, 14), (8, 3, 3, 3), {"padding": 4, "dilation": (2, 3), "groups": 2}),
    "both": ((1, 4, 15, 11), (6, 4, 4, 3), {"stride": (2, 3), "dilation": (3, 2), "padding": 3}),
    "few rows of many": ((1, 2, 25, 5), (3, 2, 2, 2), {"stride": (9, 7)}),
    "mostly beyond": ((1, 3, 2, 3), (4, 3, 7, 9), {"mode": "full"}),
    "several units": ((2, 12, 70, 30), (20, 12, 3, 3), {"padding": 1}),
    "three vectors": ((2, 7, 9, 31), (3 * LANES - 1, 7, 3, 3), {"padding": 1}),
}


@pytest.mark.parametrize("how", [BY_OUTPUTS, BY_COLUMNS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", COPIED)
def test_copies_have_the_bits_of_pixels_in_place(
    copied: Copied, name: str, dtype: str, how: int
) -> None:
    """From and into any memory, unit by unit; nothing else is written."""
    image, filters, question = COPIED[name]
    f, g = numbers(image, dtype), numbers(filters, dtype)
    copied(None)
    right = check(f, g, **question)
    copied(how)
    plan = plan_of(f, g, **question)
    given = Poisoned(plan.problem.shape, f.dtype)
    oracle.assert_same_bits(plan(f, given.out).copy(), right)
    given.check()
    flipped = np.ascontiguousarray(f[:, :, ::-1, ::-1])[:, :, ::-1, ::-1]
    for source in (channels_last(f), sparse(f), flipped):
        for into in (np.empty_like(right), channels_last(right), sparse(right)):
            into[...] = np.nan
            oracle.assert_same_bits(plan(source, into).copy(), right, str(source.strides))
    oracle.assert_same_bits(units_alone(plan, f, reversed), right)


@pytest.mark.parametrize("how", [BY_OUTPUTS, BY_COLUMNS])
def test_copies_read_nothing_beyond_the_image(copied: Copied, how: int) -> None:
    copied(how)
    for stride in (1, 2, 3):
        f = np.full((3, LANES + 6, 13, 30), np.nan, np.float32)
        for inside in (f[1:2, 1 : LANES + 2, 3:10, 4:21], f[1:2, 1:5, 3:10, 4:9]):
            inside[...] = numbers(inside.shape)
            g = numbers((6, inside.shape[1], 3, 3))
            assert np.isfinite(check(inside, g, padding=1, stride=stride)).all()


def test_three_orders_of_units(copied: Copied) -> None:
    """Of few weights, of small images, and of many weights."""
    copied(None)
    sizes = ((32, 64, 56, 64), (32, 128, 28, 128), (32, 512, 7, 512))
    plans = [
        parconv.plan2d(((b, c, n, n), "float32"), ((o, c, 3, 3), "float32"), method="channels")
        for b, c, n, o in sizes
    ]
    assert len({channels.order_of(plan.stage.inner) for plan in plans}) >= 2
    single = parconv.plan2d(((1, 64, 56, 56), "f4"), ((64, 64, 3, 3), "f4"), method="channels")
    assert channels.units(single.stage.inner) >= 32  # sixteen threads find work in one image


def test_a_window_of_rows_is_copied_as_the_whole_is() -> None:
    """As is a batch of another size."""
    for width, (stride, taps) in itertools.product((7, 20, 57), ((1, 3), (2, 3), (1, 1), (2, 1))):
        for last, inputs in itertools.product((False, True), (24, 300)):
            found = set()
            for images, rows in ((1, 8), (5, 9), (1, 300)):
                sizes = (images, rows, width, inputs) if last else (images, inputs, rows, width)
                axes = (1, 2) if last else (2, 3)
                plan = parconv.plan2d(
                    (sizes, "f4"), ((48, inputs, taps, taps), "f4"), axes=axes, stride=stride,
                    padding=taps // 2, method="channels",
                )  # fmt: skip
                found.add(work.copy_of(plan.stage.inner))
            assert len(found) == 1, (width, stride, taps, last, inputs)


def test_copies_pay_where_a_stride_leaves_rows_short() -> None:
    """And not where rows are long, and channels last."""

    def copy(image: Any, stride: int, axes: Any) -> Any:
        taps = (210, 400, 1, 1)
        plan = parconv.plan2d(
            (image, "f4"), (taps, "f4"), stride=stride, axes=axes, method="channels"
        )
        return work.copy_of(plan.stage.inner)

    assert copy((4, 400, 12, 13), 2, (2, 3)) is not None
    assert copy((1, 56, 60, 400), 1, (1, 2)) is None


def test_copies_are_bounded() -> None:
    """However wide the image, and however many channels."""
    for axes, image in (((2, 3), (1, 512, 40, 9000)), ((1, 2), (1, 40, 9000, 512))):
        question: Any = {"stride": 2, "padding": 1, "axes": axes, "method": "channels"}
        plan = parconv.plan2d((image, "f4"), ((64, 512, 3, 3), "f4"), threads=1, **question)
        assert channels.workspace(plan.stage.inner) * 4 < 2 * copies.COPY_BYTES


# --- what is not there ---------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_bad_pixel_keeps_the_footprint_of_the_filter(bad: float, dilation: int) -> None:
    g = np.abs(numbers((5, 3, 3, 3))) + 1
    for y, x in itertools.product((0, 4, 8), (0, TILE - 1, TILE, 2 * TILE)):
        f = np.ones((1, 3, 9, 2 * TILE + 1), np.float32)
        f[0, 1, y, x] = bad
        result = parconv.correlate2d(f, g, padding=dilation, dilation=dilation, method="channels")
        rows, columns = np.indices(result.shape[2:])
        met = np.isin(rows - y, (-dilation, 0, dilation))
        met &= np.isin(columns - x, (-dilation, 0, dilation))
        np.testing.assert_array_equal(
            ~np.isfinite(result[0]), np.broadcast_to(met, (5, *met.shape))
        )


def test_nothing_beyond_the_image_is_read() -> None:
    """NaN around the image, in the same block of memory, reaches no output."""
    f = np.full((3, 6, 13, 30), np.nan, np.float32)
    inside = f[1:2, 1:5, 3:10, 4:21]
    inside[...] = numbers(inside.shape)
    assert np.isfinite(check(inside, numbers((6, 4, 3, 3)), padding=1)).all()


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    f, g = numbers((2, 64, 19, 19)), numbers((48, 64, 3, 3))
    right = torch.nn.functional.conv2d(torch.from_numpy(f), torch.from_numpy(g), padding=1)
    result = parconv.correlate2d(f, g, padding=1, method="channels")
    np.testing.assert_allclose(result, right.numpy(), rtol=1e-4, atol=1e-3)


def test_many_channels_choose_it() -> None:
    for channels_in, size in ((64, 56), (128, 28), (256, 14), (512, 7)):
        shapes = (32, channels_in, size, size), (channels_in, channels_in, 3, 3)
        plan = parconv.plan2d(*((shape, "float32") for shape in shapes), padding=1)
        assert plan.method in ("channels", "winograd")


# --- few outputs ---------------------------------------------------------------------------------

FEW = [
    (count, inputs, taps, question)
    for count in (1, 2, 3, 6)
    for inputs, taps, question in (
        (LANES, (1, 1), {}),
        (LANES // 2 + 1, (3, 3), {"padding": 1}),
        (LANES + 1, (3, 3), {"padding": 1}),
        (3 * LANES - 1, (2, 3), {"stride": (2, 1), "padding": 2}),
        (2 * LANES, (3, 1), {"dilation": (2, 3), "padding": (3, 1)}),
        (LANES + 3, (5, 5), {"padding": 4, "groups": 2}),
    )
]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Outputs are few, however many pay."""
    monkeypatch.setattr(blocks, "pays", lambda *_: True)
    monkeypatch.setattr(blocks, "MOST", NONE)
    forget()
    yield
    monkeypatch.undo()
    forget()


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(("count", "inputs", "taps", "question"), FEW)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_few_outputs(count: int, inputs: int, taps: Any, question: Any, dtype: str) -> None:
    """Channels in lanes, whole vectors and rests; the same bits from and into any memory."""
    groups = question.get("groups", 1)
    f = numbers((2, 9, TILE + 3, groups * inputs), dtype)
    g = numbers((groups * count, inputs, *taps), dtype)
    plan = plan_of(f, g, axes=(1, 2), **question)
    assert blocks.is_few(plan.problem)
    given = Poisoned(plan.problem.shape, f.dtype)
    result = plan(f, given.out)
    given.check()
    expected = expect(f.transpose(0, 3, 1, 2), g, **question)
    values, moduli = (part.transpose(0, 2, 3, 1) for part in (expected.values, expected.moduli))
    right = replace(expected, values=values, moduli=moduli)
    oracle.assert_right(result, right, f.dtype, f.dtype)
    first = np.ascontiguousarray(f.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    for view in (first, sparse(f), f[:, ::-1].copy()[:, ::-1]):
        oracle.assert_same_bits(plan(view), result)
    into = sparse(np.empty_like(result))
    oracle.assert_same_bits(plan(f, into).copy(), result)
    bands = tuple((n, n + 1) for n in range(channels.units(plan.problem)))
    oracle.assert_same_bits(replace(plan, bands=bands)(f), result)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("how", [BY_OUTPUTS, BY_COLUMNS])
@pytest.mark.parametrize(
    ("count", "inputs", "taps", "question"),
    [few for few in FEW if few[2] != (1, 1) and few[1] >= LANES],
)
def test_few_outputs_of_copied_pixels(
    copied: Copied, count: int, inputs: int, taps: Any, question: Any, how: int
) -> None:
    """As many bits as there are with channels last."""
    groups = question.get("groups", 1)
    f, g = numbers((2, groups * inputs, 9, TILE + 3)), numbers((groups * count, inputs, *taps))
    copied(how)
    result = check(f, g, **question)
    assert blocks.is_few(plan_of(f, g, **question).problem)
    copied(None)
    last = np.ascontiguousarray(f.transpose(0, 2, 3, 1))
    right = plan_of(last, g, axes=(1, 2), **question)(last)
    oracle.assert_same_bits(result, np.ascontiguousarray(right.transpose(0, 3, 1, 2)))


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (2, 2)])
def test_few_outputs_of_images_that_are_fetched_early(stride: int, dilation: int) -> None:
    """The last rows of one that no near cache holds: what follows them is not there."""
    inputs = LANES + 3
    rows = machine.L2_BYTES // (4 * TILE * 4 * inputs) + 1
    f = numbers((1, rows, 4 * TILE, inputs))
    assert f.nbytes > machine.L2_BYTES
    g, given = numbers((2, inputs, 3, 3)), {"stride": stride, "dilation": dilation, "padding": 1}
    plan = plan_of(f, g, axes=(1, 2), **given)
    assert blocks.is_few(plan.problem)
    oracle.assert_same_bits(plan(f), plan(sparse(f)))  # whose channels are not neighbours
    want = expect(f.transpose(0, 3, 1, 2), g, **given)
    right = replace(want, values=last(want.values), moduli=last(want.moduli))
    oracle.assert_right(plan(f), right, f.dtype, f.dtype)


def test_few_outputs_do_not_spread_what_is_not_finite() -> None:
    f, g = numbers((1, 7, 30, LANES + 2)), numbers((2, LANES + 2, 3, 3))
    right = plan_of(f, g, axes=(1, 2), padding=1)(f)
    f[0, 3, 11, LANES + 1] = np.nan
    found = plan_of(f, g, axes=(1, 2), padding=1)(f)
    spoiled = np.isnan(found)
    assert spoiled[0, 2:5, 10:13].all()
    assert spoiled.sum() == 18
    np.testing.assert_array_equal(found[~spoiled], right[~spoiled])


@pytest.mark.parametrize(
    ("f", "g", "few"),
    [
        ((1, 8, 8, LANES), (few_tile.SOME, LANES, 3, 3), LANES > few_tile.SOME),
        ((1, 8, 8, LANES), (few_tile.SOME + 1, LANES, 3, 3), False),
        ((1, 8, 8, LANES - 1), (1, LANES - 1, 3, 3), False),
        ((1, 8, 8, 100), (few_tile.MANY, 100, 3, 3), True),
        ((1, 8, 8, 100), (few_tile.MANY + 1, 100, 3, 3), False),
        ((1, 8, 8, 100), (LANES, 100, 3, 3), LANES <= few_tile.MANY and len(set(PIXELS)) == 1),
    ],
)
def test_lanes_are_filled_by_channels_where_outputs_are_few(
    f: Any, g: Any, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few_tile, "BY_CYCLES", False)
    forget()
    plan = plan_of(numbers(f), numbers(g), axes=(1, 2))
    assert blocks.is_few(plan.problem) == few
    first = plan_of(numbers((1, g[1], 8, 8)), numbers(g)).problem
    assert blocks.is_few(first) == few  # they are copied, channels side by side
    assert not few or work.copy_of(first)
    single = plan_of(numbers((1, g[1], 8, 8)), numbers((*g[:2], 1, 1))).problem
    assert not blocks.is_few(single)
    forget()


@pytest.mark.parametrize(
    ("channels_in", "taps", "near", "most"),
    [
        (16, 1, True, 1), (21, 1, True, 2), (64, 1, True, 4), (300, 1, True, 6), (16, 9, True, 4),
        (64, 9, True, 8), (21, 9, False, 4), (64, 9, False, 10), (21, 25, False, 5),
    ],
)  # fmt: skip
def test_how_many_outputs_are_few_by_cycles(
    channels_in: int, taps: int, near: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As measured with vectors of 16: no more of them, and all fewer ones."""
    monkeypatch.setattr(few_tile, "BY_CYCLES", True)
    found = [few_tile.pays(count, channels_in, taps, 16, near, 1) for count in range(1, 18)]
    assert found == sorted(found, reverse=True)
    assert abs(sum(found) - most) <= 1
    assert not found[-1]
    half = [few_tile.pays(count, channels_in, taps, 16, near, 0.5) for count in range(1, 18)]
    assert half == found if near else sum(half) < sum(found)  # copies have zeros beyond the image


# --- outputs that go as a run --------------------------------------------------------------------

RUNS = pytest.mark.skipif(not pointwise.POSSIBLE, reason="no tiles of this machine make runs")
ALL = 1 << 16
NONE = blocks.Most(0, 0, 0, 0, 0, 0, 0)
# What makes one way serve whatever it can.
WAYS = {
    SEVERAL: NONE._replace(several=ALL, alone=ALL),
    MANY: NONE._replace(many=ALL, large=ALL),
    SINGLE: NONE._replace(single=ALL, each=ALL),
    WIDE: NONE._replace(wide=ALL),
}
Go = Callable[..., None]


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> Iterator[Go]:
    """Has runs go that way, or none, past the caches or through them."""

    def to(way: int, large: bool = False) -> None:
        if way and way not in pointwise.POSSIBLE:
            pytest.skip("tiles of this machine do not go that way")
        monkeypatch.setattr(blocks, "MOST", WAYS.get(way, NONE))
        monkeypatch.setattr(machine, "STREAM_BYTES", 0 if large else 1 << 40)
        monkeypatch.setattr(machine, "L2_BYTES", 0 if way == MANY else 1 << 21)
        forget()

    yield to
    monkeypatch.undo()
    forget()


def last(array: Any) -> Any:
    """The same maps with channels last."""
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def answered_last(plan: Any, f: Any, g: Any) -> Any:
    """The result of an image whose channels come last, which is right, all of it written."""
    given = Poisoned(plan.problem.shape, f.dtype)
    result = plan(f, given.out)
    given.check()
    want = expect(f.transpose(0, 3, 1, 2), g)
    right = replace(want, values=last(want.values), moduli=last(want.moduli))
    oracle.assert_right(result, right, f.dtype, f.dtype)
    return result


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 2), (LANES + 1, 4), (8, LANES + 3)])
def test_runs_go_on_from_image_to_image(inputs: int, outputs: int) -> None:
    """Where images follow one another, the bits are those of images that do not."""
    f, g = numbers((6, 2, 5, inputs)), numbers((outputs, inputs, 1, 1))
    plan = plan_of(f, g, axes=(1, 2))
    result = answered_last(plan, f, g)
    apart, into = np.repeat(f, 2, axis=0)[::2], np.full((12, *result.shape[1:]), np.nan, f.dtype)
    oracle.assert_same_bits(plan(apart, into[::2]).copy(), result)
    assert np.isnan(into[1::2]).all()
    for first in range(1, channels.units(plan.problem)):
        bands = (0, first), (first, channels.units(plan.problem))
        oracle.assert_same_bits(replace(plan, bands=bands)(f), result)


def check_last(f: Any, g: Any, way: int, offset: int = 1) -> Any:
    """Of an image whose channels come last, wherever it lies.

    Into an output whose pixels lie apart, and one whose pixels are a run that begins with that
    element of a cache line; nothing beside them is written.
    """
    plan = plan_of(f, g, axes=(1, 2))
    assert blocks.run_of(plan.problem) == way
    result = answered_last(plan, f, g)
    room = np.full(result.size + 3 * LANES, np.nan, f.dtype)
    first = (-room.ctypes.data // f.itemsize + offset) % LANES
    run = room[first : first + result.size].reshape(result.shape)
    oracle.assert_same_bits(plan(f, run), result)
    assert np.isnan(room[:first]).all()
    assert np.isnan(room[first + result.size :]).all()
    return result


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inputs", [1, 2, 3, 7, LANES // 2, LANES - 1])
@pytest.mark.parametrize("outputs", [1, 2, 3, 5, LANES // 4, LANES // 2])
def test_runs_of_several_pixels(outputs: int, inputs: int, dtype: str, go: Go) -> None:
    """Of one row, of rows shorter than a vector, and of more than `TOGETHER` vectors."""
    go(SEVERAL)
    lanes = 4 * LANES // np.dtype(dtype).itemsize
    if inputs * outputs == 1 or inputs >= lanes or outputs > lanes // 2:
        return  # others serve these
    for size in ((1, inputs, 1, 1), (2, inputs, 3, 5), (1, inputs, 9, 31)):
        check_last(last(numbers(size, dtype)), numbers((outputs, inputs, 1, 1), dtype), SEVERAL)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("offset", [0, 1, 15])
@pytest.mark.parametrize("inputs", [1, 3, 8])
@pytest.mark.parametrize("outputs", [3 * LANES, 3 * LANES + 1, 9 * LANES - 1])
def test_runs_of_many_outputs(outputs: int, inputs: int, offset: int, large: bool, go: Go) -> None:
    """Whatever element of a cache line they begin with, through the caches and past them."""
    go(MANY, large)
    f, g = last(numbers((2, inputs, 5, 7))), numbers((outputs, inputs, 1, 1))
    check_last(f, g, MANY, offset)


TILES = PIXELS  # of a vector a pixel, and of two
SHORT = [(1, 1), (3, 5), (1, TILES[0] - 1), (1, TILES[0]), (1, TILES[1] + 1), (2, 3 * TILES[0] + 1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inputs", [2, 33])
@pytest.mark.parametrize("outputs", [1, 2, LANES // 2 - 1, LANES // 2, LANES])
def test_runs_of_a_vector_a_pixel(outputs: int, inputs: int, dtype: str, go: Go) -> None:
    """Of fewer pixels than a tile, of whole tiles, and of one pixel more."""
    go(SINGLE)
    if outputs > 4 * LANES // np.dtype(dtype).itemsize:
        return
    for size in SHORT:
        f = last(numbers((2, inputs, *size), dtype))
        check_last(f, numbers((outputs, inputs, 1, 1), dtype), SINGLE)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("dtype", ["float32", *soak("float64")])
@pytest.mark.parametrize("inputs", [1, 33])
@pytest.mark.parametrize("outputs", [n * LANES + more for n in (1, 2, 5) for more in (1, LANES)])
def test_runs_of_vectors_of_a_pixel(
    outputs: int, inputs: int, dtype: str, large: bool, go: Go
) -> None:
    """Whole pairs of vectors, a single one behind and none, through the caches and past them."""
    go(WIDE, large)
    for offset, size in enumerate(SHORT):
        f = last(numbers((2, inputs, *size), dtype))
        check_last(f, numbers((outputs, inputs, 1, 1), dtype), WIDE, offset)


def forget() -> None:
    """What is remembered of how large caches are, and of what pays."""
    import_module("parconv.planner.choice").forget()
    for module in (blocks, work, shape, channels):
        for name in ("run_of", "is_few", "blocks_of", "copy_of", "height_of", "sizes_of",
                     "order_of", "layout"):  # fmt: skip
            if hasattr(module, name):
                getattr(module, name).cache_clear()


LYING = [(SEVERAL, 3), (SEVERAL, LANES // 2), (SINGLE, LANES), (WIDE, 3 * LANES + 1)]


@pytest.mark.parametrize(("way", "outputs"), LYING)
def test_runs_of_pixels_that_lie_apart(way: int, outputs: int, go: Go) -> None:
    """Rows are copied, in and out, whatever lies between their pixels."""
    go(way)
    f, g = last(numbers((2, 3, 5, 7))), numbers((outputs, 3, 1, 1))
    expected = check_last(f, g, way)
    for image in (sparse(f), f[:, :, ::-1].copy()[:, :, ::-1], np.asfortranarray(f)):
        oracle.assert_same_bits(check_last(image, g, way), expected)


@pytest.mark.parametrize(("way", "outputs"), [*LYING, (MANY, 3 * LANES)])
@pytest.mark.parametrize("stride", [(2, 1), (1, 3), (2, 2)])
def test_runs_of_some_pixels(stride: tuple[int, int], way: int, outputs: int, go: Go) -> None:
    """Those that a stride keeps are copied, and have the bits of an image of nothing else."""
    go(way)
    f, g = last(numbers((2, 3, 6, 11))), numbers((outputs, 3, 1, 1))
    kept = np.ascontiguousarray(f[:, :: stride[0], :: stride[1]])
    plan = plan_of(f, g, axes=(1, 2), stride=stride)
    assert blocks.run_of(plan.problem) == way
    given = Poisoned(plan.problem.shape, f.dtype)
    oracle.assert_same_bits(plan(f, given.out), check_last(kept, g, way))
    given.check()


@pytest.mark.parametrize("way", [SEVERAL, SINGLE])
def test_runs_read_nothing_beyond_the_image_and_keep_a_bad_pixel_to_itself(
    way: int, go: Go
) -> None:
    go(way)
    room = np.full((3, 5, 9, 4), np.nan, np.float32)
    f = room[1:2, 1:4, 1:8, :3]
    f[...] = last(numbers((1, 3, 3, 7)))
    g = numbers((LANES // 2, 3, 1, 1))
    check_last(f, g, way)
    f[0, 1, 3, 1] = np.inf
    bad = ~np.isfinite(plan_of(f, g, axes=(1, 2))(f))
    assert bad[0, 1, 3].all()
    assert bad.sum() == LANES // 2


BITS = [(SEVERAL, 3, False), (MANY, 100, True), (SINGLE, 3, False)]
BITS += [(WIDE, 100, large) for large in (False, True)]


@pytest.mark.parametrize(("way", "outputs", "large"), BITS)
def test_runs_have_the_bits_of_tiles_and_of_any_bands(
    way: int, outputs: int, large: bool, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(way, large)
    f, g = last(numbers((2, 5, 33, 20))), numbers((outputs, 5, 1, 1))
    expected = check_last(f, g, way)
    plan = parconv.plan2d(
        f, g, correlate=True, method="channels", threads=2, strategy="threads", axes=(1, 2)
    )
    oracle.assert_same_bits(plan(f), expected)
    go(0)
    monkeypatch.setattr(blocks, "pays", lambda *_: False)  # which add in another order
    forget()
    plan = parconv.plan2d(
        f, g, correlate=True, method="channels", threads=1, axes=(1, 2), tolerance=1.0
    )
    assert not blocks.is_pointwise(plan.problem)
    oracle.assert_same_bits(plan(f), expected)
