"""Steps that follow one another over an array, a slab of the first one's axis at a time.

What lies between two steps is as large as a slab: it stays in the caches, and nothing is computed
twice, as the first step reads the image itself, where slabs overlap.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..problem.banks import Shape
from ..problem.dtypes import Array, DType
from ..problem.lazily import lazily
from ..problem.window import Range, window_of
from .passes import Pass
from .rolling import rows_of

# Bytes between two steps, and the most where the first one's filter is long: by few rows at a time
# it would read the image many times.
SLAB, MOST = 1 << 23, 1 << 25


@dataclass(frozen=True, eq=False)
class Slabs:
    """Several steps over one array; ``between`` is the type of what all but the last leave."""

    first: Pass
    others: tuple[Any, ...]
    image: Shape
    between: DType

    def run(self, f: Array, out: Array) -> None:
        """Fill all slabs."""
        rooms = [np.empty(self.room, self.between) for _ in self.others[:2]]
        axis, whole = self.first.axes[0], self.first.outputs[0]
        for items in self._cuts(self._items, self._together) if axis else [slice(None)]:
            image, target = f[items], out[items]
            for rows in self._cuts(whole, self.rows):
                part = target[rows_of(axis, rows.start, rows.stop)]
                self._slab(image, part, (rows.start, rows.stop), rooms)

    def _slab(self, f: Array, out: Array, rows: Range, rooms: list[Array]) -> None:
        shape = list(self.first.result(f.shape))
        shape[self.first.axes[0]] = rows[1] - rows[0]
        image = _of(rooms[0], tuple(shape))
        if rows[1] - rows[0] == self.first.outputs[0]:
            self.first.run(f, image)
        else:
            self.first.run_rows(f, image, rows)
        *between, last = self.others
        for number, step in enumerate(between, 1):
            left = _of(rooms[number % 2], step.result(image.shape))
            step.run(image, left)
            image = left
        last.run(image, out)

    # --- how much at a time ---

    @staticmethod
    def _cuts(count: int, step: int) -> Iterator[slice]:
        return (slice(start, min(start + step, count)) for start in range(0, count, step))

    @property
    def _items(self) -> int:
        """Of the array's first axis, if that is not filtered; else all are one."""
        return self.image[0] if self.first.axes[0] else 1

    @lazily
    def _most(self) -> int:
        """Elements of the largest that lies between two steps."""
        shapes = [self.first.result(self.image)]
        for step in self.others[:-1]:
            shapes.append(step.result(shapes[-1]))
        return max(map(math.prod, shapes))

    @lazily
    def _together(self) -> int:
        """Items at a time."""
        return min(self._items, max(1, SLAB // self._bytes(self._items)))

    @lazily
    def rows(self) -> int:
        """Of the first step's result, at a time."""
        outputs = self.first.outputs[0]
        row = self._bytes(self._items * outputs) * self._together
        span = self.first.plan.problem.span[0]
        return min(outputs, max(1, SLAB // row, min(span, MOST // row)))

    def _bytes(self, parts: int) -> int:
        """Between two steps, of one of so many equal parts of the whole."""
        return max(1, self._most * self.between.itemsize // parts)

    @lazily
    def room(self) -> int:
        """Elements of a slab, at most."""
        return self._most // (self._items * self.first.outputs[0]) * self._together * self.rows

    @property
    def workspace(self) -> int:
        """Bytes between steps, and of the image's part that is copied at its ends."""
        whole = self.first.plan.problem
        needed = window_of(whole, 0, (0, self.rows)).reach
        part = math.prod(self.image) // max(1, self._items * whole.image[whole.axes[0]])
        copied = (needed[1] - needed[0]) * self._together * part * whole.image_dtype.itemsize
        return len(self.others[:2]) * self.room * self.between.itemsize + copied

    def __str__(self) -> str:
        count = self._together
        items = f"{count} item{'s' * (count > 1)} and " if count < self._items else ""
        return f"{items}{self.rows} of {self.first.outputs[0]} along axis {self.first.axes[0]}"


def _of(room: Array, shape: Shape) -> Array:
    """Memory of that shape."""
    return room[: math.prod(shape)].reshape(shape)
