"""Distrusts the promise of equal bits: threads, strategies, bands, layouts, alignment, position."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BLOCK, LANES, METHODS, PANEL, ROWS, SINGLE, Poisoned, example, soak
from oracle import BORDERS, MODES, assert_same_bits

import parconv
from parconv.codegen import machine
from parconv.methods.direct.packing import STRIP_ROWS
from parconv.problem.bands import split_rows
from parconv.runtime.strategies import STRATEGIES

RNG = np.random.default_rng(11)
SHAPE = 2 * BLOCK + ROWS + 1, PANEL + SINGLE + 3
F = RNG.standard_normal(SHAPE, np.float32)
G = RNG.standard_normal((5, 4), np.float32)


def image(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    rng = np.random.default_rng([len(shape), *shape])
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        return rng.integers(0, 100, shape, kind)
    f = rng.standard_normal(shape)
    return (f + 1j * rng.standard_normal(shape) if kind.kind == "c" else f).astype(kind)


# --- threads, strategies, bands ------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("counts", [(1, 2, 3, 8), *soak((range(4, 8),))], ids=str)
def test_threads(counts: Sequence[int], method: str, strategy: str) -> None:
    """More workers than this machine has cores, too: each band is somebody else's."""
    options: dict[str, Any] = {"mode": "same", "boundary": "mirror", "method": method}
    f, g = example(method, SHAPE, G.shape)
    right = parconv.conv2d(f, g, threads=1, strategy="serial", **options)
    for threads in counts:
        answer = parconv.conv2d(f, g, threads=threads, strategy=strategy, **options)
        assert_same_bits(answer, right, f"threads={threads}")
        plan = parconv.plan2d(f, g, strategy=strategy, **options)
        plan = replace(plan, threads=threads, bands=split_rows(SHAPE[0], 3 * threads))
        assert_same_bits(plan(f), right, f"{threads} workers")


@pytest.mark.parametrize("strategy", ["serial", "prange", "threads"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("height", [1, 2, ROWS - 1, ROWS, ROWS + 1, BLOCK - 1, BLOCK + 1])
def test_band_heights(height: int, dtype: str, strategy: str) -> None:
    f, g = image((2, BLOCK + 7, SINGLE + 5), dtype), image((4, 3), dtype)
    plan = parconv.plan2d(f, g, mode="full", boundary="wrap", strategy=strategy, threads=2)
    right = replace(plan, strategy="serial")(f)
    rows = plan.problem.planes * plan.problem.plane[0]
    edges = [*range(0, rows, height), rows]
    bands = tuple(itertools.pairwise(edges))
    assert_same_bits(replace(plan, bands=bands, threads=2)(f), right)
    assert_same_bits(replace(plan, bands=bands[::-1], threads=2)(f), right, "last band first")


def test_a_band_fills_its_rows_and_no_others() -> None:
    right = parconv.conv2d(F, G, mode="same")
    plan = parconv.plan2d(F, G, mode="same")
    for start, stop in [(0, 1), (ROWS + 1, ROWS + 2), (5, BLOCK + 9), (SHAPE[0] - 1, SHAPE[0])]:
        given = Poisoned(SHAPE, np.float32)
        replace(plan, bands=((start, stop),))(F, given.out)
        given.check()
        assert_same_bits(given.out[start:stop], right[start:stop])
        assert np.isnan(given.out[:start]).all()
        assert np.isnan(given.out[stop:]).all()


def test_plan_conv2d_out_and_repetition() -> None:
    plan = parconv.plan2d(F, G, mode="full", boundary="edge")
    right = parconv.conv2d(F, G, mode="full", boundary="edge")
    for _ in range(3):
        assert_same_bits(plan(F), right)
        assert_same_bits(plan(F, np.empty_like(right)), right)


# --- layouts -------------------------------------------------------------------------------------


def misaligned(f: np.ndarray) -> np.ndarray:
    """The same values one byte off every boundary."""
    record = np.zeros(f.shape, np.dtype([("pad", "u1"), ("value", f.dtype)]))
    record["value"] = f
    return record["value"]


def offset(f: np.ndarray, start: int = 1) -> np.ndarray:
    """The same values, contiguous, ``start`` bytes off."""
    raw = np.zeros(f.nbytes + start, np.uint8)[start:].view(f.dtype).reshape(f.shape)
    raw[...] = f
    return raw


def spread(f: np.ndarray, steps: tuple[int, ...]) -> np.ndarray:
    """The same values, every so many elements of a larger array (backwards where negative)."""
    home = np.full([n * abs(s) for n, s in zip(f.shape, steps, strict=True)], 77, f.dtype)
    view = home[tuple(slice(None, None, abs(s)) for s in steps)]
    view = view[tuple(slice(None, None, 1 if s > 0 else -1) for s in steps)]
    view[...] = f
    return view


def read_only(f: np.ndarray) -> np.ndarray:
    f = f.copy()
    f.flags.writeable = False
    return f


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "upside down": lambda f: spread(f, (-1, 1)),
    "mirrored": lambda f: spread(f, (1, -1)),
    "turned": lambda f: spread(f, (-1, -1)),
    "every second row": lambda f: spread(f, (2, 1)),
    "every third column": lambda f: spread(f, (1, 3)),
    "every second backwards": lambda f: spread(f, (-2, -2)),
    "padded rows": lambda f: np.pad(f, ((2, 3), (1, 5)))[2:-3, 1:-5],
    "structured field": misaligned,
    "one byte off": offset,
    "byte-swapped": lambda f: f.astype(f.dtype.newbyteorder()),
    "byte-swapped field": lambda f: misaligned(f.astype(f.dtype.newbyteorder())),
    "read-only": read_only,
    "nested lists": lambda f: f.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16", "complex64", "float16"])
def test_layouts_of_the_image(dtype: str, layout: str) -> None:
    f, g = image((ROWS + 9, 2 * SINGLE + 5), dtype), image((3, 4), "float32")
    if layout == "nested lists":  # which are int64, float64 or complex128
        f = np.array(f.tolist())
    for mode in ("valid", "same"):
        right = parconv.conv2d(f, g, mode=mode, boundary="symmetric")
        answer = parconv.conv2d(LAYOUTS[layout](f), g, mode=mode, boundary="symmetric")
        assert_same_bits(answer, right, f"{layout} {mode}")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_the_filter(layout: str) -> None:
    f = image((20, 30), "float64")
    for g in (image((3, 4), "float64"), image((5, 6), "complex128")):
        right = parconv.conv2d(f, g, mode="same")
        assert_same_bits(parconv.conv2d(f, LAYOUTS[layout](g), mode="same"), right, layout)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "nested lists"])
