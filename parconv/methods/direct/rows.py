"""Rows of tiles: what the kernel calls, for sums of products or of differences."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.places import BYTE
from ...codegen.simd import I64, Code
from .difference import DifferenceTile
from .finishing import tile_for
from .omitting import OmittingTile, RollingOmittingTile
from .rolling import ROLLS, SIDE, RollingTile
from .tile import COLUMNS, LOW, STREAM, Conversion, Part, Tile

# Kinds of tiles by the number of columns that a pass tells, or what stands there.
Kinds = Mapping[int, Any]
PRODUCTS, DIFFERENCES = 1, 0
USUAL = {PRODUCTS: Tile, DIFFERENCES: DifferenceTile}
OMITTING = {PRODUCTS: OmittingTile}
if SIDE:
    USUAL, OMITTING = USUAL | {ROLLS: RollingTile}, OMITTING | {ROLLS: RollingOmittingTile}
STEPS = 6  # among the arguments of `_emit_rows`


def _emit_rows(
    builder: Any, height: Value, vectors: Value, source: Value, row: Value, step: Value,
    taps: Value, steps: Value, out: Value, out_row: Value, out_bytes: Value, ahead: Value,
    ahead_row: Value, ahead_step: Value, pixel: Value, flags: Value, convert: Any = None,
    tile: Any = Tile,
) -> None:  # fmt: skip
    """Rows of tiles of all widths, one width after the other: no output need be a multiple of them.

    The last row of tiles is pulled back to end with the output: the same bits again.  Rows of the
    output lie ``out_row`` of its elements, ``out_bytes`` bytes, apart, whatever they are.  Past the
    caches go whole lines.
    """
    code, (usual, wide) = Code(builder, source.type.pointee), tile.shapes[0]

    def tiles(part: Part, rows: int, begin: Value, end: Value) -> None:
        """Of so many rows each, and where they lie: from a multiple of them on."""
        last = builder.sub(end, I64(rows))
        whole = part.vectors >= wide or machine.FILLS_LINES
        how = flags if whole else builder.and_(flags, I64(~STREAM))

        def one(index: Value) -> list[Value]:
            first = builder.select(builder.icmp_signed("<", index, last), index, last)
            place = builder.gep(builder.bitcast(out, BYTE), [builder.mul(first, out_bytes)])
            arguments = (
                code.at(source, builder.mul(first, step)), row, step, taps, steps,
                builder.bitcast(place, out.type), out_row,
                builder.gep(ahead, [builder.mul(first, ahead_step)]), ahead_row, pixel, how,
            )  # fmt: skip
            tile(builder, convert, rows, part.vectors, *arguments).emit(part.first, part.count)
            return [builder.add(index, I64(rows))]

        count = builder.sdiv(builder.add(builder.sub(end, begin), I64(rows - 1)), I64(rows))
        code.repeat(count, [begin], one)

    for part in tile.parts(code, vectors, code.has(flags, LOW)):
        # what LLVM computes before a part's loops would else be computed for all parts
        with builder.if_then(builder.icmp_signed(">", part.count, I64(0))):
            high, low = part.rows, min(part.rows, usual)
            done = builder.mul(builder.sdiv(height, I64(high)), I64(high))
            if high > low:
                with builder.if_then(builder.icmp_signed(">", done, I64(0))):
                    tiles(part, high, I64(0), done)
            else:
                done = I64(0)
            with builder.if_then(builder.icmp_signed("<", done, height)):
                tiles(part, low, done, height)


def _call(builder: Any, out: Items, taps: Items, arguments: Sequence[Value], tile: Any) -> None:
    """Rows of such tiles, by a function for each type of results."""
    convert, variant = None, []
    if out.dtype != taps.dtype:
        convert, variant = Conversion((taps.dtype, out.dtype), out.element), [out.dtype]
    body = partial(_emit_rows, convert=convert, tile=tile)
    call_once(builder, tile.name, body, arguments, variant)


def _arguments(
    builder: Any, source: Items, at: Value, rows: Sequence[Value], taps: Items, taps_at: Value,
    layout: Items, steps_at: Value, target: Items, target_at: Value, image: Items,
    ahead: Sequence[Value], size: Sequence[Value],
) -> list[Value]:  # fmt: skip
    """What `_emit_rows` gets of `tile_rows`' arguments."""
    row, step, out_row, flags = rows
    pixel = image.fields.itemsize
    return [
        *size, source.at(at), row, step, taps.at(taps_at), layout.at(steps_at),
        builder.bitcast(target.at(target_at), taps.element.as_pointer()), out_row,
        builder.mul(out_row, I64(target.itemsize)),
        image.byte_at(ahead[0]), *(builder.mul(each, pixel) for each in ahead[1:]), pixel, flags,
    ]  # fmt: skip


def _choose(builder: Any, key: Value, kinds: Kinds, call: Callable[[Any], None]) -> None:
    """Call with the kind of tile that a key stands for."""
    (number, tile), *others = kinds.items()
    if not others:
        call(tile)
        return
    with builder.if_else(builder.icmp_signed("==", key, I64(number))) as (this, other):
        with this:
            call(tile)
        with other:
            _choose(builder, key, dict(others), call)


def _call_for(
    builder: Any, kinds: Kinds, out: Items, taps: Items, arguments: Sequence[Value]
) -> None:
    """Rows of the tiles that the pass asks for."""
    steps = arguments[STEPS]
    columns = builder.load(builder.gep(steps, [I64(COLUMNS)]))
    some = builder.icmp_signed(">", columns, I64(0))
    key = builder.select(some, I64(PRODUCTS), columns)
    if taps.element == I64:  # exact in any order
        kinds = {PRODUCTS: kinds[PRODUCTS]}

    def call(tile: Any) -> None:
        _call(builder, out, taps, arguments, tile_for(tile, out.dtype))

    _choose(builder, key, kinds, call)


@emitted()
def tile_rows(
    builder: Any, source: Items, at: Value, rows: Sequence[Value], taps: Items, taps_at: Value,
    layout: Items, steps_at: Value, target: Items, target_at: Value, image: Items,
    ahead: Sequence[Value], size: Sequence[Value], out: Items,
) -> None:  # fmt: skip
    """Emit a call that computes ``size`` = (rows, at least `ROWS`; vector columns) of outputs.

    ``rows`` = elements from one source row to the next, the same times the stride, elements from
    one row of the target to the next, and the flags.  ``ahead`` = element of ``image`` to prefetch,
    elements from one of its rows to the next, and the same times the stride.  ``out`` is the array
    of results, whatever the target: one function serves both.
    """
    arguments = _arguments(
        builder, source, at, rows, taps, taps_at, layout, steps_at, target, target_at, image,
        ahead, size,
    )  # fmt: skip
    _call_for(builder, USUAL, out, taps, arguments)


@emitted()
def mean_rows(
    builder: Any, source: Items, at: Value, rows: Sequence[Value], taps: Items, taps_at: Value,
    layout: Items, steps_at: Value, target: Items, target_at: Value, image: Items,
    ahead: Sequence[Value], size: Sequence[Value], out: Items,
) -> None:  # fmt: skip
    """The same of pixels of which NaN is left out."""
    arguments = _arguments(
        builder, source, at, rows, taps, taps_at, layout, steps_at, target, target_at, image,
        ahead, size,
    )  # fmt: skip
    _call_for(builder, OMITTING, out, taps, arguments)
