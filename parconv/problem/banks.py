"""Filter banks and layers: what a 3-D or 4-D filter asks of the axes of an image.

A bank's maps are arrays (batch, channels, rows, columns): of an image and of its
result.
"""

import math
from typing import Any, NamedTuple

from .arguments import check_groups
from .dtypes import Array
from .shown import shown

Shape = tuple[int, ...]
Pair = tuple[int, int]


class Bank(NamedTuple):
    """Several filters, each a sum over channels.

    Attributes
    ----------
    outputs : int
        Filters.
    inputs : int
        Channels that each filter sums over.
    groups : int
        Runs of channels, each with its own run of filters.
    axes : (int, int, int)
        Of channels, rows and columns, in the result and in an image that has channels.
    summed : bool
        Whether an axis of the image holds the channels; without, every plane meets every filter.
    run : int
        Of a complex image whose channels hold real numbers: so many real parts follow one another,
        then as many imaginary ones, and so on; 0: it is none.
    """

    outputs: int
    inputs: int
    groups: int
    axes: tuple[int, int, int]
    summed: bool
    run: int = 0

    @property
    def channels(self) -> int:
        """Of the image."""
        return self.groups * self.inputs

    @property
    def filters(self) -> int:
        """Of a group."""
        return self.outputs // self.groups

    def constants(self, value: complex) -> list[float]:
        """The border's constant for each channel of the image."""
        run = self.run or self.channels
        period = [value.real] * run + [value.imag] * run
        return [period[channel % len(period)] for channel in range(self.channels)]

    def maps_in(self, image: Shape) -> Shape:
        """Shape of the image's maps."""
        taken = self.axes if self.summed else _without(self.axes)
        batch = math.prod(n for axis, n in enumerate(image) if axis not in taken)
        return batch, self.channels, image[taken[-2]], image[taken[-1]]

    def shape(self, image: Shape, plane: Pair) -> Shape:
        """Shape of the result."""
        shape = list(image)
        if not self.summed:
            shape.insert(self.axes[0], self.outputs)
        for axis, size in zip(self.axes, (self.outputs, *plane), strict=True):
            shape[axis] = size
        return tuple(shape)


def _without(axes: tuple[int, int, int]) -> Pair:
    """Row and column axis where the first of the three is not there."""
    first, row, column = axes
    return row - (row > first), column - (column > first)


def check_bank(g: Shape, groups: Any, image: Shape, axes: Pair) -> tuple[Pair, Bank | None]:
    """(rows and columns of a filter, its bank); a 2-D filter is no bank."""
    if len(g) not in (2, 3, 4):
        raise ValueError(
            f"g has shape {g}: pass a filter (rows, columns), a bank (filters, rows, columns) or a "
            "layer (filters, channels, rows, columns); or axes, as many as g has"
        )
    if 0 in g:
        raise ValueError(f"g has shape {g}: a filter needs at least one tap")
    parts = check_groups(groups)
    taps = g[-2], g[-1]
    if len(g) == 4:
        return taps, _layer(g, parts, image, axes)
    if parts != 1:
        raise ValueError(
            f"groups={shown(groups)} needs a 4-D filter: with a {len(g)}-D g leave it at 1"
        )
    row, column = axes
    triple = row, row + 1, column + (column > row)
    return taps, Bank(g[0], 1, 1, triple, summed=False) if len(g) == 3 else None


def _layer(g: Shape, groups: int, image: Shape, axes: Pair) -> Bank:
    others = [axis for axis in range(len(image)) if axis not in axes]
    if not others:
        raise ValueError(
            f"f has shape {image}: a 4-D g sums over channels; pass f (channels, rows, columns), "
            "with any batch axes before"
        )
    channels, outputs, inputs = image[others[-1]], g[0], g[1]
    if channels != groups * inputs:
        raise ValueError(
            f"g has shape {g}: with groups={groups} it sums over {groups * inputs} channels, f of "
            f"shape {image} has {channels}; pass g (filters, {channels} // groups, rows, columns)"
        )
    if outputs % groups:
        raise ValueError(f"groups={groups}: the {outputs} filters of g do not divide into them")
    return Bank(outputs, inputs, groups, (others[-1], *axes), summed=True)


def weights(g: Array, reflect: bool) -> Array:
    """A bank's filters as (filters, channels, rows, columns) that a correlation multiplies with.

    A correlation with a complex filter conjugates it, one with a layer does not.
    """
    if reflect:
        return g.reshape(len(g), -1, *g.shape[-2:])[..., ::-1, ::-1]
    return g if g.ndim == 4 else g.conj()[:, None]
