"""What compiled code knows of a problem."""

import itertools
import math
from functools import lru_cache
from typing import Any

from ...codegen import machine
from ...codegen.layout import Layout, geometry, up
from ...problem.dtypes import Array
from ...problem.problem import Problem
from ..usual import bank_of, lanes_of
from .able import (
    across_numbers,
    first_of,
    has_pairs,
    kind_of,
    sift_of,
    sifted,
    strips_cannot,
    turned_numbers,
    turned_of,
    turned_room,
)
from .channels import TILES
from .level import flat_numbers, flat_room
from .pixels import TILES as PIXEL_TILES, WIDTHS
from .strip import KINDS, MASKED, loads, outputs
from .work import by_flat, by_pixels, by_rows, by_turns

L = Layout(
    "outputs", "multiplier", "rows_out", "columns_out", "rows_in", "columns_in", "lead_y",
    "lead_x", "stride_y", "stride_x", "dilation_y", "dilation_x", "size", "size_x", "lanes",
    "pixels", "near", "stride", "block", "past_caches", "ahead", "limit", "copy_at",
    "copy_row", "copy_lead", "strip_count", "pair", "taps_at", "tile", "border_tile", "high",
    "last_ahead", "by_rows", "sift", "first_y", "first_x", "widest", "pixel_tile", "last_tile",
    "phases", "unit", "across_tile", "turned", "together", "segment", "copies",
    "columns", "cells", "second", "third", "pitch", "reach", "results_at",
    tables=("strips", "masks"),
)  # fmt: skip
# Of each strip: its kind, its first output, the column of the image that meets it, where its last
# vector begins, and where its masks are.
STRIP = Layout("kind", "left", "column", "last", "table")

# Rows at a time where they are copied, or where several strips read them: so many bytes of output.
# Each block reads the rows above it anew.  Nanoseconds of an output with 8, 32, 64, 128 KiB: 12
# filters of 3x3 over 10 images of 76 x 79 0.62 0.45 0.49 0.51; 10 of 5x5 over 21 of 73 x 76 0.72
# 0.58 0.58 0.58; 28 over 2 of 103 x 106 0.81 0.70 0.66 0.66; under AVX2 with 8, 16, 32, 64 KiB 0.95
# 0.83 0.78 0.79; 1.05 0.95 0.90 0.90; 1.07 0.97 0.91 0.89 (Zen 4 VM, 2026-11).
# Where results wait in scratch on their way past the caches, images come with them: 75 channels of
# 94 x 95 at 5x5, 16 images, with 8, 16, 32 KiB 0.72 0.76 0.84, of 180 x 190 at 3x3, 8 images, 0.39
# 0.53 0.58 (there, AVX-512).
BLOCK_BYTES, WAITING_BYTES = 1 << 15, machine.ISA.choose({32: 1 << 13, 16: 1 << 15})
BLOCK_REST = 6  # rows of a block for each that it computes again, at least
# From a row that is read to what is prefetched; as many rows where every second one begins a row
# of output and maps exceed the caches.  Milliseconds with 8, 16, 32 KiB (Zen 5, 2026-11): 32 x 32 x
# 112 x 112 on one core 2.1 2.3 2.4; 32 x 96 x 112 x 112, stride 2, on two 3.9 3.5 3.9; 32 x 576 x
# 14 x 14, stride 2, on one 0.23 0.23 0.27.
AHEAD_BYTES = 1 << 13
# Of output that leave scratch together, by stride.  Milliseconds on one core with 64, 256, 512,
# 1024 bytes (Zen 5, 2026-11): 32 x 32 x 112 x 112 2.4 2.4 2.8 3.0, or 2.3 2.2 2.1 2.3 where images
# and results lie alike in their pages; 32 x 192 x 28 x 28 1.0 0.70 0.62 0.67; 32 x 144 x 56 x 56
# with every second output 1.1 - 1.4 1.3.
LIMIT_BYTES = {1: 256, 2: machine.CACHE_LINE}  # a line or more: `drain` takes whole ones
# Vectors of channels.  32 x 96 x 112 x 112, every second output, two cores: with 1, 2, 3 ahead 4.1
# 4.2 4.1 ms, without prefetching 4.6.
LAST_AHEAD_VECTORS = 2
# Pixels of a row whose channels all pass before the next ones: so many bytes, at least so many, or
# each vector of channels would touch the pages of whole rows.  Milliseconds by rows and by 128, 64,
# 32, 16 KiB, 3x3: 4 images of 83 x 84 of 364 channels 12.5 10.4 9.7 7.2 5.7; 20 of 27 x 28 of 362
# 3.0 2.6 2.6 2.4 2.2; 8 of 28 x 29 of 256 0.75 0.76 0.77 0.76 0.74 (Sapphire Rapids VM, AVX2,
# 2026-11).
TOGETHER_BYTES, LEAST_TOGETHER = 1 << 14, 16
# Images and results of more than so many `machine.STREAM_BYTES` go past the caches.  Milliseconds
# on one / two cores through them, and past them: 32 x 384 x 14 x 14 (19 MB) 0.29 / 0.16, 0.33 /
# 0.23; 32 x 192 x 28 x 28 with every second output (24 MB) 0.28 / 0.19, 0.42 / 0.23; 32 x 576 x 14
# x 14 (29 MB) 0.85 / 0.38, 0.60 / 0.34; 32 x 32 x 112 x 112 (103 MB) 3.4 / 2.0, 1.9 / 1.6.
RESIDENT = 3
# The same where a row has several strips, which the processor does not see coming: nanoseconds of
# an output through the caches, and past them, 10 filters of 5x5 over 11 images of 191 x 194 (18 MB)
# 0.90, 0.68; 3 of 3x3 over 37 of 134 x 137 (11 MB) 0.56, 0.34; under AVX2 42 of 5x5 over 23 of 63 x
# 66 (16 MB) 0.93, 0.79 (Zen 4 VM, 2026-11).
PARTED = 1


