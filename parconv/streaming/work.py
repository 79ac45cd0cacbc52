"""One chunk, by whichever worker has it: read, computed, written."""

from dataclasses import dataclass
from typing import Any

from .blocks import ALONE, Blocks
from .cut import Chunk
from .pools import Shipped
from .question import Question
from .sinks import Sink
from .sources import Indexed, Items, Part


@dataclass(frozen=True)
class Job:
    """What all chunks of a stream share; None where the workers cannot read, or write, there."""

    question: Question
    source: Indexed | None
    sink: Sink | None

    @classmethod
    def of(cls, source: Indexed | Items, sink: Sink, near: bool) -> "Job":
        """For threads of this process, or for workers that get a copy."""
        source.blocks = sink.blocks = Blocks(ALONE)
        reads = isinstance(source, Indexed) and (near or source.travels)
        writes = near or sink.travels
        return cls(
            source.question,
            source if reads and isinstance(source, Indexed) else None,
            sink if writes else None,
        )

    def close(self) -> None:
        """A worker lives on, and files may be wanted by others."""
        for end in (self.source, self.sink):
            if end is not None:
                end.close()


def work(job: Job | Shipped, chunk: Chunk, part: Part | None) -> tuple[Chunk, int, Any]:
    """The chunk, the bytes of its result, and the result where the worker cannot write it."""
    if isinstance(job, Job):
        return _done(job, chunk, part)
    with job.opened() as its:
        return _done(its, chunk, part)


def _done(job: Job, chunk: Chunk, part: Part | None) -> tuple[Chunk, int, Any]:
    sink = job.sink
    if part is None:
        assert job.source
        part = job.source.read(chunk)
    assert part
    if sink is None:
        block = job.question.result_of(part)
        return part[0], block.nbytes, block[None] if job.question.stacked else block
    block = sink.block(part[0], job.question.shape_in(part[0]))
    job.question.answer(*part, block)
    with sink.turn:
        sink.write(part[0], block)
    sink.settle()
    return part[0], block.nbytes, None
