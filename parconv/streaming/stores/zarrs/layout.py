"""How a new array is laid out."""

import json
from contextlib import suppress
from typing import Any

from ...question import Question
from ..base import Shape

SIDE = 1 << 10  # of a chunk where nothing else tells


def layout_of(question: Question, items: int, about: dict[str, Any]) -> dict[str, Any]:
    """Arguments of ``zarr.create_array``: as the source's, where that is Zarr's of as many axes."""
    shape, dtype = question.shape_of(items), question.whole.problem.dtype
    source, attributes = about.get("array"), dict(about.get("attributes", {}))
    attributes = {name: value for name, value in attributes.items() if _is_json(value)}
    found: dict[str, Any] = {"shape": shape, "dtype": dtype, "attributes": attributes}
    if source is None or len(source.shape) != len(shape):
        unit = about.get("unit") or ()
        chunks = unit_within(unit, shape) if len(unit) == len(shape) else _usual(shape)
        return {**found, "chunks": chunks}
    found["chunks"] = unit_within(source.chunks, shape)
    if source.shards:
        pairs = zip(source.shards, source.chunks, found["chunks"], strict=True)
        found["shards"] = tuple(shard // chunk * mine for shard, chunk, mine in pairs)
    found["zarr_format"] = source.metadata.zarr_format
    found["compressors"] = source.compressors or None
    if source.metadata.zarr_format == 3:
        found["dimension_names"] = source.metadata.dimension_names
    return found


def unit_within(unit: Shape, shape: Shape) -> Shape:
    """Units no larger than the array."""
    return tuple(max(1, min(one, size)) for one, size in zip(unit, shape, strict=True))


def _usual(shape: Shape) -> Shape:
    """Planes in tiles of a few MiB."""
    tile = [*[1] * (len(shape) - 2), SIDE, SIDE][-len(shape) :]
    return unit_within(tuple(tile), shape)


def _is_json(value: Any) -> bool:
    with suppress(TypeError, ValueError):
        json.dumps(value)
        return True
    return False