def strips(problem: Problem) -> list[list[int]]:
    """The places of vectors in a row of output, strip by strip, the last one first.

    So what a vector stores beyond its row is overwritten by the first strip.  Vectors between a
    strip's outer ones are read without masks, so they must lie inside the image.
    """
    kind, lanes, columns = kind_of(problem), lanes_of(problem), problem.plane[1]
    wide = outputs(kind, lanes)
    last = max(columns - wide, 0)
    places = [*range(0, last, wide), last]
    safe = all(_inside(problem, place) for place in places[1:-1])
    sizes = [
        n for n in range(1, len(places) + 1) if (safe or n < 3) and kind_of(problem, n) in KINDS
    ]
    found = []
    while places:
        size = max(n for n in sizes if n <= len(places))
        found.append(places[:size])
        places = places[size:]
    return found[::-1]


def _inside(problem: Problem, place: int) -> bool:
    """Whether all that a vector of outputs reads lies inside the row."""
    first = place * problem.stride[1] - problem.lead[1]
    return 0 <= first <= problem.plane_in[1] - _reach(problem)


def _reach(problem: Problem) -> int:
    """Columns from the first to the last that are read for a vector of outputs."""
    kind, lanes = kind_of(problem), lanes_of(problem)
    return lanes + problem.span[1] - 1 if kind.stride == 1 else 2 * lanes


def _masks(problem: Problem, places: list[int]) -> list[int]:
    """Lanes as bits: inside the image, of the outer vectors' loads, and the last one's store."""
    kind, lanes = kind_of(problem), lanes_of(problem)
    step = problem.dilation[1] if kind.stride == 1 else lanes
    first = [place * kind.stride - problem.lead[1] for place in places[:: max(1, len(places) - 1)]]
    columns = range(problem.plane_in[1])
    inside = [
        _bits([at + n * step + lane in columns for lane in range(lanes)])
        for at in first
        for n in range(loads(kind))
    ]
    return [
        *inside,
        _bits([lane < min(outputs(kind, lanes), problem.plane[1]) for lane in range(lanes)]),
    ]


