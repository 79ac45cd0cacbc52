"""Distrusts the reading of machine code: listings, models, what is said where a tool is missing.

Listings and reports are recorded, or made for another processor; no speed is asserted.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

import parconv
from parconv import cli
from parconv.codegen import machine
from parconv.codegen.emitted import define_once
from parconv.codegen.simd import I64
from parconv.experiments import ceilings, steadiness
from parconv.experiments.asm import (
    clock,
    counter,
    dataflow,
    kernels,
    mca,
    measure,
    osaca,
    pages,
    ports,
    study,
    theory,
    tools,
)
from parconv.experiments.asm.cpus import DEFAULT, Core, core_of
from parconv.experiments.asm.isa import ARM, X86, decode
from parconv.experiments.asm.listing import Loop, hottest, innermost_loops, straight_runs
from parconv.experiments.perf import stat
from parconv.experiments.perf.events import Reading
from parconv.methods.direct import rolling, rows, tile
from parconv.runtime.ceilings import Ceilings

# Two taps of a 2 x 1 tile as LLVM writes them, inside a loop that is not innermost.
LISTING = """
tile.float:
	pushq	%rbp
.LBB1_1:
	movq	8(%rsp), %rdi
.LBB1_2:
	vbroadcastss	(%r8), %zmm24
	vmovups	(%rsi,%rcx,4), %zmm26
	vmovups	64(%rsp), %zmm27 # 64-byte Reload
	vfmadd231ps	64(%rsi), %zmm24, %zmm0
	vfmadd231ps	%zmm24, %zmm26, %zmm1
	vfmadd231ps	%zmm26, %zmm27, %zmm0
	vaddps	%zmm1, %zmm2, %zmm2
	valignd	$1, %zmm26, %zmm27, %zmm3
	vmovups	%zmm3, (%rdx)
	addq	$8, %r8
	movq	(%r10,%r11,8), %rsi
	incq	%r11
	cmpq	%r11, %rax
	jne	.LBB1_2
	jl	.LBB1_1
	ja	.LBB1_9
	retq
"""

NESTED = """
a:
    movq %rax, %rbx
.L1:
    vmovups 8(%rsp), %zmm0  # reload
.L2:
    vfmadd231ps %zmm0, %zmm1, %zmm2
    vmovups (%rbp), %zmm3
    jne .L2
    jl .L1
    ret
b:
    movq %rsp, %rbp
.L3:
    vmovups %zmm0, (%rsp)
    vmovups %zmm0, 64(%rbp,%rax)
    jmp .L3
c.with.dots:
.L4:
    vfmadd231ps 8(%rbp), %zmm1, %zmm2
    jmp .L4
"""

MCA_REPORT = """
Iterations:        400
Instructions:      67600
Total Cycles:      25223
Total uOps:        85200

Dispatch Width:    6
uOps Per Cycle:    3.38
IPC:               2.68
Block RThroughput: 63.0

Cycles with backend pressure increase [ 98.25% ]
Throughput Bottlenecks:
  Resource Pressure       [ 98.24% ]
  - SKXPort0  [ 98.21% ]
  - SKXPort1  [ 31.65% ]
  Data Dependencies:      [ 7.93% ]
  - Register Dependencies [ 7.93% ]
  - Memory Dependencies   [ 0.00% ]

Critical sequence based on the simulation:

              Instruction                      Dependency Information
 +----< 8.    vmovups	(%rsi,%rcx,8), %zmm29
 |
 |      0.    vbroadcastss	(%r8), %zmm24
 +----> 7.    vbroadcastss	16(%r8), %zmm20  ## RESOURCE interference:  SKXPort1 [ 99% ]
 +----> 9.    vmovups	(%rsi,%rdi), %zmm28       ## REGISTER dependency:  %zmm28
"""

OSACA_REPORT = """
     |  0   - 0DV  |  1   - 1DV  |  2   |  5   ||  CP  | LCD  |
   2 |             | 0.50        | 0.50 |      ||  5.0 |      |   vbroadcastss (%r8), %zmm24
       63.0          7.09          22.0   63.0     33   28.0

Loop-Carried Dependencies Analysis Report
  15 | 28.0 | vfmadd231ps	64(%rsi), %zmm24, %zmm16| [15, 23]
