"""Distrusts filters over one axis, and over three and more: signals, volumes and what is above."""

import itertools
import pickle
import tracemalloc
from typing import Any

import numpy as np
import oracle
import pytest
from scipy import ndimage, signal

import parconv
from parconv.filters import box_factors, gaussian_factors, gaussian_taps
from parconv.planner import dense, slabs, slices
from parconv.planner.volume import VolumePlan

Array = np.ndarray[Any, np.dtype[Any]]
RNG = np.random.default_rng(16)
F = RNG.random((9, 12, 14)).astype(np.float32)
WIDE = F.astype(float)
ALL = (0, 1, 2)
THEIRS = {
    "symmetric": "reflect", "mirror": "mirror", "edge": "nearest", "wrap": "wrap",
    "constant": "constant",
}  # fmt: skip


def several(value: Any, count: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,) * count


def expect(f: Array, g: Array, axes: tuple[int, ...], **asked: Any) -> tuple[Array, Array]:
    """The answer by definition, tap by tap, and the sum of its terms' moduli."""
    whole = f.dtype.kind in "biu" and g.dtype.kind in "biu"
    image = np.moveaxis(f, axes, range(-g.ndim, 0)).astype(object if whole else np.clongdouble)
    correlate, count = asked["correlate"], g.ndim
    taps = (np.conj(g) if correlate else np.flip(g)).astype(image.dtype)
    holes, steps = several(asked["dilation"], count), several(asked["stride"], count)
    spans = [(k - 1) * h + 1 for k, h in zip(g.shape, holes, strict=True)]
    sizes = image.shape[-count:]
    covered = any(n < k for n, k in zip(sizes, spans, strict=True))
    inner = asked["mode"] == "valid" and asked["padding"] is None
    picks = []
    for at, (size, span) in enumerate(zip(sizes, spans, strict=True)):
        pad = None if asked["padding"] is None else asked["padding"][at]
        lead, outputs = oracle.outputs(
            size, span, asked["mode"], not correlate, several(asked["origin"], count)[at], pad,
            covered,
        )  # fmt: skip
        border = "constant" if inner else several(asked["boundary"], count)[at]
        rows = [
            [oracle.source(o - lead + t * holes[at], size, border) for t in range(g.shape[at])]
            for o in range(0, outputs, steps[at])
        ]
        picks.append(np.array(rows, int).reshape(-1, g.shape[at]))
    framed = np.full((*image.shape[:-count], *(n + 1 for n in sizes)), asked["cval"], image.dtype)
    if inner:
        framed[...] = 0
    framed[(..., *(slice(n) for n in sizes))] = image
    shape = (*image.shape[:-count], *map(len, picks))
    values, moduli = np.zeros(shape, image.dtype), np.zeros(shape)
    for tap in itertools.product(*map(range, g.shape)):
        pixels = framed
        for axis, (rows, t) in enumerate(zip(picks, tap, strict=True), -count):
            pixels = np.take(pixels, rows[:, t], axis)
        values = values + taps[tap] * pixels
        moduli += np.abs(taps[tap] * pixels).astype(float)
    return np.moveaxis(values, range(-count, 0), axes), np.moveaxis(moduli, range(-count, 0), axes)