def _bits(lanes: list[bool]) -> int:
    return sum(1 << n for n, chosen in enumerate(lanes) if chosen)


def _lookup(problem: Problem) -> list[int]:
    """Of a pair: lanes inside the image, those to store, and which ones each column meets."""
    lanes, stride, columns = lanes_of(problem), problem.stride[1], problem.plane_in[1]
    lead, dilation = problem.lead[1], problem.dilation[1]
    half = lanes // 2
    places = [
        (plane, lane * stride + column * dilation - lead)
        for column in range(problem.filter[1])
        for plane in range(2)
        for lane in range(half)
    ]
    met = [plane * lanes + (x if x in range(columns) else lanes - 1) for plane, x in places]
    return [_bits([True] * columns), _bits([True] * problem.plane[1]), *met]


def _block(problem: Problem, large: bool) -> int:
    """Rows of output that are computed at a time."""
    rows, columns = problem.plane
    fitting = (WAITING_BYTES if large else BLOCK_BYTES) // max(1, columns * problem.sums.itemsize)
    least = BLOCK_REST * problem.dilation[0] * (kind_of(problem).under_way - 1)
    return max(1, min(rows, max(fitting, least)))


def _buffer(problem: Problem, large: bool) -> int:
    """Elements of scratch for results: those that wait for their line, rows, and a vector."""
    itemsize = problem.sums.itemsize
    line = machine.CACHE_LINE // itemsize
    waiting = 2 * line + LIMIT_BYTES[kind_of(problem).stride] // itemsize
    rows = _block(problem, large) * problem.plane[1]
    pair = 2 * math.prod(problem.plane) if has_pairs(problem) else 0
    return up(waiting + max(rows, pair) + lanes_of(problem), line)


def _copy_row(problem: Problem) -> int:
    """Elements of a row that is copied: between zeros where vectors are read without masks."""
    if MASKED:
        return problem.plane_in[1]
    last = strips(problem)[0][-1] * problem.stride[1]
    return max(last + _reach(problem), problem.lead[1] + problem.plane_in[1])


def _tables(problem: Problem) -> tuple[list[tuple[int, int, int, int]], list[list[int]]]:
    """The strips' numbers but for where their masks are, and the masks."""
    found = strips(problem)
    numbers = [
        (
            KINDS.index(kind_of(problem, len(s))),
            s[0],
            s[0] * problem.stride[1] - problem.lead[1],
            s[-1],
        )
        for s in found
    ]
    tables = [_masks(problem, s) for s in found]
    if has_pairs(problem):
        numbers.append((KINDS.index(kind_of(problem, 1, 2)), 0, 0, 0))
        tables.append(_lookup(problem))
    return numbers, tables


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    if by_flat(problem):
        others = dict.fromkeys(L.names, 0) | dict.fromkeys(L.tables, ())
        return L.pack(others | flat_numbers(problem))
    bank, itemsize = bank_of(problem), problem.sums.itemsize
    large = _is_large(problem)
    swept, (first_y, first_x) = sifted(problem), first_of(problem)
    strips = _none() if strips_cannot(problem) else _of_strips(swept, large)
    numbers = geometry(swept) | strips
    if by_turns(problem):
        numbers |= _none() | turned_numbers(problem)
    return L.pack(
        numbers,
        sift=sift_of(problem),
        first_y=first_y,
        first_x=first_x,
        outputs=bank.outputs,
        multiplier=bank.filters,
        size=problem.filter[0],
        size_x=problem.filter[1],
        lanes=lanes_of(problem),
        pixels=by_pixels(problem),
        turned=_wide(problem),
        by_rows=by_rows(problem),
        near=by_turns(problem) or problem.bytes <= 2 * machine.L2_BYTES,
        stride=swept.stride[0],
        past_caches=large,
        limit=LIMIT_BYTES[min(swept.stride[0], 2)] // itemsize,
        taps_at=bank.outputs * math.prod(problem.filter),
        last_ahead=LAST_AHEAD_VECTORS,
        **_no_flat(),
        **_of_pixels(bank.filters),
        **across_numbers(swept),
    )


