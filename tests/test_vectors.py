"""Distrusts the code for other machines: AVX2 and SSE, compiled and run in other processes."""

import platform
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import RunPython, soak

from parconv.codegen import machine

TESTS = Path(__file__).parent
SELECTION = (
    "test_methods.py::test_sizes",
    "test_methods.py::test_every_height_up_to_two_tiles",
    "test_methods.py::test_every_width_about_one_and_two_tiles",
    "test_methods.py::test_filters_of_every_shape",
    "test_methods.py::test_stride",
    "test_methods.py::test_dilation",
    "test_methods.py::test_explicit_integers_round_half_to_even_and_saturate[float32-uint8]",
    "test_methods.py::test_explicit_integers_round_half_to_even_and_saturate[float64-int32]",
    "test_packing.py::test_sums_as_integers_round_half_to_even_and_saturate",
    "test_methods.py::test_footprint_is_that_of_the_filter[nan-float32]",
    "test_identity.py::test_threads",
    "test_identity.py::test_band_heights[1-float32-prange]",
    "test_identity.py::test_alignment[float32]",
    "test_identity.py::test_a_crop_has_the_bits_of_the_whole[float32]",
    "test_identity.py::test_streamed_results",
    "test_lines.py::test_bits_are_those_of_packed_pixels[edge-float32]",
    "test_separable.py::test_every_vector_unit",
    "test_box.py::test_every_vector_unit",
    "test_windows.py::test_every_vector_unit",
    "test_depthwise_last.py::test_layouts",
    "test_fft.py::test_every_vector_unit",
    "test_depthwise.py::test_widths",
    "test_depthwise.py::test_channels_last",
    "test_depthwise.py::test_any_cut",
    "test_channels.py::test_every_width",
    "test_channels.py::test_every_number_of_filters",
    "test_channels.py::test_strides_and_dilations",
    "test_channels.py::test_views",
    "test_channels.py::test_cuts_into_units",
    "test_layer.py::test_borders",
    "test_layer.py::test_edges_of_tiles",
    "test_layer.py::test_any_cut_of_units",
    "test_winograd.py::test_the_error_is_as_stated[16-17-float32]",
    "test_winograd.py::test_sizes[9]",
    "test_winograd.py::test_every_height_of_a_tile",
    "test_winograd.py::test_channels_and_outputs[19-float32]",
    "test_winograd.py::test_groups",
    "test_winograd.py::test_layouts",
    "test_winograd.py::test_units",
)
# The images' methods where bytes are multiplied, and what answers where they are not.
BYTES = ("test_results[uint8]", "test_filters", "test_reasons")
MORE_BYTES = ("test_results[None]", "test_sizes", "test_taps_apart", "test_extreme_values")


class Unit(NamedTuple):
    """A processor that Numba compiles for, what it has, and the tests that are run on it."""

    cpu: str
    needs: str
    width: int
    fma: bool
    dot: bool
    tests: tuple[str, ...]

    @property
    def is_this_machine(self) -> bool:
        here = machine.VECTOR_BYTES, machine.VECTOR_REGISTERS, machine.HAS_FMA, machine.HAS_DOT
        return here == (self.width, 16, self.fma, self.dot)


def of_dot(*names: str) -> tuple[str, ...]:
    return tuple(f"test_dot.py::{name}" for name in names)


UNITS = (
    Unit("haswell", "avx2", 32, True, False, SELECTION + of_dot(*BYTES)),
    Unit("nehalem", "sse4.2", 16, False, False, SELECTION + of_dot(*BYTES)),
    Unit("alderlake", "avxvnni", 32, True, True, of_dot(*BYTES, *MORE_BYTES)),
)

RUN = """
    import sys
    import pytest
    from parconv.codegen import machine
    found = machine.VECTOR_BYTES, machine.VECTOR_REGISTERS, machine.HAS_FMA, machine.HAS_DOT
    assert str(found) == sys.argv[1], found
    keys = [*sys.argv[2].split(), *(() if machine.HAS_DOT else ("dot-", "-dot", "[dot"))]
    keyword = " and ".join(f"not {key}" for key in keys)
    options = ["-q", "-x", "-p", "no:cacheprovider", "-k", keyword]
    sys.exit(pytest.main([*options, *sys.argv[3:]]))
"""
# What a run for each change leaves to the longer ones: kernels of more types, which take as long to
# compile as those of float32 (128 s of processor time in all, 65 without; Zen 3 VM, 2026-11), and
# what answers where bytes are not multiplied, other sizes of transforms and full results of layers.
MORE = (
    "float64 test_threads test_footprint round_half_to_even test_layouts[1] test_winograd test_dot "
    "shape1- shape2- shape3- shape4- test_borders[full"
)


def host_has(feature: str) -> bool:
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    import llvmlite.binding as llvm

    return bool(llvm.get_host_cpu_features().get(feature))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("without", [MORE, *soak("")], ids=["of_float32", "all"])
