"""The question over one axis, or three and more: validated once, never data.

Planes have a `Problem`; of such a convolution each step has one, and this is the whole.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from .arguments import (
    ZERO_TAPS,
    check_boundaries,
    check_choice,
    check_cval,
    check_exact,
    check_groups,
    check_mode,
    check_origin,
    check_positives,
    check_tolerance,
    places,
)
from .banks import Shape
from .dtypes import FLOAT64, DType, check_dtype, real, types_that_hold
from .geometry import placed, spanned
from .lazily import lazily
from .question import DEFAULTS, Question
from .shown import shown
from .sides import is_sided
from .store import check_kinds, check_store


def is_volume(question: Question, image: Shape, given: Shape) -> bool:
    """Whether as many axes are filtered as ``g`` has, and those are not two.

    A signal, which has but one axis, needs no ``axes`` beside a filter of one.
    """
    if len(image) == len(given) == 1 and question.axes is DEFAULTS["axes"]:
        return True
    return count_of(question.axes) != 2


def count_of(axes: Any) -> int:
    """How many axes are named; a number names one."""
    try:
        return len(axes)
    except TypeError:
        return 1


@dataclass(frozen=True)
class Volume:
    """One convolution over one axis, or three and more, without its data.

    What is of one axis stands in the order of the image's axes; ``lead``, ``stride`` and
    ``dilation`` are those of `Problem`, ``size`` are outputs at stride 1.
    """

    image: Shape
    given: Shape
    order: tuple[int, ...]  # of the filter's axes, so that they follow those of the image
    axes: tuple[int, ...]
    filter: Shape
    image_dtype: DType
    filter_dtype: DType
    compute: DType
    dtype: DType
    reflect: bool
    mode: str
    boundary: tuple[str, ...]
    cval: complex
    lead: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    zero_taps: str

    @lazily
    def shape(self) -> Shape:
        """Of the result."""
        return with_sizes(self.image, self.axes, self.outputs)

    @lazily
    def outputs(self) -> tuple[int, ...]:
        """Of the result along the axes."""
        return tuple(-(-n // step) for n, step in zip(self.size, self.stride, strict=True))

    @lazily
    def padding(self) -> tuple[tuple[int, int], ...]:
        """Pixels of border before and behind each axis."""
        spans = spanned(self.filter, self.dilation)
        sizes = [self.image[axis] for axis in self.axes]
        found = zip(self.lead, self.size, spans, sizes, strict=True)
        return tuple((before, n + k - 1 - m - before) for before, n, k, m in found)

    @property
    def sums(self) -> DType:
        """The real type that sums are formed in, but for integers in a faster one."""
        return real(self.compute)

    @property
    def flops(self) -> int:
        """Multiplications and additions of real numbers, by definition."""
        complexes = (self.image_dtype.kind == "c") + (self.filter_dtype.kind == "c")
        return 2 * math.prod(self.filter) * math.prod(self.shape) * (1 << complexes)

    @property
    def bytes(self) -> int:
        """Of the image read once and the result written once."""
        read = math.prod(self.image) * self.image_dtype.itemsize
        return read + math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        image, taps = ("x".join(map(str, s)) for s in (self.image, self.given))
        name = "conv2d" if self.reflect else "correlate2d"
        axes = [self.axes[self.order.index(place)] for place in range(len(self.order))]
        where = f"axes {', '.join(map(str, axes))}" if len(axes) > 1 else f"axis {axes[0]}"
        borders = "/".join(dict.fromkeys(self.boundary))
        facts = f"{taps} along {where} -> {self.dtype}, {self.mode}, {borders}"
        return f"{name} {image} {self.image_dtype} * {facts}"


def with_sizes(shape: Shape, axes: Sequence[int], sizes: Sequence[int]) -> Shape:
    """A shape with other sizes on some axes."""
    found = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        found[axis] = size
    return tuple(found)


def describe_volume(
    f: tuple[Shape, Any], g: tuple[Shape, Any], question: Question, wide: bool
) -> Volume:
    """The `Volume` for an image and a filter given as ``(shape, dtype)``, or an exception.

    ``wide``: whether float32 does not hold the taps.
    """
    (image, f_type), (given, g_type), mode = f, g, question.mode
    image_dtype, filter_dtype = check_dtype("f", f_type), check_dtype("g", g_type)
    named = _named(question.axes, image, given)
    count = len(named)
    _check_others(question)
    order = tuple(sorted(range(count), key=named.__getitem__))

    def sort(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[place] for place in order)

    store, borders = check_store(question, None), check_boundaries(question.boundary, count)
    value = check_cval(question.cval, image_dtype)
    if "constant" not in borders or (mode == "valid" and question.padding is None):
        value = 0  # nobody meets it
    compute, result = types_that_hold(
        image_dtype, filter_dtype, question.dtype, question.accumulate, wide, value, store
    )
    check_kinds(store, compute)
    value = check_exact(value, store.overflow == "wrap") if compute.kind == "i" else value
    steps = check_positives("stride", question.stride, count)
    holes = check_positives("dilation", question.dilation, count)
    sizes, spans = tuple(image[axis] for axis in named), spanned(given, holes)
    shift = check_origin(question.origin, spans, mode, question.padding)
    reflect = not question.correlate
    lead, full = placed(mode, question.padding, sizes, spans, shift, reflect)
    if question.padding is not None:
        mode = f"padding {shown(question.padding)}"
    elif mode == "valid":
        borders = ("constant",) * count
    if 0 in sizes and 0 not in full:
        raise ValueError(
            f"f has shape {image}, without a pixel, and the result would have some: pass "
            "mode='same'"
        )
    return Volume(
        image, given, order, sort(named), sort(given), image_dtype, filter_dtype, compute, result,
        reflect, mode, sort(borders), value, sort(lead), sort(full), sort(steps), sort(holes),
        question.zero_taps,
    )  # fmt: skip


def _named(axes: Any, image: Shape, given: Shape) -> tuple[int, ...]:
    """The axes of the image that those of the filter lie along."""
    if not image:
        raise ValueError("f has shape (): pass an image with an axis to filter along")
    if len(image) == len(given) == 1 and axes is DEFAULTS["axes"]:
        axes = 0
    named = places(axes, image)
    if not named:
        raise ValueError(f"axes={shown(axes)} names no axis: pass those that g lies along")
    if len(named) != len(given):
        _refuse_filter(axes, len(named), given)
    if 0 in given:
        raise ValueError(f"g has shape {given}: a filter needs at least one tap")
    return named


def _refuse_filter(axes: Any, count: int, given: Shape) -> NoReturn:
    many = "one axis" if count == 1 else f"{count} axes"
    raise ValueError(
        f"g has shape {given}, and axes={shown(axes)} names {many}: pass a filter of {many}, or "
        "two axes for filters (rows, columns), banks and layers"
    )


def _check_others(question: Question) -> None:
    """What else may be asked."""
    check_mode(question.mode)
    if is_sided(question):
        raise ValueError(
            f"boundary={shown(question.boundary)}, real={shown(question.real)}: a rule for each "
            "side, and pixels around, are for filters over two axes"
        )
    check_choice("zero_taps", question.zero_taps, ZERO_TAPS)
    check_tolerance(question.tolerance, FLOAT64)
    if check_groups(question.groups) != 1:
        raise ValueError(
            f"groups={shown(question.groups)} needs a 4-D filter over two axes: leave it at 1"
        )
