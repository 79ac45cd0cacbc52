"""Distrusts skimage's names here: every function and argument against skimage itself."""

import importlib
import inspect
import itertools
import tomllib
import warnings
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import hooked
import numpy as np
import pytest
from conftest import RunPython, soak
from hooked import Suite

import parconv.compat
from parconv.compat import skimage as ours

theirs = pytest.importorskip("skimage.filters", reason="scikit-image is not installed")
RNG = np.random.default_rng(26)
MODES = ("reflect", "nearest", "mirror", "wrap", "constant", "nonsense")
MORE = soak("bool", "uint16", "int8", "int16", "uint32", "int64", "float16", "longdouble",
            "complex128", ">f4")  # fmt: skip
TYPES = "uint8", "float64", "float32", *MORE
FLOATS = "float64", "float32", *soak("uint8"), *MORE  # of bytes kernels are seldom shared
OF_PLANES = ("sobel_h", "sobel_v", "scharr_h", "scharr_v", "prewitt_h", "prewitt_v", "farid_h",
             "farid_v", "roberts", "roberts_pos_diag", "roberts_neg_diag", "laplace")  # fmt: skip
OF_AXES = ("sobel", "scharr", "prewitt", "farid")


def image(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return RNG.random(shape) > 0.5
    if kind.kind in "ui":
        info = np.iinfo(kind)
        return RNG.integers(info.min, info.max, shape, kind, endpoint=True)
    return RNG.uniform(-1, 1, shape).astype(kind)


def check(name: str, *arguments: Any, off: float = 0, **words: Any) -> None:
    """Equal to skimage's result, or an error of the same type."""
    case = f"{name}{[getattr(each, 'shape', each) for each in arguments]} {words}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            right = getattr(theirs, name)(*arguments, **words)
        except Exception as error:
            with pytest.raises(type(error)):
                getattr(ours, name)(*arguments, **words)
            return
        found = getattr(ours, name)(*arguments, **words)
    several = found if isinstance(found, tuple) else (found,)
    for one, other in zip(several, right if isinstance(right, tuple) else (right,), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype), case
        scale = max(1.0, float(np.abs(other).max(initial=0)))
        # whole numbers are truncated: a sum next to one may be 1 less, of int64 a rounding
        bound = (2e-6 if one.dtype.char in "fF" else 1e-13) * scale + (one.dtype.kind in "biu")
        np.testing.assert_allclose(one, other, rtol=0, atol=max(off, bound), err_msg=case)


def masks(shape: tuple[int, ...]) -> tuple[Any, ...]:
    return None, RNG.random(shape) > 0.1, (RNG.random(shape) > 0.1).astype(int)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", OF_PLANES)
def test_edges_of_planes(name: str, dtype: str) -> None:
    """And what they refuse: signals, volumes and nothing, but for the Laplacian."""
    for shape in ((9, 13), (1, 5), (3, 2), (4,), (3, 4, 5), (0, 3)):
        f = image(shape, dtype)
        for mask in masks(shape):
            check(name, f, mask=mask)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", OF_AXES)
def test_edges_along_axes(name: str, dtype: str) -> None:
    modes = itertools.cycle(MODES)
    for shape in ((9, 13), (7,), (5, 6, 7), (3, 2)):
        f = image(shape, dtype)
        for axis, mask in itertools.product((None, 0, -1, (0, -1), [0], 3, ()), masks(shape)):
            check(name, f, mask, axis=axis, mode=next(modes), cval=0.25)


@pytest.mark.parametrize("dtype", TYPES)
def test_gaussians(dtype: str) -> None:
    modes = itertools.cycle((*MODES, ["nearest", "wrap"]))
    for shape, channels in (((12, 17), None), ((30,), None), ((6, 7, 8), None), ((9, 8, 3), -1),
                            ((2, 9, 8), 0), ((0, 4), None), ((5, 1), 1)):  # fmt: skip
        f = image(shape, dtype)
        for sigma, kept in itertools.product((1, 0, 2.5, (1, 0.5), [0.7, 0, 2], -1), (False, True)):
            check("gaussian", f, sigma, channel_axis=channels, mode=next(modes), cval=0.5,
                  preserve_range=kept, truncate=3.0)  # fmt: skip


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "float16"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_gaussians_into_an_array(dtype: str, kind: str) -> None:
    f = image((12, 17), dtype)
    made = [np.full(f.shape, 7, kind) for _ in range(2)]
    check("gaussian", f, 1.5, out=made[0])
    if np.dtype(kind).char in "fd":
        right = theirs.gaussian(f, 1.5, out=made[1])
        assert ours.gaussian(f, 1.5, out=made[0]) is made[0]
        np.testing.assert_allclose(made[0], right, atol=1e-6)


@pytest.mark.parametrize("dtype", TYPES)
def test_contrasts(dtype: str) -> None:
    for shape, channels in (((12, 17), None), ((30,), None), ((6, 7, 8), None), ((9, 8, 3), -1)):
        f = image(shape, dtype)
        for low, high in ((1, None), (1, 3), ((1, 2), (2, 2.5)), (2, 1), (0, 0.5), ((1,), (2,)),
                          ([1] * 4, None), (-1, 1)):  # fmt: skip
            for mode in ("nearest", "constant"):
                check("difference_of_gaussians", f, low, high, channel_axis=channels, mode=mode,
                      cval=0.5)  # fmt: skip
        for radius, amount, kept in itertools.product((1, 0, (2, 0.5), -1), (1, -0.5, 4), (0, 1)):
            # counted from the first: skimage 0.26 leaves memory as it was where channels lie at -1
            counted = None if channels is None else channels % f.ndim
            check("unsharp_mask", f, radius, amount, bool(kept), channel_axis=counted)


@pytest.mark.parametrize("dtype", FLOATS)
def test_waves(dtype: str) -> None:
    for shape in ((25, 31), (4, 60), (9,)):
        f = image(shape, dtype)
        for words in ({"frequency": 0.3}, {"frequency": 0.1, "theta": 0.6, "mode": "wrap"},
                      {"frequency": 0.4, "sigma_x": 2, "sigma_y": 1, "offset": 1, "n_stds": 2},
                      {"frequency": 0.2, "bandwidth": 2, "theta": 2, "mode": "constant",
                       "cval": 0.5}, {"frequency": 0}):  # fmt: skip
            check("gabor", f, off=2e-5 if dtype in ("float32", ">f4", "float16") else 0, **words)
    for kind in ("complex64", "complex128", "float64"):
        check("gabor_kernel", 0.2, 0.3, 1.5, None, 2.0, 2, 0.1, kind)


@pytest.mark.parametrize("dtype", FLOATS)
def test_few_weights(dtype: str) -> None:
    modes = (*MODES, "edge", "symmetric", "valid", "maximum")
    for shape, size in (((9, 11), (3, 5)), ((20,), (7,)), ((5, 6, 7), (3, 3, 1)), ((8, 9), (2, 3))):
        f, g = image(shape, dtype), RNG.integers(-2, 3, size) / 4
        g[(0,) * g.ndim] = 0
        for mode in modes:
            check("correlate_sparse", f, g, mode, off=1e-12 * np.abs(f).max().astype(float))
            check("correlate_sparse", f, g.astype(np.float32), mode,
                  off=1e-6 * np.abs(f).max().astype(float))  # fmt: skip


def test_ranges_are_skimages() -> None:
    """Ends of the types' ranges become 0, 1 and -1 exactly; constants outside are in that range."""
    for dtype in ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "bool"):
        ends = (False, True) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        for value in ends:
            f = np.full((7, 8), value, dtype)
            check("gaussian", f, 2)
            check("sobel", f, mode="constant", cval=0.5)
        found = ours.gaussian(np.full((7, 8), ends[1], dtype), 0)
        assert (found == 1).all()
    assert (ours.sobel(np.full((40, 50), 77, np.uint8)) == 0).all()


