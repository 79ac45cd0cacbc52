"""The register tile of filters that mean more than products: differences, and means.

Sums of differences are exactly 0 where pixels are equal, whatever the weights; products would leave
the rounding error of one of two opposite ones.  Means are scaled sums: pixels, or differences, that
rows of the tile share are loaded once.  `pairs` has the order.  A tile of its own, so that the one
of ordinary filters stays as fast as it is.
"""

from collections.abc import Callable, Sequence
from functools import partial

from ...codegen.emitted import Value
from ...codegen.simd import I64
from .pairs import CROSSED, CROSSED_KIND, MEMBERS, SUM_KINDS
from .tile import ROWS, TABLE, VECTORS, Tile, shapes_of

# Rows of a tile: two pixels and three weights need registers beside its sums.  Nanoseconds a pixel
# of 526 x 845 float32 with 6, 5, 4, 3 rows: a derivative 0.30 0.29 0.29 0.30, a mean of 5 x 5 0.53
# 0.54 0.49 0.57 (Sapphire Rapids VM, AVX-512, 2026-11); with 6 LLVM spills as it orders the loads.
HIGH = min(ROWS, 4)


class DifferenceTile(Tile):
    """Emits tiles of one width."""

    name = "differences"
    shapes = shapes_of(HIGH, VECTORS)
    low = False

    def finished(self, sums: list[Value], taps: Value) -> list[Value]:
        """Scaled, where the pass asks, by the number that two after the taps make together."""
        code = self.code

        def scaled() -> list[Value]:
            most, rest = (code.splat(code.read(taps, n)) for n in range(2))
            return [code.scaled(value, most, rest) for value in sums]

        return self.either(scaled, lambda: sums)

    def either(
        self, scaled: Callable[[], list[Value]], others: Callable[[], list[Value]]
    ) -> list[Value]:
        """What stands in place of means' sums, or of differences'."""
        asked = self.builder.icmp_signed("!=", self.code.read(self.steps, TABLE), I64(0))
        found = self.code.choose(self.builder.zext(asked, I64), {0: others, 1: scaled})
        return list(found)

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
        kinds = {CROSSED_KIND: partial(self.crossed, first, second, taps, sums)}
        for count in range(1, MEMBERS + 1):
            kinds[count] = partial(self.term, count, (first, second), taps, sums)
            kinds[SUM_KINDS + count] = partial(self.term, count, (first,), taps, sums)
        taps, *sums = code.choose(code.read(group, 4), kinds)
        return [taps, code.at(group, 5), *sums]

    def term(
        self, count: int, places: Sequence[Value], taps: Value, sums: Sequence[Value]
    ) -> list[Value]:
        """Pixels, or differences of two, of ``count`` filter rows, which the tile's rows share."""

        def value(row: int, vector: int) -> Value:
            pixel, *other = (self.pixels(place, row, vector) for place in places)
            return self.builder.fsub(pixel, other[0]) if other else pixel

        added = self.add_rows(count, taps, sums, value)
        return [self.code.at(taps, count), *added]

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
