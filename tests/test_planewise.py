"""A filter for each plane: the answer of every plane by its own, whatever axes broadcast."""

import itertools
import pickle

import numpy as np
import oracle
import pytest

import parconv

# (image, axes of the filters before rows and columns, axes of the plane)
SHAPES = {
    "each its own, channels first": ((3, 20, 37), (3,), (-2, -1)),
    "each its own, channels last": ((20, 37, 3), (3,), (0, 1)),
    "all images share those of the channels": ((2, 3, 20, 37), (3,), (-2, -1)),
    "channels last in a batch": ((2, 20, 37, 3), (3,), (1, 2)),
    "all channels share that of the image": ((2, 3, 20, 37), (2, 1), (-2, -1)),
    "each of two axes": ((2, 3, 20, 37), (2, 3), (-2, -1)),
    "several for one image": ((20, 37), (4,), (-2, -1)),
    "several for each image": ((2, 20, 37), (4, 1), (-2, -1)),
    "several for each, and its own": ((3, 20, 37), (5, 3), (-2, -1)),
    "one for all": ((2, 3, 20, 37), (1, 1), (-2, -1)),
    "a filter of two axes": ((2, 3, 20, 37), (), (-2, -1)),
    "planes between others": ((20, 2, 37, 3), (2, 3), (0, 2)),
    "all kinds of axes": ((2, 1, 4, 20, 37, 2), (5, 1, 2), (3, 4)),
}
QUESTIONS = (
    {"mode": "same", "boundary": "mirror"},
    {"mode": "full", "stride": 2},
    {"padding": ((1, 2), (0, 3)), "dilation": 2, "boundary": "edge"},
)


def each_alone(f, g, axes, **options):
    """(index into the result, its plane's image, its filter), the result's planes last."""
    planes = np.moveaxis(f, axes, (-2, -1))
    lead = np.broadcast_shapes(planes.shape[:-2], g.shape[:-2])
    planes = np.broadcast_to(planes, lead + planes.shape[-2:])
    taps = np.broadcast_to(g, lead + g.shape[-2:])
    return [(index, planes[index], taps[index]) for index in np.ndindex(lead)]


def operands(image, lead, dtype):
    rng = np.random.default_rng([*image, *lead])
    f, g = 100 * rng.standard_normal(image), rng.standard_normal((*lead, 3, 4))
    if np.dtype(dtype).kind == "c":
        f, g = f + 1j * rng.standard_normal(image), g + 1j * rng.standard_normal(g.shape)
    if np.dtype(dtype).kind in "iu":
        return np.abs(f).astype(dtype), (9 * g).astype("i2")
    return f.astype(dtype), g.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "complex64"])
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_each_plane_meets_its_filter(shapes, dtype, poisoned):
    image, lead, axes = shapes
    f, g = operands(image, lead, dtype)
    more = max(0, len(lead) - (len(image) - 2))
    found_axes = [axis % len(image) + more for axis in axes]
    for correlate, options in itertools.product((False, True), QUESTIONS):
        plan = parconv.plan2d(f, g, correlate=correlate, axes=axes, groups="planes", **options)
        given = poisoned(plan.problem.shape, plan.problem.dtype)
        assert plan(f, given.out) is given.out
        given.check()
        found = np.moveaxis(given.out, found_axes, (-2, -1))
        for index, plane, taps in each_alone(f, g, axes):
            right = oracle.expect(plane, taps, correlate=correlate, **options)
            compute = oracle.compute_type(plane, taps)
            oracle.assert_right(found[index], right, plan.problem.dtype, compute, str(index))
        run = parconv.correlate2d if correlate else parconv.conv2d
        fortran = np.full(plan.problem.shape[::-1], 7, plan.problem.dtype).T
        run(f, g, axes=axes, groups="planes", out=fortran, **options)
        oracle.assert_same_bits(fortran.copy("C"), given.out.copy())


@pytest.mark.parametrize("axis", [0, 1])
def test_lines_have_filters_of_their_own(axis):
    rng = np.random.default_rng(0)
    f, g = rng.standard_normal((4, 60)), rng.standard_normal((4, 5))
    right = np.moveaxis([np.convolve(*pair) for pair in zip(f, g, strict=True)], 1, axis)
    lines = np.ascontiguousarray(np.moveaxis(f, 1, axis))
    found = parconv.conv2d(lines, g, axes=axis, groups="planes", mode="full")
    np.testing.assert_allclose(found, right, rtol=1e-13, atol=1e-13)
    padded = parconv.conv2d(lines, g, axes=axis, groups="planes", padding=4)
    oracle.assert_same_bits(padded, found)