def _is_large(problem: Problem) -> bool:
    """Whether results go past the caches."""
    others = by_pixels(problem) or by_rows(problem) or strips_cannot(problem)
    parted = not others and len(strips(sifted(problem))) > 1
    return problem.passing > (PARTED if parted else RESIDENT) * machine.STREAM_BYTES


def _wide(problem: Problem) -> int:
    """Channels of planes that are turned, if they are."""
    found = turned_of(problem)
    return found.wide if found and by_turns(problem) else 0


def _none() -> dict[str, Any]:
    """The numbers of strips where there are none."""
    numbers = "block ahead copy_at copy_row copy_lead strip_count pair tile border_tile high"
    numbers += " together"
    return {**dict.fromkeys(numbers.split(), 0), "strips": (), "masks": ()}


def _no_flat() -> dict[str, int]:
    """The numbers of flat rows where there are none."""
    numbers = "segment copies columns cells second third pitch reach results_at"
    return dict.fromkeys(numbers.split(), 0)


def _of_pixels(filters: int) -> dict[str, int]:
    """The tiles of pixels that so many filters of a channel have, if any."""
    own = [n for n, tile in enumerate(PIXEL_TILES) if tile.filters == filters]
    if not own:
        return dict.fromkeys(("widest", "pixel_tile", "last_tile"), 0)
    return {"widest": WIDTHS[filters][0], "pixel_tile": own[0], "last_tile": own[-2]}


def _of_strips(problem: Problem, large: bool) -> dict[str, Any]:
    kind, itemsize = kind_of(problem), problem.sums.itemsize
    numbers, masks = _tables(problem)
    first = L.length + len(numbers) * STRIP.length
    starts = itertools.accumulate(map(len, masks), initial=first)
    table = [(*strip, at) for strip, at in zip(numbers, starts, strict=False)]
    count = len(numbers) - has_pairs(problem)
    tiles = [tile for tile in TILES if tile[:2] == kind[:2]]
    return {
        "block": _block(problem, large),
        "ahead": AHEAD_BYTES * (kind.stride if large else 1) // itemsize,
        "copy_at": _buffer(problem, large),
        "copy_row": _copy_row(problem),
        "copy_lead": 0 if MASKED else problem.lead[1],
        "strip_count": count,
        "pair": L.length + count * STRIP.length if has_pairs(problem) else 0,
        "tile": TILES.index(tiles[0]),
        "border_tile": TILES.index(tiles[-1]),
        "high": tiles[0].high,
        "together": max(LEAST_TOGETHER, TOGETHER_BYTES // (problem.maps[1] * itemsize)),
        "strips": tuple(itertools.chain(*table)),
        "masks": tuple(itertools.chain(*masks)),
    }


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    if by_flat(problem):
        return flat_room(problem)
    line, copied = machine.CACHE_LINE // problem.sums.itemsize, 0
    if by_pixels(problem):  # rows that are copied where channels do not lie so after all
        rows = problem.plane[1] + problem.filter[0] * problem.plane_in[1]
        copied = 2 * lanes_of(problem) + bank_of(problem).outputs * rows + line
    if by_turns(problem):
        return turned_room(problem)
    if strips_cannot(problem):
        return copied
    problem, large = sifted(problem), _is_large(problem)
    kind = kind_of(problem)
    steps = _block(problem, large) - 1 + kind.under_way  # the sweep reads whole ones
    rows = steps * kind.stride + (problem.dilation[0] - 1) * (kind.size - 1)
    swept = _buffer(problem, large) + rows * _copy_row(problem) + lanes_of(problem) + line
    return max(copied, swept)