"""


@pytest.fixture
def loop() -> Loop:
    (found,) = innermost_loops(LISTING)
    return found


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Reports of tools are not remembered from one test to the next."""
    for cached in (mca._simulate, osaca._analyse):
        cached.cache_clear()
    yield
    for cached in (mca._simulate, osaca._analyse):
        cached.cache_clear()


# --- listings ------------------------------------------------------------------------------------


def test_loops_and_spills_are_found() -> None:
    inner, spilled, last = innermost_loops(NESTED)
    assert (inner.fused, inner.spills, len(inner.instructions)) == (1, [], 3)
    assert (spilled.fused, len(spilled.spills)) == (0, 2)
    assert (last.fused, last.spills, last.function) == (1, [], "c.with.dots")


def test_instructions_are_counted(loop: Loop) -> None:
    assert loop.function == "tile.float"
    assert len(loop.instructions) == 14
    assert (loop.fused, loop.loads, loop.folded, loop.stores) == (3, 3, 1, 1)
    assert (loop.scalars, loop.scalar_loads) == (5, 2)  # the broadcast and the next offset are read
    assert loop.spills == ["vmovups\t64(%rsp), %zmm27"]
    assert loop.bits == 512
    assert loop.flops(4) == 16 * (2 * 3 + 1)
    assert loop.flops(8) == 8 * (2 * 3 + 1)
    assert loop.share == 3 / 14


def test_every_line_is_told_its_class(loop: Loop) -> None:
    assert [i.label for i in loop.instructions] == [
        "broadcast", "load", "spill", "fma+load", "fma", "fma", "add", "shuffle", "store",
        *["scalar"] * 4, "jump",
    ]  # fmt: skip


def test_the_chain_is_that_of_one_accumulator(loop: Loop) -> None:
    """zmm0 receives two multiply-adds a pass."""
    assert dataflow.path(loop, core_of("skylake-avx512")) == dataflow.Path(15, 8, (3, 5))


def test_an_assembler_can_read_the_loop_back(loop: Loop) -> None:
    text = loop.text()
    assert text.splitlines()[-1] == "\tjne\t.Lhot"
    (again,) = innermost_loops("f:\n" + text)
    assert again.instructions[:-1] == loop.instructions[:-1]


def test_straight_runs_end_at_labels_and_jumps() -> None:
    runs = [run for run in straight_runs(LISTING) if run.fused]
    assert [len(run.instructions) for run in runs] == [14]


@pytest.mark.parametrize(
    ("line", "label", "target"),
    [
        ("\tfmla\tv4.4s, v8.4s, v31.s[0]", "fma", "4"),
        ("\tusdot\tv4.4s, v8.16b, v31.4b[0]", "fma", "4"),
        ("\tsmlal2\tv5.4s, v8.8h, v31.8h", "fma", "5"),
        ("\tldp\tq26, q27, [x7]", "load", None),
        ("\tld1r\t{ v31.4s }, [x19], #4", "broadcast", None),
        ("\tstr\tq0, [sp, #16]", "spill", None),
        ("\text\tv0.16b, v1.16b, v2.16b, #4", "shuffle", None),
        ("\tadd\tx18, x18, #1", "scalar", None),
        ("\tb.lt\t.LBB0_25", "jump", None),
    ],
)
def test_arm_instructions(line: str, label: str, target: str | None) -> None:
    found = decode(line, ARM, ARM.stack[:1])
    assert (found.label, found.target) == (label, target)


def test_loads_of_two_vectors_count_twice() -> None:
    assert decode("\tldp\tq26, q27, [x7]", ARM, ()).loads == 2
    assert decode("\tvmulps\t(%rax), %ymm1, %ymm2", X86, ()).loads == 1


