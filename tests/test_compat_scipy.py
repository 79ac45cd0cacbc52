"""Distrusts SciPy's names here: SciPy's own tests, run on our functions, and random calls."""

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hooked
import numpy as np
import pytest
from conftest import RunPython, soak
from hooked import Suite
from scipy import ndimage as their_images, signal as their_signals

import parconv.compat
from parconv.compat import ndimage, signal
from parconv.compat.ndimage import turns

RNG = np.random.default_rng(17)


# --- their own tests -----------------------------------------------------------------------------


OF_IMAGES = {
    "test_gauss03": "ours: images of float32 are summed in float32, off by 4e-8 of the sum of all",
    "test_multiple_modes_sequentially": "ours: all axes in one call differ by the last bit",
}
OF_SIGNALS = {
    "test_fft_nan": "SciPy's transforms spread NaN, and it warns of that; ours does not spread",
    "test_convolve_longdtype_input": "ours: long double is refused, by name",
}
FILTERS, TOOLS = "scipy.ndimage.tests.test_filters", "scipy.signal.tests.test_signaltools"
SUITES = (
    Suite("scipy.ndimage", FILTERS, "gauss or sobel or uniform", 100, OF_IMAGES),
    Suite("scipy.signal", TOOLS, "TestConvolve2d and not large", 20, OF_SIGNALS),
)
WHOLE = (
    Suite("scipy.ndimage", FILTERS, "", 7000, OF_IMAGES),
    Suite("scipy.signal", TOOLS, "Convolve or Correlate or AllFreq", 3000, OF_SIGNALS),
)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "suite",
    [SUITES[1], *soak((SUITES[0],), *((each,) for each in WHOLE))],
    ids=lambda suite: f"{suite.file.split('.')[-1]}-{suite.which[:9]}",
)
def test_their_own(suite: Suite, tmp_path: Path) -> None:
    """With our functions in SciPy's module before the tests import them, each call counted."""
    hooked.run(suite, tmp_path)


# --- calls drawn at random -----------------------------------------------------------------------


