"""Distrusts what is told of the studies' loops and of a user's: spills, stores, paths, pictures.

No speed is asserted; the machine's rate is a recorded one.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import RunPython

from parconv import cli, plan2d
from parconv.codegen import machine
from parconv.experiments import ceilings, steadiness
from parconv.experiments.asm import (
    compared,
    dataflow,
    graph,
    implementations,
    mca,
    planned,
    renaming,
    timeline,
    tools,
)
from parconv.experiments.asm.cpus import core_of
from parconv.experiments.asm.implementations import PIXELS
from parconv.experiments.asm.listing import blocks, innermost_loops
from parconv.experiments.own import Own
from parconv.runtime.ceilings import Ceilings

MINE = """
from numba import njit
import numpy as np

@njit(fastmath=True, cache=True)
def conv(f, g):
    out = np.zeros((f.shape[0] - 2, f.shape[1] - 2), f.dtype)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            for v in range(3):
                for u in range(3):
                    out[y, x] += f[y + v, x + u] * g[v, u]
    return out

def plain(f, g):
    return f * len(g.strip())

LENGTH = 3
"""

# A chain of three multiply-adds from one load, stored each time, and a counter.
CHAIN = """
f:
.L1:
	vmovups	(%rdx,%rax,4), %ymm9
	vfmadd231ps	4(%rdx,%rax,4), %ymm8, %ymm9
	vmovups	%ymm9, (%r10,%rax,4)
	vfmadd231ps	8(%rdx,%rax,4), %ymm7, %ymm9
	vmovups	%ymm9, (%r10,%rax,4)
	movq	-80(%rsp), %r9
	vmovups	368(%rsp), %ymm10
	vfmadd231ps	(%r9), %ymm10, %ymm9
	vmovups	%ymm9, (%r10,%rax,4)
	leaq	16(%rsp), %r11
	addq	$8, %rax
	cmpq	%rax, %rcx
	jne	.L1
	retq
"""
CORE = core_of("haswell")  # multiply-adds of 5 cycles


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No long measurement; a folder with a user's module, and no tool in the path."""
    monkeypatch.setattr(ceilings, "measure", lambda threads: Ceilings(1, 256.0, 128.0, 40.0))
    monkeypatch.setattr(steadiness, "spread", lambda threads: 0.01)
    monkeypatch.setattr(compared, "ROUNDS", 1)
    monkeypatch.setattr(compared, "SAMPLE_SECONDS", 1e-5)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine19.py").write_text(MINE)
    return tmp_path


def test_spills_of_scalars_are_counted_apart() -> None:
    (loop,) = innermost_loops(CHAIN)
    assert loop.spills == ["vmovups\t368(%rsp), %ymm10"]
    assert loop.scalar_spills == ["movq\t-80(%rsp), %r9"]  # no address that is only computed
    labels = [one.label for one in loop.instructions]
    assert (labels[5], labels[6], labels[9]) == ("scalar spill", "spill", "scalar")


def test_a_sum_that_begins_anew_is_carried_by_no_loop() -> None:
    """One pass: a load, three multiply-adds, a store; passes overlap but for the counter."""
    (loop,) = innermost_loops(CHAIN)
    found = dataflow.path(loop, CORE)
    assert found.one_pass == dataflow.LOADED + 3 * CORE.latency + dataflow.FORWARDED
    assert found.carried == 1
    assert {1, 3, 7, 8} <= set(found.numbers)
    waits = {(edge.source, edge.target) for edge in dataflow.edges(loop) if not edge.carried}
    assert {(0, 1), (1, 3), (3, 7), (6, 7), (5, 7), (7, 8)} <= waits
    assert {(e.source, e.register) for e in dataflow.edges(loop) if e.carried} == {(10, "a")}


