"""Where outputs lie among the pixels: how far the first tap reaches, and how many there are.

Pure arithmetic over sizes.
"""

import operator
from collections.abc import Callable
from typing import Any

from .arguments import Pair, both, check_pair
from .shown import shown
from .traits import Part


def placed(
    mode: str, padding: Any, sizes: Pair, spans: Pair, shift: Pair, reflect: bool
) -> tuple[Pair, Pair]:
    """(lead, output size at stride 1) of a mode, or of the padding in its place."""
    if padding is not None:
        return _padded(padding, mode, sizes, spans)
    if mode == "valid":
        return _valid(sizes, spans)
    if mode == "full":
        lead = spans[0] - 1, spans[1] - 1
        return lead, (sizes[0] + lead[0], sizes[1] + lead[1])
    # as scipy.signal centres: an even filter reaches one pixel further on one side
    half = [n // 2 if reflect else (n - 1) // 2 for n in spans]
    sign = -1 if reflect else 1
    return (half[0] + sign * shift[0], half[1] + sign * shift[1]), sizes


def spanned(taps: Pair, dilation: Pair) -> Pair:
    """Input rows and columns under a filter."""
    return dilation[0] * (taps[0] - 1) + 1, dilation[1] * (taps[1] - 1) + 1


def lead_of_part(lead: Pair, part: Part, taps: Pair, dilation: Pair, reflect: bool) -> Pair:
    """How far the first tap of a filter's part reaches."""
    if part.size is None:
        return lead
    before = part.first
    if reflect:  # the filter's last tap meets the image first
        last = [at + (n - 1) * s for at, n, s in zip(part.first, part.size, part.step, strict=True)]
        before = taps[0] - 1 - last[0], taps[1] - 1 - last[1]
    return lead[0] - before[0] * dilation[0], lead[1] - before[1] * dilation[1]


def _padded(padding: Any, mode: str, sizes: Pair, spans: Pair) -> tuple[Pair, Pair]:
    """(lead, output size at stride 1) for explicit padding."""
    if mode != "valid":
        raise ValueError(
            f"padding={shown(padding)} and mode={shown(mode)} exclude each other: pass one"
        )
    outer = both(padding)
    if len(outer) != 2:
        raise ValueError(
            f"padding={shown(padding)}: pass p, (py, px) or ((top, bottom), (left, right))"
        )
    top, left = (check_pair("padding", side) for side in outer)
    if min(*top, *left) < 0:
        raise ValueError(f"padding={shown(padding)}: pass integers of at least 0")
    full = [n + sum(p) - k + 1 for n, p, k in zip(sizes, (top, left), spans, strict=True)]
    if min(full) < 1:
        raise ValueError(
            f"padding={shown(padding)}: the filter spans {spans}, beyond the padded image; pad more"
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