def numbers(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind in "ui":
        info = np.iinfo(kind)
        return RNG.integers(max(info.min, -999), min(info.max, 999), shape).astype(kind)
    found = RNG.standard_normal(shape)
    return (found + 1j * RNG.standard_normal(shape) if kind.kind == "c" else found).astype(kind)


def same(call: Callable[[Any], Any], ours: Any, theirs: Any, case: object, off: int = 0) -> None:
    """Equal results, or errors of the same type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            right = call(theirs)
        except Exception as error:
            with pytest.raises(type(error)):
                call(ours)
            return
        found = call(ours)
    assert (found.shape, found.dtype) == (right.shape, right.dtype), case
    if right.dtype.kind in "biu":
        assert np.abs(found.astype(float) - right.astype(float)).max(initial=0) <= off, case
    else:
        eps = np.finfo(right.dtype).eps
        scale = max(1.0, float(np.abs(right).max(initial=0)))
        np.testing.assert_allclose(found, right, rtol=0, atol=60 * eps * scale, err_msg=str(case))


def test_what_is_recalled_is_what_is_asked() -> None:
    """Of calls alike: other weights in the same array, equal words that are of other types."""
    f, taps = numbers((12, 9), "float64"), np.zeros((3, 3))
    words: dict[str, tuple[Any, ...]] = {
        "sigma": (1, 1.0, True, np.float64(1.5), 1.5, (1, 2), [1, 2], [2, 1], (1, 2.0), -1, "none"),
        "size": (3, (3, 5), [3, 5], [5, 3], 1, True, -1),
        "origin": (0, 1, True, -1, [0, 1], (1, 0), 2),
    }
    for image in (f, numbers((12, 9), "uint8"), numbers((9, 12), "float64")):
        for _ in range(3):
            taps += 1
            taps[1, 0] = -3
            for name in ("convolve", "correlate"):
                _same(name, image, taps)
                _same(f"{name}1d", image, taps[0], 0)
        for word in (*words["sigma"], *words["sigma"][::-1]):
            _same("gaussian_filter", image, word)
        for name, values in [*words.items()][1:]:
            for word in (*values, *values[::-1]):
                _same("uniform_filter", image, **{name: word})


@pytest.mark.parametrize(
    ("name", "word"), [("gaussian_filter", "order"), ("uniform_filter", "origin")]
)
def test_what_is_refused_spoils_no_later_call(name: str, word: str) -> None:
    f = numbers((9, 11), "float64")
    for values in ((0.0, 1.0), (0, 1), (0.0, 1.0)):
        same(lambda module: getattr(module, name)(f, 2, **{word: values}), ndimage, their_images,  # noqa: B023
             values)  # fmt: skip


def _same(name: str, *given: Any, **named: Any) -> None:
    same(lambda module: getattr(module, name)(*given, **named), ndimage, their_images, named)


# Of images and filters.  Their number has no factor of 15, modes and borders, so each meets all.
PAIRS = (
    ("float64", "float32"),
    ("int16", "int8"),
    ("complex64", "float64"),
    ("float32", "float32"),
)
MORE_PAIRS = (*PAIRS, ("uint8", "uint8"), ("int32", "int16"), ("float32", "complex64"))


@pytest.mark.parametrize("pairs", [PAIRS, *soak((MORE_PAIRS,))], ids=len)
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_two_dimensions(name: str, pairs: tuple[tuple[str, str], ...]) -> None:
    shapes = ((5, 7), (3, 3)), ((4, 2), (3, 5)), ((2, 2), (4, 6)), ((6, 6), (2, 4))
    borders = "fill", "wrap", "symm", "circular", "nonsense"
    types = itertools.cycle(pairs)
    for (f, g), mode, border in itertools.product(shapes, ("full", "same", "valid"), borders):
        kinds = next(types)
        a, b = numbers(f, kinds[0]), numbers(g, kinds[1])
        if name == "correlate2d" and kinds[0][0] == "c" and mode == "valid" and f < g:
            continue  # SciPy conjugates twice
        case = name, f, g, mode, border, kinds
        same(lambda module: getattr(module, name)(a, b, mode, border, 2), signal, their_signals,  # noqa: B023
             case)  # fmt: skip


@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve"])
def test_any_number_of_axes(name: str) -> None:
    for ndim, mode in itertools.product((1, 2, 3), ("full", "same", "valid")):
        for f, g in (((6, 5, 7), (3, 2, 4)), ((2, 3, 2), (3, 4, 2)), ((5, 5, 5), (1, 1, 1))):
            for kinds in (("float64", "float64"), ("int32", "int16"), ("float32", "complex64")):
                a, b = numbers(f[:ndim], kinds[0]), numbers(g[:ndim], kinds[1])
                same(lambda module: getattr(module, name)(a, b, mode), signal, their_signals,  # noqa: B023
                     (name, f[:ndim], g[:ndim], mode, kinds))  # fmt: skip


def test_some_axes() -> None:
    """The others meet each other, or stretch."""
    for f, g in (
        ((4, 6, 5), (4, 3, 2)),
        ((1, 6, 5), (4, 3, 2)),
        ((4, 6, 5), (1, 3, 2)),
        ((3, 6, 5), (4, 3, 2)),
    ):
        for axes, mode in itertools.product(
            ([1, 2], [-1], 1, [0, 2], [], [5]), ("full", "same", "valid")
        ):
            a, b = numbers(f, "float64"), numbers(g, "float64")
            same(lambda module: module.fftconvolve(a, b, mode, axes), signal, their_signals,  # noqa: B023
                 (f, g, axes, mode))  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "int32", "complex64"])
def test_sepfir2d(dtype: str) -> None:
    f = numbers((9, 12), dtype)
    for row, column in (
        ([1.0, 2, 1], [0.5]),
        ([1.0, -1, 0.25, 3, 2], [1.0, 2, 4]),
        ([1.0, 2], [1.0]),
    ):
        same(lambda module: module.sepfir2d(f, row, column), signal, their_signals, (row, column))  # noqa: B023


MODES = ("reflect", "constant", "nearest", "mirror", "wrap", "grid-wrap", "grid-constant",
         "grid-mirror", "other")  # fmt: skip


OUTPUTS = None, "float64", "int8", "uint16"


@pytest.mark.parametrize(
    ("dtype", "outputs"),
    [("uint8", OUTPUTS[:1]), ("float32", OUTPUTS[:3]), ("complex128", OUTPUTS[:1]),
     *soak(("uint8", OUTPUTS), ("float32", OUTPUTS), ("int16", OUTPUTS), ("float64", OUTPUTS),
           ("bool", OUTPUTS))],
)  # fmt: skip
def test_weights(dtype: str, outputs: tuple[str | None, ...]) -> None:
    f = numbers((5, 6, 7), "uint8") > 120 if dtype == "bool" else numbers((5, 6, 7), dtype)
    results = itertools.cycle(outputs)
    for name, mode, size in itertools.product(
        ("correlate", "convolve"), MODES, ((2, 3, 1), (3, 3, 3))
    ):
        g, output = numbers(size, "int8") / 4, next(results)
        for origin in (0, (0, -1, 0), (1, 1, 0)):
            same(lambda m: getattr(m, name)(f, g, output, mode, 3, origin), ndimage, their_images,  # noqa: B023
                 (name, mode, size, output, origin))  # fmt: skip
        same(lambda m: getattr(m, name)(f, g[0], output, mode, 1.5, axes=(0, 2)), ndimage,  # noqa: B023
             their_images, (name, mode, size, output))  # fmt: skip
        for axis in (0, -1, 7):
            same(lambda m: getattr(m, name + "1d")(f, g[0, :, 0], axis, output, mode, 1), ndimage,  # noqa: B023
                 their_images, (name, mode, size, output, axis))  # fmt: skip


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", *soak("int16")])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_named_filters(ndim: int, dtype: str) -> None:
    f, off = (
        numbers((9, 8, 7)[:ndim], dtype),
        1,
    )  # a sum at a whole number may be truncated below it
    for mode, output in itertools.product(MODES[:5], (None, "float64", "int32")):
        calls: dict[str, Callable[[Any], Any]] = {
            "gaussian": lambda m: m.gaussian_filter(f, 1.2, 0, output, mode, 1),  # noqa: B023
            "slope": lambda m: m.gaussian_filter(f, 1, [1] + [0] * (ndim - 1), output, mode),  # noqa: B023
            "one": lambda m: m.gaussian_filter1d(f, 0.8, 0, 2, output, mode, truncate=3),  # noqa: B023
            "mean": lambda m: m.uniform_filter(f, 3, output, mode, 2),  # noqa: B023
            "means": lambda m: m.uniform_filter(f, range(2, 2 + ndim), output, mode, origin=-1),  # noqa: B023
            "sobel": lambda m: m.sobel(f, 0, output, mode),  # noqa: B023
            "prewitt": lambda m: m.prewitt(f, -1, output, mode, 3),  # noqa: B023
            "laplace": lambda m: m.laplace(f, output, mode),  # noqa: B023
            "blobs": lambda m: m.gaussian_laplace(f, 1, output, mode),  # noqa: B023
            "length": lambda m: m.gaussian_gradient_magnitude(f, 1, output, mode),  # noqa: B023
        }
        for name, call in calls.items():
            steps = 3 if name in ("blobs", "length", "slope") else off  # a step for each axis
            same(call, ndimage, their_images, (name, ndim, dtype, mode, output), steps)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", *soak("int16")])
@pytest.mark.parametrize("axes", [None, (1, 0, 2), (2, 1), (1,), (0, 3), (3, 2, 1, 0)])
def test_some_items_at_a_time(dtype: str, axes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Integers lie between the axes; results have the same bits however many items go together.

    11 items of 5 x 6 x 7, three at a time of uint8, one of others: the last part is smaller.
    """
    f = numbers((11, 5, 6, 7), dtype)
    calls: list[Callable[[Any, Any, Any], Any]] = [
        lambda m, f, out: m.gaussian_filter(f, 1.1, 0, out, "mirror", axes=axes),
        lambda m, f, out: m.uniform_filter(f, 3, out, "wrap", origin=-1, axes=axes),
    ]
    for call in calls:
        right = call(ndimage, f, None)
        same(lambda m: call(m, f, None), ndimage, their_images, (dtype, axes), 4)  # noqa: B023
        monkeypatch.setattr(turns, "TOGETHER", 700)
        buffer = np.concatenate([f, f[:1]])
        outs = f.copy(), np.empty((11, 5, 7, 6), f.dtype).swapaxes(2, 3), buffer[1:]
        images = outs[0], f, buffer[:-1]  # in place, of another layout, overlapping
        for image, out in zip(images, outs, strict=True):
            call(ndimage, image, out)
            np.testing.assert_array_equal(out, right)
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("dtype", "output"),
    [
        ("int16", None),
        *soak(("int8", None), ("uint16", "int32"), ("int32", "uint8"), ("int64", None)),
    ],
)
def test_means_of_integers_are_truncated_towards_zero(dtype: str, output: str | None) -> None:
    """To the last bit."""
    f = numbers((9, 40), dtype)
    for size, mode in itertools.product((2, 3, 7, 9), ("reflect", "constant")):
        same(lambda m: m.uniform_filter(f, size, output, mode, -7.5), ndimage, their_images,  # noqa: B023
             (dtype, size, mode))  # fmt: skip
    same(lambda m: m.uniform_filter1d(f, 5, 0, output, "wrap"), ndimage, their_images, dtype)


