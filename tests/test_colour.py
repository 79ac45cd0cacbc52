"""Colours at the Python door: nothing filters over columns and colours without a word."""

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
import pytest

import parconv
from parconv.filters import ColourWarning

HELPERS: dict[str, Callable[..., Any]] = {
    "gaussian": lambda f, **axes: parconv.gaussian(f, 1, **axes),
    "box": lambda f, **axes: parconv.box(f, 3, **axes),
    "sobel": lambda f, **axes: parconv.sobel(f, axes.get("axes", (-1,))[-1], **axes),
    "prewitt": lambda f, **axes: parconv.prewitt(f, axes.get("axes", (-1,))[-1], **axes),
    "laplace": lambda f, **axes: parconv.laplace(f, **axes),
    "gaussian_laplace": lambda f, **axes: parconv.gaussian_laplace(f, 1, **axes),
}
helpers = pytest.mark.parametrize("helper", HELPERS.values(), ids=HELPERS)


@helpers
@pytest.mark.parametrize(
    ("shape", "axes"), [((5, 6, 3), "(0, 1)"), ((5, 6, 4), "(0, 1)"), ((2, 5, 6, 3), "(1, 2)")]
)
def test_a_last_axis_of_colours_warns_at_the_callers_line(
    helper: Callable[..., Any], shape: tuple[int, ...], axes: str
) -> None:
    for f in (np.zeros(shape), np.zeros(shape).tolist()):
        with pytest.warns(ColourWarning) as caught:
            helper(f)
        (told,) = caught
        assert f"pass axes={axes} if the last holds colours" in str(told.message)
        assert told.filename == __file__


@helpers
@pytest.mark.parametrize("shape", [(5, 3), (5, 4), (5, 6, 2), (5, 6, 5), (3, 5, 6)])
def test_other_shapes_do_not_warn(helper: Callable[..., Any], shape: tuple[int, ...]) -> None:
    assert helper(np.zeros(shape)).shape == shape  # a warning is an error in this suite


@helpers
@pytest.mark.parametrize("axes", [(-2, -1), (0, 1)])
def test_axes_that_are_spoken_of_do_not_warn(
    helper: Callable[..., Any], axes: tuple[int, int]
) -> None:
    f = np.random.default_rng(1).random((5, 6, 3))
    moved = np.moveaxis(f, axes, (-2, -1))
    result = np.moveaxis(helper(f, axes=axes), axes, (-2, -1))
    planes = [helper(np.ascontiguousarray(plane)) for plane in moved.reshape(-1, *moved.shape[-2:])]
    np.testing.assert_allclose(result.reshape(-1, *moved.shape[-2:]), planes, atol=1e-12)


# --- images of Pillow's --------------------------------------------------------------------------

PIL = pytest.importorskip("PIL.Image")
PIXELS = np.random.default_rng(1).integers(0, 256, (9, 11, 4), dtype=np.uint8)
G = np.array([[1, 2, 0], [0, -1, 3], [1, 1, 1]])

CALLS: dict[str, Callable[..., Any]] = {
    "conv2d": lambda f, **axes: parconv.conv2d(f, G, **axes),
    "correlate2d": lambda f, **axes: parconv.correlate2d(f, G, **axes),
    "a bank": lambda f, **axes: parconv.conv2d(f, [G, G], **axes),
    "plan2d": lambda f, **axes: parconv.plan2d(f, G, **axes)(f),
    **HELPERS,
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@calls
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "CMYK", "YCbCr"])
def test_several_bands_are_refused_unless_axes_say_so(call: Callable[..., Any], mode: str) -> None:
    picture = PIL.fromarray(PIXELS).convert(mode)
    message = rf"f is an image of mode '{mode}'.*pass axes=\(0, 1\), or f.convert\('L'\)"
    with pytest.raises(ValueError, match=message):
        call(picture)
    with pytest.raises(ValueError, match=message):
        call(picture, axes=(1, 2))
    for axes in ((0, 1), (-3, -2)):
        right = call(np.asarray(picture), axes=axes)
        np.testing.assert_array_equal(call(picture, axes=axes), right)


@calls
@pytest.mark.parametrize("mode", ["P", "PA"])
def test_numbers_of_colours_are_refused(call: Callable[..., Any], mode: str) -> None:
    picture = PIL.fromarray(PIXELS).convert("P").convert(mode)
    with pytest.raises(TypeError, match=rf"mode '{mode}'.*palette: pass f.convert\('L'\)"):
        call(picture)


@pytest.mark.parametrize("mode", ["L", "I", "F", "I;16"])
def test_one_band_is_a_plane_of_numbers(mode: str) -> None:
    if mode == "I;16":
        picture = PIL.fromarray(PIXELS[..., 0].astype(np.uint16) * 200)
    else:
        picture = PIL.fromarray(PIXELS[..., 0]).convert(mode)
    assert picture.mode == mode
    right = oracle.expect(np.asarray(picture), G).values
    np.testing.assert_array_equal(parconv.conv2d(picture, G), right)  # float32 holds all sums


def test_a_colour_picture_is_filtered_band_by_band() -> None:
    picture = PIL.fromarray(PIXELS[..., :3])
    result = parconv.conv2d(picture, G, axes=(0, 1))
    for band in range(3):
        np.testing.assert_array_equal(result[..., band], oracle.expect(PIXELS[..., band], G).values)


def test_a_stream_takes_arrays_of_colours() -> None:
    picture = PIL.fromarray(PIXELS[..., :3])
    with pytest.raises(ValueError, match=r"pass numpy\.asarray of it, and axes"):
        list(parconv.stream([picture], G))
    (result,) = parconv.stream([np.asarray(picture)], G, axes=(0, 1))
    np.testing.assert_array_equal(result, parconv.conv2d(picture, G, axes=(0, 1)))


def test_a_stream_of_pictures_knows_their_axes() -> None:
    pillow = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(3).integers(0, 256, (20, 30, 3), np.uint8)
    g = np.ones((3, 3)) / 9
    right = parconv.conv2d(pixels, g, axes=(0, 1), dtype="uint8")
    items = [pillow.fromarray(pixels)] * 2
    for found in parconv.stream(items, g, axes=(0, 1), dtype="uint8"):
        np.testing.assert_array_equal(found, right)
    with pytest.raises(ValueError, match="axes"):
        next(iter(parconv.stream(items, g)))
