"""Distrusts the Winograd method: transforms, error, every edge of a patch, a tile and a unit."""

import itertools
import sys
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import oracle
import pytest
from conftest import Poisoned, RunPython
from oracle import BORDERS, assert_same_bits

import parconv
from parconv.codegen import machine
from parconv.methods import winograd
from parconv.methods.winograd.matrices import F2, F4, TRANSFORMS, Transform
from parconv.methods.winograd.product import PATCHES, VECTORS
from parconv.runtime.strategies import STRATEGIES

LANES = machine.lanes(4)
# As the module states: the largest sum of moduli with which a pixel and a tap enter an output, and
# the roundings of the transforms.
PROVEN = {F4: (861, 24), F2: (16, 12)}
# Of ordinary filters and of uniform numbers, in u S, and of the largest output in u.
USUAL = {F4: (300, 100, 512), F2: (20, 5, 20)}
UNITS = {"float32": 2.0**-24, "float64": 2.0**-53}
both = pytest.mark.parametrize("transform", TRANSFORMS, ids=["F4", "F2"])


def asked(transform: Transform, dtype: Any = "float32") -> dict[str, Any]:
    """Keywords that get this transform."""
    if transform is F4:
        return {"method": "winograd"}
    return {"method": "winograd", "tolerance": transform.error * UNITS[str(dtype)]}


