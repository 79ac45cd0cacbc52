"""Tiles whose sums are scaled and shifted in registers, and stored by a rule.

2048 x 2048 uint8 to uint8 at 7x7 take 5.6 ms so, and as they are; with sums that wait in scratch
6.0 to 6.4 (one core, Zen 3 VM, 2026-11).
"""

from typing import Any

from ...codegen.emitted import Value
from ...codegen.rules import Stored
from ..finishing import NUMBERS, SCALED, Finishing
from .difference import DifferenceTile
from .tile import Tile


class FinishedTile(Tile):
    """Behind the taps lie a scale and a bias."""

    def finished(self, sums: list[Value], taps: Value) -> list[Value]:
        return _by_numbers(self, sums, taps)


class FinishedDifferences(DifferenceTile):
    """The same, behind what scales means."""

    def finished(self, sums: list[Value], taps: Value) -> list[Value]:
        code = self.code

        def scaled() -> list[Value]:
            numbers = [code.splat(code.read(taps, n)) for n in range(SCALED + NUMBERS)]
            return [code.scaled(value, *numbers) for value in sums]

        return self.either(scaled, lambda: _by_numbers(self, sums, taps))


def _by_numbers(tile: Tile, sums: list[Value], numbers: Value) -> list[Value]:
    code = tile.code
    finish = Finishing(code, None, [code.read(numbers, n) for n in range(NUMBERS)])
    return [finish.shifted(value) for value in sums]


def tile_for(tile: Any, result: Any) -> Any:
    """The kind of tile that stores such results."""
    finishing = {Tile: FinishedTile, DifferenceTile: FinishedDifferences}
    return finishing[tile] if isinstance(result, Stored) else tile
