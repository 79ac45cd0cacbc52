"""Tiles whose sums are scaled and shifted in registers, and stored by a rule.

2048 x 2048 uint8 to uint8 at 7x7 take 5.6 ms so, and as they are; with sums that wait in scratch
6.0 to 6.4 (one core, Zen 3 VM, 2026-11).
"""

from typing import Any

from llvmlite import ir

from ...codegen.emitted import Value
from ...codegen.rules import Stored
from ..finishing import NUMBERS, SCALED, Finishing
from .beginning import BEGIN, IDLE
from .difference import DifferenceTile
from .rolling import RollingTile
from .tile import Tile


class FinishedTile(Tile):
    """Before the taps lies what sums begin with, behind them a scale and a bias."""

    def begun(self) -> list[Value]:
        return [self.code.splat(self.code.read(self.taps, -BEGIN))] * len(self.sums)

    def finished(self, sums: list[Value], taps: Value) -> list[Value]:
        """As they are where the numbers change nothing: see `beginning`."""
        asked = self.builder.or_(*(self._differs(taps, *each) for each in enumerate(IDLE)))
        return self.code.when(asked, sums, lambda: _by_numbers(self, sums, taps))

    def _differs(self, taps: Value, at: int, idle: float) -> Value:
        number = self.code.read(taps, at)
        return self.builder.fcmp_unordered("!=", number, ir.Constant(number.type, idle))


class FinishedRolling(FinishedTile, RollingTile):
    """The same, row by row."""


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
    finishing = {
        Tile: FinishedTile,
        DifferenceTile: FinishedDifferences,
        RollingTile: FinishedRolling,
    }
    return finishing[tile] if isinstance(result, Stored) else tile