def drawn(seed: int) -> tuple[Array, Array, tuple[int, ...], dict[str, Any]]:
    """An image, a filter, its axes and what is asked, by chance."""
    rng = np.random.default_rng(seed)
    count = int(rng.choice([1, 1, 3, 3, 3, 4]))
    ndim = int(rng.integers(count, 5))
    axes = tuple(int(axis) for axis in rng.permutation(ndim)[:count])
    f = rng.integers(-9, 99, rng.integers(1, 9, ndim))
    sizes = rng.integers(1, 4 if count > 1 else 6, count)
    g = rng.integers(-5, 6, sizes)
    if rng.random() < 0.4:  # an outer product
        g = np.ones((), int)
        for size in sizes:
            g = np.multiply.outer(g, rng.integers(1, 6, size))
    kind = rng.choice(["float32", "uint8", "int16", "complex64"], p=[0.5, 0.2, 0.15, 0.15])
    f = np.abs(f).astype(kind) if kind == "uint8" else f.astype(kind)
    if kind in ("float32", "complex64"):
        f, g = f + rng.random(f.shape).astype(kind), g + rng.random(g.shape).round(2)
    if kind == "complex64":
        f, g = f * np.complex64(1 - 2j), g * (1 + 1j)
    holes = several(int(rng.integers(1, 3)), count)
    spans = [(k - 1) * h + 1 for k, h in zip(g.shape, holes, strict=True)]
    mode = str(rng.choice(["same", "full", "valid", "padding"]))
    sizes = [f.shape[axis] for axis in axes]
    fits = [all(n >= k for n, k in zip(sizes, spans, strict=True))]
    fits.append(all(n <= k for n, k in zip(sizes, spans, strict=True)))
    padding = None
    if mode == "padding" or (mode == "valid" and not any(fits)):
        mode, padding = "valid", tuple((k, int(rng.integers(k, k + 3))) for k in spans)
    origin = [
        int(rng.integers(-((k - 1) // 2), k // 2 + 1)) if mode == "same" else 0 for k in spans
    ]
    asked = {
        "mode": mode, "padding": padding, "origin": tuple(origin), "dilation": holes,
        "boundary": tuple(map(str, rng.choice(oracle.BORDERS, count))),
        "stride": tuple(map(int, rng.integers(1, 4, count))), "cval": int(rng.integers(0, 9)),
        "correlate": bool(rng.integers(2)),
    }  # fmt: skip
    return f, g, axes, asked


@pytest.mark.parametrize("seed", range(120))
def test_any_question_is_answered_as_by_definition(seed: int) -> None:
    f, g, axes, asked = drawn(seed)
    values, moduli = expect(f, g, axes, **asked)
    axes = tuple(a - f.ndim if seed % 2 else a for a in axes)
    plan: Any = parconv.plan2d(f, g, axes=axes[0] if len(axes) == 1 else axes, threads=2, **asked)
    out = np.empty(values.shape, plan.problem.dtype)
    out.fill(np.nan if out.dtype.kind in "fc" else 77)
    assert plan(f, out) is out
    if out.dtype.kind == "i":
        assert out.dtype == np.int64
        assert (out == values).all()
        return
    error = np.abs(out - values).astype(float)
    assert (error <= (g.size + 12) * np.finfo(np.float32).eps * moduli).all()


@pytest.mark.parametrize("axes", [0, (1,), -1, ALL, (2, 0, 1), (0, -1, -2)], ids=str)
def test_named_filters_are_those_of_scipy(axes: Any) -> None:
    along = axes if isinstance(axes, tuple) else (axes,)
    sigma, order = (1, 2, 0.5)[: len(along)], (1, 0, 2)[: len(along)]
    pairs = [
        (parconv.gaussian(F, np.array(sigma), axes=axes),
         ndimage.gaussian_filter(WIDE, sigma, axes=along)),
        (parconv.gaussian(F, 1, order=order, axes=axes, boundary="mirror"),
         ndimage.gaussian_filter(WIDE, 1, order=order, axes=along, mode="mirror")),
        (parconv.box(F, 4, origin=1, axes=axes),
         ndimage.uniform_filter(WIDE, 4, origin=1, axes=along)),
        (parconv.laplace(F, axes=axes, boundary="wrap"),
         ndimage.laplace(WIDE, axes=along, mode="wrap")),
    ]  # fmt: skip
    if len(along) == 3:
        pairs += [(parconv.sobel(F, axis, axes=axes), ndimage.sobel(WIDE, axis)) for axis in ALL]
        pairs += [(parconv.prewitt(F, -2, axes=axes), ndimage.prewitt(WIDE, 1))]
    for ours, theirs in pairs:
        assert ours.dtype == np.float32
        assert np.abs(ours - theirs).max() <= 1e-6 * max(1, np.abs(theirs).max())


@pytest.mark.parametrize("boundary", oracle.BORDERS)
def test_slabs_and_copies_leave_the_bits_of_the_whole(
    boundary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {
        "axes": (1, 2, 3), "mode": "same", "boundary": boundary, "cval": 2.5, "method": "direct",
    }  # fmt: skip
    f, filters = RNG.random((3, 23, 11, 40), np.float32), (gaussian_factors(1.2, ndim=3), G3)
    expected = [parconv.conv2d(f, g, **asked, threads=1) for g in filters]
    monkeypatch.setattr(slabs, "SLAB", 1 << 13)
    monkeypatch.setattr(slabs, "MOST", 1 << 14)
    monkeypatch.setattr(slices, "ROOM", 1 << 13)
    monkeypatch.setattr(dense, "MOST", 1 << 12)
    for g, right in zip(filters, expected, strict=True):
        for threads, strategy in ((1, "serial"), (2, "threads"), (3, "prange")):
            plan = parconv.plan2d(f, g, **asked, threads=threads, strategy=strategy)
            out = np.full(f.shape, np.nan, np.float32)
            assert plan(f, out).tobytes() == right.tobytes()
    assert "1 item and 9 of 23 along axis 1" in parconv.plan2d(f, filters[0], **asked).explain()


G3 = RNG.random((3, 3, 3))


def test_slices_of_deep_filters_leave_the_bits_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over four axes each slice sums three planes, and a pass adds up the slices."""
    f, g = RNG.random((4, 9, 11, 40), np.float32), RNG.random((2, 3, 3, 3))
    asked: dict[str, Any] = {
        "axes": (0, 1, 2, 3), "mode": "same", "boundary": "mirror", "method": "direct",
    }  # fmt: skip
    right = parconv.conv2d(f, g, **asked, threads=1)
    values, moduli = expect(
        f, g, (0, 1, 2, 3), mode="same", boundary="mirror", correlate=False, dilation=1, stride=1,
        padding=None, origin=0, cval=0,
    )  # fmt: skip
    assert (np.abs(right - values) <= 60 * np.finfo(np.float32).eps * moduli).all()
    monkeypatch.setattr(slices, "ROOM", 1 << 12)
    for threads in (2, 3):
        plan: Any = parconv.plan2d(f, g, **asked, threads=threads)
        assert plan.steps[0].deep
        assert "2 planes added up" in plan.explain()
        out = np.full(f.shape, np.nan, np.float32)
        assert plan(f, out).tobytes() == right.tobytes()


@pytest.mark.parametrize("method", ["direct", "fft"], ids=["deep", "plane by plane"])
@pytest.mark.parametrize(("kind", "cval"), [("uint8", 2.5), ("int16", -70000), ("float32", 0.1)])
def test_planes_beyond_the_image_hold_what_its_pixels_cannot(
    kind: str, cval: float, method: str
) -> None:
    """A constant that the image's type rounds or wraps: sums meet it as it is."""
    f, g = RNG.integers(0, 200, (5, 40, 40)).astype(kind), RNG.random((3, 5, 5))
    found = parconv.correlate2d(
        f, g, axes=ALL, mode="same", cval=cval, dtype="float64", accumulate=np.float64,
        method=method,
    )  # fmt: skip
    right = ndimage.correlate(f.astype(float), g, mode="constant", cval=cval)
    assert np.allclose(found, right, rtol=1e-12, atol=1e-12 * 7e4)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 3, 19, 70), (2, 6, 9, 33), (1, 2, 40, 300)], ids=str)
def test_a_layer_of_few_filters_sums_planes(shape: tuple[int, ...], kind: str) -> None:
    """By `planes`: every border, strides, groups, and a store rule that the tile applies."""
    f = RNG.integers(0, 250, shape).astype(kind)
    for groups, stride, g in (
        (1, 1, RNG.random((2, shape[1], 3, 3)) / 30),
        (1, (2, 1), RNG.random((1, shape[1], 1, 5)) / 30),
        (shape[1] // 2 if shape[1] % 2 == 0 else 1, (1, 2),
         RNG.random((6, 2 if shape[1] % 2 == 0 else 3, 5, 2)) / 30),
    ):  # fmt: skip
        asked: dict[str, Any] = {
            "mode": "same", "boundary": ("wrap", "mirror"), "groups": groups, "stride": stride,
            "dtype": kind, "accumulate": np.float64,
        }  # fmt: skip
        if kind[0] == "u":
            asked |= {"rounding": "trunc", "overflow": "wrap", "scale": 1.25, "bias": 3.5}
        right = parconv.conv2d(f, g, **asked, method="direct", threads=1)
        for threads in (1, 2, 3):
            plan = parconv.plan2d(f, g, **asked, method="planes", threads=threads)
            out = np.full(right.shape, 0 if kind[0] == "u" else np.nan, kind)
            assert np.allclose(plan(f, out), right, rtol=1e-6 if kind == "float32" else 1e-12)


def test_layouts_and_types_give_the_same_numbers() -> None:
    f = RNG.integers(0, 200, (6, 7, 8))
    for g in (G3, gaussian_taps(1, radius=1, ndim=3)):
        right = parconv.conv2d(f.astype(float), g, axes=ALL, mode="same", boundary="edge")
        for kind in ("uint8", "float16", ">f4", "float64"):
            other = np.asfortranarray(f.astype(kind)[::-1])[::-1]
            out = np.empty((8, 7, 6)).T
            found = parconv.conv2d(
                other, g, axes=ALL, mode="same", boundary="edge", dtype=float, out=out
            )
            assert found is out
            assert np.allclose(found, right, rtol=1e-6 if kind == "float16" else 1e-12)
        inside = f.astype(float)
        parconv.conv2d(inside, g, axes=ALL, mode="same", boundary="edge", out=inside)
        assert (inside == right).all()


def test_integers_are_exact_and_rounded_once() -> None:
    f = RNG.integers(0, 256, (7, 8, 9), np.uint8)
    box = parconv.box(f, 3, normalize=False, axes=ALL)
    assert box.dtype == np.int64
    ones = np.ones((3, 3, 3), int)
    assert (box == ndimage.correlate(f.astype(int), ones, mode="reflect")).all()
    smooth = parconv.gaussian(f, 1, axes=ALL, dtype="uint8")
    exact = ndimage.gaussian_filter(f.astype(float), 1)
    apart = np.abs(exact - np.floor(exact) - 0.5) > 1e-4
    assert (smooth == np.rint(exact))[apart].all()
    high = RNG.integers(-(2**58), 2**58, (4, 5, 6))
    sums = parconv.box(high, 3, normalize=False, axes=ALL, boundary="wrap")
    shifts = itertools.product((-1, 0, 1), repeat=3)
    assert (sums == sum(np.roll(high, shift, ALL) for shift in shifts)).all()
    with pytest.raises(ValueError, match="f holds values beyond"):
        parconv.box(high * 4, 3, normalize=False, axes=ALL)
    assert (parconv.box(np.full((5, 6, 7), 3, np.float32), 3, axes=ALL) == 3).all()
    assert (parconv.sobel(np.full((5, 6, 7), 0.3), 1, axes=ALL) == 0).all()


def test_nan_spreads_over_the_filter_alone() -> None:
    f = np.zeros((9, 9, 9), np.float32)
    f[4, 4, 4] = np.nan
    cross = np.zeros((3, 3, 3))
    cross[1] = cross[:, 1] = 1
    for g in (cross, np.multiply.outer([1, 0, 1], np.ones((3, 3))), np.ones((3, 3, 3))):
        found = parconv.correlate2d(f, g, axes=ALL, mode="same")
        where = np.zeros(f.shape, bool)
        where[3:6, 3:6, 3:6] = g[::-1, ::-1, ::-1] != 0
        assert (np.isnan(found) == where).all()


def test_signals() -> None:
    x, g = RNG.random(50), RNG.random(7)
    for mode in ("full", "valid", "same"):
        assert np.allclose(parconv.conv2d(x, g, mode=mode), np.convolve(x, g, mode), 1e-13)
    assert np.allclose(parconv.gaussian(x, 2), ndimage.gaussian_filter1d(x, 2), 1e-13)
    assert np.allclose(parconv.gaussian_laplace(x, 2), ndimage.gaussian_laplace(x, 2), 1e-12)
    assert parconv.sobel([0, 0, 1, 2]).tolist() == [0, 1, 2, 1]
    long = RNG.random(5000)
    assert np.allclose(parconv.conv2d(x[:30], long), signal.convolve(x[:30], long, "valid"))


@pytest.mark.parametrize("g", [G3, gaussian_taps(1, radius=1, ndim=3)], ids=["dense", "product"])
def test_empty_things(g: Array) -> None:
    for shape in ((0, 4, 5), (4, 0, 5), (4, 5, 0)):
        assert parconv.conv2d(np.ones(shape), g, axes=ALL, mode="same").shape == shape
        with pytest.raises(ValueError, match="without a pixel"):
            parconv.conv2d(np.ones(shape), g, axes=ALL, mode="full")
    assert parconv.conv2d(np.ones((0, 5, 6, 7)), g, axes=(1, 2, 3)).shape == (0, 3, 4, 5)
    assert parconv.gaussian(np.ones((3, 0)), 1, axes=1).shape == (3, 0)


def test_plans_print_explain_pickle_and_bind() -> None:
    for g, axes, steps in (
        (G3, ALL, 1),
        (gaussian_factors(1, ndim=3), (2, 0, 1), 2),
        (G3[0, 0], 1, 1),
    ):
        plan: Any = parconv.plan2d(F, g, axes=axes, mode="same", boundary="wrap", threads=1)
        assert isinstance(plan, VolumePlan)
        assert len(plan.steps) == steps
        assert "9x12x14 float32 * " in str(plan)
        told = plan.explain()
        assert f"step {steps}" in told
        assert "workspace" in told
        right = plan(F)
        again = pickle.loads(pickle.dumps(plan))
        assert again == plan
        assert again(F).tobytes() == right.tobytes()
        out = np.zeros_like(right)
        assert plan.bind(F, out)() is out
        assert out.tobytes() == right.tobytes()
        spec = parconv.plan2d((F.shape, "f4"), (g.shape, "f8"), axes=axes)
        assert "9x12x14" in str(spec)
        with pytest.raises(ValueError, match="pass the filter to plan2d"):
            spec(F)
    follow = parconv.plan2d(parconv.plan2d(F, G3, axes=ALL), G3, axes=ALL)
    assert follow.problem.shape == (5, 8, 10)
    with pytest.raises(TypeError, match="step 1 of the chain"):
        parconv.chain(follow)


def test_memory() -> None:
    f = RNG.integers(0, 9, (256, 128, 128), np.uint16)
    for g in (gaussian_factors(2, ndim=3), G3, RNG.random(9)):
        axes = ALL[: len(g.shape)]
        plan: Any = parconv.plan2d(f, g, axes=axes, mode="same", boundary="edge", threads=2)
        out = np.empty(f.shape, np.float32)
        plan(f, out)
        tracemalloc.start()
        plan(f, out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= plan.workspace + (1 << 20)
        assert plan.workspace < out.nbytes
    large: Any = parconv.plan2d(
        ((256, 512, 512), "u2"), gaussian_factors(2, ndim=3), axes=ALL, mode="same", dtype="u2"
    )
    assert large.workspace < 64 << 20


ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"axes": ALL, "g": np.ones((3, 3))}, r"g has shape \(3, 3\), and axes=\(0, 1, 2\) names 3"),
    ({"axes": 0, "g": np.ones((3, 3))}, "axes=0 names one axis"),
    ({"axes": 3}, "axes=3 is out of range"),
    ({"axes": (0, 1, 0), "g": G3}, "names one axis twice"),
    ({"axes": None}, "axes=None: pass two axes"),
    ({"axes": ()}, "axes=.. names no axis"),
    ({"axes": 0.5}, "axes=0.5: pass two axes"),
    ({"axes": (-2, -1)}, r"g has shape \(3,\): pass a filter"),
    ({"axes": 0, "g": np.ones(0)}, "needs at least one tap"),
    ({"axes": 0, "padding": (1, 2)}, r"padding=\(1, 2\): pass p, or a pair"),
    ({"axes": 0, "stride": (1, 1)}, r"stride=\(1, 1\): pass an integer"),
    ({"axes": ALL, "g": G3, "stride": (1, 1)}, "pass an integer or 3 integers"),
    ({"axes": ALL, "g": G3, "dilation": 0}, "dilation=0: pass integers of at least 1"),
    ({"axes": ALL, "g": G3, "boundary": ("edge", "wrap")}, "one per axis"),
    ({"axes": ALL, "g": G3, "groups": 3}, "groups=3 needs a 4-D filter"),
    ({"axes": ALL, "g": G3, "mode": "same", "origin": 2}, "origin=2 leaves the filter"),
    ({"axes": ALL, "g": np.ones((10, 3, 3))}, "those axes of the image"),
    ({"axes": ALL, "g": G3, "method": "no"}, "method='no' is unknown"),
    ({"axes": 0, "threads": 0}, "threads=0"),
]