def test_layouts_under_every_strategy(layout: str, strategy: str) -> None:
    f, g = F[: BLOCK + 3, : 3 * SINGLE + 5], G
    right = parconv.conv2d(f, g)
    answer = parconv.conv2d(LAYOUTS[layout](f), g, strategy=strategy, threads=2)
    assert_same_bits(answer, right, layout)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "complex64"])
def test_broadcast_image(dtype: str) -> None:
    """Strides of zero: one row, one column or one pixel standing for all."""
    row, g = image((1, SINGLE + 9), dtype), image((3, 3), "float32")
    for f in (
        np.broadcast_to(row, (ROWS + 5, SINGLE + 9)),
        np.broadcast_to(row.T, (SINGLE + 9, ROWS + 5)),
        np.broadcast_to(row[0, :1], (20, 30)),
        np.broadcast_to(row, (4, 7, SINGLE + 9)),
        np.broadcast_to(np.asarray(g)[0], (5, 3)),
    ):
        for mode in ("valid", "full"):
            right = parconv.conv2d(f.copy(), g, mode=mode)
            assert_same_bits(parconv.conv2d(f, g, mode=mode), right, str(f.shape))
    taps = np.broadcast_to(np.float32(0.3), (3, 5))
    assert_same_bits(parconv.conv2d(F, taps), parconv.conv2d(F, taps.copy()))


@pytest.mark.parametrize("access", ["r", "r+", "c"])
def test_memmap(access: Any, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"12345678" + F.tobytes())
    f = np.memmap(path, np.float32, access, offset=8, shape=SHAPE)
    right = parconv.conv2d(F, G, mode="same", boundary="mirror")
    out = np.memmap(tmp_path / "result", np.float32, "w+", shape=SHAPE)
    for strategy in STRATEGIES:
        answer = parconv.conv2d(
            f, G, mode="same", boundary="mirror", out=out, strategy=strategy, threads=2
        )
        assert answer is out
        assert_same_bits(np.asarray(out), right, strategy)
        out[...] = 0
    fresh = parconv.conv2d(f, G, mode="same", boundary="mirror")
    assert type(fresh) is np.ndarray
    assert_same_bits(fresh, right)
    assert path.read_bytes()[8:] == F.tobytes()


@pytest.mark.parametrize("axes", [(-2, -1), (0, 1), (1, 0), (0, 2), (2, 1)], ids=str)
def test_axes_are_only_a_layout(axes: tuple[int, int]) -> None:
    shape = [ROWS + 3] * 3
    shape[axes[0]], shape[axes[1]] = BLOCK + 1, SINGLE + 5
    f = image(tuple(shape), "float32")
    moved = np.ascontiguousarray(np.moveaxis(f, axes, (-2, -1)))
    right = np.stack([parconv.conv2d(plane, G, mode="full") for plane in moved])
    answer = parconv.conv2d(f, G, mode="full", axes=axes)
    assert_same_bits(np.moveaxis(answer, axes, (-2, -1)), right)
    given = np.empty(answer.shape, np.float32, order="F")
    assert_same_bits(parconv.conv2d(f, G, mode="full", axes=axes, out=given), answer)


