"""This machine's ceilings: the flops and the bytes per second its cores reach at best.

Measured in a fraction of a second on plain Python threads, so that no threading layer is started or
disturbed.  Knows nothing of convolution.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import DTypeLike, NDArray

from parconv import jit, machine
from parconv.arrays import on_page
from parconv.ceilings import Ceilings
from parconv.simd import I64, Code, data_pointer, store_fence

# Independent chains hide the latency of an FMA (4 cycles x 2 to 4 pipes = 8 to 16) and still
# leave registers for the two operands.
CHAINS = 12 if machine.VECTOR_REGISTERS == 16 else 16
STEPS = 4_000_000
REPEATS = 5
STREAM_BYTES = 64 * 2**20  # each array: a 4096 x 4096 float32 image, as raced


def _emit_fma_chains(typing: Any, operands: Any, steps: Any) -> Any:
    """Repeat ``a = a * m + k`` in CHAINS registers; m and k are the vectors in ``operands``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code = Code(builder, context.get_data_type(operands.dtype))
        pointer = data_pointer(context, builder, operands, args[0], I64(0))
        m, k = code.load(pointer), code.load(code.at(pointer, code.lanes))
        chains = code.loop(
            args[1], [code.zero] * CHAINS, lambda _, *chains: [code.fma(a, m, k) for a in chains]
        )
        total = chains[0]
        for chain in chains[1:]:  # stored, so that no chain is optimised away
            total = builder.fadd(total, chain)
        code.store(total, pointer)
        return context.get_dummy_value()

    return types.void(operands, types.int64), codegen


def _emit_double(typing: Any, x: Any, out: Any, vectors: Any, streaming: Any) -> Any:
    """``out = x + x`` over whole vectors, with non-temporal stores if ``streaming`` is 1."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code = Code(builder, context.get_data_type(x.dtype))
        zero = I64(0)
        source = data_pointer(context, builder, x, args[0], zero)
        target = data_pointer(context, builder, out, args[1], zero)
        store = code.stream if streaming.literal_value else code.store

        def body(index: Any) -> list[Any]:
            at = builder.mul(index, I64(code.lanes))
            value = code.load(code.at(source, at))
            store(builder.fadd(value, value), code.at(target, at))
            return []

        code.loop(args[2], [], body)
        return context.get_dummy_value()

    return types.void(x, out, types.int64, streaming), codegen


# Any: called from compiled code, without the ``typing`` argument.
_fma_chains: Any = intrinsic(_emit_fma_chains)
_double: Any = intrinsic(prefer_literal=True)(_emit_double)


@jit.jit()
def _peak(operands: Any, steps: Any) -> None:
    _fma_chains(operands, steps)


@jit.jit()
def _copy_plain(x: Any, out: Any, vectors: Any) -> None:
    _double(x, out, vectors, 0)


@jit.jit()
def _copy_streaming(x: Any, out: Any, vectors: Any) -> None:
    _double(x, out, vectors, 1)
    store_fence()


def _best_seconds(
    pool: ThreadPoolExecutor, work: Callable[..., None], pieces: Iterable[Any], repeats: int
) -> float:
    pieces = list(pieces)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        list(pool.map(work, *zip(*pieces, strict=True)))
        best = min(best, time.perf_counter() - start)
    return best


def _fma_gflops(pool: ThreadPoolExecutor, threads: int, dtype: DTypeLike, steps: int) -> float:
    lanes = machine.lanes(np.dtype(dtype).itemsize)
    _peak(np.full(2 * lanes, 0.5, dtype), 1)  # compiled outside the clock
    # a = a / 2 + 1 / 2 stays between 0 and 1: no overflow, no denormals.
    pieces = [(np.full(2 * lanes, 0.5, dtype), steps) for _ in range(threads)]
    seconds = _best_seconds(pool, _peak, pieces, REPEATS)
    return threads * steps * CHAINS * lanes * 2 / seconds / 1e9


def _cut(array: NDArray[np.float32], parts: int) -> list[NDArray[np.float32]]:
    """Equal pieces of whole cache lines."""
    size = array.size // parts // machine.CACHE_LINE * machine.CACHE_LINE
    return [array[i * size : (i + 1) * size] for i in range(parts)]


def _stream_gbytes(pool: ThreadPoolExecutor, threads: int, nbytes: int) -> float:
    lanes = machine.lanes(4)
    sources, targets = (_cut(on_page(nbytes).view(np.float32), threads) for _ in range(2))
    for pieces in (sources, targets):  # first touch by a worker, not inside the clock
        list(pool.map(lambda piece: piece.fill(1), pieces))
    pieces3 = [(x, out, x.size // lanes) for x, out in zip(sources, targets, strict=True)]
    for copy in (_copy_plain, _copy_streaming):
        copy(sources[0], targets[0], 1)
    seconds = min(
        _best_seconds(pool, copy, pieces3, REPEATS) for copy in (_copy_plain, _copy_streaming)
    )
    return 2 * sum(x.nbytes for x in sources) / seconds / 1e9


def measure(threads: int, *, steps: int = STEPS, nbytes: int = STREAM_BYTES) -> Ceilings:
    """Measure the FMA peak and the stream bandwidth (bytes read + written) of ``threads`` threads.

    Parameters
    ----------
    threads : int
        Threads that compute at the same time.
    steps, nbytes : int
        FMAs per chain and bytes per array: smaller values are faster and less exact.

    Examples
    --------
    >>> measure(1, steps=1000, nbytes=2**20).gbytes > 0
    True
    """
    if threads < 1:
        raise ValueError(f"threads is {threads}: pass at least 1")
    with ThreadPoolExecutor(threads) as pool:
        return Ceilings(
            threads,
            _fma_gflops(pool, threads, np.float32, steps),
            _fma_gflops(pool, threads, np.float64, steps),
            _stream_gbytes(pool, threads, nbytes),
        )
