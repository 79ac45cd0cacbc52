"""Distrusts the table of instruction sets: which row holds, and that a new one needs a row only."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from conftest import RunPython, soak
from llvmlite import ir

from parconv.codegen import isa, machine
from parconv.codegen.emitted import Items, Value, emitted
from parconv.codegen.operations import GENERIC, operation
from parconv.codegen.simd import Code

TESTS = Path(__file__).parent


@pytest.mark.parametrize(
    ("cpu", "features", "name"),
    [("nehalem", "", "SSE"), ("sandybridge", "", "AVX"), ("haswell", "", "AVX2"),
     ("alderlake", "", "AVX-VNNI"), ("skylake-avx512", "", "AVX-512"),
     ("icelake-server", "", "AVX-512 VNNI"),
     ("skylake-avx512", "+prefer-256-bit", "AVX-512, 256 bits"),
     ("icelake-server", "+prefer-256-bit", "AVX-512 VNNI, 256 bits")],
)  # fmt: skip
def test_the_row_of_a_processor(
    cpu: str, features: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not machine.IS_X86:
        pytest.skip("not an x86-64 machine")
    monkeypatch.setattr(machine.config, "CPU_NAME", cpu)
    monkeypatch.setattr(machine.config, "CPU_FEATURES", features)
    assert machine.row().name == name


def test_other_processors() -> None:
    fused = "\tfmla\tv0.4s, v1.4s, v2.4s"
    assert isa.found(fused) is isa.NEON
    for sign, signed in (("sdot", True), ("usdot", False)):
        row = isa.found(f"{fused}\n\t{sign}\tv0.4s, v1.16b, v2.16b")
        assert (row.dots, row.signed, row.kin) == ((8,), signed, "NEON")
    assert isa.found("\tvfmacc.vv\tv8, v9, v10") is isa.OTHER


def test_choose() -> None:
    table: dict[int | str, str] = {32: "many", 16: "few", "SSE": "named", "NEON": "short"}
    names = {row.name: row.choose(table) for row in isa.ISAS}
    assert names["SSE"] == "named"
    arm = {row.name for row in isa.ISAS if row.kin == "NEON"} | {"NEON"}
    assert {names[name] for name in arm} == {"short"}
    many = {row.name for row in isa.ISAS if row.registers == 32} - arm
    assert {names[name] for name in many} == {"many"}
    assert names["AVX"] == names["AVX2"] == "few"
    for registers, expected in ((8, "few"), (24, "few"), (64, "many")):
        assert isa.ISA("another", (), 16, registers).choose(table) == expected


def test_rows_name_operations() -> None:
    """A misspelt one would be written with several instructions, slowly."""
    assert {name for row in isa.ISAS for name in row.instructions} <= set(GENERIC)


# --- operations ----------------------------------------------------------------------------------

RNG = np.random.default_rng(11)
BYTES = machine.VECTOR_BYTES
# Of the operations that add products: what these are of.
DOTS = {
    "dot4": (np.uint8, np.int8), "signed4": (np.int8, np.int8), "dot2": (np.int16, np.int16),
}  # fmt: skip


def operands(name: str) -> tuple[np.ndarray, ...]:
    def some(kind: Any) -> np.ndarray:
        return RNG.integers(0, 256, BYTES, np.uint8).view(kind)

    if name in DOTS:
        return some(np.int32) >> 2, some(np.int32), some(np.int32)
    if name.startswith("lookup"):
        size = int(name[-1])
        first, second = RNG.random((2, BYTES // size)).astype(f"f{size}")
        return first, RNG.permutation(2 * len(first))[: len(first)].astype(f"i{size}"), second
    if name == "bytes":
        return some(np.uint8), some(np.uint8) % 16
    if name.startswith("inverse"):
        return (RNG.uniform(-9, 9, BYTES // int(name[-1])).astype(f"f{name[-1]}"),)
    if name.startswith("cut"):
        numbers = RNG.choice([0.9, -1.9, 300.5, 2.0**31, -(2.0**31), -3e9, np.inf, np.nan], BYTES)
        return (numbers[: BYTES // int(name[-1])].astype(f"f{name[-1]}"),)
    kind = np.int32 if name == "words" else np.int16
    return some(kind), some(kind) >> (np.int32(12) if name == "words" else np.int16(7))


def expected(name: str, *given: np.ndarray) -> np.ndarray:
    if name in DOTS:
        total, first, second = given
        a, b = (value.view(kind) for value, kind in zip((first, second), DOTS[name], strict=True))
        products = a.astype(np.int64) * b
        return (total + products.reshape(len(total), -1).sum(1)).astype(np.int32)
    if name.startswith("lookup"):
        first, order, second = given
        return np.concatenate([first, second])[order]
    if name == "bytes":
        values, places = (value.reshape(-1, 16) for value in given)
        return np.take_along_axis(values, places, 1).ravel()
    if name.startswith("inverse"):
        return 1 / given[0]
    if name.startswith("cut"):
        (number,) = given
        return np.where(abs(number) < 2.0**31, number, -(2.0**31)).astype(np.int32)
    kind = {"words": np.int16, "signed": np.int8, "unsigned": np.uint8}[name]
    limits = np.iinfo(kind)
    parts = [np.clip(value, limits.min, limits.max).astype(kind).view(np.int64) for value in given]
    return np.stack(parts, 1).ravel().view(kind)


@pytest.mark.parametrize("how", ["generic", "instruction"])
@pytest.mark.parametrize("name", sorted(set(GENERIC) - {"fence"}))
def test_operations(name: str, how: str) -> None:
    if how == "instruction" and name not in machine.ISA.instructions:
        pytest.skip("the machine has none")

    @emitted()
    def apply(builder: Any, out: Items, first: Items, second: Items, third: Items) -> None:
        def vector(array: Items) -> Value:
            kind = ir.VectorType(array.element, BYTES // array.itemsize)
            return builder.bitcast(array.at(), kind.as_pointer())

        values = [builder.load(vector(a), align=1) for a in (first, second, third)[: len(given)]]
        kind = ir.VectorType(out.element, len(right))
        found = (
            GENERIC[name](builder, *values)
            if how == "generic"
            else operation(builder, name, kind, *values)
        )
        builder.store(found, builder.bitcast(out.at(), kind.as_pointer()), align=1)

    @numba.njit
    def run(out: Any, first: Any, second: Any, third: Any) -> None:
        apply(out, first, second, third)

    for _ in range(5):
        given = operands(name)
        right = expected(name, *given)
        out = np.zeros_like(right)
        run(out, *(3 * given)[:3])
        estimated = name.startswith("inverse") and how == "instruction"
        np.testing.assert_allclose(out, right, rtol=2**-14 if estimated else 0)


@pytest.mark.parametrize("some", [False, True])
def test_the_first_lanes(some: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces too, as where no instruction loads some: none beyond them is read."""
    monkeypatch.setattr(machine, "ISA", replace(machine.ISA, some=some))

    @emitted()
    def copy(builder: Any, out: Items, f: Items, count: Value) -> None:
        code = Code(builder, f.element)
        code.store(code.load_first(f.at(), count), out.at())

    @numba.njit
    def run(out: Any, f: Any, count: Any) -> None:
        copy(out, f, count)

    lanes = machine.lanes(4)
    f = np.arange(1, lanes + 1, dtype=np.float32)
    for count in range(-1, lanes + 3):
        out = np.full(lanes, 9, np.float32)
        run(out, f, count)
        np.testing.assert_array_equal(out, np.where(np.arange(lanes) < count, f, 0))


