"""The calls: describe the source, plan its chunks, run them."""

import os
from contextlib import ExitStack, closing, suppress
from typing import Any

import numpy as np

from .. import planner
from ..outer import as_filter
from .memory import usual
from .plan import StreamPlan, plan_for
from .question import Question
from .run import Progress, fill, results
from .sinks import sink_of
from .sources import source_of


def stream(
    source: Any, g: Any, out: Any = None, *, memory: int | None = None,
    progress: Progress | None = None, resume: bool = True, **question: Any,
) -> Any:  # fmt: skip
    """Convolve what does not fit in memory, from files or an iterable, into a file.

    Chunk by chunk: while one is computed, the next is read and the one before is written.  A batch
    is cut along its leading axis; images too large for ``memory`` are cut into rows, and borders
    are those of the whole image.

    Parameters
    ----------
    source : path, array or iterable of array_like
        A .npy file, a `numpy.memmap`, an array, anything with ``shape``, ``dtype`` and slices (of
        HDF5, Zarr); or an iterable of images (or batches of them) that are alike, of any length.
    g : array_like
        The filter.
    out : path or array, optional
        A .npy file to write (an existing one is replaced), a writable `numpy.memmap`, an array,
        anything with ``shape``, ``dtype`` and assignment to slices.  Without it results are
        yielded.
    memory : int, optional
        Bytes that buffers and scratch may take, beside what Python and its libraries do; by default
        1 GiB, or a quarter of what is free if that is less.
    progress : callable, optional
        Told ``progress(done, total)`` after each chunk: bytes of the result; ``total`` is None
        where only the end of an iterable will tell.
    resume : bool
        Whether a run that ends early leaves ``out`` (a file) so that the same call goes on where
        it stopped.  What is done stands in a file beside ``out``, with ``.progress`` added to its
        name, until all is.  The same call means the same filter, question and ``memory``, and a
        source file that was not changed; other sources are read again, and only chunks that have
        changed are computed.
    **question
        Every other keyword of `plan2d`: ``mode``, ``boundary``, ``axes``, ``dtype``, ``threads``,
        ``method``, ``correlate`` and so on; ``axes`` are those of an iterable's items.

    Returns
    -------
    ndarray or iterator of ndarray
        ``out``; the new file as a `numpy.memmap`; or, without ``out``, an iterator over the results
        of the items.  Items of an iterable are stacked along a new leading axis.  Bit-identical to
        `conv2d` of the whole, except that transforms (methods "fft" and "winograd", banks of large
        filters), the products of "gemm" and "passes" of filters longer than an image is high begin
        anew in each chunk.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong, before anything is written.
    OSError
        Where a file cannot be read or written; the call can be repeated and goes on.

    See Also
    --------
    plan_stream : Chunks, memory and time, without computing anything.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> frames = (np.full((64, 64), n, np.float32) for n in range(100))
    >>> for result in parconv.stream(frames, np.ones((3, 3)), threads=1):
    ...     largest = result.max()
    >>> float(largest)
    891.0
    """
    limit, g = _limit(memory), as_filter(g)
    _check_apart(source, out)
    found = source_of(source, g, question)
    with ExitStack() as stack:
        stack.callback(found.close)
        plan = plan_for(found.question, found.items, limit, whole=found.whole)
        if out is None:
            if not plan.question.leads:
                raise ValueError("out=None, but source is one image: pass where to put its result")
            return results(found, plan, progress, stack.pop_all())
        sink = stack.enter_context(closing(sink_of(out, plan.question, plan.items)))
        return fill(sink, found, plan, progress, resume)


def plan_stream(
    source_or_spec: Any, g: Any, *, memory: int | None = None, **question: Any
) -> StreamPlan:
    """Decide how `stream` would work, without reading or computing anything.

    Parameters
    ----------
    source_or_spec : path, array_like or (shape, dtype)
        The source of a stream, or its shape and dtype.
    g : array_like or (shape, dtype)
        The filter, or its shape and dtype.
    memory, **question
        As for `stream`.

    Returns
    -------
    StreamPlan
        ``print(plan)`` shows chunks and memory in one line, ``plan.explain()`` everything, the time
        included.

    Examples
    --------
    >>> import parconv
    >>> plan = parconv.plan_stream(((512, 1024, 1024), "float32"), ((5, 5), "float32"))
    >>> print(plan)
    conv2d 512x1024x1024 float32 * 5x5 -> float32, valid, constant: direct, 64 chunks of 8 items
    >>> plan.memory < 150_000_000
    True
    """
    if hasattr(source_or_spec, "__next__"):
        raise TypeError("source is an iterator, which a look would change: pass (shape, dtype)")
    if not planner.is_spec(source_or_spec):
        found = source_of(source_or_spec, g, question)
        return plan_for(found.question, found.items, _limit(memory), whole=found.whole)
    shape, dtype = planner.check_spec("source", source_or_spec)
    asked = Question(shape, dtype, g, question)
    items = shape[0] if asked.batched else 1
    return plan_for(asked, items, _limit(memory), whole=False)


def _limit(memory: Any) -> int:
    if memory is None:
        return usual()
    if not isinstance(memory, int | np.integer) or isinstance(memory, bool):
        raise TypeError(f"memory={memory!r}: pass an integer, the most bytes to use, or None")
    return int(memory)


def _check_apart(source: Any, out: Any) -> None:
    """Refuse a result that would overwrite its source."""
    shared = all(isinstance(value, np.ndarray) for value in (source, out))
    if shared and np.may_share_memory(source, out):
        raise ValueError("out shares its memory with source: pass another array")
    files = _file(source), _file(out)
    with suppress(OSError, TypeError):  # what is not there yet, or has no file
        if os.path.samefile(*files):
            raise ValueError(f"out is the file of source, {files[0]}: pass another file")


def _file(value: Any) -> Any:
    return value if isinstance(value, str | os.PathLike) else getattr(value, "filename", None)
