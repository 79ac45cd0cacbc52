"""The question: shapes, dtypes, mode, border; validated once, never data.

`describe` turns a caller's arguments into a `Problem` or raises; nothing is validated later but
the arrays of a call against it.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, SupportsIndex

import numpy as np

from .dtypes import DType, check_dtype, compute_and_result

MODES = ("valid", "same", "full")
BOUNDARIES = ("constant", "edge", "symmetric", "mirror", "wrap")

Pair = tuple[int, int]


@dataclass(frozen=True)
class Problem:
    """One two-dimensional convolution, without its data.

    ``lead`` is how far the filter's first tap reaches before the image's first pixel: output
    ``(y, x)`` meets input ``(y * stride - lead + tap * dilation)`` on each axis.
    """

    image: tuple[int, ...]
    filter: Pair
    axes: Pair
    image_dtype: DType
    filter_dtype: DType
    compute: DType
    dtype: DType
    reflect: bool  # convolution; False is correlation
    mode: str
    boundary: tuple[str, str]
    cval: complex
    lead: Pair
    plane: Pair  # shape of one output plane
    stride: Pair
    dilation: Pair

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of the result."""
        shape = list(self.image)
        for axis, size in zip(self.axes, self.plane, strict=True):
            shape[axis] = size
        return tuple(shape)

    @cached_property
    def plane_in(self) -> Pair:
        """Shape of one input plane."""
        return self.image[self.axes[0]], self.image[self.axes[1]]

    @cached_property
    def planes(self) -> int:
        others = [n for axis, n in enumerate(self.image) if axis not in self.axes]
        return math.prod(others)

    @cached_property
    def span(self) -> Pair:
        """Input rows and columns under the filter."""
        (h, w), (dy, dx) = self.filter, self.dilation
        return dy * (h - 1) + 1, dx * (w - 1) + 1

    @cached_property
    def flops(self) -> int:
        """Multiplications and additions of real numbers."""
        complexes = (self.image_dtype.kind == "c") + (self.filter_dtype.kind == "c")
        return 2 * math.prod(self.filter) * math.prod(self.shape) * (1 << complexes)

    @cached_property
    def bytes(self) -> int:
        """Of the image read once and the result written once."""
        size_in, size_out = math.prod(self.image), math.prod(self.shape)
        return size_in * self.image_dtype.itemsize + size_out * self.dtype.itemsize

    def __str__(self) -> str:
        image, taps = ("x".join(map(str, s)) for s in (self.image, self.filter))
        borders = "/".join(dict.fromkeys(self.boundary))
        name = "conv2d" if self.reflect else "correlate2d"
        return f"{name} {image} {self.image_dtype} * {taps} -> {self.dtype}, {self.mode}, {borders}"


def describe(
    f: tuple[tuple[int, ...], Any],
    g: tuple[tuple[int, ...], Any],
    *,
    reflect: bool,
    mode: str = "valid",
    boundary: Any = "constant",
    cval: complex = 0,
    padding: Any = None,
    origin: Any = 0,
    axes: Any = (-2, -1),
    stride: Any = 1,
    dilation: Any = 1,
    groups: int = 1,
    dtype: Any = None,
    accumulate: Any = None,
) -> Problem:
    """The `Problem` for an image and a filter given as ``(shape, dtype)``, or an exception."""
    (image, f_type), (taps, g_type) = f, g
    image_dtype, filter_dtype = check_dtype("f", f_type), check_dtype("g", g_type)
    taps = _check_filter(taps, groups)
    plane_axes = _check_axes(axes, image)
    compute, result = compute_and_result(image_dtype, filter_dtype, dtype, accumulate)
    _choice("mode", mode, MODES)
    borders = _check_boundary(boundary)
    steps, holes = _positive_pair("stride", stride), _positive_pair("dilation", dilation)
    sizes = image[plane_axes[0]], image[plane_axes[1]]
    spans = holes[0] * (taps[0] - 1) + 1, holes[1] * (taps[1] - 1) + 1
    shift = _check_origin(origin, spans, mode, padding)
    value = _check_cval(cval, compute, image_dtype)
    if padding is not None:
        lead, full = _padded(padding, mode, sizes, spans)
        mode = f"padding {padding}"
    elif mode == "valid":
        lead, full = _valid(sizes, spans)
        borders, value = ("constant", "constant"), 0
    elif mode == "same":
        # as scipy.signal centres: an even filter reaches one pixel further on one side
        half = [n // 2 if reflect else (n - 1) // 2 for n in spans]
        sign = -1 if reflect else 1
        lead, full = (half[0] + sign * shift[0], half[1] + sign * shift[1]), sizes
    else:
        lead = spans[0] - 1, spans[1] - 1
        full = sizes[0] + lead[0], sizes[1] + lead[1]
    plane = -(-full[0] // steps[0]), -(-full[1] // steps[1])
    for size, border in zip(sizes, borders, strict=True):
        if size == 0 and border != "constant" and 0 not in plane:
            raise ValueError(f"f has shape {image}: boundary={border!r} needs a pixel to repeat")
    return Problem(
        image, taps, plane_axes, image_dtype, filter_dtype, compute, result, reflect,
        mode, borders, value, lead, plane, steps, holes,
    )  # fmt: skip


# --- one argument each ---------------------------------------------------------------------------


def _choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}={value!r} is unknown: pass one of {', '.join(choices)}")


def _check_filter(shape: tuple[int, ...], groups: Any) -> Pair:
    if len(shape) in (3, 4):
        raise NotImplementedError(
            f"g has shape {shape}: filter banks and channels are not built yet; pass a 2-D filter"
        )
    if len(shape) != 2:
        raise ValueError(f"g has shape {shape}: pass a 2-D filter (rows, columns)")
    if 0 in shape:
        raise ValueError(f"g has shape {shape}: a filter needs at least one tap")
    if groups != 1 or isinstance(groups, bool):
        raise ValueError(f"groups={groups!r} needs a 4-D filter: with a 2-D g leave it at 1")
    return shape[0], shape[1]


def _check_axes(axes: Any, image: tuple[int, ...]) -> Pair:
    if len(image) < 2:
        raise ValueError(f"f has shape {image}: pass an image with at least two axes")
    try:
        first, second = (operator.index(axis) for axis in axes)
    except (TypeError, ValueError) as error:
        raise ValueError(f"axes={axes!r}: pass two axes of f, such as (-2, -1)") from error
    if not all(-len(image) <= axis < len(image) for axis in (first, second)):
        raise ValueError(f"axes={axes!r} is out of range for f with shape {image}")
    pair = first % len(image), second % len(image)
    if pair[0] == pair[1]:
        raise ValueError(f"axes={axes!r} names one axis twice: pass two different axes of f")
    return pair


def _check_boundary(boundary: Any) -> tuple[str, str]:
    pair = (boundary, boundary) if isinstance(boundary, str) else boundary
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError(
            f"boundary={boundary!r}: pass one name or one per axis, of {', '.join(BOUNDARIES)}"
        )
    for name in pair:
        if name == "reflect":
            raise ValueError(
                "boundary='reflect' means two things: pass 'symmetric' (d c b a | a b c d, as in "
                "scipy.ndimage) or 'mirror' (d c b | a b c d, as in numpy.pad)"
            )
        _choice("boundary", name, BOUNDARIES)
    return pair[0], pair[1]


def _integer(name: str, value: Any, whole: Any) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{name}={whole!r}: pass an integer or a pair of integers")
    return operator.index(value)


def _pair(name: str, value: Any) -> Pair:
    """One integer for both axes, or one for each."""
    values = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name}={value!r}: pass an integer or a pair of integers")
    return _integer(name, values[0], value), _integer(name, values[1], value)


