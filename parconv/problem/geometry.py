"""Where outputs lie among the pixels: how far the first tap reaches, and how many there are.

Pure arithmetic over sizes.
"""

import operator
from collections.abc import Callable
from typing import Any

from .arguments import Pair, check_integers, each
from .shown import shown
from .traits import Part

Sizes = tuple[int, ...]  # one for each axis of the filter


def placed(
    mode: str, padding: Any, sizes: Sizes, spans: Sizes, shift: Sizes, reflect: bool
) -> tuple[Sizes, Sizes]:
    """(lead, output size at stride 1) of a mode, or of the padding in its place."""
    if padding is not None:
        return _padded(padding, mode, sizes, spans)
    if mode == "valid":
        return _valid(sizes, spans)
    if mode == "full":
        lead = tuple(n - 1 for n in spans)
        return lead, tuple(map(operator.add, sizes, lead))
    # as scipy.signal centres: an even filter reaches one pixel further on one side
    half = [n // 2 if reflect else (n - 1) // 2 for n in spans]
    sign = -1 if reflect else 1
    return tuple(at + sign * by for at, by in zip(half, shift, strict=True)), sizes


def spanned(taps: Sizes, dilation: Sizes) -> Sizes:
    """Input pixels under a filter, along each axis."""
    return tuple(step * (n - 1) + 1 for n, step in zip(taps, dilation, strict=True))


def lead_of_part(lead: Pair, part: Part, taps: Pair, dilation: Pair, reflect: bool) -> Pair:
    """How far the first tap of a filter's part reaches."""
    if part.size is None:
        return lead
    before = part.first
    if reflect:  # the filter's last tap meets the image first
        last = [at + (n - 1) * s for at, n, s in zip(part.first, part.size, part.step, strict=True)]
        before = taps[0] - 1 - last[0], taps[1] - 1 - last[1]
    return lead[0] - before[0] * dilation[0], lead[1] - before[1] * dilation[1]


def _padded(padding: Any, mode: str, sizes: Sizes, spans: Sizes) -> tuple[Sizes, Sizes]:
    """(lead, output size at stride 1) for explicit padding."""
    if mode != "valid":
        raise ValueError(
            f"padding={shown(padding)} and mode={shown(mode)} exclude each other: pass one"
        )
    if isinstance(padding, str):
        words = "mode='same'" if padding.lower() == "same" else "mode='valid', or integers"
        raise TypeError(f"padding={shown(padding)}: pass {words}")
    outer = each(padding, len(sizes))
    if len(outer) != len(sizes):
        forms = "p, (py, px) or ((top, bottom), (left, right))"
        one = "p, or a pair (before, behind) for each axis"
        raise ValueError(f"padding={shown(padding)}: pass {forms if len(sizes) == 2 else one}")
    sides = [check_integers("padding", side, 2) for side in outer]
    if min(map(min, sides)) < 0:
        raise ValueError(f"padding={shown(padding)}: pass integers of at least 0")
    full = tuple(n + sum(p) - k + 1 for n, p, k in zip(sizes, sides, spans, strict=True))
    if min(full) < 1:
        raise ValueError(
            f"padding={shown(padding)}: the filter spans {spans}, beyond the padded image; pad more"
        )
    return tuple(before for before, _ in sides), full


def _valid(sizes: Sizes, spans: Sizes) -> tuple[Sizes, Sizes]:
    """(lead, output size): where one operand covers the other, as in scipy.signal."""

    def covers(relation: Callable[[int, int], bool]) -> bool:
        return all(map(relation, sizes, spans))

    if covers(operator.ge):
        return (0,) * len(sizes), tuple(n - k + 1 for n, k in zip(sizes, spans, strict=True))
    if covers(operator.le) and 0 not in sizes:
        lead = tuple(map(operator.sub, spans, sizes))
        return lead, tuple(before + 1 for before in lead)
    what = "the image plane" if len(sizes) == 2 else "those axes of the image"
    raise ValueError(
        f"mode='valid': {what} {sizes} and the filter span {spans} do not cover one "
        "another; pass mode='same' or 'full'"
    )