def test_nan_under_taps_of_both_axes() -> None:
    """Zeros between the taps of a slope meet it, those beside a cross do not."""
    f = numbers((9, 11), "float64")
    f[4, 5] = np.nan
    for name, mode in itertools.product(("sobel", "prewitt", "laplace"), ("reflect", "constant")):
        for cval in (0, 2):
            for _ in range(3):
                _same(name, f, mode=mode, cval=cval)
    for order in ((0, 1), (1, 1), (2, 0)):
        _same("gaussian_filter", f, 1, order)
    _same("gaussian_gradient_magnitude", f, 1)


@pytest.mark.parametrize("name", ["sobel", "prewitt", "laplace"])
def test_a_constant_that_the_image_cannot_hold_is_refused(name: str) -> None:
    """Whatever the border is."""
    for mode, cval in itertools.product(("reflect", "constant"), (1j, "x")):
        with pytest.raises(ValueError, match="complex-valued cval" if cval == 1j else "float"):
            getattr(ndimage, name)(np.ones((4, 4)), mode=mode, cval=cval)


def test_no_weights() -> None:
    """An axis too many, of no weights, leaves zeros; as many axes as the image has are too few."""
    f = numbers((4, 5), "int16")
    for size in ((0, 3, 3), (3, 0, 3), (3, 3, 0), (0, 3), (3, 0), (0,), (0, 0, 3)):
        for name, output in itertools.product(("correlate", "convolve"), (None, "float64")):
            same(lambda m: getattr(m, name)(f, np.ones(size), output), ndimage, their_images,  # noqa: B023
                 (name, size))  # fmt: skip


