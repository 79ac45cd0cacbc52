"""The calls: describe the source, plan its chunks, run them."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api import Spec
from ..planner import choice as planner
from ..problem.filter import filter_of
from ..problem.question import PLANS, PlanOptions, check_keywords, spelled
from .bars import shown
from .cut import PIXEL, Grain
from .memory import usual
from .overlap import check_apart
from .paths import Place, check_target
from .plan import StreamPlan, plan_for
from .pools import pool_of
from .question import Question
from .run import Progress, fill, streamed
from .sources import Indexed, Items, opened, source_of
from .stores import Opened
from .targets import sink_of

READS = 4  # under way at a time where each waits for a network: 50 to 100 ms
Target = TypeVar("Target")  # what takes the result, and is returned


@overload
def stream(
    source: Any, g: ArrayLike, out: None = None, *, memory: int | None = None,
    progress: Progress | bool | None = None, resume: bool = True, executor: Any = None,
    **options: Unpack[PlanOptions],
) -> Iterator[NDArray[Any]]: ...  # fmt: skip
@overload
def stream(
    source: Any, g: ArrayLike, out: str | os.PathLike[str], *, memory: int | None = None,
    progress: Progress | bool | None = None, resume: bool = True, executor: Any = None,
    **options: Unpack[PlanOptions],
) -> np.memmap[Any, Any]: ...  # fmt: skip
@overload
def stream(
    source: Any, g: ArrayLike, out: Target, *, memory: int | None = None,
    progress: Progress | bool | None = None, resume: bool = True, executor: Any = None,
    **options: Unpack[PlanOptions],
) -> Target: ...  # fmt: skip
@spelled()
def stream(
    source: Any, g: ArrayLike, out: Any = None, *, memory: int | None = None,
    progress: Progress | bool | None = None, resume: bool = True, executor: Any = None,
    **options: Unpack[PlanOptions],
) -> Any:  # fmt: skip
    """Convolve what does not fit in memory, from files, stores or iterables, into a file or store.

    Chunk by chunk: while one is computed, the next is read and the one before is written.  A batch
    is cut along its leading axis; images too large for ``memory`` are cut into rows, and into tiles
    where a store has such.  Borders are those of the whole image.

    Parameters
    ----------
    source : path, URL, array or iterable of array_like
        By suffix a .npy, .zarr, .h5 or .tif file, another raster of GDAL's, or one of these behind
        a URL that fsspec knows; ``file.h5::name`` names one of several arrays.  Or a
        `numpy.memmap`, an array or tensor, a dataset of rasterio, anything with ``shape``,
        ``dtype`` and slices (of HDF5, netCDF, Zarr); or an iterable of images (or batches of them)
        that are alike, of any length.  Slices count as they come, so unpacked where a library
        unpacks them; none may be masked.
    g : array_like
        The filter, such as ``parconv.filters.gaussian_taps(2)``.
    out : path, URL or array, optional
        A .npy, .zarr, .tif or .h5 file to write, a .zarr URL, a writable `numpy.memmap`, an array,
        anything with ``shape``, ``dtype`` and assignment to slices.  What is named is new and takes
        its name when it is whole, in place of what has it, which whoever has that open or mapped
        keeps; until then it has ``.partial`` added to its name, and the disk must hold both.  It
        keeps what a source of the same kind says of its pixels.  Without ``out`` results are
        yielded.
    memory : int, optional
        Bytes that buffers and scratch may take, beside what Python and its libraries do; by default
        1 GiB, or a quarter of what is free if that is less.  With ``executor`` those of a task.
    progress : callable or bool, optional
        Told ``progress(done, total)`` after each chunk: bytes of the result; ``total`` is None
        where only the end of an iterable will tell.  True shows a bar, by rich or tqdm.
    resume : bool
        Whether a run that ends early leaves its part of ``out`` (a file, or a .zarr) so that the
        same call goes on where it stopped.  What is done stands in a file beside ``out``, with
        ``.progress`` added to its name, until all is: after an error or an interrupt all that was
        computed, after a kill or a loss of power all but about the last 64 MiB, so that smaller
        results begin anew.  The same call means the same filter, question and ``memory``, and a
        source that was not changed; sources that are no files are read again, and only chunks that
        have changed are computed.  To a memory map of yours nobody may write in the meantime.
    executor : Executor, dask Client or str, optional
        Who computes in place of this process's threads: an executor of ``concurrent.futures``, a
        client of dask or its scheduler's address ("tcp://..."), or the name of a joblib backend.
        Each task reads a chunk, computes it and writes it; what workers cannot open is sent.
    mode, boundary, cval, padding, origin, axes, stride, dilation, groups, real : optional
        As in `conv2d`; ``axes`` are those of an iterable's items, by default those that the file
        names, and ``real`` is not offered.
    dtype, accumulate, tolerance, zero_taps, bias, scale, overflow, rounding : optional
        As in `conv2d`.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`, but not with an iterable's items; ``where="nodata"`` leaves out the pixels
        of which the store says that they are none, and puts its value where no pixel is.
    threads, strategy, method : optional
        As in `conv2d`.
    correlate : bool
        `correlate2d` rather than `conv2d`.

    Returns
    -------
    ndarray or iterator of ndarray
        ``out`` (of an array with room for more items the part that was filled); the new file as a
        `numpy.memmap`, an array of Zarr, or its path; or, without ``out``, an iterator over the
        results of the items.  Items of an iterable are stacked along a new leading axis.
        Bit-identical to `conv2d` of the whole, except that transforms (methods "fft" and
        "winograd", banks of large filters), the products of "gemm", "passes" of filters longer
        than an image is high, and means over some pixels begin anew in each chunk.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong, before anything is written.
    OSError
        Where a file cannot be read or written, another stream is writing to it, or source changed
        meanwhile; the call can be repeated and goes on.
    ModuleNotFoundError
        Where a format's library is not installed.

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
    check_keywords(options, PLANS)
    _check_progress(progress)
    _check_filter(g)
    limit, g = _limit(memory), filter_of(g, lasting=True)
    out = check_target(out) if isinstance(out, str | os.PathLike) else out
    with ExitStack() as stack:
        source = _opened(source, options, stack)
        check_apart(source, out.name if isinstance(out, Place) else out)
        found = source_of(source, g, options)
        stack.callback(found.close)
        told = stack.enter_context(shown(progress))
        question, items = found.question, found.items
        if out is None:
            if not question.leads:
                raise ValueError("out=None, but source is one image: pass where to put its result")
            plan = _planned(found, PIXEL, limit)
            return streamed(found, plan, told, stack.pop_all())
        sink = stack.enter_context(closing(sink_of(out, question, items, found.about)))
        pool = stack.enter_context(pool_of(executor)) if executor is not None else None
        plan = _planned(found, sink.grain, limit, shared=pool is not None)
        return fill(sink, found, plan, told, resume, pool)


@spelled()
def plan_stream(
    source_or_spec: Any,
    g: ArrayLike | Spec,
    *,
    memory: int | None = None,
    **options: Unpack[PlanOptions],
) -> StreamPlan:
    """Decide how `stream` would work, without computing anything.

    Nothing is read either but, of a source whose slices alone tell their dtype, one pixel.

    Parameters
    ----------
    source_or_spec : path, array_like or (shape, dtype)
        The source of a stream, but no iterator, or its shape and dtype.
    g : array_like or (shape, dtype)
        The filter, or its shape and dtype.
    memory : int, optional
        Bytes that buffers and scratch may take, as in `stream`.
    mode, boundary, cval, padding, origin, axes, stride, dilation, groups, real : optional
        As in `stream`.
    dtype, accumulate, tolerance, zero_taps, bias, scale, overflow, rounding : optional
        As in `stream`.
    where, weights, nan_policy, min_weight : optional
        As in `stream`.
    threads, strategy, method : optional
        As in `stream`.
    correlate : bool
        `correlate2d` rather than `conv2d`.

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
    check_keywords(options, PLANS)
    _check_filter(g)
    if hasattr(source_or_spec, "__next__"):
        raise TypeError("source is an iterator, which a look would change: pass (shape, dtype)")
    if not planner.is_spec(source_or_spec):
        with ExitStack() as stack:
            found = source_of(_opened(source_or_spec, options, stack), g, options)
            stack.callback(found.close)
            return _planned(found, PIXEL, _limit(memory))
    shape, dtype = planner.check_spec("source", source_or_spec)
    asked = Question(shape, dtype, g, options)
    items = shape[0] if asked.batched else 1
    return plan_for(asked, items, _limit(memory), whole=False)


def _opened(source: Any, options: Any, stack: ExitStack) -> Any:
    """The source, whose files are closed whatever is wrong with the rest."""
    found = opened(source, options.get("axes"))
    if isinstance(found, Opened):
        stack.callback(found.close)
    return found


def _planned(found: Indexed | Items, kept: Grain, limit: int, shared: bool = False) -> StreamPlan:
    """In units of where the result goes; else, and where that fits, of what is read."""
    grain = found.grain if kept == PIXEL else kept.beside(found.grain)
    return plan_for(
        found.question, found.items, limit, whole=found.whole, grain=grain,
        reads=READS if found.far else 1, shared=shared,
    )  # fmt: skip


def _limit(memory: Any) -> int:
    if memory is None:
        return usual()
    if not isinstance(memory, int | np.integer) or isinstance(memory, bool):
        raise TypeError(f"memory={memory!r}: pass an integer, the most bytes to use, or None")
    return int(memory)


def _check_filter(g: Any) -> None:
    if isinstance(g, str):
        raise TypeError(
            f"g={g!r:.80} is a name: pass taps, such as those of parconv.filters.gaussian_taps(2)"
        )


def _check_progress(progress: Any) -> None:
    if progress not in (None, True, False) and not callable(progress):
        raise TypeError(
            f"progress={progress!r:.80}: pass a function of (done, total), True for a bar, or None"
        )
