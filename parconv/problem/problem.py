"""The question: shapes, dtypes, mode, border; validated once, never data.

`describe` turns a caller's arguments into a `Problem` or raises; nothing is validated later but
the arrays of a call against it.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from .arguments import (
    ZERO_TAPS,
    Pair,
    check_axes,
    check_boundary,
    check_choice,
    check_cval,
    check_exact,
    check_mode,
    check_origin,
    check_positive,
    check_tolerance,
)
from .banks import Bank, Shape, check_bank
from .dtypes import INT64, DType, check_dtype, exact, real, types_that_hold, widest
from .geometry import lead_of_part, placed, spanned
from .lazily import lazily
from .missing import Missing, check_alone, check_plain, missing_of
from .question import Question
from .shown import shown
from .store import PLAINLY, WRAPPED, Store, check_kinds, check_store
from .traits import PLAIN, UNKNOWN, WHOLE, Found, Part, Traits

# The result, however large or small, so that it had better go through the caches, or past them.
# Of a part, the image may lie beyond them all the same.
READ_SOON, READ_LATE = -1, -2


@dataclass(frozen=True)
class Problem:
    """One two-dimensional convolution, without its data.

    ``lead`` is how far the filter's first tap reaches before the image's first pixel: output
    ``(y, x)`` meets input ``(y * stride - lead + tap * dilation)`` on each axis.  The filter is the
    ``part`` of the caller's, which had the shape ``given``.  Where the last axis of the image
    follows its columns (colour), its ``channels`` make a row wider: columns, leads and dilations
    count elements, and the taps of a row lie that many apart.
    """

    image: tuple[int, ...]
    given: Shape
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
    channels: int = 1
    part: Part = WHOLE
    traits: Traits = PLAIN
    bank: Bank | None = None  # several filters, or sums over channels
    tolerance: float | None = None  # of errors, by the largest |f| nearby times sum |g|
    zero_taps: str = "skip"  # or "keep": 0 times NaN is NaN
    store: Store = PLAINLY  # how a sum becomes a result
    missing: Missing | None = None  # which pixels are not used
    # bytes in and out of the problem that this is a part of, which no cache holds; or `READ_SOON`,
    # or `READ_LATE`
    within: int = 0
    begin: Pair = (0, 0)  # rows and columns of the whole result before these, where they matter
    deep: int = 1  # planes of the image that each plane of the result is a sum over

    @lazily
    def shape(self) -> Shape:
        """Of the result."""
        if self.bank:
            return self.bank.shape(self.image, self.plane)
        shape = list(self.image)
        shape[self.axes[0]], shape[self.axes[1]] = self.plane[0], self.plane[1] // self.channels
        return tuple(shape)

    @lazily
    def plane_in(self) -> Pair:
        """Shape of one input plane."""
        return self.image[self.axes[0]], self.image[self.axes[1]] * self.channels

    @lazily
    def planes(self) -> int:
        others = [n for axis, n in enumerate(self.image) if axis not in self.axes]
        return math.prod(others if self.channels == 1 else others[:-1])

    @lazily
    def maps_in(self) -> Shape:
        """Of the image as a bank's kernel sees it: (batch, channels, rows, columns)."""
        assert self.bank
        return self.bank.maps_in(self.image)

    @lazily
    def maps(self) -> Shape:
        """Of the result as a bank's kernel sees it: (batch, filters, rows, columns)."""
        assert self.bank
        return self.maps_in[0], self.bank.outputs, *self.plane

    @property
    def map_axes(self) -> tuple[int, ...]:
        """The axes of a plane, or of a bank's maps, in the result."""
        return self.bank.axes if self.bank else self.axes

    @lazily
    def span(self) -> Pair:
        """Input rows and columns under the filter."""
        rows, columns = spanned(self.filter, self.dilation)
        return rows, columns

    @lazily
    def widest(self) -> int:
        """The largest absolute value of a pixel of an integer image, or of the border."""
        return widest(self.image_dtype, self.cval)

    @lazily
    def sums(self) -> DType:
        """The real type that sums are formed in: of integers the fastest that is exact."""
        return self.exact_sums if self.compute == INT64 else real(self.compute)

    @lazily
    def exact_sums(self) -> DType:
        """The fastest type in which sums of integers are exact."""
        most = (self.widest << self.traits.bits) + math.ceil(self.store.largest)
        return exact(most) if self.traits.bits > 0 else INT64

    @property
    def is_plain(self) -> bool:
        """Whether results are the sums, as nearly as their type holds them."""
        usual = (PLAINLY, WRAPPED) if self.compute == self.dtype == INT64 else (PLAINLY,)
        return self.store in usual and self.dtype.kind != "b"

    @property
    def rounded(self) -> bool:
        """Whether sums are: those of integers are not, whatever type they are formed in."""
        return not all(kind.kind in "biu" for kind in (self.image_dtype, self.filter_dtype))

    @property
    def differences(self) -> tuple[bytes | None, ...]:
        """Those of the filter's traits, where sums are rounded."""
        return self.traits.differences if self.rounded else ()

    @property
    def mean(self) -> bool:
        """Whether a sum of pixels, which is rounded, is scaled by one number."""
        return self.traits.mean and self.rounded

    @lazily
    def whole(self) -> "Problem":
        """The same with all taps of the caller's filter, those beside the part too."""
        part, taps = self.part, (self.given[-2], self.given[-1])
        if part.size is None:
            return self
        holes = self.dilation[0] // part.step[0], self.dilation[1] // part.step[1]
        before = lead_of_part((0, 0), part, taps, holes, self.reflect)
        lead = self.lead[0] - before[0], self.lead[1] - before[1]
        return replace(self, filter=taps, part=WHOLE, dilation=holes, lead=lead)

    @lazily
    def taps(self) -> int:
        """Those that are multiplied."""
        if self.bank:
            return self.bank.inputs * math.prod(self.filter)
        support = self.traits.support
        return math.prod(self.filter) if support is None else sum(map(int.bit_count, support))

    @lazily
    def flops(self) -> int:
        """Multiplications and additions of real numbers."""
        complexes = (self.image_dtype.kind == "c") + (self.filter_dtype.kind == "c")
        return 2 * self.taps * math.prod(self.shape) * (1 << complexes)

    @lazily
    def bytes(self) -> int:
        """Of the image read once and the result written once."""
        size_in, size_out = math.prod(self.image), math.prod(self.shape)
        return size_in * self.image_dtype.itemsize + size_out * self.dtype.itemsize

    @property
    def passing(self) -> int:
        """Bytes in and out that may be more than caches hold."""
        return 0 if self.within < 0 else max(self.bytes, self.within)

    @property
    def coming(self) -> float:
        """The same as far as it matters to the image, which may lie in memory."""
        return math.inf if self.within == READ_SOON else self.passing

    def __str__(self) -> str:
        image, taps = ("x".join(map(str, s)) for s in (self.image, self.given))
        borders = "/".join(dict.fromkeys(self.boundary))
        name = "conv2d" if self.reflect else "correlate2d"
        reflected = ", reflected" if self.reflect and self.bank and self.bank.summed else ""
        facts = [f"{taps}{reflected} -> {self.dtype}", self.mode, borders]
        facts += [] if self.tolerance is None else [f"within {self.tolerance:.2g}"]
        facts += ["zero taps kept"] if self.zero_taps == "keep" else []
        facts += [str(self.store)] if self.store != PLAINLY else []
        facts += [str(self.missing)] if self.missing else []
        return f"{name} {image} {self.image_dtype} * {', '.join(facts)}"


