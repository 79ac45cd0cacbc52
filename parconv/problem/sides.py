"""A rule for each side of an image, and pixels that lie around it in memory.

An image may be a window of a larger one: ``real`` counts the pixels that exist beyond each side,
and the rules are for what lies beyond those.  Outputs along an axis are cut into runs that meet at
most one side's rule, which a problem has; the few that meet two read copied pixels.  Pure
arithmetic, no pixels.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .arguments import Pair, check_boundaries, check_integers, each
from .borders import BOUNDARIES, CONSTANT, EDGE, WRAP, source_index
from .question import Question
from .shown import shown

Rules = tuple[str, str]  # before an axis, and behind it
NONE: Pair = (0, 0)


class Run(NamedTuple):
    """Outputs along an axis that meet one rule.

    Attributes
    ----------
    outputs : (int, int)
        From the first to the one behind the last.
    pixels : range or tuple of int
        Those of the axis that they need: one after another, or copied one by one.
    lead : int
        How far the first output reaches before the first of them.
    rule : str
        What lies beyond their ends, if anybody gets there.
    """

    outputs: Pair
    pixels: range | tuple[int, ...]
    lead: int
    rule: str


class Axis(NamedTuple):
    """One axis as outputs see it: its pixels with those around, and where the filter begins."""

    size: int
    lead: int  # before the first of all pixels; less than 0 where more are there than needed
    span: int
    stride: int
    outputs: int
    rules: Rules

    def reach(self, outputs: Pair) -> Pair:
        """Pixels under the filter, were the axis to go on beyond its ends."""
        first, last = (at * self.stride - self.lead for at in (outputs[0], outputs[1] - 1))
        return first, last + self.span

    def runs(self) -> Iterator[Run]:
        """Those that meet what lies before, neither or both where rules are equal, both, behind."""
        inner = max(0, -(-self.lead // self.stride))  # the first that meets nothing before
        outer = max(0, (self.size + self.lead - self.span) // self.stride + 1)  # something behind
        count, (before, behind) = self.outputs, self.rules
        if before == behind or outer >= count:
            yield self._run((0, count), before)
        elif inner == 0:
            yield self._run((0, count), behind)
        else:
            ends = (0, outer), (outer, min(inner, count)), (max(inner, outer), count)
            makers = (self._before, self._both, self._behind)
            for (start, stop), make in zip(ends, makers, strict=True):
                if start < stop:
                    yield make((start, stop))

    def _before(self, outputs: Pair) -> Run:
        return self._run(outputs, self.rules[0])

    def _behind(self, outputs: Pair) -> Run:
        return self._run(outputs, self.rules[1])

    def _run(self, outputs: Pair, rule: str) -> Run:
        first, last = self.reach(outputs)
        pixels = _needed((first, last), self.size, BOUNDARIES.index(rule))
        return Run(outputs, pixels, pixels.start - first, rule)

    def _both(self, outputs: Pair) -> Run:
        """Of a filter longer than the axis: pixels one by one, but for a constant beyond."""
        (first, last), (before, behind) = self.reach(outputs), map(BOUNDARIES.index, self.rules)
        front = [] if before == CONSTANT else range(first, 0)
        back = [] if behind == CONSTANT else range(self.size, last)
        pixels = (
            *(source_index(at, self.size, before) for at in front),
            *range(self.size),
            *(source_index(at, self.size, behind) for at in back),
        )
        return Run(outputs, pixels, -first - len(front), "constant")


def _needed(reach: Pair, size: int, rule: int) -> range:
    """Pixels of an axis inside of which all those lie that stand for what is reached."""
    first, last = max(min(reach[0], size), 0), min(max(reach[1], 0), size)
    before, behind = max(0, -reach[0]), max(0, reach[1] - size)
    if rule in (CONSTANT, EDGE) or not (before or behind):
        return _some(first, last, size)
    if rule == WRAP or max(before, behind) >= size:
        return range(size)
    return range(min(first, size - behind - 1), max(last, before + 1))  # they are reflected


def _some(first: int, last: int, size: int) -> range:
    """One pixel at least, if there is any: an edge is repeated, and a constant lies beyond one."""
    first = min(first, max(size - 1, 0))
    return range(first, max(last, min(first + 1, size)))


def check_rules(boundary: Any) -> tuple[Rules, Rules]:
    """Those of both axes: one name for all sides, one for each axis, or a pair for its sides.

    Examples
    --------
    >>> check_rules((("edge", "mirror"), "wrap"))
    (('edge', 'mirror'), ('wrap', 'wrap'))
    """
    axes = each(boundary, 2)
    if len(axes) != 2:
        raise ValueError(
            f"boundary={shown(boundary)}: pass one name, one for each axis, or pairs of names for "
            "((top, bottom), (left, right))"
        )
    (top, bottom), (left, right) = (check_boundaries(rules, 2) for rules in axes)
    return (top, bottom), (left, right)


def check_real(real: Any) -> tuple[Pair, Pair]:
    """Pixels around an image, on each side."""
    if real is None:
        return NONE, NONE
    axes = each(real, 2)
    sides = [check_integers("real", side, 2) for side in axes]
    if len(axes) != 2 or min(map(min, sides)) < 0:
        raise ValueError(
            f"real={shown(real)}: pass how many pixels of a larger array lie around f, "
            "((top, bottom), (left, right)), as integers of at least 0"
        )
    (top, bottom), (left, right) = sides
    return (top, bottom), (left, right)


def is_sided(question: Question) -> bool:
    """Whether a side has a rule of its own, or pixels beyond it."""
    if question.real is not None:
        return True
    return _is_several(question.boundary) and any(map(_is_several, question.boundary))


def _is_several(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
