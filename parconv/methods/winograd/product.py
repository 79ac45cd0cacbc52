"""The register tile: patches x vectors of outputs, while every channel passes by."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I1, I64, Code

# patches x vectors of outputs + weights + a broadcast must fit the register file.  14 x 2 reaches
# 245 GFLOP/s in cache at 64 to 512 channels on one core and spills no register in the loop
# (AVX-512, Zen 5, 2026-11).  A block shares its patches out evenly over tiles, so every height has
# its code.
VECTORS = 2
PATCHES = machine.ISA.choose({32: 14, 16: 6})


def _emit_tile(
    patches: int, vectors: int, code: Code, channels: Value, values: Value, taps: Value,
    ahead: Value, target: Value, group_step: Value, taps_step: Value, target_step: Value,
    fetch: Value,
) -> list[Value]:  # fmt: skip
    """Sums of one shape.

    Weights of a later tile are fetched while this one computes: at 512 channels, batch 32, 12 to
    13 ms of products without, 10 so; fetched channel by channel they cost every tile 4 % (Zen 5,
    2026-11).
    """
    builder, lanes = code.builder, code.lanes
    cells = [(patch, vector) for patch in range(patches) for vector in range(vectors)]
    places = [builder.mul(taps_step, I64(vector)) for vector in range(vectors)]

    def channel(values: Value, index: Value, taps: Value, *sums: Value) -> list[Value]:
        weights = [code.load(code.at(taps, place)) for place in places]
        total = dict(zip(cells, sums, strict=True))
        for patch in range(patches):
            value = code.splat(code.read(values, index, patch * lanes))
            for vector, weight in enumerate(weights):
                total[patch, vector] = code.fma(value, weight, total[patch, vector])
        return [code.at(taps, lanes), *total.values()]

    def group(at: Value, left: Value, values: Value, taps: Value, *sums: Value) -> list[Value]:
        """As many channels as a vector has lanes, or those that are left."""
        count = builder.select(builder.icmp_signed("<", left, I64(lanes)), left, I64(lanes))
        with builder.if_then(fetch):
            start = code.at(ahead, builder.mul(at, I64(lanes * lanes)))
            for line in range(0, lanes * lanes, machine.CACHE_LINE // code.itemsize):
                code.prefetch(code.at(start, line))
        found = code.loop(count, [taps, *sums], partial(channel, values))
        return [builder.sub(left, count), code.at(values, group_step), *found]

    groups = builder.sdiv(builder.add(channels, I64(lanes - 1)), I64(lanes))
    sums = code.loop(groups, [channels, values, taps, *[code.zero] * len(cells)], group)[3:]
    for (patch, vector), total in zip(cells, sums, strict=True):
        code.store(total, code.at(target, builder.mul(target_step, I64(vector)), patch * lanes))
    return []


def _emit(vectors: int, builder: Any, patches: Value, *arguments: Value) -> None:
    code = Code(builder, arguments[1].type.pointee)
    heights = range(1, PATCHES + 1)
    code.choose(patches, {n: partial(_emit_tile, n, vectors, code, *arguments) for n in heights})


@emitted()
def multiply(
    builder: Any, scratch: Items, values_at: Value, taps: Items, taps_at: Value, ahead_at: Value,
    target_at: Value, steps: Sequence[Value], shape: Sequence[Value], fetch: Value,
) -> None:  # fmt: skip
    """Emit a call that multiplies ``shape`` = (patches, vectors of outputs, channels).

    ``values_at`` = the first patch, a vector for every patch and as many channels as it has lanes;
    ``taps_at`` = the weights of the first channel; ``target_at`` = sums of the first patch.
    ``steps`` = elements to the next channels' values, to the next vector's weights, to its sums.
    ``ahead_at`` = weights to fetch, as many as one vector's, if ``fetch``.
    """
    patches, vectors, channels = shape
    values = [
        patches, channels, scratch.at(values_at), taps.at(taps_at), taps.at(ahead_at),
        scratch.at(target_at), *steps, builder.trunc(fetch, I1),
    ]  # fmt: skip
    single = builder.icmp_signed("==", vectors, I64(1))
    with builder.if_else(single) as branches:
        for branch, count in zip(branches, (1, VECTORS), strict=True):
            with branch:
                call_once(builder, "winograd.product", partial(_emit, count), values, [count])
