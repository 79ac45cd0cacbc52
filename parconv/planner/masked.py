"""The plan for an array of which pixels may be missing, filtered over three and more axes.

Where a pixel is missing, sums of pixels and sums of weights are two convolutions by the plan of the
volume; their quotients are the result.  Some planes of the result are made at a time, whose part of
the image is copied with its border along the first axis, so that nothing as large as the image
lies between.  Weights of 0 and 1 are bytes.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..problem.borders import BOUNDARIES, source_index
from ..problem.dtypes import FLOAT64, Array, DType, quietly
from ..problem.filter import Filter
from ..problem.geometry import spanned
from ..problem.lazily import lazily
from ..problem.missing import (
    WORDS,
    Missing,
    all_there,
    check_alone,
    check_plain,
    dividing_total,
    missing_of,
    refuse_nan,
    total_of,
)
from ..problem.question import DEFAULTS, Question
from ..problem.store import check_store
from ..problem.volumes import Volume
from .choice import is_spec
from .volume import VolumePlan, plan_whole

PART = 1 << 23  # bytes of sums that are made at a time
SLACK = 64  # roundings by which sums of weights may miss their bound


@dataclass(frozen=True, repr=False)
class MaskedVolumePlan(VolumePlan):
    """A plan that looks at the array before it runs.

    Attributes
    ----------
    missing : Missing or None
        Which pixels are not used.
    plain : VolumePlan or None
        Where all are there; its steps are the plan's own.
    asked : Question or None
        Of the two convolutions where some are not, but for the sizes.
    """

    missing: Missing | None = field(default=None)
    plain: VolumePlan | None = field(default=None, repr=False, compare=False)
    asked: Question | None = field(default=None, repr=False, compare=False)

    def _fill(self, f: Array, out: Array) -> None:
        """By the plan of the whole where all is there; else part by part."""
        missing, weights, axis = self.missing, self.weights, self.problem.axes[0]
        assert missing
        assert self.plain
        if missing.raises:
            refuse_nan(f, weights)
        if not missing.any or all_there(missing, f, weights):
            self.plain._fill(f, out)
            return
        count = self.problem.outputs[0] if out.size else 0
        for start in range(0, count, self._rows):
            stop = min(count, start + self._rows)
            part = out[(*[slice(None)] * axis, slice(start, stop))]
            self._fill_part(f, self._met(start, stop), part)

    def _met(self, start: int, stop: int) -> Array:
        """The places along the first axis that some outputs meet; -1 beyond a constant border."""
        problem = self.problem
        step, lead, size = problem.stride[0], problem.lead[0], problem.image[problem.axes[0]]
        kind, (span,) = BOUNDARIES.index(problem.boundary[0]), self._spans[:1]
        places = range(start * step - lead, (stop - 1) * step - lead + span)
        return np.array([source_index(at, size, kind) for at in places])

    @quietly
    def _fill_part(self, f: Array, met: Array, out: Array) -> None:
        """Some outputs: sums of pixels over sums of weights."""
        pixels, there = self._part(f, met)
        shape = pixels.shape
        sums = self._plan(shape, pixels.dtype, self._outside[0]).run(pixels, None, None)
        weights = self._plan(shape, there.dtype, self._outside[1]).run(there, None, None)
        least, total, missing = self._least, self._total[0], self.missing
        assert missing
        few = weights == 0
        if missing.least:
            few |= weights * math.copysign(1, total) < least
        np.divide(sums, weights, sums)
        np.multiply(sums, self._kind.type(total), sums)
        np.copyto(sums, missing.nothing, where=few)
        _deliver(sums, out)

    def _part(self, f: Array, met: Array) -> tuple[Array, Array]:
        """Weighted pixels at those places, 0 where one is missing, and the weights."""
        axis, beyond, missing = self.problem.axes[0], met < 0, self.missing
        assert missing
        image, weights = np.take(f, met, axis), self.weights
        there = ~np.isnan(image) if missing.omits else np.ones(image.shape, bool)
        if weights is not None:
            given = np.take(weights, met, axis)
            there = given & there if given.dtype == bool else given * there
        used = there if there.dtype == bool else there != 0
        pixels = np.where(used, image, image.dtype.type(0)).astype(self._kind, copy=False)
        if there.dtype == bool:
            there = there.view(np.uint8)
        else:
            there = there.astype(self._kind)
            pixels *= there
        place: tuple[Any, ...] = (*[slice(None)] * axis, beyond)
        pixels[place], there[place] = self._outside
        return pixels, there

    # --- numbers ---

    @property
    def _outside(self) -> tuple[float, int]:
        """Pixel and weight beyond a constant border."""
        assert self.missing
        return (0.0, 0) if self.missing.outside else (self.problem.cval.real, 1)

    @lazily
    def _spans(self) -> tuple[int, ...]:
        return tuple(spanned(self.problem.filter, self.problem.dilation))

    @property
    def _kind(self) -> DType:
        """Of sums: floating point, as quotients are."""
        kind = self.problem.compute
        return FLOAT64 if kind.kind == "i" else kind

    @lazily
    def _total(self) -> tuple[float, float]:
        """What the taps sum to, and their moduli."""
        return total_of(self.filter if self.filter is not None else np.ones(1))

    @property
    def _least(self) -> float:
        """The sum of weights below which nothing stands."""
        assert self.missing
        if not self.missing.least:
            return -math.inf
        slack = SLACK * float(np.finfo(self._kind).eps)
        return self.missing.least * abs(self._total[0]) * (1 - slack)

    @lazily
    def _rows(self) -> int:
        """Outputs along the first axis at a time; several times what the filter spans."""
        problem = self.problem
        row = math.prod(problem.shape) // max(1, problem.outputs[0]) * self._kind.itemsize
        return max(1, min(problem.outputs[0], max(PART // max(1, row), self._spans[0])))

    @lazily
    def _plans(self) -> dict[Any, VolumePlan]:
        return {}

    def _plan(self, shape: tuple[int, ...], kind: DType, cval: float) -> VolumePlan:
        """For parts of such a shape, whose border along the first axis was copied."""
        assert self.asked
        key = shape, kind, cval
        if key not in self._plans:
            asked = replace(self.asked, cval=cval, dtype=self._kind)
            self._plans[key] = plan_whole((shape, kind), self.filter, asked)
        return self._plans[key]

    @property
    def workspace(self) -> int:
        """Bytes beyond image and result, where pixels are missing."""
        problem, size = self.problem, self._kind.itemsize
        rows, (span, step) = self._rows, (self._spans[0], problem.stride[0])
        part = math.prod(problem.image) // max(1, problem.image[problem.axes[0]])
        read = part * ((rows - 1) * step + span) * (problem.image_dtype.itemsize + 2 * size + 3)
        made = math.prod(problem.shape) // max(1, problem.outputs[0]) * rows * (2 * size + 2)
        assert self.plain
        return int(read + made + self.plain.workspace)

    def _facts(self) -> dict[str, str]:
        return {**super()._facts(), "missing pixels": str(self.missing)}


@quietly
def _deliver(means: Array, out: Array) -> None:
    """Of integers the nearest, of two the even one; the largest or least in place of others."""
    if out.dtype.kind in "iu":
        info = np.iinfo(out.dtype)
        most = np.nextafter(means.dtype.type(info.max) + 1, 0)
        means = np.clip(np.rint(means), info.min, min(most, info.max))
    out[...] = means


def plan_volume(
    image: Any, g: Any, question: Question, like: VolumePlan | None = None
) -> VolumePlan:
    """The plan for an image given as ``(shape, dtype)`` and a filter, or its shape and dtype.

    ``like``: as in `plan_whole`.
    """
    words: Any = {name: DEFAULTS[name] for name in WORDS}
    told = any(getattr(question, name) is not value for name, value in words.items())
    count = len(g[0] if is_spec(g) else g.shape)
    if count == 1 or not told:
        return plan_whole(image, g, question, like)
    lost = question.nan_policy == "omit" and bool(np.isnan(question.cval))
    asked = replace(question, cval=0 if lost else question.cval, **words)
    plain = plan_whole(image, g, asked, like)
    volume = plain.problem
    met = any(
        border == "constant" and pad != (0, 0)
        for border, pad in zip(volume.boundary, volume.padding, strict=True)
    )
    missing = missing_of(question, volume.image_dtype, question.cval if met else 0)
    if missing is None:
        return plain
    _check(missing, volume, question, g)
    number = 0.0 if np.isnan(question.cval) else question.cval
    missing = missing.into(volume.dtype, number)
    return MaskedVolumePlan(
        volume, plain.steps, plain.between, plain.filter, plain.wraps,
        missing=missing, plain=plain, asked=_of_parts(volume, asked),
    )  # fmt: skip


def _check(missing: Missing, volume: Volume, question: Question, g: Any) -> None:
    """Refuse what has no mean."""
    check_alone(missing, volume.filter[:2], volume.image_dtype, volume.filter_dtype)
    store = check_store(question, None).of(volume.dtype, exact=volume.compute.kind == "i")
    check_plain(missing, store, volume.dtype)
    if missing.any and isinstance(g, Filter):
        dividing_total(g, FLOAT64)


def _of_parts(volume: Volume, asked: Question) -> Question:
    """Of parts whose border along the first axis was copied.

    By the direct method unless another is named: its sums of what is missing are exactly 0.
    """
    named = [volume.axes[volume.order.index(place)] for place in range(len(volume.order))]

    def sort(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[volume.order.index(place)] for place in range(len(values)))

    return replace(
        asked, axes=tuple(named), mode="valid", origin=0,
        padding=sort(((0, 0), *volume.padding[1:])), boundary=sort(volume.boundary),
        stride=sort(volume.stride), dilation=sort(volume.dilation), accumulate=None,
        method="direct" if asked.method == "auto" else asked.method,
    )  # fmt: skip
