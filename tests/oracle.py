"""The answer by definition, in plain NumPy: shares no code with parconv.

``out[i] = sum_j w[j] * x[i * stride - lead + j * dilation]`` where ``x`` is the image extended
without end and ``w`` the filter, reflected for convolution.  Integers are summed as Python
integers, everything else in extended precision.  `literal` is the same as four nested loops.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

BORDERS = ("constant", "edge", "symmetric", "mirror", "wrap")
MODES = ("valid", "same", "full")


def source(index: int, size: int, border: str) -> int:
    """The pixel that stands at ``index``, by moving until it lies inside; -1: none."""
    while not 0 <= index < size:
        if border == "constant":
            return -1
        if border == "edge":
            index = 0 if index < 0 else size - 1
        elif border == "wrap":
            index += size if index < 0 else -size
        elif border == "symmetric":
            index = -1 - index if index < 0 else 2 * size - 1 - index
        elif border == "mirror":
            index = 0 if size == 1 else -index if index < 0 else 2 * size - 2 - index
        else:
            raise AssertionError(border)
    return index


def pair(value: Any) -> tuple[Any, Any]:
    return tuple(value) if isinstance(value, list | tuple) else (value, value)


def outputs(
    size: int, span: int, mode: str, reflect: bool, origin: int, padding: Any, covered: bool
) -> tuple[int, int]:
    """(lead, outputs at stride 1) on one axis; ``covered``: the filter covers the image."""
    if padding is not None:
        before, after = pair(padding)
        return before, size + before + after - span + 1
    if mode == "full":
        return span - 1, size + span - 1
    if mode == "same":  # convolution: the impulse response starts at p - (span - 1) // 2
        if reflect:
            return span - 1 - (span - 1) // 2 - origin, size
        return (span - 1) // 2 + origin, size
    return (span - size, span - size + 1) if covered else (0, size - span + 1)


@dataclass(frozen=True)
class Expected:
    """The right answer, the sum of the moduli of its terms, and how many terms there are."""

    values: Array
    moduli: Array
    terms: int


def expect(
    f: Any,
    g: Any,
    *,
    correlate: bool = False,
    mode: str = "valid",
    boundary: Any = "constant",
    cval: complex = 0,
    padding: Any = None,
    origin: Any = 0,
    axes: tuple[int, int] = (-2, -1),
    stride: Any = 1,
    dilation: Any = 1,
    zero_taps: str = "keep",
) -> Expected:
    """The convolution, or correlation, of every plane of ``f`` with ``g``."""
    f, g = np.asarray(f), np.asarray(g)
    exact = f.dtype.kind in "biu" and g.dtype.kind in "biu"
    inexact = np.clongdouble if "c" in f.dtype.kind + g.dtype.kind else np.longdouble
    wide = object if exact else inexact
    image = np.moveaxis(f, axes, (-2, -1))
    image = (image.astype(np.int8) if image.dtype == bool else image).astype(wide)
    taps = (g.astype(np.int8) if g.dtype == bool else g).astype(wide)
    taps = np.conj(taps) if correlate and not exact else taps if correlate else taps[::-1, ::-1]
    sizes, steps, holes = image.shape[-2:], pair(stride), pair(dilation)
    spans = [h * (k - 1) + 1 for h, k in zip(holes, g.shape, strict=True)]
    covered = any(n < k for n, k in zip(sizes, spans, strict=True))
    sides = (None, None) if padding is None else pair(padding)
    if mode == "valid" and padding is None:
        boundary, cval = "constant", 0
    picks = []
    for axis in range(2):
        lead, count = outputs(
            sizes[axis], spans[axis], mode, not correlate, pair(origin)[axis], sides[axis], covered
        )
        picks.append(
            np.array(
                [
                    [
                        source(o - lead + t * holes[axis], sizes[axis], pair(boundary)[axis])
                        for t in range(g.shape[axis])
                    ]
                    for o in range(0, count, steps[axis])
                ],
                np.intp,
            ).reshape(-1, g.shape[axis])
        )
    shape = (*image.shape[:-2], len(picks[0]), len(picks[1]))
    values, moduli = np.zeros(shape, wide), np.zeros(shape)
    fill = np.array(int(cval) if exact else cval, wide)
    # a frame of the constant, so that -1 picks it: from the last row or column
    framed = np.full((*image.shape[:-2], sizes[0] + 1, sizes[1] + 1), fill, wide)
    framed[..., :-1, :-1] = image
    with np.errstate(invalid="ignore", over="ignore"):
        for y, x in itertools.product(range(g.shape[0]), range(g.shape[1])):
            if zero_taps == "skip" and taps[y, x] == 0:
                continue
            pixels = framed[..., picks[0][:, y], :][..., picks[1][:, x]]
            values += taps[y, x] * pixels
            moduli += (abs(taps[y, x]) * abs(pixels)).astype(float)
    terms = g.size * (1 if values.dtype.kind in "Of" else 2)
    home = lambda array: np.moveaxis(array, (-2, -1), axes)  # noqa: E731
    return Expected(home(values), home(moduli), terms)


def literal(
    f: Array, g: Array, border: str, lead: tuple[int, int], shape: tuple[int, int]
) -> Array:
    """Convolution at stride 1 as four nested loops over Python numbers."""
    out = np.zeros(shape, object)
    (rows, columns), (height, width) = f.shape, g.shape
    for y in range(shape[0]):
        for x in range(shape[1]):
            for v in range(height):
                for u in range(width):
                    row = source(y - lead[0] + v, rows, border)
                    column = source(x - lead[1] + u, columns, border)
                    if row >= 0 and column >= 0:
                        out[y, x] += int(f[row, column]) * int(g[height - 1 - v, width - 1 - u])
    return out


# --- comparison ----------------------------------------------------------------------------------


def compute_type(f: Any, g: Any, dtype: Any = None, accumulate: Any = None) -> Any:
    """The real type that sums are formed in, as the documentation states it; int for integers."""
    f, g = np.asarray(f).dtype, np.asarray(g).dtype
    if f.kind in "biu" and g.kind in "biu":
        return int
    single = {"b": True, "i": f.itemsize < 4, "u": f.itemsize < 4, "f": f.itemsize < 8}
    narrow = single.get(f.kind, f.itemsize == 8)
    if dtype is not None:
        result = np.dtype(dtype)
        narrow = narrow and result.itemsize <= {"i": 2, "u": 2, "f": 4, "c": 8}[result.kind]
    if accumulate is not None:
        narrow = narrow and np.dtype(accumulate) in (np.float32, np.complex64)
    return np.float32 if narrow else np.float64


def gamma(terms: int, kind: Any) -> float:
    """Relative error bound of a sum of ``terms`` products: n u / (1 - n u)."""
    error = terms * float(np.finfo(kind).eps) / 2
    return error / (1 - error)


def bound(expected: Expected, compute: Any, result: Any) -> Array:
    """How far a right answer may lie: sums in ``compute``, weights rounded once, one rounding to
    ``result``; the reference may be off by as much again where long double is double."""
    kind = np.dtype(result)
    sums = 2 * gamma(expected.terms + 4, compute) * expected.moduli
    if kind.kind in "iu":
        return sums
    info = np.finfo(kind)
    return sums + np.abs(expected.values).astype(float) * float(info.eps) + float(info.tiny)


def saturated(values: Array, dtype: Any) -> Array:
    """Exact or extended values as the nearest integers of ``dtype``, half to even."""
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)

    def nearest(value: Any) -> int:
        if value != value:
            return 0
        if value in (np.inf, -np.inf):
            return high if value > 0 else low
        return min(max(value if isinstance(value, int) else int(np.rint(value)), low), high)

    flat = [nearest(value) for value in values.ravel()]
    return np.array(flat, object).reshape(values.shape).astype(dtype)


def assert_same_bits(result: Array, expected: Array, what: str = "") -> None:
    """Equal shape, dtype and bytes; a failure names the rows that differ."""
    assert result.shape == expected.shape, f"{what}: shape {result.shape}, not {expected.shape}"
    assert result.dtype == expected.dtype, f"{what}: dtype {result.dtype}, not {expected.dtype}"
    a, b = (np.ascontiguousarray(x).reshape(x.shape) for x in (result, expected))
    same = (
        (a.view(np.uint8) == b.view(np.uint8)).reshape(*a.shape, -1).all(axis=-1) if a.size else a
    )
    _fail_unless(np.asarray(same, bool), result, expected, what)


def assert_right(
    result: Array, expected: Expected, dtype: Any, compute: Any = int, what: str = ""
) -> None:
    """Exactly right for integers, within the error bound else."""
    kind = np.dtype(dtype)
    assert result.dtype == kind, f"{what}: dtype {result.dtype}, not {kind}"
    assert result.shape == expected.values.shape, (
        f"{what}: shape {result.shape}, not {expected.values.shape}"
    )
    right = expected.values
    if compute is int:
        right = saturated(right, kind) if kind.kind in "iu" else right.astype(kind)
        _fail_unless(np.asarray(result == right), result, right, what)
        return
    if kind.kind in "iu":
        info = np.iinfo(kind)
        right = np.clip(right, info.min, info.max)
        allowed = bound(expected, compute, kind) + 0.5
        near = np.abs(result.astype(np.longdouble) - right) <= allowed
        _fail_unless(near, result, right, what)
        return
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(result.astype(np.result_type(result, right)) - right)
        near = error <= bound(expected, compute, kind)
    same = (result == right) | (np.isnan(result) & np.isnan(right))
    _fail_unless(np.where(np.isfinite(right), near, same), result, right, what)


def _fail_unless(same: Array, result: Array, right: Array, what: str) -> None:
    if same.all():
        return
    places = np.argwhere(~same)
    first = tuple(places[0])
    rows = sorted({int(place[-2]) for place in places}) if same.ndim > 1 else []
    columns = sorted({int(place[-1]) for place in places}) if same.ndim else []
    raise AssertionError(
        f"{what}: {len(places)} of {same.size} differ, in rows {_shorten(rows)} and columns "
        f"{_shorten(columns)}; at {first}: {result[first]!r}, not {right[first]!r}"
    )


def _shorten(numbers: list[int]) -> str:
    return str(numbers) if len(numbers) < 12 else f"{numbers[:6]} ... {numbers[-3:]}"
