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


# --- several filters, missing pixels, rules of results --------------------------------------------


def _joined(parts: list[Expected], add: bool) -> Expected:
    """Of sums over the same outputs their sum, or all of them side by side before the plane."""
    values, moduli = ([getattr(part, name) for part in parts] for name in ("values", "moduli"))
    terms = sum(part.terms for part in parts)
    if add:
        return Expected(sum(values), sum(moduli), terms)
    return Expected(np.stack(values, -3), np.stack(moduli, -3), terms // len(parts))


def expect_several(
    f: Array, g: Array, *, groups: Any = None, axes: tuple[int, int] = (-2, -1), **words: Any
) -> Expected:
    """Of a bank (3 axes of ``g``), a layer (4), or with ``groups="planes"`` a filter for each."""
    found = _several(np.moveaxis(f, axes, (-2, -1)), g, groups, words)
    sums, moduli = (np.moveaxis(each, (-2, -1), axes) for each in (found.values, found.moduli))
    return Expected(sums, moduli, found.terms)


def _several(f: Array, g: Array, groups: Any, words: Any) -> Expected:
    if groups == "planes":
        pairs = zip(np.moveaxis(f, -3, 0), g, strict=True)
        return _joined([expect(plane, taps, **words) for plane, taps in pairs], add=False)
    if g.ndim == 3:
        return _joined([expect(f, taps, **words) for taps in g], add=False)
    filters, channels = g.shape[:2]
    each = filters // (f.shape[-3] // channels)  # of a group, which sees as many channels

    def one(number: int) -> Expected:
        seen = range(number // each * channels, (number // each + 1) * channels)
        pairs = zip(seen, g[number], strict=True)
        return _joined([expect(f[..., c, :, :], taps, **words) for c, taps in pairs], add=True)

    return _joined([one(number) for number in range(filters)], add=False)


def mean_of(
    f: Array, g: Array, weights: Array, *, cval: float = 0, least: float = 0, **words: Any
) -> Expected:
    """Means over what is there, by a filter of positive taps; NaN where too little is.

    The border's pixels are there, unless the constant is NaN.
    """
    taps, there = g.astype(np.longdouble), weights.astype(np.longdouble)
    used = np.where(there > 0, f, 0).astype(np.longdouble) * there
    beyond = not np.isnan(cval)
    sums = expect(used, taps, cval=cval if beyond else 0, **words)
    counts = expect(there, taps, cval=float(beyond), **words)
    total = taps.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        values = sums.values / counts.values * total
        moduli = 2 * sums.moduli / counts.values.astype(float) * float(total)
    few = (counts.values == 0) | (counts.values < least * total)
    return Expected(np.where(few, np.nan, values), moduli, 2 * sums.terms)


def finished(expected: Expected, scale: Any, bias: Any, axis: int = -3) -> Expected:
    """Sums scaled and shifted: by one number, or by one for each filter along an axis."""
    values, moduli = expected.values, expected.moduli

    def placed(numbers: Any) -> Any:
        return (
            np.moveaxis(np.reshape(numbers, (-1, 1, 1)), 0, axis) if np.ndim(numbers) else numbers
        )

    if scale is not None:
        values, moduli = values * np.longdouble(placed(scale)), moduli * np.abs(placed(scale))
    if bias is not None:
        values, moduli = values + placed(bias), moduli + np.abs(placed(bias))
    return Expected(values, np.asarray(moduli, float), expected.terms + 2)


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
        narrow = narrow and result.itemsize <= {"b": 1, "i": 2, "u": 2, "f": 4, "c": 8}[result.kind]
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


def assert_stored(
    result: Array, expected: Expected, compute: Any, rounding: str, overflow: str, what: str
) -> None:
    """An integer or a truth by a rule: one that a sum within the error bound becomes."""
    assert result.shape == expected.values.shape, f"{what}: shape {result.shape}"
    kind, exact = result.dtype, compute is int
    right = expected.values.astype(np.longdouble)
    error = 0 * right if exact else 1.5 * bound(expected, compute, np.float64)
    if kind.kind == "b":
        near = (result == (right != 0)) | (~np.isfinite(right) & result)
        _fail_unless(near | (~(abs(right) > error) & (expected.moduli != 0)), result, right, what)
        return
    shape = {"even": np.rint, "trunc": np.trunc}[rounding]
    least, most, found = shape(right - error), shape(right + error), result.astype(np.longdouble)
    if overflow == "wrap":  # what int32 does not hold has no such answer
        beyond = ~(abs(right) < 2.0**30) if not exact else np.zeros(right.shape, bool)
        above = np.mod(found - least, np.longdouble(2) ** (8 * kind.itemsize))
        _fail_unless((above <= most - least) | beyond, result, right, what)
        return
    low, high = (np.longdouble(end) for end in (np.iinfo(kind).min, np.iinfo(kind).max))
    near = (np.clip(least, low, high) <= found) & (found <= np.clip(most, low, high))
    _fail_unless(np.where(np.isnan(right), found == 0, near), result, right, what)


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
