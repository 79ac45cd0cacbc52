"""Distrusts counts of single instructions: where they lie, whose they are, what is refused.

Outputs of the tools are recorded, for most machines have no counters, and valgrind takes half a
minute; one test runs each tool that is here.
"""

import dataclasses
import io
import json
import re
import threading
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy import signal

from parconv import cli
from parconv.experiments import processes
from parconv.experiments.asm import (
    counts,
    implementations,
    placed,
    readable,
    sampled,
    simulated,
    subject,
)
from parconv.experiments.asm.counts import Counts
from parconv.experiments.asm.implementations import PIXELS
from parconv.experiments.asm.listing import Loop, innermost_loops
from parconv.experiments.asm.placed import Placed
from parconv.experiments.own import Own
from parconv.experiments.perf import simulate, stat

LISTING = """
f:
.L1:
	vmovups	(%rdx,%rax,4), %ymm9
	vfmadd231ps	4(%rdx,%rax,4), %ymm8, %ymm9
	addq	$8, %rax
	jne	.L1
	retq
"""
# objdump -d -r -w: two loops of the same mnemonics, a constant's address, what aligns a jump
OBJECT = """
0000000000000000 <g>:
   0:\tc3                   \tret
0000000000000010 <f>:
  10:\t48 b8 00 00 00 00 00 00 00 00 \tmovabs $0x0,%rax\t12: R_X86_64_64\t.rodata
  1a:\tc5 fc 10 04 82       \tvmovups (%rdx,%rax,4),%ymm0
  1f:\tc4 e2 75 b8 44 82 04 \tvfmadd231ps 0x4(%rdx,%rax,4),%ymm1,%ymm0
  26:\t48 83 c0 08          \tadd    $0x8,%rax
  2a:\t75 ee                \tjne    1a <f+0xa>
  2c:\t0f 1f 40 00          \tnopl   0x0(%rax)
  30:\tc5 7c 10 0c 82       \tvmovups (%rdx,%rax,4),%ymm9
  35:\tc4 62 3d b8 4c 82 04 \tvfmadd231ps 0x4(%rdx,%rax,4),%ymm8,%ymm9
  3c:\t66 90                \txchg   %ax,%ax
  3e:\t48 83 c0 08          \tadd    $0x8,%rax
  42:\t75 ec                \tjne    30 <f+0x20>
  44:\tc3                   \tret
"""
# callgrind --dump-instr=yes: what is called is counted there, not at the call
CALLGRIND = """
version: 1
positions: instr line
events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw
fn=f
0x1000 0 90 90 0 0 12 0 0 6
0x1005 0 90 720 0 0 30 0 0 30
0x100c 0 90
0x1010 0 90
0x1012 0 1 0 1
calls=1 0x2000 0
0x1012 0 500 500 0 0 77
fn=g
0x2000 0 500 500 0 0 77
fn=f (again)
0x1000 0 10 10
"""
# perf script -F period,event,ip on a Sapphire Rapids with counters
SCRIPT = """
    300000 cycles:u:      7f0000001005
    100000 cycles:u:      7f0000001000
      2003 L1-dcache-load-misses:u:      7f0000001005
      1000 dTLB-load-misses:u:      7f0000001000
    100000 cycles:u:      7f0000009999
         1 something else
"""
WHAT = {"name": "f", "dtype": "float32", "target": "haswell", "shape": [9, 99], "taps": [1, 2],
        "texts": ["load", "fma", "add", "jump"], "classes": ["load", "fma", "scalar", "jump"],
        "pattern": "00", "starts": [0, 5, 12, 16], "calls": 1}  # fmt: skip
needs_objdump = pytest.mark.skipif(bool(placed.obstacle()), reason=str(placed.obstacle()))


@pytest.fixture
def loop() -> Loop:
    (found,) = innermost_loops(LISTING)
    return found


def _told(*addresses: Sequence[int], calls: int = 1) -> dict[str, Any]:
    return {**WHAT, "addresses": [list(each) for each in addresses], "calls": calls}


def _text(found: Sequence[Counts]) -> str:
    file = io.StringIO()
    counts.show(found, Console(file=file, width=80))
    return file.getvalue()


# --- where instructions lie ----------------------------------------------------------------------


def test_a_loop_is_found_by_its_registers_among_those_of_the_same_mnemonics(loop: Loop) -> None:
    coded = placed.functions(OBJECT)
    assert [len(coded[name]) for name in "gf"] == [1, 10]  # nothing that only aligns
    found = placed.of_function(coded["f"], loop)
    assert found.starts == (0, 5, 14, 18)
    assert found.texts[1] == "vfmadd231ps 0x4(%rdx,%rax,4),%ymm8,%ymm9"
    code = bytes.fromhex("c57c100c82c4623db84c82046690 4883c008 75ec")
    assert re.fullmatch(found.pattern, code, re.DOTALL)
    other = code.replace(bytes.fromhex("6690"), b"\n\n")  # whatever aligns
    assert re.fullmatch(found.pattern, other, re.DOTALL)
    assert not re.fullmatch(found.pattern, code[:-1] + b"\0", re.DOTALL)
    assert Placed.of_json(json.loads(json.dumps(found.to_json()))) == found


