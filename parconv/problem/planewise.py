"""A filter for each plane: how planes and filters that broadcast are a layer's channels.

Pure arithmetic over shapes, and views of arrays.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arguments import Pair, check_axes
from .banks import Shape
from .dtypes import Array
from .question import Question
from .shown import shown
from .volumes import with_sizes

PLANES = "planes"  # what `groups` is for it


@dataclass(frozen=True)
class Planewise:
    """Views of an image, its filters and its result that are a layer's, or those of one filter.

    An axis beside the plane is of images where all of them have the same filter; of channels where
    each has its own; of filters where one image has several.

    Attributes
    ----------
    image, given, shape : tuple of int
        Of the image, the filters and the result; the result's plane is the image's.
    axes : (int, int)
        Of the plane, in the image.
    order, seen : tuple of int
        Of the image's axes, with those before it that filters alone have; and the view's shape.
    filters, taps : tuple of int
        Likewise of the filters.
    back : tuple of int
        Of the result's axes, so that they follow each other as in the view's result.
    groups : int
        Channels; 0: all planes have one filter.
    plane : (int, int)
        Its axes in the view.
    """

    image: Shape
    given: Shape
    shape: Shape
    axes: Pair
    order: Shape
    seen: Shape
    filters: Shape
    taps: Shape
    back: Shape
    groups: int
    plane: Pair

    @property
    def more(self) -> int:
        """Axes that the filters alone have."""
        return len(self.shape) - len(self.image)

    def view(self, f: Array) -> Array:
        """The image as the layer's: a view, or a copy where none exists."""
        return f.reshape((1,) * self.more + self.image).transpose(self.order).reshape(self.seen)

    def layer(self, g: Array) -> Array:
        """The filters as the layer's."""
        return self._ordered(g, g.shape[-2:]).reshape(self.taps)

    def numbers(self, name: str, value: Any) -> Any:
        """A number for each filter in their order there; one number for all as it is."""
        if not np.ndim(value):
            return value
        try:
            each = np.broadcast_to(value, self.given[:-2])
        except ValueError as error:
            raise ValueError(
                f"{name} has shape {np.shape(value)}: pass a number, or one for each filter, of a "
                f"shape that broadcasts to {self.given[:-2]}"
            ) from error
        found = self._ordered(each[..., None, None], (1, 1)).ravel()
        return found if self.groups else found[0]

    def _ordered(self, g: Array, last: Sequence[int]) -> Array:
        lacking = len(self.filters) - g.ndim
        return g.reshape((1,) * lacking + g.shape[:-2] + tuple(last)).transpose(self.filters)


def planewise(image: Shape, given: Shape, axes: Any) -> Planewise:
    """That of an image and filters of such shapes, or ValueError where they do not broadcast."""
    row, column = check_axes(axes, image)
    others = tuple(axis for axis in range(len(image)) if axis not in (row, column))
    whole = _together(tuple(image[axis] for axis in others), given)
    more, count = len(whole) - len(others), len(whole)
    places = (*range(more), *(axis + more for axis in others))
    sizes, taken = (1,) * more + image, (1,) * (count - len(given) + 2) + given[:-2]
    shape, plane = with_sizes(sizes, places, whole), (row + more, column + more)
    same = [k for k in range(count) if taken[k] == 1]
    many = [k for k in range(count) if taken[k] != 1 and sizes[places[k]] == 1]
    own = [k for k in range(count) if taken[k] != 1 and sizes[places[k]] != 1]
    if not (many or own):
        every, lines = tuple(range(len(sizes))), tuple(range(count + 2))
        return Planewise(
            image, given, shape, (row, column), every, sizes, lines, given[-2:], every, 0, plane
        )
    images, channels, filters = ([places[k] for k in kind] for kind in (same, own, many))
    batch, groups, each = (math.prod(whole[k] for k in kind) for kind in (same, own, many))
    last = bool(own) and channels[-1] > plane[1]  # channels last, in and out
    inside = (*plane, *channels) if last else (*channels, *plane)
    behind = (*plane, *channels, *filters) if last else (*channels, *filters, *plane)
    rows, columns = image[row], image[column]
    maps = (rows, columns, groups) if last else (groups, rows, columns)
    return Planewise(
        image, given, shape, (row, column), (*images, *filters, *inside), (batch, *maps),
        (*same, *own, *many, count, count + 1), (groups * each, 1, *given[-2:]),
        (*images, *behind), groups, (1, 2) if last else (2, 3),
    )  # fmt: skip


def _together(planes: Shape, given: Shape) -> Shape:
    """Of the result beside the plane."""
    if len(given) < 2 or 0 in given[-2:]:
        raise ValueError(f"g has shape {given}: pass filters (..., rows, columns) with a tap each")
    try:
        return np.broadcast_shapes(planes, given[:-2])
    except ValueError as error:
        raise ValueError(
            f"g has shape {given}: with groups='planes' its axes before rows and columns, "
            f"{given[:-2]}, must broadcast with those of f beside the plane, {planes}"
        ) from error


def is_planewise(question: Question) -> bool:
    """Whether each plane has its own filter; TypeError for another word."""
    if not isinstance(question.groups, str):
        return False
    if question.groups != PLANES:
        raise TypeError(
            f"groups={shown(question.groups)}: pass an integer of at least 1, or {PLANES!r}"
        )
    return True
