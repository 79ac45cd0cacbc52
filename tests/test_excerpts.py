"""Distrusts what is sent to other processes: the rows of a band and no more, with the same bits."""

import pickle
from typing import Any

import numpy as np
import pytest

import parconv
from parconv.methods import direct
from parconv.planner.excerpts import excerpt, run_band
from parconv.problem.bands import split_rows
from parconv.runtime import arrays
from parconv.runtime.crew.floats import current

RNG = np.random.default_rng(12)
BORDERS = ("constant", "edge", "symmetric", "mirror", "wrap")


def image(shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    return (100 * RNG.random(shape)).astype(dtype)


def outer(rows: int, columns: int) -> np.ndarray:
    return np.outer(RNG.random(rows), RNG.random(columns))


# Of every method, in bands of few rows: of one plane, several, colour, maps, steps.
CASES: dict[str, tuple[np.ndarray, np.ndarray, dict[str, Any]]] = {
    "direct": (image((150, 40)), RNG.random((3, 5)), {}),
    "direct planes": (image((3, 70, 40)), RNG.random((3, 5)), {"stride": 2, "dilation": (3, 1)}),
    "direct colour": (image((90, 40, 3)), RNG.random((5, 3)), {"axes": (0, 1)}),
    "separable": (image((200, 40)), outer(9, 7), {}),
    "rows": (image((200, 40)), outer(9, 7), {}),
    "short": (image((200, 40)), np.outer([1, 3, 5, 3, 1], [2, 7, 2]) / 99, {}),
    "short column": (image((200, 40)), outer(7, 1), {}),
    "box": (image((300, 40), "uint8"), np.ones((5, 5)), {}),
    "windows": (image((300, 40)), np.full((13, 5), 0.1), {}),
    "fft": (image((300, 90)), RNG.random((31, 17)), {}),
    "fft planes": (image((3, 301, 90)), RNG.random((12, 45)), {}),
    "layer": (image((2, 3, 50, 33)), RNG.random((6, 3, 3, 3)), {}),
    "layer groups": (image((2, 4, 40, 33)), RNG.random((6, 2, 5, 3)), {"groups": 2}),
    "channels": (image((2, 50, 33, 4)), RNG.random((16, 4, 3, 3)), {"axes": (1, 2)}),
    "depthwise": (image((2, 8, 20, 20)), RNG.random((8, 1, 3, 3)), {"groups": 8}),
    "planes": (image((2, 3, 150, 40)), RNG.random((6, 1, 3, 3)), {"groups": 3}),
    "planes of fft": (image((2, 300, 90)), RNG.random((2, 31, 31)), {}),
    "winograd": (image((2, 16, 50, 41)), RNG.random((16, 16, 3, 3)), {}),
    "gemm": (image((2, 3, 50, 33)), RNG.random((6, 3, 3, 3)), {}),
}
NAMED = {"layer": "direct"}
ZEROS_BEYOND = ("channels", "depthwise")  # is all they know


ASKED = [
    (kind, border)
    for kind in CASES
    for border in (("constant",) if kind in ZEROS_BEYOND else BORDERS)
]


@pytest.mark.parametrize(("kind", "border"), ASKED)
def test_a_band_from_its_excerpt_has_the_bits_of_the_whole(kind: str, border: str) -> None:
    f, g, options = CASES[kind]
    options = {"cval": 0 if kind in ZEROS_BEYOND else 3, **options}
    method = kind.split()[0]
    method = NAMED.get(method, method)
    for mode in ("same", "full"):
        plan = parconv.plan2d(f, g, mode=mode, boundary=border, method=method, **options)
        problem, right = plan.stage.inner, plan(f)
        where = plan.problem.map_axes, plan.problem.channels
        source = f if g.ndim != 3 else f[:, None]
        maps = arrays.planes(source, *where)
        target = arrays.planes(np.full_like(right, 7), *where)
        for start, stop in plan.stage.method.bands(plan.stage.inner, 7):
            given = pickle.loads(pickle.dumps(excerpt(method, problem, maps, start, stop)))
            for index, values in run_band(
                method, problem, given, plan.taps.values, start, stop, current()
            ):
                target[index] = values
        np.testing.assert_array_equal(target, arrays.planes(right, *where), mode)


def test_a_band_takes_the_room_of_its_rows() -> None:
    f, g = image((4000, 250)), RNG.random((9, 3))
    plan = parconv.plan2d(f, g, mode="same", boundary="mirror", method="direct")
    for start, stop in split_rows(4000, 10, direct.ROWS):
        given = excerpt("direct", plan.stage.inner, f[None], start, stop)
        rows = stop - start + 8
        assert len(pickle.dumps(given)) <= rows * 250 * 4 + 1000


def test_a_band_around_the_image_takes_both_ends() -> None:
    f = image((1000, 30))
    plan = parconv.plan2d(f, RNG.random((5, 3)), mode="same", boundary="wrap", method="direct")
    given = excerpt("direct", plan.stage.inner, f[None], 0, 100)
    assert [index for index, _ in given.pieces] == [(0, slice(0, 102)), (0, slice(998, 1000))]


def test_a_layer_s_band_takes_its_images_and_channels() -> None:
    f, g = image((8, 64, 40, 40)), RNG.random((64, 1, 3, 3))
    plan = parconv.plan2d(f, g, groups=64, method="depthwise")
    given = excerpt("depthwise", plan.stage.inner, f, 0, 32)  # half of the first image's planes
    assert [index for index, _ in given.pieces] == [(0, slice(0, 32), slice(0, 40))]
    assert len(pickle.dumps(given)) < 32 * 1600 * 4 + 1000


def test_processes_compute_the_same_bits() -> None:
    import joblib

    f, g = image((500, 300)), RNG.random((31, 17))
    for method in ("direct", "fft"):
        options = {"mode": "same", "boundary": "wrap", "threads": 2, "method": method}
        right = parconv.conv2d(f, g, **options)
        with joblib.parallel_config("loky"):
            found = parconv.conv2d(f, g, strategy="joblib", **options)
        np.testing.assert_array_equal(found, right, method)
