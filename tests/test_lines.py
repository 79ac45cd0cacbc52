"""Distrusts rows that go one by one: few taps in a single row, over images read as they lie."""

import itertools

import numpy as np
import oracle
import pytest

import parconv
from parconv.methods import direct
from parconv.methods.direct import beside

LANES = direct.lanes_of(parconv.plan2d(((9, 99), "float32"), np.ones((1, 3), "f4")).problem)
WIDTHS = (2 * LANES + 3, 3 * LANES, 4 * LANES + 1, 5 * LANES - 1, 6 * LANES)
MODES = ({"mode": "valid"}, {"mode": "full"}, {"mode": "same"}, {"padding": ((0, 1), (3, 1))})
KINDS = {
    "float32": {},
    "float64": {},
    "uint16": {"accumulate": np.float64, "rounding": "trunc", "overflow": "wrap", "scale": 0.9},
}


def _taps(kind: str, count: int) -> np.ndarray:
    taps = np.random.default_rng(count).random((1, count)) + 0.1
    return (taps / taps.sum()).astype("f4" if kind == "float32" else "f8")


def _image(kind: str, width: int, rows: int = 7) -> np.ndarray:
    return (np.random.default_rng(width).random((rows, width)) * 999).astype(kind)


def _apart(f: np.ndarray) -> np.ndarray:
    """The same image in every other column, which is packed."""
    wide = np.zeros((f.shape[0], 2 * f.shape[1]), f.dtype)
    wide[:, ::2] = f
    return wide[:, ::2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("border", oracle.BORDERS)
def test_bits_are_those_of_packed_pixels(kind: str, border: str) -> None:
    """And what lies around the output stays; widths beside whole vectors, all ends of a row."""
    for width, mode, count in itertools.product(WIDTHS, MODES, (1, 2, 3, 5, 9)):
        f, g = _image(kind, width), _taps(kind, count)
        if kind != "uint16":
            f[3, [0, 5, -1]] = np.nan, np.inf, np.nan
        asked = {"boundary": border, "dtype": kind, "method": "direct", **mode, **KINDS[kind]}
        expected = parconv.conv2d(_apart(f), g, cval=7, **asked)
        around = np.full((expected.shape[0] + 2, expected.shape[1] + 2), 99, kind)
        parconv.conv2d(f, g, cval=7, out=around[1:-1, 1:-1], **asked)
        oracle.assert_same_bits(around[1:-1, 1:-1], expected, f"{width} {mode} {count}")
        around[1:-1, 1:-1] = 99
        assert (around == 99).all()


@pytest.mark.parametrize("border", oracle.BORDERS)
def test_results(border: str) -> None:
    for width, mode, count in itertools.product(WIDTHS, MODES, (2, 5)):
        f, g = _image("float32", width), _taps("float32", count)
        expected = oracle.expect(f, g, boundary=border, cval=7, **mode)
        out = np.full(expected.values.shape, np.nan, "f4")
        parconv.conv2d(f, g, boundary=border, cval=7, out=out, method="direct", **mode)
        oracle.assert_right(out, expected, np.float32, np.float32)


def test_rows_that_a_stride_leaves_out() -> None:
    f, g = _image("float32", 4 * LANES, 9), _taps("float32", 3)
    whole = parconv.conv2d(f, g, mode="same", method="direct")
    some = parconv.conv2d(f, g, mode="same", stride=(2, 1), method="direct")
    oracle.assert_same_bits(some, whole[::2])


@pytest.mark.parametrize(
    ("asked", "size", "goes"),
    [
        ({}, (1, 3), True),
        ({}, (1, beside.longest(LANES) + 1), False),
        ({}, (2, 3), False),
        ({"dilation": (1, 2)}, (1, 3), False),
        ({"stride": (1, 2)}, (1, 3), False),
        ({"dtype": "float64"}, (1, 3), False),
    ],
)
def test_which_go(asked: dict, size: tuple[int, int], goes: bool) -> None:
    g = np.random.default_rng(1).random(size, np.float32)
    problem = parconv.plan2d(((20, 200), "float32"), g, mode="same", **asked).problem
    assert beside.goes_by_lines(problem) == goes
    assert (beside.line_vectors(problem) > 0) == (goes and beside.FOLDS)


@pytest.mark.skipif(not beside.FOLDS, reason="ends of rows are packed here")
def test_ends_that_a_row_does_not_have() -> None:
    """Borders wider than a vector, and than the filter, and rows of hardly two vectors."""
    g = _taps("float32", 3)
    for padding, width in (((LANES + 1, 0), 99), ((0, 3), 99), ((1, 1), 2 * LANES)):
        asked = {"padding": ((0, 0), padding), "boundary": "edge", "method": "direct"}
        f = _image("float32", width)
        plan = parconv.plan2d(f, g, **asked)
        assert beside.line_vectors(plan.problem) == 0
        oracle.assert_same_bits(plan(f), plan(_apart(f)))