# --- alignment, position, neighbourhood ----------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_alignment(dtype: str) -> None:
    """Image and output start at every element of a cache line."""
    f, g = image((ROWS + 6, 2 * SINGLE + LANES + 3), dtype), image((3, 5), dtype)
    right = parconv.conv2d(f, g)
    memory_in = np.zeros(f.size + 64, dtype)
    memory_out = np.zeros(right.size + 64, dtype)
    for start_in in range(16):
        source = memory_in[start_in : start_in + f.size].reshape(f.shape)
        source[...] = f
        for start_out in range(16):
            out = memory_out[start_out : start_out + right.size].reshape(right.shape)
            out[...] = np.nan
            parconv.conv2d(source, g, out=out)
            assert_same_bits(out, right, f"image {start_in}, output {start_out} elements off")


@pytest.mark.parametrize("border", ["constant", "mirror", "wrap"])
@pytest.mark.parametrize("taps", [(3, 3), (4, 2), (1, 9), (13, 13)])
def test_strips_beside_rows_read_in_place(taps: tuple[int, int], border: str) -> None:
    """Against the same image packed whole, for its columns run backwards."""
    g = image(taps, "float32")
    options: dict[str, Any] = {"boundary": border, "cval": 3, "method": "direct"}
    for rows, columns in itertools.product(
        (ROWS + 1, STRIP_ROWS + 2 * ROWS - 1, STRIP_ROWS + 2 * ROWS + 1),
        (6 * LANES - 1, 6 * LANES, 7 * LANES + 1, PANEL + LANES + 2),
    ):
        f = image((rows, columns), "float32")
        backwards = f[:, ::-1].copy()[:, ::-1]
        for mode in ("same", "full"):
            right = parconv.conv2d(backwards, g, mode=mode, **options)
            for margin in (0, 1, 5, LANES - 1):
                given = Poisoned(right.shape, np.float32, margin=margin)
                parconv.conv2d(f, g, mode=mode, out=given.out, **options)
                assert_same_bits(given.out, right, f"{f.shape} {mode}, margin {margin}")
                given.check()


@pytest.mark.parametrize("method", METHODS)
def test_scratch_left_by_another_call(method: str) -> None:
    """A thread keeps a plan's scratch, so a call finds there what the one before left."""
    kind = "uint8" if method in ("box", "dot") else "float32"
    f, g = image((40, 90), kind), np.ones((5, 5), "int64" if kind == "uint8" else "float32")
    reason = METHODS[method].applicable(parconv.plan2d(f, g).problem)
    if reason:
        pytest.skip(f"{method}: {reason}")
    plan = parconv.plan2d(f, g, mode="same", boundary="mirror", method=method, strategy="serial")
    right = plan(f)
    plan(np.full_like(f, 255 if kind == "uint8" else np.nan))
    assert_same_bits(plan(f), right)


@pytest.mark.parametrize("pitch", range(8))
def test_row_pitch(pitch: int) -> None:
    """Rows that start at a different alignment each."""
    width = 2 * SINGLE + 5
    home = np.zeros((3 * ROWS, width + pitch), np.float32)
    f = home[:, :width]
    f[...] = F[: 3 * ROWS, :width]
    right = parconv.conv2d(f.copy(), G, mode="same")
    assert_same_bits(parconv.conv2d(f, G, mode="same"), right)
    given = Poisoned(right.shape, np.float32, margin=pitch)
    assert_same_bits(parconv.conv2d(f, G, mode="same", out=given.out), right)
    given.check()


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "complex64"])
def test_a_crop_has_the_bits_of_the_whole(dtype: str) -> None:
    f, g = image((BLOCK + 20, PANEL + 90), dtype), image((4, 7), "float32")
    whole = parconv.conv2d(f, g)
    rng = np.random.default_rng(3)
    for _ in range(25):
        top, left = (int(rng.integers(0, n - 20)) for n in f.shape)
        height = int(rng.integers(4, f.shape[0] - top + 1))
        width = int(rng.integers(7, f.shape[1] - left + 1))
        crop = f[top : top + height, left : left + width]
        right = whole[top : top + height - 3, left : left + width - 6]
        assert_same_bits(parconv.conv2d(crop, g), right, f"crop {crop.shape} at {top}, {left}")
        assert_same_bits(parconv.conv2d(crop.copy(), g), right, "copied crop")


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_interior_does_not_see_the_border(dtype: str, border: str) -> None:
    f, g = image((BLOCK + 3, PANEL + 5), dtype), image((5, 3), dtype)
    right = parconv.conv2d(f, g)
    same = parconv.conv2d(f, g, mode="same", boundary=border, cval=7)
    full = parconv.conv2d(f, g, mode="full", boundary=border, cval=7)
    assert_same_bits(same[2:-2, 1:-1], right)
    assert_same_bits(full[4:-4, 2:-2], right)