def describe(
    f: tuple[tuple[int, ...], Any],
    g: tuple[tuple[int, ...], Any],
    question: Question,
    found: Found = UNKNOWN,
) -> Problem:
    """The `Problem` for an image and a filter given as ``(shape, dtype)``, or an exception.

    ``found`` is what `traits_of` found in the filter's values.
    """
    mode, padding, reflect = question.mode, question.padding, not question.correlate
    if question.real is not None:
        raise ValueError(f"real={shown(question.real)} goes with calls and plans of one image")
    (image, f_type), (given, g_type) = f, g
    image_dtype, filter_dtype = check_dtype("f", f_type), check_dtype("g", g_type)
    plane_axes = check_axes(question.axes, image)
    taps, bank = check_bank(given, question.groups, image, plane_axes)
    check_mode(mode)
    check_choice("zero_taps", question.zero_taps, ZERO_TAPS)
    store = check_store(question, bank.outputs if bank else None)
    borders, value = check_boundary(question.boundary), check_cval(question.cval, image_dtype)
    if "constant" not in borders or (mode == "valid" and padding is None):
        value = 0  # nobody meets it
    missing = missing_of(question, image_dtype, value)
    value = 0 if missing and missing.outside else value
    compute, result = types_that_hold(
        image_dtype, filter_dtype, question.dtype, question.accumulate, found[1].wide, value, store
    )
    check_kinds(store, compute)
    store = store.of(result, exact=compute.kind == "i")
    value = check_exact(value, store.overflow == "wrap") if compute.kind == "i" else value
    if missing:
        check_alone(missing, given, image_dtype, filter_dtype)
        check_plain(missing, store, result)
        missing = missing.into(result, check_cval(question.cval, image_dtype))
    steps = check_positive("stride", question.stride)
    holes = check_positive("dilation", question.dilation)
    sizes, spans = (image[plane_axes[0]], image[plane_axes[1]]), spanned(taps, holes)
    shift = check_origin(question.origin, spans, mode, padding)
    (top, left), full = placed(mode, padding, sizes, spans, shift, reflect)
    if padding is not None:
        mode = f"padding {shown(padding)}"
    elif mode == "valid":
        borders = "constant", "constant"
    plane = -(-full[0] // steps[0]), -(-full[1] // steps[1])
    for size, border in zip(sizes, borders, strict=True):
        if size == 0 and border != "constant" and 0 not in plane:
            raise ValueError(f"f has shape {image}: boundary={border!r} needs a pixel to repeat")
    part = found[0]
    wide = steps[1] == 1 and plane_axes == (len(image) - 3, len(image) - 2) and image[-1] > 0
    channels = image[-1] if wide and not bank else 1
    lead = lead_of_part((top, left), part, taps, holes, reflect)
    holes = holes[0] * part.step[0], holes[1] * part.step[1]
    return Problem(
        image, given, part.size or taps, plane_axes, image_dtype, filter_dtype, compute, result,
        reflect, mode, borders, value, (lead[0], lead[1] * channels),
        (plane[0], plane[1] * channels), steps, (holes[0], holes[1] * channels), channels,
        part, found[1].within(real(compute)), bank, check_tolerance(question.tolerance, result),
        question.zero_taps, store, missing,
    )  # fmt: skip