def test_threads_do_not_change_bits():
    f, g = operands((3, 400, 500), (3,), "float32")
    one, two = (
        parconv.conv2d(f, g, groups="planes", threads=n, strategy=s)
        for n, s in ((1, "serial"), (2, "threads"))
    )
    oracle.assert_same_bits(two, one)


def test_a_number_for_each_filter():
    f, g = operands((3, 20, 37), (3,), "float64")
    bias = np.array([1.0, -2.0, 0.5])
    plain = parconv.conv2d(f, g, groups="planes")
    found = parconv.conv2d(f, g, groups="planes", bias=bias, scale=2)
    np.testing.assert_allclose(found, 2 * plain + bias[:, None, None], rtol=1e-12)
    with pytest.raises(ValueError, match=r"bias has shape \(2,\).*broadcasts to \(3,\)"):
        parconv.conv2d(f, g, groups="planes", bias=bias[:2])


def test_plans_print_explain_and_travel():
    f, g = operands((3, 20, 37), (3,), "float32")
    plan = parconv.plan2d(f, g, groups="planes", threads=1)
    assert "a filter for each plane" in str(plan)
    assert "3 with filters of their own" in plan.explain()
    oracle.assert_same_bits(pickle.loads(pickle.dumps(plan))(f), plan(f))
    out = np.full(plan.problem.shape, np.nan, np.float32)
    assert plan.bind(f, out)() is out
    oracle.assert_same_bits(out, plan(f))
    shaped = parconv.plan2d((f.shape, f.dtype), (g.shape, g.dtype), groups="planes", threads=1)
    assert str(shaped) == str(plan)
    with pytest.raises(ValueError, match="pass the filter to plan2d"):
        shaped(f)


def test_no_planes_are_an_empty_result():
    assert parconv.conv2d(np.zeros((0, 5, 6)), np.ones((1, 3, 3)), groups="planes").shape == (
        0, 3, 4,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("g", "options", "told"),
    [
        (np.ones((2, 3, 3)), {}, r"\(2,\), must broadcast with .* \(3,\)"),
        (np.ones((3, 0, 3)), {}, "with a tap each"),
        (np.ones(3), {}, "with a tap each"),
        (np.ones((3, 3, 3)), {"where": np.ones((20, 37), bool)}, "neither where=, weights= nor"),
        (np.ones((3, 3, 3)), {"nan_policy": "omit"}, "call once for each filter"),
    ],
)
def test_refused(g, options, told):
    with pytest.raises(ValueError, match=told):
        parconv.conv2d(np.ones((3, 20, 37)), g, groups="planes", **options)


def test_another_word_is_told_the_right_one():
    with pytest.raises(TypeError, match=r"groups='plane': pass an integer .*, or 'planes'"):
        parconv.conv2d(np.zeros((2, 5, 5)), np.ones((2, 3, 3)), groups="plane")


def test_a_bound_call_takes_what_numpy_makes_an_array_of() -> None:
    f, g = np.arange(60.0).reshape(3, 4, 5), np.arange(12.0).reshape(3, 2, 2)
    plan = parconv.plan2d(f, g, groups="planes")
    right, out = plan(f), np.full((3, 3, 4), np.nan)
    assert plan.bind(f.tolist(), out)() is out
    assert out.tobytes() == right.tobytes()


@pytest.mark.parametrize("axis", [-1, 1])
def test_lines_of_several_filters_for_each_plane(axis: int) -> None:
    rng = np.random.default_rng(8)
    f, g = rng.random((3, 4, 40)), rng.random((2, 3, 4, 5))
    found = parconv.conv2d(np.moveaxis(f, -1, axis), g, axes=axis, groups="planes")
    right = [[[*map(np.convolve, f[n], own[n], ["valid"] * 4)] for n in range(3)] for own in g]
    assert found.shape == ((2, 3, 4, 36) if axis == -1 else (2, 3, 36, 4))
    np.testing.assert_allclose(np.moveaxis(found, axis if axis < 0 else 2, -1), right, rtol=1e-12)
