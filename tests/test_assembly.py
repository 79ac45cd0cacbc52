"""Distrusts the compiler: the innermost loop is multiply-adds and spills no vector register.

Reads the machine code of the compiled kernels; times nothing.
"""

import re
from pathlib import Path

import pytest
from conftest import RunPython, soak

from parconv.codegen import machine
from parconv.experiments.asm.isa import FMA
from parconv.experiments.asm.listing import hottest, innermost_loops
from parconv.methods.direct import tile

DUMP = """
    import sys
    import numpy as np
    from parconv.methods import direct
    kind = np.dtype(sys.argv[1])
    code, = direct.kernels(kind, kind, kind).compiled.inspect_asm().values()
    print(code)
"""

pytestmark = pytest.mark.skipif(
    not (machine.IS_X86 and machine.HAS_FMA), reason="reads x86 code with FMA"
)

FMA_SHARE = 0.6  # of all instructions of the biggest loop: 0.75 with AVX-512


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"directory": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture
def code(
    request: pytest.FixtureRequest, compiled: dict[str, str], run_python: RunPython
) -> dict[str, str]:
    """Machine code of the kernels, each compiled anew once."""
    name = request.node.callspec.params["dtype"]
    if name not in compiled:
        compiled[name] = run_python(
            DUMP, name, env={"NUMBA_CACHE_DIR": compiled["directory"]}
        ).stdout
    return compiled


DTYPES = pytest.mark.parametrize("dtype", ["float32", *soak("float64")])


@DTYPES
def test_the_tile_is_multiply_adds(dtype: str, code: dict[str, str]) -> None:
    loops = innermost_loops(code[dtype])
    biggest = hottest(loops)
    full = tile.ROWS * tile.VECTORS * tile.GROUP
    assert biggest.fused >= full, "the loop over filter columns of a whole group is unrolled"
    assert not biggest.spills, biggest.spills
    told = f"{biggest.fused} of {len(biggest.instructions)} instructions"
    assert biggest.share >= FMA_SHARE, told


@DTYPES
def test_every_group_size_is_free_of_spills(dtype: str, code: dict[str, str]) -> None:
    whole = tile.ROWS * tile.VECTORS
    loops = [loop for loop in innermost_loops(code[dtype]) if loop.fused >= whole]
    assert len({loop.fused for loop in loops}) >= tile.GROUP
    for loop in loops:
        assert not loop.spills, f"{loop.fused} multiply-adds: {loop.spills}"


@DTYPES
def test_vectors_are_as_wide_as_the_machine_allows(dtype: str, code: dict[str, str]) -> None:
    register = {64: "%zmm", 32: "%ymm", 16: "%xmm"}[machine.VECTOR_BYTES]
    biggest = hottest(innermost_loops(code[dtype]))
    fused = [i.text for i in biggest.instructions if i.kind == FMA]
    assert all(register in line for line in fused)
    assert biggest.bits == 8 * machine.VECTOR_BYTES


@DTYPES
def test_streamed_stores_are_whole_vectors(dtype: str, code: dict[str, str]) -> None:
    """LLVM splits a non-temporal store whose alignment it does not know."""
    stores = re.findall(r"\bv?movnt\w+\s+(%\w+)", code[dtype])
    register = {64: "%zmm", 32: "%ymm", 16: "%xmm"}[machine.VECTOR_BYTES]
    assert len(stores) >= tile.ROWS * tile.VECTORS
    assert all(store.startswith(register) for store in stores)
    assert "sfence" in code[dtype]


@DTYPES
def test_cache_is_used(dtype: str, code: dict[str, str]) -> None:
    assert code[dtype]
    assert any(Path(code["directory"]).rglob("*.kernel"))
