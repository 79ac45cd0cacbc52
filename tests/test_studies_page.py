"""Distrusts the page of the two studies: rows are commands that exist, golden figures fit."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from parconv.cli.app import app
from parconv.experiments.varied import EXPERIMENTS, maximum, memory, tiles

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "studies.md"


@pytest.fixture(scope="module")
def page() -> str:
    if not PAGE.exists():
        pytest.skip("the pages are not here")
    return PAGE.read_text(encoding="utf-8")


def _line(page: str, start: str) -> list[float]:
    """The numbers of the line that begins so."""
    (line,) = re.findall(rf"^{re.escape(start)}\s+(.*)$", page, re.MULTILINE)
    return [
        float(n.replace(",", "")) for n in re.findall(r"(?<![\w(])[\d,]*\d\.?\d*(?![\w)])", line)
    ]


def test_every_row_is_a_command(page: str) -> None:
    rows = dict(re.findall(r"^\| (S\d+) \|.*\| `parconv (.*)` \|$", page, re.MULTILINE))
    assert list(rows) == [f"S{n}" for n in range(1, 16)]
    group = typer.main.get_command(app)
    for text in rows.values():
        name, *arguments = shlex.split(text)
        command = group.get_command(None, name)  # type: ignore[attr-defined, arg-type]
        assert command is not None, name
        command.make_context(name, arguments)  # it knows every option; nothing runs


def test_naive_spills_and_stores_where_ours_does_not(page: str) -> None:
    assert _line(page, "stores") == [25, 0]
    naive, ours = _line(page, "spilled vectors")
    assert naive >= 25 - 15 > ours == 0
    naive, ours = _line(page, "products a cycle")
    assert ours > 1.5 * naive
    assert _line(page, "longest path, cycles")[0] > 100 > _line(page, "longest path, cycles")[1]


def test_a_second_chain_doubles_the_instructions_of_a_cycle(page: str) -> None:
    one, two = (_line(page, name)[-1] for name in ("1 chain", "2 chains"))
    assert 1.8 < two / one < 2.1
    told = [f"{ipc:.2f}" for ipc in tiles.STUDY_IPC.values()]
    assert re.findall(r"\d\.\d\d", page[page.index("The study's figures are") :])[:4] == told


def test_predictions_by_measured_rates_are_nearer_than_the_port_model(page: str) -> None:
    rows = re.findall(r"^(?:direct|layer|box).*AVX\S+ +([\d. ]+)$", page, re.MULTILINE)
    assert len(rows) == 6
    near = 0
    for row in rows:
        measured, ports, _, rates = map(float, row.split())
        assert abs(rates - measured) <= max(abs(ports - measured), 0.1 * measured)
        near += abs(rates / measured - 1) <= 0.1
    assert near >= 5


def test_the_maximum_is_the_study_s_beside_what_was_measured(page: str) -> None:
    for start, batch in (("512 of 28x28", (512, 28)), ("512 of 4100x4100 (1 x 512)", (512, 4100))):
        *_, share, two, one = _line(page, start)
        study = maximum.study_seconds(*batch)
        assert [two, one] == pytest.approx([1e3 * study["2 FMA"], 1e3 * study["1 FMA"]], rel=0.01)
        assert 0 < share < 100


def _instructions(page: str, name: str) -> tuple[int, dict[str, list[float]]]:
    """(times that each runs, the numbers of each shown instruction) of the counts of that loop."""
    (block,) = re.findall(rf"^{name}: 5x5 float32 on 130x244.*?(?:\n\n|```)", page, re.M | re.S)
    rows = re.findall(r"^ *(\d+)[* ] +([\d. k]+ \d+\.\d) ([a-z].*)$", block, re.MULTILINE)
    numbers = {f"{n} {text}": [float(x.replace("k", "e3")) for x in values.split()]
               for n, values, text in rows}  # fmt: skip
    (executed,) = re.findall(r"each instruction: executed (\d+)", block)
    return int(executed), numbers


def test_new_rows_miss_and_weights_do_not(page: str) -> None:
    """Every instruction runs as often as the loop goes round; the rest is as its operands say."""
    height, width = 130 - 4, 244 - 4
    for name, trips, lines in (("ours", height // 6 * (width // 16) * 5, 0.5),
                               ("naive", height * width // 8, 0.9)):  # fmt: skip
        executed, rows = _instructions(page, name)
        assert executed == trips
        assert len(rows) > 15
        for text, (reads, *_, first, last, share) in rows.items():
            from_memory = re.search(r"\(\S+\),%", text) is not None and " lea " not in text
            assert (reads > 0) == from_memory, text
            assert first >= last
            if not from_memory or "broadcast" in text or "%rsp" in text:
                assert (first, last, share) == (0, 0, 0), text
        image = 4 * 130 * 244 / 64
        assert sum(one[-3] for one in rows.values()) > lines * image


def test_the_study_s_look_ups_stand_beside_ours(page: str) -> None:
    for way in ("in place", "packed"):
        *_, ours, study = (n for n in _line(page, f"{way}, 64 x 516x516") if n > 5)
        assert study == memory.study_walks(way) > 10 * ours
        assert f"{study:,.0f}" in page


def test_every_experiment_is_named(page: str) -> None:
    assert all(name in page for name in EXPERIMENTS)
    for better, worse in (("claimed, 32 bands", "segments, 2 bands"),
                          ("in place, stride 4096", "packed, stride 4096"),
                          ("8x2 vectors", "1x1 vectors")):  # fmt: skip
        found = {name: float(re.findall(rf"^{name} +([\d.]+)", page, re.M)[0])
                 for name in (better, worse)}  # fmt: skip
        assert found[better] < found[worse]
