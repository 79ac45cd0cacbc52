"""What a peer cannot do, declared: conditions that a race checks before it prepares anything."""

import os
from collections.abc import Callable
from typing import Any

from ..layers import Layer
from ..units import MARK
from ..workloads import Workload

Limit = Callable[[Any], str]  # of a workload or layer; the reason to refuse it, or nothing


def only(word: str, *values: object) -> Limit:
    """Those values of an attribute.

    >>> only("stride", 1)(Layer("layer", (1, 3, 8, 8), (4, 3, 3, 3), stride=2))
    'stride is 2: it takes 1'
    """

    def refusal(asked: Workload | Layer) -> str:
        value, able = getattr(asked, word), ", ".join(map(str, values))
        return "" if value in values else f"{word} is {value}: it takes {able}"

    return refusal


def needs(words: str, condition: Callable[[Any], bool]) -> Limit:
    """What no single attribute tells."""
    return lambda asked: "" if condition(asked) else f"it takes {words} only"


def any_unit(asked: Workload | Layer) -> str:
    """Of libraries that take the widest vectors there are, whatever the environment says."""
    held = os.environ.get(MARK)
    return f"it cannot be held to {held}" if held else ""


def _outer(asked: Workload) -> bool:
    return asked.named[0] in ("gaussian", "box", "sobel-x") or min(asked.taps) == 1


KEEPS_TYPE = needs("results of the image's type", lambda asked: asked.keeps_type)
ODD = needs("filters of odd sizes", lambda asked: all(n % 2 for n in asked.taps))
OUTER = needs("filters known as outer products", _outer)
NAMED_BLURS = needs("boxes and Gaussians", lambda asked: asked.named[0] in ("box", "gaussian"))