def test_an_address_that_the_linker_fills_in_matches_any() -> None:
    first = placed.functions(OBJECT)["f"][0]
    assert first.moved
    assert first.text == "movabs $0x0,%rax"
    assert re.fullmatch(first.pattern, b"\x48\xb8" + bytes(range(8)), re.DOTALL)


def test_words_of_arm_are_numbers() -> None:
    text = "0000 <f>:\n   0:\t4e22cc20 \tfmla\tv0.4s, v1.4s, v2.4s\n"
    (one,) = placed.functions(text)["f"]
    assert (one.code, one.text) == (bytes.fromhex("20cc224e"), "fmla v0.4s, v1.4s, v2.4s")


def test_a_loop_that_is_elsewhere_is_refused(loop: Loop) -> None:
    with pytest.raises(ValueError, match="'f' is not in the code that runs"):
        placed.of_function(placed.functions(OBJECT)["f"][:4], loop)
    with pytest.raises(ValueError, match="not in the code that runs"):
        placed.of_function([], loop)


@needs_objdump
@pytest.mark.parametrize("name", ["naive", "gather"])
def test_what_is_listed_is_what_runs(name: str) -> None:
    """Numba's own listing of gather3 has other registers than its code (see `readable`)."""
    one = implementations.listed(name, PIXELS, (5, 5), "float32")
    one.run()
    coded = placed.functions(placed.disassembled(one.library))[one.loop.function]
    found = placed.placed(one.library, one.loop)
    first = next(n for n, it in enumerate(coded) if it.text == found.texts[0]
                 and [x.text for x in coded[n:][: len(found.texts)]] == [*found.texts])  # fmt: skip
    window = coded[first : first + len(found.texts)]
    assert all(x.same(listed) for x, listed in zip(window, one.loop.instructions, strict=True))
    copies = found.found()
    assert copies
    assert all(len(each) == len(one.loop.instructions) for each in copies)
    start = one.library.get_pointer_to_function(one.loop.function)
    assert any(start <= each[0] < start + coded[-1].end for each in copies)


# --- what another process need not compile -------------------------------------------------------

MINE = """
import numba
import numpy as np

@numba.njit
def weighted(pixel, tap):
    return pixel * tap

@numba.njit(fastmath=True)
def conv(f, g):
    out = np.zeros((f.shape[0] - g.shape[0] + 1, f.shape[1] - g.shape[1] + 1), f.dtype)
    for y in range(out.shape[0]):
        for v in range(g.shape[0]):
            for u in range(g.shape[1]):
                for x in range(out.shape[1]):
                    out[y, x] += weighted(f[y + v, x + u], g[v, u])
    return out
"""


def test_code_that_was_kept_is_run_and_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It allocates, and calls another function: both need Numba's own symbols."""
    (tmp_path / "mine_kept.py").write_text(MINE)
    kept = str(tmp_path / "code")
    asked = f"{tmp_path}/mine_kept.py:conv", (20, 40), (3, 5), "float32"
    listed = implementations.listed(*asked, kept)
    f, g, _ = listed.asked.arrays()
    expected = signal.correlate2d(f, g, "valid")

    def compiled(*_: Any) -> None:
        raise AssertionError("compiled")

    monkeypatch.setattr(readable._Read, "compile_extra", compiled)
    found = implementations.call_of(*asked, kept)()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(AssertionError, match="compiled"):
        implementations.call_of(*asked, str(tmp_path / "none"))


def test_code_with_addresses_of_this_process_is_not_kept(tmp_path: Path) -> None:
    library = types.SimpleNamespace(has_dynamic_globals=True)
    kept = readable.Kept(str(tmp_path / "code"))
    kept.save_overload((), types.SimpleNamespace(library=library))
    assert kept.load_overload((), None) is None
    assert not [*tmp_path.iterdir()]


@pytest.mark.soak
@needs_objdump
def test_what_is_counted_compiles_nothing(tmp_path: Path) -> None:
    """A plan's second call makes what looks at later arrays: no call that is counted may be it."""
    cache = tmp_path / "cache"
    variables = {**simulate.environment(), "NUMBA_CACHE_DIR": str(cache)}
    what = counts.named("ours", (40, 64), (5, 5), "float32")
    read = subject.Order(what, str(tmp_path / "read"), kept=str(tmp_path / "code"))
    read = dataclasses.replace(read, simulated=not simulate.obstacle())
    processes.finish("reads", read.command(), variables)
    made = sorted(cache.rglob("*.kernel"))
    assert len(made) >= 2  # the kernel, and what looks
    again = dataclasses.replace(read, answer=str(tmp_path / "again"), loop=read.answer)
    processes.finish("runs", again.command(), variables)
    assert sorted(cache.rglob("*.kernel")) == made
    first, second = (json.loads(Path(it.answer).read_bytes()) for it in (read, again))
    assert first["texts"] == second["texts"]
    assert first["addresses"]
    assert second["addresses"]


