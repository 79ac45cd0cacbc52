"""What a stream will do: its chunks, its memory, its time."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from ..planner.explain import as_table, as_text
from . import rates
from .blocks import BUFFERS
from .cut import PIXEL, Chunk, Cut, Grain, chunks, largest
from .question import Question

# Bytes of a chunk of a batch, in and out: at this size files give their full speed, an interrupt is
# served within 0.1 s, and batches of small images are cut alike whatever memory there is.
CHUNK = 1 << 26
SHARED = 4 * CHUNK  # of buffers, where several workers compute: larger chunks leave some without

Fits = Callable[..., bool]


@dataclass(frozen=True, eq=False, repr=False)
class StreamPlan:
    """How a stream is cut into chunks: ``print(plan)`` is one line, ``plan.explain()`` tells all.

    Attributes
    ----------
    question : Question
        What is asked of every chunk.
    items : int or None
        Of the source's leading axis: 1 for one image, None where nobody knows before its end.
    per_chunk : (int, int or None)
        Items of a chunk and, where an item is cut, rows of its result.
    width : int or None
        Where it is cut into columns too, those of a chunk.
    limit : int
        Bytes that buffers and scratch may take.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> plan = parconv.plan_stream(((512, 1024, 1024), "float32"), np.ones((5, 5)))
    >>> plan.number, plan.bytes_in
    (64, 2147483648)
    """

    question: Question
    items: int | None
    per_chunk: tuple[int, int | None]
    limit: int
    width: int | None = None
    reads: int = 1  # under way at a time

    def chunks(self) -> Iterator[Chunk]:
        """What is read, computed and written at a time, in order.

        Returns
        -------
        iterator
            It does not end where the number of items is unknown.
        """
        if self.items is None:
            count = self.per_chunk[0]
            return (Chunk((at, at + count)) for at in itertools.count(0, count))
        return chunks((0, self.items), self.question.plane, self.cut)

    @property
    def cut(self) -> Cut:
        """Into what."""
        return Cut(*self.per_chunk, self.width)

    @property
    def number(self) -> int | None:
        """Of chunks."""
        if self.items is None:
            return None
        return -(-self.items // self.cut.items) * self.cut.pieces(self.question.plane)

    @property
    def memory(self) -> int:
        """Bytes of buffers and scratch."""
        return needed(self.question, *self.cut, reads=self.reads)

    @property
    def bytes_in(self) -> int:
        """Read in all; of one chunk where the number of items is unknown."""
        question = self.question
        each = math.prod(question.shape[1:] if question.batched else question.shape)
        return each * question.dtype.itemsize * (self._count if question.leads else 1)

    @property
    def bytes_out(self) -> int:
        """Of the result; of one chunk's where the number of items is unknown."""
        dtype = self.question.whole.problem.dtype
        return math.prod(self.question.shape_of(self._count)) * dtype.itemsize

    @property
    def _count(self) -> int:
        return self.per_chunk[0] if self.items is None else self.items

    def compute_seconds(self) -> float | None:
        """Of all chunks, from the machine's recorded ceilings; None where there are none."""
        times = [
            self.question.plan(chunk).predict() for chunk in itertools.islice(self.chunks(), 1)
        ]
        if not times or times[0] is None:
            return None
        return times[0].seconds * (self.number or 1)

    def file_seconds(self) -> float | None:
        """To read and write the same bytes in a plain loop; None where no rates were recorded."""
        found = rates.load()
        return found.seconds(self.bytes_in, self.bytes_out) if found else None

    def __str__(self) -> str:
        return f"{self.question.whole.problem}: {self.question.whole.method}, {self._cut}"

    @property
    def _cut(self) -> str:
        count, height, width = self.cut
        what = f"{height} rows" if height else f"{count} item{'s' * (count > 1)}"
        what += f" x {width} columns" if width else ""
        number = (
            "chunks" if self.number is None else f"{self.number} chunk{'s' * (self.number != 1)}"
        )
        return f"{number} of {what}"

    def __repr__(self) -> str:
        return f"<StreamPlan: {self}>"

    def _repr_html_(self) -> str:
        """A table of what `explain` tells, for notebooks."""
        return as_table(self._facts())

    def explain(self) -> str:
        """The plan in full, one fact a line.

        Returns
        -------
        str
            Lines of a word and what it is.
        """
        return as_text(self._facts())

    def _facts(self) -> dict[str, str]:
        question = self.question
        first = question.plan(next(self.chunks(), Chunk((0, 0))))
        scope = "of each chunk" if self.items is None else "in all"
        return {
            "problem": str(question.whole.problem),
            "result": f"{'x'.join(map(str, question.whole.problem.shape))} {first.problem.dtype}",
            "chunks": f"{self._cut}, the next one read and the last one written meanwhile",
            "each": str(first),
            "memory": f"{self.memory:,} bytes of buffers and scratch, at most {self.limit:,}",
            "files": f"{self.bytes_in:,} bytes read, {self.bytes_out:,} written {scope}",
            "predicted": self._predicted(scope),
        }

    def _predicted(self, scope: str) -> str:
        computing, files = self.compute_seconds(), self.file_seconds()
        parts = (
            _told("computing", computing, "ceilings"),
            _told("reading and writing", files, "files"),
        )
        known = [time for time in (computing, files) if time is not None]
        total = f"{max(known):.3g} s {scope}: " if len(known) == 2 else ""
        return total + ", ".join(parts)


