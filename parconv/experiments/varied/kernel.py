"""The studies' kernel with its knobs out: rows and vectors of a tile, unrolling, prefetching.

Float32, mode valid, correlation; heights and widths of results are whole tiles.  The library's own
tile has no such knobs: they are constants that experiments like these have set.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from parconv.codegen import jit, machine
from parconv.codegen.emitted import Items, Value, emitted
from parconv.codegen.simd import I64, Code
from parconv.problem.dtypes import Array

FLOAT = ir.FloatType()
LANES = machine.lanes(4)


@dataclass(frozen=True)
class Knobs:
    """``unroll`` columns of the filter follow one another in code; ``ahead``: rows prefetched."""

    rows: int = machine.ISA.choose({32: 6, 16: 6})
    vectors: int = machine.ISA.choose({32: 3, 16: 2})
    unroll: int = 1
    ahead: int = 0

    @property
    def registers(self) -> int:
        """Sums of a tile, the pixels that meet them, and one weight."""
        return self.rows * self.vectors + self.vectors + 1

    def whole(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of result, cut down to whole tiles."""
        step = self.vectors * LANES
        return height // self.rows * self.rows, width // step * step


@cache
def compiled(knobs: Knobs, taps: tuple[int, int]) -> Callable[[Array, Array, Array], None]:
    """``fill(f, w, out)`` with that many taps."""
    step_y, step_x = knobs.rows, knobs.vectors * LANES

    @emitted(known=())
    def tile(builder: Any, f: Items, w: Items, out: Items, y: Value, x: Value) -> None:
        _emit(builder, knobs, taps, f, w, out, y, x)

    @jit.jit(called=True)
    def fill(f: Any, w: Any, out: Any) -> None:
        for y in range(0, out.shape[0], step_y):
            for x in range(0, out.shape[1], step_x):
                tile(f, w, out, y, x)

    plane = types.Array(types.float32, 2, "A")
    fill.compile((plane, types.Array(types.float32, 2, "C"), plane))
    fill.disable_compile()
    return fill  # type: ignore[no-any-return]


def _emit(
    builder: Any, knobs: Knobs, taps: tuple[int, int], f: Items, w: Items, out: Items, *place: Value
) -> None:
    code, (height, width) = Code(builder, FLOAT), taps
    source, weights, target = f.item(place), w.at(), out.item(place)
    pitch, line = (builder.udiv(items.each("strides")[0], I64(4)) for items in (f, out))
    rows = [builder.mul(pitch, I64(r)) for r in range(knobs.rows + height - 1)]
    if knobs.ahead:
        for r in range(knobs.rows):
            later = builder.mul(pitch, I64(height - 1 + r + knobs.ahead))
            for v in range(knobs.vectors):
                code.prefetch(code.at(source, later, v * LANES))

    def columns(turn: Value, *sums: Value) -> list[Value]:
        found = list(sums)
        for part in range(knobs.unroll):
            u = builder.add(builder.mul(turn, I64(knobs.unroll)), I64(part))
            _column(
                code, knobs, height, width, code.at(source, u), code.at(weights, u), rows, found
            )
        return found

    zeros = [code.zero] * (knobs.rows * knobs.vectors)
    sums = code.loop(I64(width // knobs.unroll), zeros, columns, rolled=True)
    for number, value in enumerate(sums):
        r, v = divmod(number, knobs.vectors)
        code.store(value, code.at(target, builder.mul(line, I64(r)), v * LANES))


def _column(
    code: Code, knobs: Knobs, height: int, width: int, pixels: Value, weights: Value,
    rows: list[Value], sums: list[Value],
) -> None:  # fmt: skip
    """One column of taps: every vector of pixels is loaded once and meets all rows of taps."""
    taps = [code.splat(code.read(weights, k * width)) for k in range(height)]
    for r, row in enumerate(rows):
        loaded = [code.load(code.at(pixels, row, v * LANES)) for v in range(knobs.vectors)]
        for k in range(max(0, r - knobs.rows + 1), min(height, r + 1)):
            for v, vector in enumerate(loaded):
                place = (r - k) * knobs.vectors + v
                sums[place] = code.fma(vector, taps[k], sums[place])


def arrays(
    knobs: Knobs, shape: tuple[int, int], taps: tuple[int, int], pitch: int = 0
) -> tuple[Array, Array, Array]:
    """Image, weights and result of whole tiles; ``pitch`` floats from one row to the next."""
    height, width = knobs.whole(shape[0] - taps[0] + 1, shape[1] - taps[1] + 1)
    columns = width + taps[1] - 1
    random = np.random.default_rng(0)
    f = random.random((height + taps[0] - 1, max(pitch, columns)), np.float32)[:, :columns]
    w = random.random(taps, np.float32)
    return f, w, np.zeros((height, width), np.float32)