@pytest.fixture
def _as_on_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors and tile of an ARM processor, whatever this one is."""
    shape = dict(zip(("ROWS", "VECTORS", "GROUP", "FLAT"), tile.SHAPES[32], strict=True))
    for name, value in {**shape, "TALL": shape["ROWS"] * shape["VECTORS"]}.items():
        for module in (tile, rows):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(machine, "VECTOR_BYTES", 16)
    monkeypatch.setattr(machine, "HAS_FMA", True)
    monkeypatch.setattr(machine, "TUNED_FOR", "neoverse-n1")


@pytest.mark.usefixtures("_as_on_arm")
@pytest.mark.parametrize("triple", ["aarch64-linux-gnu", "arm64-apple-macos"])
def test_the_tile_of_an_arm_processor(triple: str) -> None:
    """The same generator, compiled for a processor that is not here: read, and free of spills."""
    loops = innermost_loops(_arm_tile(triple))
    whole = tile.ROWS * tile.VECTORS
    assert {size * whole for size in range(2, tile.GROUP + 1)} <= {loop.fused for loop in loops}
    hot = hottest(loops)
    assert (hot.fused, hot.bits, hot.spills) == (tile.GROUP * whole, 128, [])
    assert hot.loads == (tile.ROWS + tile.GROUP - 1) * tile.VECTORS
    assert dataflow.path(hot, DEFAULT).carried == 4 * tile.GROUP
    first = r"\tfmla(\.4s)?\tv\d+(\.4s)?, v14(\.4s)?, v15"
    assert re.match(first, tools.probe(hot))


@pytest.mark.usefixtures("_as_on_arm")
@pytest.mark.parametrize("cpu", ["neoverse-v1", "cortex-x4", "ampere1"])
def test_no_arm_processor_makes_the_tile_spill(cpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ordered by their own timing, the hot loop keeps 31 to 46 vectors on the stack."""
    loops = innermost_loops(_arm_tile("aarch64-linux-gnu", cpu))
    assert len(loops) >= tile.GROUP
    assert {f"{loop.fused}": loop.spills for loop in loops if loop.spills} == {}
    monkeypatch.setattr(machine, "TUNED_FOR", None)
    assert hottest(innermost_loops(_arm_tile("aarch64-linux-gnu", cpu))).spills


def _arm_tile(triple: str, cpu: str = "") -> str:
    module, element, number = ir.Module(), ir.FloatType().as_pointer(), I64.as_pointer()
    module.triple = triple
    kinds = [I64, I64, element, I64, I64, element, number, element, I64, I64]
    kinds += [ir.IntType(8).as_pointer(), *[I64] * 4]
    define_once(module, "tile", kinds, rows._emit_rows).linkage = ""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=3)
    except RuntimeError as error:
        pytest.skip(f"this llvmlite cannot compile for ARM: {error}")
    parsed = llvm.parse_assembly(str(module))
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(parsed, builder)
    return str(target.emit_assembly(parsed))


# --- models --------------------------------------------------------------------------------------


def test_ports_find_the_slowest_unit(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "VECTOR_BYTES", 64)
    core = Core(("test",), 4, 2, 1, 1, 4, 64, 32, 1536)
    found = ports.forecast(loop, core, 4, fma=2)
    assert found.units == {
        "multiply-adds": 4 / 2,
        "loads": (3 * (1 + 15 / 16) + 2) / 2,
        "stores": 1,
        "shuffles": 1,
        "instructions": 14 / 4,
        "latency": 8,
    }
    assert (found.cycles, found.limit) == (8, "latency")
    assert ports.forecast(loop, core, 4, fma=0.25).limit == "multiply-adds"


def test_unknown_processors_have_usual_rates() -> None:
    assert core_of("z80") is DEFAULT
    assert core_of("skylake-avx512").second == 1536
    assert core_of("znver4").loads == 1


