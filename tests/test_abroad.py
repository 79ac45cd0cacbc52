"""Distrusts the loops of processors that are not here: for whom they are, spills, what is told."""

import json
import subprocess
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import soak

from parconv import cli
from parconv.experiments import processes
from parconv.experiments.asm import abroad, mca, survey, targets, tools
from parconv.experiments.asm.abroad import Order, Row

CORE, NAMES = "neoverse-n1", ("direct 7x7", "dot of bytes")


LOOPS = pytest.mark.parametrize("name", [NAMES[0], *soak(NAMES[1])])


@cache
def compiled(name: str) -> Row:
    """Once, by whatever llvm-mca there is."""
    tool = tools.newest(mca.TOOL.program)
    order = Order(targets.chosen("neon").triple, CORE, (name,), tool)
    try:
        found = survey._compiled("neon", order)
    except ChildProcessError as error:
        if "No available targets" in str(error):
            pytest.skip(f"this llvmlite cannot compile for ARM: {error}")
        raise
    (row,) = found
    assert row.name == name
    return row


@LOOPS
def test_kernels_are_those_of_the_other_machine(name: str) -> None:
    row, instruction = compiled(name), {"direct 7x7": "fmla\tv", "dot of bytes": "sdot\tv"}[name]
    assert (row.core, row.isa, row.obstacle) == (CORE, "NEON, dotprod", None)
    products = [line for line in row.source if line.startswith(instruction)]
    assert len(products) == row.multiply_adds == row.arithmetic
    assert {"direct 7x7": 6 * 3 * 7, "dot of bytes": 5 * 4 * 7}[name] == len(products)
    assert row.instructions == len(row.source)


@LOOPS
def test_their_registers_hold_the_tile(name: str) -> None:
    row = compiled(name)
    assert row.spills == 0
    assert not [line for line in row.source if "[sp" in line and "\tq" in line]


@pytest.mark.skipif(tools.newest("llvm-mca") is None, reason="llvm-mca is not installed")
def test_the_share_of_the_peak_is_predicted() -> None:
    row = compiled("direct 7x7")
    if row.share is None or row.cycles is None:
        pytest.skip(f"this llvm-mca has no model of {CORE}")
    assert row.cycles >= row.multiply_adds / 8  # no core has more units
    assert 0.3 < row.share <= 1.01


# --- what is told --------------------------------------------------------------------------------

ROW = Row("layer", "z1", "NEON", None, 3, 1, 1, 2, 4.0, 0.5, ("fmla\tv0", "str\tq0, [sp]", "b\t.L"))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Order]:
    """Orders, none of which is carried out: a row, one without a model, and one of no loop."""
    orders: list[Order] = []
    found = [ROW, replace(ROW, cycles=None, share=None), Row("dot of bytes", "z1", "NEON", "none")]

    def run(module: str, order: Any, variables: Any) -> Any:
        assert module == abroad.MODULE
        assert variables == {"NUMBA_CPU_NAME": order["core"], "NUMBA_CPU_FEATURES": ""}
        orders.append(Order(**order))
        lines = "\n".join(json.dumps(asdict(row)) for row in found)
        return subprocess.CompletedProcess([], 0, lines, "")

    monkeypatch.setattr(processes, "run", run)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return orders


def test_every_processor_of_a_kind_is_a_row(
    told: list[Order], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["asm", "--isa", "neon", "--only", "layer*", "--json", "found.json"]) == 0
    assert [order.core for order in told] == list(targets.TARGETS["neon"].cores)
    assert {tuple(order.names) for order in told} == {("layer", "layer, in two pieces")}
    out = capsys.readouterr().out
    for words in ("compiled here, not run", "nothing predicts", "no model", " 50 "):
        assert words in out
    found = json.loads(Path("found.json").read_text())
    assert (found["isa"], found["tool"], len(found["rows"])) == ("neon", None, 3 * len(told))


def test_the_loops_are_shown(told: list[Order], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["asm", "--isa", "avx512", "--cpu", "z1", "--source"]) == 0
    assert [(order.core, order.triple) for order in told] == [("z1", targets.X86)]
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["str", "q0,", "[sp]"] in shown


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("--isa", "mmx"), "isa is 'mmx': pass one of sse, avx2, avx512, neon"),
        (("--isa", "neon", "--only", "fir"), "only is 'fir', which matches no loop"),
        (("--isa", "neon", "--kernel", "7x7"), "kernel is 7x7: pass --only instead"),
        (("--isa", "neon", "--dtype", "float64"), "dtype is float64: pass none"),
        (("--only", "layer"), "only is layer: pass --isa beside it"),
    ],
)
def test_bad_arguments(
    arguments: tuple[str, ...], fragment: str, told: list[Order],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert cli.main(["asm", *arguments]) == 2
    assert fragment in capsys.readouterr().err
    assert told == []


def test_processors_that_llvm_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "'z80' is not a recognized processor for this target (ignoring processor)"
    done = subprocess.CompletedProcess([], 0, "", said)
    monkeypatch.setattr(processes, "run", lambda *_: done)
    with pytest.raises(ValueError, match="cpu is 'z80': LLVM knows no such processor for neon"):
        survey.survey("neon", "z80")