@pytest.mark.parametrize(("options", "words"), ERRORS, ids=[words[:30] for _, words in ERRORS])
def test_errors(options: dict[str, Any], words: str) -> None:
    out = np.full((7, 12, 14), 7, np.float32)
    with pytest.raises(ValueError, match=words):
        parconv.conv2d(F, **{"g": np.ones(3), **options}, out=out)
    assert (out == 7).all()


def test_named_filters_name_what_is_wrong() -> None:
    for call, words in (
        (lambda: parconv.gaussian(F, (1, 2), axes=ALL), "3 numbers, one for each axis"),
        (lambda: parconv.gaussian(F, (1, 2), axes=0), "pass a number"),
        (lambda: parconv.box(F, 0, axes=ALL), "size=0"),
        (lambda: parconv.box(F, 3, origin=2, axes=ALL), "origin=2 leaves the box"),
        (lambda: parconv.sobel(F, 0, axes=1), "axis=0 is not one of axes=1"),
        (lambda: parconv.gaussian_laplace(F, 1, axes=ALL), "pass one or two"),
        (lambda: np.asarray(box_factors(300, ndim=3)), "27000000 taps"),
        (lambda: parconv.plan_stream(F, gaussian_factors(1, ndim=3), axes=ALL), "pass two"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.parametrize("taps", ["ones", "a product", "small", "large"])
@pytest.mark.parametrize(
    ("dtype", "kind"), [("i8", "i8"), ("u8", "u8"), ("i8", "u1"), ("i4", "i4")]
)
def test_sums_wrap_as_python_integers_would(dtype, kind, taps):
    """Of pixels of any size, whatever lies between the steps."""
    rng, info = np.random.default_rng(0), np.iinfo(dtype)
    f = rng.integers(info.min, info.max, (5, 6, 7), dtype=dtype, endpoint=True)
    g = {
        "ones": np.ones((2, 2, 2), int),
        "a product": np.einsum("i,j,k", [1, 2, 3], [3, -1], [1, 5, 7]),
        "small": rng.integers(-9, 9, (3, 2, 3)),
        "large": rng.integers(-(2**62), 2**62, (2, 3, 2)),
    }[taps]
    sizes = [n - k + 1 for n, k in zip(f.shape, g.shape, strict=True)]
    right = np.zeros(sizes, object)
    for place in np.ndindex(*g.shape):
        part = tuple(slice(at, at + n) for at, n in zip(place, sizes, strict=True))
        right += f.astype(object)[part] * int(np.flip(g)[place])
    out = np.full(sizes, 77, kind)
    parconv.conv2d(f, g, axes=(0, 1, 2), overflow="wrap", dtype=kind, out=out)
    np.testing.assert_array_equal(out, (right % 2**64).astype(np.uint64).astype(kind))
