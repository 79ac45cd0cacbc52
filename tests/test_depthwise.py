"""Distrusts the depthwise method: against the definition, with equal bits however it is run, and
where data are not finite or arrays end at memory that must not be touched."""

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import Poisoned, RunPython
from oracle import Expected, assert_right, assert_same_bits, compute_type, expect

import parconv
from parconv.codegen import machine
from parconv.methods import depthwise
from parconv.methods.depthwise import numbers
from parconv.methods.depthwise.able import WIDEST
from parconv.methods.depthwise.strip import KINDS, MASKED, outputs
from parconv.methods.depthwise.sweep import SIZES, STRIDES, Kind
from parconv.planner import choice
from parconv.planner.plan import Plan
from parconv.runtime.strategies import STRATEGIES

LANES = machine.VECTOR_BYTES // 4
MOST = max(kind.vectors for kind in KINDS)


def image(shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
    return np.random.default_rng([5, *shape]).standard_normal(shape).astype(dtype)


def plan_of(f: Any, g: np.ndarray, **options: Any) -> Plan:
    given = {"method": "depthwise", "threads": 1, "groups": f.shape[-3], "correlate": True}
    plan: Plan = parconv.plan2d(f, g, **{**given, **options})
    return plan


def expected(f: np.ndarray, g: np.ndarray, **options: Any) -> Expected:
    """Plane by plane."""
    times = len(g) // f.shape[-3]
    planes = [
        expect(f[..., o // times, :, :], taps[0], correlate=True, **options)
        for o, taps in enumerate(g)
    ]
    return Expected(
        np.stack([plane.values for plane in planes], -3),
        np.stack([plane.moduli for plane in planes], -3),
        planes[0].terms,
    )


def check(f: np.ndarray, g: np.ndarray, **options: Any) -> None:
    """Right, and nothing written beside the output."""
    plan = plan_of(f, g, **options)
    given = Poisoned(plan.problem.shape, plan.problem.dtype)
    plan(f, given.out)
    given.check()
    compute = compute_type(f, g)
    right = expected(f, g, **options)
    assert_right(given.out, right, f.dtype, compute)
    assert_right(plan(f), right, f.dtype, compute)


def able(f: np.ndarray, g: np.ndarray, **options: Any) -> bool:
    """Whether the machine's vectors are long enough; nothing else may stand in the way."""
    problem = plan_of(f, g, **{**options, "method": "planes"}).problem
    reason = depthwise.applicable(problem)
    assert reason is None or "vectors of this machine" in reason, reason
    return reason is None


# --- against the definition ----------------------------------------------------------------------


def widths(size: int, stride: int, dtype: str) -> list[int]:
    """About ends of vectors, of strips and of several strips, in outputs."""
    lanes = LANES * 4 // np.dtype(dtype).itemsize
    whole = outputs(Kind(size, stride, 1), lanes)
    edges = (1, 2, whole, 2 * whole, 3 * whole, MOST * whole, (MOST + 1) * whole)
    limit = WIDEST * lanes
    return sorted({n + d for n in edges for d in (-1, 0, 1) if 0 < n + d <= limit})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("size", SIZES)
def test_widths(size: int, stride: int, dtype: str) -> None:
    """Rows that end at, before and after the end of a vector and of a strip."""
    g = image((2, 1, size, size), dtype)
    for columns in widths(size, stride, dtype):
        f = image((1, 2, 5, columns * stride), dtype)
        if able(f, g, stride=stride, padding=size // 2):
            check(f, g, stride=stride, padding=size // 2)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("size", SIZES)
def test_planes_smaller_than_the_filter(size: int, stride: int) -> None:
    g = image((3, 1, size, size))
    for rows, columns in itertools.product((1, 2, size - 1, size), repeat=2):
        f = image((2, 3, rows, columns))
        if able(f, g, stride=stride, mode="same"):
            for mode in ("valid", "same", "full"):
                if mode != "valid" or (rows < size) == (columns < size):
                    check(f, g, stride=stride, mode=mode)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "padding", [0, 1, ((2, 0), (0, 3)), ((0, 9), (7, 0)), (0, 2 * LANES + 3)], ids=str
)
def test_paddings(size: int, padding: Any) -> None:
    """Borders of one side, wider than the filter, wider than a vector."""
    g = image((2, 1, size, size))
    for columns, stride in itertools.product((9, 3 * LANES + 1, 4 * LANES + 5), STRIDES):
        f = image((1, 2, 11, columns))
        if able(f, g, stride=stride, padding=padding):
            check(f, g, stride=stride, padding=padding)


@pytest.mark.parametrize("multiplier", [1, 2, 3])
def test_multipliers(multiplier: int) -> None:
    f, g = image((3, 5, 9, 14)), image((5 * multiplier, 1, 3, 3))
    check(f, g, padding=1)
    check(f[0], g, padding=1, stride=2)


def test_a_bank_over_single_planes() -> None:
    f, g = image((4, 9, 30)), image((3, 5, 5))
    plan = parconv.plan2d(f, g, method="depthwise", mode="same")
    right = [expect(f, taps, mode="same") for taps in g]
    for o, plane in enumerate(right):
        assert_right(plan(f)[:, o], plane, "float32", np.float32)


def test_blocks_of_rows() -> None:
    """Planes of several blocks, cut where the result's lines do not end."""
    rows = 2 * numbers.BLOCK_BYTES // (4 * 37) + 5
    check(image((1, 2, rows, 37)), image((2, 1, 3, 3)), padding=1)
    check(image((1, 1, 2 * rows, 75)), image((1, 1, 3, 3)), padding=1, stride=2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dilation", [2, 3])
@pytest.mark.parametrize("size", SIZES)
def test_dilation(size: int, dilation: int, dtype: str) -> None:
    """Rows as long as vectors and strips, more and fewer than rows apart; planes that share one."""
    lanes = LANES * 4 // np.dtype(dtype).itemsize
    span = (size - 1) * dilation + 1
    for columns in (1, lanes // 2, lanes, lanes + 1, 3 * lanes - 1, (MOST + 1) * lanes + 3):
        for rows, padding in ((span, 0), (1, span // 2), (7, span - 1)):
            beside = (0, 0) if padding == 0 else (dilation, span - 1 - dilation)
            width = columns + span - 1 - sum(beside)
            if width < 1:
                continue
            f, g = image((2, 3, rows, width), dtype), image((3, 1, size, size), dtype)
            if MASKED or columns >= lanes:  # else vectors would reach into other rows
                check(f, g, dilation=dilation, padding=((padding, padding), beside))
    f, g = image((1, 2, 40, 41), dtype), image((4, 1, size, size), dtype)
    check(f, g, dilation=dilation, padding=size // 2 * dilation)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("stride", "dilation"), [(2, 2), (3, 3), (2, 4), (2, 6)])
@pytest.mark.parametrize("size", SIZES)
def test_dilations_of_whole_strides(size: int, stride: int, dilation: int, dtype: str) -> None:
    """Whichever rows and columns the first tap meets, and pixels that none does are not seen."""
    lanes = LANES * 4 // np.dtype(dtype).itemsize
    span = (size - 1) * dilation + 1
    g = image((3, 1, size, size), dtype)
    for columns in (lanes, lanes + 1, 3 * lanes - 1):
        for before in range(stride + 1):
            width = stride * (columns - 1) + span - before
            f = image((2, 3, span + 2, width), dtype)
            check(f, g, stride=stride, dilation=dilation, padding=((before, 0), (before, 0)))
    check(f, g, stride=stride, dilation=dilation, padding=span // 2)
    right = plan_of(f, g, stride=stride, dilation=dilation)(f)
    f[:, :, 1::stride], f[:, :, :, 1::stride] = np.nan, np.nan
    assert_same_bits(plan_of(f, g, stride=stride, dilation=dilation)(f), right)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("channels", [3, LANES + 1])
def test_layouts_of_dilated_filters(
    channels: int, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place and copied, to rows, to lines past the caches and one by one."""
    f, g = image((2, channels, 33, 2 * LANES + 3)), image((channels, 1, 3, 3))
    plan = plan_of(f, g, padding=2, dilation=2, stride=stride)
    whole = plan(f)
    for source in (f, *layouts(f)):
        for out in (np.zeros_like(whole), *layouts(np.zeros_like(whole))):
            plan(source, out)
            assert_same_bits(out, whole)
    monkeypatch.setattr(machine, "STREAM_BYTES", 0)
    depthwise.layout.cache_clear()
    choice.forget()
    assert_same_bits(plan_of(f, g, padding=2, dilation=2, stride=stride)(f), whole)
    depthwise.layout.cache_clear()
    choice.forget()


# --- equal bits ----------------------------------------------------------------------------------


def layouts(array: np.ndarray) -> Iterator[np.ndarray]:
    """The same maps in other places: channels last, reversed, with gaps, misaligned."""
    yield np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    yield np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    yield np.ascontiguousarray(array[:, ::-1, ::-1])[:, ::-1, ::-1]
    gaps = np.full([n + 3 for n in array.shape], np.nan, array.dtype)
    inner = gaps[tuple(slice(1, 1 + n) for n in array.shape)]
    inner[...] = array
    yield inner
    raw = np.empty(array.nbytes + 1, np.uint8)[1:]
    odd = raw.view(array.dtype).reshape(array.shape)
    odd[...] = array
    yield odd


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("columns", [1, 7, 13, 3 * LANES + 5])
@pytest.mark.parametrize("channels", [3, LANES, 2 * LANES + 3])
def test_layouts(channels: int, columns: int, stride: int, dtype: str) -> None:
    f, g = image((2, channels, 10, columns), dtype), image((channels, 1, 3, 3), dtype)
    plan = plan_of(f, g, padding=1, stride=stride)
    whole = plan(f)
    for source in layouts(f):
        assert_same_bits(plan(source), whole)
        for out in layouts(np.zeros_like(whole)):
            plan(source, out)
            assert_same_bits(out, whole)


@pytest.mark.parametrize(
    "padding", [((0, 0), (0, 0)), ((1, 2), (3, 0)), ((9, 7), (8, 12))], ids=str
)
@pytest.mark.parametrize("size", SIZES)
def test_channels_last(size: int, padding: Any) -> None:
    """Borders of every kind, with sums that cancel to zeros of either sign."""
    g = image((LANES + 1, 1, size, size))
    for rows, columns, stride in itertools.product((3, 8), (7, 19), STRIDES):
        f = np.maximum(image((2, LANES + 1, rows, columns)), 0)
        f[:, ::2] = 0
        total = [n + sum(p) for n, p in zip((rows, columns), padding, strict=True)]
        if min(total) >= size and able(f, g, stride=stride, padding=padding):
            plan = plan_of(f, g, stride=stride, padding=padding)
            out = next(layouts(np.zeros(plan.problem.shape, np.float32)))
            plan(next(layouts(f)), out)
            assert_same_bits(out, plan(f))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", [(3, 5, 7, 7), (2, 3, 57, 56), (2, 2 * LANES + 3, 3, 5)], ids=str)
def test_any_cut(shape: tuple[int, ...], last: bool) -> None:
    """Bands from any unit to any other, and what `regions` says of them."""
    f, g = image(shape), image((shape[1] * (1 if last else 2), 1, 3, 3))
    plan = plan_of(f, g, padding=1)
    _, work, fill, layout = plan.shared
    whole, problem = plan(f), plan.problem
    units = depthwise.units(problem)
    for start in range(units):
        for stop in {start + 1, (start + units + 1) // 2, units} - {start}:
            given = Poisoned(problem.maps, problem.dtype)
            scratch = work.new_scratch(1)[0]
            band = start, stop
            out = next(layouts(given.out)) if last else given.out
            source = next(layouts(f)) if last else f
            work.kernels.serial(source, plan.taps.values, fill, out, layout, scratch, *band)
            given.check()
            given.out[...] = out
            filled = np.zeros(problem.maps, bool)
            for index in depthwise.regions(problem, start, stop):
                filled[index] = True
            assert_same_bits(given.out[filled], whole[filled])
            assert np.isnan(given.out[~filled]).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_threads(strategy: str) -> None:
    f, g = image((4, 6, 28, 28)), image((6, 1, 3, 3))
    whole = plan_of(f, g, padding=1)(f)
    for threads in (1, 2, 3):
        assert_same_bits(plan_of(f, g, padding=1, threads=threads, strategy=strategy)(f), whole)


def test_streamed_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = image((2, 2 * LANES, 6, 11)), image((2 * LANES, 1, 3, 3))
    whole = plan_of(f, g, padding=1)(f)
    monkeypatch.setattr(machine, "STREAM_BYTES", 0)
    depthwise.layout.cache_clear()
    plan = plan_of(f, g, padding=1)
    for skip in (0, 1, 8):
        room = np.full(whole.size + 1100, np.nan, np.float32)
        skip += -room.ctypes.data // 4 % 1024
        out = room[skip : skip + whole.size].reshape(2, 6, 11, 2 * LANES).transpose(0, 3, 1, 2)
        plan(next(layouts(f)), out)
        assert_same_bits(out, whole)
        assert np.isnan(room[:skip]).all()
        assert np.isnan(room[skip + whole.size :]).all()
    depthwise.layout.cache_clear()


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize(
    "shape", [(3, 4, 11, 13), (3, 5, 7, 7), (2, 3, 14, 14), (1, 2, 5, (MOST + 1) * LANES)], ids=str
)
def test_streamed_results(
    shape: tuple[int, ...], stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the caches, from and to any alignment, with planes that end inside a line."""
    f, g = image(shape), image((shape[1], 1, 3, 3))
    whole = plan_of(f, g, padding=1, stride=stride)(f)
    monkeypatch.setattr(machine, "STREAM_BYTES", 0)
    depthwise.layout.cache_clear()
    plan = plan_of(f, g, padding=1, stride=stride)
    for skip in range(machine.CACHE_LINE // 4 + 1):
        room = np.full(whole.size + 40, np.nan, np.float32)
        out = room[skip : skip + whole.size].reshape(whole.shape)
        plan(f, out)
        assert_same_bits(out, whole)
        assert np.isnan(room[:skip]).all()
        assert np.isnan(room[skip + whole.size :]).all()
    depthwise.layout.cache_clear()


@pytest.mark.parametrize("columns", range(1, LANES + 1))
@pytest.mark.parametrize("size", SIZES[:2])
def test_planes_that_share_a_vector(size: int, columns: int) -> None:
    """Odd and even numbers of them, borders wider than the filter's, and none."""
    for channels, stride in itertools.product((1, 4, 5), STRIDES):
        f, g = image((2, channels, 8, columns)), image((channels, 1, size, size))
        for padding in (0, size // 2, (1, 4)):
            fits = padding != 0 or columns >= size
            if fits and able(f, g, stride=stride, padding=padding):
                check(f, g, stride=stride, padding=padding)


# --- what is not finite --------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("size", SIZES)
def test_footprint_is_that_of_the_filter(size: int, stride: int, value: float) -> None:
    columns = 3 * LANES + 5
    g = np.abs(image((1, 1, size, size))) + 1
    for y, x in [(0, 0), (3, LANES), (4, columns - 1), (8, 2 * LANES - 1)]:
        f = np.zeros((1, 1, 9, columns), np.float32)
        if able(f, g, stride=stride, padding=size // 2):
            f[0, 0, y, x] = value
            plan = plan_of(f, g, stride=stride, padding=size // 2)
            hit = expected((f != 0).astype(np.float32), g, stride=stride, padding=size // 2)
            np.testing.assert_array_equal(np.isfinite(plan(f)), hit.values == 0)


def test_infinite_taps_in_any_layout() -> None:
    f, g = image((1, 2, 6, 9)), image((2, 1, 3, 3))
    g[0, 0, 0, 0] = np.inf
    plan = plan_of(f, g, padding=1)
    for source in layouts(f):
        np.testing.assert_array_equal(plan(source), plan(f))


# --- the choice ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "taps", "options", "why"),
    [((1, 2, 9, 9), (2, 1, 3, 5), {}, "taps a side"),
     ((1, 2, 9, 9), (2, 1, 4, 4), {}, "taps a side"),
     ((1, 2, 9, 9), (2, 2, 3, 3), {"groups": 1}, "sums over 2"),
     ((1, 2, 9, 9), (2, 1, 3, 3), {"boundary": "edge", "padding": 1}, "border of zeros"),
     ((1, 2, 9, 9), (2, 1, 3, 3), {"cval": 1, "padding": 1}, "border of zeros"),
     ((1, 2, 9, 9), (2, 1, 3, 3), {"stride": 3}, "strides"),
     ((1, 2, 9, 9), (2, 1, 3, 3), {"dilation": (2, 1)}, "dilation"),
     ((1, 2, 9, 9), (2, 1, 3, 3), {"dilation": 3, "stride": 2}, "dilation"),
     ((1, 2, 9, 9), (2, 1, 3, 3), {"accumulate": "float64"}, "type of the image"),
     ((1, 2, 9, 999), (2, 1, 3, 3), {}, "vectors")],
    ids=str,
)  # fmt: skip
def test_refusals(
    shape: tuple[int, ...], taps: tuple[int, ...], options: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        plan_of(image(shape), image(taps), **options)


def test_layers_of_networks_choose_it() -> None:
    for shape, stride in [((8, 96, 56, 56), 1), ((8, 144, 56, 56), 2), ((8, 960, 7, 7), 1)]:
        f, taps = (shape, "float32"), ((shape[1], 1, 3, 3), "float32")
        options: dict[str, Any] = {"groups": shape[1], "padding": 1, "stride": stride}
        assert parconv.plan2d(f, taps, **options).method == "depthwise"


# --- other machines, other memory ----------------------------------------------------------------

GUARD = """
import ctypes, mmap
import numpy as np
import parconv
PAGE, ROOM = mmap.PAGESIZE, 1 << 18
libc = ctypes.CDLL(None)
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
memory = mmap.mmap(-1, ROOM + 2 * PAGE)
base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
for page in (base, base + PAGE + ROOM):
    assert libc.mprotect(page, PAGE, 0) == 0
rng = np.random.default_rng(3)
for size, stride, columns, at_end in np.ndindex(3, 2, 70, 2):
    size, stride, columns = 2 * size + 3, stride + 1, columns + 1
    f = rng.standard_normal((1, 2, 6, columns)).astype("float32")
    g = rng.standard_normal((2, 1, size, size)).astype("float32")
    plan = parconv.plan2d(
        f, g, groups=2, padding=size // 2, stride=stride, method="depthwise", threads=1
    )
    start = PAGE + (ROOM - f.nbytes if at_end else 0)
    source = np.ndarray(f.shape, f.dtype, memory, start)
    source[...] = f
    assert (plan(source) == plan(f)).all()
print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
@pytest.mark.skipif(LANES < 8, reason="too short vectors for the largest filter")
def test_nothing_beyond_the_image_is_read(run_python: RunPython) -> None:
    assert "done" in run_python(GUARD).stdout
