"""Tables that fit any terminal: where all columns are too wide together, blocks of them stand below
one another, each with the first columns, so that no number is cut or broken."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table


class FittingTable(Table):
    """A table whose first ``keys`` columns say what a row is about."""

    keys = 1

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = [self._natural(column, console, options) for column in self.columns]
        blocks = list(_blocks(widths, self.keys, options.max_width))
        if len(blocks) == 1:
            yield from super().__rich_console__(console, options)
            return
        for number, block in enumerate(blocks):
            yield self._part(block, with_title=number == 0)

    def _natural(self, column: Column, console: Console, options: ConsoleOptions) -> int:
        """What the longest of its cells takes in one line, with the border after it."""
        free = options.update(max_width=10_000)
        cells = [column.header, *column.cells]
        left, right = self.padding[3], self.padding[1]
        longest = max(Measurement.get(console, free, cell).maximum for cell in cells)
        return longest + left + right + 1

    def _part(self, block: Sequence[int], with_title: bool) -> Table:
        chosen = [self.columns[number] for number in block]
        part = Table(title=self.title if with_title else None, title_justify=self.title_justify,
                     box=self.box, show_header=self.show_header)  # fmt: skip
        part.columns = [replace(it, _index=place, _cells=[]) for place, it in enumerate(chosen)]
        for row, cells in zip(
            self.rows, zip(*(it.cells for it in chosen), strict=True), strict=True
        ):
            part.add_row(*cells, style=row.style, end_section=row.end_section)
        return part


def _blocks(widths: Sequence[int], keys: int, most: int) -> Iterator[list[int]]:
    """Numbers of the columns of each block; a column too wide for a block has one of its own.

    Examples
    --------
    >>> list(_blocks([10, 5, 5, 5, 5], 1, 22))
    [[0, 1, 2], [0, 3, 4]]
    >>> list(_blocks([10, 30, 5], 1, 22))
    [[0, 1], [0, 2]]
    """
    first = 1 + sum(widths[:keys])  # the border before them
    block, used = list(range(keys)), first
    for number in range(keys, len(widths)):
        if used + widths[number] > most and len(block) > keys:
            yield block
            block, used = list(range(keys)), first
        block.append(number)
        used += widths[number]
    yield block
