"""A rule for each side of an image, and windows whose surroundings are read where they lie."""

import itertools
import pickle

import numpy as np
import oracle
import pytest
from conftest import EXAMPLES, METHODS, ORDINARY, soak

import parconv
from parconv.problem.sides import Axis
from parconv.runtime import surroundings

PAIRS = list(itertools.product(oracle.BORDERS, repeat=2))
SHAPES = {
    "inside": ((20, 30), (5, 4)),
    "filter larger than the image": ((3, 4), (7, 9)),
    "filter far larger": ((2, 3), (17, 20)),
    "one pixel": ((1, 1), (3, 3)),
    "few rows": ((5, 60), (6, 3)),
    "few columns": ((40, 2), (3, 9)),
}
QUESTIONS = (
    {"mode": "same"}, {"mode": "full"}, {"mode": "same", "stride": 2},
    {"mode": "same", "dilation": 2}, {"padding": ((12, 8), (19, 1))},
)  # fmt: skip
# Methods whose results depend on no more than the pixels under the filter.
OF_THEIR_PIXELS = set(METHODS) - {"fft", "cosines", "passes"}


def extended(f, rules, margins, cval):
    """The image with so many pixels around as the rules of its sides have them."""

    def places(size, margin, rule):
        before = [oracle.source(at, size, rule[0]) for at in range(-margin, 0)]
        behind = [oracle.source(at, size, rule[1]) for at in range(size, size + margin)]
        return [*before, *range(size), *behind]

    framed = np.full([n + 1 for n in f.shape], cval, f.dtype)
    framed[:-1, :-1] = f
    picks = [places(*each) for each in zip(f.shape, margins, rules, strict=True)]
    return framed[np.ix_(*picks)]


@pytest.mark.parametrize(
    "columns", [("edge", "wrap"), ("mirror", "constant"), *soak((("edge", "edge"),))]
)
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_each_side_has_its_rule(shapes, columns, poisoned):
    shape, taps = shapes
    rng = np.random.default_rng([*shape, *taps])
    f, g = rng.standard_normal(shape), rng.standard_normal(taps)
    margins = [2 * n + 20 for n in taps]
    for rows, words, correlate in itertools.product(PAIRS, QUESTIONS, (False, True)):
        rules = rows, columns
        plan = parconv.plan2d(f, g, boundary=rules, cval=2.5, correlate=correlate, **words)
        given = poisoned(plan.problem.shape, plan.problem.dtype)
        plan(f, given.out)
        given.check()
        around = extended(f, rules, margins, 2.5)
        alone = parconv.plan2d(f, g, correlate=correlate, **words).problem.whole
        picked = tuple(
            slice(margin - lead, margin - lead + (n - 1) * step + span)
            for margin, lead, n, step, span in zip(
                margins, alone.lead, alone.plane, alone.stride, alone.span, strict=True
            )
        )
        holes = {name: words[name] for name in ("stride", "dilation") if name in words}
        right = oracle.expect(around[picked], g, correlate=correlate, **holes)
        oracle.assert_right(given.out, right, f.dtype, np.float64, f"{rules} {words}")


def test_few_outputs_meet_another_rule():
    f, g = np.random.default_rng(0).random((60, 70)), np.ones((5, 5)) / 25
    plan = parconv.plan2d(f, g, mode="same", boundary=(("edge", "mirror"), "wrap"))
    large, small = (part.rows.outputs for part in plan.parts)
    assert (large, small) == ((0, 58), (58, 60))
    found = plan(f)
    for rows, rule in ((slice(0, 30), "edge"), (slice(30, 60), "mirror")):
        right = parconv.conv2d(f, g, mode="same", boundary=(rule, "wrap"))
        oracle.assert_same_bits(found[rows], right[rows])
    equal = parconv.plan2d(f, g, mode="same", boundary=(("edge", "edge"), ("wrap", "wrap")))
    assert len(equal.parts) == 1
    oracle.assert_same_bits(equal(f), parconv.conv2d(f, g, mode="same", boundary=("edge", "wrap")))


# --- pixels around -------------------------------------------------------------------------------

WINDOWS = {
    "everything": (0, 150, 0, 260),
    "inside": (40, 90, 50, 200),
    "at a corner": (0, 30, 100, 260),
    "the last pixel": (149, 150, 259, 260),
    "a pixel beside the first": (1, 2, 1, 2),
}


@pytest.mark.parametrize("taps", [(3, 3), (6, 4), (33, 35)])
@pytest.mark.parametrize("method", METHODS)
def test_a_window_gives_that_part_of_the_whole(method, taps, poisoned):
    rng = np.random.default_rng(1)
    dtype, make = EXAMPLES.get(method, ORDINARY)
    whole, g = (100 * rng.random((150, 260))).astype(dtype), make(rng, taps)
    for border in oracle.BORDERS:
        words = {"mode": "same", "boundary": border, "cval": 3, "method": method}
        try:
            right = parconv.conv2d(whole, g, **words)
        except ValueError:
            pytest.skip("the method cannot")
        for top, bottom, left, last in WINDOWS.values():
            f, part = whole[top:bottom, left:last], right[top:bottom, left:last]
            around = (top, 150 - bottom), (left, 260 - last)
            given = poisoned(f.shape, right.dtype)
            parconv.conv2d(f, g, real=around, out=given.out, **words)
            given.check()
            if method in OF_THEIR_PIXELS:
                oracle.assert_same_bits(given.out.copy(), part.copy(), f"{border} {around}")
            else:
                error = 1e-6 * 100 * np.abs(g).sum()
                np.testing.assert_allclose(given.out, part, rtol=0, atol=error)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float16", "int64", "complex64", ">f4"])
