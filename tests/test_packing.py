"""Distrusts what kernels share: pixels fetched with their border, sums stored, aligned columns."""

from functools import cache
from typing import Any

import numpy as np
import oracle
import pytest
from numba import from_dtype, njit, types
from numpy.testing import assert_array_equal

from parconv.codegen.foreign import ELEMENT, as_sums, ends
from parconv.codegen.jit import jit
from parconv.codegen.packing import aligned_after, fetch, rows_alike, store, within
from parconv.problem.borders import BOUNDARIES

PAD = {"constant": "constant", "edge": "edge", "symmetric": "symmetric", "mirror": "reflect",
       "wrap": "wrap"}  # fmt: skip


def in_columns(f: Any) -> Any:
    """The same numbers, of which the columns of each plane are runs."""
    return f.swapaxes(1, 2).copy().swapaxes(1, 2)


VIEWS = {
    "flat": lambda f: f,
    "columns first": lambda f: np.asfortranarray(f),
    "columns": lambda f: in_columns(f),
    "reversed": lambda f: f[..., ::-1].copy()[..., ::-1],
    "every other": lambda f: np.repeat(f, 2, -1)[..., ::2],
}


def _fetched(f, reads, where, down, across, fill, scratch, target, inner, beside):  # type: ignore[no-untyped-def]
    fetch(as_sums(f, scratch), reads, where, down, across, fill, scratch, target, inner, beside)


def _stored(scratch, source, out, writes, down, across):  # type: ignore[no-untyped-def]
    store(scratch, source, as_sums(out, scratch), writes, (1,), down, across)


def numbers(count: int) -> Any:
    return types.UniTuple(types.int64, count)


@cache
def fetcher(axes: int) -> Any:
    """One for images of every type, as kernels have it."""
    f, sums, yes = types.Array(ELEMENT, axes, "A"), types.float32[::1], types.boolean
    axis = numbers(6)
    signature = (
        f, types.int64, numbers(axes - 2), axis, axis, sums, sums, numbers(3), yes, yes,
    )  # fmt: skip
    return entry(_fetched, signature)


def fetched(f: Any, *rest: Any) -> None:
    reads, _ = ends(f.dtype, np.dtype("float32"), np.dtype("float32"))
    fetcher(f.ndim)(f, reads, *rest)


@cache
def storer(compute: str) -> Any:
    """The same of results."""
    sums, out = from_dtype(np.dtype(compute))[::1], types.Array(ELEMENT, 3, "A")
    return entry(_stored, (sums, numbers(3), out, types.int64, numbers(3), numbers(3)))


def stored(sums: Any, source: tuple[int, int, int], out: Any, down: Any, across: Any) -> None:
    _, writes = ends(sums.dtype, sums.dtype, out.dtype)
    storer(sums.dtype.name)(sums, source, out, writes, down, across)


def entry(function: Any, signature: tuple[Any, ...]) -> Any:
    """Called without a look at types, as kernels are."""
    dispatcher = jit(called=True)(function)
    dispatcher.compile(signature)
    return dispatcher.overloads[signature].entry_point


@njit
def aligned(out, at, unit):  # type: ignore[no-untyped-def]
    return aligned_after(out, at, unit), rows_alike(out, unit)


@njit
def inside(axis):  # type: ignore[no-untyped-def]
    return within(axis)


