"""Distrusts the compiler: the innermost loop is multiply-adds and spills no vector register.

Reads the machine code of the compiled kernels; times nothing.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import RunPython

from parconv import machine
from parconv.methods.direct import tile

DUMP = """
    import json
    import numpy as np
    from parconv.methods import direct
    code = {}
    for name in ("float32", "float64"):
        kind = np.dtype(name)
        code[name], = direct.kernels(kind, kind, kind).serial.inspect_asm().values()
    print(json.dumps(code))
"""

pytestmark = pytest.mark.skipif(
    not (machine.IS_X86 and machine.HAS_FMA), reason="reads x86 code with FMA"
)

LABEL = re.compile(r"^(\.?\w+):")
JUMP = re.compile(r"^\s+j\w+\s+(\.?\w+)$")
INSTRUCTION = re.compile(r"^\s+([a-z]\w*)\s*(.*)$")
VECTOR = re.compile(r"%[xyz]mm")


class Loop(NamedTuple):
    """An innermost loop: its instructions, and the registers that point into the stack."""

    instructions: list[str]
    stack: tuple[str, ...] = ("%rsp",)

    @property
    def fused(self) -> int:
        return sum(line.lstrip().startswith("vfmadd") for line in self.instructions)

    @property
    def spills(self) -> list[str]:
        """Instructions that move vectors to or from the stack."""
        places = tuple(f"({register}" for register in self.stack)
        return [
            line
            for line in self.instructions
            if VECTOR.search(line) and any(place in line for place in places)
        ]


def innermost_loops(code: str) -> list[Loop]:
    """Runs of instructions from a label to a jump back to it, with no other such run inside."""
    lines = [line.split("#")[0].rstrip() for line in code.splitlines()]
    lines = [line for line in lines if LABEL.match(line) or INSTRUCTION.match(line)]
    at = {match[1]: index for index, line in enumerate(lines) if (match := LABEL.match(line))}
    loops, reached, stack = [], -1, ("%rsp",)
    for index, line in enumerate(lines):
        if LABEL.match(line) and not line.startswith(".L"):
            stack = ("%rsp",)  # a new function
        if line.split() == ["movq", "%rsp,", "%rbp"]:
            stack = ("%rsp", "%rbp")
        jump = JUMP.match(line)
        start = at.get(jump[1], index) if jump else index
        if jump and reached < start < index:
            body = [text for text in lines[start : index + 1] if INSTRUCTION.match(text)]
            loops.append(Loop(body, stack))
            reached = start
    return loops


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"directory": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture
def code(compiled: dict[str, str], run_python: RunPython) -> dict[str, str]:
    """Machine code of the kernels, compiled anew once."""
    if "float32" not in compiled:
        env = {"NUMBA_CACHE_DIR": compiled["directory"]}
        compiled.update(json.loads(run_python(DUMP, env=env).stdout))
    return compiled


def test_loops_are_found() -> None:
    code = """
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
c:
.L4:
    vfmadd231ps 8(%rbp), %zmm1, %zmm2
    jmp .L4
"""
    inner, spilled, last = innermost_loops(code)
    assert (inner.fused, inner.spills, len(inner.instructions)) == (1, [], 3)
    assert (spilled.fused, len(spilled.spills)) == (0, 2)
    assert (last.fused, last.spills) == (1, [])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_tile_is_multiply_adds(dtype: str, code: dict[str, str]) -> None:
    loops = innermost_loops(code[dtype])
    biggest = max(loops, key=lambda loop: loop.fused)
    full = tile.ROWS * tile.VECTORS * tile.GROUP
    assert biggest.fused >= full, "the loop over filter columns of a whole group is unrolled"
    assert not biggest.spills, biggest.spills
    share = biggest.fused / len(biggest.instructions)
    assert share >= 0.6, f"{biggest.fused} of {len(biggest.instructions)} instructions"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_group_size_is_free_of_spills(dtype: str, code: dict[str, str]) -> None:
    whole = tile.ROWS * tile.VECTORS
    loops = [loop for loop in innermost_loops(code[dtype]) if loop.fused >= whole]
    assert len({loop.fused for loop in loops}) >= tile.GROUP
    for loop in loops:
        assert not loop.spills, f"{loop.fused} multiply-adds: {loop.spills}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_vectors_are_as_wide_as_the_machine_allows(dtype: str, code: dict[str, str]) -> None:
    register = {64: "%zmm", 32: "%ymm", 16: "%xmm"}[machine.VECTOR_BYTES]
    biggest = max(innermost_loops(code[dtype]), key=lambda loop: loop.fused)
    fused = [line for line in biggest.instructions if "vfmadd" in line]
    assert all(register in line for line in fused)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_streamed_stores_are_whole_vectors(dtype: str, code: dict[str, str]) -> None:
    """LLVM splits a non-temporal store whose alignment it does not know."""
    stores = re.findall(r"\bv?movnt\w+\s+(%\w+)", code[dtype])
    register = {64: "%zmm", 32: "%ymm", 16: "%xmm"}[machine.VECTOR_BYTES]
    assert len(stores) >= tile.ROWS * tile.VECTORS
    assert all(store.startswith(register) for store in stores)
    assert "sfence" in code[dtype]


def test_cache_is_used(code: dict[str, str]) -> None:
    assert any(Path(code["directory"]).rglob("*.nbc"))