def test_windows_of_all_types(dtype):
    rng = np.random.default_rng(2)
    whole = (200 * rng.random((60, 70))).astype(dtype)
    g = rng.integers(-9, 9, (5, 4)) if dtype == "int64" else rng.standard_normal((5, 4))
    words = {"mode": "same", "method": "direct", "boundary": (("edge", "mirror"), "wrap")}
    right = parconv.conv2d(whole, g, **words)[:25, 20:50]
    found = parconv.conv2d(whole[:25, 20:50], g, real=((0, 35), (20, 20)), **words)
    oracle.assert_same_bits(found, right.copy())


def test_windows_of_colours_layers_and_banks():
    rng = np.random.default_rng(3)
    colour, g = rng.random((60, 70, 3)), rng.random((5, 4))
    words = {"mode": "same", "boundary": "mirror", "axes": (0, 1)}
    found = parconv.conv2d(colour[10:40, 20:50], g, real=10, **words)
    oracle.assert_same_bits(found, parconv.conv2d(colour, g, **words)[10:40, 20:50].copy())
    maps, filters = rng.random((2, 3, 40, 50)), rng.random((4, 3, 3, 3))
    part = np.s_[..., 5:20, 7:]
    for taps, words in ((filters, {}), (filters[:, 0], {}), (filters, {"boundary": "edge"})):
        words = {"mode": "same", "method": "direct", **words}
        found = parconv.correlate2d(maps[part], taps, real=((5, 20), (7, 0)), **words)
        oracle.assert_same_bits(found, parconv.correlate2d(maps, taps, **words)[part].copy())


def test_windows_of_any_layout():
    rng = np.random.default_rng(4)
    whole, g = rng.random((60, 70)), rng.random((5, 4))
    words = {"mode": "same", "boundary": "mirror", "method": "direct"}
    views = {  # of the whole, and of a window of it
        "turned": (whole.T, np.s_[20:50, 10:40]),
        "upside down": (whole[::-1], np.s_[20:50, 20:50]),
        "from right to left": (whole[:, ::-1], np.s_[10:40, 20:50]),
        "every other": (whole[::2, 2::3], np.s_[5:20, 6:16]),
        "imaginary parts": ((1j * whole).imag, np.s_[10:40, 20:50]),
        "of a buffer": (np.frombuffer(whole.tobytes()).reshape(60, 70), np.s_[10:40, 20:50]),
    }
    for name, (seen, part) in views.items():
        right = parconv.conv2d(seen, g, **words)[part]
        around = [(s.start, n - s.stop) for s, n in zip(part, seen.shape, strict=True)]
        found = parconv.conv2d(seen[part], g, real=around, **words)
        oracle.assert_same_bits(found, right.copy(), name)
        more = around[0][0] + 1
        with pytest.raises(ValueError, match="view of has"):
            parconv.conv2d(seen[part], g, real=((more, 0), (0, 0)), **words)


def test_windows_along_no_axis_of_their_owner():
    whole, g = np.random.default_rng(4).random((60, 70)), np.ones((3, 3))
    row, column = whole.strides
    band, f = (
        np.lib.stride_tricks.as_strided(whole[top:, top:], (size, 9), (row + column, column))
        for top, size in ((0, 50), (10, 30))
    )
    words = {"mode": "same", "boundary": "edge", "method": "direct"}
    right = parconv.conv2d(band, g, **words)[10:40].copy()
    found = parconv.conv2d(f, g, real=((10, 10), (0, 0)), **words)
    oracle.assert_same_bits(found, right)
    with pytest.raises(ValueError, match="ends before that"):
        parconv.conv2d(f, g, real=((11, 10), (0, 0)), **words)


def test_windows_of_an_owner_whose_axes_are_not_nested():
    """Where they begin cannot be told."""
    owner = np.lib.stride_tricks.as_strided(np.arange(20.0), (6, 7), (8, 8))
    assert surroundings._place(owner[1:4, 1:5], owner) is None
    nested = np.zeros((6, 7))
    assert surroundings._place(nested[1:4, 2:5], nested) == [1, 2]


def test_a_result_may_lie_in_what_is_around():
    whole, g = np.random.default_rng(5).random((60, 70)), np.ones((5, 5))
    words = {"mode": "same", "boundary": "mirror", "method": "direct"}
    right = parconv.conv2d(whole, g, **words)[10:40, 20:50].copy()
    for place in (np.s_[10:40, 20:50], np.s_[12:42, 20:50], np.s_[0:30, 22:52]):
        memory = whole.copy()
        parconv.conv2d(
            memory[10:40, 20:50], g, real=((10, 20), (20, 20)), out=memory[place], **words
        )
        oracle.assert_same_bits(memory[place].copy(), right)


