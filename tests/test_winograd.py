"""Distrusts the Winograd method: transforms, error, every edge of a patch, a tile and a unit."""

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
from conftest import Poisoned, RunPython
from oracle import BORDERS, assert_same_bits
from test_vectors import host_has

import parconv
from parconv import machine
from parconv.methods import winograd
from parconv.methods.winograd.product import PATCHES, VECTORS
from parconv.strategies import STRATEGIES

LANES = machine.lanes(4)
PATCH = 4
AMPLIFIED = 861  # as the module states
B = [
    [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1],
]  # fmt: skip
A = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
G = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]


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


def check(f: Any, g: Any, what: str = "", lead: Any = None, **question: Any) -> Any:
    """Into a poisoned output; the error of each output against the bound.  What it amounts to."""
    question.setdefault("padding", 1)
    plan = parconv.plan2d(f, g, method="winograd", correlate=True, **question)
    given = Poisoned(plan.problem.shape, plan.problem.dtype)
    result = plan(f, given.out)
    given.check()
    rows, columns = result.shape[2:]
    ends = [
        range(-side, n - side) for side, n in zip(plan.problem.lead, (rows, columns), strict=True)
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
    reached = [
        np.einsum(
            "bcyx,oc->boyx",
            abs(windows(part, [axis[::PATCH] for axis in ends], 6, *border)).max((3, 5)),
            abs(own).sum((2, 3)),
        )
        for part, own in zip(wide, taps, strict=True)
    ]
    scale = np.concatenate(reached, 1).repeat(PATCH, 2).repeat(PATCH, 3)[:, :, :rows, :columns]
    unit = 2.0 ** -(24 if plan.sums == np.float32 else 53)
    error = abs(result - right)
    worst = float((error / np.maximum(scale, 1e-300)).max() / unit)
    assert worst <= min(1000, AMPLIFIED * (g.shape[1] + 24)), f"{what}: {worst} u S"
    return worst, float(error.max() / abs(right).max())


# --- transforms and error ------------------------------------------------------------------------


def test_the_transforms_are_those_of_the_convolution() -> None:
    """The matrices in the module's words, in exact numbers."""
    source = winograd.transforms.__doc__
    for matrix in (B, A, G):
        assert "[" + "; ".join(" ".join(map(str, row)) for row in matrix) + "]" in source
    rows = range(6)
    for y, i, t in itertools.product(range(4), rows, range(3)):
        total = sum(Fraction(A[y][n] * B[n][i] * G[n][t], 24) for n in rows)
        assert total == (i == y + t)


def test_the_stated_amplification() -> None:
    absolute = [np.abs(np.array(matrix, float)) for matrix in (A, B, G)]
    one_axis = np.einsum("yn,ni,nt->yt", *absolute).max() / 24
    assert np.ceil(one_axis**2) == AMPLIFIED
    assert f"``{AMPLIFIED} (C + 24) u S``" in winograd.__doc__


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
        f, g = f.astype(dtype), g.astype(dtype)
        worst, relative = check(f, g, f"{f_name} image, {g_name} filters")
        assert worst <= 300 or g_name in ("spikes", "heavy"), (f_name, g_name)
        if f_name == g_name == "uniform":
            assert worst <= 100
            assert relative <= {"float32": 3e-5, "float64": 6e-14}[dtype]


# --- every edge ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 7, 8, 9])
def test_sizes(rows: int) -> None:
    """Patches that are cut, squares that are turned, rows too short for either."""
    for columns in (1, 2, 3, 4, 5, 7, 8, 11, 17, 4 * winograd.LONGEST + 3):
        check(numbers((2, LANES, rows, columns)), numbers((LANES, LANES, 3, 3)), f"{columns}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 15, 16, 19, 48])
def test_channels_and_outputs(channels: int, dtype: str) -> None:
    for outputs in (1, LANES - 1, LANES, LANES + 1, VECTORS * LANES + 1, 5 * LANES):
        f, g = numbers((1, channels, 9, 10), dtype), numbers((outputs, channels, 3, 3), dtype)
        check(f, g, f"{outputs}")


def test_every_height_of_a_tile() -> None:
    for patches in range(1, 2 * PATCHES + 2):
        f = numbers((1, 3, 4, PATCH * patches))
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
RIGHT = parconv.correlate2d(F, FILTERS, padding=1, method="winograd", strategy="serial")


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


@pytest.mark.parametrize("name", layouts(np.zeros((1, 1, 1, 1))))
def test_layouts(name: str) -> None:
    plan = parconv.plan2d(F, FILTERS, correlate=True, padding=1, method="winograd")
    out = layouts(np.full_like(RIGHT, np.nan))[name]
    assert_same_bits(plan(layouts(F)[name]), RIGHT, "image")
    plan(F, out)
    assert_same_bits(out, RIGHT, "output")


def test_channels_last_by_axes() -> None:
    f = np.ascontiguousarray(np.moveaxis(F, 1, -1))
    out = np.full((3, 14, 23, len(FILTERS)), np.nan, np.float32)
    options = {"axes": (1, 2), "padding": 1, "method": "winograd"}
    parconv.correlate2d(f, FILTERS, out=out, **options)
    assert_same_bits(np.ascontiguousarray(np.moveaxis(out, -1, 1)), RIGHT)


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
    right = oracle.saturated(RIGHT, kind) if kind.kind in "iu" else RIGHT.astype(kind)
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


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_threads_and_strategies(strategy: str) -> None:
    for threads in (1, 2, 3):
        answer = parconv.correlate2d(
            F, FILTERS, padding=1, method="winograd", strategy=strategy, threads=threads
        )
        assert_same_bits(answer, RIGHT, f"{threads}")


SHAPES = (
    ((3, 5, 30, 67), (3 * LANES, 5, 3, 3), 1), ((1, 8, 9, 9), (17 * LANES, 4, 3, 3), 2),
    ((4, 3, 41, 43), (5 * LANES + 1, 3, 3, 3), 1),
)  # fmt: skip


@pytest.mark.parametrize(("image", "filters", "groups"), SHAPES)
def test_units(image: Any, filters: Any, groups: int) -> None:
    """Every unit alone fills its regions, and only those; together they fill everything once."""
    f, g = numbers(image), numbers(filters)
    plan = parconv.plan2d(f, g, padding=1, groups=groups, method="winograd", strategy="serial")
    right, count = plan(f), winograd.units(plan.problem)
    assert count > 1
    filled = np.zeros(right.shape, int)
    for unit in range(count):
        given = Poisoned(right.shape, right.dtype)
        one = parconv.plan.replace(plan, bands=((unit, unit + 1),)).with_filter(g)
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
        whole = parconv.plan.replace(plan, bands=bands).with_filter(g)
        assert_same_bits(whole(f), right, f"{parts}")


def test_scratch_may_hold_anything() -> None:
    for image, filters, groups in SHAPES:
        f, g = numbers(image), numbers(filters)
        plan = parconv.plan2d(f, g, padding=1, groups=groups, method="winograd", threads=1)
        problem, right = plan.problem, plan(f)
        kernel = winograd.kernels(f.dtype, f.dtype, f.dtype).serial
        scratch = np.full(winograd.workspace(problem), np.nan, f.dtype)
        out, values, fill = np.empty_like(right), plan.taps.values, winograd.fill(problem)
        layout, units = winograd.layout(problem), winograd.units(problem)
        kernel(f, values, fill, out, layout, scratch, 0, units)
        assert_same_bits(out, right)


def test_a_batch_has_the_bits_of_its_images() -> None:
    for n, image in enumerate(F):
        alone = parconv.correlate2d(image, FILTERS, padding=1, method="winograd")
        assert_same_bits(alone, RIGHT[n])


def test_other_processes_compute_the_same_bits() -> None:
    from joblib import parallel_config

    plan = parconv.plan2d(
        F, FILTERS, correlate=True, padding=1, method="winograd", threads=2, strategy="joblib"
    )
    with parallel_config("loky"):
        assert_same_bits(plan(F), RIGHT)


# --- what it is not for --------------------------------------------------------------------------


def test_only_who_names_it_gets_it() -> None:
    f, g = numbers((8, 64, 28, 28)), numbers((64, 64, 3, 3))
    plan = parconv.plan2d(f, g, padding=1)
    assert plan.method != "winograd"
    assert winograd.applicable(plan.problem) is None
    assert winograd.unasked(plan.problem)


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


def reach(place: int, size: int) -> list[int]:
    """Outputs on one axis that an input enters: its patch, and beyond it those of a filter."""
    first = place // PATCH * PATCH
    return [n for n in range(size) if first <= n < first + PATCH or abs(n - place) <= 1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("place", [(0, 0), (3, 5), (4, 8), (13, 22)])
def test_nan_and_infinity_spread_over_patches(place: tuple[int, int], value: float) -> None:
    f = F.copy()
    f[1, 2, place[0], place[1]] = value
    result = parconv.correlate2d(f, FILTERS, padding=1, method="winograd")
    touched = np.zeros(RIGHT.shape, bool)
    touched[np.ix_([1], range(len(FILTERS)), *map(reach, place, RIGHT.shape[2:]))] = True
    assert not np.isfinite(result[touched]).any()
    np.testing.assert_array_equal(result[~touched], RIGHT[~touched])


# --- other machines, and memory ------------------------------------------------------------------

SELECTION = (
    "test_the_error_is_as_stated[16-17-float32]", "test_sizes[9]", "test_every_height_of_a_tile",
    "test_channels_and_outputs[19-float32]", "test_groups", "test_layouts", "test_units",
)  # fmt: skip

RUN = """
    import sys
    import pytest
    from parconv import machine
    assert machine.VECTOR_BYTES == int(sys.argv[1]), machine.VECTOR_BYTES
    sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *sys.argv[2:]]))
"""


@pytest.mark.parametrize(
    ("cpu", "needs", "width"), [("haswell", "avx2", 32), ("nehalem", "sse4.2", 16)]
)
def test_on_another_vector_unit(
    cpu: str, needs: str, width: int, run_python: RunPython, tmp_path: Path
) -> None:
    if not host_has(needs):
        pytest.skip(f"this machine has no {needs}")
    env = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = run_python(RUN, width, *[f"{__file__}::{name}" for name in SELECTION], env=env)
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


GUARDED = """
    import ctypes, faulthandler, mmap
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
        for channels, outputs, side in ((1, 1, 3), (16, 16, 7), (19, 35, 9), (40, 16, 14)):
            rng = np.random.default_rng(channels)
            f = rng.random((2, channels, side, side)).astype(dtype)
            g = rng.random((outputs, channels, 3, 3)).astype(dtype)
            for at_end in (True, False):
                for last in (True, False):
                    plan = parconv.plan2d(f, g, padding=1, method="winograd")
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
                    plan.run(source, packed._replace(values=values), out)
                    right = plan.run(f, packed, None)
                    assert np.ascontiguousarray(out).tobytes() == right.tobytes()
    print("survived")
"""


def test_memory_beside_the_arrays_is_left_alone(run_python: RunPython) -> None:
    assert "survived" in run_python(GUARDED).stdout