def test_subjects_side_by_side_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a folder of its own: the second must end before the first may."""
    ended, folders = threading.Event(), list[Path]()

    def watched(order: subject.Order, folder: Path, image: int) -> Any:
        folders.append(folder)
        name = order.what["name"]
        assert name == "ours" or ended.wait(60)
        ended.set()
        told = {**_told([0x1000, 0x1005, 0x100C, 0x1010]), "name": name}
        return told, simulated.by_address(CALLGRIND), "recorded", simulated.BUSIEST

    monkeypatch.setattr(counts, "chosen", lambda _: tool)
    tool = types.SimpleNamespace(watched=watched, at_once=lambda: 2)
    each = [counts.named(name, PIXELS, (5, 5), "float32") for name in ("naive", "ours")]
    assert [one.name for one in counts.found(each)] == ["naive", "ours"]
    assert len({*folders}) == 2
    assert sampled.at_once() == 1


# --- what the tools write ------------------------------------------------------------------------


def test_callgrind_s_counts_are_of_instructions_themselves() -> None:
    found = simulated.by_address(CALLGRIND)
    assert found["executed"] == {0x1000: 100, 0x1005: 90, 0x100C: 90, 0x1010: 90, 0x1012: 1,
                                 0x2000: 500}  # fmt: skip
    assert found["D1 miss"][0x1000] == 12
    assert found["LL miss"][0x1000] == 6
    assert found["D1 miss"][0x1012] == 0
    assert found["writes"][0x1012] == 1
    with pytest.raises(ValueError, match="names no events"):
        simulated.by_address("version: 1\n")


def test_sums_of_instructions_are_those_of_the_loop_and_no_more() -> None:
    by = simulated.by_address(CALLGRIND)
    told = _told([0x1000, 0x1005, 0x100C, 0x1010])
    found = counts._counts(told, by, "recorded", simulated.BUSIEST)
    assert found.columns["executed"] == (100, 90, 90, 90)
    assert found.sums()["D1 miss"] == 42
    assert found.totals["D1 miss"] == 42 + 77
    assert sum(found.shares) == pytest.approx(1)
    assert found.marked == {1}
    assert found.to_json()["sums"]["reads"] == 820


def test_copies_of_a_loop_are_counted_together_for_one_call() -> None:
    names = {"cycles": "cycles:u", "L1 miss": "L1-dcache-load-misses:u",
             "TLB miss": "dTLB-load-misses:u"}  # fmt: skip
    by = sampled.by_address(SCRIPT, names)
    places = [0x7F0000001000, 0x7F0000001005, 0x7F000000100C, 0x7F0000001010]
    found = counts._counts(_told(places, [1, 2, 3, 4], calls=4), by, "recorded", "cycles")
    assert found.columns["cycles"] == (25_000, 75_000, 0, 0)
    assert found.columns["TLB miss"][0] == 250
    assert found.totals["cycles"] == 125_000
    assert found.marked == {1}
    assert found.shares[1] == 0.75


def test_a_loop_that_no_call_runs_is_no_row_of_zeros() -> None:
    by = simulated.by_address(CALLGRIND)
    with pytest.raises(ValueError, match="nothing was counted in the hot loop of f"):
        counts._counts(_told([1, 2, 3, 4]), by, "recorded", simulated.BUSIEST)


def test_sampling_tells_what_the_processor_hides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without counters time alone, said so; with them, all of them at the same time."""
    seen: list[Sequence[str]] = []

    def under(perf: Sequence[str], command: Sequence[str], control: Any) -> Any:
        seen.append(perf)
        order = json.loads(command[-1])
        assert order["control"] == list(control)
        Path(order["answer"]).write_text(json.dumps(_told([0x7F0000001000], calls=2)))
        return stat.subprocess.CompletedProcess(perf, 0, "", "")

    monkeypatch.setattr(stat, "under", under)
    text = SCRIPT + "    250000 cpu-clock:u:      7f0000001000\n"
    printed = stat.subprocess.CompletedProcess([], 0, text, "")
    monkeypatch.setattr(stat, "printed", lambda arguments: printed)
    order = subject.Order({}, str(tmp_path / "answer"))
    for names, column in (({}, "ns"), ({"cycles": "cycles:u", "L1 miss": "l1:u"}, "cycles")):
        monkeypatch.setattr(sampled, "_probed", lambda names=names: names)
        told, by, tool, busiest = sampled.watched(order, tmp_path, 0)
        assert busiest == column
        assert told["calls"] == 2
        assert by[column][0x7F0000001000] == (250_000 if not names else 100_000)
        assert (stat.HIDDEN in tool) == (not names)
        assert sampled.hidden() == (not names) or stat.obstacle()
    assert [perf[perf.index("-e") + 1] for perf in seen] == ["cpu-clock:u", "cycles:u,l1:u"]


