"""Stores past the caches: every vector of them must be aligned, whatever the shapes and offsets.

A misaligned one kills the process, so the grid below is what stands between a user and that.
"""

import numpy as np
import pytest

import parconv
from parconv.codegen import machine
from parconv.methods import direct
from parconv.planner import choice as planner

LANES = machine.VECTOR_BYTES // 4


@pytest.fixture
def always_stream(monkeypatch):
    """Small images are stored as if they were larger than the caches."""
    monkeypatch.setattr(machine, "STREAM_BYTES", -1)
    direct.layout.cache_clear()
    planner.forget()
    yield
    direct.layout.cache_clear()
    planner.forget()


def _at_offset(shape, dtype, elements):
    """A NaN-filled array that starts so many elements after a cache line."""
    size = np.dtype(dtype).itemsize
    raw = np.zeros(int(np.prod(shape)) * size + 256, np.uint8)
    start = -raw.ctypes.data % machine.CACHE_LINE + elements * size
    out = raw[start : start + int(np.prod(shape)) * size].view(dtype).reshape(shape)
    out.fill(np.nan)
    return out


# borders narrower and wider than a vector and than two; widths that keep rows alike and not
@pytest.mark.parametrize("width", [6 * LANES, 7 * LANES + 4, 5 * LANES + 1])
@pytest.mark.parametrize("columns", [1, 3, 4, LANES + 1, 2 * LANES + 2, 3 * LANES + 5])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_at_every_offset(dtype, mode, columns, width, always_stream):
    _check_offsets(dtype, mode, (3, columns), width)


@pytest.mark.parametrize("width", [6 * LANES, 5 * LANES + 1])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_single_rows_at_every_offset(mode, width, always_stream):
    for columns in (1, 3, 9):
        _check_offsets(np.float32, mode, (1, columns), width)


def _check_offsets(dtype, mode, size, width):
    rng = np.random.default_rng(size[1])
    f = rng.random((2, 23, width)).astype(dtype)
    g = rng.standard_normal(size).astype(dtype)
    problem = parconv.plan2d(f, g, mode=mode).problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "STREAM_BYTES", 1 << 40)
        direct.layout.cache_clear()
        expected = parconv.conv2d(f, g, mode=mode, boundary="mirror")
    direct.layout.cache_clear()
    planner.forget()
    for offset in range(machine.CACHE_LINE // np.dtype(dtype).itemsize):
        out = _at_offset(problem.shape, dtype, offset)
        parconv.conv2d(f, g, mode=mode, boundary="mirror", out=out)
        assert out.tobytes() == expected.tobytes(), offset


# pages and a little more or less, at which lines of many rows share a set of the first-level cache
@pytest.mark.parametrize("width", [1023, 1024, 1028, 1032])
@pytest.mark.parametrize("rows", [1, 3, 5, 9])
@pytest.mark.parametrize("streamed", [False, True])
def test_crowded_rows_have_the_same_bits(rows, width, streamed, request):
    """Rows that would evict each other go by low tiles or are packed, if outputs lie alike."""
    if streamed:
        request.getfixturevalue("always_stream")
    rng = np.random.default_rng(rows)
    f, g = rng.random((2, 31, width), np.float32), rng.standard_normal((rows, 3))
    apart = np.zeros((2, 31, width + 100), np.float32)[..., :width]
    apart[...] = f
    expected = parconv.conv2d(apart, g, mode="same", method="direct")
    for offset in (f.ctypes.data % 4096 // 4, 16, 512):
        out = _at_offset((2 * 31 * width + 1024,), np.float32, 0)
        start = (4 * offset - out.ctypes.data) % 4096 // 4
        out = out[start : start + f.size].reshape(f.shape)
        parconv.conv2d(f, g, mode="same", method="direct", out=out)
        assert out.tobytes() == expected.tobytes(), offset
