"""How a problem is cut into tiles, and how long they take: pure arithmetic.

Bits depend on tiles, hence tiles on the problem alone, not on bands or threads.
"""

from dataclasses import dataclass
from functools import lru_cache

from ...codegen import machine
from ...codegen.layout import ENDS, Layout, up
from ...problem.dtypes import FLOAT32
from ...problem.problem import Problem

L = Layout(
    *ENDS, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "taps_y",
    "taps_x", "dilation_x", "border_y", "border_x", "channels", "lanes", "stored", "block", "tile",
    "high", "run", "panel", "taps_at", "zero_at", "block_at", "down_at", "across_at", "enter_at",
    "leave_at", "panel_step", "strips_at", "strip_step", "sums_at", "rows_at", "rows_step",
    "counts_at", "flags_at", "flags_step", "mend_at", "line_at", "end",
)  # fmt: skip

DOUBLE = 8  # bytes: all sums are of that type
# A tile slides its first window in, which costs so much of it as the filter is long; of columns
# those beside it, too.  Several tiles above one another are for several threads.  Milliseconds for
# 4096 x 4096 float32 at sigma 10, and 50, with tiles of 1024 columns 57.5 95, 2048 53.7 80 (Zen 3
# VM, 2026-11).
ROWS, ROW_SPANS, LEAST_SPANS = 1024, 4, 3
COLUMNS, COLUMN_SPANS = 2048, 8
HIGH = 32  # rows that slide down together; 16 take 3 to 5 % longer
# Columns that slide together.  Milliseconds for 2048 x 2048 at sigma 10, 35 with 64, 128, 256 of
# them 9.9 12.8, 10.4 13.5, 10.7 13.7 (Sapphire Rapids VM, AVX-512, 2026-11; else not measured).
RUN = machine.ISA.choose({"AVX-512": 64, 16: 128})
PANEL = 256  # columns that are packed together


@dataclass(frozen=True)
class Tile:
    """Sizes in elements."""

    lanes: int
    rows: int
    columns: int

    @property
    def high(self) -> int:
        """Rows that go together."""
        return max(HIGH, self.lanes)


def _part(size: int, parts: int, multiple: int) -> int:
    """Of so many about equal parts."""
    return up(-(-size // max(1, parts)), multiple)


@lru_cache(maxsize=256)
def tile_of(problem: Problem) -> Tile:
    """Tiles are about equal."""
    lanes, (rows, columns), (down, along) = machine.lanes(DOUBLE), problem.plane, problem.span
    above = -(-rows // max(ROWS, ROW_SPANS * down))
    above = max(above, min(2, rows // (LEAST_SPANS * down)))
    beside = -(-columns // max(COLUMNS, COLUMN_SPANS * along))
    return Tile(
        lanes,
        _part(max(1, rows), above, max(HIGH, lanes)),
        _part(max(1, columns), beside, 2 * problem.dilation[1] * lanes),
    )


# Operations of the direct method for float32 that take as long: of a pixel that slides down, and
# along, and the same while the first window slides in; of one that stands outside the image, more
# where most do.  Milliseconds for 300 x 400, 1500 x 1500, 4096 x 4096 float32 at sigma 10 and 35:
# 0.51 2.2, 8.4 11.6, 54 66; of the fastest other method 0.50 1.7, 10.6 27, 58 147 (Zen 3 VM, AVX2,
# 2026-11).
ALL_WORK = machine.ISA.choose({"AVX-512": 1.7, 16: 1})  # of all of it: see `direct.PIXEL_WORK`
DOWN_WORK, DOWN_FIRST, ALONG_WORK, ALONG_FIRST, OUTSIDE_WORK = 112, 112, 92, 80, 75


def work_of(problem: Problem) -> float:
    """Operations of the direct method that take as long."""
    tile, (rows, columns) = tile_of(problem), problem.plane
    down, along = (span - 1 for span in problem.span)
    above, beside = -(-rows // tile.rows), -(-columns // tile.columns)
    wide, high = columns + beside * along, up(rows, tile.lanes)
    inside = max(1, problem.plane_in[0] * problem.plane_in[1])
    outside = max(0, (columns + along) * (rows + down) - inside)
    slid = wide * (high * DOWN_WORK + above * down * DOWN_FIRST)
    slid += high * (columns * ALONG_WORK + beside * along * ALONG_FIRST)
    work = slid + outside * OUTSIDE_WORK * (1 + outside / inside)
    return ALL_WORK * work * problem.planes * FLOAT32.itemsize / problem.sums.itemsize