def _told(name: str, seconds: float | None, command: str) -> str:
    if seconds is None:
        return f"{name} unknown (`parconv {command}` measures this machine)"
    return f"{name} {seconds:.3g} s"


# --- cut to fit ----------------------------------------------------------------------------------


def needed(
    question: Question, count: int, height: int | None, width: int | None = None, reads: int = 1
) -> int:
    """Bytes of buffers and scratch for chunks of so many items, or of so much of their results."""
    plane = [
        None if size is None else (first := (whole - size) // 2, first + size)
        for whole, size in zip(question.plane, (height, width), strict=True)
    ]  # from the middle: no end of the image saves a row there
    plan = question.plan(Chunk((0, count), *plane))
    pixels = math.prod(plan.problem.image)
    image, weights = pixels * question.dtype.itemsize, pixels * question.weighing
    return BUFFERS * (plan.problem.bytes + weights + (reads - 1) * image) + plan.workspace


def plan_for(
    question: Question, items: int | None, limit: int, *, whole: bool, grain: Grain = PIXEL,
    reads: int = 1, shared: bool = False,
) -> StreamPlan:  # fmt: skip
    """The plan whose chunks are as large as ``limit`` allows and files need.

    An image that does not fit is cut into rows, unless it comes ``whole``, and into columns where a
    store has it in tiles.  Chunks are whole grains where one fits, and must be where others write
    beside; ``shared`` chunks are small enough for all to have some.
    """

    def fits(count: int, height: int | None = None, width: int | None = None) -> bool:
        return needed(question, count, height, width, reads) <= limit

    roomy, limit = limit, min(limit, SHARED) if shared else limit
    cut = _cut(question, items, fits, whole, grain)
    if cut is None and shared:
        limit = roomy
        cut = _cut(question, items, fits, whole, grain)
    if cut is None and not shared:
        cut = _cut(question, items, fits, whole, PIXEL)
    if cut is None:
        what = "item" if whole else "unit of the store" if shared else "row of the result"
        part = Cut(1) if whole else Cut(*grain) if shared else Cut(1, 1)
        least = needed(question, *part, reads=reads)
        raise ValueError(
            f"memory={limit!r}: buffers and scratch for one {what} need {least:,} bytes; pass more"
        )
    return StreamPlan(question, items, cut[:2], roomy, cut.columns, reads)


def _cut(
    question: Question, items: int | None, fits: Fits, whole: bool, grain: Grain
) -> Cut | None:
    """Into whole items, in grains or all; else into pieces of a grain's; None where none fits."""
    each = max(1, question.plan(Chunk((0, 1))).problem.bytes)
    usual = max(grain.items, CHUNK // each) if question.batched else 1
    size = max(1, usual if items is None else min(usual, items))
    if count := largest(size, min(size, grain.items), fits):
        return Cut(count)
    if whole:
        return None
    count = min(size, grain.items)
    cuts = [Cut(count, *piece) for piece in _pieces(question, partial(fits, count), grain)]
    return min(cuts, key=lambda cut: _read_again(question, cut, grain), default=None)


def _pieces(question: Question, fits: Fits, grain: Grain) -> Iterator[tuple[int, int | None]]:
    """Heights and widths that fit: of all columns, and where a grain has fewer of those of some."""
    rows, columns = question.plane
    height = largest(rows, min(rows, grain.rows), fits)
    if height:
        even = -(-rows // -(-rows // height))
        yield min(rows, -(-even // grain.rows) * grain.rows), None
    width = grain.columns
    while 1 < width < columns:
        if height := largest(rows, min(rows, grain.rows), partial(fits, width=width)):
            yield height, width
        width *= 2


def _read_again(question: Question, cut: Cut, grain: Grain) -> float:
    """How often a grain is read, as the filter reaches into those beside a piece."""
    times = 1.0
    for size, part, unit in zip(question.plane, cut[1:], grain[1:], strict=True):
        times *= 1 if part is None else min(size, part + 2 * unit) / part
    return times