def numbers(shape: tuple[int, ...], dtype: Any = "float32", seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def windows(f: Any, starts: Any, size: int, border: Any = "constant", cval: float = 0) -> Any:
    """What ``size`` x ``size`` inputs from each start on hold: (image, channel, y, i, x, j)."""
    borders = oracle.pair(border)
    picks = [
        np.array([[oracle.source(at + n, length, name) for n in range(size)] for at in axis])
        for axis, length, name in zip(starts, f.shape[2:], borders, strict=True)
    ]
    framed = np.full((*f.shape[:2], f.shape[2] + 1, f.shape[3] + 1), float(cval))
    framed[..., :-1, :-1] = f
    return framed[:, :, picks[0]][..., picks[1]]


def check(
    f: Any, g: Any, what: str = "", transforms: Any = TRANSFORMS, **question: Any
) -> dict[Transform, tuple[float, float]]:
    """Into a poisoned output; the error of each output against the bound.

    What it amounts to for each transform: in u S, and of the largest output.
    """
    question = {"padding": 1, "correlate": True, **question}
    plan = parconv.plan2d(f, g, method="winograd", **question)
    ends = [
        range(-side, n - side)
        for side, n in zip(plan.problem.lead, plan.problem.plane, strict=True)
    ]
    border = plan.problem.boundary, plan.problem.cval.real
    groups = plan.problem.bank.groups
    wide = [part.astype(np.longdouble) for part in np.split(f, groups, 1)]
    taps = np.split(g.astype(np.longdouble), groups)
    right = np.concatenate(
        [
            np.einsum("bcyixj,ocij->boyx", windows(part, ends, 3, *border), own, optimize=True)
            for part, own in zip(wide, taps, strict=True)
        ],
        1,
    )
    found = {}
    for transform in transforms:
        plan = parconv.plan2d(f, g, **{**question, **asked(transform, f.dtype)})
        assert winograd.transform_of(plan.stage.inner) is transform
        given = Poisoned(plan.problem.shape, plan.problem.dtype)
        error = abs(plan(f, given.out) - right)
        given.check()
        scale = reached(wide, taps, ends, border, transform.size)
        (amplified, roundings), unit = PROVEN[transform], UNITS[str(plan.sums)]
        worst = float((error / np.maximum(scale, 1e-300)).max() / unit)
        bound = min(transform.error, amplified * (g.shape[1] + roundings))
        assert worst <= bound, f"{what}: {worst} u S by F{transform.size}"
        found[transform] = worst, float(error.max() / abs(right).max())
    return found


def reached(wide: Any, taps: Any, ends: Any, border: Any, size: int) -> Any:
    """S of every output."""
    parts = [
        np.einsum(
            "bcyx,oc->boyx",
            abs(windows(part, [axis[::size] for axis in ends], size + 2, *border)).max((3, 5)),
            abs(own).sum((2, 3)),
        )
        for part, own in zip(wide, taps, strict=True)
    ]
    rows, columns = map(len, ends)
    return np.concatenate(parts, 1).repeat(size, 2).repeat(size, 3)[:, :, :rows, :columns]


# --- transforms and error ------------------------------------------------------------------------


@both
def test_the_transforms_are_those_of_the_convolution(transform: Transform) -> None:
    """In exact numbers, on one axis: every output meets each of its inputs with its tap."""
    there, taps, back, divisor = transform[:4]
    points = range(len(there))
    for y, i, t in itertools.product(range(transform.size), points, range(3)):
        total = sum(Fraction(back[y][n] * there[n][i] * taps[n][t], divisor) for n in points)
        assert total == (i == y + t)


@both
def test_the_stated_amplification(transform: Transform) -> None:
    there, taps, back = (abs(np.array(matrix, float)) for matrix in transform[:3])
    one_axis = np.einsum("yn,ni,nt->yt", back, there, taps).max() / transform.divisor
    amplified, roundings = PROVEN[transform]
    assert np.ceil(one_axis**2) == amplified
    assert f"``{amplified} (C + {roundings}) u S``" in winograd.__doc__
    assert f"``{transform.error} u S``" in winograd.__doc__


def spread(shape: tuple[int, ...]) -> dict[str, Any]:
    """Numbers of many kinds."""
    rng = np.random.default_rng([9, *shape])
    normal = rng.standard_normal(shape)
    return {
        "uniform": rng.random(shape) - 0.5,
        "positive": rng.random(shape),
        "normal": normal,
        "constant": np.full(shape, 1 / 3),
        "checked": np.where(np.indices(shape).sum(0) % 2, 1, -1) * (1 + rng.random(shape) / 3),
        "spikes": np.where(rng.random(shape) < 0.01, 1000 * normal, normal),
        "heavy": np.exp(4 * normal) * np.sign(rng.random(shape) - 0.5),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("channels", "side"), [(1, 16), (16, 17), (64, 12), (512, 7)])
def test_the_error_is_as_stated(channels: int, side: int, dtype: str) -> None:
    """By kinds of data; only filters with few taps that matter come near the bound."""
    images, filters = spread((1, channels, side, side)), spread((LANES, channels, 3, 3))
    if dtype == "float64" and channels > 64:
        pytest.skip("slow in extended precision, and covered by float32")
    for (f_name, f), (g_name, g) in itertools.product(images.items(), filters.items()):
        found = check(f.astype(dtype), g.astype(dtype), f"{f_name} image, {g_name} filters")
        for transform, (usual, uniform, relative) in USUAL.items():
            worst, error = found[transform]
            assert worst <= usual or g_name in ("spikes", "heavy"), (f_name, g_name)
            if f_name == g_name == "uniform":
                assert worst <= uniform
                assert error <= relative * UNITS[dtype]


def test_the_error_of_many_channels() -> None:
    """Of numbers that are all alike, whose roundings are alike, too."""
    f, g = (np.full((n, 2048, 3, 3), 1 / 3, np.float32) for n in (1, LANES))
    check(f, g)
    problem = parconv.plan2d(f, g).problem
    assert [transform.bound(problem) / UNITS["float32"] for transform in TRANSFORMS] == [1000, 150]


# --- every edge ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 7, 8, 9])
def test_sizes(rows: int) -> None:
    """Patches that are cut, squares that are turned, rows too short for either."""
    for columns in (1, 2, 3, 4, 5, 7, 8, 11, 17, winograd.LONGEST + 3):
        check(numbers((2, LANES, rows, columns)), numbers((LANES, LANES, 3, 3)), f"{columns}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 15, 16, 19, 48])
def test_channels_and_outputs(channels: int, dtype: str) -> None:
    for outputs in (1, LANES - 1, LANES, LANES + 1, VECTORS * LANES + 1, 5 * LANES):
        f, g = numbers((1, channels, 9, 10), dtype), numbers((outputs, channels, 3, 3), dtype)
        check(f, g, f"{outputs}")


def test_every_height_of_a_tile() -> None:
    for patches in range(1, 2 * PATCHES + 2):
        f = numbers((1, 3, 4, F4.size * patches))
        check(f, numbers((VECTORS * LANES + 1, 3, 3, 3)), f"{patches}")


@pytest.mark.parametrize("outputs", [4, LANES + 4, 6 * LANES])
def test_groups(outputs: int) -> None:
    for channels in (4, 2 * LANES, 2 * LANES + 4):
        for groups in (2, 4):
            g = numbers((outputs, channels // groups, 3, 3))
            check(numbers((3, channels, 6, 9)), g, f"{channels}", groups=groups)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_borders(border: str, mode: str) -> None:
    """Images smaller than a patch and than the filter, too."""
    for shape in ((1, LANES, 1, 1), (1, LANES, 2, 3), (2, LANES + 1, 9, 13)):
        g = numbers((5, shape[1], 3, 3))
        if mode != "valid" or min(shape[2:]) > 2:
            check(numbers(shape), g, mode=mode, boundary=border, cval=2.5, padding=None)


def test_two_borders_and_uneven_padding() -> None:
    f, g = numbers((1, LANES, 6, 18)), numbers((4, LANES, 3, 3))
    check(f, g, boundary=("symmetric", "wrap"), padding=((0, 3), (7, 1)))
    check(f, g, padding=((5, 0), (0, 6)))
    check(f, g, padding=0)


def test_convolution_is_the_reflected_correlation() -> None:
    f, g = numbers((2, 5, 9, 10)), numbers((7, 5, 3, 3))
    right = parconv.correlate2d(f, g[..., ::-1, ::-1], method="winograd", mode="same")
    assert_same_bits(parconv.conv2d(f, g, method="winograd", mode="same"), right)


# --- types and layouts ---------------------------------------------------------------------------

F, FILTERS = numbers((3, 2 * LANES, 14, 23)), numbers((2 * LANES + 3, 2 * LANES, 3, 3))


@cache
def right_of(transform: Transform) -> np.ndarray:
    return parconv.correlate2d(F, FILTERS, padding=1, strategy="serial", **asked(transform))


def layouts(array: Any) -> dict[str, Any]:
    """Copies of ``array`` in memory laid out otherwise."""
    last = np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    spaced = np.zeros([2 * n for n in array.shape], array.dtype)[::2, ::2, ::2, ::2]
    padded = np.zeros([n + 3 for n in array.shape], array.dtype)[1:-2, 2:-1, 1:-2, 2:-1]
    reversed_ = np.ascontiguousarray(array[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1, ::-1]
    upside = np.ascontiguousarray(array[:, ::-1, ::-1])[:, ::-1, ::-1]
    spaced[...], padded[...] = array, array
    return {
        "channels last": last, "every other": spaced, "part": padded, "reversed": reversed_,
        "upside down": upside, "Fortran": np.asfortranarray(array),
    }  # fmt: skip


@both
@pytest.mark.parametrize("name", layouts(np.zeros((1, 1, 1, 1))))
def test_layouts(name: str, transform: Transform) -> None:
    plan = parconv.plan2d(F, FILTERS, correlate=True, padding=1, **asked(transform))
    out = layouts(np.full_like(right_of(transform), np.nan))[name]
    assert_same_bits(plan(layouts(F)[name]), right_of(transform), "image")
    plan(F, out)
    assert_same_bits(out, right_of(transform), "output")


def test_channels_last_by_axes() -> None:
    f = np.ascontiguousarray(np.moveaxis(F, 1, -1))
    out = np.full((3, 14, 23, len(FILTERS)), np.nan, np.float32)
    options = {"axes": (1, 2), "padding": 1, "method": "winograd"}
    parconv.correlate2d(f, FILTERS, out=out, **options)
    assert_same_bits(np.ascontiguousarray(np.moveaxis(out, -1, 1)), right_of(F4))


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float16"])
def test_image_types(dtype: str) -> None:
    f = (9 * abs(F)).astype(dtype)
    right = parconv.correlate2d(f.astype(np.float32), FILTERS, padding=1, method="winograd")
    result = parconv.correlate2d(f, FILTERS, padding=1, method="winograd")
    assert_same_bits(result, right.astype(result.dtype))


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_result_types(dtype: str) -> None:
    result = parconv.correlate2d(F, FILTERS, padding=1, method="winograd", dtype=dtype)
    kind = np.dtype(dtype)
    right = right_of(F4)
    right = oracle.saturated(right, kind) if kind.kind in "iu" else right.astype(kind)
    np.testing.assert_array_equal(result, right)


def test_sums_in_double() -> None:
    wide = parconv.correlate2d(F.astype(float), FILTERS.astype(float), padding=1, method="winograd")
    result = parconv.correlate2d(F, FILTERS, padding=1, method="winograd", accumulate="float64")
    assert_same_bits(result, wide.astype(np.float32))


def test_complex_numbers_go_by_as_real_ones() -> None:
    f, g = F[:, ::2] + 1j * F[:, 1::2], FILTERS[:, ::2]
    result = parconv.correlate2d(f, g, padding=1, method="winograd")
    for part in ("real", "imag"):
        right = parconv.correlate2d(getattr(f, part).copy(), g.copy(), padding=1, method="winograd")
        np.testing.assert_allclose(getattr(result, part), right, rtol=0, atol=1e-3)


# --- equal bits ----------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_threads_and_strategies(strategy: str, transform: Transform) -> None:
    question = {"padding": 1, "strategy": strategy, **asked(transform)}
    for threads in (1, 2, 3):
        answer = parconv.correlate2d(F, FILTERS, threads=threads, **question)
        assert_same_bits(answer, right_of(transform), f"{threads}")


SHAPES = (
    ((3, 5, 30, 67), (3 * LANES, 5, 3, 3), 1), ((1, 8, 9, 9), (17 * LANES, 4, 3, 3), 2),
    ((4, 3, 41, 43), (5 * LANES + 1, 3, 3, 3), 1),
)  # fmt: skip


@both
@pytest.mark.parametrize(("image", "filters", "groups"), SHAPES)
def test_units(image: Any, filters: Any, groups: int, transform: Transform) -> None:
    """Every unit alone fills its regions, and only those; together they fill everything once."""
    f, g = numbers(image), numbers(filters)
    plan = parconv.plan2d(f, g, padding=1, groups=groups, strategy="serial", **asked(transform))
    right, count = plan(f), winograd.units(plan.problem)
    assert count > 1
    filled = np.zeros(right.shape, int)
    for unit in range(count):
        given = Poisoned(right.shape, right.dtype)
        one = parconv.planner.plan.replace(plan, bands=((unit, unit + 1),)).with_filter(g)
        one(f, given.out)
        for place in winograd.regions(plan.problem, unit, unit + 1):
            filled[place] += 1
            assert_same_bits(given.out[place].copy(), right[place].copy(), f"{unit}")
            given.out[place] = np.nan
        given.check()
        assert np.isnan(given.out).all(), "beside its regions"
    assert (filled == 1).all()
    for parts in (1, 2, 3, 7, count):
        bands = winograd.bands(plan.problem, parts)
        assert [n for band in bands for n in range(*band)] == list(range(count))
        whole = parconv.planner.plan.replace(plan, bands=bands).with_filter(g)
        assert_same_bits(whole(f), right, f"{parts}")


@both
def test_scratch_may_hold_anything(transform: Transform) -> None:
    for image, filters, groups in SHAPES:
        f, g = numbers(image), numbers(filters)
        plan = parconv.plan2d(f, g, padding=1, groups=groups, threads=1, **asked(transform))
        problem, right = plan.problem, plan(f)
        kernel = winograd.kernels(f.dtype, f.dtype, f.dtype).serial
        scratch = np.full(winograd.workspace(problem), np.nan, f.dtype)
        out, values, fill = np.empty_like(right), plan.taps.values, winograd.fill(problem)
        layout, units = winograd.layout(problem), winograd.units(problem)
        kernel(f, values, fill, out, layout, scratch, 0, units)
        assert_same_bits(out, right)


@both
def test_a_batch_has_the_bits_of_its_images(transform: Transform) -> None:
    for n, image in enumerate(F):
        alone = parconv.correlate2d(image, FILTERS, padding=1, **asked(transform))
        assert_same_bits(alone, right_of(transform)[n])


def test_other_processes_compute_the_same_bits() -> None:
    from joblib import parallel_config

    plan = parconv.plan2d(
        F, FILTERS, correlate=True, padding=1, method="winograd", threads=2, strategy="joblib"
    )
    with parallel_config("loky"):
        assert_same_bits(plan(F), right_of(F4))


@both
def test_streamed(transform: Transform) -> None:
    """Rows of an image begin other patches, whole images do not."""
    question = {"padding": 1, "correlate": True, **asked(transform)}
    images = parconv.stream(iter(F), FILTERS, **question)
    for result, right in zip(images, right_of(transform), strict=True):
        assert_same_bits(result, right)
    out = np.full_like(right_of(transform), np.nan)
    parconv.stream(F, FILTERS, out, memory=1 << 20, **question)
    np.testing.assert_allclose(out, right_of(transform), rtol=0, atol=1e-3)


# --- what it is not for --------------------------------------------------------------------------


def test_only_who_names_it_gets_it() -> None:
    f, g = numbers((8, 64, 28, 28)), numbers((64, 64, 3, 3))
    plan = parconv.plan2d(f, g, padding=1)
    assert plan.method != "winograd"
    assert winograd.applicable(plan.problem) is None
    assert winograd.unasked(plan.problem)
    assert parconv.plan2d(f, g, padding=1, tolerance=1e-9) == parconv.planner.plan.replace(
        plan, problem=parconv.planner.plan.replace(plan.problem, tolerance=1e-9)
    )


@pytest.mark.parametrize(
    ("dtype", "tolerance", "transform"),
    [
        ("float32", 1e-3, F4), ("float32", 6e-5, F4), ("float32", 5.9e-5, F2),
        ("float32", 1e-5, F2), ("float32", 8.9e-6, None), ("float32", 0, None),
        ("float64", 1e-12, F4), ("float64", 1e-13, F2), ("float64", 1e-14, None),
    ],
)  # fmt: skip
def test_a_tolerance_chooses(dtype: str, tolerance: float, transform: Transform | None) -> None:
    f, g = numbers((8, 64, 28, 28), dtype), numbers((64, 64, 3, 3), dtype)
    plan = parconv.plan2d(f, g, padding=1, tolerance=tolerance)
    assert f"within {tolerance:.2g}" in str(plan)
    if transform is None:
        assert plan.method != "winograd"
        assert "winograd: its error may be" in plan.explain()
        with pytest.raises(ValueError, match=r"its error may be .* more than tolerance"):
            parconv.plan2d(f, g, padding=1, tolerance=tolerance, method="winograd")
        return
    assert plan.method == "winograd"
    assert winograd.transform_of(plan.problem) is transform
    assert f"up to {transform.error * UNITS[dtype]:.2g} of the largest |f|" in plan.explain()


def test_small_patches_where_they_leave_no_room() -> None:
    """A tolerance for the large ones allows both: 2 x 2 outputs are one small patch."""
    plan = parconv.plan2d(((9, 16, 4, 4), "f4"), ((16, 16, 3, 3), "f4"), tolerance=1e-4)
    assert winograd.transform_of(plan.problem) is F2


@pytest.mark.parametrize(
    ("f", "g", "options", "reason"),
    [
        (F, numbers((2, 32, 5, 5))[:, : 2 * LANES], {}, "3 x 3"),
        (F, FILTERS, {"stride": 2}, "stride"),
        (F, FILTERS, {"dilation": (1, 2)}, "dilation"),
        (F.astype(int), FILTERS.astype(int), {}, "exactly"),
    ],
)
def test_reasons(f: Any, g: Any, options: Any, reason: str) -> None:
    g = np.resize(g, (2, 2 * LANES, *g.shape[2:]))
    with pytest.raises(ValueError, match=reason):
        parconv.plan2d(f, g, method="winograd", **options)


def reach(place: int, size: int, patch: int) -> list[int]:
    """Outputs on one axis that an input enters: its patch, and beyond it those of a filter."""
    first = place // patch * patch
    return [n for n in range(size) if first <= n < first + patch or abs(n - place) <= 1]


@both
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("place", [(0, 0), (3, 5), (4, 8), (13, 22)])
def test_nan_and_infinity_spread_over_patches(
    place: tuple[int, int], value: float, transform: Transform
) -> None:
    f = F.copy()
    f[1, 2, place[0], place[1]] = value
    result, right = (
        parconv.correlate2d(image, FILTERS, padding=1, **asked(transform)) for image in (f, F)
    )
    touched = np.zeros(right.shape, bool)
    axes = [reach(*axis, transform.size) for axis in zip(place, right.shape[2:], strict=True)]
    touched[np.ix_([1], range(len(FILTERS)), *axes)] = True
    assert not np.isfinite(result[touched]).any()
    np.testing.assert_array_equal(result[~touched], right[~touched])


# --- other machines, and memory ------------------------------------------------------------------

GUARDED = """
    import ctypes, dataclasses, faulthandler, itertools, mmap
    import numpy as np
    import parconv

    faulthandler.enable()
    PAGE, ROOM = mmap.PAGESIZE, 1 << 20
    libc = ctypes.CDLL(None)
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def arena():
        memory = mmap.mmap(-1, ROOM + 2 * PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        assert not any(libc.mprotect(page, PAGE, 0) for page in (base, base + PAGE + ROOM))
        return memory

    def view(memory, shape, dtype, at_end, last):
        order = (0, 2, 3, 1) if last else (0, 1, 2, 3)
        laid = tuple(shape[n] for n in order)
        start = PAGE + (ROOM - int(np.prod(laid)) * np.dtype(dtype).itemsize if at_end else 0)
        array = np.ndarray(laid, dtype, memory, start)
        return array.transpose(np.argsort(order))

    memories = [arena() for _ in range(3)]
    for dtype in ("float32", "float64"):
        shapes = (1, 1, 3), (16, 16, 7), (19, 35, 9), (40, 16, 14)
        for (channels, outputs, side), most in itertools.product(shapes, (None, 1e-5)):
            most = most and most * float(np.finfo(dtype).eps / np.finfo("f4").eps)
            rng = np.random.default_rng(channels)
            f = rng.random((2, channels, side, side)).astype(dtype)
            g = rng.random((outputs, channels, 3, 3)).astype(dtype)
            for at_end in (True, False):
                for last in (True, False):
                    plan = parconv.plan2d(
                        f, g, padding=1, method="winograd", tolerance=most
                    )
                    packed = plan.prepare(g)
                    source = view(memories[0], f.shape, dtype, at_end, last)
                    out = view(memories[1], plan.problem.shape, dtype, at_end, last)
                    size = packed.values.nbytes
                    if size > ROOM:
                        values = packed.values
                    else:
                        values = np.frombuffer(memories[2], dtype, packed.values.size,
                                               PAGE + ROOM - size)
                        values[...] = packed.values
                    source[...] = f
                    plan.run(source, dataclasses.replace(packed, values=values), out)
                    right = plan.run(f, packed, None)
                    assert np.ascontiguousarray(out).tobytes() == right.tobytes()
    print("survived")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no mprotect")
def test_memory_beside_the_arrays_is_left_alone(run_python: RunPython) -> None:
    assert "survived" in run_python(GUARDED).stdout
