"""The answer by definition, in plain NumPy: shares no code with parconv.

``out[i] = sum_j w[j] * x[i * stride - lead + j * dilation]`` where ``x`` is the image extended
without end and ``w`` the filter, reflected for convolution.  Integers are summed exactly,
everything else in extended precision.  `literal` is the same as four nested loops.
"""

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


def _wide(f: Array, g: Array, cval: Any) -> Any:
    """The type that the oracle sums in: exactly, or in extended precision.

    int64 where it holds the sum of all moduli, which NumPy adds a hundred times faster.
    """
    if f.dtype.kind not in "biu" or g.dtype.kind not in "biu":
        return np.clongdouble if "c" in f.dtype.kind + g.dtype.kind else np.longdouble
    ends = [abs(int(end(f, initial=0))) for end in (np.min, np.max)] if f.dtype != bool else [1]
    largest = max(*ends, abs(int(cval)))
    most = largest * sum(abs(int(tap)) for tap in g.ravel())
    return np.int64 if max(most, largest) < 2**63 else object


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
    wide = _wide(f, g, cval)
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
    picks, counts = [], []  # the pixels that any output needs, one after another; outputs
    for axis, border in enumerate(pair(boundary)):
        lead, count = outputs(
            sizes[axis], spans[axis], mode, not correlate, pair(origin)[axis], sides[axis], covered
        )
        counts.append(len(range(0, count, steps[axis])))
        reach = (counts[-1] - 1) * steps[axis] + spans[axis] if counts[-1] else 0
        picks.append([source(at - lead, sizes[axis], border) for at in range(reach)])
    shape = (*image.shape[:-2], *counts)
    values, moduli = np.zeros(shape, wide), np.zeros(shape)
    fill = np.array(int(cval) if exact else cval, wide)
    # a frame of the constant, so that -1 picks it: from the last row or column
    framed = np.full((*image.shape[:-2], sizes[0] + 1, sizes[1] + 1), fill, wide)
    framed[..., :-1, :-1] = image
    around = framed[..., np.array(picks[0], np.intp), :][..., np.array(picks[1], np.intp)]
    sized = abs(around).astype(float)
    with np.errstate(invalid="ignore", over="ignore"):
        for place in np.ndindex(*g.shape if values.size else (0, 0)):
            tap = taps[place]
            if zero_taps == "skip" and tap == 0:
                continue
            under = (..., *(
                slice(hole * at, hole * at + step * (count - 1) + 1, step)
                for hole, at, step, count in zip(holes, place, steps, counts, strict=True)
            ))  # fmt: skip
            values += tap * around[under]
            moduli += float(abs(tap)) * sized[under]
    values = values.astype(object) if exact else values
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

    if values.dtype == object:
        return np.minimum(np.maximum(values, low), high).astype(dtype)
    with np.errstate(invalid="ignore"):
        whole = np.rint(values)
        right = np.zeros(values.shape, dtype)  # what is no number is 0
        inside = (whole > low) & (whole < high)
        right[inside] = whole[inside].astype(dtype)
        right[whole >= high], right[whole <= low] = high, low
    return right


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
