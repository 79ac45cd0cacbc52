"""Distrusts the tiles of ARM processors that are not here: by each name, no vector to the stack."""

import json
from typing import Any

import pytest

from parconv.experiments.asm import mca, survey, targets, tools
from parconv.experiments.asm.abroad import Order, Row

# Whose order of instructions LLVM knows, of those that people have: servers, phones, Macs.
CORES = (
    "neoverse-n1", "neoverse-n2", "neoverse-n3", "neoverse-v1", "neoverse-v2", "neoverse-v3",
    "cortex-x1", "cortex-x2", "cortex-x3", "cortex-x4", "apple-m1", "ampere1",
)  # fmt: skip
TILES = ("direct 3x3", "direct 5x5", "direct 7x7", "layer", "layer, in two pieces")
PEAK = 0.7  # of a direct tile at 3x3, 5x5, 7x7; 0.9 and more by most models
SINCE = 19  # of llvm-mca: models that are their own, where earlier ones stand for older cores


@pytest.fixture(params=CORES)
def rows(request: pytest.FixtureRequest) -> list[Row]:
    """The tiles' loops in a kernel that is compiled for that name."""
    tool = tools.newest(mca.TOOL.program)
    tool = tool if tool and tools.version_of(tool) >= SINCE else None
    order = Order(targets.chosen("neon").triple, request.param, TILES, tool)
    return survey._compiled("neon", order)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_no_tile_spills(rows: list[Row], ledger: Any) -> None:
    core = rows[0].core
    assert [row.name for row in rows] == [*TILES]
    assert {row.name: row.spills for row in rows if row.spills} == {}
    shares = [row.share for row in rows if row.name.startswith("direct") and row.share]
    told = f", {100 * min(shares):.0f} to {100 * max(shares):.0f} % of the peak" if shares else ""
    assert all(PEAK <= share <= 1.01 for share in shares), json.dumps(shares)
    ledger("spills", f"{core}: {len(rows)} loops, 0{told}", core)
