"""Run a stream: read ahead, compute on the calling thread or in a pool, write behind."""

import errno
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from .. import __version__
from ..codegen import jit
from ..problem.dtypes import Array
from ..runtime.telling import told
from .blocks import BUFFERS
from .cut import Chunk
from .helper import Helper, ahead
from .journal import Journal, forget
from .plan import StreamPlan
from .pools import Pool
from .sinks import Kept, Sink
from .sources import Indexed, Items, Part
from .work import Job, work

# Bytes written between two looks at whether they lie on the device, each of which costs 5 ms; what
# the system holds of the result in the meantime.
SETTLED = 1 << 26

Progress = Callable[[int, int | None], object]
Source = Indexed | Items


def streamed(
    source: Source, plan: StreamPlan, progress: Progress | None, stack: ExitStack
) -> Iterator[Array]:
    """The items' results, one after another; ``stack`` is closed when nobody wants more."""
    question, tally = plan.question, _Tally(plan, progress)
    jobs = ((chunk,) for chunk in plan.chunks())
    with stack, closing(ahead(source.read, jobs, plan.reads)) as parts:
        for part in parts:
            result = question.result_of(part)
            tally.add(result.nbytes)
            yield from [result] if question.stacked else result


@told
def fill(
    sink: Sink, source: Source, plan: StreamPlan, progress: Progress | None, resume: bool,
    pool: Pool | None = None,
) -> Any:  # fmt: skip
    """Bring all results to the sink, and return what its caller gets."""
    if not isinstance(sink, Kept) or not (resume or sink.is_ours):
        if isinstance(sink, Kept):
            forget(sink.path)
        return sink.finish(_Filling(sink, source, plan, None, progress).run(pool))
    with Journal(sink.path) as journal:
        try:
            _take_up(journal, sink, source, plan, resume)
            filling = _Filling(sink, source, plan, journal if resume else None, progress)
            items = filling.run(pool)
        except BaseException:
            if not journal.done:  # nothing to go on with
                journal.remove()
                sink.discard()
            raise
        result = sink.finish(items)
        journal.remove()
    return result


def _take_up(journal: Journal, sink: Kept, source: Source, plan: StreamPlan, resume: bool) -> None:
    """Go on with what an earlier run left, or begin anew."""
    if resume and sink.identity():
        journal.load(_head(sink, source, plan))
        done = [chunk for _, chunk in zip(journal.done, plan.chunks(), strict=False)]
        del journal.done[sink.held(done, journal.until) :]
    if not journal.done:
        journal.clear()  # before what it tells of
        sink.renew()
    if resume:
        journal.begin(_head(sink, source, plan))


def _head(sink: Kept, source: Source, plan: StreamPlan) -> dict[str, Any]:
    """What must be the same so that chunks which were finished still are."""
    whole, g = plan.question.whole, plan.question.g
    return {
        "parconv": [__version__, jit.source_hash()],
        "problem": repr(whole.problem),
        "method": whole.method,
        "g": g.digest(),
        "chunks": [plan.items, *plan.cut],
        "source": source.stamp,
        "out": sink.identity(),
    }


class _Tally:
    """Bytes of the result that are done, told to whoever wants to know."""

    def __init__(self, plan: StreamPlan, progress: Progress | None) -> None:
        self._total = None if plan.items is None else plan.bytes_out
        self._progress, self._done = progress, 0

    def add(self, nbytes: int) -> None:
        self._done += nbytes
        if self._progress is not None:
            self._progress(self._done, self._total)