def test_maximum_of_a_whole_number_of_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, for 512-bit vectors and tiles of 6 x 3 of them."""
    monkeypatch.setattr(machine, "VECTOR_BYTES", 64)
    monkeypatch.setattr(theory, "ROWS", 6)
    monkeypatch.setattr(theory, "VECTORS", 3)
    monkeypatch.setattr(tile, "GROUP", 7)
    core = Core(("test",), 4, 2, 1, 1, 4, 64, 32, 1536)
    found = theory.bounds(52, (5, 5), 4, core, 2, 10)  # 48 x 48 outputs: 8 strips of one tile
    assert found == {
        "multiply-adds": 48 * 48 * 25 / 16 / 2,
        "whole tiles": 48 * 48 * 25 / 16 / 2,
        "loads": 8 * (3 * 10 * 5 * (1 + 15 / 16) + 25) / 2,
        "stores": 48 * 3,
        "registers": 8 * 25 * 4,
    }
    big = theory.bounds(4100, (5, 5), 4, core, 2, 10)
    assert big["memory"] == (4100**2 + 4096**2) * 4 / 10
    small = theory.bounds(28, (5, 5), 4, core, 2, 10)  # 24 columns: two single vectors
    assert small["registers"] == 4 * 2 * 25 * 4 > small["whole tiles"] == 24 * 2 * 25 / 2


def test_maximum_names_its_bound() -> None:
    row = theory.Maximum(28, {"loads": 300.0, "stores": 10.0}, 0.1, 400.0)
    assert (row.bound, row.limit, row.percent) == (300, "loads", 75)


PAGE = 4096


def sweep(height: int, width: int, pitch: int) -> pages.Sweep:
    """Tiles of 6 rows x 192 bytes under 5 filter rows."""
    return pages.Sweep(height, width, 6, 5, 192, pitch, pitch)


def test_pages_of_rows_a_page_apart() -> None:
    """10 image rows and 6 output rows, each 4 pages long; the band reads 16 rows and writes 12."""
    found = sweep(12, 4 * PAGE, 4 * PAGE)
    assert found.in_flight(PAGE) == 10 + 6
    assert found.strip(PAGE) == 4 * (10 + 6)
    assert found.touched(PAGE) == 4 * (16 + 12)
    assert (found.strips, found.tiles) == (2, -(-4 * PAGE // 192))
    assert found.touched(pages.LARGE) == 2


def test_misses_depend_on_what_the_buffer_keeps() -> None:
    found = sweep(12, 4 * PAGE, 4 * PAGE)
    assert found.misses(PAGE, 64) == 112  # a strip stays: each page once
    assert found.misses(PAGE, 63) == 2 * 64  # a tile stays: each strip anew
    assert found.misses(PAGE, 15) == 2 * 86 * 16  # nothing stays


def test_packing_reads_each_block_once() -> None:
    found = sweep(12, 4 * PAGE, 4 * PAGE)
    # two panels of a block of 12 rows: 16 image rows + 12 output rows, 2 pages each, 32 of scratch
    assert found.packed_misses(PAGE, 88, 12, 2 * PAGE) == 2 * (16 + 12) * 2 + 32
    assert found.packed_misses(PAGE, 87, 12, 2 * PAGE) == 2 * (16 + 12) * 2 + 2 * 32
    assert found.packed_misses(PAGE, 4096, 60, 2 * PAGE) == 112 + 32


def test_short_rows_share_pages() -> None:
    found = sweep(24, 96, 112)  # a 28 x 28 image of float32
    assert found.touched(PAGE) == 1 + 1
    assert found.misses(PAGE, 64) == 2


# --- tools ---------------------------------------------------------------------------------------


def test_newest_version_of_a_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("llvm-mca-9", "llvm-mca-14", "llvm-mca-14.1", "llvm-mca-extra"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Path(tools.newest("llvm-mca") or "").name == "llvm-mca-14"
    assert tools.newest("osaca") is None


RATES = {"own": 1.0, "stand": 2.0}


@pytest.mark.parametrize(
    ("measured", "processor", "reason"),
    [
        (1.1, "own", "this processor's own model"),
        (1.97, "stand", "a stand-in: own does 1 multiply-adds a cycle, measured 1.97"),
    ],
)
def test_a_model_must_do_the_measured_multiply_adds(
    measured: float, processor: str, reason: str
) -> None:
    model = tools.choose("/bin/tool", "own", ("none", "stand"), RATES.get, measured)
    assert isinstance(model, tools.Model)
    assert (model.processor, model.reason) == (processor, reason)
    assert str(model).startswith(f"tool for {processor} (")


def test_no_model_fits() -> None:
    told = tools.choose("tool", "own", ("none",), RATES.get, 4.0)
    assert told == (
        "no model does the 4.00 multiply-adds a cycle measured here: own does 1 multiply-adds a "
        "cycle, none has no model"
    )


def test_arithmetic_alone(loop: Loop) -> None:
    """Of registers, each result in another: nothing waits, nothing is loaded."""
    lines = tools.alone(loop).splitlines()
    found = [decode(line, X86, ()) for line in lines]
    assert [i.target for i in found] == ["0", "1", "2", "3"]
    assert sum(i.loads for i in found) == 0
    lane = "\tfmla\tv4.4s, v8.4s, v31.s[0]"
    assert tools.alone(Loop((decode(lane, ARM, ()),))) == "\tfmla\tv0.4s, v14.4s, v15.s[0]\n"


@pytest.mark.usefixtures("forgetful")
def test_mca_report_is_read(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mca, "run", lambda command, text: MCA_REPORT)
    found = mca.forecast("llvm-mca", "skylake-avx512", loop)
    assert found == tools.Forecast(
        25223 / 400,
        2.68,
        "ports 98 %, dependencies 8 % (SKXPort0)",
        "2 instructions wait: 1 for a register, 1 for a port",
        (7, 9),
    )
    assert mca.rate("llvm-mca", "cpu", loop) == tools.PROBE_LINES / 63
    monkeypatch.setattr(mca, "run", lambda command, text: None)
    assert mca.forecast("llvm-mca", "unknown", loop) is None


@pytest.mark.usefixtures("forgetful")
def test_osaca_report_is_read(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osaca, "run", lambda command, text: OSACA_REPORT)
    found = osaca.forecast("osaca", "ICX", loop)
    assert found == tools.Forecast(
        63, 14 / 63, "ports", "28 cycles carried by the loop, 33 through one pass"
    )
    monkeypatch.setattr(osaca, "run", lambda command, text: "no table")
    assert osaca.forecast("osaca", "ZEN4", loop) is None


def test_probe_is_independent_multiply_adds(loop: Loop) -> None:
    lines = tools.probe(loop).splitlines()
    assert lines[3] == "\tvfmadd231ps\t%zmm14, %zmm15, %zmm3"
    assert len(set(lines)) == tools.PROBE_LINES


@pytest.mark.skipif(tools.newest("llvm-mca") is None, reason="llvm-mca is not installed")
def test_the_real_llvm_mca_agrees_with_counting() -> None:
    tool, (loop,) = tools.newest("llvm-mca"), innermost_loops(LISTING)
    assert tool is not None
    assert mca.rate(tool, "skylake-avx512", loop) == 2
    assert mca.rate(tool, "no-such-processor", loop) is None
    found = mca.forecast(tool, "skylake-avx512", loop)
    assert found is not None
    assert found.cycles >= 8  # two multiply-adds of zmm0, one after the other


def test_perf_counts_are_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"0": 1000.0, str(counter.CALLS): 41000.0}
    known = stat.Counters({counter.USER: "walks"}, {})
    monkeypatch.setattr(stat, "probe", lambda events: known)

    def count(counters: Any, names: Any, command: Any, controlled: bool) -> dict[str, Reading]:
        return {counter.USER: Reading("walks", counts[command(None)[-1]], 100.0)}

    monkeypatch.setattr(stat, "count", count)
    assert counter.walks(64, (5, 5), "float32") == 40000 / counter.CALLS


def test_the_counted_script_runs() -> None:
    arguments = ["20", "3", "3", "float32", "1"]
    command = [sys.executable, "-c", counter.SCRIPT, *arguments]
    root = str(Path(cli.__file__).parents[2])
    assert subprocess.run(command, cwd=root, check=False, timeout=120).returncode == 0


# --- kernels and the command ---------------------------------------------------------------------


def test_which_loops_a_filter_runs() -> None:
    group, flat = tile.GROUP, tile.FLAT
    assert kernels.pass_of(group, 9).groups == (group,)
    assert sum(kernels.pass_of(2 * group + 1, 3).groups) == 2 * group + 1
    wide = kernels.pass_of(1, flat + 1)
    assert wide.flat
    assert wide.taps == (1, -(-(flat + 1) // 2))
    assert (wide.passes, wide.more, wide.longer) == (1, 3, (1, 4 * wide.taps[1]))
    tall = kernels.pass_of(3, 4)
    assert (tall.passes, tall.longer) == (4, (3, 4 + tall.more))


@pytest.mark.parametrize(
    ("g", "name"),
    [
        (np.arange(9.0).reshape(3, 3), "rolling" if rolling.SIDE else "tile"),
        (np.arange(25.0).reshape(5, 5), "tile"),
        (parconv.filters.SOBEL, "differences"),
        (np.ones((1, 5)) + np.arange(5), "lines"),
        (np.arange(20.0)[None], "tile"),
    ],
    ids=["3x3", "5x5", "sobel", "1x5", "1x20"],
)
def test_the_loop_is_of_the_tile_that_runs(g: Any, name: str) -> None:
    f = np.zeros((40, 300), np.float32)
    plan = parconv.plan2d(f, g.astype("f4"), threads=1, method="direct")
    loop = kernels.loop_of_problem(kernels.listing("float32"), plan.problem)
    assert loop.function.split(".")[1] == name
    assert loop.fused > 0


def test_a_dtype_without_multiply_adds_is_refused() -> None:
    with pytest.raises(ValueError, match="dtype is 'int32', summed in int64"):
        kernels.kernel_dtype_of("int32")
    assert kernels.kernel_dtype_of("complex64") == "float32"


QUICK = Ceilings(1, 256.0, 128.0, 40.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No long measurement; an empty folder to be in and to look for tools in."""
    monkeypatch.setattr(ceilings, "measure", lambda threads: QUICK)
    monkeypatch.setattr(steadiness, "spread", lambda threads: 0.01)
    monkeypatch.setattr(steadiness, "PAUSE", 0.0)
    monkeypatch.setattr(clock, "STEPS", 500)
    monkeypatch.setattr(measure, "ROUNDS", 2)
    monkeypatch.setattr(theory, "ROUNDS", 1)
    monkeypatch.setattr(theory, "SIDES", (28, 516))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_tools_each_line_says_what_is_missing(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(quick))
    status = cli.main(["asm", "--kernel", "2x3", "--source", "--json", "asm.json"])
    out = capsys.readouterr().out
    assert status == 0, out
    uncounted = counter.walks(28, (5, 5), "float32")
    assert isinstance(uncounted, str)
    for line in (mca.MISSING, osaca.MISSING, uncounted):
        assert f"{line}." in out
    assert "port model" in out
    assert "measured" in out
    found = json.loads((quick / "asm.json").read_text())
    (loop,) = found["loops"]
    assert len(re.findall(r"^ +\d+   \w", out, re.MULTILINE)) == loop["instructions"]
    assert loop["multiply_adds"] == 2 * tile.ROWS * tile.VECTORS
    assert loop["spills"] == 0
    assert loop["vector_bits"] == 8 * machine.VECTOR_BYTES
    assert [row["source"] for row in found["predictions"]] == ["port model"]
    assert found["measured"]["cycles"]["median"] != 0
    assert found["models"] == {"llvm-mca": mca.MISSING, "OSACA": osaca.MISSING}
    assert (found["dtlb_load_misses"], found["dtlb_note"]) == (None, uncounted)
    assert [row["side"] for row in found["maxima"]] == [28, 516]
    assert {path.name for path in quick.iterdir()} == {"asm.json"}