def test_threads_do_not_change_bits():
    whole, g = np.random.default_rng(6).random((500, 600), np.float32), np.ones((5, 5), "f4")
    one, two = (
        parconv.conv2d(
            whole[5:-5], g, real=((5, 5), (0, 0)), boundary=(("edge", "wrap"), ("mirror", "wrap")),
            mode="same", threads=n, strategy=s,
        )
        for n, s in ((1, "serial"), (2, "threads"))
    )  # fmt: skip
    oracle.assert_same_bits(two, one)


def test_plans_print_explain_and_travel():
    whole, g = np.random.default_rng(7).random((60, 70)), np.ones((5, 5))
    f = whole[10:40, 20:50]
    words = {"mode": "same", "real": ((10, 0), (0, 0)), "boundary": (("edge", "mirror"), "wrap")}
    plan = parconv.plan2d(f, g, threads=1, **words)
    assert "edge to mirror/wrap, around it ((10, 0), (0, 0))" in str(plan)
    assert "part 1     rows (0, 30), columns (0, 30)" in plan.explain()
    oracle.assert_same_bits(pickle.loads(pickle.dumps(plan))(f), plan(f))
    out = np.full(f.shape, np.nan)
    assert plan.bind(f, out)() is out
    oracle.assert_same_bits(out, plan(f))
    shaped = parconv.plan2d((f.shape, f.dtype), (g.shape, g.dtype), threads=1, **words)
    assert str(shaped).startswith("conv2d 30x30 float64 * 5x5")
    with pytest.raises(ValueError, match="pass the filter to plan2d"):
        shaped(f)


def test_outputs_are_parted_by_what_they_meet():
    runs = Axis(5, 3, 7, 2, 4, ("edge", "wrap")).runs()
    assert [(run.outputs, run.rule) for run in runs] == [
        ((0, 1), "edge"), ((1, 2), "constant"), ((2, 4), "wrap")
    ]  # fmt: skip
    runs = Axis(20, 2, 5, 1, 20, ("edge", "mirror")).runs()
    assert [run.pixels for run in runs] == [range(20), range(16, 20)]


def test_an_empty_result_takes_no_memory():
    asked = {"mode": "same", "boundary": (("edge", "wrap"), "edge")}
    plan = parconv.plan2d(((0, 9, 9), "f4"), ((3, 3), "f4"), **asked)
    assert (plan.method, plan.threads, plan.workspace) == ("nothing to do", 1, 0)


def test_named_filters_take_rules_of_sides():
    f = np.random.default_rng(8).random((40, 50))
    found = parconv.gaussian(f, 1, boundary=(("edge", "mirror"), "wrap"))
    for rows, rule in ((slice(0, 20), "edge"), (slice(20, 40), "mirror")):
        right = parconv.gaussian(f, 1, boundary=(rule, "wrap"))
        np.testing.assert_allclose(found[rows], right[rows], rtol=1e-14)


LINE, PLANE = np.ones(3), np.ones((3, 3))


@pytest.mark.parametrize(
    ("g", "options", "error", "told"),
    [
        (PLANE, {"real": -1}, ValueError, "integers of at least 0"),
        (PLANE, {"real": (1, 2, 3)}, ValueError, "integers of at least 0"),
        (PLANE, {"real": 1.0}, TypeError, "pass an integer or a pair of integers, 1"),
        (PLANE, {"real": 1}, ValueError, "no view of a larger NumPy array"),
        (PLANE, {"boundary": (("edge", "reflect"), "wrap")}, ValueError, "means two things"),
        (PLANE, {"boundary": (("edge", "nearest"), "wrap")}, ValueError, "pass 'edge'"),
        (PLANE, {"boundary": (("edge", "wrap"),)}, ValueError, "pairs of names"),
        (PLANE, {"boundary": (("edge",) * 3, "wrap")}, ValueError, "one name or one per axis"),
        (PLANE, {"real": 0, "nan_policy": "omit"}, ValueError, "fill in what is missing"),
        (PLANE, {"real": 0, "where": np.ones((9, 9), bool)}, ValueError, "fill in what is missing"),
        (PLANE[None], {"real": 0, "groups": "planes"}, ValueError, "without real"),
        (LINE, {"real": 0, "axes": 1}, ValueError, "for filters over two axes"),
        (LINE, {"boundary": (("edge", "wrap"),), "axes": 1}, ValueError, "over two axes"),
    ],
)
def test_refused(g, options, error, told):
    with pytest.raises(error, match=told):
        parconv.conv2d(np.ones((9, 9)), g, **{"mode": "same", **options})


def test_streams_have_none():
    target = np.full((9, 9), np.nan)
    with pytest.raises(ValueError, match=r"real=1: pass two axes.*neither real"):
        parconv.stream(np.ones((9, 9)), PLANE, target, real=1, mode="same")
    assert np.isnan(target).all()