# --- what is shown and refused -------------------------------------------------------------------


def test_a_terminal_of_80_columns_shows_every_instruction() -> None:
    texts = ("vfmadd213ps 0x150(%rdx,%rax,4),%ymm12,%ymm13",) * 120
    column = np.linspace(0, 12_345, 120)
    columns = {"executed": (3780.0,) * 120, "reads": tuple(column), "D1 miss": tuple(column[::-1])}
    found = Counts("mine", "float32", "haswell", (130, 244), (5, 5), "by hand", texts,
                   ("fma",) * 120, columns, {"executed": 1e6, "reads": 1e7, "D1 miss": 0.0},
                   "D1 miss")  # fmt: skip
    lines = _text([found]).splitlines()
    assert max(map(len, lines)) <= 80
    assert "each instruction: executed 3780" in lines
    assert sum(texts[0] in line for line in lines) == 120
    assert sum(bool(re.match(r" *\d+\*", line)) for line in lines) == len(found.marked) == 60
    assert not any("D1 miss in the loop and" in line for line in lines)  # of none there is no share
    file = io.StringIO()
    counts.show([found], Console(file=file, width=80, force_terminal=True))
    assert file.getvalue().count("\x1b[1m") == 60  # in bold


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--counts", "guess"], "counts is 'guess': pass auto, perf or valgrind"),
        (["--counts", "valgrind"], "--counts valgrind cannot run: valgrind is not installed"),
        (["--counts", "perf"], "--counts perf cannot run: perf is not installed"),
        (["--counts", "auto"], "--counts auto cannot run: valgrind is not installed"),
        (["--counts", "auto", "--graph", "a.svg"], "graph is a.svg: pass none: --counts shows"),
        (["--counts", "auto", "--timeline"], "timeline is True: pass none: --counts shows"),
        (["--counts", "auto", "--force"], "force is True: pass none: --counts shows"),
        (["--counts", "auto", "--cpu", "znver3"], "cpu is znver3: pass none: --counts shows"),
    ],
)
def test_what_cannot_be_counted_is_refused_in_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(simulate.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(stat.sys, "platform", "linux")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["asm", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1


def test_large_images_are_shortened() -> None:
    short = counts.named("naive", (6000, 4000), (5, 5), "float32")
    assert short["shape"][1] == 4000
    assert 14 <= short["shape"][0] < 6000
    assert counts.named("naive", PIXELS, (5, 5), "float32")["shape"] == PIXELS
    assert counts.image_bytes(short) == 4 * short["shape"][0] * 4000
    own = counts.own(Own.of((6000, 4000), "5x5", dtype="uint8"))
    assert counts.image_bytes(own) == own["own"]["image"][0] * 4000


@pytest.mark.soak
@needs_objdump
@pytest.mark.skipif(bool(simulate.obstacle()), reason=str(simulate.obstacle()))
def test_a_real_simulation() -> None:
    """Passes are those of the sizes; rows that are new miss, weights and sums do not."""
    naive, ours = counts.found(
        [counts.named(name, PIXELS, (5, 5), "float32") for name in ("naive", "ours")], "valgrind"
    )
    height, width = (n - 4 for n in PIXELS)
    assert set(naive.columns["executed"]) == {height * width / 8}
    assert len(set(ours.columns["executed"])) == 1
    for found in (naive, ours):
        misses = dict(zip(enumerate(found.texts), found.columns["D1 miss"], strict=True))
        assert all(not n for (_, text), n in misses.items() if "broadcast" in text or "rsp" in text)
        assert all(not n for (_, text), n in misses.items() if "(" not in text)
        assert sum(found.columns["LL miss"]) <= sum(found.columns["D1 miss"])
        assert all(found.sums()[name] <= found.totals[name] for name in found.totals)
    image, lines = 4 * PIXELS[0] * PIXELS[1], 64
    assert naive.sums()["D1 miss"] >= 0.9 * image / lines  # each line of the image at least


@pytest.mark.soak
@needs_objdump
@pytest.mark.skipif(bool(stat.obstacle()), reason=str(stat.obstacle()))
def test_real_samples() -> None:
    (found,) = counts.found([counts.named("naive", PIXELS, (5, 5), "float32")], "perf")
    assert found.sums()[found.busiest] >= 0.5 * found.totals[found.busiest]