@pytest.mark.parametrize(
    "unit", [UNITS[0], *soak((UNITS[1],), (UNITS[2],))], ids=lambda unit: unit.cpu
)
def test_on_another_vector_unit(
    unit: Unit, without: str, run_python: RunPython, kernels_for: Callable[[str], Path]
) -> None:
    """One process for each, that runs the tests of all methods."""
    if not host_has(unit.needs):
        pytest.skip(f"this machine has no {unit.needs}")
    if unit.is_this_machine:
        pytest.skip("the tests by themselves run on such a unit here")
    kernels = kernels_for(unit.cpu)
    env = {
        "NUMBA_CPU_NAME": unit.cpu, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(kernels),
    }  # fmt: skip
    found = str((unit.width, 16, unit.fma, unit.dot))
    done = run_python(
        RUN, found, without, *(TESTS / name for name in unit.tests), env=env, timeout=1700
    )
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
    assert any(kernels.rglob("*.kernel")), "compiled elsewhere"


LONG_LINES = """
    import sys
    import pytest
    from parconv.codegen import machine
    machine.CACHE_LINE = 128
    sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


@pytest.mark.soak  # two kernels compiled for it alone
def test_cache_lines_as_long_as_apples(run_python: RunPython, tmp_path: Path) -> None:
    """Results that left scratch in halves of a line went before the array's first element."""
    names = ("test_widths[3-2-float32]", "test_planes_smaller_than_the_filter[3-2]")
    tests = [f"{TESTS / 'test_depthwise.py'}::{name}" for name in names]
    done = run_python(LONG_LINES, *tests, env={"NUMBA_CACHE_DIR": str(tmp_path)}, timeout=500)
    assert " passed" in done.stdout
    assert any(tmp_path.rglob("*.kernel")), "compiled elsewhere"


@pytest.mark.parametrize("features", ["", *soak(None)])
def test_naming_a_cpu_is_enough(
    features: str | None, run_python: RunPython, tmp_path: Path
) -> None:
    """Without features named, Numba may use the host's own, but vectors stay as narrow."""
    if not host_has("sse4.2"):
        pytest.skip("not an x86-64 machine")
    env = {
        "NUMBA_CPU_NAME": "nehalem",
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    run_python(
        """
        import sys
        import numpy as np, parconv
        from parconv.codegen import machine
        assert machine.VECTOR_BYTES == 16, machine.VECTOR_BYTES
        f = np.arange(400, dtype=np.float32).reshape(20, 20)
        assert (parconv.conv2d(f, [[1, -1]]) == 1).all()
        from parconv.methods import direct
        single = np.dtype(np.float32)
        code, = direct.kernels(single, single, single).compiled.inspect_asm().values()
        tile = code[code.index("parconv.tile.float"):]
        assert "xmm" in tile
        if sys.argv[1] != "None":
            assert "ymm" not in code and "zmm" not in code and "vfmadd" not in code
        """,
        features,
        env=env,
    )


ICELAKE = "avx avx2 avx512bw avx512dq avx512f avx512vl avx512vnni fma sse2 sse4.2 ssse3"


def test_vectors_are_those_that_numba_compiles_for(run_python: RunPython) -> None:
    """Numba takes AVX away on request; LLVM aborts the process at instructions it then lacks."""
    if not host_has("sse4.2"):
        pytest.skip("not an x86-64 machine")
    run_python(
        """
        import sys
        import llvmlite.binding as llvm
        has = llvm.targets.FeatureMap(dict.fromkeys(sys.argv[1].split(), True))
        llvm.get_host_cpu_features = lambda: llvm.targets.FeatureMap(has)
        llvm.get_host_cpu_name = lambda: "icelake-server"
        from numba.core import config
        from parconv.codegen import machine
        assert machine.VECTOR_BYTES < 64 and not machine.HAS_DOT, machine.VECTOR_BYTES
        config.ENABLE_AVX = 1
        assert "zmm" in machine.assembly(machine._PROBE)
        """,
        ICELAKE,
        env={"NUMBA_ENABLE_AVX": "0"},
    )


def test_integers_without_avx(run_python: RunPython, tmp_path: Path) -> None:
    """They are where a machine that multiplies bytes was killed."""
    run_python(
        """
        import numpy as np, parconv
        f = np.arange(600, dtype=np.uint8).reshape(20, 30)
        g = np.array([[1, -1, 2]], np.int8)
        i = f.astype(int)
        expected = i[:, 2:] - i[:, 1:-1] + 2 * i[:, :-2]
        assert (parconv.conv2d(f, g) == expected).all()
        """,
        env={"NUMBA_ENABLE_AVX": "0", "NUMBA_CACHE_DIR": str(tmp_path)},
    )


@pytest.mark.parametrize(
    ("host", "named", "taken"),
    [("oryon-1", None, ("generic", "")), ("oryon-1", "apple-m1", ("apple-m1", None)),
     ("neoverse-n1", None, (None, None))],
    ids=["oryon", "oryon, named", "another"],
)  # fmt: skip
def test_processors_that_llvm_aborts_on(
    host: str, named: str | None, taken: tuple[str | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.llvm, "get_host_cpu_name", lambda: host)
    monkeypatch.setattr(machine.config, "CPU_NAME", named)
    monkeypatch.setattr(machine.config, "CPU_FEATURES", None)
    machine._avoid_aborts()
    assert taken == (machine.config.CPU_NAME, machine.config.CPU_FEATURES)
