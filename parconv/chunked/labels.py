"""Which pixel of the image each output of an axis stands for: what coordinates are cut by."""

from collections.abc import Sequence

from ..problem.arguments import check_positives, places
from ..problem.geometry import placed, spanned
from ..problem.question import DEFAULTS, Question

Shape = tuple[int, ...]


def pixels_of(
    image: Shape, given: Shape, question: Question, outputs: dict[int, int]
) -> dict[int, range]:
    """By axes of the image that the filter lies along, which pixels outputs stand for.

    The same as those of ``mode="same"`` do; some lie beyond the image where outputs do.

    Examples
    --------
    >>> pixels_of((9, 9), (3, 4), Question(mode="valid"), {0: 7, 1: 6})
    {0: range(1, 8), 1: range(2, 8)}
    >>> pixels_of((9, 9), (3, 3), Question(mode="full"), {0: 11, 1: 11})[0]
    range(-1, 10)
    """
    axes = _axes(image, given, question)
    count = len(axes)
    steps = check_positives("stride", question.stride, count)
    spans = spanned(given[-count:], check_positives("dilation", question.dilation, count))
    shifts = _shifts(tuple(image[axis] for axis in axes), spans, question)
    return {
        axis: range(shift, shift + outputs[axis] * step, step)
        for axis, shift, step in zip(axes, shifts, steps, strict=True)
    }


def _axes(image: Shape, given: Shape, question: Question) -> Shape:
    alone = len(image) == len(given) == 1 and question.axes is DEFAULTS["axes"]
    return places(0 if alone else question.axes, image)


def _shifts(sizes: Shape, spans: Shape, question: Question) -> Sequence[int]:
    """The pixel that the first output of each axis stands for."""
    none, reflect = (0,) * len(sizes), not question.correlate
    if question.mode == "same" and question.padding is None:
        return none
    usual, _ = placed("same", None, sizes, spans, none, reflect)
    lead, _ = placed(question.mode, question.padding, sizes, spans, none, reflect)
    return [there - here for there, here in zip(usual, lead, strict=True)]