# --- other rows ----------------------------------------------------------------------------------

ANOTHER = """
    import sys
    import pytest
    from parconv.codegen import isa
    isa.ISAS.insert(0, isa.ISA("another", (), 16, 32, dots=(8, 16), signed=True))
    from parconv.codegen import machine
    assert (machine.ISA.name, machine.HAS_FMA, machine.HAS_DOT) == ("another", False, True)
    sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""
SELECTION = (
    "test_methods.py::test_filters_of_every_shape",
    "test_dot.py::test_results[uint8]",
)
MORE = (
    "test_separable.py::test_sizes",
    "test_layer.py::test_edges_of_tiles",
    "test_dot.py::test_taps_apart",
    "test_words.py::test_couples_of_channels",
)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("tests", soak((SELECTION,), (MORE,)), ids=["direct, dot", "more"])
def test_a_row_is_all_that_another_needs(
    tests: tuple[str, ...], run_python: RunPython, tmp_path: Path
) -> None:
    """Of no machine that is: narrow vectors, many of them, no multiply-add, dots by hand."""
    env = {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = run_python(ANOTHER, *(TESTS / name for name in tests), env=env, timeout=1700)
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_many_short_vectors(run_python: RunPython, tmp_path: Path) -> None:
    """AVX-512 with vectors of 256 bits: its tile is as large as with those of 512, unspilt."""
    if not machine.IS_X86:
        pytest.skip("not an x86-64 machine")
    env = {
        "NUMBA_CPU_NAME": "skylake-avx512",
        "NUMBA_CPU_FEATURES": "+prefer-256-bit",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    run_python(
        """
        import numpy as np
        from parconv.codegen import machine
        from parconv.experiments.asm.listing import hottest, innermost_loops
        from parconv.methods import direct
        from parconv.methods.direct import tile
        assert machine.ISA.name == "AVX-512, 256 bits"
        kind = np.dtype(np.float32)
        code, = direct.kernels(kind, kind, kind).compiled.inspect_asm().values()
        loop = hottest(innermost_loops(code))
        assert loop.fused == 6 * 3 * tile.GROUP == 126
        tile = str([line.text for line in loop.instructions])  # elsewhere lines are copied whole
        assert not loop.spills and "%ymm28" in tile and "%zmm" not in tile
        """,
        env=env,
    )
