"""Pages that a call touches, and how often a core must look one up: a model of its dTLB.

Pure arithmetic on sizes; the tile's shape and the block that packing copies are arguments.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SMALL, LARGE = 1 << 12, 1 << 21
SIZES = {"4 KiB": SMALL, "2 MiB": LARGE}


@dataclass(frozen=True)
class Area:
    """Rows in memory: how many, bytes of each that are used, bytes from one to the next."""

    rows: int
    width: int
    pitch: int

    def pages(self, page: int) -> int:
        """Distinct pages, the first row beginning on one.

        Examples
        --------
        >>> Area(3, 4096, 8192).pages(SMALL), Area(3, 4096, 4096).pages(SMALL)
        (3, 3)
        >>> Area(10, 400, 400).pages(SMALL), Area(4, 16384, 16384).pages(LARGE)
        (1, 1)
        """
        contiguous = -(-((self.rows - 1) * self.pitch + self.width) // page)
        return min(contiguous, self.rows * -(-self.width // page))


@dataclass(frozen=True)
class Sweep:
    """How a band is computed: strips of tiles, each from left to right.

    Parameters
    ----------
    height, width : int
        Rows of the band's output, bytes of each.
    rows, taps : int
        Rows of a tile, rows of the filter.
    tile : int
        Bytes of a row of a tile.
    source, target : int
        Bytes from one row to the next of image and output.
    """

    height: int
    width: int
    rows: int
    taps: int
    tile: int
    source: int
    target: int

    @property
    def strips(self) -> int:
        return -(-self.height // self.rows)

    @property
    def tiles(self) -> int:
        return -(-self.width // self.tile)

    def pages(self, rows: int, width: int, page: int) -> int:
        """Pages of so many rows of output and of the image rows that these need."""
        image = Area(rows + self.taps - 1, width, self.source)
        return image.pages(page) + Area(rows, width, self.target).pages(page)

    def in_flight(self, page: int) -> int:
        """Pages that one tile needs at once."""
        return self.pages(self.rows, self.tile, page)

    def strip(self, page: int) -> int:
        """Pages of a strip: the next one needs most of its image rows again."""
        return self.pages(self.rows, self.width, page)

    def touched(self, page: int) -> int:
        """Pages of the whole band."""
        return self.pages(self.height, self.width, page)

    def misses(self, page: int, entries: int) -> int:
        """Look-ups that a buffer of ``entries`` pages does not answer.

        It keeps a strip, and every page misses once; or only what one tile needs, and every strip
        misses all of its pages again; or not even that.
        """
        if self.strip(page) <= entries:
            return self.touched(page)
        if self.in_flight(page) <= entries:
            return self.strips * self.strip(page)
        return self.strips * self.tiles * self.in_flight(page)

    def simulated(self, page: int, entries: int) -> int:
        """The same counted: a buffer that forgets the page used longest ago, along the whole way.

        Examples
        --------
        >>> band = Sweep(12, 16384, 6, 5, 192, 16384, 16384)
        >>> band.simulated(SMALL, 64), band.misses(SMALL, 64)
        (112, 112)
        """
        kept: OrderedDict[int, None] = OrderedDict()
        missed = 0
        for number in self._visits(page):
            if number in kept:
                kept.move_to_end(number)
                continue
            missed += 1
            kept[number] = None
            if len(kept) > entries:
                kept.popitem(last=False)
        return missed

    def _visits(self, page: int) -> Iterator[int]:
        """Pages tile by tile; those of the result are numbered below zero."""
        for strip in range(self.strips):
            first = strip * self.rows
            height = min(self.rows, self.height - first)
            for tile in range(self.tiles):
                left = tile * self.tile
                right = min(left + self.tile, self.width) - 1
                for row in range(first, first + height + self.taps - 1):
                    start = row * self.source
                    yield from range((start + left) // page, (start + right) // page + 1)
                for row in range(first, first + height):
                    start = row * self.target
                    yield from range(-1 - (start + right) // page, -(start + left) // page)

    def packed_misses(self, page: int, entries: int, block: int, panel: int) -> int:
        """The same where ``block`` rows of ``panel`` bytes are copied before tiles read them.

        The copy lies in a piece and stays in the buffer; the tiles then need the output's rows.
        """
        block, panel = min(block, self.height), min(panel, self.width)
        scratch = -(-(block + self.taps - 1) * panel // page)
        if self.pages(block, self.width, page) + scratch <= entries:
            return self.touched(page) + scratch
        visits = -(-self.height // block) * -(-self.width // panel)
        visit = self.pages(block, panel, page)
        kept = visit + scratch <= entries
        return visits * visit + scratch * (1 if kept else visits)


def forecast(
    sweep: Sweep, first: dict[str, int], second: int, block: int, panel: int
) -> list[dict[str, Any]]:
    """What the model says of a band for both page sizes; ``first``: first-level entries of each."""
    return [
        {
            "name": name,
            "touched": sweep.touched(page),
            "in_flight": sweep.in_flight(page),
            "strip": sweep.strip(page),
            "first_level": sweep.misses(page, first[name]),
            "walks": sweep.misses(page, second),
            "packed_walks": sweep.packed_misses(page, second, block, panel),
        }
        for name, page in SIZES.items()
    ]