def test_signatures_are_skimages() -> None:
    for name in ours.__all__:
        mine, right = (inspect.signature(getattr(m, name)).parameters for m in (ours, theirs))
        plain = [[(p.name, p.kind, p.default) for p in each.values()] for each in (mine, right)]
        assert plain[0] == plain[1], name


def test_nothing_of_a_peer_computes(monkeypatch: pytest.MonkeyPatch, run_python: RunPython) -> None:
    run_python(
        """
        import sys
        import numpy as np
        from parconv.compat import skimage
        f = np.ones((9, 9))
        for name in skimage.__all__:
            more = {"gabor": [0.3], "correlate_sparse": [np.ones((3, 3))]}.get(name, [])
            more = [1, 2] if name == "difference_of_gaussians" else more
            getattr(skimage, name)(*([] if name == "gabor_kernel" else [f]), *(more or [0.3][
                : name == "gabor_kernel"]))
        assert not {"scipy.ndimage", "skimage"} & set(sys.modules)
        """
    )


# --- its own tests -------------------------------------------------------------------------------

OF_FILTERS = {
    "test_preserve_range": "ours: of ones, sums in another order are off by the last bits",
}
OF_FEATURES = {
    "test_subpix_border": "ours: of a mirrored image sums are off by other last bits, which puts "
    "corners of equal strength into another order",
}
FILTERS, FEATURES = "skimage.filters.tests.test_", "skimage.feature.tests.test_"