def indices(axis: tuple[int, ...]) -> Any:
    """Where the image has each index of an axis, -1 for the constant; as NumPy pads."""
    first, step, count, size, channels, border = axis
    around, name = 160, BOUNDARIES[border]
    pixels = np.arange(size // channels)
    constant = {"constant_values": -1} if name == "constant" else {}
    padded = np.pad(pixels, around, PAD[name], **constant)  # type: ignore[call-overload]
    every = np.where(padded >= 0, padded * channels, -channels)[:, None] + np.arange(channels)
    found = np.maximum(every, -1).ravel()
    return found[first + around * channels + step * np.arange(count)]


def expected(f: Any, down: tuple[int, ...], across: tuple[int, ...], constant: complex) -> Any:
    y, x = indices(down), indices(across)
    outside = (y < 0)[:, None] | (x < 0)
    return np.where(outside, constant, f[np.ix_(y, x)])


def axis_of(rng: np.random.Generator, size: int, channels: int, border: int) -> tuple[int, ...]:
    step, count = int(rng.integers(1, 4)) if rng.random() < 0.5 else 1, int(rng.integers(1, 40))
    return int(rng.integers(-12, size + 3)), step, count, size, channels, border


@pytest.mark.parametrize("dtype", ["uint8", "float32", "complex64"])
@pytest.mark.parametrize("view", VIEWS)
def test_blocks_are_those_of_the_padded_image(dtype: str, view: str) -> None:
    rng = np.random.default_rng([len(dtype), len(view)])
    for number in range(60):
        channels = int(rng.choice([1, 3]))
        shape = 2, int(rng.integers(2, 30)), channels * int(rng.integers(2, 14))
        image = rng.integers(0, 200, shape).astype(dtype)
        if dtype == "complex64":
            image += np.complex64(1j) * rng.integers(0, 200, shape).astype(np.float32)
        f = VIEWS[view](image)
        borders = rng.integers(0, len(BOUNDARIES), 2)
        down = axis_of(rng, shape[1], 1, int(borders[0]))
        across = axis_of(rng, shape[2], channels, int(borders[1]))
        rows, columns = down[2], across[2]
        step, part = columns + 3, rows * (columns + 3) if dtype == "complex64" else 0
        scratch = np.full(7 + 2 * rows * step, -1, np.float32)
        fill = np.array([5, 6], np.float32)
        fetched(f, (1,), down, across, fill, scratch, (7, step, part), True, True)
        want = expected(image[1], down, across, 5 + 6j if part else 5)
        got = scratch[7 : 7 + rows * step].reshape(rows, step)
        assert_array_equal(got[:, :columns], want.real, str((number, down, across)))
        assert (got[:, columns:] == -1).all()
        if part:
            got = scratch[7 + part : 7 + part + rows * step].reshape(rows, step)
            assert_array_equal(got[:, :columns], want.imag)
        else:
            assert (scratch[7 + rows * step :] == -1).all()


def test_parts_of_a_block_that_lie_there_already_are_left() -> None:
    f = np.arange(1, 13, dtype=np.float32).reshape(1, 1, 3, 4)
    down, across = (-1, 1, 5, 3, 1, 0), (-2, 1, 8, 4, 1, 0)
    for inner in (True, False):
        for beside in (True, False):
            scratch = np.full(40, -1, np.float32)
            fill = np.array([9], np.float32)
            fetched(f, (0, 0), down, across, fill, scratch, (0, 8, 0), inner, beside)
            got = scratch.reshape(5, 8)
            assert (got[[0, 4]] == 9).all()
            assert_array_equal(got[1:4, 2:6], f[0, 0] if inner else -np.ones((3, 4)))
            assert (got[1:4, [0, 1, 6, 7]] == (9 if beside else -1)).all()


def test_the_indices_within_an_image() -> None:
    rng = np.random.default_rng(1)
    for _ in range(500):
        first, step, count, size = (int(rng.integers(*ends)) for ends in (
            (-30, 30), (1, 5), (0, 20), (1, 25),
        ))  # fmt: skip
        places = first + step * np.arange(count)
        begin, end = inside((first, step, count, size))
        assert 0 <= begin <= end <= count
        assert_array_equal(np.flatnonzero((places >= 0) & (places < size)), np.arange(begin, end))


@pytest.mark.parametrize("view", ["C", "F"])
def test_sums_are_stored_rounded_or_with_their_imaginary_parts(view: Any) -> None:
    sums = np.linspace(-3, 260, 40).astype(np.float32)
    out = np.full((2, 3, 30), 7, np.uint8, order=view)
    stored(sums, (2, 0, 0), out, (2, 1, 1), (4, 1, 20))
    assert_array_equal(out[1, 2, 4:24], np.clip(np.rint(sums[2:22]), 0, 255))
    assert (out == 7).sum() == out.size - 20
    both = np.zeros((2, 3, 30), np.complex64, order=view)
    stored(sums, (0, 0, 20), both, (0, 1, 1), (5, 1, 20))
    assert_array_equal(both[1, 0, 5:25], sums[:20] + np.complex64(1j) * sums[20:])
    stored(sums, (1, 6, 0), both, (0, 2, 2), (1, 3, 5))
    assert_array_equal(both[1, ::2, 1:16:3], [sums[1:6], sums[7:12]])


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_sums_are_stored_in_columns(kind: str) -> None:
    """Of fewer rows and columns than a block, and of more, of which the last are pulled back."""
    for rows, columns in (7, 30), (30, 7), (8, 8), (21, 19):
        sums = np.random.default_rng(rows).normal(100, 90, 2 + rows * 32).astype(np.float32)
        out = np.full((2, 40, 35), 7, kind)
        stored(sums, (2, 32, 0), place := in_columns(out), (3, 1, rows), (2, 1, columns))
        found = sums[2:].reshape(rows, 32)[:, :columns]
        found = oracle.saturated(found.astype(float), kind) if kind == "uint8" else found
        out[1, 3 : 3 + rows, 2 : 2 + columns] = found
        oracle.assert_same_bits(place.copy(), out)


INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
SUMS = {
    "float32": [0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 127.5, 1e30, -1e30, np.inf, -np.inf, np.nan],
    "float64": [0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 127.5, 1e300, -1e300, np.inf, -np.inf, np.nan],
    "int64": [0, 1, -1, 100, -100, 2**53 + 1, -(2**62), 2**63 - 1, -(2**63)],
}


@pytest.mark.parametrize(
    "result", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
)
@pytest.mark.parametrize("compute", SUMS)
def test_sums_as_integers_round_half_to_even_and_saturate(compute: str, result: str) -> None:
    """Each once in whole vectors and once in the rest of a row; by runs, and one by one."""
    info = np.iinfo(result)
    limits = [int(n) + step for n in (info.min, info.max) for step in (-1, 0, 1)]
    if compute == "int64":
        limits = [n for n in limits if -(2**63) <= n < 2**63]
    values = np.array([*SUMS[compute], *limits, *(n // 2 for n in limits)], compute)
    sums = np.resize(np.concatenate([values, values[::-1]]), 5 * len(values))
    right = oracle.saturated(sums.astype(object if compute == "int64" else float), result)
    for step in (1, 2):
        out = np.full((2, 3, step * (len(sums) + 9)), 7, result)
        stored(sums, (0, 0, 0), out[..., ::step], (2, 1, 1), (4, 1, len(sums)))
        oracle.assert_same_bits(out[1, 2, ::step][4 : 4 + len(sums)].copy(), right, f"{step}")
        assert (out == 7).sum() == out.size - (right != 7).sum()


def test_aligned_elements() -> None:
    raw = np.zeros(4096, np.uint8)
    start = -raw.ctypes.data % 64
    for skipped in range(16):
        out = raw[start + 4 * skipped :][:2048].view(np.float32).reshape(2, 16, 16)
        found, alike = aligned(out, 3, 64)
        assert (out.ctypes.data + 4 * (3 + found)) % 64 == 0
        assert 0 <= found < 16
        assert alike
    assert not aligned(np.zeros((2, 3, 5), np.float32), 0, 64)[1]