@pytest.mark.parametrize(
    ("lines", "carried"),
    [
        (("vaddps %ymm1, %ymm0, %ymm0",), 5),
        (("vaddps %ymm1, %ymm2, %ymm0",), 0),
        (("vfmadd231ps %ymm1, %ymm2, %ymm0", "vxorps %xmm0, %xmm0, %xmm0"), 0),
        (("vmovups %ymm0, (%rsi)", "vaddps (%rsi), %ymm1, %ymm0"), 10),  # through memory
        (("mulps %xmm1, %xmm0", "addps %xmm2, %xmm0"), 10),
        (("vmovups (%rsi), %ymm0 {%k1}", "addq $4, %rsi"), 7),  # other lanes stay
        (("vmovups (%rsi), %ymm0 {%k1} {z}", "addq $4, %rsi"), 1),
        (("movq (%rax), %rax",), 7),
    ],
)
def test_what_a_pass_waits_for(lines: tuple[str, ...], carried: int) -> None:
    text = "".join(f"\t{line}\n" for line in ("movq %rdi, %rdi", *lines))
    (loop,) = innermost_loops(f"f:\n.L1:\n{text}\tjne\t.L1\n")
    assert dataflow.path(loop, CORE).carried == max(carried, 1)  # one is of the first line


@pytest.mark.skipif(not machine.IS_X86, reason="compiles for an x86 processor")
def test_naive_stores_every_tap_and_spills_weights_where_registers_are_few(
    run_python: RunPython,
) -> None:
    """25 weights and the sum do not fit the 16 registers of AVX2."""
    script = """
        from parconv.experiments.asm import implementations
        loop = implementations.listed("naive", (60, 60), (5, 5), "float32").loop
        print(loop.fused, loop.bits, loop.stores, len(loop.spills), len(loop.scalar_spills))
    """
    env = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""}
    fused, bits, stores, spills, scalars = map(int, run_python(script, env=env).stdout.split())
    assert (fused, bits, stores, scalars) == (25, 256, 25, 0)
    assert spills >= 25 - 15