def of(place: str, *names: str) -> str:
    return " ".join(place + name for name in names)


FAST = Suite("skimage.filters", of(FILTERS, "edges", "correlate", "gaussian"), "", 200, OF_FILTERS)
WHOLE = (
    Suite("skimage.filters", of(FILTERS, "unsharp_mask", "edges", "correlate", "gaussian", "gabor",
                                "ridges", "thresholding"), "", 5000, OF_FILTERS),
    Suite("skimage.filters", of(FEATURES, "canny", "corner", "blob", "basic_features"), "", 30,
          OF_FEATURES),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "suite", [FAST, *(pytest.param(each, marks=pytest.mark.soak) for each in WHOLE)]
)
def test_its_own(suite: Suite, tmp_path: Path) -> None:
    """Of skimage 0.25, the last that brings its tests along; 0.26 differs in a constant outside."""
    hooked.run(suite, tmp_path)


# --- in skimage's place ------------------------------------------------------------------------


def test_installed_and_removed() -> None:
    """Also where other modules of skimage's have them."""
    feature = importlib.import_module("skimage.feature._canny")
    original = theirs.gaussian, theirs.sobel, feature.gaussian
    with parconv.compat.install("skimage.filters") as installed:
        assert set(installed.names) == set(ours.__all__)
        assert (theirs.gaussian, theirs.sobel) == (ours.gaussian, ours.sobel)
        assert feature.gaussian is ours.gaussian
    assert (theirs.gaussian, theirs.sobel, feature.gaussian) == original


def test_skimages_own_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that skimage lets others answer goes to ours, by what pyproject.toml registers."""
    doors = pytest.importorskip("skimage.util._backends", reason="skimage before 0.26")
    text = (Path(parconv.compat.__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    groups = tomllib.loads(text)["project"]["entry-points"]
    found = {
        group: {name: EntryPoint(name, place, group) for name, place in groups[group].items()}
        for group in ("skimage_backends", "skimage_backend_infos")
    }

    class Points(dict[str, EntryPoint]):
        def __iter__(self) -> Any:
            return iter(self.values())

    def entry_points(group: str) -> Points:
        return Points(found[group])

    monkeypatch.setattr(doors, "entry_points", entry_points)
    monkeypatch.delenv("SKIMAGE_NO_DISPATCHING", raising=False)
    doors.all_backends.cache_clear()
    try:
        asked: Callable[..., Any] = doors.dispatchable(theirs.sobel)
        other: Callable[..., Any] = doors.dispatchable(theirs.median)
        f = image((9, 12), "uint8")
        with pytest.warns(doors.DispatchNotification, match="'skimage.filters:sobel'.*parconv"):
            np.testing.assert_array_equal(asked(f), ours.sobel(f))
        np.testing.assert_array_equal(other(f), theirs.median(f))
    finally:
        doors.all_backends.cache_clear()