def _positive_pair(name: str, value: Any) -> Pair:
    pair = _pair(name, value)
    if min(pair) < 1:
        raise ValueError(f"{name}={value!r}: pass integers of at least 1")
    return pair


def _check_origin(origin: Any, spans: Pair, mode: str, padding: Any) -> Pair:
    shift = _pair("origin", origin)
    if any(shift) and (mode != "same" or padding is not None):
        raise ValueError(f"origin={origin!r} shifts mode='same' only: leave it at 0 or change mode")
    for n, o in zip(spans, shift, strict=True):
        if not -(n // 2) <= o <= (n - 1) // 2:
            raise ValueError(
                f"origin={origin!r} leaves the filter: pass -{n // 2} to {(n - 1) // 2} for {n} taps"
            )
    return shift


def _check_cval(cval: Any, compute: DType, image: DType) -> complex:
    try:
        value = np.asarray(cval)[()]
        kind = check_dtype("cval", value.dtype).kind
    except (TypeError, AttributeError) as error:
        raise TypeError(f"cval={cval!r}: pass a number") from error
    if value.ndim:
        raise ValueError(f"cval={cval!r}: pass one number")
    if kind == "c" and image.kind != "c":
        raise TypeError(f"cval={cval!r} is complex, f is {image}: pass a real number")
    if compute.kind == "i" and (not np.isfinite(value) or value != int(value)):
        raise ValueError(
            f"cval={cval!r}: integer images with integer filters are summed exactly; pass an "
            "integer, or a floating filter"
        )
    if compute.kind == "i" and not -(2**63) <= int(value) < 2**63:
        raise ValueError(f"cval={cval!r} does not fit in int64: pass a smaller one")
    return int(value) if compute.kind == "i" else value.item()


# --- geometry ------------------------------------------------------------------------------------


def _padded(padding: Any, mode: str, sizes: Pair, spans: Pair) -> tuple[Pair, Pair]:
    """(lead, output size at stride 1) for explicit padding."""
    if mode != "valid":
        raise ValueError(f"padding={padding!r} and mode={mode!r} exclude each other: pass one")
    outer = padding if isinstance(padding, list | tuple) else (padding, padding)
    if len(outer) != 2:
        raise ValueError(
            f"padding={padding!r}: pass p, (py, px) or ((top, bottom), (left, right))"
        )
    top, left = (_pair("padding", side) for side in outer)
    if min(*top, *left) < 0:
        raise ValueError(f"padding={padding!r}: pass integers of at least 0")
    full = [n + sum(p) - k + 1 for n, p, k in zip(sizes, (top, left), spans, strict=True)]
    if min(full) < 1:
        raise ValueError(
            f"padding={padding!r}: the filter spans {spans}, more than the padded image; pad more"
        )
    return (top[0], left[0]), (full[0], full[1])


def _valid(sizes: Pair, spans: Pair) -> tuple[Pair, Pair]:
    """(lead, output size): where one operand covers the other, as in scipy.signal."""

    def covers(relation: Callable[[int, int], bool]) -> bool:
        return all(relation(n, k) for n, k in zip(sizes, spans, strict=True))

    if covers(operator.ge):
        return (0, 0), (sizes[0] - spans[0] + 1, sizes[1] - spans[1] + 1)
    if covers(operator.le) and 0 not in sizes:
        lead = spans[0] - sizes[0], spans[1] - sizes[1]
        return lead, (lead[0] + 1, lead[1] + 1)
    raise ValueError(
        f"mode='valid': the image plane {sizes} and the filter span {spans} do not cover one "
        "another; pass mode='same' or 'full'"
    )