def test_the_user_s_function_is_read_beside_the_studies(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--implementation", "gather,scatter", "--kernel", "3x3", "--source", "--timeline"]
    pictures = ["--graph", "flow.dot", "--blocks", "blocks.dot", "--json", "asm.json"]
    assert cli.main(["asm", "mine19:conv", *arguments, *pictures]) == 0
    out = capsys.readouterr().out
    found = json.loads((folder / "asm.json").read_text())["implementations"]
    assert list(found) == ["mine19:conv", "gather", "scatter"]
    mine, gather, scatter = found.values()
    assert (mine["multiply_adds"], mine["stores"]) == (9, 9)
    assert (gather["multiply_adds"], gather["stores"]) == (9, 1)
    assert scatter["stores"] >= 3
    assert scatter["stores"] / scatter["multiply_adds"] > gather["stores"] / 9
    assert mine["times"] == mca.MISSING
    assert mca.MISSING in out
    assert "mine19:conv: 9 stores" in out
    assert out.count("(* on the critical path)") == 3
    assert "vfmadd" in (folder / "flow.dot").read_text() or not machine.HAS_FMA
    assert "penwidth=3" in (folder / "blocks.dot").read_text()


@pytest.mark.parametrize(
    ("asked", "image", "kernel", "words"),
    [
        ("--shape 256x256 --kernel 5x5", (256, 256), "5x5", {}),
        (
            "--shape 64x80x3 --kernel gaussian:2 --dtype uint8 --boundary wrap",
            (64, 80, 3), "gaussian:2", {"dtype": "uint8", "boundary": "wrap"},
        ),
        ("--shape 1x16x28x28 --kernel 16x16x3x3", (1, 16, 28, 28), "16x16x3x3", {}),
    ],
)  # fmt: skip
def test_the_user_s_convolution_is_read_by_the_method_that_it_goes_by(
    asked: str, image: tuple[int, ...], kernel: str, words: dict[str, Any], folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Cycles of a pass are known where its products are all that there are."""
    own = Own.of(image, kernel, **words)
    f, g = own.arrays()
    method = plan2d(f, g, correlate=own.correlation, threads=1, **own.question).method
    assert cli.main(["asm", *asked.split(), "--force", "--json", "own.json"]) == 0
    found = json.loads((folder / "own.json").read_text())["implementations"]
    assert list(found) == [f"ours, {method}"]
    (row,) = found.values()
    assert row["multiply_adds"] > 0
    assert row["multiply_adds_per_cycle"] > 0
    assert (row["cycles"] is not None) == (method in planned.WHOLE)
    assert f"ours, {method}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("--shape", "9x9", "--kernel", "3x3", "--threads", "2"), "threads is 2: pass none"),
        (("--kernel", "3x3", "--mode", "full"), "mode is full: pass --shape and --kernel"),
        (("--check", "--kernel", "3x3"), "kernel is 3x3: pass none: --check"),
        (("--isa", "avx2", "--groups", "2"), "groups is 2: pass none: --isa"),
        (("--shape", "9x9", "--kernel", "3x3", "--mode", "all"), "mode='all' is unknown"),
        (("--implementation", "fast"), "implementation is 'fast': choose from naive,"),
        (("mine19:nothing",), "has no attribute 'nothing'"),
        (("nowhere19:conv",), "No module named 'nowhere19'"),
        (("mine19:LENGTH",), "is no function"),
        (("mine19:plain",), "does not compile for arrays of float32"),
        (("--graph", "flow.pdf"), "must end with .svg or .png or .dot"),
        (("mine19:conv", "--isa", "avx2"), "implementation is mine19:conv"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(
    arguments: tuple[str, ...], fragment: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = {"--isa", "--graph", "--check", "--mode", "--threads"} & {*arguments}
    beside = () if alone else ("--implementation", "naive")
    first = beside if not any("implementation" in a for a in arguments) else ()
    assert cli.main(["asm", *arguments, *first]) == 2
    captured = capsys.readouterr()
    assert re.fullmatch(r"parconv: .+\n", captured.err)
    assert fragment in captured.err


# --- pictures ------------------------------------------------------------------------------------


def test_blocks_and_jumps_of_a_function() -> None:
    found = blocks(CHAIN, "f")
    assert [(block.label, block.targets, block.falls) for block in found] == [
        (".L1", (".L1",), True),
        ("after line 14", (), False),
    ]
    text = graph.control_flow(CHAIN, innermost_loops(CHAIN)[0], "chain")
    assert "b0 -> b0 [color" in text
    assert "b0 -> b1;" in text


def test_the_data_flow_shows_the_critical_path_in_bold() -> None:
    (loop,) = innermost_loops(CHAIN)
    text = graph.data_flow(loop, (1, 3, 7), 'a "title"')
    assert r"label=\"a" not in text
    assert r'label="a \"title\""' in text
    assert text.count("\n  i") == len(loop.instructions) + len(dataflow.edges(loop))
    bold = [line for line in text.splitlines() if "penwidth" in line and "->" in line]
    assert [re.findall(r"i(\d+)", line)[:2] for line in bold] == [["1", "3"], ["3", "7"]]
    assert re.search(r"i10 -> i0 .*style=dashed", text)


@pytest.mark.usefixtures("folder")
def test_a_picture_without_graphviz(tmp_path: Path) -> None:
    (loop,), target = innermost_loops(CHAIN), tmp_path / "flow.png"
    with target.open("wb") as file:
        told = graph.draw(graph.data_flow(loop, (1, 3), ""), target, file, loop, (1, 3))
    assert told.startswith("matplotlib")
    assert target.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(tools.newest("llvm-mca") is None, reason="llvm-mca is not installed")
def test_the_critical_path_is_that_of_the_real_llvm_mca() -> None:
    """Where dependencies are the limit; ports that are waited for are llvm-mca's to tell."""
    tool, loop = tools.newest("llvm-mca"), innermost_loops(SUMS)[0]
    assert tool is not None
    told = mca.forecast(tool, "haswell", loop)
    found = dataflow.path(loop, CORE)
    assert told is not None
    assert set(told.path) == set(found.numbers) == {1, 2}
    assert told.cycles == pytest.approx(found.carried, rel=0.05)
    times = mca.timeline(tool, "haswell", loop)
    assert times is not None
    assert [one.latency for one in times[1:3]] == [CORE.latency] * 2
    assert all(one.ports for one in times[:3])
    lines = list(timeline.lines(loop, times))
    assert len(lines) == 2 * (len(loop.instructions) + 1)
    assert max(map(len, lines)) <= 80


# Two multiply-adds of one sum beside others that wait for nothing.
SUMS = """
f:
.L1:
	vmovups	(%rdx,%rax,4), %ymm9
	vfmadd231ps	%ymm8, %ymm7, %ymm1
	vfmadd231ps	%ymm9, %ymm7, %ymm1
	vfmadd231ps	%ymm9, %ymm6, %ymm2
	addq	$8, %rax
	cmpq	%rax, %rcx
	jne	.L1
	retq
"""


def test_naive_s_critical_path_goes_through_all_its_multiply_adds() -> None:
    loop = implementations.listed("naive", PIXELS, (5, 5), "float32").loop
    found = dataflow.path(loop, CORE)
    sums = {n for n, one in enumerate(loop.instructions) if one.kind == "fma"}
    if machine.HAS_FMA:
        assert sums <= set(found.numbers)
        assert found.one_pass >= 25 * CORE.latency
    row = compared.Read(
        implementations.listed("naive", PIXELS, (5, 5), "float32"),
        {"llvm-mca": mca.MISSING}, {}, found, 5.0,
    )  # fmt: skip
    assert row.critical == found.numbers
    assert row.times == mca.MISSING


def test_renaming_is_read_from_what_llvm_mca_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    (loop,) = innermost_loops(SUMS)
    monkeypatch.setattr(renaming, "statistics", lambda *_: TOLD)
    told = renaming.found(tools.Model("llvm-mca", "znver3", "a test's"), loop)
    assert isinstance(told, renaming.Renaming)
    assert told.names == 4  # ymm9, ymm1, ymm2, rax
    every, vectors = told.files
    assert (every.size, every.renamed, every.most) == (None, 4, 205)
    assert (vectors.name, vectors.size, vectors.renamed, vectors.most) == ("Zn3FpPRF", 160, 1, 52)
    assert vectors.eliminated == 0.5
    assert {name: share for name, share in told.waits.items() if share} == {"the scheduler": 90.2}
    lines = list(renaming.lines(told))
    assert lines[2] == "  Zn3FpPRF: 52 of 160 at most; 0.5 moves a pass cost nothing"
    assert lines[-1].endswith("the scheduler 90.2 % of the cycles")
    assert max(map(len, lines)) <= 80


def test_no_renaming_where_no_model_fits() -> None:
    (loop,) = innermost_loops(SUMS)
    assert renaming.found("no model", loop) == "no model"
    assert timeline.told("no model", loop) == ["no model"]
    assert renaming.to_json("no model", loop) == "no model"


@pytest.mark.skipif(tools.newest("llvm-mca") is None, reason="llvm-mca is not installed")
def test_the_real_llvm_mca_tells_of_renaming() -> None:
    """A chain of additions lets registers run out, or the scheduler; moves cost nothing."""
    tool, (loop,) = tools.newest("llvm-mca"), innermost_loops(SUMS)
    assert tool is not None
    model = tools.Model(tool, "znver3", "a test's")
    told = renaming.found(model, loop)
    assert isinstance(told, renaming.Renaming)
    every, *files = told.files
    assert every.renamed >= told.names == 4
    assert all(one.size is not None and one.most <= one.size for one in files)
    assert any(told.waits.values())
    assert set(renaming.lines(told)) < set(timeline.told(model, loop))


TOLD = """
Dynamic Dispatch Stall Cycles:
RAT     - Register unavailable:                      0
RCU     - Retire tokens unavailable:                 0
SCHEDQ  - Scheduler full:                            1453  (90.2%)
LQ      - Load queue full:                           0

Register File statistics:
Total number of mappings created:    1600
Max number of mappings used:         205

*  Register File #1 -- Zn3FpPRF:
   Number of physical registers:     160
   Total number of mappings created: 400
   Max number of mappings used:      52
   Number of moves eliminated:       200  (50.0%)
"""
