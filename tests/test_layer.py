"""Distrusts the direct method of layers: tile edges, borders, units cut anywhere, memory's ends."""

import itertools
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import oracle
import pytest
from conftest import BANK_METHODS, Poisoned, RunPython, soak
from hypothesis import given, strategies as st
from oracle import BORDERS, MODES, assert_same_bits

import parconv
from parconv.codegen import machine
from parconv.methods import layer
from parconv.methods.layer import kernel, leaving, shape, streak, tile
from parconv.planner import choice

LANES = machine.VECTOR_BYTES // 4
PANEL = tile.VECTORS * LANES
ROWS = tile.ROWS
RNG = np.random.default_rng(5)


def numbers(size: tuple[int, ...], dtype: Any = "float32") -> Any:
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        return RNG.integers(-9 if kind.kind == "i" else 0, 100, size).astype(kind)
    return RNG.standard_normal(size).astype(kind)


def expect(f: Any, g: Any, groups: int = 1, **question: Any) -> oracle.Expected:
    """The layer by definition: a sum of single correlations for each filter."""
    outputs, inputs = g.shape[:2]
    found = []
    for o in range(outputs):
        first = o // (outputs // groups) * inputs
        terms = [
            oracle.expect(f[:, first + c], g[o, c], correlate=True, **question)
            for c in range(inputs)
        ]
        found.append((sum(term.values for term in terms), sum(term.moduli for term in terms)))
    values, moduli = (np.stack([part[n] for part in found], 1) for n in range(2))
    return oracle.Expected(values, moduli, inputs * g[0, 0].size)


def plan_of(f: Any, g: Any, **question: Any) -> Any:
    return parconv.plan2d(f, g, correlate=True, method="direct", **question)


def check(f: Any, g: Any, dtype: Any = None, groups: int = 1, **question: Any) -> None:
    plan = plan_of(f, g, dtype=dtype, groups=groups, threads=1, **question)
    given = Poisoned(plan.problem.shape, plan.problem.dtype)
    plan(f, given.out)
    given.check()
    compute = oracle.compute_type(f, g, dtype)
    right = expect(f, g, groups, **question)
    oracle.assert_right(given.out, right, plan.problem.dtype, compute, str(plan))