def test_outputs() -> None:
    f = numbers((6, 7), "float32")
    for output in (
        np.float64,
        "uint8",
        np.dtype("int16"),
        "bool",
        "U",
        np.zeros((2, 2)),
        np.float16,
    ):
        same(lambda m: m.correlate1d(f, [1, 2], output=output), ndimage, their_images, output)  # noqa: B023
    kept = np.zeros((6, 7), ">f8")
    assert ndimage.gaussian_filter(f, 1, output=kept) is kept
    np.testing.assert_allclose(
        kept, their_images.gaussian_filter(f, 1, output=np.float64), rtol=1e-6
    )
    right = their_images.uniform_filter(f, 3)
    ndimage.uniform_filter(f, 3, output=f)
    np.testing.assert_allclose(f, right, rtol=1e-5, atol=1e-6)


# --- in SciPy's place ----------------------------------------------------------------------------


def test_installed_and_removed() -> None:
    theirs = their_signals.convolve2d
    with parconv.compat.install("scipy.signal") as installed:
        assert "convolve2d" in installed.names
        assert their_signals.convolve2d is signal.convolve2d
    assert their_signals.convolve2d is theirs
    with pytest.raises(ValueError, match=r"name='scipy\.fft': pass one of"):
        parconv.compat.install("scipy.fft")


def test_scipy_is_not_imported(run_python: RunPython) -> None:
    run_python(
        """
        import sys
        from parconv.compat import ndimage, signal
        ndimage.gaussian_filter([[1.0, 2.0]], 1), signal.convolve2d([[1]], [[1]])
        assert not {"scipy.ndimage", "scipy.signal"} & set(sys.modules)
        """
    )