@pytest.mark.parametrize("border", ["edge", "symmetric", "mirror", "wrap"])
def test_borders_equal_a_padded_image(border: str) -> None:
    names = {"symmetric": "symmetric", "mirror": "reflect"}
    f, g = F[:40, :90], G
    padded = np.pad(f, ((2, 2), (2, 1)), names.get(border, border))
    right = parconv.conv2d(padded, g)
    answer = parconv.conv2d(f, g, padding=((2, 2), (2, 1)), boundary=border)
    assert_same_bits(answer, right)


def test_stride_keeps_the_bits_of_every_stride_th_output_of_exact_sums() -> None:
    f, g = image((50, 70), "uint8"), image((4, 5), "uint8")
    for mode in MODES:
        whole = parconv.conv2d(f, g, mode=mode)
        answer = parconv.conv2d(f, g, mode=mode, stride=(3, 2))
        assert_same_bits(answer, np.ascontiguousarray(whole[::3, ::2]))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_offsets_beyond_31_bits(dtype: str, tmp_path: Path) -> None:
    """The last rows of more than 2**31 pixels, most of them holes in a file."""
    side, rows = 46_400, ROWS + 5
    assert side**2 > 2**31
    f = np.memmap(tmp_path / "image", dtype, "w+", shape=(side, side))
    kind = np.float32 if dtype == "float32" else np.int64
    out = np.memmap(tmp_path / "result", kind, "w+", shape=(side, side))
    g = image((3, 4), dtype)
    f[-rows:] = image((rows, side), dtype)
    plan = parconv.plan2d(f, g, mode="same", boundary="mirror", strategy="serial")
    last = side - rows + 1
    replace(plan, bands=((last, last + 2), (last + 2, side)))(f, out)
    right = parconv.conv2d(np.array(f[-rows:]), g, mode="same", boundary="mirror")
    assert_same_bits(np.array(out[last:]), right[1:])
    assert not out[last - 1].any()


# --- stores past the caches ----------------------------------------------------------------------


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Set how many bytes of result are stored into the caches; plans made before are as before."""

    def above(count: int) -> None:
        monkeypatch.setattr(machine, "STREAM_BYTES", count)
        for module in METHODS.values():
            module.layout.cache_clear()

    yield above
    monkeypatch.undo()
    above(machine.STREAM_BYTES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [256, 256 + SINGLE, 257])
def test_streamed_results(dtype: str, width: int, stream: Any) -> None:
    f, g = image((BLOCK + 5, width), dtype), image((3, 5), dtype)
    stream(1 << 60)
    right = parconv.plan2d(f, g, mode="same", boundary="mirror")(f)
    stream(0)
    plans = [parconv.plan2d(f, g, mode="same", boundary="mirror", threads=n) for n in (1, 2)]
    for start in (0, 1, 64 // f.itemsize):
        memory = np.full(f.size + 256, np.nan, dtype)
        first = -memory.ctypes.data % 64 // f.itemsize + start
        out = memory[first : first + f.size].reshape(f.shape)
        for plan in plans:
            out[...] = np.nan
            plan(f, out)
            assert_same_bits(out, right, f"{start} elements off")
        assert np.isnan(memory[:first]).all()
        assert np.isnan(memory[first + f.size :]).all()
    wide = np.full((f.shape[0], width + 64), np.nan, dtype)
    plans[0](f, wide[:, :width])
    assert_same_bits(np.ascontiguousarray(wide[:, :width]), right)
    assert np.isnan(wide[:, width:]).all()


def test_a_result_large_enough_to_be_streamed(stream: Any) -> None:
    columns = 1024
    rows = machine.STREAM_BYTES // (4 * columns) + 9
    f = np.random.default_rng(1).standard_normal((rows, columns), np.float32)
    streamed = parconv.conv2d(f, G, mode="same")
    assert streamed.nbytes > machine.STREAM_BYTES
    assert streamed.ctypes.data % machine.CACHE_LINE == 0
    stream(1 << 60)
    assert_same_bits(parconv.plan2d(f, G, mode="same", strategy="serial")(f), streamed)


@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (0, 2)])
def test_planes_of_one_pixel(axes: tuple[int, int]) -> None:
    """Of which there are as many as numbers."""
    shape = [1, 1, 1]
    (rest,) = {0, 1, 2} - set(axes)
    shape[rest] = 5
    f = np.arange(5, dtype=np.float32).reshape(shape)
    found = parconv.conv2d(f, np.float32([[0, 1, 0], [2, 3, 4], [0, 5, 0]]), mode="same", axes=axes)
    assert_same_bits(found, 3 * f)
