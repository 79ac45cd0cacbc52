"""What a stream will do: its chunks, its memory, its time."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..planner.explain import as_table, as_text
from . import rates
from .blocks import BUFFERS
from .cut import Chunk, chunks, most
from .question import Question

# Bytes of a chunk of a batch, in and out: at this size files give their full speed, an interrupt is
# served within 0.1 s, and batches of small images are cut alike whatever memory there is.
CHUNK = 1 << 26


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
        return chunks((0, self.items), self.question.rows, self.per_chunk)

    @property
    def number(self) -> int | None:
        """Of chunks."""
        count, height = self.per_chunk
        if self.items is None:
            return None
        return -(-self.items // count) * (-(-self.question.rows // height) if height else 1)

    @property
    def memory(self) -> int:
        """Bytes of buffers and scratch."""
        return needed(self.question, *self.per_chunk)

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
        count, height = self.per_chunk
        what = f"{height} rows" if height else f"{count} item{'s' * (count > 1)}"
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


def needed(question: Question, count: int, height: int | None) -> int:
    """Bytes of buffers and scratch for chunks of so many items, or of so many rows of one."""
    first = (question.rows - height) // 2 if height else 0  # no end of the image saves a row here
    plan = question.plan(Chunk((0, count), (first, first + height) if height else None))
    return BUFFERS * plan.problem.bytes + plan.workspace


def plan_for(question: Question, items: int | None, limit: int, *, whole: bool) -> StreamPlan:
    """The plan whose chunks are as large as ``limit`` allows and files need.

    An image that does not fit is cut into rows, unless it comes ``whole``.
    """
    each = max(1, question.plan(Chunk((0, 1))).problem.bytes)
    usual = max(1, CHUNK // each) if question.batched else 1
    largest = max(1, usual if items is None else min(usual, items))
    count = most(largest, lambda n: needed(question, n, None) <= limit)
    if count:
        return StreamPlan(question, items, (count, None), limit)
    height = 0 if whole else most(question.rows, lambda n: needed(question, 1, n) <= limit)
    if not height:
        least = needed(question, 1, None if whole else 1)
        what = "item" if whole else "row of the result"
        raise ValueError(
            f"memory={limit!r}: buffers and scratch for one {what} need {least:,} bytes; pass more"
        )
    even = -(-question.rows // -(-question.rows // height))
    return StreamPlan(question, items, (1, even), limit)
