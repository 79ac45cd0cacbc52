"""Distrusts the compiler: the innermost loop is multiply-adds and spills no vector register.

Reads the machine code of the compiled kernels; times nothing.
"""

import re
from pathlib import Path

import pytest
from conftest import RunPython, soak

from parconv.codegen import machine
from parconv.experiments.asm.isa import FMA
from parconv.experiments.asm.kernels import listing, square_loop
from parconv.experiments.asm.listing import hottest, innermost_loops
from parconv.methods.direct import rolling, tile

pytestmark = pytest.mark.skipif(
    not (machine.IS_X86 and machine.HAS_FMA), reason="reads x86 code with FMA"
)

FMA_SHARE = 0.6  # of all instructions of the biggest loop: 0.75 with AVX-512
WHOLE = tile.ROWS * tile.VECTORS


@pytest.fixture(params=["float32", *soak("float64")])
def code(request: pytest.FixtureRequest) -> str:
    """Machine code of a kernel, compiled anew once in a process."""
    return listing(request.param)


def check_tile(code: str) -> None:
    biggest = hottest([loop for loop in innermost_loops(code) if "tile" in loop.function])
    assert biggest.fused >= WHOLE * tile.GROUP, "a whole group's loop over columns is unrolled"
    assert not biggest.spills, biggest.spills
    told = f"{biggest.fused} of {len(biggest.instructions)} instructions"
    assert biggest.share >= FMA_SHARE, told


def test_the_tile_is_multiply_adds(code: str) -> None:
    check_tile(code)


@pytest.mark.skipif(not rolling.SIDE, reason="too few registers for nine weights")
def test_the_rolling_tile_keeps_its_weights_and_sums_in_registers(code: str) -> None:
    rows, wide = rolling.SHAPES[0]
    loop = square_loop(code, 3)
    assert loop.fused == rows * wide * rolling.SIDE**2
    assert not loop.spills, loop.spills


def test_every_group_size_is_free_of_spills(code: str) -> None:
    loops = [loop for loop in innermost_loops(code) if loop.fused >= WHOLE]
    assert len({loop.fused for loop in loops}) >= tile.GROUP
    for loop in loops:
        assert not loop.spills, f"{loop.fused} multiply-adds: {loop.spills}"


def test_vectors_are_as_wide_as_the_machine_allows(code: str) -> None:
    register = {64: "%zmm", 32: "%ymm", 16: "%xmm"}[machine.VECTOR_BYTES]
    biggest = hottest(innermost_loops(code))
    fused = [i.text for i in biggest.instructions if i.kind == FMA]
    assert all(register in line for line in fused)
    assert biggest.bits == 8 * machine.VECTOR_BYTES


def test_streamed_stores_are_whole_vectors(code: str) -> None:
    """LLVM splits a non-temporal store whose alignment it does not know."""
    stores = re.findall(r"\bv?movnt\w+\s+(%\w+)", code)
    register = {64: "%zmm", 32: "%ymm", 16: "%xmm"}[machine.VECTOR_BYTES]
    assert len(stores) >= WHOLE
    assert all(store.startswith(register) for store in stores)
    assert "sfence" in code


KEPT = """
    import sys
    import numpy as np
    from parconv.methods import direct
    kind = np.dtype(sys.argv[1])
    code, = direct.kernels(kind, kind, kind).compiled.inspect_asm().values()
    print(code)
"""


@pytest.mark.soak
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_code_that_is_kept_has_the_same_tile(
    dtype: str, run_python: RunPython, tmp_path: Path
) -> None:
    """It is compiled for calls, not to be read."""
    check_tile(run_python(KEPT, dtype, env={"NUMBA_CACHE_DIR": str(tmp_path)}).stdout)
    assert any(tmp_path.rglob("*.kernel"))