def test_a_busy_machine_is_refused(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rate of multiply-adds would decide every forecast."""
    monkeypatch.setattr(steadiness, "spread", lambda threads: 0.9)
    monkeypatch.setenv("PATH", str(quick))
    assert cli.main(["asm", "--kernel", "2x3", "--json", "asm.json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "differ by 90 %, 25 % at most are believed" in captured.err
    assert not list(quick.iterdir())
    assert cli.main(["asm", "--kernel", "2x3", "--json", "asm.json", "--force"]) == 0
    assert "by force: times of the same work differ by 90 %" in capsys.readouterr().out
    assert json.loads((quick / "asm.json").read_text())["spread"] == 0.9


def test_a_filter_of_unlike_groups_adds_their_loops(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(quick))
    found = study.study("float32", (2 * tile.GROUP - 1, 3))
    sizes = [part.size for part in found.loops]
    assert sorted(sizes) == [tile.GROUP - 1, tile.GROUP]
    own, *_ = found.predictions
    assert own.cycles == sum(part.forecasts[ports.NAME].cycles for part in found.loops)
    assert own.error(own.cycles / 1.1) == pytest.approx(10)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("--kernel", "7"), "kernel is '7'"),
        (("--kernel", "7x7x7"), "kernel is '7x7x7'"),
        (("--dtype", "int32"), "dtype is 'int32'"),
        (("--dtype", "float31"), "float31"),
        (("--json", "nowhere/asm.json"), "no directory nowhere"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(
    arguments: tuple[str, ...], fragment: str, quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["asm", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"parconv: .+\n", captured.err)
    assert fragment in captured.err
    assert not list(quick.iterdir())


@pytest.mark.skipif(tools.newest("llvm-mca") is None, reason="llvm-mca is not installed")
def test_a_processor_llvm_mca_does_not_know(
    quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["asm", "--cpu", "z80"]) == 2
    assert "cpu is 'z80': llvm-mca has no model of it" in capsys.readouterr().err
