"""The register tile of sums of differences: exactly 0 where pixels are equal, whatever the weights.

A difference is made of two vectors and feeds the rows of the tile that share it; `pairs` has the
order.  Products of neighbouring pixels would leave the rounding error of one of two opposite ones.
"""

from collections.abc import Sequence
from functools import partial

from ...simd import I64, Value
from .pairs import CROSSED, MEMBERS
from .tile import Tile


class DifferenceTile(Tile):
    """Emits tiles of one width."""

    name = "parconv.differences"
    scales = False

    def one_group(
        self, source: Value, taps: Value, group: Value, sums: Sequence[Value]
    ) -> list[Value]:
        """A term of the pass: row and column of two pixels, and its kind."""
        code, builder = self.code, self.builder
        first, second = (
            code.at(
                source, builder.mul(code.read(group, at), self.row), code.read(group, at + 1)
            )
            for at in (0, 2)
        )  # fmt: skip
        kinds = {
            count: partial(self.term, count, first, second, taps, sums)
            for count in range(1, MEMBERS + 1)
        }
        kinds[MEMBERS + 1] = partial(self.crossed, first, second, taps, sums)
        taps, *sums = code.choose(code.read(group, 4), kinds)
        return [taps, code.at(group, 5), *sums]

    def term(
        self, count: int, first: Value, second: Value, taps: Value, sums: Sequence[Value]
    ) -> list[Value]:
        """Differences of ``count`` rows that the tile's rows share."""
        code, total = self.code, dict(zip(self.cells, sums, strict=True))
        weights = [code.splat(code.read(taps, member)) for member in range(count)]
        for row in range(self.rows + count - 1):
            for vector in range(self.vectors):
                one, other = (self.pixels(pixel, row, vector) for pixel in (first, second))
                apart = self.builder.fsub(one, other)
                for member, weight in enumerate(weights):
                    cell = row - member, vector
                    if cell in total:
                        total[cell] = code.fma(apart, weight, total[cell])
        return [code.at(taps, count), *(total[cell] for cell in self.cells)]

    def crossed(
        self, first: Value, second: Value, taps: Value, sums: Sequence[Value]
    ) -> list[Value]:
        """Two differences of two rows each, of which the second one's second row is the upper one.

        A row of pixels serves two rows of the tile: half of the loads, which take longest.
        """
        code, total = self.code, dict(zip(self.cells, sums, strict=True))
        weights = [code.splat(code.read(taps, member)) for member in range(CROSSED)]
        for vector in range(self.vectors):
            one, other = self.pixels(first, 0, vector), self.pixels(second, -1, vector)
            for row in range(self.rows):
                lower = self.pixels(second, row, vector)
                following = self.pixels(first, row + 1, vector)
                for apart, weight in zip(
                    (self.builder.fsub(one, lower), self.builder.fsub(following, other)),
                    weights,
                    strict=True,
                ):
                    total[row, vector] = code.fma(apart, weight, total[row, vector])
                one, other = following, lower
        return [code.at(taps, CROSSED), *(total[cell] for cell in self.cells)]

    def pixels(self, pixel: Value, row: int, vector: int) -> Value:
        """The vector of the tile's row and column, given the tile's first one."""
        down = self.builder.mul(self.step, I64(row))
        return self.code.load(self.code.at(pixel, down, vector * self.code.lanes))
