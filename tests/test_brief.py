"""bfloat16 of `ml_dtypes`: float32 inside, rounded once."""

import pickle

import numpy as np
import oracle
import pytest

import parconv

ml_dtypes = pytest.importorskip("ml_dtypes")
BRIEF = np.dtype(ml_dtypes.bfloat16)
RNG = np.random.default_rng(0)
F, G = RNG.standard_normal((20, 37)).astype(BRIEF), RNG.standard_normal((3, 4))
LONG = F.astype(np.float32)


def same(found, right):
    """Equal bits of bfloat16, which a comparison by value would not tell from NaN."""
    assert found.dtype == BRIEF
    oracle.assert_same_bits(found.view(np.uint16), right.astype(BRIEF).view(np.uint16))


@pytest.mark.parametrize(
    "options",
    [{}, {"mode": "same", "boundary": "mirror"}, {"stride": 2, "bias": 0.5}, {"axes": (1, 0)}],
)
def test_images_are_rounded_once(options):
    f, g = F, G.T if options.get("axes") else G
    same(parconv.conv2d(f, g, **options), parconv.conv2d(LONG, g, **options))
    out = np.full(parconv.conv2d(LONG, g, **options).shape[::-1], np.nan, BRIEF).T
    assert parconv.correlate2d(f, g, out=out, **options) is out
    same(out.copy(), parconv.correlate2d(LONG, g, **options))


@pytest.mark.parametrize(
    ("f", "g", "options"),
    [
        (np.ones((2, 3, 9, 8)), np.ones((4, 3, 3, 3)), {"padding": 1}),
        (np.ones((3, 9, 8)), np.ones((3, 3, 3)), {"groups": "planes"}),
        (np.ones((3, 9, 8)), np.ones((3, 3, 3)), {"axes": (0, 1, 2)}),
        (np.ones((9, 8)), np.ones(3), {"axes": 0}),
        (np.zeros((0, 9, 8)), np.ones((3, 3)), {}),
    ],
)
def test_filters_of_all_kinds(f, g, options):
    found = parconv.conv2d(f.astype(BRIEF), g.astype(BRIEF), **options)
    same(found, parconv.conv2d(f.astype(np.float32), g.astype(np.float32), **options))


def test_results_by_name():
    right = parconv.conv2d(LONG, G)
    for kind in (BRIEF, ml_dtypes.bfloat16, "bfloat16"):
        same(parconv.conv2d(LONG, G, dtype=kind), right)
    out = np.full(right.shape, np.nan, BRIEF)
    assert parconv.conv2d(LONG, G, out=out) is out
    same(out, right)
    oracle.assert_same_bits(parconv.conv2d(F, G, dtype=np.float32), right)
    oracle.assert_same_bits(parconv.conv2d(F, G, out=np.full_like(right, np.nan)), right)
    brief = G.astype(BRIEF)
    oracle.assert_same_bits(
        parconv.conv2d(LONG, brief), parconv.conv2d(LONG, brief.astype(np.float32))
    )
    assert parconv.conv2d(F, 1j * G).dtype == np.complex64


def test_named_filters():
    same(parconv.gaussian(F, 1), parconv.gaussian(LONG, 1))
    same(parconv.sobel(F, 0), parconv.sobel(LONG, 0))
    holed = F.copy()
    holed[3, 4] = np.nan
    same(
        parconv.box(holed, 3, nan_policy="omit"),
        parconv.box(holed.astype(np.float32), 3, nan_policy="omit"),
    )


def test_plans_print_explain_and_travel():
    plan = parconv.plan2d(F, G, threads=1)
    assert str(plan).startswith("bfloat16 to bfloat16 as conv2d 20x37 float32 * 3x4 -> float32")
    assert "by way of float32" in plan.explain()
    right = parconv.conv2d(LONG, G)
    same(pickle.loads(pickle.dumps(plan))(F), right)
    out = np.full(right.shape, np.nan, BRIEF)
    same(plan.bind(F, out)(), right)
    for kind in (BRIEF, "bfloat16"):
        assert str(parconv.plan2d((F.shape, kind), (G.shape, "f8"), threads=1)) == str(plan)


@pytest.mark.parametrize(
    ("f", "options", "error", "told"),
    [
        (F, {"where": LONG > 0}, ValueError, r"pass larger.astype\('float32'\)"),
        (F, {"real": 0}, ValueError, r"pass larger.astype\('float32'\)"),
        (F, {"dtype": "int8", "g": 1j * G}, TypeError, "imaginary"),
        (F.astype(ml_dtypes.float8_e4m3fn), {}, TypeError, "float8_e4m3fn: convert it to bool"),
        (F.astype(ml_dtypes.int4), {}, TypeError, "int4: convert it to bool"),
    ],
)
def test_refused(f, options, error, told):
    with pytest.raises(error, match=told):
        parconv.conv2d(f, **{"g": G, **options})
