"""The numbers by which a kernel knows its problem: written and read by name.

Compiled code takes them as one int64 array.
"""

import operator
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ..problem.borders import BOUNDARIES
from ..problem.dtypes import Array
from ..problem.problem import Problem
from . import machine

# What reads an image and what writes an output of another type than the sums': addresses, known
# when a kernel is called; `foreign` tells.
ENDS = "reads", "writes"
OWN = 0


class Layout(ModuleType):
    """The names of the numbers in such an array, and of tables behind them.

    Each name is an attribute that says where its number lies; that of a table, where the array
    says where the table begins.  It is a module since those are what compiled code reads constants
    from.

    Parameters
    ----------
    *names : str
        Of the numbers.
    tables : tuple of str
        Of the tables, in order.

    Examples
    --------
    >>> L = Layout("rows", "columns", tables=("steps",))
    >>> layout = L.pack(rows=2, columns=3, steps=[10, 20])
    >>> int(layout[L.columns]), int(layout[layout[L.steps] + 1])
    (3, 20)
    """

    def __init__(self, *names: str, tables: tuple[str, ...] = ()) -> None:
        super().__init__("layout")
        self.names, self.tables = names, tables
        self.length = len(names + tables)  # where the first table begins
        for place, name in enumerate(names + tables):
            if hasattr(self, name):
                raise ValueError(f"{name!r} is told twice, or is no name for a number: rename it")
            setattr(self, name, place)

    def pack(self, known: Mapping[str, int] | None = None, /, **values: Any) -> Array:
        """The array, read-only.

        Parameters
        ----------
        known : mapping, optional
            Numbers by name, of which those are taken that the layout has.
        **values : int or iterable of int
            All others, and the tables.

        Raises
        ------
        TypeError
            If a name is missing, unknown or told twice.
        """
        every, known = {*self.names, *self.tables}, known or {}
        numbers = {name: known[name] for name in known.keys() & every} | values
        for what, names in (
            ("told twice", known.keys() & values.keys()),
            ("unknown", values.keys() - every),
            ("missing", every - numbers.keys()),
        ):
            if names:
                raise TypeError(f"of a layout's numbers {', '.join(sorted(names))}: {what}")
        tables = [np.fromiter(numbers[name], np.int64) for name in self.tables]
        starts = self.length + np.cumsum([0, *map(len, tables)])
        numbers |= zip(self.tables, starts, strict=False)
        header = [operator.index(numbers[name]) for name in self.names + self.tables]
        result = np.concatenate([np.array(header, np.int64), *tables])
        result.flags.writeable = False
        return result


def up(number: int, multiple: int) -> int:
    """The next multiple."""
    return -(-number // multiple) * multiple


def odd_lines(elements: int, itemsize: int) -> int:
    """Rounded up to an odd number of cache lines, so that rows of scratch spread over its sets."""
    lines = -(-elements * itemsize // machine.CACHE_LINE) | 1
    return lines * machine.CACHE_LINE // itemsize


def geometry(problem: Problem) -> dict[str, int]:
    """What a problem says of itself, by the names that layouts have for it."""
    axes = {
        ("rows_out", "columns_out"): problem.plane,
        ("rows_in", "columns_in"): problem.plane_in,
        ("lead_y", "lead_x"): problem.lead,
        ("stride_y", "stride_x"): problem.stride,
        ("dilation_y", "dilation_x"): problem.dilation,
        ("span_y", "span_x"): problem.span,
        ("taps_y", "taps_x"): problem.filter,
        ("border_y", "border_x"): tuple(map(BOUNDARIES.index, problem.boundary)),
    }
    numbers = {
        name: number
        for names, pair in axes.items()
        for name, number in zip(names, pair, strict=True)
    }
    limit = 2 * machine.STREAM_BYTES
    sizes = {"large": problem.passing > limit, "far": problem.coming > limit}
    return {**numbers, **dict.fromkeys(ENDS, OWN), **sizes}