# --- right ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1)])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("mode", MODES)
def test_borders(mode: str, border: str, stride: Any) -> None:
    for dilation, groups in itertools.product((1, 2, (1, 3)), (1, 2)):
        question = {"mode": mode, "boundary": border, "stride": stride, "dilation": dilation}
        f, g = numbers((2, 4, 9, LANES + 8)), numbers((6, 4 // groups, 3, 4))
        check(f, g, groups=groups, cval=1.5, **question)
        check(f[..., :7], g[..., :2], groups=groups, **question)  # rows narrower than a vector


@pytest.mark.parametrize("width", [1, 2, LANES - 1, LANES, LANES + 1, PANEL - 1, PANEL, PANEL + 1])
@pytest.mark.parametrize("outputs", [1, 2, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 1])
def test_edges_of_tiles(width: int, outputs: int) -> None:
    for height, taps in itertools.product((1, 4), ((1, 1), (3, 3), (1, 2))):
        f, g = numbers((2, 3, height, width)), numbers((outputs, 3, *taps))
        check(f, g, padding=(taps[0] // 2, taps[1] // 2))


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
@pytest.mark.parametrize("plane", [(1, 1), (3, 3), (7, 7), (4, LANES), (28, 28)])
def test_batches_of_small_planes(plane: tuple[int, int], batch: int) -> None:
    f = numbers((batch, 5, *plane))
    check(f, numbers((11, 5, 3, 3)), mode="same")
    check(f, numbers((11, 5, 1, 1)))


def test_sizes_at_the_limits() -> None:
    check(numbers((1, 1, 3, 2)), numbers((3, 1, 7, 9)), mode="same", boundary="mirror")
    check(numbers((1, 1, 3, 2)), numbers((3, 1, 7, 9)))  # the filter covers the image
    check(numbers((2, 2, 4, 5)), numbers((3, 2, 3, 3)), dilation=7, padding=9)
    check(numbers((1, 2, 40, 50)), numbers((3, 2, 2, 2)), stride=17)
    check(numbers((1, 2, 40, 50)), numbers((3, 2, 2, 2)), stride=5, dilation=9, padding=3)
    check(numbers((1, 300, 5, 20)), numbers((2, 300, 3, 3)), mode="same")
    check(numbers((1, 1, 200, 130)), numbers((9, 1, 5, 5)), mode="same", boundary="wrap")
    check(numbers((2, 2, 0, 5)), numbers((3, 2, 1, 1)), padding=1, cval=2)
    for size in ((0, 2, 5, 5), (2, 2, 0, 5), (2, 2, 5, 0)):
        assert plan_of(f := numbers(size), numbers((3, 2, 3, 3)), mode="same")(f).size == 0


@pytest.mark.parametrize(
    ("image", "taps", "result"),
    [
        ("uint8", "int8", "uint8"),  # sums in float32
        ("uint8", "int64", None),
        ("int32", "int64", None),  # in int64
        *soak(("int16", "int16", "int16"), ("bool", "int8", "float32")),
    ],
)
def test_integers_are_exact(image: str, taps: str, result: str | None) -> None:
    f, g = numbers((2, 3, 6, 21), "int32").astype(image), numbers((9, 3, 3, 3), taps)
    check(f, g, result, mode="same", boundary="edge", cval=3)
    check(f[..., :5], g, result, mode="same", cval=3)


@pytest.mark.parametrize(
    ("image", "result"), [("float64", None), ("float16", None), ("uint8", None), ("int32", "uint8")]
)
def test_floating_filters(image: str, result: str | None) -> None:
    f, g = np.abs(10 * numbers((2, 3, 6, 41))).astype(image), numbers((9, 3, 3, 2), "float64")
    check(f, g, result, mode="same", boundary="symmetric", stride=(1, 2))
    check(f, g, result)


def test_integers_that_may_overflow_are_refused() -> None:
    f, g = np.full((1, 2, 3, 3), 2**40), np.full((2, 2, 1, 1), 2**30)
    with pytest.raises((ValueError, OverflowError)):
        parconv.correlate2d(f, g, method="direct")


@given(st.data())
def test_any_layer(data: Any) -> None:
    small = st.integers(1, 4)
    groups, inputs, multiple = (data.draw(small) for _ in range(3))
    size = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 80))
    taps = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    mode = data.draw(st.sampled_from(MODES[1:]))
    f = numbers((data.draw(small), groups * inputs, *size))
    check(
        f,
        numbers((groups * multiple, inputs, *taps)),
        groups=groups,
        mode=mode,
        boundary=data.draw(st.sampled_from(BORDERS)),
        stride=(data.draw(small), data.draw(small)),
        dilation=(data.draw(small), data.draw(small)),
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_footprint_is_that_of_the_filter(value: float) -> None:
    for width, taps in itertools.product((9, 40), ((3, 3), (1, 1))):
        f = numbers((3, 2, 9, width))
        f[1, 1, 4, 5] = value
        result = parconv.correlate2d(f, numbers((9, 2, *taps)), mode="same", method="direct")
        reach = taps[0] // 2
        touched = np.zeros(result.shape, bool)
        touched[1, :, 4 - reach : 5 + reach, 5 - reach : 6 + reach] = True
        np.testing.assert_array_equal(np.isfinite(result), ~touched)


# --- the same bits -------------------------------------------------------------------------------

CASES = [
    ((3, 6, 30, 40), (18, 3, 3, 3), {"mode": "same", "groups": 2}),
    ((5, 6, 30, 40), (17, 6, 1, 1), {}),
    ((9, 40, 7, 7), (20, 40, 3, 3), {"mode": "same", "boundary": "mirror"}),
    ((9, 4, 7, 7), (ROWS * shape.PACKED_BLOCKS, 4, 1, 1), {}),
    ((2, 2, 61, 70), (5, 2, 5, 5), {"stride": 2}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "x".join(map(str, case[0])))
def test_any_cut_of_units(case: Any) -> None:
    size, taps, question = case
    f, g = numbers(size), numbers(taps)
    plan = plan_of(f, g, threads=1, **question)
    right, total = plan(f), layer.units(plan.problem)
    for step in (1, 2, 5, max(1, total // 2)):
        bands = tuple((n, min(n + step, total)) for n in range(0, total, step))
        assert_same_bits(replace(plan, bands=bands)(f), right, f"{step} units")
        covered = np.zeros(plan.problem.maps, int)
        for band in bands:
            for index in layer.regions(plan.problem, *band):
                covered[index] += 1
        assert (covered == 1).all()
    given = Poisoned(right.shape, right.dtype)
    replace(plan, bands=((total // 3, total // 2),))(f, given.out)
    inside = np.zeros(right.shape, bool)
    for index in layer.regions(plan.problem, total // 3, total // 2):
        inside[index] = True
    np.testing.assert_array_equal(given.out[inside], right[inside])
    assert np.isnan(given.out[~inside]).all()
    given.check()


@pytest.mark.parametrize("case", CASES, ids=lambda case: "x".join(map(str, case[0])))
def test_any_layout(case: Any) -> None:
    size, taps, question = case
    f, g = numbers(size), numbers(taps)
    plan = plan_of(f, g, threads=1, **question)
    right = plan(f)
    last = np.ascontiguousarray(f.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    padded = np.zeros((*size[:3], size[3] + 3), np.float32)[..., 1:-2]
    padded[...] = f
    for name, image in {
        "channels last": last,
        "backwards": np.ascontiguousarray(f[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1, ::-1],
        "rows apart": padded,
        "batch inside": np.ascontiguousarray(f.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3),
        "repeated": np.broadcast_to(f[:1], size),
    }.items():
        expected = right if name != "repeated" else plan(np.ascontiguousarray(image))
        assert_same_bits(plan(image), expected, name)
    for order in ((0, 2, 3, 1), (1, 0, 2, 3), (3, 2, 1, 0)):
        shape_ = tuple(right.shape[axis] for axis in order)
        out = np.full(shape_, np.nan, np.float32).transpose(np.argsort(order))
        assert_same_bits(plan(f, out), right, f"output {order}")
    wide = np.full((*right.shape[:3], 2 * right.shape[3]), np.nan, np.float32)
    plan(f, wide[..., ::2])
    assert_same_bits(wide[..., ::2], right)
    assert np.isnan(wide[..., 1::2]).all()


@pytest.mark.parametrize("plane", [(32, 3 * LANES), (5, LANES + 3), (23, 2 * PANEL + 5)])
@pytest.mark.parametrize(("taps", "groups"), [(1, 1), (1, 2), (3, 1)])
def test_streamed_results(
    taps: int, groups: int, plane: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of large problems, which also fetch ahead; wherever in a line they begin."""
    f, g = numbers((5, 4, *plane)), numbers((groups * (ROWS + 1), 4 // groups, taps, taps))
    question = {"padding": taps // 2, "groups": groups, "threads": 1}
    right = plan_of(f, g, **question)(f)
    monkeypatch.setattr(machine, "STREAM_BYTES", 0)
    layer.layout.cache_clear()
    choice.forget()
    plan = plan_of(f, g, **question)
    assert (layer.layout(plan.problem)[kernel.L.gathered] > 0) == machine.FILLS_LINES
    for shift in (0, 1, LANES - 1):
        raw = np.full(right.size + 3 * LANES, np.nan, np.float32)
        start = (-raw.ctypes.data // 4) % LANES + shift
        out = raw[start:][: right.size].reshape(right.shape)
        assert_same_bits(plan(f, out), right)
        assert np.isnan(raw[:start]).all()
        assert np.isnan(raw[start + right.size :]).all()
    layer.layout.cache_clear()
    choice.forget()


# --- units ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("taps", range(1, 6))
@pytest.mark.parametrize("dilation", range(1, 5))
@pytest.mark.parametrize("stride", range(1, 5))
def test_an_axis_has_every_pixel(stride: int, dilation: int, taps: int) -> None:
    for outputs in (1, 2, 7):
        axis = shape._axis(outputs, taps, stride, dilation)
        for tap, output in itertools.product(range(taps), range(outputs)):
            track, index = divmod(axis.places[tap] + output, axis.length)
            assert axis.starts[track] + index * stride == tap * dilation + output * stride


@pytest.mark.parametrize("plane", [(7, 7), (5, 13), (6, 8), (3, 17)])
def test_outputs_of_tiles_across_images(plane: tuple[int, int]) -> None:
    f, g = numbers((9, 3, *plane)), numbers((260, 3, 1, 1))  # so many filters that panels pay
    check(f, g)
    check(f[::2], g)
    check(f[:, :, ::-1], g)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("plane", [(1, 1), (3, 5), (9, LANES), (37, 131)])
@pytest.mark.parametrize(
    "inputs", [1, streak.CHANNELS // 2 + 1, streak.CHANNELS - 1, 2 * streak.CHANNELS + 3]
)
def test_single_taps_of_a_filter_or_two(inputs: int, plane: Any, dtype: str) -> None:
    """Sums that wait in the output have the bits of tiles, unit by unit; nothing else is read."""
    for filters, groups, batch in ((1, 1, 3), (2, 1, 1), (2, 2, 2), (4, 2, 1)):
        f = numbers((batch, inputs * groups, *plane), dtype)
        g = numbers((filters, inputs, 1, 1), dtype)
        check(f, g, groups=groups)
        plan = plan_of(f, g, groups=groups, threads=1)
        right = plan(f)
        around = np.full((batch + 1, inputs * groups + 2, *plane), 10**6, dtype)
        around[:batch, 1:-1] = f
        flipped = np.ascontiguousarray(f[:, :, ::-1])[:, :, ::-1]
        for view in (around[:batch, 1:-1], flipped, np.asfortranarray(f)):
            assert_same_bits(plan(view), right)
        bands = tuple((n, n + 1) for n in range(layer.units(plan.problem)))
        assert_same_bits(replace(plan, bands=bands)(f), right)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("together", [1, 2, 4])
def test_blocks_of_filters_by_turns(
    together: int, padding: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one image a unit and of several, in place and staged; blocks of two sizes; rows apart."""
    outputs = 6 * ROWS + 3
    for plane, taps in (((23, 2 * PANEL + 5), 3), ((5, LANES + 3), 3), ((9, 4 * LANES), 1)):
        f, g = numbers((4, 2, *plane)), numbers((outputs, 2, taps, taps))
        whole = plan_of(f, g, padding=padding)(f)
        with monkeypatch.context() as patch:
            patch.setattr(leaving, "MANY_BYTES", 0)
            patch.setattr(leaving, "TOGETHER", together)
            layer.layout.cache_clear()
            choice.forget()
            plan = plan_of(f, g, padding=padding)
            assert layer.layout(plan.problem)[kernel.L.together] == together
            out = Poisoned(plan.problem.shape, plan.problem.dtype)
            plan(f, out.out)
        layer.layout.cache_clear()
        choice.forget()
        out.check()
        assert_same_bits(out.out, whole)


def test_bands_hold_as_many_outputs_each() -> None:
    problem = plan_of(numbers((1, 8, 56, 56)), numbers((64, 8, 1, 1))).problem
    regions = [layer.regions(problem, *band) for band in layer.bands(problem, 4)]
    ones = np.ones(problem.maps)
    sizes = [sum(ones[index].size for index in found) for found in regions]
    assert max(sizes) <= 1.1 * min(sizes)


def test_bands_cover_all_units() -> None:
    for size, taps, question in CASES:
        problem = plan_of(numbers(size), numbers(taps), **question).problem
        for parts in (1, 2, 7, 64):
            bands = layer.bands(problem, parts)
            assert [n for band in bands for n in range(*band)] == list(range(layer.units(problem)))


# --- memory --------------------------------------------------------------------------------------

GUARDED = """
    import ctypes, itertools, mmap
    import numpy as np
    import parconv

    PAGE, ROOM = mmap.PAGESIZE, 1 << 22
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def guarded(array, at_end):
        memory = mmap.mmap(-1, ROOM + 2 * PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for page in (base, base + PAGE + ROOM):
            assert libc.mprotect(page, PAGE, 0) == 0
        start = PAGE + (ROOM - array.nbytes if at_end else 0)
        found = np.ndarray(array.shape, array.dtype, memory, start)
        found[...] = array
        return found

    rng = np.random.default_rng(0)
    for size, taps, question, dtype, at_end in itertools.product(
        [(3, 3, 9, 40), (1, 4, 5, 17), (1, 2, 9, 16), (6, 3, 7, 7), (2, 1, 28, 28)],
        [(9, 1), (260, 1), (5, 3), (3, 5)],
        [{}, {"stride": 2}, {"mode": "same"}, {"dilation": 2, "mode": "same", "stride": 2}],
        ["float32", "uint8"],
        [True, False],
    ):
        f = (9 * rng.random(size)).astype(dtype)
        g = rng.integers(-9, 9, (taps[0], size[1], taps[1], taps[1])).astype("float32")
        plan = parconv.plan2d(f, g, correlate=True, method="direct", threads=1, **question)
        right = plan(f)
        out = guarded(np.zeros_like(right), at_end)
        assert plan(guarded(f, at_end), out).tobytes() == right.tobytes()
    print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no mprotect")
def test_nothing_beyond_the_arrays_is_touched(run_python: RunPython) -> None:
    assert "done" in run_python(GUARDED).stdout


def test_the_method_has_its_names() -> None:
    assert BANK_METHODS["direct"] is layer
