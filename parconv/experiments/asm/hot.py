"""The loops in which the methods spend their time, and how each is found in its kernel's listing.

One table.  Knows no machine: the tiles' shapes are those of whatever is compiled for.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType

from parconv.methods import (
    box,
    channels,
    depthwise,
    direct,
    dot,
    fft,
    layer,
    rows,
    separable,
    windows,
    winograd,
)
from parconv.methods.channels.few import FILTERS
from parconv.methods.channels.table import VECTORS as OUTPUTS
from parconv.methods.depthwise import across
from parconv.methods.layer.tile import ROWS, VECTORS

from . import kernels
from .isa import ARITHMETIC, JUMP
from .listing import Loop, innermost_loops

Find = Callable[[str], Loop]
Types = tuple[str, str, str]
FEW = OUTPUTS + FILTERS  # as `channels.tiles` numbers versions of the tile
FLOATS: Types = "float32", "float32", "float32"
BYTES = "uint8", "float32", "uint8"
EXACT = "uint8", "int32", "uint8"


@dataclass(frozen=True)
class Hot:
    """A loop of a method's kernel for those types, if it has it on this machine."""

    method: ModuleType
    find: Find
    types: Types = FLOATS
    exists: bool = True


def work(loop: Loop) -> int:
    """Multiply-adds, multiplications and additions of vectors."""
    return sum(loop.counts[kind] for kind in ARITHMETIC)


def _rank(loop: Loop) -> tuple[int, int, int]:
    """Registers that take sums; as few branches as can be, for those are of edges; arithmetic."""
    sums = {i.target for i in loop.instructions} - {None}
    return len(sums), -loop.counts[JUMP], work(loop)


def within(pattern: str) -> Find:
    """The loop of most sums among the functions whose names match."""

    def find(code: str) -> Loop:
        found = [x for x in innermost_loops(code) if re.fullmatch(pattern, x.function)]
        if not found:
            raise ValueError(f"the compiled kernel has no loop in a function {pattern}")
        return max(found, key=_rank)

    return find


def _taps(rows: int) -> Find:
    """Of a filter of so many rows, and columns."""
    return partial(kernels.square_loop, size=rows)


HOT: Mapping[str, Hot] = {
    "direct 3x3": Hot(direct, _taps(3)),
    "direct 5x5": Hot(direct, _taps(5)),
    "direct 7x7": Hot(direct, _taps(7)),
    "separable": Hot(separable, within(r"parconv\.line\.float\.plain")),
    "separable, symmetric": Hot(separable, within(r"parconv\.line\.float\.even")),
    "rows": Hot(rows, within(r"parconv\.rows\..*")),
    "windows": Hot(windows, within(r"parconv\.(windows|block)\..*")),
    "box of bytes": Hot(box, within(r"parconv\.box\.slide\..*"), BYTES),
    "dot of bytes": Hot(dot, within(r"parconv\.dot\..*\badjacent\..*"), EXACT),
    "dot of bytes, apart": Hot(dot, within(r"parconv\.dot\..*\bapart\..*"), EXACT),
    "fft": Hot(fft, within(r"parconv\.fft\.(first|forward|inverse)\..*")),
    "layer": Hot(layer, within(rf"parconv\.layer\.float\.{ROWS}\.{VECTORS}\.1")),
    "layer, in two pieces": Hot(layer, within(rf"parconv\.layer\.float\.{ROWS}\.{VECTORS}\.2")),
    "channels": Hot(channels, within(rf"parconv\.channels\.i8\.float\.{OUTPUTS}")),
    "channels, few outputs": Hot(channels, within(rf"parconv\.channels\.i8\.float\.{FEW}")),
    "depthwise 3x3": Hot(depthwise, within(r"parconv\.strip\.float\.3\.1\..*")),
    "depthwise 5x5": Hot(depthwise, within(r"parconv\.strip\.float\.5\.1\..*")),
    "depthwise 7x7": Hot(depthwise, within(r"parconv\.strip\.float\.7\.1\..*")),
    "depthwise, pixels": Hot(depthwise, within(r"parconv\.pixels\.float\..*")),
    "depthwise, across": Hot(
        depthwise, within(r"parconv\.across\.float\.5\.1\.8.*"), exists=across.POSSIBLE
    ),
    "depthwise, channels": Hot(depthwise, within(r"parconv\.maps\.float\.3\.1\..*")),
    "winograd": Hot(winograd, within(r"parconv\.winograd\.product\..*")),
}
