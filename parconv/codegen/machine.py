"""This machine's vectors and caches.  Knows no convolution."""

import sys

import llvmlite.binding as llvm
import numba

from . import isa

# All of Numba comes first.  A thread that asked for a part of it, while another imports the whole
# after an interrupt of ours, would meet it halfway, and Python breaks such circles by half modules.
codegen, config = numba.core.codegen, numba.core.config

# --- the processor that Numba compiles for -------------------------------------------------------

# Processors whose timing LLVM 22 knows in part only: it aborts the process as it orders the
# instructions of any function that Numba compiles (numba#10388, numba#10549).
_ABORTING = ("oryon",)


def _avoid_aborts() -> None:
    """What ``NUMBA_CPU_NAME=generic`` does, where no processor is named.

    Whatever compiles a kernel imports this module first.
    """
    if config.CPU_NAME is None and llvm.get_host_cpu_name().startswith(_ABORTING):
        config.CPU_NAME, config.CPU_FEATURES = "generic", config.CPU_FEATURES or ""


_avoid_aborts()

# --- the vector unit -----------------------------------------------------------------------------

_PROBE = """
define <16 x float> @probe(<16 x float> %a, <16 x float> %b) {
  %c = call <16 x float> @llvm.fma.v16f32(<16 x float> %a, <16 x float> %b, <16 x float> %b)
  ret <16 x float> %c
}
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)

define i32 @dot(<64 x i8> %a, <64 x i8> %b) {
  %c = zext <64 x i8> %a to <64 x i32>
  %d = sext <64 x i8> %b to <64 x i32>
  %e = mul nsw <64 x i32> %c, %d
  %f = call i32 @llvm.vector.reduce.add.v64i32(<64 x i32> %e)
  ret i32 %f
}

define i32 @signed(<64 x i8> %a, <64 x i8> %b) {
  %c = sext <64 x i8> %a to <64 x i32>
  %d = sext <64 x i8> %b to <64 x i32>
  %e = mul nsw <64 x i32> %c, %d
  %f = call i32 @llvm.vector.reduce.add.v64i32(<64 x i32> %e)
  ret i32 %f
}
declare i32 @llvm.vector.reduce.add.v64i32(<64 x i32>)
"""


def target() -> str:
    """The CPU Numba compiles for, as LLVM calls it."""
    return str(config.CPU_NAME or llvm.get_host_cpu_name())


def assembly(source: str) -> str:
    """What LLVM makes of a module of IR on the CPU Numba compiles for.

    Asking the compiler needs no table of CPUs.  ``NUMBA_CPU_NAME`` alone means that CPU's own
    features, not the host's, which Numba would add; ``NUMBA_ENABLE_AVX=0`` takes some away.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = config.CPU_FEATURES
    if features is None:
        named = config.CPU_NAME and config.ENABLE_AVX
        features = "" if named else codegen.get_host_cpu_features()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=target(), features=features
    )
    return str(machine.emit_assembly(llvm.parse_assembly(source)))


def row() -> isa.ISA:
    """That of the CPU Numba compiles for."""
    return isa.found(assembly(_PROBE) + (config.CPU_FEATURES or ""))


ISA = row()
IS_X86 = llvm.get_process_triple().startswith(("x86_64", "i386", "i686"))
IS_ARM64 = llvm.get_process_triple().startswith(("aarch64", "arm64"))
VECTOR_BYTES, VECTOR_REGISTERS = ISA.vector_bytes, ISA.registers
HAS_FMA = ISA.fma
HAS_DOT = 8 in ISA.dots  # products of four bytes each, added to int32
HAS_WORD_DOT = 16 in ISA.dots  # of two words of 16 bits each
# Whose timing the emitted functions are ordered by, or None: the host's own.  As LLVM 22 orders
# them for newer ARM processors, the direct tile spills 31 to 46 vectors in its hot loop
# (neoverse-v1, cortex-x2 to x925, ampere1); ordered for neoverse-n1 none, on any of them.
TUNED_FOR = "neoverse-n1" if IS_ARM64 else None


def lanes(itemsize: int) -> int:
    """Elements of that many bytes in one vector."""
    return VECTOR_BYTES // itemsize


CACHE_LINE = 128 if IS_ARM64 and sys.platform == "darwin" else 64
# Whether a vector fills a line.  Stores past the caches that leave lines half filled, several rows
# at a time, take two to five times as long as through them: 4096 x 4096 float32 at 3x3, one core,
# 44 ms in place of 11; 2048 x 2048 at 7x7 17, 7 (Zen 3, AVX2, 2026-11).
FILLS_LINES = VECTOR_BYTES % CACHE_LINE == 0
L2_BYTES = 1 << 19  # likewise: 512 KiB (Zen 2) to 2 MiB (Sapphire Rapids)
# Lines a page apart share a set of the first-level cache, of as many ways: x86 has 64 sets, 8 ways
# (Zen to Zen 4, Intel to 2019) or 12.  Of 12, as on ARM, rows were never seen to be crowded.
_EIGHT_WAYS = "znver4", "skylake-avx512", "cascadelake", "cooperlake"  # those with AVX-512
PAGE_BYTES = 1 << 12
WAYS = 8 if target() in _EIGHT_WAYS else ISA.choose({32: 1 << 16, 16: 8})
# A result larger than this is gone from the last-level cache before anyone reads it.
STREAM_BYTES = 1 << 23