class _Filling:
    """One run, or the rest of an earlier one."""

    def __init__(
        self, sink: Sink, source: Source, plan: StreamPlan, journal: Journal | None,
        progress: Progress | None,
    ) -> None:  # fmt: skip
        self._sink, self._source, self._plan, self._journal = sink, source, plan, journal
        self._question, self._tally = plan.question, _Tally(plan, progress)
        self._writing: deque[int] = deque()  # bytes of each chunk under way
        self._items = plan.items or 0
        self._unsettled: list[str] = []  # digests of chunks that are written
        self._unsettled_bytes = 0

    def run(self, pool: Pool | None) -> int:
        """Every chunk that is not done; the number of items."""
        try:
            self._run_in(pool) if pool else self._run()
        finally:  # however it ended, nobody writes any more
            self._settle()
        self._check_source()
        return self._items

    def _run(self) -> None:
        jobs = self._jobs()
        with (
            closing(ahead(self._read, jobs, self._plan.reads)) as parts,
            Helper(self._write) as writer,
        ):
            for number, (chunk, f, weights), digest in parts:
                self._items = chunk.items[1]
                if self._is_done(number, digest):
                    self._tally.add(self._question.nbytes(chunk))
                    continue
                self._wait(writer, BUFFERS - 1)
                block = self._sink.block(chunk, self._question.shape_in(chunk))
                self._question.answer(chunk, f, weights, block)
                writer.ask(chunk, block, digest)
                self._writing.append(block.nbytes)
            self._wait(writer, 0)

    def _run_in(self, pool: Pool) -> None:
        """Chunks are done in order, whoever is faster, so that all before one are."""
        if self._journal and not self._source.stamp:
            self._journal.cut(0)  # only reading would tell, and others read
        job = Job.of(self._source, self._sink, pool.near)
        with closing(pool.run(work, job, self._tasks(job))) as answers:
            for chunk, nbytes, block in answers:
                self._items = chunk.items[1]
                if block is not None:
                    place = self._sink.block(chunk, block.shape)
                    place[...] = block
                    self._sink.write(chunk, place)
                    self._sink.settle()
                if self._journal:
                    self._journal.add("")
                self._tally.add(nbytes)

    def _tasks(self, job: Job) -> Iterator[tuple[Chunk, Part | None]]:
        """Chunks, with their pixels where the workers cannot read them."""
        for _, chunk in self._jobs():
            part = None if job.source else self._source.read(chunk)
            if not job.source and part is None:
                return
            yield chunk, part and (part[0], part[1].copy(), part[2])

    def _check_source(self) -> None:
        if self._source.is_changed():
            told = (
                "source has changed while it was read, so the result is of neither: repeat the call"
            )
            raise OSError(errno.ESTALE, told)

    def _jobs(self) -> Iterator[tuple[int, Chunk]]:
        """Chunks to read: not those of an unchanged file that are done."""
        for number, chunk in enumerate(self._plan.chunks()):
            if self._source.stamp and self._is_done(number, ""):
                self._tally.add(self._question.nbytes(chunk))
            else:
                yield number, chunk

    def _is_done(self, number: int, digest: str) -> bool:
        """Whether an earlier run finished the chunk; once one has changed, none counts."""
        journal = self._journal
        if journal is None or number >= len(journal.done):
            return False
        if journal.done[number] == digest:
            return True
        journal.cut(number)
        return False

    def _wait(self, writer: Helper, left: int) -> None:
        """Until no more than ``left`` chunks are being written."""
        while len(self._writing) > left:
            writer.answer()
            self._tally.add(self._writing.popleft())

    # --- on the other threads ---

    def _read(self, number: int, chunk: Chunk) -> tuple[int, Part, str] | None:
        with self._sink.turn:
            part = self._source.read(chunk)
        if part is None:
            return None
        asked = self._journal and not self._source.stamp
        return number, part, _digest(*part[1:]) if asked else ""

    def _write(self, chunk: Chunk, block: Array, digest: str) -> None:
        with self._sink.turn:
            self._sink.write(chunk, block)
        self._unsettled.append(digest)
        self._unsettled_bytes += block.nbytes
        if self._unsettled_bytes >= SETTLED:
            self._settle()

    def _settle(self) -> None:
        """Chunks count as done when they lie on the device."""
        self._sink.settle()
        if self._journal:
            for digest in self._unsettled:
                self._journal.add(digest)
        self._unsettled, self._unsettled_bytes = [], 0


def _digest(f: Array, weights: Array | None) -> str:
    found = hashlib.sha256()
    for array in (f,) if weights is None else (f, weights):
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()
